// What a versioned read costs: a slot through the table (newest version), through a view with nothing to undo, and through
// a view whose pin lies 1, 4 and 16 writes of the same slot back; against a Map from hex keys, which has no versions,
// one thread and no bound. Every contender reads the same keys in the same random order.

import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { allocateState, createPlainSegment, planStateMemory } from "#state/memory-plan.ts";
import { StateTable } from "#state/table.ts";
import { StateView } from "#state/view.ts";
import { runInterleaved, smokeOr } from "../harness.ts";

const seed = 20_261_121;
const slotCount = smokeOr(65_536, 256);
const readCount = smokeOr(200_000, 1000);
const random = new SeededRandom(seed);
const owner = random.bytes(20);
const ownerHex = toBareHex(owner);
const storage = Array.from({ length: slotCount }, () => ({ slot: random.bytes(32), value: random.bytes(32) }));
// Keys lie in one array and are copied into one buffer, so that the figures hold the state's cache misses and not the bench's.
const order = Uint32Array.from({ length: readCount }, () => random.below(slotCount));
const keys = new Uint8Array(32 * slotCount);
for (const [i, { slot }] of storage.entries()) keys.set(slot, 32 * i);
const key = new Uint8Array(32);

/** A table whose slots were all written `writeCount` times after version 0, and a view pinned to version 0. */
function prepare(writeCount: number): { table: StateTable; view: StateView } {
  const undoEntryCount = Math.max(64, 2 ** Math.ceil(Math.log2(slotCount * Math.max(2, writeCount))));
  const stateMemoryBytes = Math.max(1 << 20, 400 * slotCount + 100 * undoEntryCount);
  const regions = allocateState(planStateMemory({ stateMemoryBytes, undoEntryCount }), createPlainSegment);
  const table = new StateTable(regions);
  table.loadGenesis([{ address: owner, nonce: 1n, balance: 0n, code: new Uint8Array(0), storage }]);
  const view = new StateView(regions);
  for (let version = 1; version <= writeCount; version++) {
    const slots = storage.map((_, i) => ({ index: i + 1, value: new Uint8Array(32).fill(version) }));
    table.apply({ firstNewIndex: table.keyCount, newKeys: [], accounts: [], slots, codes: [] }, version);
    table.publish(version);
  }
  return { table, view };
}

function sumOf(read: (slot: Uint8Array) => Uint8Array): string {
  let sum = 0;
  for (let i = 0; i < readCount; i++) {
    const at = 32 * order[i]!;
    for (let k = 0; k < 32; k++) key[k] = keys[at + k]!;
    const value = read(key);
    sum = (Math.imul(sum, 31) + value[0]! + (value[31]! << 8)) | 0;
  }
  return (sum >>> 0).toString(16);
}

const fresh = prepare(0);
const pinned = new Map([1, 4, 16].map((writeCount) => [writeCount, prepare(writeCount).view]));
const flat = new Map(storage.map(({ slot, value }) => [ownerHex + toBareHex(slot), value]));
// What any reader of a Map pays at least: a key that is a small integer already. No state could use it.
const wordOf = (slot: Uint8Array) => (slot[0]! | (slot[1]! << 8) | (slot[2]! << 16) | (slot[3]! << 24)) >>> 0;
const byWord = new Map(storage.map(({ slot, value }) => [wordOf(slot), value]));

await runInterleaved({
  name: "one storage slot by address and key",
  rounds: smokeOr(9, 2),
  operationCount: readCount,
  parameters: { seed, slotCount, readCount },
  contenders: {
    "view, nothing to undo": () => sumOf((slot) => fresh.view.slot(owner, slot)),
    "table, newest": () => sumOf((slot) => fresh.table.slot(owner, slot)),
    "view, 1 undo step": () => sumOf((slot) => pinned.get(1)!.slot(owner, slot)),
    "view, 4 undo steps": () => sumOf((slot) => pinned.get(4)!.slot(owner, slot)),
    "view, 16 undo steps": () => sumOf((slot) => pinned.get(16)!.slot(owner, slot)),
    "Map by one word of the key": () => sumOf((slot) => byWord.get(wordOf(slot))!),
    "Map by hex of address and key": () => sumOf((slot) => flat.get(toBareHex(owner) + toBareHex(slot))!),
  },
});
