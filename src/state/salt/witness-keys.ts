// Which slots a witness of a block must show: where the keys are that it read or wrote, and for keys that are not there or
// move, everything that is looked at on the way.

import { compareBytes } from "#base/bytes.ts";
import { applyPlainChanges, findByProbing, type PlainChange } from "./bucket-table.ts";
import { bucketOfKey } from "./key-hash.ts";
import { isMetadataBucket, metadataBucketOf, metadataSlotOf, type SaltKey, saltKey } from "./salt-key.ts";
import { SaltOverlay } from "./salt-overlay.ts";
import type { SaltStore } from "./salt-store.ts";

/** What a block asked of the state before it. */
export type BlockAccesses = {
  /** Data buckets whose capacity was asked for. */
  readonly buckets: Iterable<number>;
  /** Plain keys that were read, absent ones among them. */
  readonly reads: Iterable<Uint8Array>;
  /** Net changes, each key once. */
  readonly changes: Iterable<PlainChange>;
};

/** The slots to show, in no order. @param store the whole state before the block */
export function witnessKeys(store: SaltStore, { buckets, reads, changes }: BlockAccesses): Set<SaltKey> {
  const quiet = new SaltOverlay(store);
  const recorder = new SaltOverlay(store, { reads: "kept" });
  const keys = new Set<SaltKey>();
  const addIfFound = (key: Uint8Array): boolean => {
    const bucket = bucketOfKey(key);
    const found = findByProbing(quiet, bucket, key);
    if (found !== null) keys.add(saltKey(bucket, found.slot));
    return found !== null;
  };
  for (const bucket of buckets) keys.add(saltKey(metadataBucketOf(bucket), metadataSlotOf(bucket)));
  for (const key of reads) if (!addIfFound(key)) findByProbing(recorder, bucketOfKey(key), key);
  const moving = [...changes].filter(({ key, value }) => value === null || !addIfFound(key));
  applyPlainChanges(
    recorder,
    moving.sort((a, b) => compareBytes(a.key, b.key)),
  );
  for (const [bucket, slot] of recorder.touchedSlots()) {
    const isBefore = isMetadataBucket(bucket) || slot < store.metadata(bucket).capacity;
    if (isBefore) keys.add(saltKey(bucket, slot));
  }
  return keys;
}
