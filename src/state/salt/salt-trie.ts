// SALT's trie over the bucket tables: from changed slots to changed nodes and the state root, with nothing read but the
// nodes on the changed paths.
//
//   slots ─▶ segments (level 4 of a bucket's own tree) ─▶ … ─▶ bucket root = level 3 of the main trie ─▶ 2 ─▶ 1 ║ root
//
// Levels are worked through one at a time, all buckets side by side. `update` may be called for parts of a block; what
// crosses the deferred line (║) waits for `finalize`, once per block. A bucket that grows gets its taller tree first, with
// its old root where the new tree has it; one that shrinks is emptied outside its new range first, and then cut.

import { assert, must } from "#base/assert.ts";
import { DefaultNodes } from "./default-nodes.ts";
import { type LayoutChange, layoutChanges } from "./layout-changes.ts";
import {
  bucketRootId,
  LEVEL_START,
  logicalRootId,
  MAIN_TRIE_LEVELS,
  type NodeId,
  ROOT_NODE_ID,
  SUBTREE_LEVELS,
  subtreeNodeId,
} from "./node-ids.ts";
import { isMetadataBucket, TRIE_WIDTH } from "./salt-key.ts";
import type { SlotChange } from "./state-updates.ts";
import { groupByNode, mergeChanges, type NodeGroup, type ValueChange } from "./value-changes.ts";
import { type VectorCommitment, valueAt } from "./vector-commitment.ts";

/** Where the trie reads nodes of the state before its updates. */
export interface NodeSource<Node> {
  /** A node, or null where none was ever written. @throws when the source cannot know */
  node(id: NodeId): Node | null;
  /** Levels of a bucket's own tree, 1 to 5. */
  levelCount(bucket: number): number;
}

/** A node before and after; equal at times. */
export type NodeUpdate<Node> = { readonly old: Node; readonly new: Node };

/** What a block did to the trie. */
export type TrieUpdates<Node> = {
  /** 32 bytes. */
  readonly root: Uint8Array;
  /** Every touched node by its id; bucket roots under their ids in the main trie. */
  readonly nodes: ReadonlyMap<NodeId, NodeUpdate<Node>>;
};

const SEGMENT_LEVEL = SUBTREE_LEVELS - 1;
const BUCKET_ROOT_LEVEL = MAIN_TRIE_LEVELS - 1;

/** Updates over a source, block after block: the source must hold a block's nodes before the next block's first update. */
export class SaltTrie<Node> {
  readonly #scheme: VectorCommitment<Node>;
  readonly #source: NodeSource<Node>;
  readonly #defaults: DefaultNodes<Node>;
  readonly #deferredLevelCount: number;
  #nodes = new Map<NodeId, NodeUpdate<Node>>();
  /** Levels of the top nodes of buckets whose trees were given another height. */
  #rootLevels = new Map<number, number>();
  #deferred: ValueChange[] = [];

  /** @param deferredLevelCount levels of the main trie, from the root down, left to `finalize`: 1 to 3 */
  constructor(scheme: VectorCommitment<Node>, source: NodeSource<Node>, deferredLevelCount = 1) {
    assert(deferredLevelCount >= 1 && deferredLevelCount <= BUCKET_ROOT_LEVEL, "1 to 3 levels are deferred");
    this.#scheme = scheme;
    this.#source = source;
    this.#defaults = new DefaultNodes(scheme);
    this.#deferredLevelCount = deferredLevelCount;
  }

  /** Takes slot changes in, each slot once; what a slot was fits what it became in an earlier call of the block. */
  update(slots: readonly SlotChange[]): void {
    const layouts = layoutChanges(slots);
    const grown = layouts.filter((layout) => layout.newRootLevel < layout.oldRootLevel);
    const shrunk = layouts.filter((layout) => layout.newRootLevel > layout.oldRootLevel);
    const roots = grown.map((layout) => this.#grow(layout));
    roots.push(...this.#updateBuckets(this.#slotValues(slots)));
    for (const layout of shrunk) roots.push(this.#shrink(layout));
    let changes = mergeChanges(roots);
    for (let level = BUCKET_ROOT_LEVEL - 1; level >= this.#deferredLevelCount; level--) {
      changes = this.#updateMainLevel(changes, level);
    }
    this.#deferred = mergeChanges([...this.#deferred, ...changes]);
  }

  /** Brings the deferred levels up to date: the end of a block. */
  finalize(): TrieUpdates<Node> {
    let changes = this.#deferred;
    for (let level = this.#deferredLevelCount - 1; level >= 0; level--) {
      changes = this.#updateMainLevel(changes, level);
    }
    const root = this.#scheme.values([this.#current(ROOT_NODE_ID)]);
    const nodes = this.#nodes;
    this.#nodes = new Map();
    this.#rootLevels = new Map();
    this.#deferred = [];
    return { root, nodes };
  }

  #slotValues(slots: readonly SlotChange[]): ValueChange[] {
    const entries = slots.flatMap(({ bucket, ...slot }) => {
      const empty = this.#defaults.entryOf(bucket);
      return [slot.before ?? empty, slot.after ?? empty];
    });
    const values = this.#scheme.slotValues(entries);
    return mergeChanges(
      slots.map(({ bucket, slot }, i) => {
        return { bucket, index: slot, old: valueAt(values, 2 * i), new: valueAt(values, 2 * i + 1) };
      }),
    );
  }

  // All levels of the buckets' own trees, side by side. Returns the changes of bucket roots as children above.
  #updateBuckets(slots: readonly ValueChange[]): ValueChange[] {
    const roots: ValueChange[] = [];
    let changes = slots;
    for (let level = SEGMENT_LEVEL; level >= 0 && changes.length > 0; level--) {
      const isRoot = (bucket: number) => level === this.#rootLevelOf(bucket);
      const made = this.#applyTo(groupByNode(changes), ({ bucket, index }) => {
        return isRoot(bucket) ? bucketRootId(bucket) : subtreeNodeId(bucket, LEVEL_START[level]! + index);
      });
      for (const change of made) if (isRoot(change.bucket)) roots.push({ ...change, bucket: 0, index: change.bucket });
      changes = made.filter(({ bucket }) => !isRoot(bucket));
    }
    assert(changes.length === 0, "every bucket's changes end at its root");
    return roots;
  }

  #updateMainLevel(changes: readonly ValueChange[], level: number): ValueChange[] {
    return this.#applyTo(groupByNode(changes), ({ index }) => BigInt(LEVEL_START[level]! + index) as NodeId);
  }

  // Changes nodes, and tells what that changes above them.
  #applyTo(groups: readonly NodeGroup[], idOf: (group: NodeGroup) => NodeId): ValueChange[] {
    if (groups.length === 0) return [];
    const ids = groups.map(idOf);
    const nodes = ids.map((id) => this.#current(id));
    const made = this.#scheme.update(
      groups.map(({ changes }, i) => ({
        node: nodes[i]!,
        positions: changes.map(({ index }) => index % TRIE_WIDTH),
        oldValues: changes.map((change) => change.old),
        newValues: changes.map((change) => change.new),
      })),
    );
    const oldValues = this.#scheme.values(nodes);
    return groups.map(({ bucket, index }, i) => {
      this.#set(ids[i]!, made.nodes[i]!);
      return { bucket, index, old: valueAt(oldValues, i), new: valueAt(made.values, i) };
    });
  }

  // The old root becomes the first node of its level in the taller tree, whose other nodes were never written.
  #grow({ bucket, oldRootLevel, newRootLevel }: LayoutChange): ValueChange {
    assert(this.#rootLevelOf(bucket) === oldRootLevel, () => `bucket ${bucket} has another height`);
    const oldRoot = this.#current(bucketRootId(bucket));
    let node = oldRoot;
    for (let level = oldRootLevel; level > newRootLevel; level--) {
      this.#set(logicalRootId(bucket, level), node);
      const values = this.#scheme.values([this.#defaults.ofSubtree(level), node]);
      const change = { positions: [0], oldValues: [valueAt(values, 0)], newValues: [valueAt(values, 1)] };
      const above = this.#defaults.ofSubtree(level - 1);
      node = must(this.#scheme.update([{ node: above, ...change }]).nodes[0], "a changed node");
    }
    return this.#replaceRoot(bucket, newRootLevel, node);
  }

  // A node of the old tree becomes the root; those that led to it are as if never written.
  #shrink({ bucket, oldRootLevel, newRootLevel }: LayoutChange): ValueChange {
    assert(this.#rootLevelOf(bucket) === oldRootLevel, () => `bucket ${bucket} has another height`);
    const node = this.#current(logicalRootId(bucket, newRootLevel));
    for (let level = newRootLevel; level > oldRootLevel; level--) {
      this.#set(logicalRootId(bucket, level), this.#defaults.ofSubtree(level));
    }
    return this.#replaceRoot(bucket, newRootLevel, node);
  }

  #replaceRoot(bucket: number, rootLevel: number, node: Node): ValueChange {
    const id = bucketRootId(bucket);
    const values = this.#scheme.values([this.#current(id), node]);
    this.#rootLevels.set(bucket, rootLevel);
    this.#set(id, node);
    return { bucket: 0, index: bucket, old: valueAt(values, 0), new: valueAt(values, 1) };
  }

  #rootLevelOf(bucket: number): number {
    if (isMetadataBucket(bucket)) return SEGMENT_LEVEL;
    return this.#rootLevels.get(bucket) ?? SUBTREE_LEVELS - this.#source.levelCount(bucket);
  }

  #current(id: NodeId): Node {
    return this.#nodes.get(id)?.new ?? this.#source.node(id) ?? this.#defaults.of(id);
  }

  #set(id: NodeId, node: Node): void {
    const before = this.#nodes.get(id);
    this.#nodes.set(id, { old: before === undefined ? this.#current(id) : before.old, new: node });
  }
}
