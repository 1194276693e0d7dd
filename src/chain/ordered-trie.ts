// Root of the Ethereum trie that maps rlp(index) to a value, for transactions, receipts and withdrawals of one block.
//
// No trie objects: the keys of a list 0..n-1 are known, so they are visited in trie order and every node is folded into
// its parent's encoding as soon as its last child is done. Only the path to the current key is held in memory.
//
//   trie order of rlp(index):  01..7f, then 80 (which is index 0), then 8180..81ff, then 820100..82ffff, ...

import { assert } from "#base/assert.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { EMPTY_TRIE_ROOT } from "./header.ts";
import type { Hash32 } from "./primitives.ts";
import { copyBytes, rlpPrefixSize, writeRlpPrefix } from "./rlp.ts";

const RLP_LIST = 0xc0;
const RLP_STRING = 0x80;
/** Index lists end well below 2^24, whose keys have four bytes: eight nibbles. */
const VALUE_COUNT_MAX = 1 << 24;
const EMPTY_STRING = Uint8Array.of(RLP_STRING);

/**
 * The Merkle Patricia root over `rlp(i) → values[i]`.
 * @param values at most 2^24, none empty (an empty value would mean absence)
 * @see yellow paper, appendix D
 */
export function orderedTrieRoot(values: readonly Uint8Array[]): Hash32 {
  const count = values.length;
  if (count === 0) return EMPTY_TRIE_ROOT.slice();
  assert(count <= VALUE_COUNT_MAX, "too many values for an index-keyed trie");
  const order = indexesInTrieOrder(count);
  const keys = order.map(keyNibbles);
  return keccak256(encodeSubtrie({ values, order, keys }, 0, count, 0));
}

type KeyedValues = {
  readonly values: readonly Uint8Array[];
  /** Indexes of values, in the order of their keys. */
  readonly order: readonly number[];
  /** Nibbles of the keys, in the same order; no key is a prefix of another. */
  readonly keys: readonly Uint8Array[];
};

/** The encoded node over the keys `start..end`, which agree in their first `depth` nibbles. */
function encodeSubtrie(trie: KeyedValues, start: number, end: number, depth: number): Uint8Array {
  const first = trie.keys[start]!;
  if (end - start === 1) {
    const value = trie.values[trie.order[start]!]!;
    assert(value.length > 0, "a trie holds no empty values");
    return encodePair(compactPath(first, depth, first.length, true), encodeString(value));
  }
  // Keys are sorted, so what the first and last share, all share.
  const last = trie.keys[end - 1]!;
  let fork = depth;
  while (first[fork] === last[fork]) fork++;
  const branch = encodeBranch(trie, start, end, fork);
  return fork === depth ? branch : encodePair(compactPath(first, depth, fork, false), nodeReference(branch));
}

function encodeBranch(trie: KeyedValues, start: number, end: number, depth: number): Uint8Array {
  const children: Uint8Array[] = [];
  let from = start;
  for (let nibble = 0; nibble < 16; nibble++) {
    let to = from;
    while (to < end && trie.keys[to]![depth] === nibble) to++;
    children.push(to === from ? EMPTY_STRING : nodeReference(encodeSubtrie(trie, from, to, depth + 1)));
    from = to;
  }
  children.push(EMPTY_STRING);
  return encodeListOf(children);
}

/** How a parent holds a node: whole when shorter than 32 bytes, else as the string of its hash. */
function nodeReference(node: Uint8Array): Uint8Array {
  return node.length < 32 ? node : encodeString(keccak256(node));
}

function encodePair(path: Uint8Array, encodedSecond: Uint8Array): Uint8Array {
  return encodeListOf([encodeString(path), encodedSecond]);
}

function encodeListOf(encodedItems: readonly Uint8Array[]): Uint8Array {
  let payloadSize = 0;
  for (const item of encodedItems) payloadSize += item.length;
  const list = new Uint8Array(rlpPrefixSize(payloadSize) + payloadSize);
  let offset = writeRlpPrefix(list, 0, RLP_LIST, payloadSize);
  for (const item of encodedItems) {
    copyBytes(list, offset, item);
    offset += item.length;
  }
  return list;
}

function encodeString(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 1 && bytes[0]! < RLP_STRING) return bytes;
  const string = new Uint8Array(rlpPrefixSize(bytes.length) + bytes.length);
  copyBytes(string, writeRlpPrefix(string, 0, RLP_STRING, bytes.length), bytes);
  return string;
}

/** Hex-prefix encoding of `nibbles[from..to]`. @see yellow paper, appendix C */
function compactPath(nibbles: Uint8Array, from: number, to: number, isLeaf: boolean): Uint8Array {
  const odd = (to - from) & 1;
  const path = new Uint8Array(1 + ((to - from) >> 1));
  path[0] = (isLeaf ? 0x20 : 0) | (odd === 1 ? 0x10 | nibbles[from]! : 0);
  for (let i = from + odd, at = 1; i < to; i += 2, at++) path[at] = (nibbles[i]! << 4) | nibbles[i + 1]!;
  return path;
}

function indexesInTrieOrder(count: number): number[] {
  const order: number[] = [];
  for (let index = 1; index < Math.min(count, 0x80); index++) order.push(index);
  order.push(0);
  for (let index = 0x80; index < count; index++) order.push(index);
  return order;
}

/** Nibbles of rlp(index). */
function keyNibbles(index: number): Uint8Array {
  const key: number[] = [];
  for (let rest = index; rest > 0; rest = Math.floor(rest / 256)) key.unshift(rest % 256);
  if (index === 0 || index >= RLP_STRING) key.unshift(RLP_STRING + key.length);
  const nibbles = new Uint8Array(2 * key.length);
  key.forEach((byte, i) => {
    nibbles[2 * i] = byte >> 4;
    nibbles[2 * i + 1] = byte & 15;
  });
  return nibbles;
}
