// Conversions between record words and bytes or integers, at the edges and at random.

import { describe, expect, test } from "bun:test";
import { AssertionError } from "#base/assert.ts";
import { bigintToBytes } from "#base/bytes.ts";
import { SeededRandom } from "#base/random.ts";
import { integerOfPair, setIntegerPair, WordScratch } from "#state/word-bytes.ts";

const EDGES = [
  0n,
  1n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n,
  2n ** 64n - 1n,
  2n ** 64n,
  10n ** 22n,
  2n ** 255n,
  2n ** 256n - 1n,
];

describe("words of records", () => {
  test("amounts are big-endian bytes and come back", () => {
    const scratch = new WordScratch();
    const random = new SeededRandom(11);
    const values = [...EDGES, ...Array.from({ length: 200 }, () => BigInt(random.u32()) << BigInt(random.below(224)))];
    for (const value of values) {
      const words = scratch.setInteger(value).slice();
      expect(scratch.bytesAt(words, 0, 32)).toEqual(bigintToBytes(value, 32));
      expect(scratch.integerAt(words, 0)).toBe(value);
    }
  });

  test("nonces are pairs and come back", () => {
    const words = new Uint32Array(4);
    for (const value of EDGES.filter((edge) => edge < 2n ** 64n)) {
      setIntegerPair(words, 1, value);
      expect(integerOfPair(words, 1)).toBe(value);
    }
    expect([words[0], words[3]]).toEqual([0, 0]);
  });

  test("bytes come back from any word", () => {
    const scratch = new WordScratch();
    const random = new SeededRandom(12);
    for (let i = 0; i < 100; i++) {
      const [address, hash] = [random.bytes(20), random.bytes(32)];
      const words = new Uint32Array(24);
      words.set(scratch.setAddress(address).subarray(0, 5), 3);
      words.set(scratch.setHash(hash), 9);
      expect(scratch.bytesAt(words, 3, 20)).toEqual(address);
      expect(scratch.bytesAt(words, 9, 32)).toEqual(hash);
    }
  });

  test("what does not fit is refused", () => {
    const scratch = new WordScratch();
    expect(() => scratch.setInteger(2n ** 256n)).toThrow(AssertionError);
    expect(() => scratch.setInteger(-1n)).toThrow(AssertionError);
    expect(() => scratch.setAddress(new Uint8Array(19))).toThrow(AssertionError);
    expect(() => scratch.setHash(new Uint8Array(33))).toThrow(AssertionError);
    expect(() => setIntegerPair(new Uint32Array(2), 0, 2n ** 64n)).toThrow(AssertionError);
  });
});
