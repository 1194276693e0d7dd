// One bucket's hash table: strongly history-independent, so that the same keys lie in the same slots whatever the order
// they came in. Linear probing in which the larger key wins a contested slot:
//
//   on its way from its home slot, a key passes only slots held by larger keys
//
// Nonce and capacity decide the home slots. A table that is more than 80 % full doubles. What it grew for within a batch
// and no longer needs at its end, `canonicalize` takes back; between batches capacity never shrinks.
// @see Blelloch, Golovin, "Strongly History-Independent Hashing with Applications", FOCS 2007

import { assert } from "#base/assert.ts";
import { bytesEqual, compareBytes } from "#base/bytes.ts";
import type { BucketMeta, SaltEntry } from "#formats/wire/salt-entry.ts";
import { bucketOfKey, homeSlot } from "./key-hash.ts";
import { BUCKET_CAPACITY_MAX, BUCKET_CAPACITY_MIN } from "./salt-key.ts";
import type { SaltOverlay } from "./salt-overlay.ts";
import { BucketCapacityError, UnwitnessedError } from "./salt-store.ts";

/** Share of slots in use, in percent, above which a table grows. */
const LOAD_PERCENT_MAX = 80;

/** An entry and the slot that holds it. */
export type FoundEntry = { readonly slot: number; readonly entry: SaltEntry };

/** A plain key with its new value; null = the key goes. */
export type PlainChange = { readonly key: Uint8Array; readonly value: Uint8Array | null };

/** The plain value of a key, null when there is none. @throws {UnwitnessedError} */
export function plainValueOf(overlay: SaltOverlay, key: Uint8Array): Uint8Array | null {
  const bucket = bucketOfKey(key);
  return (findByHint(overlay, bucket, key) ?? findByProbing(overlay, bucket, key))?.entry.value ?? null;
}

/**
 * Makes a batch of changes and leaves the tables in the form that depends on their content alone.
 * @param changes each key once; any order
 * @throws {UnwitnessedError} {@link BucketCapacityError}
 */
export function applyPlainChanges(overlay: SaltOverlay, changes: Iterable<PlainChange>): void {
  for (const { key, value } of changes) {
    const bucket = bucketOfKey(key);
    if (value === null) deleteEntry(overlay, bucket, key);
    else upsertEntry(overlay, bucket, { key, value });
  }
  canonicalize(overlay);
}

/** Looks a key up by probing, the only way that proves its absence. @throws {UnwitnessedError} */
export function findByProbing(overlay: SaltOverlay, bucket: number, key: Uint8Array): FoundEntry | null {
  const { nonce, capacity } = overlay.metadata(bucket);
  const home = homeSlot(key, nonce, capacity);
  for (let i = 0; i < capacity; i++) {
    const slot = (home + i) % capacity;
    const entry = overlay.read(bucket, slot);
    if (entry === null) return null;
    const order = compareBytes(entry.key, key);
    if (order < 0) return null;
    if (order === 0) return { slot, entry };
  }
  return null;
}

/**
 * Adds an entry or replaces the value of its key; the table grows when it has to and the store can tell.
 * @throws {UnwitnessedError} {@link BucketCapacityError}
 */
export function upsertEntry(overlay: SaltOverlay, bucket: number, entry: SaltEntry): void {
  const hinted = findByHint(overlay, bucket, entry.key);
  if (hinted !== null) {
    overlay.write(bucket, hinted.slot, hinted.entry, entry);
    return;
  }
  const { nonce, capacity } = overlay.metadata(bucket);
  // A displaced key goes on from where it was displaced: the slots between its home and here hold larger keys already.
  const home = homeSlot(entry.key, nonce, capacity);
  let carried = entry;
  for (let i = 0; i < capacity; i++) {
    const slot = (home + i) % capacity;
    const held = overlay.read(bucket, slot);
    if (held === null) {
      overlay.write(bucket, slot, null, carried);
      growWhenLoaded(overlay, bucket, { nonce, capacity });
      return;
    }
    const order = compareBytes(held.key, carried.key);
    if (order <= 0) overlay.write(bucket, slot, held, carried);
    if (order === 0) return;
    if (order < 0) carried = held;
  }
  rehashBucket(overlay, bucket, { nonce, capacity: grownCapacity(capacity, capacity) });
  upsertEntry(overlay, bucket, carried);
}

/** Takes a key out; nothing happens when it is not there. @throws {UnwitnessedError} */
export function deleteEntry(overlay: SaltOverlay, bucket: number, key: Uint8Array): void {
  const found = findByProbing(overlay, bucket, key);
  if (found === null) return;
  const meta = overlay.metadata(bucket);
  let gap = found;
  for (;;) {
    const next = successorOfGap(overlay, bucket, meta, gap.slot);
    overlay.write(bucket, gap.slot, gap.entry, next?.entry ?? null);
    if (next === null) return;
    gap = next;
  }
}

/**
 * Lays a table out anew under another nonce or capacity. Nothing happens when the entries do not fit.
 * @throws {UnwitnessedError} unless all slots are known
 * @throws {BucketCapacityError}
 */
export function rehashBucket(overlay: SaltOverlay, bucket: number, meta: BucketMeta): void {
  if (meta.capacity > BUCKET_CAPACITY_MAX) throw new BucketCapacityError(bucket, meta.capacity);
  const isPossible = meta.capacity >= BUCKET_CAPACITY_MIN && Number.isInteger(Math.log2(meta.capacity));
  assert(isPossible, () => `a bucket of ${meta.capacity} slots`);
  const before = overlay.metadata(bucket);
  if (overlay.usedSlots(bucket) === null) throw new UnwitnessedError("used slots", bucket);
  const held = occupiedSlots(overlay, bucket, before.capacity);
  if (meta.capacity < held.size) return;
  const laidOut = layOut(held.values(), meta);
  for (const [slot, entry] of held) overlay.move(bucket, slot, entry, laidOut.get(slot) ?? null);
  for (const [slot, entry] of laidOut) if (!held.has(slot)) overlay.move(bucket, slot, null, entry);
  overlay.setMetadata(bucket, before, meta);
}

/** Gives a bucket another nonce. @throws {UnwitnessedError} unless all slots are known */
export function setBucketNonce(overlay: SaltOverlay, bucket: number, nonce: number): void {
  rehashBucket(overlay, bucket, { nonce, capacity: overlay.metadata(bucket).capacity });
}

/**
 * Ends a batch: tables that were rehashed are built again from the store's nonce and capacity, so that what the order of
 * changes made them grow for in between leaves no trace. Takes back rehashes by hand as well.
 * @throws {UnwitnessedError} {@link BucketCapacityError}
 */
export function canonicalize(overlay: SaltOverlay): void {
  for (const bucket of overlay.takeRehashed()) {
    const held = occupiedSlots(overlay, bucket, overlay.metadata(bucket).capacity);
    for (const [slot, entry] of held) overlay.move(bucket, slot, entry, null);
    // Before anything is put back: that may make the table grow again, from these very metadata.
    overlay.restoreMetadata(bucket);
    overlay.countUsed(bucket, -held.size);
    for (const entry of held.values()) upsertEntry(overlay, bucket, entry);
  }
  overlay.clearRehashed();
}

/** The capacity that holds `used` entries without being more than 80 % full, by doubling. */
export function grownCapacity(capacity: number, used: number): number {
  let grown = capacity;
  while (used * 100 > grown * LOAD_PERCENT_MAX) grown *= 2;
  return grown;
}

function findByHint(overlay: SaltOverlay, bucket: number, key: Uint8Array): FoundEntry | null {
  const slot = overlay.hintedSlot(bucket, key);
  if (slot === null) return null;
  const entry = overlay.read(bucket, slot);
  return entry !== null && bytesEqual(entry.key, key) ? { slot, entry } : null;
}

function growWhenLoaded(overlay: SaltOverlay, bucket: number, { nonce, capacity }: BucketMeta): void {
  const used = overlay.usedSlots(bucket);
  if (used === null) return;
  const grown = grownCapacity(capacity, used);
  if (grown > capacity) rehashBucket(overlay, bucket, { nonce, capacity: grown });
}

// The first entry behind a gap that may move into it: one that is nearer to its home there.
function successorOfGap(overlay: SaltOverlay, bucket: number, meta: BucketMeta, gap: number): FoundEntry | null {
  const { nonce, capacity } = meta;
  for (let i = 1; i < capacity; i++) {
    const slot = (gap + i) % capacity;
    const entry = overlay.read(bucket, slot);
    if (entry === null) return null;
    const home = homeSlot(entry.key, nonce, capacity);
    if ((slot - home + capacity) % capacity > (gap - home + capacity) % capacity) return { slot, entry };
  }
  return null;
}

function occupiedSlots(overlay: SaltOverlay, bucket: number, capacity: number): Map<number, SaltEntry> {
  const held = new Map<number, SaltEntry>();
  for (let slot = 0; slot < capacity; slot++) {
    const entry = overlay.read(bucket, slot);
    if (entry !== null) held.set(slot, entry);
  }
  return held;
}

// From the largest key down each takes the first free slot of its probing: nobody is ever displaced.
function layOut(entries: Iterable<SaltEntry>, { nonce, capacity }: BucketMeta): Map<number, SaltEntry> {
  const laidOut = new Map<number, SaltEntry>();
  for (const entry of [...entries].sort((a, b) => compareBytes(b.key, a.key))) {
    let slot = homeSlot(entry.key, nonce, capacity);
    while (laidOut.has(slot)) slot = (slot + 1) % capacity;
    laidOut.set(slot, entry);
  }
  return laidOut;
}
