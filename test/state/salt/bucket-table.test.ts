// Bucket tables: whatever way the content came about, the tables are those built from the content alone. Each mistake
// that implementations of these tables are known to have made has its case.

import { describe, expect, test } from "bun:test";
import { compareBytes } from "#base/bytes.ts";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { type BucketMeta, bucketMetaEntry, DEFAULT_BUCKET_META, type SaltEntry } from "#formats/wire/salt-entry.ts";
import {
  applyPlainChanges,
  canonicalize,
  deleteEntry,
  findByProbing,
  grownCapacity,
  plainValueOf,
  rehashBucket,
  setBucketNonce,
  upsertEntry,
} from "#state/salt/bucket-table.ts";
import { bucketOfKey, homeSlot } from "#state/salt/key-hash.ts";
import { MemorySaltStore } from "#state/salt/memory-store.ts";
import { metadataBucketOf, metadataSlotOf } from "#state/salt/salt-key.ts";
import { SaltOverlay } from "#state/salt/salt-overlay.ts";
import { BucketCapacityError, type SaltStore, UnwitnessedError } from "#state/salt/salt-store.ts";
import { naiveTable, sortedSlots, tableOf } from "./naive-table.ts";

const SEED = 0x7ab1e;
const BUCKET = 131_072;

type Operation = { readonly key: Uint8Array; readonly value: Uint8Array | null };

function entryOf(random: SeededRandom): SaltEntry {
  return random.chance(0.5)
    ? { key: random.bytes(20), value: random.bytes(40) }
    : { key: random.bytes(52), value: random.bytes(32) };
}

function entriesOf(random: SeededRandom, count: number): SaltEntry[] {
  return Array.from({ length: count }, () => entryOf(random));
}

function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [result[i], result[j]] = [result[j] as T, result[i] as T];
  }
  return result;
}

function operate(overlay: SaltOverlay, { key, value }: Operation): void {
  if (value === null) deleteEntry(overlay, BUCKET, key);
  else upsertEntry(overlay, BUCKET, { key, value });
}

function contentOf(entries: Iterable<SaltEntry>): Map<string, string> {
  return new Map([...entries].map(({ key, value }) => [toBareHex(key), toBareHex(value)]));
}

/** A store with these entries in the bucket, put there in one batch. */
function storeWith(entries: readonly SaltEntry[]): MemorySaltStore {
  const store = new MemorySaltStore();
  const overlay = new SaltOverlay(store);
  for (const entry of entries) upsertEntry(overlay, BUCKET, entry);
  canonicalize(overlay);
  store.apply(overlay.updates);
  return store;
}

function expectTable(
  source: Parameters<typeof tableOf>[0] & { metadata: (bucket: number) => BucketMeta },
  content: ReadonlyMap<string, string>,
  meta: BucketMeta,
): void {
  expect(source.metadata(BUCKET)).toEqual(meta);
  const table = tableOf(source, BUCKET, 2 * meta.capacity);
  expect(sortedSlots(table)).toEqual(sortedSlots(naiveTable(content, meta)));
}

/** A store of which a part is known, as from a witness. */
function partialStore(store: MemorySaltStore, knows: (slot: number) => boolean, hints = true): SaltStore {
  const { capacity } = store.metadata(BUCKET);
  return {
    entryAt: (bucket, slot) => {
      if (slot >= capacity || !knows(slot)) throw new UnwitnessedError("slot", bucket, slot);
      return store.entryAt(bucket, slot);
    },
    metadata: (bucket) => store.metadata(bucket),
    usedSlots: (bucket) => {
      for (let slot = 0; slot < capacity; slot++) if (!knows(slot)) return null;
      return store.usedSlots(bucket);
    },
    slotHint: (bucket, key) => {
      const found = hints ? findByProbing(new SaltOverlay(store), bucket, key) : null;
      return found !== null && knows(found.slot) ? found.slot : null;
    },
  };
}

test(`any order and batching gives the table of the content, through resizes (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED);
  for (let run = 0; run < 8; run++) {
    const stores = [new MemorySaltStore(), new MemorySaltStore()] as const;
    const content = new Map<string, string>();
    const pool = entriesOf(random, 1200);
    let capacity = 256;
    for (let batch = 0; batch < 12; batch++) {
      const growth = random.pick([0.1, 0.5, 0.9]);
      const changes = shuffled(pool, random)
        .slice(0, random.below(300))
        .map(({ key, value }) => ({ key, value: random.chance(growth) ? random.bytes(value.length) : null }));
      for (const { key, value } of changes) {
        if (value === null) content.delete(toBareHex(key));
        else content.set(toBareHex(key), toBareHex(value));
      }
      capacity = grownCapacity(capacity, content.size);
      for (const store of stores) {
        const overlay = new SaltOverlay(store);
        for (const change of shuffled(changes, random)) operate(overlay, change);
        canonicalize(overlay);
        expect(overlay.usedSlots(BUCKET)).toBe(content.size);
        store.apply(overlay.updates);
        expect(store.usedSlots(BUCKET)).toBe(content.size);
        expectTable(store, content, { nonce: 0, capacity });
      }
    }
    expect([...stores[0].entries()]).toEqual([...stores[1].entries()]);
  }
});

test(`updates of two orders are equal, and their inverse takes them back (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED + 1);
  const first = entriesOf(random, 190);
  const store = storeWith(first);
  const before = [...store.entries()];
  const changes: Operation[] = [
    ...entriesOf(random, 300),
    ...first.slice(0, 50).map(({ key }) => ({ key, value: null })),
  ];
  const updates = [changes, changes.toReversed()].map((order) => {
    const overlay = new SaltOverlay(store);
    for (const change of order) operate(overlay, change);
    canonicalize(overlay);
    return overlay.updates;
  });
  expect(updates[0]!.sorted()).toEqual(updates[1]!.sorted());
  store.apply(updates[0]!);
  expect(store.metadata(BUCKET).capacity).toBe(1024);
  store.apply(updates[0]!.inverse());
  expect([...store.entries()]).toEqual(before);
});

test("batches that follow each other merge into one", () => {
  const random = new SeededRandom(SEED + 2);
  const [first, second] = [storeWith([]), storeWith([])];
  const merged = new SaltOverlay(first).updates;
  const entries = entriesOf(random, 600);
  for (let batch = 0; batch < 6; batch++) {
    const overlay = new SaltOverlay(first);
    for (const entry of entries.slice(100 * batch, 100 * batch + 100)) upsertEntry(overlay, BUCKET, entry);
    for (const entry of entries.slice(0, 30 * batch)) deleteEntry(overlay, BUCKET, entry.key);
    canonicalize(overlay);
    first.apply(overlay.updates);
    merged.merge(overlay.updates);
  }
  second.apply(merged);
  expect([...second.entries()]).toEqual([...first.entries()]);
  expect(merged.inverse().inverse().sorted()).toEqual(merged.sorted());
});

test("the public way finds buckets by the keys", () => {
  const random = new SeededRandom(SEED + 3);
  const store = new MemorySaltStore();
  const entries = entriesOf(random, 200);
  const overlay = new SaltOverlay(store);
  applyPlainChanges(overlay, entries);
  store.apply(overlay.updates);
  for (const { key, value } of entries) {
    expect(plainValueOf(new SaltOverlay(store), key)).toEqual(value);
    const bucket = bucketOfKey(key);
    const home = homeSlot(key, 0, 256);
    expect(store.entryAt(bucket, home)).toEqual({ key, value });
  }
  const removal = new SaltOverlay(store);
  applyPlainChanges(removal, [
    { key: entries[0]!.key, value: null },
    { key: random.bytes(20), value: null },
  ]);
  expect(removal.updates.size).toBe(1);
  expect(plainValueOf(removal, entries[0]!.key)).toBeNull();
  expect(plainValueOf(removal, entries[1]!.key)).toEqual(entries[1]!.value);
});

describe("limits of a table", () => {
  test("the 205th entry of 256 slots, the 410th of 512 double it", () => {
    const entries = entriesOf(new SeededRandom(SEED + 4), 410);
    const overlay = new SaltOverlay(new MemorySaltStore());
    const capacities = entries.map((entry) => {
      upsertEntry(overlay, BUCKET, entry);
      return overlay.metadata(BUCKET).capacity;
    });
    expect(capacities.map((capacity, i) => [i + 1, capacity]).filter(([, c], i) => c !== capacities[i - 1])).toEqual([
      [1, 256],
      [205, 512],
      [410, 1024],
    ]);
  });

  test("a capacity that 40 bits cannot name is refused", () => {
    const overlay = new SaltOverlay(new MemorySaltStore());
    expect(() => rehashBucket(overlay, BUCKET, { nonce: 0, capacity: 2 ** 40 })).toThrow(BucketCapacityError);
    expect(() => rehashBucket(overlay, BUCKET, { nonce: 0, capacity: 300 })).toThrow("a bucket of 300 slots");
  });

  test("a full table refuses nothing that it holds and knows what it does not hold", () => {
    const entries = entriesOf(new SeededRandom(SEED + 5), 256);
    const full = fullStore(entries);
    const overlay = new SaltOverlay(full);
    const absent = Uint8Array.of(0);
    expect(findByProbing(overlay, BUCKET, absent)).toBeNull();
    for (const { key, value } of entries) expect(findByProbing(overlay, BUCKET, key)?.entry.value).toEqual(value);
    deleteEntry(overlay, BUCKET, entries[0]!.key);
    expectTable(overlay, contentOf(entries.slice(1)), DEFAULT_BUCKET_META);
  });
});

/** A store whose 256 slots are all taken, as one that could not see its own load may become. */
function fullStore(entries: readonly SaltEntry[]): MemorySaltStore {
  const store = storeWith(entries.slice(0, 200));
  const overlay = new SaltOverlay({
    entryAt: (bucket, slot) => store.entryAt(bucket, slot),
    metadata: (bucket) => store.metadata(bucket),
    usedSlots: () => null,
    slotHint: () => null,
  });
  for (const entry of entries.slice(200)) upsertEntry(overlay, BUCKET, entry);
  store.apply(overlay.updates);
  expect(store.usedSlots(BUCKET)).toBe(256);
  return store;
}

describe("known mistakes", () => {
  test("a table without a free slot grows and puts in the key that was carried, not the first one", () => {
    const random = new SeededRandom(SEED + 6);
    const entries = entriesOf(random, 256).sort((a, b) => compareBytes(a.key, b.key));
    const store = fullStore(entries);
    const largest = { key: new Uint8Array(20).fill(0xff), value: random.bytes(40) };
    const overlay = new SaltOverlay(store);
    upsertEntry(overlay, BUCKET, largest);
    expectTable(overlay, contentOf([...entries, largest]), { nonce: 0, capacity: 512 });
    canonicalize(overlay);
    expectTable(overlay, contentOf([...entries, largest]), { nonce: 0, capacity: 512 });
    expect(overlay.usedSlots(BUCKET)).toBe(257);
  });

  test("growth that was needed for a moment leaves no trace", () => {
    const random = new SeededRandom(SEED + 7);
    const kept = entriesOf(random, 150);
    const store = storeWith(kept.slice(0, 100));
    const passing = entriesOf(random, 500);
    const overlay = new SaltOverlay(store);
    for (const entry of [...passing, ...kept.slice(100)]) upsertEntry(overlay, BUCKET, entry);
    expect(overlay.metadata(BUCKET).capacity).toBe(1024);
    for (const { key } of passing) deleteEntry(overlay, BUCKET, key);
    canonicalize(overlay);
    expectTable(overlay, contentOf(kept), DEFAULT_BUCKET_META);
    expect(overlay.updates.changeOf(metadataBucketOf(BUCKET), metadataSlotOf(BUCKET))).toBeNull();
    const direct = new SaltOverlay(store);
    for (const entry of kept.slice(100)) upsertEntry(direct, BUCKET, entry);
    expect(overlay.updates.sorted()).toEqual(direct.updates.sorted());
    expect(overlay.usedSlots(BUCKET)).toBe(150);
  });

  test("a table that grows again while it is made canonical has its metadata recorded in order", () => {
    const entries = entriesOf(new SeededRandom(SEED + 8), 500);
    const overlay = new SaltOverlay(new MemorySaltStore());
    for (const entry of entries) upsertEntry(overlay, BUCKET, entry);
    for (const { key } of entries.slice(300)) deleteEntry(overlay, BUCKET, key);
    canonicalize(overlay);
    expectTable(overlay, contentOf(entries.slice(0, 300)), { nonce: 0, capacity: 512 });
    expect(overlay.updates.changeOf(metadataBucketOf(BUCKET), metadataSlotOf(BUCKET))).toEqual({
      bucket: metadataBucketOf(BUCKET),
      slot: metadataSlotOf(BUCKET),
      before: bucketMetaEntry(DEFAULT_BUCKET_META),
      after: bucketMetaEntry({ nonce: 0, capacity: 512 }),
    });
    expect(overlay.takeRehashed().size).toBe(0);
  });

  test("an overlay that goes on after a batch counts and lays out as a new one would", () => {
    const entries = entriesOf(new SeededRandom(SEED + 9), 460);
    const overlay = new SaltOverlay(new MemorySaltStore());
    for (const entry of entries.slice(0, 300)) upsertEntry(overlay, BUCKET, entry);
    canonicalize(overlay);
    for (const entry of entries.slice(300)) upsertEntry(overlay, BUCKET, entry);
    canonicalize(overlay);
    expectTable(overlay, contentOf(entries), { nonce: 0, capacity: 1024 });
    expect(overlay.usedSlots(BUCKET)).toBe(460);
  });

  test("a write of a slot keeps the count of slots in use", () => {
    const [one, other] = entriesOf(new SeededRandom(SEED + 10), 2) as [SaltEntry, SaltEntry];
    const overlay = new SaltOverlay(storeWith([one]));
    const slot = homeSlot(one.key, 0, 256);
    const free = (slot + 1) % 256;
    overlay.write(BUCKET, free, null, other);
    expect(overlay.usedSlots(BUCKET)).toBe(2);
    overlay.write(BUCKET, slot, one, other);
    expect(overlay.usedSlots(BUCKET)).toBe(2);
    overlay.write(BUCKET, slot, other, null);
    overlay.write(BUCKET, free, other, null);
    expect(overlay.usedSlots(BUCKET)).toBe(0);
  });

  test("slots beyond the capacity that a witness was made for are known after it grew", () => {
    const entries = entriesOf(new SeededRandom(SEED + 11), 260);
    const overlay = new SaltOverlay(partialStore(storeWith(entries.slice(0, 200)), () => true));
    for (const entry of entries.slice(200)) upsertEntry(overlay, BUCKET, entry);
    canonicalize(overlay);
    expectTable(overlay, contentOf(entries), { nonce: 0, capacity: 512 });
  });

  test("probing goes round the end of the table without leaving it", () => {
    const random = new SeededRandom(SEED + 12);
    const last: SaltEntry[] = [];
    while (last.length < 6) {
      const entry = entryOf(random);
      if (homeSlot(entry.key, 0, 256) >= 254) last.push(entry);
    }
    const overlay = new SaltOverlay(new MemorySaltStore());
    for (const entry of last) upsertEntry(overlay, BUCKET, entry);
    expectTable(overlay, contentOf(last), DEFAULT_BUCKET_META);
    for (const { key } of last) {
      deleteEntry(overlay, BUCKET, key);
    }
    expectTable(overlay, new Map(), DEFAULT_BUCKET_META);
  });

  test("a capacity that is too small for the entries changes nothing", () => {
    const entries = entriesOf(new SeededRandom(SEED + 13), 300);
    const store = storeWith(entries);
    const overlay = new SaltOverlay(store);
    rehashBucket(overlay, BUCKET, { nonce: 5, capacity: 256 });
    expect(overlay.updates.size).toBe(0);
    expectTable(overlay, contentOf(entries), { nonce: 0, capacity: 512 });
  });

  test("a capacity that is enough shrinks a table, and a batch's end takes that back", () => {
    const entries = entriesOf(new SeededRandom(SEED + 14), 300);
    const store = storeWith(entries);
    const overlay = new SaltOverlay(store);
    for (const { key } of entries.slice(100)) deleteEntry(overlay, BUCKET, key);
    rehashBucket(overlay, BUCKET, { nonce: 5, capacity: 256 });
    expectTable(overlay, contentOf(entries.slice(0, 100)), { nonce: 5, capacity: 256 });
    expect(overlay.usedSlots(BUCKET)).toBe(100);
    canonicalize(overlay);
    expectTable(overlay, contentOf(entries.slice(0, 100)), { nonce: 0, capacity: 512 });
  });

  test("another nonce lays the table out anew, the same nonce and capacity change nothing", () => {
    const entries = entriesOf(new SeededRandom(SEED + 15), 100);
    const store = storeWith(entries);
    const overlay = new SaltOverlay(store);
    setBucketNonce(overlay, BUCKET, 0);
    expect(overlay.updates.size).toBe(0);
    setBucketNonce(overlay, BUCKET, 0x01020304);
    expectTable(overlay, contentOf(entries), { nonce: 0x01020304, capacity: 256 });
    store.apply(overlay.updates);
    const next = new SaltOverlay(store);
    const more = entriesOf(new SeededRandom(SEED + 16), 150);
    for (const entry of more) upsertEntry(next, BUCKET, entry);
    canonicalize(next);
    expectTable(next, contentOf([...entries, ...more]), { nonce: 0x01020304, capacity: 512 });
  });
});

describe("a store that knows a part", () => {
  const entries = entriesOf(new SeededRandom(SEED + 17), 150);
  const store = storeWith(entries);

  test("what a full store reads is all that the same changes read of a witness", () => {
    const random = new SeededRandom(SEED + 18);
    const changes: Operation[] = [
      ...entriesOf(random, 20),
      ...shuffled(entries, random)
        .slice(0, 40)
        .map(({ key, value }) => ({ key, value: random.chance(0.5) ? random.bytes(value.length) : null })),
    ];
    const producer = new SaltOverlay(store, { reads: "kept" });
    for (const change of changes) operate(producer, change);
    canonicalize(producer);
    const read = new Set([...producer.touchedSlots()].filter(([bucket]) => bucket === BUCKET).map(([, slot]) => slot));
    expect(read.size).toBeLessThan(256);
    const verifier = new SaltOverlay(partialStore(store, (slot) => read.has(slot), false));
    for (const change of changes) operate(verifier, change);
    canonicalize(verifier);
    expect(verifier.updates.sorted()).toEqual(producer.updates.sorted());
  });

  test("the absence of a key is read off the first smaller key, no slot further", () => {
    const random = new SeededRandom(SEED + 20);
    let stopsAtSmallerKey = 0;
    for (let i = 0; i < 200; i++) {
      const key = random.bytes(20);
      const expected: number[] = [];
      for (let slot = homeSlot(key, 0, 256); ; slot = (slot + 1) % 256) {
        expected.push(slot);
        const held = store.entryAt(BUCKET, slot);
        if (held !== null && compareBytes(held.key, key) < 0) stopsAtSmallerKey++;
        if (held === null || compareBytes(held.key, key) < 0) break;
      }
      const overlay = new SaltOverlay(store, { reads: "kept" });
      expect(findByProbing(overlay, BUCKET, key)).toBeNull();
      expect([...overlay.touchedSlots()].filter(([bucket]) => bucket === BUCKET).map(([, slot]) => slot)).toEqual(
        expected,
      );
    }
    expect(stopsAtSmallerKey).toBeGreaterThan(20);
  });

  test("kept reads hold metadata once, and reads are forgotten unless told", () => {
    const kept = new SaltOverlay(store, { reads: "kept" });
    findByProbing(kept, BUCKET, entries[0]!.key);
    const touched = [...kept.touchedSlots()];
    expect(touched).toContainEqual([metadataBucketOf(BUCKET), metadataSlotOf(BUCKET)]);
    expect(touched.length).toBeGreaterThan(1);
    const forgotten = new SaltOverlay(store);
    findByProbing(forgotten, BUCKET, entries[0]!.key);
    expect([...forgotten.touchedSlots()]).toEqual([]);
  });

  test("a hint replaces a value without metadata; a wrong one falls back to probing", () => {
    const { key, value } = entries[3]!;
    const slot = findByProbing(new SaltOverlay(store), BUCKET, key)!.slot;
    const one: SaltStore = {
      entryAt: (bucket, at) => {
        if (at !== slot) throw new UnwitnessedError("slot", bucket, at);
        return store.entryAt(bucket, at);
      },
      metadata: (bucket) => {
        throw new UnwitnessedError("metadata", bucket);
      },
      usedSlots: () => null,
      slotHint: () => slot,
    };
    const overlay = new SaltOverlay(one);
    upsertEntry(overlay, BUCKET, { key, value: new Uint8Array(value.length) });
    expect(overlay.read(BUCKET, slot)).toEqual({ key, value: new Uint8Array(value.length) });
    expect(() => deleteEntry(overlay, BUCKET, key)).toThrow(UnwitnessedError);
    expect(() => upsertEntry(overlay, BUCKET, { key: entries[4]!.key, value })).toThrow("metadata of bucket 131072");
    const misled = new SaltOverlay({ ...partialStore(store, () => true), slotHint: () => slot });
    upsertEntry(misled, BUCKET, { key: entries[4]!.key, value: new Uint8Array(entries[4]!.value.length) });
    expect(findByProbing(misled, BUCKET, entries[4]!.key)?.entry.value).toEqual(
      new Uint8Array(entries[4]!.value.length),
    );
    expect(findByProbing(misled, BUCKET, key)?.entry.value).toEqual(value);
  });

  test("unknown slots are an error, never empty; without all slots nothing is rehashed", () => {
    const missing = findByProbing(new SaltOverlay(store), BUCKET, entries[0]!.key)!.slot;
    const overlay = new SaltOverlay(partialStore(store, (slot) => slot !== missing));
    expect(() => findByProbing(overlay, BUCKET, entries[0]!.key)).toThrow(UnwitnessedError);
    expect(() => setBucketNonce(overlay, BUCKET, 1)).toThrow("used slots of bucket 131072");
    expect(overlay.usedSlots(BUCKET)).toBeNull();
    expect(overlay.updates.size).toBe(0);
  });
});

test("a change from what the slot did not hold is a bug", () => {
  const [one, other] = entriesOf(new SeededRandom(SEED + 19), 2) as [SaltEntry, SaltEntry];
  const overlay = new SaltOverlay(new MemorySaltStore());
  overlay.write(BUCKET, 0, null, one);
  expect(() => overlay.write(BUCKET, 0, null, other)).toThrow("did not hold");
  expect(() => storeWith([one, other]).apply(overlay.updates.inverse())).toThrow("does not hold");
});
