// JSON form of a mini-block: MegaETH's stream object in snake_case, with the two trie roots computed here, on demand,
// since mini-blocks themselves carry none.

import { toHex, toQuantity } from "#base/hex.ts";
import { orderedTrieRoot } from "#chain/ordered-trie.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { encodeReceipt } from "#chain/receipt.ts";
import type { MiniBlock } from "#formats/wire/mini-block.ts";
import { placedReceipts } from "./placement.ts";
import { type Json, renderReceipt, renderTransaction } from "./render.ts";

/**
 * The object of the miniBlocks stream and of mega_getMiniBlockByNumber.
 * @param signature the sequencer's signature of the mini-block's record: 65 bytes r, s, parity
 * @param blockHash hash of the enclosing EVM block; the stream always carries the all-ff one
 */
export function renderMiniBlock(miniBlock: MiniBlock, signature: Uint8Array, blockHash: Hash32): Json {
  const { header } = miniBlock;
  const placed = placedReceipts(miniBlock, blockHash);
  return {
    block_number: toQuantity(header.blockNumber),
    block_timestamp: toQuantity(header.blockTimestamp),
    index: toQuantity(header.index),
    mini_block_number: toQuantity(miniBlock.number),
    mini_block_timestamp: toQuantity(header.timestampUs),
    gas_used: toQuantity(header.gasUsed),
    transactions: placed.map(renderTransaction),
    receipts: placed.map(renderReceipt),
    transaction_root: toHex(orderedTrieRoot(miniBlock.transactions)),
    receipt_root: toHex(orderedTrieRoot(miniBlock.receipts.map(encodeReceipt))),
    signature: toHex(signature),
  };
}
