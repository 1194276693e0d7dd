// Packed rows against a plain map under random changes, and the room that a store takes for what was never written.

import { expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { SALT_ENTRY_SIZE_BYTES } from "#formats/wire/salt-entry.ts";
import { applyPlainChanges } from "#state/salt/bucket-table.ts";
import { MemorySaltStore } from "#state/salt/memory-store.ts";
import { PackedRows } from "#state/salt/packed-rows.ts";
import { SaltOverlay } from "#state/salt/salt-overlay.ts";

const SEED = 0x9ac;
const ROW_SIZE_BYTES = 5;

test(`rows are those of a map (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED);
  for (let run = 0; run < 4; run++) {
    const rows = new PackedRows(ROW_SIZE_BYTES);
    const model = new Map<number, string>();
    for (let i = 0; i < 3000; i++) {
      const position = random.below(256);
      const growth = i < 1500 ? 0.8 : 0.3;
      if (random.chance(growth)) {
        const row = random.bytes(ROW_SIZE_BYTES);
        rows.rowForWriting(position).set(row);
        model.set(position, row.toHex());
      } else {
        rows.delete(position);
        model.delete(position);
      }
      expect(rows.count).toBe(model.size);
      const probe = random.below(256);
      expect(rows.row(probe)?.toHex()).toBe(model.get(probe));
    }
    expect([...rows.positions()]).toEqual([...model.keys()].sort((a, b) => a - b));
    for (const [position, row] of model) expect(rows.row(position)?.toHex()).toBe(row);
  }
});

test("all 256 rows fit, in no more room than they need", () => {
  const rows = new PackedRows(ROW_SIZE_BYTES);
  for (let position = 255; position >= 0; position--) rows.rowForWriting(position).fill(position);
  expect(rows.count).toBe(256);
  expect(rows.sizeBytes).toBe(32 + 256 * ROW_SIZE_BYTES);
  for (let position = 0; position < 256; position++)
    expect(rows.row(position)).toEqual(new Uint8Array(5).fill(position));
});

test("a store is as large as what is in it", () => {
  const random = new SeededRandom(SEED + 1);
  const store = new MemorySaltStore();
  expect(store.sizeBytes()).toBe(0);
  const entryCount = 100;
  const overlay = new SaltOverlay(store);
  const changes = Array.from({ length: entryCount }, () => ({ key: random.bytes(20), value: random.bytes(40) }));
  applyPlainChanges(overlay, changes);
  store.apply(overlay.updates);
  expect([...store.entries()].map(({ entry }) => entry.key.toHex()).sort()).toEqual(
    changes.map(({ key }) => key.toHex()).sort(),
  );
  expect(store.sizeBytes()).toBeLessThanOrEqual(entryCount * 2 * (32 + SALT_ENTRY_SIZE_BYTES));
  store.apply(overlay.updates.inverse());
  expect(store.sizeBytes()).toBe(0);
});
