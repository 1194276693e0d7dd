// Compares every sealed EVM block with what its mini-blocks said: transactions root, receipts root and bloom are computed again
// from the records, off the path that applies them. The state root is compared where the commitment is kept.

import { assert } from "#base/assert.ts";
import { bytesEqual } from "#base/bytes.ts";
import { toHex } from "#base/hex.ts";
import { BLOOM_SIZE_BYTES, logsBloom, mergeBloom } from "#chain/bloom.ts";
import type { BlockHeader } from "#chain/header.ts";
import { orderedTrieRoot } from "#chain/ordered-trie.ts";
import { encodeReceiptWith } from "#chain/receipt.ts";
import type { MiniBlock } from "#formats/wire/mini-block.ts";

/** Collects the body of the open EVM block and checks the header that seals it. */
export class BlockVerifier {
  #blockNumber = -1;
  #transactions: Uint8Array[] = [];
  #receipts: Uint8Array[] = [];
  #bloom = new Uint8Array(BLOOM_SIZE_BYTES);

  /** An EVM block begins; what was collected before is forgotten. */
  open(blockNumber: number): void {
    this.#blockNumber = blockNumber;
    this.#transactions = [];
    this.#receipts = [];
    this.#bloom = new Uint8Array(BLOOM_SIZE_BYTES);
  }

  /** Takes one mini-block of the open block. */
  add(mini: MiniBlock): void {
    assert(mini.header.blockNumber === this.#blockNumber, "mini-block of another block");
    for (const transaction of mini.transactions) this.#transactions.push(transaction);
    for (const receipt of mini.receipts) {
      const bloom = logsBloom(receipt.logs);
      this.#receipts.push(encodeReceiptWith(receipt, bloom));
      mergeBloom(this.#bloom, bloom);
    }
  }

  /** @returns null when the header agrees with the body, or the first difference */
  check(header: BlockHeader): string | null {
    assert(header.number === this.#blockNumber, "seal of another block");
    return (
      this.#difference("transactionsRoot", header.transactionsRoot, orderedTrieRoot(this.#transactions)) ??
      this.#difference("receiptsRoot", header.receiptsRoot, orderedTrieRoot(this.#receipts)) ??
      this.#difference("logsBloom", header.logsBloom, this.#bloom)
    );
  }

  #difference(name: string, sealed: Uint8Array, computed: Uint8Array): string | null {
    if (bytesEqual(sealed, computed)) return null;
    return `block ${this.#blockNumber}: ${name} is ${toHex(sealed)}, its mini-blocks give ${toHex(computed)}`;
  }
}
