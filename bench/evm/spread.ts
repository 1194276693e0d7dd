// Medians with their spread, and ratios of interleaved samples.

/** Samples in nanoseconds, summed up. */
export type Spread = {
  readonly medianNs: number;
  readonly minNs: number;
  readonly lowerQuartileNs: number;
  readonly upperQuartileNs: number;
  readonly sampleCount: number;
};

/** A ratio of medians; the quartiles are those of the ratios round by round. */
export type Ratio = { readonly median: number; readonly lowerQuartile: number; readonly upperQuartile: number };

/** Sums samples up. */
export function spreadOf(samplesNs: readonly number[]): Spread {
  const sorted = [...samplesNs].sort((a, b) => a - b);
  return {
    medianNs: quantile(sorted, 0.5),
    minNs: sorted[0] ?? Number.NaN,
    lowerQuartileNs: quantile(sorted, 0.25),
    upperQuartileNs: quantile(sorted, 0.75),
    sampleCount: sorted.length,
  };
}

/** How many times longer the first takes than the second; samples of the same round have the same index. */
export function ratioOf(theirsNs: readonly number[], oursNs: readonly number[]): Ratio {
  const pairs = theirsNs.slice(0, oursNs.length).map((theirs, i) => theirs / (oursNs[i] ?? Number.NaN));
  const sorted = pairs.sort((a, b) => a - b);
  return {
    median: spreadOf(theirsNs).medianNs / spreadOf(oursNs).medianNs,
    lowerQuartile: quantile(sorted, 0.25),
    upperQuartile: quantile(sorted, 0.75),
  };
}

function quantile(sorted: readonly number[], fraction: number): number {
  const at = (sorted.length - 1) * fraction;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}
