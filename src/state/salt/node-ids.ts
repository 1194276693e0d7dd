// Numbers of SALT's trie nodes, and how to get from one to another. Nodes are numbered breadth first, level by level:
//
//   main trie     0 | 1 .. 256 | 257 .. 65,792 | 65,793 .. 16,843,008      root, then down to the bucket roots
//   bucket b      b << 40 | the same numbering, five levels; level 4 holds the segments of 256 slots
//
// An expanded bucket uses the lowest levels of its own tree that its capacity needs. The top node in use has two names:
// inside the bucket's tree its logical one, everywhere else (stored, proven, above) the bucket root's main-trie number.

import { assert } from "#base/assert.ts";
import type { Brand } from "#base/brand.ts";
import { BUCKET_CAPACITY_MIN, BUCKET_COUNT, METADATA_BUCKET_COUNT, TRIE_WIDTH } from "./salt-key.ts";

/** Number of a trie node, 64 bits. */
export type NodeId = Brand<bigint, "NodeId">;

/** The root of the main trie. */
export const ROOT_NODE_ID: NodeId = 0n as NodeId;
/** Levels of the main trie: root 0, bucket roots 3. */
export const MAIN_TRIE_LEVELS = 4;
/** Levels of a bucket's own tree: segments are always at level 4. */
export const SUBTREE_LEVELS = 5;
/** Number of the first node of each level, in the main trie and in a bucket's tree. */
export const LEVEL_START: readonly number[] = [0, 1, 257, 65_793, 16_843_009];

const LOCAL_BITS = 40;
const BUCKET_ROOT_START = LEVEL_START[MAIN_TRIE_LEVELS - 1]!;
const SEGMENT_START = LEVEL_START[SUBTREE_LEVELS - 1]!;

/** The bucket whose own tree a node is in, or 0 for a node of the main trie. */
export function subtreeBucketOf(id: NodeId): number {
  return Number(id >> BigInt(LOCAL_BITS));
}

/** The number of a node within its tree: exact, below 2^33 for every node that exists. */
export function localNumber(id: NodeId): number {
  return Number(BigInt.asUintN(LOCAL_BITS, id));
}

/** The node with number `local` in a bucket's own tree. */
export function subtreeNodeId(bucket: number, local: number): NodeId {
  assert(bucket >= METADATA_BUCKET_COUNT && bucket < BUCKET_COUNT, "a data bucket has a tree of its own");
  return ((BigInt(bucket) << BigInt(LOCAL_BITS)) | BigInt(local)) as NodeId;
}

/** The main-trie node of a bucket: it carries the commitment to the whole bucket, whatever its capacity. */
export function bucketRootId(bucket: number): NodeId {
  assert(bucket >= 0 && bucket < BUCKET_COUNT, "bucket id");
  return BigInt(BUCKET_ROOT_START + bucket) as NodeId;
}

/** The bucket of a level-3 node of the main trie, or null when the node is another one. */
export function bucketOfRootId(id: NodeId): number | null {
  if (id < BigInt(BUCKET_ROOT_START) || id >= BigInt(BUCKET_ROOT_START + BUCKET_COUNT)) return null;
  return Number(id) - BUCKET_ROOT_START;
}

/** The segment that holds a slot of an expanded bucket. */
export function segmentId(bucket: number, slot: number): NodeId {
  return subtreeNodeId(bucket, SEGMENT_START + Math.floor(slot / TRIE_WIDTH));
}

/** The first slot of a segment. */
export function firstSlotOfSegment(id: NodeId): number {
  assert(levelOf(id) === SUBTREE_LEVELS - 1, "a segment");
  return (localNumber(id) - SEGMENT_START) * TRIE_WIDTH;
}

/** The level of a node in its tree, 0 at the top. */
export function levelOf(id: NodeId): number {
  return levelOfLocal(localNumber(id));
}

/** Which child of its parent a node is, 0 to 255; 0 for a tree's top. */
export function positionInParent(id: NodeId): number {
  const local = localNumber(id);
  return (local - LEVEL_START[levelOfLocal(local)]!) % TRIE_WIDTH;
}

/** The parent in the same tree. @throws {AssertionError} when the node is at level 0 */
export function parentOf(id: NodeId): NodeId {
  const local = localNumber(id);
  const level = levelOfLocal(local);
  assert(level > 0, "the top of a tree has no parent");
  const parent = LEVEL_START[level - 1]! + Math.floor((local - LEVEL_START[level]!) / TRIE_WIDTH);
  return (id - BigInt(local) + BigInt(parent)) as NodeId;
}

/** The child at a position in the same tree. @throws {AssertionError} when the node is at the last level of all */
export function childOf(id: NodeId, position: number): NodeId {
  assert(position >= 0 && position < TRIE_WIDTH, "child position");
  const local = localNumber(id);
  const level = levelOfLocal(local);
  const start = LEVEL_START[level + 1];
  assert(start !== undefined, "a segment has slots, not child nodes");
  return (id - BigInt(local) + BigInt(start + (local - LEVEL_START[level]!) * TRIE_WIDTH + position)) as NodeId;
}

/**
 * The level, in a bucket's tree, of the top node that a capacity needs: 4 up to 256 slots, 3 up to 65,536, 2 up to 2^24,
 * 1 up to 2^32, else 0.
 */
export function subtreeRootLevel(capacity: number): number {
  let level = SUBTREE_LEVELS - 1;
  let nodes = capacity;
  while (nodes > BUCKET_CAPACITY_MIN) {
    level--;
    nodes = Math.ceil(nodes / TRIE_WIDTH);
  }
  assert(level >= 0, "capacity beyond what a bucket's tree can hold");
  return level;
}

/** How many levels of its own tree a bucket of a capacity uses: 1 to 5. */
export function subtreeLevelCount(capacity: number): number {
  return SUBTREE_LEVELS - subtreeRootLevel(capacity);
}

/** The name, inside a bucket's tree, of its top node in use; its commitment is kept under `bucketRootId`. */
export function logicalRootId(bucket: number, rootLevel: number): NodeId {
  return subtreeNodeId(bucket, LEVEL_START[rootLevel]!);
}

function levelOfLocal(local: number): number {
  let level = SUBTREE_LEVELS - 1;
  while (local < LEVEL_START[level]!) level--;
  return level;
}
