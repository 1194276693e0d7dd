// What commitments are made with, opened in one kernel's memory: 256 bases G and one more, Q, as tables, and the domain
// of the polynomials that are committed to. Proofs are composed of the few operations here.

import { assert } from "#base/assert.ts";
import { AFFINE_SIZE_BYTES } from "#wasm/kernels/banderwagon/affine-sums.ts";
import { PLAIN_SIZE_BYTES, WORD_SIZE_BYTES } from "#wasm/kernels/banderwagon/conversions.ts";
import { BaseTables, type TableLayout } from "./base-tables.ts";
import { DOMAIN_SIZE, EvaluationDomain, loadScalars, storeScalars } from "./evaluation-domain.ts";
import type { Address, KernelWorkspace } from "./kernel-workspace.ts";
import { PairList, sumGroups } from "./point-sums.ts";

/** The bases G and Q together. */
export const BASE_COUNT: number = DOMAIN_SIZE + 1;
/** The index of Q. */
export const INNER_PRODUCT_BASE: number = DOMAIN_SIZE;
/** The most terms that go through the tables, and points through buckets, side by side. */
export const TERM_COUNT_MAX = 4096;

/** Terms of sums by the tables, in the kernel's memory. */
export type FixedTerms = {
  /** Which base, 4 bytes each: below 256 G, 256 for Q. */
  readonly indices: Address;
  /** Elements in Montgomery form. */
  readonly factors: Address;
  /** The index of each sum's first term, and behind the last sum the count of terms. */
  readonly starts: Uint32Array;
};

/** The bases' tables and what works with them. */
export class CommitmentKey {
  readonly kernel: KernelWorkspace;
  readonly list: PairList;
  readonly tables: BaseTables;
  readonly domain: EvaluationDomain;
  /** 0, 1, …, 256 as indices. */
  readonly indices: Address;

  /** @param plainBases G and Q, 64 bytes each */
  constructor(kernel: KernelWorkspace, plainBases: Uint8Array, layout: TableLayout) {
    assert(plainBases.length === BASE_COUNT * PLAIN_SIZE_BYTES, "256 bases and one more");
    this.kernel = kernel;
    this.list = new PairList(kernel, TERM_COUNT_MAX);
    this.domain = new EvaluationDomain(kernel);
    this.indices = kernel.take(BASE_COUNT * 4);
    for (let i = 0; i < BASE_COUNT; i++) kernel.words[(this.indices >>> 2) + i] = i;
    const bases = kernel.take(BASE_COUNT * AFFINE_SIZE_BYTES);
    kernel.scope(() => kernel.calls.lift(bases, kernel.put(plainBases), BASE_COUNT));
    this.tables = new BaseTables(kernel, { bases, baseCount: BASE_COUNT, layout, list: this.list });
  }

  /** Sets the affine points at `to`, one behind the other, to Σ factor · base over the terms of each sum. */
  sumFixed(to: Address, { indices, factors, starts }: FixedTerms): void {
    const { kernel, list } = this;
    const count = starts.at(-1)!;
    kernel.scope(() => {
      const scalars = kernel.take((count + 1) * WORD_SIZE_BYTES);
      const points = kernel.take(count * AFFINE_SIZE_BYTES);
      kernel.calls.scalarsWrite(scalars, factors, count);
      this.tables.multiply({ points, scalars, indices, count, list });
      sumGroups(list, points, starts);
      for (let sum = 0; sum + 1 < starts.length; sum++) {
        const from = points + AFFINE_SIZE_BYTES * starts[sum]!;
        kernel.bytes.copyWithin(to + AFFINE_SIZE_BYTES * sum, from, from + AFFINE_SIZE_BYTES);
      }
    });
  }

  /** Sets the affine point at `to` to the commitment of a polynomial's elements. */
  commit(to: Address, polynomial: Address): void {
    this.sumFixed(to, { indices: this.indices, factors: polynomial, starts: new Uint32Array([0, DOMAIN_SIZE]) });
  }

  /** The compressed forms of affine points, 32 bytes each. */
  compress(points: Address, count: number): Uint8Array<ArrayBuffer> {
    const { kernel } = this;
    return kernel.scope(() => {
      const plain = kernel.take(count * PLAIN_SIZE_BYTES);
      kernel.calls.drop(plain, kernel.take(count * WORD_SIZE_BYTES), points, count);
      return compressPlain(kernel.bytes.subarray(plain, plain + count * PLAIN_SIZE_BYTES));
    });
  }

  /** A little-endian number of 32 bytes modulo the group's order. */
  reduce(number: Uint8Array): Uint8Array<ArrayBuffer> {
    const { kernel } = this;
    return kernel.scope(() => storeScalars(kernel, loadScalars(kernel, number), 1));
  }
}

/** The compressed forms of plain points: x big-endian, since the plain form has the right sign already. */
export function compressPlain(points: Uint8Array): Uint8Array<ArrayBuffer> {
  const count = points.length / PLAIN_SIZE_BYTES;
  const compressed = new Uint8Array(count * WORD_SIZE_BYTES);
  for (let i = 0; i < count; i++) {
    const from = i * PLAIN_SIZE_BYTES + WORD_SIZE_BYTES - 1;
    for (let j = 0; j < WORD_SIZE_BYTES; j++) compressed[i * WORD_SIZE_BYTES + j] = points[from - j]!;
  }
  return compressed;
}
