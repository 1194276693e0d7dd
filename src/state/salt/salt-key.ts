// Where SALT keeps an entry: a slot of a bucket. Buckets 0 to 65,535 hold metadata, the others data. Tables and stores
// take bucket and slot as two plain numbers; `SaltKey` joins them where they are sorted, sent or stored.
//
//   63 ............ 40 | 39 ............ 0
//   bucket (24 bits)   | slot (40 bits)            numeric order: metadata first

import { assert } from "#base/assert.ts";
import type { Brand } from "#base/brand.ts";

/** Bucket and slot in one 64-bit integer. */
export type SaltKey = Brand<bigint, "SaltKey">;

/** Children of a trie node, slots of a segment, evaluations of a committed vector. */
export const TRIE_WIDTH = 256;
/** All buckets. */
export const BUCKET_COUNT = 0x100_0000;
/** Buckets that hold the metadata of others; ids below this. */
export const METADATA_BUCKET_COUNT = 0x1_0000;
/** Buckets that hold accounts and storage. */
export const DATA_BUCKET_COUNT: number = BUCKET_COUNT - METADATA_BUCKET_COUNT;
/** Capacity of an untouched data bucket and, always, of a metadata bucket. */
export const BUCKET_CAPACITY_MIN = 256;
/** Slots that 40 bits can name. */
export const SLOT_COUNT_MAX: number = 2 ** 40;
/** Largest capacity: the power of two below what 40 bits can name. */
export const BUCKET_CAPACITY_MAX: number = 2 ** 39;

const SLOT_BITS = 40n;

/** Joins a bucket and a slot. @throws {AssertionError} when one of them is out of range */
export function saltKey(bucket: number, slot: number): SaltKey {
  assert(bucket >= 0 && bucket < BUCKET_COUNT, "bucket id");
  assert(slot >= 0 && slot < SLOT_COUNT_MAX, "slot");
  return ((BigInt(bucket) << SLOT_BITS) | BigInt(slot)) as SaltKey;
}

/** The bucket of a key. */
export function bucketOfSaltKey(key: SaltKey): number {
  return Number(key >> SLOT_BITS);
}

/** The slot of a key. */
export function slotOfSaltKey(key: SaltKey): number {
  return Number(BigInt.asUintN(40, key));
}

/** Whether a bucket holds metadata of other buckets. */
export function isMetadataBucket(bucket: number): boolean {
  return bucket < METADATA_BUCKET_COUNT;
}

/** The metadata bucket that describes a data bucket; the slot in it is `metadataSlotOf`. */
export function metadataBucketOf(bucket: number): number {
  return bucket >>> 8;
}

/** The slot, within `metadataBucketOf`, that describes a data bucket. */
export function metadataSlotOf(bucket: number): number {
  return bucket & 0xff;
}

/** The data bucket that a slot of a metadata bucket describes. */
export function describedBucket(metadataBucket: number, slot: number): number {
  return metadataBucket * TRIE_WIDTH + slot;
}
