// The single section of each record type that is not a mini-block: open, seal, term, durable, checkpoint.

import type { Address, Hash32 } from "#chain/primitives.ts";
import { ByteReader, ByteWriter, FormatError } from "../codec.ts";
import type { ChainRecord, RecordTypeName } from "./record.ts";

/** An EVM block begins: all that its transactions can see of it is fixed here. */
export type OpenPayload = {
  readonly blockNumber: number;
  /** Seconds. */
  readonly timestamp: number;
  /** Wei per gas. */
  readonly baseFee: bigint;
  readonly gasLimit: bigint;
  /** PREVRANDAO. */
  readonly randomness: Hash32;
  readonly beneficiary: Address;
  /** Hash of the EVM block before. */
  readonly parentHash: Hash32;
  /** EIP-4788 root; zero on chains without a consensus layer. */
  readonly parentBeaconBlockRoot: Hash32;
};

/** An EVM block ends. */
export type SealPayload = {
  readonly headerRlp: Uint8Array;
  /** Signature of the header hash: r, s, parity. */
  readonly headerSignature: Uint8Array;
  readonly miniBlockCount: number;
  /** Number of its first mini-block. */
  readonly miniBlockOffset: number;
  /** Transactions on the chain before this block. */
  readonly transactionOffset: number;
  readonly transactionCount: number;
};

/** A new term after an unclean stop: everything after the kept record is void. */
export type TermPayload = {
  readonly lastKeptSequence: number;
  /** State version after the last kept mini-block. */
  readonly lastKeptVersion: number;
};

/** Everything up to here survives power loss at the sequencer. */
export type DurablePayload = { readonly sequence: number; readonly version: number };

/** The sequencer's signed digest of the whole state at a version: what bootstraps and replicas compare with. */
export type CheckpointPayload = {
  readonly version: number;
  /** Number of the last sealed EVM block at that version. */
  readonly blockNumber: number;
  readonly keyCount: number;
  readonly sizeBytes: number;
  readonly digest: Hash32;
};

const HEADER_RLP_SIZE_BYTES_MAX = 4096;

/** Encodes the section of an `open` record. */
export function encodeOpen(payload: OpenPayload): Uint8Array {
  return new ByteWriter(192)
    .varint(payload.blockNumber)
    .varint(payload.timestamp)
    .integer(payload.baseFee)
    .integer(payload.gasLimit)
    .raw(payload.randomness)
    .raw(payload.beneficiary)
    .raw(payload.parentHash)
    .raw(payload.parentBeaconBlockRoot)
    .toBytes();
}

/** @throws {FormatError} when the record is no canonical `open` */
export function decodeOpen(record: ChainRecord): OpenPayload {
  const reader = sectionReader(record, "open");
  const payload: OpenPayload = {
    blockNumber: reader.varint(),
    timestamp: reader.varint(),
    baseFee: reader.integer(32),
    gasLimit: reader.integer(8),
    randomness: reader.raw(32),
    beneficiary: reader.raw(20),
    parentHash: reader.raw(32),
    parentBeaconBlockRoot: reader.raw(32),
  };
  reader.expectEnd();
  return payload;
}

/** Encodes the section of a `seal` record. */
export function encodeSeal(payload: SealPayload): Uint8Array {
  return new ByteWriter(768)
    .sized(payload.headerRlp)
    .raw(payload.headerSignature)
    .varint(payload.miniBlockCount)
    .varint(payload.miniBlockOffset)
    .varint(payload.transactionOffset)
    .varint(payload.transactionCount)
    .toBytes();
}

/** @throws {FormatError} when the record is no canonical `seal` */
export function decodeSeal(record: ChainRecord): SealPayload {
  const reader = sectionReader(record, "seal");
  const payload: SealPayload = {
    headerRlp: reader.sized(HEADER_RLP_SIZE_BYTES_MAX),
    headerSignature: reader.raw(65),
    miniBlockCount: reader.varint(),
    miniBlockOffset: reader.varint(),
    transactionOffset: reader.varint(),
    transactionCount: reader.varint(),
  };
  reader.expectEnd();
  return payload;
}

/** Encodes the section of a `term` record. */
export function encodeTerm(payload: TermPayload): Uint8Array {
  return new ByteWriter(16).u64(payload.lastKeptSequence).u64(payload.lastKeptVersion).toBytes();
}

/** @throws {FormatError} when the record is no canonical `term` */
export function decodeTerm(record: ChainRecord): TermPayload {
  const reader = sectionReader(record, "term");
  const payload: TermPayload = { lastKeptSequence: reader.u64(), lastKeptVersion: reader.u64() };
  reader.expectEnd();
  return payload;
}

/** Encodes the section of a `durable` record. */
export function encodeDurable(payload: DurablePayload): Uint8Array {
  return new ByteWriter(16).u64(payload.sequence).u64(payload.version).toBytes();
}

/** @throws {FormatError} when the record is no canonical `durable` */
export function decodeDurable(record: ChainRecord): DurablePayload {
  const reader = sectionReader(record, "durable");
  const payload: DurablePayload = { sequence: reader.u64(), version: reader.u64() };
  reader.expectEnd();
  return payload;
}

/** Encodes the section of a `checkpoint` record. */
export function encodeCheckpoint(payload: CheckpointPayload): Uint8Array {
  return new ByteWriter(64)
    .u64(payload.version)
    .u64(payload.blockNumber)
    .u64(payload.keyCount)
    .u64(payload.sizeBytes)
    .raw(payload.digest)
    .toBytes();
}

/** @throws {FormatError} when the record is no canonical `checkpoint` */
export function decodeCheckpoint(record: ChainRecord): CheckpointPayload {
  const reader = sectionReader(record, "checkpoint");
  const payload: CheckpointPayload = {
    version: reader.u64(),
    blockNumber: reader.u64(),
    keyCount: reader.u64(),
    sizeBytes: reader.u64(),
    digest: reader.raw(32),
  };
  reader.expectEnd();
  return payload;
}

function sectionReader(record: ChainRecord, type: RecordTypeName): ByteReader {
  if (record.header.type !== type) throw new FormatError(`a ${record.header.type} record is no ${type}`, 0);
  if (record.sections.length !== 1) throw new FormatError(`${record.sections.length} sections in a ${type} record`, 0);
  return new ByteReader(record.sections[0]!);
}
