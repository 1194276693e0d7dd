// Single parts of sealed EVM blocks: headers, counts, a transaction by its place, and the raw forms that debug methods give.
// What an open block would answer is null, as for blocks: it has neither roots nor a hash.

import { type Hex, toHex, toQuantity } from "#base/hex.ts";
import { encodeBlockBody } from "#chain/block.ts";
import { encodeHeader } from "#chain/header.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { encodeReceipt } from "#chain/receipt.ts";
import type { MiniBlock } from "#formats/wire/mini-block.ts";
import type { BlockReference } from "../block-reference.ts";
import type { ReadContext, StoredBlock } from "../context.ts";
import { headerNotFound } from "../errors.ts";
import { findInclusion, keptMiniBlocksOf, placedTransaction } from "../placement.ts";
import { type Json, renderHeader, renderTransaction } from "../render.ts";
import { findSealedBlock } from "../state-access.ts";

/** eth_getHeaderByNumber. */
export function getHeaderByNumber(context: ReadContext, block: BlockReference): Json | null {
  const stored = findSealedBlock(context, block);
  return stored === null ? null : renderHeader(stored.header, stored.hash);
}

/** eth_getHeaderByHash. */
export function getHeaderByHash(context: ReadContext, hash: Hash32): Json | null {
  return getHeaderByNumber(context, { kind: "hash", hash });
}

/** eth_getBlockTransactionCountByNumber. */
export function getTransactionCountByNumber(context: ReadContext, block: BlockReference): Hex | null {
  const stored = findSealedBlock(context, block);
  if (stored === null) return null;
  return toQuantity(bodyOf(context, stored).reduce((count, { transactions }) => count + transactions.length, 0));
}

/** eth_getBlockTransactionCountByHash. */
export function getTransactionCountByHash(context: ReadContext, hash: Hash32): Hex | null {
  return getTransactionCountByNumber(context, { kind: "hash", hash });
}

/** eth_getUncleCountByBlockNumber: no block here has any. */
export function getUncleCountByNumber(context: ReadContext, block: BlockReference): Hex | null {
  return findSealedBlock(context, block) === null ? null : "0x0";
}

/** eth_getUncleCountByBlockHash. */
export function getUncleCountByHash(context: ReadContext, hash: Hash32): Hex | null {
  return getUncleCountByNumber(context, { kind: "hash", hash });
}

/** eth_getUncleByBlockNumberAndIndex and its sibling by hash: none. */
export function getUncle(): null {
  return null;
}

/** eth_getTransactionByBlockNumberAndIndex; null beyond the last one. */
export function getTransactionByNumberAndIndex(
  context: ReadContext,
  block: BlockReference,
  index: bigint,
): Json | null {
  const stored = findSealedBlock(context, block);
  if (stored === null) return null;
  for (const miniBlock of bodyOf(context, stored)) {
    const within = Number(index) - miniBlock.header.firstTransactionIndex;
    if (within < miniBlock.transactions.length) {
      return renderTransaction(placedTransaction(miniBlock, within, stored.hash));
    }
  }
  return null;
}

/** eth_getTransactionByBlockHashAndIndex. */
export function getTransactionByHashAndIndex(context: ReadContext, hash: Hash32, index: bigint): Json | null {
  return getTransactionByNumberAndIndex(context, { kind: "hash", hash }, index);
}

/** debug_getRawHeader: the header's RLP. @throws {RpcError} when there is no such block */
export function getRawHeader(context: ReadContext, block: BlockReference): Hex {
  return toHex(encodeHeader(existingBlock(context, block).header));
}

/** debug_getRawBlock: the block's RLP. @throws {RpcError} when there is no such block */
export function getRawBlock(context: ReadContext, block: BlockReference): Hex {
  const stored = existingBlock(context, block);
  const { header } = stored;
  const transactions = bodyOf(context, stored).flatMap((miniBlock) => miniBlock.transactions);
  const withdrawals = header.withdrawalsRoot === undefined ? {} : { withdrawals: [] };
  return toHex(encodeBlockBody({ header, transactions, ommers: [], ...withdrawals }));
}

/** debug_getRawReceipts: the receipts in their consensus form. @throws {RpcError} when there is no such block */
export function getRawReceipts(context: ReadContext, block: BlockReference): Hex[] {
  const miniBlocks = bodyOf(context, existingBlock(context, block));
  return miniBlocks.flatMap(({ receipts }) => receipts.map((receipt) => toHex(encodeReceipt(receipt))));
}

/** eth_getRawTransactionByHash and debug_getRawTransaction: signed bytes, included or waiting; empty when unknown. */
export async function getRawTransaction(context: ReadContext, hash: Hash32): Promise<Hex> {
  const included = includedBytes(context, hash);
  if (included !== null) return toHex(included);
  const pending = await context.ports.pendingTransaction(hash);
  // It may have been included between the two look-ups.
  return toHex(pending?.raw ?? includedBytes(context, hash) ?? new Uint8Array(0));
}

function includedBytes({ store }: ReadContext, hash: Hash32): Uint8Array | null {
  const inclusion = findInclusion(store, hash);
  return inclusion?.miniBlock.transactions[inclusion.index] ?? null;
}

function existingBlock(context: ReadContext, block: BlockReference): StoredBlock {
  const stored = findSealedBlock(context, block);
  if (stored === null) throw headerNotFound();
  return stored;
}

function bodyOf({ store }: ReadContext, { header }: StoredBlock): MiniBlock[] {
  return keptMiniBlocksOf(store, header.number);
}
