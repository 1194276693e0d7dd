// Sums of multiples of any points: each window of the scalars throws the points into buckets by their digit, and a
// bucket's sum counts as often as its digit says (Pippenger). Points of a window are added pair by pair, with one
// inversion for all pairs of a round; the windows' buckets are summed side by side.
//
// @see Pippenger, "On the evaluation of powers and related problems"; Bernstein, Doumen, Lange, Oosterwijk, "Faster batch
// forgery identification"

import { bigintToBytes } from "#base/bytes.ts";
import { AFFINE_SIZE_BYTES } from "#wasm/kernels/banderwagon/affine-sums.ts";
import { WORD_SIZE_BYTES } from "#wasm/kernels/banderwagon/conversions.ts";
import { type TableLayout, tableLayout, windowBias, windowDigits } from "./base-tables.ts";
import type { Address, KernelWorkspace } from "./kernel-workspace.ts";
import { type PairList, setInfinity, sumGroups } from "./point-sums.ts";

/** Terms of a sum in the kernel's memory. */
export type Terms = {
  /** Affine. */
  readonly points: Address;
  /** Canonical, little-endian, 8 bytes behind the last are readable; they are spent. */
  readonly scalars: Address;
  /** At most as many as a list takes pairs. */
  readonly count: number;
};

/** Sets the affine point at `to` to Σ scalars[i] · points[i]. */
export function sumMultiples(kernel: KernelWorkspace, list: PairList, terms: Terms, to: Address): void {
  kernel.scope(() => {
    new BucketSum(kernel, list, terms).run(to);
  });
}

class BucketSum {
  readonly #kernel: KernelWorkspace;
  readonly #list: PairList;
  readonly #terms: Terms;
  readonly #layout: TableLayout;
  /** Of each window. */
  readonly #bucketCount: number;
  readonly #buckets: Address;
  readonly #slots: Address;
  readonly #infinity: Address;

  constructor(kernel: KernelWorkspace, list: PairList, terms: Terms) {
    this.#kernel = kernel;
    this.#list = list;
    this.#terms = terms;
    this.#layout = bestLayout(terms.count);
    this.#bucketCount = 2 ** (this.#layout.windowBits - 1);
    const bucketCount = this.#layout.windows.length * this.#bucketCount;
    this.#buckets = kernel.take(bucketCount * AFFINE_SIZE_BYTES);
    this.#slots = kernel.take(terms.count * AFFINE_SIZE_BYTES);
    this.#infinity = kernel.take(AFFINE_SIZE_BYTES);
    setInfinity(kernel, this.#infinity);
    setInfinity(kernel, this.#buckets, bucketCount);
    const bias = kernel.put(bigintToBytes(windowBias(this.#layout), WORD_SIZE_BYTES).reverse());
    kernel.calls.biasScalars(terms.scalars, bias, terms.count);
  }

  run(to: Address): void {
    for (let k = 0; k < this.#layout.windows.length; k++) this.#fillBuckets(k);
    this.#joinWindows(this.#sumBuckets(), to);
  }

  #bucket(window: number, index: number): Address {
    return this.#buckets + (window * this.#bucketCount + index) * AFFINE_SIZE_BYTES;
  }

  // Sorts the points by the size of their digit, and sums those of each.
  #fillBuckets(k: number): void {
    const { bytes } = this.#kernel;
    const { points, count } = this.#terms;
    const digits = this.#digits(k);
    const starts = new Uint32Array(this.#bucketCount + 1);
    for (const digit of digits) if (digit !== 0) starts[Math.abs(digit)]!++;
    for (let i = 0; i < this.#bucketCount; i++) starts[i + 1]! += starts[i]!;
    const next = starts.slice();
    for (let i = 0; i < count; i++) {
      const digit = digits[i]!;
      if (digit === 0) continue;
      const slot = this.#slots + AFFINE_SIZE_BYTES * next[Math.abs(digit) - 1]!++;
      this.#list.push(slot, this.#infinity, points + AFFINE_SIZE_BYTES * i, digit < 0);
    }
    this.#list.flush();
    sumGroups(this.#list, this.#slots, starts);
    for (let i = 0; i < this.#bucketCount; i++) {
      if (starts[i] === starts[i + 1]) continue;
      const sum = this.#slots + AFFINE_SIZE_BYTES * starts[i]!;
      bytes.copyWithin(this.#bucket(k, i), sum, sum + AFFINE_SIZE_BYTES);
    }
  }

  #digits(k: number): Int32Array {
    const { bytes } = this.#kernel;
    const { scalars, count } = this.#terms;
    const { lowestBit, mask, bias } = windowDigits(this.#layout, k);
    const digits = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const at = scalars + WORD_SIZE_BYTES * i + (lowestBit >>> 3);
      const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
      digits[i] = ((word >>> (lowestBit & 7)) & mask) - bias;
    }
    return digits;
  }

  // Σ j · bucket j of each window, by running sums from the highest bucket down.
  #sumBuckets(): Address {
    const windowCount = this.#layout.windows.length;
    const size = windowCount * AFFINE_SIZE_BYTES;
    const [running, sums] = [this.#kernel.take(size), this.#kernel.take(size)];
    setInfinity(this.#kernel, running, windowCount);
    setInfinity(this.#kernel, sums, windowCount);
    for (let i = this.#bucketCount - 1; i >= 0; i--) {
      for (let k = 0; k < windowCount; k++) {
        const at = running + AFFINE_SIZE_BYTES * k;
        this.#list.push(at, at, this.#bucket(k, i));
      }
      this.#list.flush();
      for (let k = 0; k < windowCount; k++) {
        const at = sums + AFFINE_SIZE_BYTES * k;
        this.#list.push(at, at, running + AFFINE_SIZE_BYTES * k);
      }
      this.#list.flush();
    }
    return sums;
  }

  #joinWindows(sums: Address, to: Address): void {
    setInfinity(this.#kernel, to);
    const { windowBits, windows } = this.#layout;
    for (let k = windows.length - 1; k >= 0; k--) {
      for (let bit = 0; bit < windowBits; bit++) {
        this.#list.push(to, to, to);
        this.#list.flush();
      }
      this.#list.push(to, to, sums + AFFINE_SIZE_BYTES * k);
      this.#list.flush();
    }
  }
}

// The width for which points and buckets together cost the fewest additions.
function bestLayout(count: number): TableLayout {
  const cost = ({ windowBits, windows }: TableLayout) => windows.length * (count + 2 ** windowBits);
  let best = tableLayout(1, 4);
  for (let windowBits = 5; windowBits <= 10; windowBits++) {
    const layout = tableLayout(1, windowBits);
    if (cost(layout) < cost(best)) best = layout;
  }
  return best;
}
