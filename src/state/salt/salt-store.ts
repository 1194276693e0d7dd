// What bucket tables are read from. A full store knows every slot; a witness knows those that a block needs, and says so
// by an error where it is asked for another: an answer of "empty" must never stand for "unknown".

import type { BucketMeta, SaltEntry } from "#formats/wire/salt-entry.ts";

/** Slots and metadata of all buckets, as of one moment. */
export interface SaltStore {
  /** What a slot holds, null = empty. @throws {UnwitnessedError} when that is not known */
  entryAt(bucket: number, slot: number): SaltEntry | null;
  /** Metadata of a data bucket, the default where none was written. @throws {UnwitnessedError} when it is not known */
  metadata(bucket: number): BucketMeta;
  /** How many slots of a data bucket are in use; null when not all of its slots are known. */
  usedSlots(bucket: number): number | null;
  /**
   * Where the store believes a plain key to be, a hint that the reader checks; null = no hint, which says nothing about
   * whether the key exists. Full stores never have one.
   */
  slotHint(bucket: number, key: Uint8Array): number | null;
}

/** Something about a bucket that the store cannot know: its witness does not cover it. */
export class UnwitnessedError extends Error {
  override readonly name = "UnwitnessedError";
  readonly bucket: number;
  /** What was asked for. */
  readonly wanted: "slot" | "metadata" | "used slots";
  /** The slot, when one was asked for. */
  readonly slot: number | null;

  constructor(wanted: "slot" | "metadata" | "used slots", bucket: number, slot: number | null = null) {
    super(`the witness does not cover ${wanted}${slot === null ? "" : ` ${slot}`} of bucket ${bucket}`);
    this.wanted = wanted;
    this.bucket = bucket;
    this.slot = slot;
  }
}

/** A bucket that would have to grow beyond the largest capacity. */
export class BucketCapacityError extends Error {
  override readonly name = "BucketCapacityError";
  readonly bucket: number;
  /** Slots that were wanted. */
  readonly capacity: number;

  constructor(bucket: number, capacity: number) {
    super(`bucket ${bucket} cannot have ${capacity} slots`);
    this.bucket = bucket;
    this.capacity = capacity;
  }
}
