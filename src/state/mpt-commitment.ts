// The Ethereum state root: one account trie and one storage trie per contract with storage, updated on the commit thread
// once per EVM block from net changes. The tries come from a factory: `LibraryTrie` is @ethereumjs/mpt, `MemoryTrie` our own.

import { assert } from "#base/assert.ts";
import { bigintFromBytes, bytesEqual, EMPTY_BYTES, isZeroBytes, trimLeadingZeroes } from "#base/bytes.ts";
import { toBareHex } from "#base/hex.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { decodeRlp, encodeRlp, rlpInteger } from "#chain/rlp.ts";
import { KECCAK_EMPTY, KECCAK_EMPTY_RLP } from "#crypto/keccak256.ts";
import type { AccountState } from "#formats/wire/diff.ts";
import { type AccountChange, mergeChanges, type StateCommitment } from "./commitment.ts";
import { createLibraryTrie } from "./library-trie.ts";
import type { SecureTrie } from "./memory-trie.ts";

type TrieLeaf = { readonly key: Uint8Array; readonly value: Uint8Array };

/** Merkle Patricia commitment over the whole state. One caller at a time awaits each call. */
export class MptCommitment implements StateCommitment {
  readonly #createTrie: () => Promise<SecureTrie>;
  readonly #accounts: Promise<SecureTrie>;
  readonly #storages = new Map<string, SecureTrie>();
  #isBusy = false;

  /** @param createTrie makes an empty trie, for the accounts and for each contract with storage */
  constructor(createTrie: () => Promise<SecureTrie> = createLibraryTrie) {
    this.#createTrie = createTrie;
    this.#accounts = createTrie();
  }

  /** Applies net changes; an account that has only slot changes must exist already. */
  async update(changes: readonly AccountChange[]): Promise<void> {
    assert(!this.#isBusy, "updates of a commitment do not overlap");
    this.#isBusy = true;
    try {
      const accounts = await this.#accounts;
      const leaves: TrieLeaf[] = [];
      for (const change of mergeChanges([changes])) leaves.push(await this.#accountLeaf(accounts, change));
      await accounts.write(leaves);
    } finally {
      this.#isBusy = false;
    }
  }

  async root(): Promise<Hash32> {
    return (await this.#accounts).root().slice();
  }

  /** Trie nodes held in memory, over all tries: the measure of its size. */
  async nodeCount(): Promise<number> {
    let count = (await this.#accounts).nodeCount();
    for (const trie of this.#storages.values()) count += trie.nodeCount();
    return count;
  }

  async #accountLeaf(accounts: SecureTrie, change: AccountChange): Promise<TrieLeaf> {
    const { address } = change;
    if (change.account === null) {
      this.#storages.delete(toBareHex(address));
      return { key: address, value: EMPTY_BYTES };
    }
    const storageRoot = await this.#updateStorage(change);
    if (change.account !== undefined) return { key: address, value: encodeAccount(change.account, storageRoot) };
    const encoded = await accounts.read(address);
    assert(encoded !== null, () => `slots changed under ${toBareHex(address)}, which does not exist`);
    return { key: address, value: encodeAccount(decodeAccount(encoded), storageRoot) };
  }

  async #updateStorage(change: AccountChange): Promise<Hash32> {
    const key = toBareHex(change.address);
    if (change.storageCleared) this.#storages.delete(key);
    let trie = this.#storages.get(key);
    if (change.slots.length === 0) return trie?.root() ?? KECCAK_EMPTY_RLP;
    if (trie === undefined) this.#storages.set(key, (trie = await this.#createTrie()));
    const leaves = change.slots.map(({ slot, value }): TrieLeaf => {
      return { key: slot, value: isZeroBytes(value) ? EMPTY_BYTES : encodeRlp(trimLeadingZeroes(value)) };
    });
    await trie.write(leaves);
    const root = trie.root();
    if (bytesEqual(root, KECCAK_EMPTY_RLP)) this.#storages.delete(key);
    return root;
  }
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
