// Which children of which nodes the proof of a witness opens, and in which order. Every slot is opened in its leaf, and every node on
// the way from there up to the root in its parent. Nodes are named by number; only the root of a bucket that has a tree of its own
// is ordered by another number, as MegaETH does: its place in the main trie with the count of levels above.
//
//   inner nodes, ascending: children by position, as scalars      then leaves, ascending: slots by position, as scalars
// @see https://github.com/megaeth-labs/salt, proof/prover.rs; facts in the order of the transcript

import type { BucketLevels, WitnessSlot } from "#formats/wire/salt-witness.ts";
import {
  bucketRootId,
  childOf,
  logicalRootId,
  type NodeId,
  parentOf,
  positionInParent,
  ROOT_NODE_ID,
  SUBTREE_LEVELS,
  segmentId,
} from "./node-ids.ts";
import { bucketOfSaltKey, type SaltKey, slotOfSaltKey, TRIE_WIDTH } from "./salt-key.ts";

/** A child that is opened: a node, by its number, or a slot, by its place in the witness. */
export type OpenedChild =
  | { readonly kind: "node"; readonly id: NodeId }
  | { readonly kind: "slot"; readonly index: number };

/** One opening: the node whose commitment is opened, the child's position, the child. */
export type Opening = { readonly node: NodeId; readonly position: number; readonly child: OpenedChild };

/** Where the count of levels goes in the number that orders an expanded bucket's root. */
const LEVELS_SHIFT = 33n;

/**
 * The openings of a witness, in the order of its proof.
 * @param slots ascending by key
 * @param levels of every bucket among the slots
 */
export function witnessOpenings(slots: readonly WitnessSlot[], levels: readonly BucketLevels[]): Opening[] {
  const levelsOf = new Map(levels.map(({ bucket, levels: count }) => [bucket, count]));
  const [inner, leaves] = [new OpenedNodes(), new OpenedNodes()];
  for (const [index, { key }] of slots.entries()) {
    const [bucket, slot] = [bucketOfSaltKey(key as SaltKey), slotOfSaltKey(key as SaltKey)];
    const levelCount = levelsOf.get(bucket) ?? 1;
    openWayUp(inner, bucketRootId(bucket));
    const leaf = levelCount === 1 ? bucketRootId(bucket) : segmentId(bucket, slot);
    leaves.open(leaf, leaf, slot % TRIE_WIDTH, { kind: "slot", index });
    if (levelCount > 1) openSubtree(inner, bucket, leaf, levelCount);
  }
  return [...inner.inOrder(), ...leaves.inOrder()];
}

/** From a node of the main trie up to the root. */
function openWayUp(inner: OpenedNodes, from: NodeId): void {
  for (let id = from; id !== ROOT_NODE_ID; id = parentOf(id)) {
    inner.open(parentOf(id), parentOf(id), positionInParent(id), { kind: "node", id });
  }
}

/** From a segment up to the root of its bucket's tree. */
function openSubtree(inner: OpenedNodes, bucket: number, segment: NodeId, levelCount: number): void {
  let id = segment;
  for (let level = 2; level < levelCount; level++, id = parentOf(id)) {
    inner.open(parentOf(id), parentOf(id), positionInParent(id), { kind: "node", id });
  }
  const root = bucketRootId(bucket);
  const order = root | (BigInt(levelCount) << LEVELS_SHIFT);
  const child = childOf(logicalRootId(bucket, SUBTREE_LEVELS - levelCount), positionInParent(id));
  inner.open(order, root, positionInParent(id), { kind: "node", id: child });
}

/** Opened nodes by the number that orders them, each with its children by position. */
class OpenedNodes {
  readonly #nodes = new Map<bigint, { readonly node: NodeId; readonly children: Map<number, OpenedChild> }>();

  open(order: bigint, node: NodeId, position: number, child: OpenedChild): void {
    const known = this.#nodes.get(order);
    if (known === undefined) this.#nodes.set(order, { node, children: new Map([[position, child]]) });
    else known.children.set(position, child);
  }

  *inOrder(): Generator<Opening> {
    const orders = [...this.#nodes.keys()].sort((a, b) => (a < b ? -1 : 1));
    for (const order of orders) {
      const { node, children } = this.#nodes.get(order)!;
      const positions = [...children.keys()].sort((a, b) => a - b);
      for (const position of positions) yield { node, position, child: children.get(position)! };
    }
  }
}
