// The table of recent transactions against a Map, with colliding prefixes and growth.

import { expect, test } from "bun:test";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { TransactionTable } from "#storage/transaction-table.ts";

test("finds every transaction, keeps those from a mini-block on, and never invents one", () => {
  const random = new SeededRandom(7);
  const table = new TransactionTable(100);
  const model = new Map<string, { miniBlockNumber: number; index: number }[]>();
  const hashes: Uint8Array[] = [];
  for (let i = 0; i < 20_000; i++) {
    const hash = random.bytes(32);
    if (i % 50 === 0 && i > 0) hash.set(hashes[i - 1]!.subarray(0, 8));
    if (i % 3 === 0) hash.fill(0, 0, 3);
    const place = { miniBlockNumber: 100 + (i >> 3), index: i & 7 };
    table.add(hash, place.miniBlockNumber, place.index);
    const key = toBareHex(hash.subarray(0, 8));
    model.set(key, [...(model.get(key) ?? []), place]);
    hashes.push(hash);
  }
  expect(table.count).toBe(20_000);
  const kept = table.from(1500);
  for (const hash of hashes) {
    const places = model.get(toBareHex(hash.subarray(0, 8)))!;
    expect(table.candidates(hash)).toEqual(places);
    expect(kept.candidates(hash)).toEqual(places.filter(({ miniBlockNumber }) => miniBlockNumber >= 1500));
  }
  for (let i = 0; i < 1000; i++) expect(table.candidates(random.bytes(32))).toEqual([]);
});
