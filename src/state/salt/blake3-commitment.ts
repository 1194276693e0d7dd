// Commitments by BLAKE3 for SALT's trie: a node is a binary tree over its 256 values, and counts as its hash in the node
// above. Cheaper by far than points of a curve; in return a proof holds the hashes beside every path.

import { bytesEqual, concatBytes } from "#base/bytes.ts";
import { Blake3Hasher } from "#crypto/blake3.ts";
import { FormatError } from "#formats/codec.ts";
import { decodeHashTreeProof, encodeHashTreeProof, type HashTreeProof } from "#formats/wire/hash-tree-proof.ts";
import type { SaltEntry } from "#formats/wire/salt-entry.ts";
import { blindTree, buildTree, type HashTree, joinTrees, TREE_HEIGHT, updateTree } from "./hash-tree.ts";
import { slotDigests } from "./slot-digests.ts";
import {
  type ChangedNodes,
  EMPTY_SLOT_VALUE,
  type NodeChange,
  type Openings,
  VALUE_SIZE_BYTES,
  type VectorCommitment,
  valueAt,
} from "./vector-commitment.ts";

/** An opening as its claim hashes it: node index (u32 little-endian), position. */
const PLACE_SIZE_BYTES = 5;
const VECTOR_SIZE_BYTES = 2 ** TREE_HEIGHT * VALUE_SIZE_BYTES;

/** Trees over empty slots, by height. */
const EMPTY_TREES: readonly HashTree[] = emptyTrees();

/** The scheme; it keeps nothing. */
export class Blake3Commitment implements VectorCommitment<HashTree> {
  readonly name = "blake3";

  slotValues(entries: readonly (SaltEntry | null)[]): Uint8Array {
    return slotDigests(entries);
  }

  commit(vectors: Uint8Array): HashTree[] {
    return Array.from({ length: vectors.length / VECTOR_SIZE_BYTES }, (_, i) => {
      return buildTree(vectors.subarray(i * VECTOR_SIZE_BYTES, (i + 1) * VECTOR_SIZE_BYTES));
    });
  }

  update(changes: readonly NodeChange<HashTree>[]): ChangedNodes<HashTree> {
    const nodes = changes.map((change) => updateTree(change.node, change));
    return { nodes, values: this.values(nodes) };
  }

  values(nodes: readonly HashTree[]): Uint8Array {
    return concatBytes(...nodes.map(({ hash }) => hash));
  }

  encode(nodes: readonly HashTree[]): Uint8Array {
    return this.values(nodes);
  }

  decode(short: Uint8Array): { readonly nodes: readonly HashTree[] } {
    const count = short.length / VALUE_SIZE_BYTES;
    return { nodes: Array.from({ length: count }, (_, i) => blindTree(valueAt(short, i).slice())) };
  }

  prove(openings: Openings<HashTree>, vectorOf: (nodeIndex: number) => Uint8Array): Uint8Array {
    const siblings: (Uint8Array | null)[] = [];
    for (const { nodeIndex, first, end } of openedNodes(openings.nodeOf)) {
      const positions = openings.positions.subarray(first, end);
      collectSiblings(buildTree(vectorOf(nodeIndex)), { height: TREE_HEIGHT, start: 0 }, positions, siblings);
    }
    return encodeHashTreeProof({ claim: claimOf(openings), siblings });
  }

  verify(openings: Openings<HashTree>, values: Uint8Array, proof: Uint8Array): readonly HashTree[] | null {
    const decoded = tryDecode(proof);
    if (decoded === null || !bytesEqual(decoded.claim, claimOf(openings))) return null;
    const { siblings } = decoded;
    const nodes = [...openings.nodes];
    const rest = { siblings, next: 0 };
    for (const { nodeIndex, first, end } of openedNodes(openings.nodeOf)) {
      const shown = { positions: openings.positions, values, first, end };
      const tree = rebuildTree({ height: TREE_HEIGHT, start: 0 }, shown, rest);
      if (tree === null || !bytesEqual(tree.hash, nodes[nodeIndex]!.hash)) return null;
      nodes[nodeIndex] = tree;
    }
    return rest.next === siblings.length ? nodes : null;
  }
}

// Ties a proof to the nodes and places that it is for: paths between equal subtrees look the same wherever they lead.
function claimOf({ nodes, nodeOf, positions }: Openings<HashTree>): Uint8Array {
  const hasher = new Blake3Hasher();
  for (const { hash } of nodes) hasher.update(hash);
  const places = new Uint8Array(nodeOf.length * PLACE_SIZE_BYTES);
  const view = new DataView(places.buffer);
  nodeOf.forEach((nodeIndex, i) => {
    view.setUint32(i * PLACE_SIZE_BYTES, nodeIndex, true);
    places[(i + 1) * PLACE_SIZE_BYTES - 1] = positions[i]!;
  });
  return hasher.update(places).digest();
}

function emptyTrees(): HashTree[] {
  const trees = [blindTree(EMPTY_SLOT_VALUE)];
  for (let height = 0; height < TREE_HEIGHT; height++) trees.push(joinTrees(trees[height]!, trees[height]!));
  return trees;
}

// The openings of each node, in order.
function openedNodes(nodeOf: Uint32Array): { nodeIndex: number; first: number; end: number }[] {
  const groups: { nodeIndex: number; first: number; end: number }[] = [];
  nodeOf.forEach((nodeIndex, i) => {
    const last = groups.at(-1);
    if (last?.nodeIndex === nodeIndex) last.end = i + 1;
    else groups.push({ nodeIndex, first: i, end: i + 1 });
  });
  return groups;
}

type Subtree = { readonly height: number; readonly start: number };

function halvesOf({ height, start }: Subtree): [Subtree, Subtree] {
  const half = { height: height - 1, start };
  return [half, { ...half, start: start + 2 ** half.height }];
}

function collectSiblings(tree: HashTree, at: Subtree, positions: Uint8Array, to: (Uint8Array | null)[]): void {
  const end = at.start + 2 ** at.height;
  if (!positions.some((position) => position >= at.start && position < end)) {
    const isEmpty = bytesEqual(tree.hash, EMPTY_TREES[at.height]!.hash);
    to.push(isEmpty ? null : tree.hash);
    return;
  }
  if (tree.halves === null) return;
  const [left, right] = halvesOf(at);
  collectSiblings(tree.halves[0], left, positions, to);
  collectSiblings(tree.halves[1], right, positions, to);
}

type Shown = { positions: Uint8Array; values: Uint8Array; first: number; end: number };

// The tree of the values that are shown and the hashes that follow; null when there are too few, or when one is given
// that everybody knows: a proof has one form.
function rebuildTree(
  at: Subtree,
  shown: Shown,
  rest: { siblings: HashTreeProof["siblings"]; next: number },
): HashTree | null {
  const { positions, values, first, end } = shown;
  if (first === end) {
    const hash = rest.siblings[rest.next++];
    const empty = EMPTY_TREES[at.height]!;
    if (hash === undefined) return null;
    if (hash === null) return empty;
    return bytesEqual(hash, empty.hash) ? null : blindTree(hash.slice());
  }
  if (at.height === 0) return end - first === 1 ? blindTree(valueAt(values, first).slice()) : null;
  const [left, right] = halvesOf(at);
  let split = first;
  while (split < end && positions[split]! < right.start) split++;
  const leftTree = rebuildTree(left, { ...shown, end: split }, rest);
  const rightTree = leftTree === null ? null : rebuildTree(right, { ...shown, first: split }, rest);
  return leftTree === null || rightTree === null ? null : joinTrees(leftTree, rightTree);
}

function tryDecode(proof: Uint8Array): HashTreeProof | null {
  try {
    return decodeHashTreeProof(proof);
  } catch (error) {
    if (error instanceof FormatError) return null;
    throw error;
  }
}
