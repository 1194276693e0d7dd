// Sealed EVM blocks with their mini-block counters, and the receipts of a whole block.

import { type Hex, toHex, toQuantity } from "#base/hex.ts";
import type { Hash32 } from "#chain/primitives.ts";
import type { BlockReference } from "../block-reference.ts";
import type { ReadContext, StoredBlock } from "../context.ts";
import { keptMiniBlocksOf, placedReceipts, placedTransaction } from "../placement.ts";
import { type Json, renderHeader, renderReceipt, renderSealFields, renderTransaction } from "../render.ts";
import { findSealedBlock } from "../state-access.ts";

/** eth_blockNumber, as a read worker's store has it. */
export function blockNumber(context: ReadContext): Hex {
  return toQuantity(context.store.headBlockNumber);
}

/** eth_getBlockByNumber; `pending` is null, since an open block has neither roots nor a hash. */
export function getBlockByNumber(context: ReadContext, block: BlockReference, isFull = false): Json | null {
  const stored = findSealedBlock(context, block);
  return stored === null ? null : renderBlock(context, stored, isFull);
}

/** eth_getBlockByHash. */
export function getBlockByHash(context: ReadContext, hash: Hash32, isFull = false): Json | null {
  const stored = context.store.blockByHash(hash);
  return stored === null ? null : renderBlock(context, stored, isFull);
}

/** eth_getBlockReceipts: every receipt of a sealed block; null for a block that does not exist. */
export function getBlockReceipts(context: ReadContext, block: BlockReference): Json[] | null {
  const stored = findSealedBlock(context, block);
  if (stored === null) return null;
  const miniBlocks = keptMiniBlocksOf(context.store, stored.header.number);
  return miniBlocks.flatMap((miniBlock) => placedReceipts(miniBlock, stored.hash).map(renderReceipt));
}

/**
 * The JSON of a sealed block.
 * @param isFull transactions as objects instead of hashes
 */
export function renderBlock(context: ReadContext, stored: StoredBlock, isFull: boolean): Json {
  const { header, hash, seal, size } = stored;
  const transactions = keptMiniBlocksOf(context.store, header.number).flatMap((miniBlock) => {
    return miniBlock.transactions.map((_, index) => {
      const placed = placedTransaction(miniBlock, index, hash);
      return isFull ? renderTransaction(placed) : toHex(placed.hash);
    });
  });
  const json: Json = { ...renderHeader(header, hash), size: toQuantity(size), transactions, uncles: [] };
  if (header.withdrawalsRoot !== undefined) json.withdrawals = [];
  return seal === null || header.number === 0 ? json : { ...json, ...renderSealFields(seal) };
}
