// Tables of multiples of fixed points, and sums of multiples by them: a scalar is cut into signed digits of a window's
// width, and each digit's multiple is looked up, so that a product is an addition for each window.
//
//   table of window k, for each base B:  2^(w k) B, 2 · 2^(w k) B, …, 2^(w-1) · 2^(w k) B
//
// All terms go through the windows side by side, so that the additions of a window share one inversion.
//
// @see Brickell, Gordon, McCurley, Wilson, "Fast exponentiation with precomputation"

import { assert } from "#base/assert.ts";
import { bigintToBytes } from "#base/bytes.ts";
import { AFFINE_SIZE_BYTES } from "#wasm/kernels/banderwagon/affine-sums.ts";
import { SCALAR_FIELD } from "#wasm/kernels/banderwagon/curve.ts";
import type { Address, KernelWorkspace } from "./kernel-workspace.ts";
import { type PairList, setInfinity } from "./point-sums.ts";

const SCALAR_BITS = 253;
const WINDOW_BITS_MIN = 4;
const WINDOW_BITS_MAX = 12;

type Window = { readonly offset: number; readonly entryCount: number };

/** How many windows there are, and where their tables begin. */
export type TableLayout = {
  readonly windowBits: number;
  readonly windows: readonly Window[];
  readonly sizeBytes: number;
};

/** Sizes of the tables of `baseCount` points for a window's width of 4 to 12 bits. */
export function tableLayout(baseCount: number, windowBits: number): TableLayout {
  assert(windowBits >= WINDOW_BITS_MIN && windowBits <= WINDOW_BITS_MAX, "a window has 4 to 12 bits");
  // The highest window takes what is left, and a carry, without a sign.
  const windowCount = Math.ceil((SCALAR_BITS + 1) / windowBits);
  const windows: Window[] = [];
  let offset = 0;
  for (let k = 0; k < windowCount; k++) {
    const highest = Number(SCALAR_FIELD.modulus >> BigInt(windowBits * k)) + 1;
    const entryCount = k < windowCount - 1 ? 2 ** (windowBits - 1) : highest;
    windows.push({ offset, entryCount });
    offset += baseCount * entryCount * AFFINE_SIZE_BYTES;
  }
  return { windowBits, windows, sizeBytes: offset };
}

/** Tables of some points in the kernel's memory. */
export class BaseTables {
  readonly #kernel: KernelWorkspace;
  readonly #layout: TableLayout;
  readonly #baseCount: number;
  readonly #tables: Address;
  readonly #bias: Address;
  readonly #infinity: Address;

  /**
   * Makes the tables.
   * @param bases affine points, one behind the other
   * @param list for at least so many pairs
   */
  constructor(
    kernel: KernelWorkspace,
    options: { bases: Address; baseCount: number; layout: TableLayout; list: PairList },
  ) {
    this.#kernel = kernel;
    this.#layout = options.layout;
    this.#baseCount = options.baseCount;
    this.#tables = kernel.take(options.layout.sizeBytes);
    this.#infinity = kernel.take(AFFINE_SIZE_BYTES);
    setInfinity(kernel, this.#infinity);
    this.#bias = kernel.put(bigintToBytes(windowBias(options.layout), 32).reverse());
    options.layout.windows.forEach((_, k) => {
      this.#fill(k, options.bases, options.list);
    });
  }

  /**
   * Sets points[i] = scalars[i] · base[indices[i]].
   * @param terms.scalars canonical, little-endian, 8 bytes behind the last are readable; they are spent
   * @param terms.indices of 4 bytes
   */
  multiply(terms: { points: Address; scalars: Address; indices: Address; count: number; list: PairList }): void {
    const { calls } = this.#kernel;
    const { points, scalars, indices, count, list } = terms;
    setInfinity(this.#kernel, points, count);
    calls.biasScalars(scalars, this.#bias, count);
    this.#layout.windows.forEach(({ offset, entryCount }, k) => {
      const { lowestBit, mask, bias } = windowDigits(this.#layout, k);
      calls.listWindow(
        list.address,
        count,
        scalars,
        indices,
        points,
        this.#tables + offset,
        entryCount * AFFINE_SIZE_BYTES,
        lowestBit,
        mask,
        bias,
        this.#infinity,
      );
      calls.addPairs(list.address, count);
    });
  }

  // The first multiples come from the window before: its base, doubled once for each bit.
  #fill(k: number, bases: Address, list: PairList): void {
    const { windowBits } = this.#layout;
    const first = (window: number, index: number) => {
      const { offset, entryCount } = this.#layout.windows[window]!;
      return this.#tables + offset + index * entryCount * AFFINE_SIZE_BYTES;
    };
    for (let i = 0; i < this.#baseCount; i++) {
      const from = k === 0 ? bases + i * AFFINE_SIZE_BYTES : first(k - 1, i);
      list.push(first(k, i), this.#infinity, from);
    }
    list.flush();
    for (let bit = 0; k > 0 && bit < windowBits; bit++) {
      for (let i = 0; i < this.#baseCount; i++) list.push(first(k, i), first(k, i), first(k, i));
      list.flush();
    }
    for (let j = 1; j < this.#layout.windows[k]!.entryCount; j++) {
      for (let i = 0; i < this.#baseCount; i++) {
        const entry = first(k, i) + j * AFFINE_SIZE_BYTES;
        list.push(entry, entry - AFFINE_SIZE_BYTES, first(k, i));
      }
      list.flush();
    }
  }
}

/** A window's digits in biased scalars: those of all windows but the highest are too large by `bias`. */
export function windowDigits(
  { windowBits, windows }: TableLayout,
  k: number,
): { readonly lowestBit: number; readonly mask: number; readonly bias: number } {
  const isHighest = k === windows.length - 1;
  const lowestBit = windowBits * k;
  const bits = isHighest ? Math.min(windowBits, 256 - lowestBit) : windowBits;
  return { lowestBit, mask: 2 ** bits - 1, bias: isHighest ? 0 : 2 ** (windowBits - 1) };
}

/** What is added to a scalar, so that the digits of all windows but the highest are too large by half their range. */
export function windowBias({ windowBits, windows }: TableLayout): bigint {
  let bias = 0n;
  for (let k = 0; k < windows.length - 1; k++) bias += 1n << BigInt(windowBits * (k + 1) - 1);
  return bias;
}
