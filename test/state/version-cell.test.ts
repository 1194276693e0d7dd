// Cells of 53-bit numbers in shared memory at the edges of their range.

import { expect, test } from "bun:test";
import { AssertionError } from "#base/assert.ts";
import { highWord, lowWord, NO_VERSION, readCell, writeCell } from "#state/version-cell.ts";

test("a cell holds every safe integer, and none", () => {
  const words = new Uint32Array(new SharedArrayBuffer(64));
  for (const value of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER, NO_VERSION, 7]) {
    writeCell(words, 4, value);
    expect(readCell(words, 4)).toBe(value);
    if (value >= 0) expect(highWord(value) * 2 ** 32 + lowWord(value)).toBe(value);
  }
  expect([words[3], words[7]]).toEqual([0, 0]);
  for (const value of [-2, 1.5, 2 ** 53]) expect(() => writeCell(words, 4, value)).toThrow(AssertionError);
  expect(readCell(words, 4)).toBe(7);
});
