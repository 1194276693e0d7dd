// The log filter, bit by bit. Real filters of headers and receipts are checked in block.test.ts.

import { expect, test } from "bun:test";
import { toHex } from "#base/hex.ts";
import { addToBloom, BLOOM_SIZE_BYTES, bloomMayContain, logsBloom, mergeBloom } from "#chain/bloom.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { testSeed, withSeed } from "./random-values.ts";

test("sets the bits that the yellow paper names", async () => {
  await withSeed(testSeed(1), (random) => {
    for (let i = 0; i < 100; i++) {
      const value = random.bytes(random.pick([20, 32]));
      const bloom = new Uint8Array(BLOOM_SIZE_BYTES);
      addToBloom(bloom, value);
      // The filter read as one big-endian integer has exactly these bits.
      const hash = keccak256(value);
      const bits = [0, 2, 4].map((at) => BigInt((hash[at]! * 256 + hash[at + 1]!) % 2048));
      const wanted = bits.reduce((sum, bit) => sum | (1n << bit), 0n);
      expect(BigInt(toHex(bloom))).toBe(wanted);
    }
  });
});

test("values that end alike, come again or differ in size alone keep their own bits", async () => {
  await withSeed(testSeed(4), (random) => {
    const values = [20, 32, 20, 32].map((sizeBytes) => random.bytes(sizeBytes));
    const short = random.bytes(20);
    const long = new Uint8Array(32);
    long.set(short);
    values.push(short, long);
    for (const value of values) value[value.length - 1] = 0x2a;
    for (let i = 0; i < 300; i++) {
      const value = random.pick(values);
      const bloom = new Uint8Array(BLOOM_SIZE_BYTES);
      addToBloom(bloom, value);
      const hash = keccak256(value);
      for (let at = 0; at < 6; at += 2) {
        const bit = (hash[at]! * 256 + hash[at + 1]!) % 2048;
        expect(bloom[BLOOM_SIZE_BYTES - 1 - (bit >> 3)]! & (1 << (bit & 7))).not.toBe(0);
      }
      expect(bloomMayContain(bloom, value)).toBe(true);
    }
  });
});

test("contains what went in, and rarely anything else", async () => {
  await withSeed(testSeed(2), (random) => {
    const log = { address: random.bytes(20), topics: [random.bytes(32), random.bytes(32)], data: random.bytes(9) };
    const bloom = logsBloom([log]);
    for (const value of [log.address, ...log.topics]) expect(bloomMayContain(bloom, value)).toBe(true);
    let falseCount = 0;
    for (let i = 0; i < 1000; i++) if (bloomMayContain(bloom, random.bytes(32))) falseCount++;
    expect(falseCount).toBeLessThan(5);
  });
});

test("the union of two filters is the filter of both", async () => {
  await withSeed(testSeed(3), (random) => {
    const logs = [1, 2].map(() => ({ address: random.bytes(20), topics: [random.bytes(32)], data: new Uint8Array(0) }));
    const merged = logsBloom(logs.slice(0, 1));
    mergeBloom(merged, logsBloom(logs.slice(1)));
    expect(toHex(merged)).toBe(toHex(logsBloom(logs)));
    expect(() => mergeBloom(merged, new Uint8Array(32))).toThrow("256 bytes");
  });
});
