// A whole EVM block and its RLP: what import reads, what debug_getRawBlock gives, and the size that blocks report.
//
//   rlp([header, [transaction, …], [ommer, …], [withdrawal, …]])      the last list from Shanghai on
//
// A legacy transaction is a list in the list; a typed one is a byte string around its envelope.

import { type BlockHeader, headerFields, readHeader } from "./header.ts";
import { decodeRlp, encodeRlp, type RlpItem, RlpReader } from "./rlp.ts";
import { decodeTransaction, encodeTransaction, type Transaction } from "./transaction.ts";
import { readWithdrawal, type Withdrawal, withdrawalFields } from "./withdrawal.ts";

/** A block: header and body. */
export type Block = {
  readonly header: BlockHeader;
  readonly transactions: readonly Transaction[];
  readonly ommers: readonly BlockHeader[];
  /** From Shanghai on (EIP-4895). */
  readonly withdrawals?: readonly Withdrawal[];
};

/** A block whose transactions are left in their encoded form. */
export type EncodedBody = {
  readonly header: BlockHeader;
  /** Canonical signed bytes, as they are hashed and sent. */
  readonly transactions: readonly Uint8Array[];
  readonly ommers: readonly BlockHeader[];
  readonly withdrawals?: readonly Withdrawal[];
};

/** The canonical RLP of a block. */
export function encodeBlock(block: Block): Uint8Array {
  return encodeBlockBody({ ...block, transactions: block.transactions.map(encodeTransaction) });
}

/** As {@link encodeBlock}, from transactions that are encoded already. */
export function encodeBlockBody(block: EncodedBody): Uint8Array {
  const fields: RlpItem[] = [
    headerFields(block.header),
    block.transactions.map((bytes) => (bytes[0]! > 0x7f ? decodeRlp(bytes) : bytes)),
    block.ommers.map(headerFields),
  ];
  if (block.withdrawals !== undefined) fields.push(block.withdrawals.map(withdrawalFields));
  return encodeRlp(fields);
}

/**
 * Decodes exactly one block; byte fields are views of `bytes`.
 * @throws {RlpError} when the bytes are no canonical block
 * @throws {TransactionDecodeError} when a transaction in it is none
 */
export function decodeBlock(bytes: Uint8Array): Block {
  const reader = new RlpReader(bytes, "types.Block");
  const block = readBlock(reader);
  reader.finish();
  return block;
}

/**
 * Decodes a file of concatenated blocks, one after the other.
 * @throws as {@link decodeBlock}, at the block that is damaged
 */
export function* decodeBlocks(bytes: Uint8Array): Generator<Block> {
  const reader = new RlpReader(bytes, "types.Block");
  while (reader.hasNext()) yield readBlock(reader);
}

function readBlock(reader: RlpReader): Block {
  const token = reader.enterList("types.Block", "");
  const header = readHeader(reader);
  const transactions = readList(reader, "Transactions", readTransaction);
  const ommers = readList(reader, "Uncles", readHeader);
  const withdrawals = reader.hasNext() ? readList(reader, "Withdrawals", readWithdrawal) : undefined;
  reader.leaveList(token, "types.Block", "");
  return withdrawals === undefined ? { header, transactions, ommers } : { header, transactions, ommers, withdrawals };
}

function readTransaction(reader: RlpReader): Transaction {
  const start = reader.offset;
  reader.next();
  return decodeTransaction(reader.bytes.subarray(reader.isList ? start : reader.payloadOffset, reader.offset));
}

function readList<T>(reader: RlpReader, field: string, read: (reader: RlpReader) => T): T[] {
  const token = reader.enterList("list", field);
  const items: T[] = [];
  while (reader.hasNext()) items.push(read(reader));
  reader.leaveList(token, "list", field);
  return items;
}
