// The state as a verified witness shows it, for the bucket tables and for the trie. What the witness does not show is an
// error, never nothing; only what lies behind a shown capacity is known not to exist.

import { toBareHex } from "#base/hex.ts";
import { type BucketMeta, bucketMetaFromEntry, type SaltEntry } from "#formats/wire/salt-entry.ts";
import {
  LEVEL_START,
  levelOf,
  localNumber,
  type NodeId,
  SUBTREE_LEVELS,
  subtreeBucketOf,
  subtreeRootLevel,
} from "./node-ids.ts";
import {
  bucketOfSaltKey,
  isMetadataBucket,
  metadataBucketOf,
  metadataSlotOf,
  saltKey,
  slotOfSaltKey,
  TRIE_WIDTH,
} from "./salt-key.ts";
import { type SaltStore, UnwitnessedError } from "./salt-store.ts";
import type { NodeSource } from "./salt-trie.ts";
import type { VerifiedWitness } from "./verify-witness.ts";

/** A node that the witness does not show. */
export class UnwitnessedNodeError extends Error {
  override readonly name = "UnwitnessedNodeError";
  readonly id: NodeId;

  constructor(id: NodeId) {
    super(`the witness does not cover node ${id}`);
    this.id = id;
  }
}

type BucketCounts = { shown: number; used: number };

/** Slots, metadata and nodes of a witness. */
export class WitnessState<Node> implements SaltStore, NodeSource<Node> {
  readonly #witness: VerifiedWitness<Node>;
  readonly #counts = new Map<number, BucketCounts>();
  readonly #hints = new Map<string, number>();

  constructor(witness: VerifiedWitness<Node>) {
    this.#witness = witness;
    for (const [key, entry] of witness.slots) {
      const bucket = bucketOfSaltKey(key);
      if (isMetadataBucket(bucket)) continue;
      const counts = this.#counts.get(bucket) ?? { shown: 0, used: 0 };
      this.#counts.set(bucket, { shown: counts.shown + 1, used: counts.used + (entry === null ? 0 : 1) });
      if (entry !== null) this.#hints.set(toBareHex(entry.key), slotOfSaltKey(key));
    }
  }

  entryAt(bucket: number, slot: number): SaltEntry | null {
    const entry = this.#witness.slots.get(saltKey(bucket, slot));
    if (entry === undefined) throw new UnwitnessedError("slot", bucket, slot);
    return entry;
  }

  metadata(bucket: number): BucketMeta {
    const entry = this.#witness.slots.get(saltKey(metadataBucketOf(bucket), metadataSlotOf(bucket)));
    if (entry === undefined || entry === null) throw new UnwitnessedError("metadata", bucket);
    return bucketMetaFromEntry(entry);
  }

  usedSlots(bucket: number): number | null {
    const counts = this.#counts.get(bucket);
    const capacity = this.#witness.capacities.get(bucket);
    return counts === undefined || capacity === undefined || counts.shown < capacity ? null : counts.used;
  }

  slotHint(_bucket: number, key: Uint8Array): number | null {
    return this.#hints.get(toBareHex(key)) ?? null;
  }

  node(id: NodeId): Node | null {
    const node = this.#witness.nodes.get(id);
    if (node !== undefined) return node;
    if (this.#isBehindCapacity(id)) return null;
    throw new UnwitnessedNodeError(id);
  }

  levelCount(bucket: number): number {
    const levelCount = this.#witness.levels.get(bucket);
    if (levelCount === undefined) throw new UnwitnessedError("metadata", bucket);
    return levelCount;
  }

  // Such a node was never written: one above the bucket's top node, which has another name, or over slots too far out.
  #isBehindCapacity(id: NodeId): boolean {
    const capacity = this.#witness.capacities.get(subtreeBucketOf(id));
    if (capacity === undefined) return false;
    const level = levelOf(id);
    if (level <= subtreeRootLevel(capacity)) return true;
    const firstSlot = (localNumber(id) - LEVEL_START[level]!) * TRIE_WIDTH ** (SUBTREE_LEVELS - level);
    return firstSlot >= capacity;
  }
}
