// The sections of a `mini` record: 0 header, 1 transactions, 2 receipts, 3 diff, 4 hints. Canonical and uncompressed: their
// hashes are the mini-block's identity. A replica that executes nothing needs all five.

import { assert } from "#base/assert.ts";
import type { Address } from "#chain/primitives.ts";
import type { Log, Receipt } from "#chain/receipt.ts";
import { ByteReader, ByteWriter, FormatError } from "../codec.ts";
import { decodeDiff, encodeDiff, type StateDiff } from "./diff.ts";
import type { ChainRecord } from "./record.ts";

/** Facts of a mini-block that need no other section. */
export type MiniBlockHeader = {
  /** Number of the enclosing EVM block. */
  readonly blockNumber: number;
  /** Timestamp of the enclosing EVM block, seconds. */
  readonly blockTimestamp: number;
  /** Position in the EVM block, from 0. */
  readonly index: number;
  /** When it was sealed, Unix microseconds. */
  readonly timestampUs: number;
  readonly gasUsed: number;
  readonly transactionCount: number;
  /** Index in the EVM block of the first transaction. */
  readonly firstTransactionIndex: number;
  /** Index in the EVM block of the first log. */
  readonly firstLogIndex: number;
  /** Gas used in the EVM block before this mini-block. */
  readonly cumulativeGasBefore: number;
  /** Base fee per gas of the EVM block, wei. */
  readonly baseFee: bigint;
};

/** A mini-block with all its parts. */
export type MiniBlock = {
  /** Global height, from 0. */
  readonly number: number;
  readonly header: MiniBlockHeader;
  /** Signed transactions in their canonical encoding. */
  readonly transactions: readonly Uint8Array[];
  readonly receipts: readonly Receipt[];
  readonly diff: StateDiff;
  /** Sender of each transaction: the hint that spares followers the signature recovery. */
  readonly senders: readonly Address[];
};

/** Position of each section in a `mini` record. */
export const MiniBlockSection = { header: 0, transactions: 1, receipts: 2, diff: 3, hints: 4 } as const;

/** Largest transaction accepted in a mini-block, bytes. */
export const TRANSACTION_SIZE_BYTES_MAX = 1 << 24;

const SECTION_COUNT = 5;
const HINTS_VERSION = 1;
const LOG_DATA_SIZE_BYTES_MAX = 1 << 28;
const TRANSACTION_TYPE_MAX = 4;

/** Encodes the five sections in order. */
export function encodeMiniBlockSections(miniBlock: Omit<MiniBlock, "number">): Uint8Array[] {
  const count = miniBlock.header.transactionCount;
  assert(miniBlock.transactions.length === count, "transaction count");
  assert(miniBlock.receipts.length === count && miniBlock.senders.length === count, "receipt and sender count");
  return [
    encodeHeader(miniBlock.header),
    encodeTransactions(miniBlock.transactions),
    encodeReceipts(miniBlock.receipts),
    encodeDiff(miniBlock.diff),
    encodeHints(miniBlock.senders),
  ];
}

/**
 * Decodes all sections of a `mini` record; byte strings are views of the record.
 * @throws {FormatError} when a section is not canonical or the sections disagree
 */
export function decodeMiniBlock(record: ChainRecord): MiniBlock {
  const header = decodeMiniBlockHeader(record);
  const { transactions: at, receipts, diff, hints } = MiniBlockSection;
  const transactions = decodeTransactions(record.sections[at]!, header.transactionCount);
  const senders = decodeHints(record.sections[hints]!, header.transactionCount);
  return {
    number: record.header.number,
    header,
    transactions,
    receipts: decodeReceipts(record.sections[receipts]!, header),
    diff: decodeDiff(record.sections[diff]!),
    senders,
  };
}

/** Decodes the header section alone. @throws {FormatError} when the record is not a mini-block */
export function decodeMiniBlockHeader(record: ChainRecord): MiniBlockHeader {
  if (record.header.type !== "mini") throw new FormatError(`a ${record.header.type} record is no mini-block`, 0);
  if (record.sections.length !== SECTION_COUNT) throw new FormatError(`${record.sections.length} sections`, 0);
  const reader = new ByteReader(record.sections[MiniBlockSection.header]!);
  const header: MiniBlockHeader = {
    blockNumber: reader.varint(),
    blockTimestamp: reader.varint(),
    index: reader.varint(),
    timestampUs: reader.u64(),
    gasUsed: reader.varint(),
    transactionCount: reader.varint(),
    firstTransactionIndex: reader.varint(),
    firstLogIndex: reader.varint(),
    cumulativeGasBefore: reader.varint(),
    baseFee: reader.integer(32),
  };
  reader.expectEnd();
  return header;
}

function encodeHeader(header: MiniBlockHeader): Uint8Array {
  return new ByteWriter(64)
    .varint(header.blockNumber)
    .varint(header.blockTimestamp)
    .varint(header.index)
    .u64(header.timestampUs)
    .varint(header.gasUsed)
    .varint(header.transactionCount)
    .varint(header.firstTransactionIndex)
    .varint(header.firstLogIndex)
    .varint(header.cumulativeGasBefore)
    .integer(header.baseFee)
    .toBytes();
}

function encodeTransactions(transactions: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter(16 + transactions.length * 128);
  for (const transaction of transactions) writer.varint(transaction.length);
  for (const transaction of transactions) writer.raw(transaction);
  return writer.toBytes();
}

function decodeTransactions(section: Uint8Array, count: number): Uint8Array[] {
  const reader = new ByteReader(section);
  if (count > section.length) throw new FormatError(`${count} transactions in ${section.length} bytes`, 0);
  const sizes: number[] = [];
  for (let i = 0; i < count; i++) {
    const size = reader.varint();
    if (size > TRANSACTION_SIZE_BYTES_MAX) throw new FormatError(`transaction of ${size} bytes`, reader.offset);
    sizes.push(size);
  }
  const transactions = sizes.map((size) => reader.raw(size));
  reader.expectEnd();
  return transactions;
}

function encodeReceipts(receipts: readonly Receipt[]): Uint8Array {
  const writer = new ByteWriter(16 + receipts.length * 64);
  for (const receipt of receipts) writer.u8(receipt.type | (receipt.status << 7));
  for (const receipt of receipts) writer.varint(receipt.gasUsed);
  for (const receipt of receipts) writer.varint(receipt.logs.length);
  for (const receipt of receipts) for (const log of receipt.logs) encodeLog(writer, log);
  return writer.toBytes();
}

function decodeReceipts(section: Uint8Array, header: MiniBlockHeader): Receipt[] {
  const reader = new ByteReader(section);
  const count = header.transactionCount;
  const kinds = reader.raw(count);
  const gasUsed = Array.from({ length: count }, () => reader.varint());
  const logCounts = Array.from({ length: count }, () => reader.count(1));
  const receipts: Receipt[] = [];
  let cumulativeGasUsed = header.cumulativeGasBefore;
  for (let i = 0; i < count; i++) {
    const type = kinds[i]! & 0x7f;
    if (type > TRANSACTION_TYPE_MAX) throw new FormatError(`receipt type ${type}`, reader.offset);
    cumulativeGasUsed += gasUsed[i]!;
    const logs: Log[] = [];
    for (let j = 0; j < logCounts[i]!; j++) logs.push(decodeLog(reader));
    const status = kinds[i]! >> 7 === 1 ? 1 : 0;
    receipts.push({ type: type as Receipt["type"], status, cumulativeGasUsed, gasUsed: gasUsed[i]!, logs });
  }
  reader.expectEnd();
  if (cumulativeGasUsed - header.cumulativeGasBefore !== header.gasUsed) {
    throw new FormatError("receipts do not add up to the header's gas", 0);
  }
  return receipts;
}

function encodeLog(writer: ByteWriter, log: Log): void {
  writer.raw(log.address).u8(log.topics.length);
  for (const topic of log.topics) writer.raw(topic);
  writer.sized(log.data);
}

function decodeLog(reader: ByteReader): Log {
  const address = reader.raw(20);
  const topicCount = reader.u8();
  if (topicCount > 4) throw new FormatError(`log with ${topicCount} topics`, reader.offset);
  const topics = Array.from({ length: topicCount }, () => reader.raw(32));
  return { address, topics, data: reader.sized(LOG_DATA_SIZE_BYTES_MAX) };
}

function encodeHints(senders: readonly Address[]): Uint8Array {
  const writer = new ByteWriter(1 + senders.length * 20).u8(HINTS_VERSION);
  for (const sender of senders) writer.raw(sender);
  return writer.toBytes();
}

function decodeHints(section: Uint8Array, count: number): Address[] {
  const reader = new ByteReader(section);
  const version = reader.u8();
  if (version !== HINTS_VERSION) throw new FormatError(`hints version ${version}`, 0);
  const column = reader.raw(count * 20);
  reader.expectEnd();
  return Array.from({ length: count }, (_, i) => column.subarray(i * 20, i * 20 + 20));
}
