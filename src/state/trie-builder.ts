// Builds a whole Merkle Patricia trie from its leaves in one pass over the sorted keys: every node is encoded and hashed
// once, where inserting one leaf after another would hash each path anew. For genesis states and snapshots.

import { assert } from "#base/assert.ts";
import { compareBytes } from "#base/bytes.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { encodeRlp, type RlpItem } from "#chain/rlp.ts";
import { KECCAK_EMPTY_RLP, keccak256 } from "#crypto/keccak256.ts";

/** A leaf: key bytes as they are in the trie (hashed already where keys are), and its encoded value. */
export type TrieLeaf = { readonly key: Uint8Array; readonly value: Uint8Array };

/** Nodes below this size stand in their parent whole instead of by hash. */
const EMBEDDED_SIZE_BYTES_MAX = 31;
const EMPTY = new Uint8Array(0);

/**
 * Builds the trie and reports every node that is referred to by hash.
 * @param leaves distinct keys of equal length, no empty values
 * @param onNode takes the hash and the encoding of a node
 * @returns the root
 * @see yellow paper, appendix D
 */
export function buildTrie(leaves: readonly TrieLeaf[], onNode: (hash: Hash32, encoded: Uint8Array) => void): Hash32 {
  if (leaves.length === 0) return KECCAK_EMPTY_RLP;
  const sorted = [...leaves].sort((a, b) => compareBytes(a.key, b.key));
  for (let i = 1; i < sorted.length; i++) {
    assert(compareBytes(sorted[i - 1]!.key, sorted[i]!.key) < 0, "a key of a trie is given once");
  }
  const encoded = encodeRlp(buildNode(sorted, 0, sorted.length, 0, onNode));
  const root = keccak256(encoded);
  onNode(root, encoded);
  return root;
}

type NodeSink = (hash: Hash32, encoded: Uint8Array) => void;

/** The node over leaves `start` to `end`, which agree in their first `depth` nibbles. */
function buildNode(leaves: readonly TrieLeaf[], start: number, end: number, depth: number, onNode: NodeSink): RlpItem {
  const first = leaves[start]!.key;
  if (end - start === 1) return [packPath(first, depth, 2 * first.length, 2), leaves[start]!.value];
  const last = leaves[end - 1]!.key;
  let fork = depth;
  while (nibble(first, fork) === nibble(last, fork)) fork++;
  const branch = buildBranch(leaves, start, end, fork, onNode);
  return fork === depth ? branch : [packPath(first, depth, fork, 0), referTo(branch, onNode)];
}

function buildBranch(leaves: readonly TrieLeaf[], start: number, end: number, fork: number, onNode: NodeSink): RlpItem {
  const children: RlpItem[] = [];
  let from = start;
  for (let branch = 0; branch < 16; branch++) {
    let to = from;
    while (to < end && nibble(leaves[to]!.key, fork) === branch) to++;
    children.push(from === to ? EMPTY : referTo(buildNode(leaves, from, to, fork + 1, onNode), onNode));
    from = to;
  }
  children.push(EMPTY);
  return children;
}

function referTo(node: RlpItem, onNode: NodeSink): RlpItem {
  const encoded = encodeRlp(node);
  if (encoded.length <= EMBEDDED_SIZE_BYTES_MAX) return node;
  const hash = keccak256(encoded);
  onNode(hash, encoded);
  return hash;
}

function nibble(key: Uint8Array, at: number): number {
  const byte = key[at >> 1]!;
  return at & 1 ? byte & 15 : byte >> 4;
}

/** Nibbles `from` to `to` in compact form; `kind` is 2 for a leaf, 0 for an extension. */
function packPath(key: Uint8Array, from: number, to: number, kind: number): Uint8Array {
  const isOdd = (to - from) & 1;
  const packed = new Uint8Array(1 + ((to - from) >> 1));
  packed[0] = (kind + isOdd) << 4;
  let at = from;
  if (isOdd) packed[0] = packed[0]! | nibble(key, at++);
  for (let i = 1; at < to; i++, at += 2) packed[i] = (nibble(key, at) << 4) | nibble(key, at + 1);
  return packed;
}
