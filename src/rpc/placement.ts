// From stored mini-blocks and blocks to transactions, receipts and logs with their place in the EVM block.
// Order and indices are final when a mini-block is sealed; only the block hash is not, so it is looked up at reading.

import { type Address, type Hash32, PLACEHOLDER_BLOCK_HASH } from "#chain/primitives.ts";
import type { Receipt } from "#chain/receipt.ts";
import { decodeTransaction, transactionHash } from "#chain/transaction.ts";
import type { MiniBlock, MiniBlockHeader } from "#formats/wire/mini-block.ts";
import type { ChainReader, TransactionLocation } from "./context.ts";
import { prunedHistory } from "./errors.ts";
import type { PlacedReceipt, PlacedTransaction, TransactionPlace } from "./render.ts";

/** The EVM block hash that a mini-block's contents carry now: all-ff until that block is sealed. */
export function blockHashOf(store: Pick<ChainReader, "block">, blockNumber: number): Hash32 {
  return store.block(blockNumber)?.hash ?? PLACEHOLDER_BLOCK_HASH;
}

/** The place of the transaction at `index` of a mini-block. */
export function placeOf(header: MiniBlockHeader, index: number, blockHash: Hash32): TransactionPlace {
  return {
    blockHash,
    blockNumber: header.blockNumber,
    blockTimestamp: header.blockTimestamp,
    transactionIndex: header.firstTransactionIndex + index,
    baseFee: header.baseFee,
  };
}

/** One transaction of a mini-block. */
export function placedTransaction(miniBlock: MiniBlock, index: number, blockHash: Hash32): PlacedTransaction {
  const raw = miniBlock.transactions[index] as Uint8Array;
  return {
    transaction: decodeTransaction(raw),
    hash: transactionHash(raw),
    sender: miniBlock.senders[index] as Address,
    place: placeOf(miniBlock.header, index, blockHash),
  };
}

/** One receipt of a mini-block. */
export function placedReceipt(miniBlock: MiniBlock, index: number, blockHash: Hash32): PlacedReceipt {
  let firstLogIndex = miniBlock.header.firstLogIndex;
  for (let i = 0; i < index; i++) firstLogIndex += (miniBlock.receipts[i] as Receipt).logs.length;
  return {
    ...placedTransaction(miniBlock, index, blockHash),
    place: placeOf(miniBlock.header, index, blockHash),
    receipt: miniBlock.receipts[index] as Receipt,
    firstLogIndex,
  };
}

/** All receipts of a mini-block in order. */
export function placedReceipts(miniBlock: MiniBlock, blockHash: Hash32): PlacedReceipt[] {
  let firstLogIndex = miniBlock.header.firstLogIndex;
  return miniBlock.receipts.map((receipt, index) => {
    const place = placeOf(miniBlock.header, index, blockHash);
    const placed = { ...placedTransaction(miniBlock, index, blockHash), place, receipt, firstLogIndex };
    firstLogIndex += receipt.logs.length;
    return placed;
  });
}

/** Where a transaction was included. */
export type Inclusion = TransactionLocation & { readonly miniBlock: MiniBlock };

/** Finds an included transaction; null when there is none, or its mini-block is no longer kept. */
export function findInclusion(store: ChainReader, hash: Hash32): Inclusion | null {
  const location = store.transaction(hash);
  if (location === null) return null;
  const miniBlock = store.miniBlock(location.miniBlockNumber);
  return miniBlock === null ? null : { ...location, miniBlock };
}

/** {@link miniBlocksOf} of a block that is known. @throws {RpcError} 4444 when a part of them is no longer kept */
export function keptMiniBlocksOf(store: ChainReader, blockNumber: number): MiniBlock[] {
  const miniBlocks = miniBlocksOf(store, blockNumber);
  if (miniBlocks === null) throw prunedHistory();
  return miniBlocks;
}

/**
 * The mini-blocks of a sealed EVM block in order; of block 0 there are none.
 * @returns null when a part of them is no longer kept
 */
export function miniBlocksOf(store: ChainReader, blockNumber: number): MiniBlock[] | null {
  const range = store.miniBlocksOfBlock(blockNumber);
  if (range === null) return blockNumber === 0 ? [] : null;
  const miniBlocks: MiniBlock[] = [];
  for (let i = 0; i < range.count; i++) {
    const miniBlock = store.miniBlock(range.first + i);
    if (miniBlock === null) return null;
    miniBlocks.push(miniBlock);
  }
  return miniBlocks;
}
