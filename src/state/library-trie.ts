// The Merkle Patricia trie of @ethereumjs/mpt behind the commitment's interface: nodes in a map of its own, pruned as they
// are replaced. Never a map shared between tries: pruning by hash would take a node away from another that holds the same.

import { createMPT, type MerklePatriciaTrie } from "@ethereumjs/mpt";
import { MapDB, ValueEncoding } from "@ethereumjs/util";
import { bytesEqual } from "#base/bytes.ts";
import { toBareHex } from "#base/hex.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { KECCAK_EMPTY_RLP, keccak256 } from "#crypto/keccak256.ts";
import type { SecureTrie } from "./memory-trie.ts";
import { buildTrie, type TrieLeaf } from "./trie-builder.ts";

/** Leaves from which an empty trie is built whole instead of by insertion. */
const BULK_COUNT_MIN = 16;

/** A trie kept by the library. */
export class LibraryTrie implements SecureTrie {
  readonly #tree: MerklePatriciaTrie;
  readonly #nodes: Map<string, Uint8Array>;

  /** @param tree an empty trie over `nodes`, with hashed keys and pruning; use `createLibraryTrie` */
  constructor(tree: MerklePatriciaTrie, nodes: Map<string, Uint8Array>) {
    this.#tree = tree;
    this.#nodes = nodes;
  }

  async write(leaves: readonly TrieLeaf[]): Promise<void> {
    const isEmpty = bytesEqual(this.#tree.root(), KECCAK_EMPTY_RLP);
    if (!isEmpty || leaves.length < BULK_COUNT_MIN) {
      for (const { key, value } of leaves) await this.#tree.put(key, value);
      return;
    }
    const present = leaves.filter(({ value }) => value.length > 0);
    const hashed = present.map(({ key, value }) => ({ key: keccak256(key), value }));
    this.#nodes.clear();
    this.#tree.root(buildTrie(hashed, (hash, encoded) => this.#nodes.set(toBareHex(hash), encoded)));
  }

  read(key: Uint8Array): Promise<Uint8Array | null> {
    return this.#tree.get(key);
  }

  root(): Hash32 {
    return this.#tree.root();
  }

  nodeCount(): number {
    return this.#nodes.size;
  }
}

/** An empty trie of the library. */
export async function createLibraryTrie(): Promise<SecureTrie> {
  const nodes = new Map<string, Uint8Array>();
  const tree = await createMPT({
    db: new MapDB<string, Uint8Array>(nodes),
    valueEncoding: ValueEncoding.Bytes,
    useKeyHashing: true,
    useKeyHashingFunction: keccak256,
    useNodePruning: true,
  });
  return new LibraryTrie(tree, nodes);
}
