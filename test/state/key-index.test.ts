// The keyed hash spreads what contracts use as keys, and roll-backs leave the index as it was.

import { describe, expect, test } from "bun:test";
import { bigintToBytes } from "#base/bytes.ts";
import { INDEX_KEY } from "#formats/memory/state-record.ts";
import { emptyDiff } from "#formats/wire/diff.ts";
import { KeyHasher } from "#state/key-index.ts";
import { StateMemory } from "#state/state-memory.ts";
import { WordScratch } from "#state/word-bytes.ts";
import { makeTable } from "./naive-state.ts";

function hasher(): KeyHasher {
  return new KeyHasher(new StateMemory(makeTable().regions));
}

describe("KeyHasher", () => {
  test("spreads keys that differ in a few low bits, as counters and mappings make them", () => {
    const hash = hasher();
    const scratch = new WordScratch();
    const loads = new Uint32Array(4096);
    const tags = new Set<number>();
    for (let n = 0; n < 4096; n++) {
      loads[hash.hash(scratch.setHash(bigintToBytes(BigInt(n), 32)), 8, 5) & 4095]!++;
      tags.add(hash.tag);
    }
    // Poisson with mean 1: more than 12 in one of 4096 has a chance of 10^-7.
    expect(Math.max(...loads)).toBeLessThanOrEqual(12);
    expect(tags.size).toBeGreaterThan(4090);
  });

  test("depends on every word, on the owner and on the seed", () => {
    const hash = hasher();
    const words = new Uint32Array(8);
    const seen = new Set([
      hash.hash(words, 8, 0),
      hash.hash(words, 8, 1),
      hash.hash(words, 5, 0),
      hasher().hash(words, 8, 0),
    ]);
    for (let bit = 0; bit < 256; bit += 7) {
      words[bit >> 5] = 1 << (bit & 31);
      seen.add(hash.hash(words, 8, 0));
      words[bit >> 5] = 0;
    }
    expect(seen.size).toBe(4 + Math.ceil(256 / 7));
  });
});

test("taking back the youngest keys leaves the index as if they had never been", () => {
  const { table, regions } = makeTable();
  table.loadGenesis([]);
  const entries = new StateMemory(regions).keyIndex;
  const insert = (from: number, count: number, version: number) => {
    const newKeys = Array.from({ length: count }, (_, n) => {
      return { kind: "account" as const, address: bigintToBytes(BigInt(from + n), 20) };
    });
    const account = { nonce: 0n, balance: 0n, codeHash: table.codeHashAt(0) };
    const accounts = newKeys.map((_, n) => ({ index: table.keyCount + n, account }));
    table.apply({ ...emptyDiff(table.keyCount), newKeys, accounts }, version);
  };
  const used = () => [...entries.entries()].filter(([at, key]) => at % 2 === INDEX_KEY && key !== 0).map(([at]) => at);
  insert(0, 3000, 1);
  const before = used();
  expect(before.length).toBe(3000);
  insert(3000, 4000, 2);
  expect(used().length).toBe(7000);
  for (let n = 0; n < 7000; n += 13) expect(table.accountIndex(bigintToBytes(BigInt(n), 20))).toBe(n);
  expect(table.rollbackTo(1)).toBe(true);
  expect(used()).toEqual(before);
  for (let n = 0; n < 7000; n += 13) expect(table.accountIndex(bigintToBytes(BigInt(n), 20))).toBe(n < 3000 ? n : -1);
});
