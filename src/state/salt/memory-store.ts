// All buckets in the memory of one thread. Nothing is set aside for what was never written:
//
//   regions of 256 buckets ─▶ buckets ─▶ segments of 256 slots ─▶ packed entries of 94 bytes

import { assert } from "#base/assert.ts";
import {
  type BucketMeta,
  bucketMetaFromEntry,
  DEFAULT_BUCKET_META,
  DEFAULT_BUCKET_META_ENTRY,
  readSaltEntry,
  SALT_ENTRY_SIZE_BYTES,
  type SaltEntry,
  writeSaltEntry,
} from "#formats/wire/salt-entry.ts";
import { PackedRows } from "./packed-rows.ts";
import { BUCKET_COUNT, isMetadataBucket, metadataBucketOf, metadataSlotOf, TRIE_WIDTH } from "./salt-key.ts";
import type { SaltStore } from "./salt-store.ts";
import { entriesEqual, type SlotChange, type StateUpdates } from "./state-updates.ts";

const REGION_BUCKET_COUNT = 256;

type Bucket = { used: number; readonly segments: Map<number, PackedRows> };
type Region = (Bucket | undefined)[];

/** A full store in memory. */
export class MemorySaltStore implements SaltStore {
  readonly #regions: (Region | undefined)[] = new Array(BUCKET_COUNT / REGION_BUCKET_COUNT);

  /** What a slot holds, null = empty; metadata that equals the default is not stored. */
  entryAt(bucket: number, slot: number): SaltEntry | null {
    const row = this.#bucket(bucket)
      ?.segments.get(Math.floor(slot / TRIE_WIDTH))
      ?.row(slot % TRIE_WIDTH);
    return row === undefined || row === null ? null : readSaltEntry(row, 0);
  }

  /** Metadata of a data bucket. */
  metadata(bucket: number): BucketMeta {
    const entry = this.entryAt(metadataBucketOf(bucket), metadataSlotOf(bucket));
    return entry === null ? DEFAULT_BUCKET_META : bucketMetaFromEntry(entry);
  }

  /** How many slots of a bucket are in use. */
  usedSlots(bucket: number): number {
    return this.#bucket(bucket)?.used ?? 0;
  }

  /** Never anything: probing is as quick here. */
  slotHint(): null {
    return null;
  }

  /**
   * Makes the changes of a batch.
   * @throws {AssertionError} when a slot does not hold what its change begins from; the store is then of no more use
   */
  apply(updates: StateUpdates): void {
    for (const change of updates) this.#change(change);
  }

  /** Every occupied slot by bucket, then slot; stored metadata come first. */
  *entries(): Iterable<{ readonly bucket: number; readonly slot: number; readonly entry: SaltEntry }> {
    for (const [region, buckets] of this.#regions.entries()) {
      for (const [index, content] of (buckets ?? []).entries()) {
        const bucket = region * REGION_BUCKET_COUNT + index;
        for (const segment of [...(content?.segments.keys() ?? [])].sort((a, b) => a - b))
          for (const position of content!.segments.get(segment)!.positions()) {
            const slot = segment * TRIE_WIDTH + position;
            yield { bucket, slot, entry: this.entryAt(bucket, slot)! };
          }
      }
    }
  }

  /** Bytes of entries and the room kept for more. */
  sizeBytes(): number {
    let size = 0;
    for (const region of this.#regions)
      for (const bucket of region ?? []) for (const rows of bucket?.segments.values() ?? []) size += rows.sizeBytes;
    return size;
  }

  #change({ bucket, slot, before, after }: SlotChange): void {
    const isMetadata = isMetadataBucket(bucket);
    const stored = this.entryAt(bucket, slot) ?? (isMetadata ? DEFAULT_BUCKET_META_ENTRY : null);
    assert(entriesEqual(stored, before), () => `slot ${slot} of bucket ${bucket} does not hold what it changes from`);
    if (after === null || (isMetadata && entriesEqual(after, DEFAULT_BUCKET_META_ENTRY))) this.#clear(bucket, slot);
    else this.#put(bucket, slot, after);
  }

  #put(bucket: number, slot: number, entry: SaltEntry): void {
    const region = (this.#regions[Math.floor(bucket / REGION_BUCKET_COUNT)] ??= new Array(REGION_BUCKET_COUNT));
    const content = (region[bucket % REGION_BUCKET_COUNT] ??= { used: 0, segments: new Map() });
    const segment = Math.floor(slot / TRIE_WIDTH);
    let rows = content.segments.get(segment);
    if (rows === undefined) content.segments.set(segment, (rows = new PackedRows(SALT_ENTRY_SIZE_BYTES)));
    const before = rows.count;
    writeSaltEntry(entry, rows.rowForWriting(slot % TRIE_WIDTH), 0);
    content.used += rows.count - before;
  }

  #clear(bucket: number, slot: number): void {
    const content = this.#bucket(bucket);
    const segment = Math.floor(slot / TRIE_WIDTH);
    const rows = content?.segments.get(segment);
    if (content === undefined || rows === undefined) return;
    const before = rows.count;
    rows.delete(slot % TRIE_WIDTH);
    content.used += rows.count - before;
    if (rows.count === 0) content.segments.delete(segment);
  }

  #bucket(bucket: number): Bucket | undefined {
    return this.#regions[Math.floor(bucket / REGION_BUCKET_COUNT)]?.[bucket % REGION_BUCKET_COUNT];
  }
}
