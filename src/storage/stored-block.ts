// A sealed EVM block as the store answers it: what its `open` and `seal` records say, and its size in the encoding of Ethereum.

import type { BlockHeader } from "#chain/header.ts";
import type { Hash32 } from "#chain/primitives.ts";
import type { OpenPayload, SealPayload } from "#formats/wire/payloads.ts";

/** A sealed block. Its transactions are in its mini-blocks. */
export type StoredBlock = {
  readonly header: BlockHeader;
  /** The block hash. */
  readonly hash: Hash32;
  /** For the genesis block: its header and zeroes. */
  readonly seal: SealPayload;
  /** Null for the genesis block, and where the log does not reach back to it. */
  readonly open: OpenPayload | null;
  /** Length of the block's RLP, bytes; computed when asked for. */
  readonly size: number;
};

/** Where a transaction is. */
export type TransactionLocation = {
  readonly miniBlockNumber: number;
  /** Position in the mini-block. */
  readonly index: number;
  readonly blockNumber: number;
  /** Position in the EVM block. */
  readonly transactionIndex: number;
};

/** Builds a block whose size is computed on first use. `transactions` gives the canonical encodings, in order. */
export function storedBlock(parts: Omit<StoredBlock, "size">, transactions: () => Iterable<Uint8Array>): StoredBlock {
  let size: number | null = null;
  return {
    ...parts,
    get size(): number {
      size ??= blockSizeBytes(parts.seal.headerRlp.length, parts.header.withdrawalsRoot !== undefined, transactions());
      return size;
    },
  };
}

/** Length of the RLP of [header, transactions, ommers = [], withdrawals = [] from Shanghai on]. */
function blockSizeBytes(headerSize: number, hasWithdrawals: boolean, transactions: Iterable<Uint8Array>): number {
  let transactionsSize = 0;
  for (const transaction of transactions) {
    const isLegacy = transaction.length > 0 && transaction[0]! >= 0xc0;
    transactionsSize += isLegacy ? transaction.length : lengthPrefixSize(transaction.length) + transaction.length;
  }
  const listSize = lengthPrefixSize(transactionsSize) + transactionsSize;
  const content = headerSize + listSize + 1 + (hasWithdrawals ? 1 : 0);
  return lengthPrefixSize(content) + content;
}

function lengthPrefixSize(length: number): number {
  if (length < 56) return 1;
  let size = 1;
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) size++;
  return size;
}
