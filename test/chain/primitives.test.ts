// Branded numbers refuse what their brand excludes.

import { expect, test } from "bun:test";
import { AssertionError } from "#base/assert.ts";
import {
  blockNumber,
  miniBlockNumber,
  PLACEHOLDER_BLOCK_HASH,
  recordSequence,
  timestampUs,
} from "#chain/primitives.ts";

test("branded numbers are safe non-negative integers", () => {
  for (const make of [blockNumber, miniBlockNumber, recordSequence, timestampUs]) {
    expect([Number(make(0)), Number(make(2 ** 53 - 1))]).toEqual([0, 2 ** 53 - 1]);
    for (const bad of [-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => make(bad)).toThrow(AssertionError);
    }
  }
});

test("the block hash before the seal is all ones", () => {
  expect([PLACEHOLDER_BLOCK_HASH.length, new Set(PLACEHOLDER_BLOCK_HASH)]).toEqual([32, new Set([255])]);
});
