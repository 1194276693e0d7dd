// The trie over the bucket tables: from changed slots to changed commitments and the state root. A commitment changes by the changes of
// its children alone, so no sibling is read:
//
//   slots ▸ leaves ▸ inside expanded buckets, level by level ▸ bucket roots ▸ main trie ▸ root, once per EVM block
//
// A bucket that grows or shrinks is worked on in the taller of its two layouts. The top node that is in use has two names: within the
// bucket its logical one, elsewhere the bucket root's, under which its commitment is kept.
//
// @see https://github.com/megaeth-labs/salt, trie/trie.rs

import { assert } from "#base/assert.ts";
import { concatBytes } from "#base/bytes.ts";
import type { Banderwagon } from "#crypto/banderwagon/banderwagon.ts";
import { bucketMetaFromEntry } from "#formats/wire/salt-entry.ts";
import { DefaultCommitments } from "./default-commitments.ts";
import {
  bucketRootId,
  levelOf,
  logicalRootId,
  type NodeId,
  parentOf,
  positionInParent,
  ROOT_NODE_ID,
  SUBTREE_LEVELS,
  segmentId,
  subtreeBucketOf,
  subtreeLevelCount,
} from "./node-ids.ts";
import { BUCKET_CAPACITY_MIN, describedBucket, isMetadataBucket, TRIE_WIDTH } from "./salt-key.ts";
import { scalarAt, slotScalar } from "./slot-scalar.ts";
import type { SlotChange } from "./state-updates.ts";

/** Where commitments are kept. */
export interface CommitmentStore {
  /** The plain point of a node, 64 bytes; null where none was stored: it is the default one. */
  commitment(id: NodeId): Uint8Array | null;
  /** Slots of a bucket before the changes that are not stored yet. */
  capacity(bucket: number): number;
}

/** A node whose commitment is another: plain points of 64 bytes. */
export type NodeChange = { readonly id: NodeId; readonly before: Uint8Array; readonly after: Uint8Array };

/** What a block has done to the trie. */
export type TrieUpdate = {
  /** The state root, 32 bytes as in the header. */
  readonly root: Uint8Array;
  /** Each node once. */
  readonly nodes: readonly NodeChange[];
};

/** The same, and what the new commitment counts as in the parent. */
type Result = NodeChange & { readonly scalar: Uint8Array };

/** Levels of a bucket's own tree before and after, and the larger of both. */
type Layout = { readonly before: number; readonly after: number; readonly tall: number };

const POINT_SIZE_BYTES = 64;

/** See the head of the file. */
export class SaltTrie {
  readonly #scheme: Banderwagon;
  readonly #defaults: DefaultCommitments;
  readonly #store: CommitmentStore;
  /** Of the block so far: the first commitment before and the last after. */
  readonly #changes = new Map<NodeId, NodeChange>();
  readonly #capacities = new Map<number, number>();

  constructor(scheme: Banderwagon, store: CommitmentStore) {
    this.#scheme = scheme;
    this.#defaults = new DefaultCommitments(scheme);
    this.#store = store;
  }

  /** Takes in changes, in their order with those before; everything below the root follows. */
  update(changes: Iterable<SlotChange>): void {
    const all = [...changes];
    const layouts = this.#layoutsOf(all);
    const tops = this.#updateBuckets(all, layouts);
    let level = new LevelChanges();
    this.#addDeltas(level, tops);
    for (; level.size > 0 && !level.has(ROOT_NODE_ID); ) {
      const results = this.#apply(level, (id) => this.#current(id));
      for (const result of results) this.#record(result);
      level = new LevelChanges();
      this.#addDeltas(level, results);
    }
  }

  /** Brings the root up to date and begins the next block: what changed is to be stored by then. */
  finish(): TrieUpdate {
    const below = [...this.#changes.values()].filter(({ id }) => subtreeBucketOf(id) === 0 && levelOf(id) === 1);
    const level = new LevelChanges();
    const scalars =
      below.length === 0
        ? new Uint8Array(0)
        : this.#scheme.mapToScalars(concatBytes(...below.map(({ after }) => after)));
    this.#addDeltas(
      level,
      below.map((change, i) => ({ ...change, scalar: scalarAt(scalars, i) })),
    );
    for (const result of this.#apply(level, (id) => this.#current(id))) this.#record(result);
    const nodes = [...this.#changes.values()];
    const root = this.#scheme.mapToScalars(this.#current(ROOT_NODE_ID));
    this.#changes.clear();
    this.#capacities.clear();
    return { root, nodes };
  }

  #layoutsOf(changes: readonly SlotChange[]): Map<number, Layout> {
    const layouts = new Map<number, Layout>();
    const note = (bucket: number, capacity: number) => {
      const before = subtreeLevelCount(this.#capacities.get(bucket) ?? this.#store.capacity(bucket));
      const after = subtreeLevelCount(capacity);
      layouts.set(bucket, { before, after, tall: Math.max(before, after) });
    };
    for (const { bucket } of changes) {
      if (layouts.has(bucket)) continue;
      note(
        bucket,
        isMetadataBucket(bucket) ? BUCKET_CAPACITY_MIN : (this.#capacities.get(bucket) ?? this.#store.capacity(bucket)),
      );
    }
    for (const { bucket, slot, after } of changes) {
      if (!isMetadataBucket(bucket)) continue;
      assert(after !== null, "metadata is never empty");
      const described = describedBucket(bucket, slot);
      const { capacity } = bucketMetaFromEntry(after);
      note(described, capacity);
      this.#capacities.set(described, capacity);
    }
    return layouts;
  }

  /** Everything below the bucket roots. @returns the bucket roots that changed */
  #updateBuckets(changes: readonly SlotChange[], layouts: ReadonlyMap<number, Layout>): Result[] {
    const layoutOf = (bucket: number) => layouts.get(bucket)!;
    let level = this.#leavesOf(changes, layoutOf);
    const tops: Result[] = [];
    for (let depth = SUBTREE_LEVELS - 1; depth >= 0; depth--) {
      for (const [bucket, { before, after }] of layouts) {
        // Where the top moves, the old one and the new one take part, changed or not.
        if (before === after) continue;
        for (const levels of [before, after]) {
          if (SUBTREE_LEVELS - levels === depth) level.add(logicalRootId(bucket, depth));
        }
      }
      const results = this.#apply(level, (id) => this.#currentIn(id, layoutOf));
      const below: Result[] = [];
      for (const result of results) this.#settle(result, layoutOf, tops, below);
      level = new LevelChanges();
      this.#addDeltas(level, below);
    }
    for (const top of tops) this.#record(top);
    return tops;
  }

  /** Names what a node of a bucket has become: a top, or a node of its own; the level above hears of it. */
  #settle(
    { id, before, after, scalar }: Result,
    layoutOf: (bucket: number) => Layout,
    tops: Result[],
    below: Result[],
  ): void {
    const bucket = subtreeBucketOf(id);
    // The root of a bucket that has no tree of its own.
    if (bucket === 0) {
      tops.push({ id, before, after, scalar });
      return;
    }
    const layout = layoutOf(bucket);
    const level = levelOf(id);
    const [oldTop, newTop] = [SUBTREE_LEVELS - layout.before, SUBTREE_LEVELS - layout.after];
    const isAt = (top: number) => level === top && id === logicalRootId(bucket, top);
    const isOutside = level < newTop;
    if (isAt(newTop)) {
      const main = bucketRootId(bucket);
      tops.push({ id: main, before: this.#current(main), after, scalar });
      if (!isAt(oldTop)) this.#record({ id, before, after: this.#defaults.pointOf(id) });
    } else {
      const was = isAt(oldTop) ? this.#defaults.pointOf(id) : before;
      if (!(isOutside && isAt(oldTop))) {
        this.#record({ id, before: was, after: isOutside ? this.#defaults.pointOf(id) : after });
      }
    }
    if (level === SUBTREE_LEVELS - layout.tall) return;
    // Towards its parent, which is new, an old top was not there.
    below.push({ id, before: isAt(oldTop) ? this.#defaults.pointOf(id) : before, after, scalar });
  }

  #leavesOf(changes: readonly SlotChange[], layoutOf: (bucket: number) => Layout): LevelChanges {
    const level = new LevelChanges();
    if (changes.length === 0) return level;
    const scalarsOf = (side: "before" | "after") => concatBytes(...changes.map((change) => slotScalar(change[side])));
    const deltas = this.#scheme.subtractScalars(scalarsOf("after"), scalarsOf("before"));
    for (const [i, { bucket, slot }] of changes.entries()) {
      const leaf = layoutOf(bucket).tall === 1 ? bucketRootId(bucket) : segmentId(bucket, slot);
      level.add(leaf, slot % TRIE_WIDTH, scalarAt(deltas, i));
    }
    return level;
  }

  /** What changed nodes mean for those above. */
  #addDeltas(level: LevelChanges, results: readonly Result[]): void {
    if (results.length === 0) return;
    const before = this.#scheme.mapToScalars(concatBytes(...results.map((result) => result.before)));
    const deltas = this.#scheme.subtractScalars(concatBytes(...results.map(({ scalar }) => scalar)), before);
    for (const [i, { id }] of results.entries()) level.add(parentOf(id), positionInParent(id), scalarAt(deltas, i));
  }

  #apply(level: LevelChanges, commitmentOf: (id: NodeId) => Uint8Array): Result[] {
    const ids = [...level.ids()];
    if (ids.length === 0) return [];
    const before = ids.map(commitmentOf);
    const { points, scalars } = this.#scheme.applyDeltas({ commitments: concatBytes(...before), ...level.batch() });
    return ids.map((id, i) => {
      const after = points.slice(i * POINT_SIZE_BYTES, (i + 1) * POINT_SIZE_BYTES);
      return { id, before: before[i]!, after, scalar: scalarAt(scalars, i) };
    });
  }

  /** The commitment, before the changes, of a node by its logical name in the taller layout. */
  #currentIn(id: NodeId, layoutOf: (bucket: number) => Layout): Uint8Array {
    const bucket = subtreeBucketOf(id);
    if (bucket === 0) return this.#current(id);
    const oldTop = SUBTREE_LEVELS - layoutOf(bucket).before;
    const level = levelOf(id);
    if (level < oldTop) return this.#defaults.pointOf(id);
    return id === logicalRootId(bucket, oldTop) ? this.#current(bucketRootId(bucket)) : this.#current(id);
  }

  #current(id: NodeId): Uint8Array {
    return this.#changes.get(id)?.after ?? this.#store.commitment(id) ?? this.#defaults.pointOf(id);
  }

  #record({ id, before, after }: NodeChange): void {
    this.#changes.set(id, { id, before: this.#changes.get(id)?.before ?? before, after });
  }
}

/** Nodes of a level with the changes of their children. */
class LevelChanges {
  readonly #places = new Map<NodeId, number>();
  readonly #nodes: number[] = [];
  readonly #children: number[] = [];
  readonly #deltas: Uint8Array[] = [];

  get size(): number {
    return this.#places.size;
  }

  has(id: NodeId): boolean {
    return this.#places.has(id);
  }

  ids(): Iterable<NodeId> {
    return this.#places.keys();
  }

  /** Takes a node in, and the change of one of its children, if there is one. */
  add(id: NodeId, child?: number, delta?: Uint8Array): void {
    let place = this.#places.get(id);
    if (place === undefined) this.#places.set(id, (place = this.#places.size));
    if (child === undefined || delta === undefined) return;
    this.#nodes.push(place);
    this.#children.push(child);
    this.#deltas.push(delta);
  }

  batch(): { readonly nodes: Uint32Array; readonly children: Uint8Array; readonly deltas: Uint8Array } {
    return {
      nodes: Uint32Array.from(this.#nodes),
      children: Uint8Array.from(this.#children),
      deltas: concatBytes(...this.#deltas),
    };
  }
}
