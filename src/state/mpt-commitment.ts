// The Ethereum state root, kept by @ethereumjs/mpt: one account trie and one storage trie per contract with storage, their
// nodes in memory and pruned as they are replaced. It runs on the commit thread, once per EVM block, from net changes.
// Each trie has its node map for itself: pruning by hash would take a node away from another trie that holds the same.

import { createMPT, type MerklePatriciaTrie } from "@ethereumjs/mpt";
import { MapDB, ValueEncoding } from "@ethereumjs/util";
import { assert } from "#base/assert.ts";
import { bigintFromBytes, compareBytes, EMPTY_BYTES, isZeroBytes, trimLeadingZeroes } from "#base/bytes.ts";
import { toBareHex } from "#base/hex.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { decodeRlp, encodeRlp, rlpInteger } from "#chain/rlp.ts";
import { KECCAK_EMPTY, KECCAK_EMPTY_RLP, keccak256 } from "#crypto/keccak256.ts";
import type { AccountState } from "#formats/wire/diff.ts";
import { type AccountChange, mergeChanges, type StateCommitment } from "./commitment.ts";
import { buildTrie, type TrieLeaf } from "./trie-builder.ts";

/** Puts into an empty trie from which building it whole is faster than inserting. */
const BULK_COUNT_MIN = 16;

/** Merkle Patricia commitment over the whole state. One caller at a time awaits each call. */
export class MptCommitment implements StateCommitment {
  readonly #accounts: Promise<Trie> = createTrie();
  readonly #storages = new Map<string, Trie>();
  #isBusy = false;

  /** Applies net changes; an account that has only slot changes must exist already. */
  async update(changes: readonly AccountChange[]): Promise<void> {
    assert(!this.#isBusy, "updates of a commitment do not overlap");
    this.#isBusy = true;
    try {
      const accounts = await this.#accounts;
      const leaves: TrieLeaf[] = [];
      for (const change of mergeChanges([changes])) leaves.push(await this.#accountLeaf(accounts, change));
      await putAll(accounts, leaves);
    } finally {
      this.#isBusy = false;
    }
  }

  async root(): Promise<Hash32> {
    return (await this.#accounts).tree.root().slice();
  }

  /** Trie nodes held in memory, over all tries: the measure of its size. */
  async nodeCount(): Promise<number> {
    let count = (await this.#accounts).nodes.size;
    for (const trie of this.#storages.values()) count += trie.nodes.size;
    return count;
  }

  async #accountLeaf(accounts: Trie, change: AccountChange): Promise<TrieLeaf> {
    const { address } = change;
    if (change.account === null) {
      this.#storages.delete(toBareHex(address));
      return { key: address, value: EMPTY_BYTES };
    }
    const storageRoot = await this.#updateStorage(change);
    if (change.account !== undefined) return { key: address, value: encodeAccount(change.account, storageRoot) };
    const encoded = await accounts.tree.get(address);
    assert(encoded !== null, () => `slots changed under ${toBareHex(address)}, which does not exist`);
    return { key: address, value: encodeAccount(decodeAccount(encoded), storageRoot) };
  }

  async #updateStorage(change: AccountChange): Promise<Hash32> {
    const key = toBareHex(change.address);
    if (change.storageCleared) this.#storages.delete(key);
    let trie = this.#storages.get(key);
    if (change.slots.length === 0) return trie?.tree.root() ?? KECCAK_EMPTY_RLP;
    if (trie === undefined) this.#storages.set(key, (trie = await createTrie()));
    const leaves = change.slots.map(({ slot, value }): TrieLeaf => {
      return { key: slot, value: isZeroBytes(value) ? EMPTY_BYTES : encodeRlp(trimLeadingZeroes(value)) };
    });
    await putAll(trie, leaves);
    const root = trie.tree.root();
    if (compareBytes(root, KECCAK_EMPTY_RLP) === 0) this.#storages.delete(key);
    return root;
  }
}

/** A trie with its nodes, by bare hex of their hash. */
type Trie = { readonly tree: MerklePatriciaTrie; readonly nodes: Map<string, Uint8Array> };

async function createTrie(): Promise<Trie> {
  const nodes = new Map<string, Uint8Array>();
  const tree = await createMPT({
    db: new MapDB<string, Uint8Array>(nodes),
    valueEncoding: ValueEncoding.Bytes,
    useKeyHashing: true,
    useKeyHashingFunction: keccak256,
    useNodePruning: true,
  });
  return { tree, nodes };
}

/** Writes leaves by unhashed key; an empty value removes. */
async function putAll(trie: Trie, leaves: readonly TrieLeaf[]): Promise<void> {
  const isEmpty = compareBytes(trie.tree.root(), KECCAK_EMPTY_RLP) === 0;
  if (!isEmpty || leaves.length < BULK_COUNT_MIN) {
    for (const { key, value } of leaves) await trie.tree.put(key, value);
    return;
  }
  const present = leaves.filter(({ value }) => value.length > 0);
  const hashed = present.map(({ key, value }) => ({ key: keccak256(key), value }));
  trie.nodes.clear();
  trie.tree.root(buildTrie(hashed, (hash, encoded) => trie.nodes.set(toBareHex(hash), encoded)));
}

/** The account's leaf value. @see yellow paper, section 4.1 */
export function encodeAccount(account: AccountState, storageRoot: Hash32): Uint8Array {
  return encodeRlp([rlpInteger(account.nonce), rlpInteger(account.balance), storageRoot, account.codeHash]);
}

function decodeAccount(encoded: Uint8Array): AccountState {
  const fields = decodeRlp(encoded);
  assert(Array.isArray(fields) && fields.length === 4, "an account leaf has four fields");
  const [nonce, balance, , codeHash] = fields as Uint8Array[];
  return { nonce: bigintFromBytes(nonce!), balance: bigintFromBytes(balance!), codeHash: codeHash ?? KECCAK_EMPTY };
}
