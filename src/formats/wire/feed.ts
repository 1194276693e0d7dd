// The feed between peers: WebSocket binary messages, each one msgpack map. A child says hello, the parent answers welcome,
// then records flow in batches; the child acknowledges, so that the parent never has more than a window of bytes in flight.
//
//   child                                   parent
//     hello {chain, genesis, term, last} ─────▶
//     ◀───── welcome {genesis document, sequencer, head, start}        or  error {code, message}, then close
//     ◀───── snapshot {seal, checkpoint, chunks}, chunk …              only when start = "snapshot"
//     ◀───── records {first, count, codec, data} …
//     ack {last} ─────▶                                                every few hundred KiB
//
// The data of a records message is a run of (u32 size, record bytes), LZ4-compressed as one block. Compression is transport:
// the hash and the signature are over the uncompressed sections.

import { Packr } from "msgpackr";
import { lz4Compress, lz4Decompress } from "#base/lz4.ts";
import { ByteReader, ByteWriter, FormatError } from "../codec.ts";
import { RECORD_SIZE_BYTES_MAX } from "./record.ts";

/** Version of the messages below; both sides must agree. */
export const FEED_VERSION = 1;

/** Transport compressions, by what a peer calls them in its hello. */
export type FeedCodec = "lz4" | "none";

/** First message of a child: who it is and what it has. */
export type HelloMessage = {
  readonly type: "hello";
  readonly version: number;
  /** Decimal chain id, or null when the child does not know. */
  readonly chainId: string | null;
  /** Null from a child that only asks whom it would follow: it gets the welcome, and the connection ends. */
  readonly genesisHash: Uint8Array | null;
  readonly term: number;
  /** Sequence of the last record held; -1 for none. */
  readonly lastSequence: number;
  /** Hash of that record; null for none. */
  readonly lastHash: Uint8Array | null;
  /** Whether a snapshot is welcome while the records are still there; one that cannot be avoided always is. */
  readonly wantsSnapshot: boolean;
  readonly codecs: readonly FeedCodec[];
  /** Software name and version, for the operator's eyes. */
  readonly client: string;
};

/** The parent's answer when the child may follow. */
export type WelcomeMessage = {
  readonly type: "welcome";
  readonly version: number;
  readonly chainId: string;
  readonly genesisHash: Uint8Array;
  /** The genesis as canonical JSON; its hash must be the chain's. */
  readonly genesisDocument: Uint8Array;
  /** Address whose signatures the records carry. */
  readonly sequencer: Uint8Array;
  readonly term: number;
  /** Sequence of the parent's last record. */
  readonly headSequence: number;
  readonly codec: FeedCodec;
  /** Whether records follow at once, or a snapshot first. */
  readonly start: "records" | "snapshot";
  /** Sequence of the first record that will come. */
  readonly nextSequence: number;
};

/** Announces a snapshot: the signed records that bind it, and how many chunks follow. */
export type SnapshotMessage = {
  readonly type: "snapshot";
  /** The `seal` record of the EVM block at whose end the snapshot was taken. */
  readonly sealRecord: Uint8Array;
  /** The `checkpoint` record with the snapshot's digest. */
  readonly checkpointRecord: Uint8Array;
  readonly chunkCount: number;
};

/** One piece of a snapshot, in order. */
export type ChunkMessage = {
  readonly type: "chunk";
  readonly index: number;
  readonly codec: FeedCodec;
  readonly sizeBytes: number;
  readonly data: Uint8Array;
};

/** A run of records. */
export type RecordsMessage = {
  readonly type: "records";
  readonly firstSequence: number;
  readonly count: number;
  readonly codec: FeedCodec;
  /** Size of `data` before compression, bytes. */
  readonly sizeBytes: number;
  readonly data: Uint8Array;
};

/** The child has taken everything up to here (records) or this chunk. */
export type AckMessage = { readonly type: "ack"; readonly bytes: number };

/** Why the other side will close the connection. */
export type ErrorMessage = { readonly type: "error"; readonly code: FeedErrorCode; readonly message: string };

/** Why a feed connection was refused or ended; also the reason of the WebSocket close frame. */
export type FeedErrorCode =
  | "malformed message"
  | "unsupported version"
  | "wrong chain"
  | "diverged"
  | "too old"
  | "too many children"
  | "too slow"
  | "not ready";

/** WebSocket close code of each error; 4000 to 4999 are for applications (RFC 6455 §7.4.2). */
export const FEED_CLOSE_CODES: { readonly [Code in FeedErrorCode]: number } = {
  "malformed message": 4000,
  "unsupported version": 4001,
  "wrong chain": 4002,
  diverged: 4003,
  "too old": 4004,
  "too many children": 4009,
  "too slow": 4008,
  "not ready": 4010,
};

/** Any message of the feed. */
export type FeedMessage =
  | HelloMessage
  | WelcomeMessage
  | SnapshotMessage
  | ChunkMessage
  | RecordsMessage
  | AckMessage
  | ErrorMessage;

/** Largest uncompressed data of one records or chunk message, in bytes: one record of the largest size, or a batch below it. */
export const FEED_DATA_SIZE_BYTES_MAX = RECORD_SIZE_BYTES_MAX + 4;

const packr = new Packr({ useRecords: false });

/** Encodes a message. */
export function encodeFeedMessage(message: FeedMessage): Uint8Array<ArrayBuffer> {
  return packr.pack(message) as Uint8Array<ArrayBuffer>;
}

/**
 * Decodes and checks a message.
 * @throws {FormatError} when it is not one of the messages with all fields of the right kind
 */
export function decodeFeedMessage(bytes: Uint8Array): FeedMessage {
  let value: unknown;
  try {
    value = packr.unpack(bytes);
  } catch (cause) {
    throw new FormatError(`not msgpack: ${String(cause)}`, 0);
  }
  if (typeof value !== "object" || value === null) throw new FormatError("not a message", 0);
  const message = value as Record<string, unknown>;
  if (!isNameIn(FIELDS, message.type)) throw new FormatError("unknown message type", 0);
  for (const [name, isValid] of Object.entries(FIELDS[message.type])) {
    if (!isValid(message[name])) throw new FormatError(`bad field ${name} of ${message.type}`, 0);
  }
  return value as FeedMessage;
}

/** Joins encoded records into one message. `records` must be consecutive, beginning with `firstSequence`. */
export function encodeRecordsMessage(
  firstSequence: number,
  records: readonly Uint8Array[],
  codec: FeedCodec,
): Uint8Array {
  let sizeBytes = 0;
  for (const record of records) sizeBytes += 4 + record.length;
  const run = new ByteWriter(sizeBytes);
  for (const record of records) run.u32(record.length).raw(record);
  const raw = run.toBytes();
  const data = codec === "lz4" ? lz4Compress(raw) : raw;
  return encodeFeedMessage({ type: "records", firstSequence, count: records.length, codec, sizeBytes, data });
}

/** The encoded records of a message. @throws {FormatError} when the run is malformed */
export function unpackRecords(message: RecordsMessage): Uint8Array[] {
  const reader = new ByteReader(decompressData(message));
  const records: Uint8Array[] = [];
  for (let i = 0; i < message.count; i++) {
    const size = reader.u32();
    if (size > RECORD_SIZE_BYTES_MAX) throw new FormatError(`record of ${size} bytes`, reader.offset);
    records.push(reader.raw(size));
  }
  reader.expectEnd();
  return records;
}

/** A piece of a snapshot as a message. */
export function encodeChunkMessage(index: number, raw: Uint8Array, codec: FeedCodec): Uint8Array {
  const data = codec === "lz4" ? lz4Compress(raw) : raw;
  return encodeFeedMessage({ type: "chunk", index, codec, sizeBytes: raw.length, data });
}

/** The uncompressed data of a records or chunk message. @throws {FormatError} when it does not decompress to its size */
export function decompressData(message: RecordsMessage | ChunkMessage): Uint8Array {
  if (message.sizeBytes > FEED_DATA_SIZE_BYTES_MAX) throw new FormatError(`${message.sizeBytes} bytes of data`, 0);
  if (message.codec === "none") {
    if (message.data.length !== message.sizeBytes) throw new FormatError("data size", 0);
    return message.data;
  }
  try {
    return lz4Decompress(message.data, message.sizeBytes);
  } catch (cause) {
    throw new FormatError(`data does not decompress: ${String(cause)}`, 0);
  }
}

type FieldCheck = (value: unknown) => boolean;

/** Whether a peer's word is a key of a table; what every object inherits ("constructor") is none. */
function isNameIn<T extends object>(table: T, word: unknown): word is keyof T {
  return typeof word === "string" && Object.hasOwn(table, word);
}

const isCount: FieldCheck = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isSequence: FieldCheck = (value) => Number.isSafeInteger(value) && (value as number) >= -1;
const isBytes: FieldCheck = (value) => value instanceof Uint8Array;
const isHash: FieldCheck = (value) => value instanceof Uint8Array && value.length === 32;
const isHashOrNull: FieldCheck = (value) => value === null || isHash(value);
const isAddress: FieldCheck = (value) => value instanceof Uint8Array && value.length === 20;
const isDecimal: FieldCheck = (value) => typeof value === "string" && /^[0-9]{1,20}$/.test(value);
const isDecimalOrNull: FieldCheck = (value) => value === null || isDecimal(value);
const isFlag: FieldCheck = (value) => typeof value === "boolean";
const isText: FieldCheck = (value) => typeof value === "string" && value.length <= 1024;
const isCodec: FieldCheck = (value) => value === "lz4" || value === "none";
const isCodecList: FieldCheck = (value) => Array.isArray(value) && value.length <= 16 && value.every(isText);
const isStart: FieldCheck = (value) => value === "records" || value === "snapshot";
const isErrorCode: FieldCheck = (value) => isNameIn(FEED_CLOSE_CODES, value);

const FIELDS: { readonly [Type in FeedMessage["type"]]: { readonly [field: string]: FieldCheck } } = {
  hello: {
    version: isCount,
    chainId: isDecimalOrNull,
    genesisHash: isHashOrNull,
    term: isCount,
    lastSequence: isSequence,
    lastHash: isHashOrNull,
    wantsSnapshot: isFlag,
    codecs: isCodecList,
    client: isText,
  },
  welcome: {
    version: isCount,
    chainId: isDecimal,
    genesisHash: isHash,
    genesisDocument: isBytes,
    sequencer: isAddress,
    term: isCount,
    headSequence: isSequence,
    codec: isCodec,
    start: isStart,
    nextSequence: isCount,
  },
  snapshot: { sealRecord: isBytes, checkpointRecord: isBytes, chunkCount: isCount },
  chunk: { index: isCount, codec: isCodec, sizeBytes: isCount, data: isBytes },
  records: { firstSequence: isCount, count: isCount, codec: isCodec, sizeBytes: isCount, data: isBytes },
  ack: { bytes: isCount },
  error: { code: isErrorCode, message: isText },
};
