// What the open EVM block holds so far, in the form that its header commits to. Receipts are encoded as they come, so that
// sealing only folds the two tries.

import { assert } from "#base/assert.ts";
import { BLOOM_SIZE_BYTES, mergeBloom } from "#chain/bloom.ts";
import type { BlockHeader } from "#chain/header.ts";
import { orderedTrieRoot } from "#chain/ordered-trie.ts";
import { encodeReceiptWith, type Receipt, receiptBloom } from "#chain/receipt.ts";
import type { MiniBlock } from "#formats/wire/mini-block.ts";

/** Transactions, receipts and bloom of one EVM block in the making. */
export class BlockContents {
  readonly #transactions: Uint8Array[] = [];
  readonly #receipts: Uint8Array[] = [];
  readonly #bloom = new Uint8Array(BLOOM_SIZE_BYTES);

  /** Transactions so far. */
  get transactionCount(): number {
    return this.#transactions.length;
  }

  /** Adds one transaction with its receipt, whose cumulative gas counts from the start of the block. */
  add(transaction: Uint8Array, receipt: Receipt): void {
    this.#transactions.push(transaction);
    const bloom = receiptBloom(receipt.logs);
    this.#receipts.push(encodeReceiptWith(receipt, bloom));
    if (receipt.logs.length > 0) mergeBloom(this.#bloom, bloom);
  }

  /** Adds all of a mini-block: after a restart inside an EVM block, and as each mini-block is sealed. */
  addMiniBlock(miniBlock: MiniBlock): void {
    const { transactions, receipts, header } = miniBlock;
    assert(header.firstTransactionIndex === this.transactionCount, "mini-blocks of a block must come in order");
    transactions.forEach((transaction, i) => {
      this.add(transaction, receipts[i]!);
    });
  }

  /** The header fields that commit to the contents. */
  commitments(): Pick<BlockHeader, "transactionsRoot" | "receiptsRoot" | "logsBloom"> {
    return {
      transactionsRoot: orderedTrieRoot(this.#transactions),
      receiptsRoot: orderedTrieRoot(this.#receipts),
      logsBloom: this.#bloom,
    };
  }
}
