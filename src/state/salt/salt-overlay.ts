// Changes of slots on top of a store that stays as it is. The bucket tables work through it; what a block has changed
// leaves it as `updates`. With reads kept, it also knows every slot that was looked at: what a witness must hold.

import { assert } from "#base/assert.ts";
import { type BucketMeta, bucketMetaEntry, type SaltEntry } from "#formats/wire/salt-entry.ts";
import { metadataBucketOf, metadataSlotOf } from "./salt-key.ts";
import type { SaltStore } from "./salt-store.ts";
import { entriesEqual, StateUpdates } from "./state-updates.ts";

/** How an overlay is opened. */
export type SaltOverlayOptions = {
  /** Whether to remember what was read, besides what was written; off unless told. */
  readonly reads?: "kept" | "forgotten";
};

/** What a batch of changes makes of a store. */
export class SaltOverlay {
  /** What differs from the store. */
  readonly updates: StateUpdates = new StateUpdates();
  readonly #store: SaltStore;
  readonly #keepsReads: boolean;
  readonly #slots = new Map<number, Map<number, SaltEntry | null>>();
  readonly #metadata = new Map<number, BucketMeta>();
  readonly #usedChange = new Map<number, number>();
  /** Rehashed buckets, and the capacity that each has in the store. */
  readonly #rehashed = new Map<number, number>();
  #uncanonical = new Set<number>();

  constructor(store: SaltStore, options: SaltOverlayOptions = {}) {
    this.#store = store;
    this.#keepsReads = options.reads === "kept";
  }

  /** What a slot holds now. @throws {UnwitnessedError} when the store does not know and nothing was written */
  read(bucket: number, slot: number): SaltEntry | null {
    const known = this.#slots.get(bucket)?.get(slot);
    if (known !== undefined) return known;
    const storeCapacity = this.#rehashed.get(bucket);
    // Beyond its capacity a store has nothing, and a witness does not say so: such a slot exists only here.
    if (storeCapacity !== undefined && slot >= storeCapacity) return null;
    const entry = this.#store.entryAt(bucket, slot);
    if (this.#keepsReads) this.#remember(bucket, slot, entry);
    return entry;
  }

  /** A data bucket's metadata now. @throws {UnwitnessedError} when the store does not know and none was written */
  metadata(bucket: number): BucketMeta {
    const known = this.#metadata.get(bucket);
    if (known !== undefined) return known;
    const meta = this.#store.metadata(bucket);
    if (this.#keepsReads) this.#metadata.set(bucket, meta);
    return meta;
  }

  /** Slots in use now; null when the store cannot tell. */
  usedSlots(bucket: number): number | null {
    const stored = this.#store.usedSlots(bucket);
    if (stored === null) return null;
    const used = stored + (this.#usedChange.get(bucket) ?? 0);
    assert(used >= 0, () => `bucket ${bucket} has ${used} slots in use`);
    return used;
  }

  /** Where the store believes a key to be, or null; see `SaltStore.slotHint`. */
  hintedSlot(bucket: number, key: Uint8Array): number | null {
    return this.#store.slotHint(bucket, key);
  }

  /** Changes what a slot holds. `before` is what was read there. */
  write(bucket: number, slot: number, before: SaltEntry | null, after: SaltEntry | null): void {
    if (entriesEqual(before, after)) return;
    this.countUsed(bucket, (after === null ? 0 : 1) - (before === null ? 0 : 1));
    this.move(bucket, slot, before, after);
  }

  /** Changes what a slot holds while entries only change places: the count of slots in use stays. */
  move(bucket: number, slot: number, before: SaltEntry | null, after: SaltEntry | null): void {
    this.updates.record({ bucket, slot, before, after });
    this.#remember(bucket, slot, after);
  }

  /** Corrects the count of slots in use. */
  countUsed(bucket: number, change: number): void {
    if (change !== 0) this.#usedChange.set(bucket, (this.#usedChange.get(bucket) ?? 0) + change);
  }

  /** Changes a bucket's metadata when its table was laid out anew, and marks the bucket as rehashed. */
  setMetadata(bucket: number, before: BucketMeta, after: BucketMeta): void {
    this.#recordMetadata(bucket, before, after);
    this.#metadata.set(bucket, after);
    if (!this.#rehashed.has(bucket)) this.#rehashed.set(bucket, this.#store.metadata(bucket).capacity);
    this.#uncanonical.add(bucket);
  }

  /** Takes a bucket's metadata back to the store's. */
  restoreMetadata(bucket: number): void {
    const before = this.metadata(bucket);
    this.#metadata.delete(bucket);
    this.#recordMetadata(bucket, before, this.metadata(bucket));
  }

  /** The buckets that were rehashed since the last call or `clearRehashed`; the caller owns the set. */
  takeRehashed(): ReadonlySet<number> {
    const taken = this.#uncanonical;
    this.#uncanonical = new Set();
    return taken;
  }

  /** Forgets which buckets were rehashed: their layout is the canonical one. */
  clearRehashed(): void {
    this.#uncanonical.clear();
  }

  /**
   * Every slot that was written or, with reads kept, read, metadata slots among them, as [bucket, slot]; in no order.
   * Slots beyond a bucket's capacity in the store are among them when something was put there.
   */
  *touchedSlots(): Iterable<readonly [bucket: number, slot: number]> {
    for (const bucket of this.#metadata.keys()) yield [metadataBucketOf(bucket), metadataSlotOf(bucket)];
    for (const [bucket, slots] of this.#slots) for (const slot of slots.keys()) yield [bucket, slot];
  }

  #recordMetadata(bucket: number, before: BucketMeta, after: BucketMeta): void {
    this.updates.record({
      bucket: metadataBucketOf(bucket),
      slot: metadataSlotOf(bucket),
      before: bucketMetaEntry(before),
      after: bucketMetaEntry(after),
    });
  }

  #remember(bucket: number, slot: number, entry: SaltEntry | null): void {
    let slots = this.#slots.get(bucket);
    if (slots === undefined) this.#slots.set(bucket, (slots = new Map()));
    slots.set(slot, entry);
  }
}
