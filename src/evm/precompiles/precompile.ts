// What a precompile is: a contract at a fixed low address whose code is the node itself. One file per family declares
// its rows; `table.ts` collects them by fork.

import type { Hardfork } from "#chain/hardforks.ts";

/** A contract that the node computes itself. */
export type Precompile = {
  /** 1 to 17, or 256. */
  readonly address: number;
  /** In words, for traces and tables. */
  readonly name: string;
  /** The first fork that has it. */
  readonly since: Hardfork;
  /**
   * Gas for this input under a fork; `Number.POSITIVE_INFINITY` when beyond 2^53. Reads a bounded part of the input, so
   * that it is cheap before the payment.
   */
  gas(input: Uint8Array, fork: Hardfork): number;
  /**
   * The output, or null when the input is invalid: the call fails and takes all its gas. The caller has charged `gas`
   * before. `input` may lie in shared memory; it is neither kept nor altered, and the output is a fresh array.
   */
  run(input: Uint8Array, fork: Hardfork): Uint8Array | null;
};

/** Number of 32-byte words that `input` begins, which most prices count. */
export function wordCount(input: Uint8Array): number {
  return Math.ceil(input.length / 32);
}

/** A private copy of bytes `offset` to `offset + size` of the input, with zeroes where the input has ended. */
export function copyPadded(input: Uint8Array, offset: number, size: number): Uint8Array {
  const copy = new Uint8Array(size);
  if (offset < input.length) copy.set(input.subarray(offset, Math.min(input.length, offset + size)));
  return copy;
}

/** The word 1: the answer of a check that held. */
export function trueWord(): Uint8Array {
  const word = new Uint8Array(32);
  word[31] = 1;
  return word;
}
