// What a witness opens: from the slots it shows, every node on the way up to the root, and the order in which a proof
// takes them. First the nodes above others, then the leaves; each by node id, the places of a node ascending. The top node
// of an expanded bucket has two names, and is sorted by a third: its main-trie id with its levels in bits 33 to 35.

import { must } from "#base/assert.ts";
import { bucketRootId, type NodeId, parentOf, positionInParent, ROOT_NODE_ID, segmentId } from "./node-ids.ts";
import { bucketOfSaltKey, type SaltKey, slotOfSaltKey, TRIE_WIDTH } from "./salt-key.ts";
import type { Openings } from "./vector-commitment.ts";

/** One opening: a value of a node, and what it is the value of. */
export type WitnessOpening = {
  readonly node: NodeId;
  /** Which of the node's 256 values. */
  readonly position: number;
  readonly shows: { readonly child: NodeId } | { readonly slot: SaltKey };
};

const LEVELS_SHIFT = 33n;
const LEVELS_AT_LEAST_ENCODED = 2;

/**
 * The openings for slots, in the order of a proof.
 * @param keys ascending, each once
 * @param levelCountOf levels of a bucket's own tree
 */
export function witnessOpenings(keys: readonly SaltKey[], levelCountOf: (bucket: number) => number): WitnessOpening[] {
  const above = new OpenedNodes();
  const leaves = new OpenedNodes();
  let bucketBefore = -1;
  for (const key of keys) {
    const [bucket, slot] = [bucketOfSaltKey(key), slotOfSaltKey(key)];
    const levelCount = levelCountOf(bucket);
    if (bucket !== bucketBefore) openPathToRoot(bucketRootId(bucket), above);
    bucketBefore = bucket;
    const leaf = levelCount === 1 ? bucketRootId(bucket) : segmentId(bucket, slot);
    leaves.open({ node: leaf, position: slot % TRIE_WIDTH, shows: { slot: key } });
    if (levelCount >= LEVELS_AT_LEAST_ENCODED) openPathInBucket({ bucket, leaf, levelCount }, above);
  }
  return [...above.sorted(), ...leaves.sorted()];
}

/** The nodes that openings are of, ascending: exactly those whose commitments a witness carries. */
export function openedNodeIds(openings: readonly WitnessOpening[]): NodeId[] {
  return [...new Set(openings.map(({ node }) => node))].sort((a, b) => (a < b ? -1 : 1));
}

/** Openings by the index of their node. @param indices of all opened nodes among `nodes` */
export function placesOf<Node>(
  openings: readonly WitnessOpening[],
  indices: ReadonlyMap<NodeId, number>,
  nodes: readonly Node[],
): Openings<Node> {
  return {
    nodes,
    nodeOf: Uint32Array.from(openings, ({ node }) => indices.get(node)!),
    positions: Uint8Array.from(openings, ({ position }) => position),
  };
}

function openPathToRoot(bucketRoot: NodeId, above: OpenedNodes): void {
  for (let id = bucketRoot; id !== ROOT_NODE_ID; id = parentOf(id)) above.openChild(parentOf(id), id);
}

type BucketPath = { readonly bucket: number; readonly leaf: NodeId; readonly levelCount: number };

function openPathInBucket({ bucket, leaf, levelCount }: BucketPath, above: OpenedNodes): void {
  let id = leaf;
  for (let level = LEVELS_AT_LEAST_ENCODED; level < levelCount; level++, id = parentOf(id)) {
    above.openChild(parentOf(id), id);
  }
  const root = bucketRootId(bucket);
  const sortKey = root | (BigInt(levelCount) << LEVELS_SHIFT);
  above.open({ node: root, position: positionInParent(id), shows: { child: id } }, sortKey);
}

/** Openings by node, each once. */
class OpenedNodes {
  readonly #nodes = new Map<bigint, Map<number, WitnessOpening>>();

  open(opening: WitnessOpening, sortKey: bigint = opening.node): void {
    let positions = this.#nodes.get(sortKey);
    if (positions === undefined) this.#nodes.set(sortKey, (positions = new Map()));
    if (!positions.has(opening.position)) positions.set(opening.position, opening);
  }

  openChild(node: NodeId, child: NodeId): void {
    this.open({ node, position: positionInParent(child), shows: { child } });
  }

  sorted(): WitnessOpening[] {
    const ids = [...this.#nodes.keys()].sort((a, b) => (a < b ? -1 : 1));
    return ids.flatMap((id) => {
      const positions = must(this.#nodes.get(id), "a node");
      return [...positions.values()].sort((a, b) => a.position - b.position);
    });
  }
}
