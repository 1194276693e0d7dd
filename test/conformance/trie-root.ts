// The Ethereum state root of a whole world, straight from its keys and values: hash, sort, fold. No trie objects, so that
// a hundred thousand fixtures take seconds. `trie-root.test.ts` compares it with @ethereumjs/mpt.

import { compareBytes, isZeroBytes, trimLeadingZeroes } from "#base/bytes.ts";
import { encodeRlp, type RlpItem, rlpInteger } from "#chain/rlp.ts";
import { KECCAK_EMPTY_RLP, keccak256 } from "#crypto/keccak256.ts";
import type { AccountState } from "#formats/wire/diff.ts";

/** One account with its non-zero slots. */
export type WorldAccount = {
  readonly address: Uint8Array;
  readonly account: AccountState;
  readonly slots: Iterable<readonly [slot: Uint8Array, value: Uint8Array]>;
};

type Leaf = { readonly path: Uint8Array; readonly value: Uint8Array };

/** The state root of a world. */
export function worldRoot(world: Iterable<WorldAccount>): Uint8Array {
  const leaves: [Uint8Array, Uint8Array][] = [];
  for (const { address, account, slots } of world) {
    const storage: [Uint8Array, Uint8Array][] = [];
    for (const [slot, value] of slots) {
      if (!isZeroBytes(value)) storage.push([slot, encodeRlp(trimLeadingZeroes(value))]);
    }
    const fields = [rlpInteger(account.nonce), rlpInteger(account.balance), secureRoot(storage), account.codeHash];
    leaves.push([address, encodeRlp(fields)]);
  }
  return secureRoot(leaves);
}

/** The root of a trie whose paths are the hashes of the keys. */
export function secureRoot(entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[]): Uint8Array {
  if (entries.length === 0) return KECCAK_EMPTY_RLP;
  const leaves = entries.map(([key, value]): Leaf => ({ path: nibblesOf(keccak256(key)), value }));
  leaves.sort((a, b) => compareBytes(a.path, b.path));
  return keccak256(encodeRlp(node(leaves, 0, leaves.length, 0)));
}

function node(leaves: readonly Leaf[], from: number, to: number, depth: number): RlpItem {
  const first = leaves[from]!;
  if (to - from === 1) return [hexPrefix(first.path.subarray(depth), true), first.value];
  const shared = sharedLength(first.path, leaves[to - 1]!.path, depth);
  if (shared > depth) {
    return [hexPrefix(first.path.subarray(depth, shared), false), reference(node(leaves, from, to, shared))];
  }
  const branch: RlpItem[] = [];
  let start = from;
  for (let nibble = 0; nibble < 16; nibble++) {
    let end = start;
    while (end < to && leaves[end]!.path[depth] === nibble) end++;
    branch.push(end === start ? new Uint8Array(0) : reference(node(leaves, start, end, depth + 1)));
    start = end;
  }
  branch.push(new Uint8Array(0));
  return branch;
}

function reference(item: RlpItem): RlpItem {
  const encoded = encodeRlp(item);
  return encoded.length < 32 ? item : keccak256(encoded);
}

function sharedLength(a: Uint8Array, b: Uint8Array, from: number): number {
  let at = from;
  while (at < a.length && a[at] === b[at]) at++;
  return at;
}

function nibblesOf(bytes: Uint8Array): Uint8Array {
  const nibbles = new Uint8Array(bytes.length * 2);
  for (let i = 0; i < bytes.length; i++) {
    nibbles[2 * i] = bytes[i]! >> 4;
    nibbles[2 * i + 1] = bytes[i]! & 15;
  }
  return nibbles;
}

function hexPrefix(nibbles: Uint8Array, isLeaf: boolean): Uint8Array {
  const flag = isLeaf ? 2 : 0;
  const isOdd = nibbles.length % 2 === 1;
  const padded = isOdd ? Uint8Array.of(flag + 1, ...nibbles) : Uint8Array.of(flag, 0, ...nibbles);
  const bytes = new Uint8Array(padded.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (padded[2 * i]! << 4) | padded[2 * i + 1]!;
  return bytes;
}
