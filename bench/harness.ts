// What every micro-benchmark shares: contenders run interleaved in one process, medians over rounds, a digest of the
// results that must be the same for all, the machine and the parameters printed with the figures. `--smoke` picks a
// small size whose figures mean nothing and whose digests are checked all the same.

import { cpus, loadavg } from "node:os";
import { assert, must } from "#base/assert.ts";

/** One timed run of a contender: does the whole work and returns a digest of its result. */
export type Contender = () => string | Promise<string>;

/** What to measure. */
export type BenchOptions = {
  /** Printed as the title. */
  name: string;
  /** Timed rounds; each runs every contender once, in rotating order. */
  rounds: number;
  /** Untimed rounds before, so that the optimizing compilers are done; 2 unless told. */
  warmUpRounds?: number;
  /** By name; the first is ours, the others are its rivals. */
  contenders: Readonly<Record<string, Contender>>;
  /** Operations in one run, to print a time per operation; 1 unless told. */
  operationCount?: number;
  /** Sizes, seeds and whatever else decides the figures. */
  parameters?: Readonly<Record<string, string | number>>;
};

/** Figures of one contender, nanoseconds per operation. */
export type BenchRow = { name: string; medianNs: number; minNs: number; maxNs: number; ratio: number };

/**
 * The figures and the digest that all contenders agreed on. `ratio` is a rival's median over ours: above 1, ours is
 * faster.
 */
export type BenchResult = { digest: string; rows: readonly BenchRow[] };

/** Whether `--smoke` was given: sizes small enough to run with the tests. */
export const SMOKE: boolean = process.argv.includes("--smoke");

/** The full size, or the small one under `--smoke`. */
export function smokeOr(full: number, smoke: number): number {
  return SMOKE ? smoke : full;
}

/**
 * Runs the contenders interleaved, prints the table and returns it.
 * @throws {AssertionError} when contenders, or rounds of one, disagree on the digest
 */
export async function runInterleaved(options: BenchOptions): Promise<BenchResult> {
  const names = Object.keys(options.contenders);
  assert(names.length > 0 && options.rounds > 0, "a bench has contenders and rounds");
  const samples = new Map<string, number[]>(names.map((name) => [name, []]));
  let digest: string | null = null;
  const warmUpRounds = options.warmUpRounds ?? 2;
  for (let round = -warmUpRounds; round < options.rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + round + warmUpRounds) % names.length]!;
      const run = must(options.contenders[name], name);
      const startedNs = Bun.nanoseconds();
      const result = await run();
      const elapsedNs = Bun.nanoseconds() - startedNs;
      digest ??= result;
      assert(result === digest, () => `${options.name}: ${name} answers ${result}, expected ${digest}`);
      if (round >= 0) must(samples.get(name), name).push(elapsedNs / (options.operationCount ?? 1));
    }
  }
  const result = { digest: must(digest, "no round ran"), rows: summarize(names, samples) };
  print(options, result);
  return result;
}

/** Machine and engine in one line; figures without it say nothing. */
export function describeMachine(): string {
  const cores = cpus();
  const load = loadavg()[0]!.toFixed(2);
  const model = cores[0]?.model.trim() ?? "unknown CPU";
  const platform = `${process.platform}-${process.arch}`;
  return `${model}, ${cores.length} cores, load ${load}, Bun ${Bun.version}, ${platform}`;
}

function summarize(names: readonly string[], samples: ReadonlyMap<string, number[]>): BenchRow[] {
  const sorted = names.map((name) => [...must(samples.get(name), name)].sort((a, b) => a - b));
  const baseline = median(sorted[0]!);
  return names.map((name, i) => {
    const values = sorted[i]!;
    return {
      name,
      medianNs: median(values),
      minNs: values[0]!,
      maxNs: values.at(-1)!,
      ratio: median(values) / baseline,
    };
  });
}

function median(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function print(options: BenchOptions, result: BenchResult): void {
  const parameters = { ...options.parameters, rounds: options.rounds, operations: options.operationCount ?? 1 };
  const described = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
  console.log(`\n${options.name}${SMOKE ? " (smoke size: figures mean nothing)" : ""}`);
  console.log(`  ${described.join(" ")}`);
  console.log(`  ${describeMachine()}`);
  console.log(`  digest ${result.digest}`);
  const width = Math.max(...result.rows.map((row) => row.name.length));
  for (const row of result.rows) {
    const figures = `median ${formatNs(row.medianNs)}  min ${formatNs(row.minNs)}  max ${formatNs(row.maxNs)}`;
    console.log(`  ${row.name.padEnd(width)}  ${figures}  ${row.ratio.toFixed(2)}x`);
  }
}

function formatNs(ns: number): string {
  if (ns < 1e3) return `${ns.toFixed(1)} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toFixed(2)} us`;
  return `${(ns / 1e6).toFixed(2)} ms`;
}
