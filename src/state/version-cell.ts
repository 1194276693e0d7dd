// A 53-bit number in shared memory with one writer and any readers: three words, sequence, low and high.
// State versions and undo positions outgrow 32 bits (49 days of 1 ms mini-blocks), and nothing wider is atomic here.

import { assert } from "#base/assert.ts";

/** Content of a version cell before any version exists. */
export const NO_VERSION = -1;

const WORD = 0x1_0000_0000;

/**
 * Writes the cell. One thread at a time.
 * @param word first of the three words
 * @param value safe non-negative integer, or {@link NO_VERSION}
 */
export function writeCell(words: Uint32Array, word: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= NO_VERSION, "not a cell value");
  Atomics.add(words, word, 1);
  Atomics.store(words, word + 1, value < 0 ? WORD - 1 : lowWord(value));
  Atomics.store(words, word + 2, value < 0 ? WORD - 1 : highWord(value));
  Atomics.add(words, word, 1);
}

/** Reads the cell, waiting out a write in progress. */
export function readCell(words: Uint32Array, word: number): number {
  for (;;) {
    const before = Atomics.load(words, word);
    const low = Atomics.load(words, word + 1);
    const high = Atomics.load(words, word + 2);
    if ((before & 1) === 0 && Atomics.load(words, word) === before)
      return high === WORD - 1 ? NO_VERSION : join(low, high);
  }
}

/** Low 32 bits of a safe integer, unsigned. */
export function lowWord(value: number): number {
  return value >>> 0;
}

/** Bits above the low 32 of a safe integer. */
export function highWord(value: number): number {
  return Math.floor(value / WORD);
}

function join(low: number, high: number): number {
  return high * WORD + low;
}
