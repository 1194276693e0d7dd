// Single transactions and receipts by hash; they exist as soon as their mini-block is published.

import type { Hash32 } from "#chain/primitives.ts";
import { decodeTransaction } from "#chain/transaction.ts";
import type { ReadContext } from "../context.ts";
import { blockHashOf, findInclusion, placedReceipt, placedTransaction } from "../placement.ts";
import { type Json, renderReceipt, renderTransaction } from "../render.ts";

/** eth_getTransactionByHash: included, else waiting in the pool, else null. */
export async function getTransactionByHash(context: ReadContext, hash: Hash32): Promise<Json | null> {
  const included = includedTransaction(context, hash);
  if (included !== null) return included;
  const pending = await context.ports.pendingTransaction(hash);
  // It may have been included between the two look-ups.
  if (pending === null) return includedTransaction(context, hash);
  const transaction = decodeTransaction(pending.raw);
  return renderTransaction({ transaction, hash, sender: pending.sender, place: null });
}

/** eth_getTransactionReceipt; the block hash is all-ff until the EVM block is sealed. */
export function getTransactionReceipt(context: ReadContext, hash: Hash32): Json | null {
  const inclusion = findInclusion(context.store, hash);
  if (inclusion === null) return null;
  const { miniBlock, index, blockNumber } = inclusion;
  return renderReceipt(placedReceipt(miniBlock, index, blockHashOf(context.store, blockNumber)));
}

function includedTransaction(context: ReadContext, hash: Hash32): Json | null {
  const inclusion = findInclusion(context.store, hash);
  if (inclusion === null) return null;
  const { miniBlock, index, blockNumber } = inclusion;
  return renderTransaction(placedTransaction(miniBlock, index, blockHashOf(context.store, blockNumber)));
}
