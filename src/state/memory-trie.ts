// A Merkle Patricia trie as linked nodes in memory: writes only mark the nodes on their path, and the root hashes each
// marked node once, however many keys below it changed. Keys are hashed and thus of equal length, so branches hold no values.
// Nothing is pruned because nothing old is kept.

import { assert } from "#base/assert.ts";
import { bytesEqual } from "#base/bytes.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { encodeRlp, type RlpItem } from "#chain/rlp.ts";
import { KECCAK_EMPTY_RLP, keccak256 } from "#crypto/keccak256.ts";

/** What a commitment needs of a trie with hashed keys; two implementations share one set of tests. */
export interface SecureTrie {
  /** Writes values under unhashed keys, each key once; an empty value removes. */
  write(leaves: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[]): Promise<void>;
  /** The value under an unhashed key, or null. */
  read(key: Uint8Array): Promise<Uint8Array | null>;
  /** The root over everything written. */
  root(): Hash32;
  /** Nodes that are referred to by hash, the root included: the measure of its size. */
  nodeCount(): number;
}

/** What the parent holds: a hash, or the node itself when it is short; null = to be computed again. */
type Cached = { reference: RlpItem | null };
type Leaf = Cached & { readonly kind: "leaf"; path: Uint8Array; value: Uint8Array };
type Extension = Cached & { readonly kind: "extension"; path: Uint8Array; child: Branch };
type Branch = Cached & { readonly kind: "branch"; readonly children: (TrieNode | null)[] };
type TrieNode = Leaf | Extension | Branch;

const EMBEDDED_SIZE_BYTES_MAX = 31;
const EMPTY = new Uint8Array(0);

/** @see yellow paper, appendix D */
export class MemoryTrie implements SecureTrie {
  #root: TrieNode | null = null;
  #rootHash: Hash32 | null = KECCAK_EMPTY_RLP;

  async write(leaves: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[]): Promise<void> {
    for (const { key, value } of leaves) {
      const path = toNibbles(keccak256(key));
      this.#root = value.length === 0 ? remove(this.#root, path) : insert(this.#root, path, value);
    }
    if (this.#root === null) this.#rootHash = KECCAK_EMPTY_RLP;
    else if (this.#root.reference === null) this.#rootHash = null;
  }

  async read(key: Uint8Array): Promise<Uint8Array | null> {
    let rest = toNibbles(keccak256(key));
    let node = this.#root;
    while (node !== null) {
      if (node.kind === "branch") {
        node = node.children[rest[0]!]!;
        rest = rest.subarray(1);
        continue;
      }
      const shared = sharedLength(node.path, rest);
      if (shared < node.path.length) return null;
      if (node.kind === "leaf") return node.value;
      node = node.child;
      rest = rest.subarray(shared);
    }
    return null;
  }

  root(): Hash32 {
    if (this.#rootHash !== null) return this.#rootHash;
    const root = this.#root!;
    // The root is hashed even when it is short.
    referenceOf(root);
    this.#rootHash = root.reference instanceof Uint8Array ? root.reference : keccak256(encodeRlp(contentOf(root)));
    return this.#rootHash;
  }

  nodeCount(): number {
    if (this.#root === null) return 0;
    return countHashed(this.#root) + (referenceOf(this.#root) instanceof Uint8Array ? 0 : 1);
  }
}

function insert(node: TrieNode | null, path: Uint8Array, value: Uint8Array): TrieNode {
  if (node === null) return { kind: "leaf", path, value, reference: null };
  if (node.kind === "branch") {
    const nibble = path[0]!;
    node.children[nibble] = insert(node.children[nibble]!, path.subarray(1), value);
    node.reference = null;
    return node;
  }
  const shared = sharedLength(node.path, path);
  if (shared < node.path.length) return split(node, shared, path, value);
  if (node.kind === "leaf") {
    if (bytesEqual(node.value, value)) return node;
    node.value = value;
  } else {
    const child = insert(node.child, path.subarray(shared), value);
    assert(child === node.child, "an insertion keeps a branch a branch");
  }
  node.reference = null;
  return node;
}

/** Puts a branch where a leaf's or an extension's path leaves the new key's. */
function split(node: Leaf | Extension, shared: number, path: Uint8Array, value: Uint8Array): TrieNode {
  const branch: Branch = { kind: "branch", children: new Array(16).fill(null), reference: null };
  const prefix = node.path.subarray(0, shared);
  const nibble = node.path[shared]!;
  const rest = node.path.slice(shared + 1);
  branch.children[nibble] = node.kind === "extension" && rest.length === 0 ? node.child : shorten(node, rest);
  branch.children[path[shared]!] = { kind: "leaf", path: path.subarray(shared + 1), value, reference: null };
  return shared === 0 ? branch : { kind: "extension", path: prefix.slice(), child: branch, reference: null };
}

function shorten(node: Leaf | Extension, path: Uint8Array): TrieNode {
  node.path = path;
  node.reference = null;
  return node;
}

/** Takes a key out; nodes that did not hold it keep their references. */
function remove(node: TrieNode | null, path: Uint8Array): TrieNode | null {
  if (node === null) return null;
  if (node.kind === "leaf") return bytesEqual(node.path, path) ? null : node;
  if (node.kind === "extension") {
    if (sharedLength(node.path, path) < node.path.length) return node;
    const child = remove(node.child, path.subarray(node.path.length));
    assert(child !== null, "a branch keeps at least one child");
    if (child === node.child && child.reference !== null) return node;
    return lengthen(node.path, child);
  }
  const nibble = path[0]!;
  const before = node.children[nibble]!;
  const after = remove(before, path.subarray(1));
  if (after === before && (after === null || after.reference !== null)) return node;
  node.children[nibble] = after;
  node.reference = null;
  if (after !== null) return node;
  const left = node.children.findIndex((child) => child !== null);
  const isOnly = node.children.findLastIndex((child) => child !== null) === left;
  return isOnly ? lengthen(Uint8Array.of(left), node.children[left]!) : node;
}

/** The node that stands for `prefix` followed by `node`. */
function lengthen(prefix: Uint8Array, node: TrieNode): TrieNode {
  if (node.kind === "branch") return { kind: "extension", path: prefix, child: node, reference: null };
  const path = new Uint8Array(prefix.length + node.path.length);
  path.set(prefix);
  path.set(node.path, prefix.length);
  return shorten(node, path);
}

function referenceOf(node: TrieNode): RlpItem {
  if (node.reference !== null) return node.reference;
  const content = contentOf(node);
  const encoded = encodeRlp(content);
  node.reference = encoded.length <= EMBEDDED_SIZE_BYTES_MAX ? content : keccak256(encoded);
  return node.reference;
}

function contentOf(node: TrieNode): RlpItem {
  if (node.kind === "leaf") return [packPath(node.path, 2), node.value];
  if (node.kind === "extension") return [packPath(node.path, 0), referenceOf(node.child)];
  const items: RlpItem[] = node.children.map((child) => (child === null ? EMPTY : referenceOf(child)));
  items.push(EMPTY);
  return items;
}

function countHashed(node: TrieNode): number {
  let count = referenceOf(node) instanceof Uint8Array ? 1 : 0;
  if (node.kind === "extension") count += countHashed(node.child);
  else if (node.kind === "branch") for (const child of node.children) if (child !== null) count += countHashed(child);
  return count;
}

function toNibbles(hash: Uint8Array): Uint8Array {
  const nibbles = new Uint8Array(2 * hash.length);
  for (let i = 0; i < hash.length; i++) {
    nibbles[2 * i] = hash[i]! >> 4;
    nibbles[2 * i + 1] = hash[i]! & 15;
  }
  return nibbles;
}

/** Nibbles in compact form; `kind` is 2 for a leaf, 0 for an extension. */
function packPath(path: Uint8Array, kind: number): Uint8Array {
  const isOdd = path.length & 1;
  const packed = new Uint8Array(1 + (path.length >> 1));
  packed[0] = ((kind + isOdd) << 4) | (isOdd ? path[0]! : 0);
  for (let i = 1, at = isOdd; at < path.length; i++, at += 2) packed[i] = (path[at]! << 4) | path[at + 1]!;
  return packed;
}

function sharedLength(a: Uint8Array, b: Uint8Array): number {
  const end = Math.min(a.length, b.length);
  let shared = 0;
  while (shared < end && a[shared] === b[shared]) shared++;
  return shared;
}

/** An empty trie in memory. */
export async function createMemoryTrie(): Promise<SecureTrie> {
  return new MemoryTrie();
}
