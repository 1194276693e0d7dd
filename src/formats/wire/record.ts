// The record: one entry of the log, the same bytes on disk, on the feed and between threads. Sealed once, signed once.
//
//   offset  size  field
//        0     1  protocol version (1)
//        1     1  type: open 1, mini 2, seal 3, term 4, durable 5, checkpoint 6
//        2     2  section count
//        4     4  term
//        8     8  sequence: number of the record over all types
//       16     8  number: of this mini-block, or of the next one for other types
//       24    32  hash of the previous record (the genesis hash for sequence 0)
//       56    65  signature of the record hash: r, s, parity
//      121   4 n  size of each section
//              …  the sections, uncompressed
//
// hash = BLAKE3(domain, version, type, chain id, genesis hash, term, sequence, number, parent hash, section hashes), section
// hash = BLAKE3(section). For a mini-block this is the frame hash of rule 1 in ARCHITECTURE.md. Compression is transport.

import { assert } from "#base/assert.ts";
import { bytesEqual, compareBytes, utf8 } from "#base/bytes.ts";
import { fromHex } from "#base/hex.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import { Blake3Hasher, blake3 } from "#crypto/blake3.ts";
import { decodeSignature, encodeSignature, recoverAddress, sign } from "#crypto/secp256k1.ts";
import { ByteReader, ByteWriter, FormatError } from "../codec.ts";

/** Version of the record encoding and of its hash; part of both. */
export const PROTOCOL_VERSION = 1;

/** The kinds of record, by their byte. */
export const RecordType = { open: 1, mini: 2, seal: 3, term: 4, durable: 5, checkpoint: 6 } as const;

/** One of the record kinds. */
export type RecordTypeName = keyof typeof RecordType;

/** What every record carries besides its sections. */
export type RecordHeader = {
  readonly type: RecordTypeName;
  /** Term of the sequencer that signed it; grows by one after an unclean stop. */
  readonly term: number;
  /** Position in the log, over all types, from 0. */
  readonly sequence: number;
  /** A mini-block's own number; for other types the number of the next mini-block (equal to the state version). */
  readonly number: number;
  /** Hash of the record before this one; the genesis hash for sequence 0. */
  readonly parentHash: Hash32;
};

/** What ties a record to one chain. */
export type ChainIdentity = { readonly chainId: bigint; readonly genesisHash: Hash32 };

/** A decoded record with its hash and its encoded bytes. The sections are views of `bytes`. */
export type ChainRecord = {
  readonly header: RecordHeader;
  readonly sections: readonly Uint8Array[];
  readonly hash: Hash32;
  /** 65 bytes: r, s, parity. */
  readonly signature: Uint8Array;
  readonly bytes: Uint8Array;
};

/** Size of the fixed part of a record, in bytes. */
export const RECORD_HEADER_SIZE_BYTES = 121;
/** Offset of the signature in the fixed part, in bytes. */
export const RECORD_SIGNATURE_OFFSET = 56;
/** Most sections a record may have. */
export const RECORD_SECTION_COUNT_MAX = 8;
/** Largest encoded record, in bytes: what a follower must be ready to hold. */
export const RECORD_SIZE_BYTES_MAX = 1 << 28;

const HASH_DOMAIN = utf8("megaeth/record");
const SIGNATURE_SIZE_BYTES = 65;
const HALF_CURVE_ORDER = fromHex("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0");
const TYPE_NAMES: readonly (RecordTypeName | undefined)[] = buildTypeNames();

/** The hash that identifies a record and that the sequencer signs. */
export function recordHash(identity: ChainIdentity, header: RecordHeader, sections: readonly Uint8Array[]): Hash32 {
  const preamble = new ByteWriter(192)
    .sized(HASH_DOMAIN)
    .u16(PROTOCOL_VERSION)
    .u8(RecordType[header.type])
    .u64(identity.chainId)
    .raw(identity.genesisHash)
    .u32(header.term)
    .u64(header.sequence)
    .u64(header.number)
    .raw(header.parentHash)
    .u8(sections.length);
  const hasher = new Blake3Hasher().update(preamble.toBytes());
  for (const section of sections) hasher.update(blake3(section));
  return hasher.digest();
}

/** Hashes, signs and encodes a record. `privateKey` is the sequencer's 32-byte secp256k1 key. */
export function signRecord(
  identity: ChainIdentity,
  header: RecordHeader,
  sections: readonly Uint8Array[],
  privateKey: Uint8Array,
): ChainRecord {
  assert(sections.length <= RECORD_SECTION_COUNT_MAX, "too many sections in a record");
  const hash = recordHash(identity, header, sections);
  const signature = encodeSignature(sign(hash, privateKey));
  const bytes = encodeRecord(header, signature, sections);
  return { header, sections, hash, signature, bytes };
}

/**
 * Reads a record; its hash is computed when it is first asked for (about 40 us that a reader of its own log can spare), and the
 * signature is not checked here.
 * @throws {FormatError} when the bytes are not one canonical record
 */
export function decodeRecord(bytes: Uint8Array, identity: ChainIdentity): ChainRecord {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== PROTOCOL_VERSION) throw new FormatError(`unknown protocol version ${version}`, 0);
  const typeByte = reader.u8();
  const type = TYPE_NAMES[typeByte];
  if (type === undefined) throw new FormatError(`unknown record type ${typeByte}`, 1);
  const sectionCount = reader.u16();
  if (sectionCount > RECORD_SECTION_COUNT_MAX) throw new FormatError(`${sectionCount} sections`, 2);
  const term = reader.u32();
  const sequence = reader.u64();
  const number = reader.u64();
  const parentHash = reader.raw(32);
  const signature = reader.raw(SIGNATURE_SIZE_BYTES);
  const sizes: number[] = [];
  for (let i = 0; i < sectionCount; i++) sizes.push(reader.u32());
  const sections = sizes.map((size) => reader.raw(size));
  reader.expectEnd();
  const header: RecordHeader = { type, term, sequence, number, parentHash };
  return new DecodedRecord(identity, { header, sections, signature, bytes });
}

class DecodedRecord implements ChainRecord {
  readonly header: RecordHeader;
  readonly sections: readonly Uint8Array[];
  readonly signature: Uint8Array;
  readonly bytes: Uint8Array;
  readonly #identity: ChainIdentity;
  #hash: Hash32 | null = null;

  constructor(identity: ChainIdentity, parts: Omit<ChainRecord, "hash">) {
    this.header = parts.header;
    this.sections = parts.sections;
    this.signature = parts.signature;
    this.bytes = parts.bytes;
    this.#identity = identity;
  }

  get hash(): Hash32 {
    this.#hash ??= recordHash(this.#identity, this.header, this.sections);
    return this.#hash;
  }
}

/** The fields of an encoded record that can be read without decoding or hashing it. @throws {FormatError} when cut short */
export function peekRecord(bytes: Uint8Array): {
  type: RecordTypeName;
  term: number;
  sequence: number;
  number: number;
} {
  const reader = new ByteReader(bytes, 1);
  const type = TYPE_NAMES[reader.u8()];
  if (type === undefined) throw new FormatError("unknown record type", 1);
  reader.u16();
  return { type, term: reader.u32(), sequence: reader.u64(), number: reader.u64() };
}

/** Whether the record was signed by `sequencer`; only the low-s form counts, so a record has one valid signature. */
export function verifyRecordSignature(record: ChainRecord, sequencer: Address): boolean {
  const signature = decodeSignature(record.signature);
  if (signature === null || compareBytes(signature.s, HALF_CURVE_ORDER) > 0) return false;
  const signer = recoverAddress(record.hash, signature.r, signature.s, signature.yParity);
  return signer !== null && bytesEqual(signer, sequencer);
}

function encodeRecord(header: RecordHeader, signature: Uint8Array, sections: readonly Uint8Array[]): Uint8Array {
  let size = RECORD_HEADER_SIZE_BYTES + 4 * sections.length;
  for (const section of sections) size += section.length;
  assert(size <= RECORD_SIZE_BYTES_MAX, () => `record of ${size} bytes`);
  const writer = new ByteWriter(size)
    .u8(PROTOCOL_VERSION)
    .u8(RecordType[header.type])
    .u16(sections.length)
    .u32(header.term)
    .u64(header.sequence)
    .u64(header.number)
    .raw(header.parentHash)
    .raw(signature);
  for (const section of sections) writer.u32(section.length);
  for (const section of sections) writer.raw(section);
  return writer.toBytes();
}

function buildTypeNames(): (RecordTypeName | undefined)[] {
  const names: (RecordTypeName | undefined)[] = [];
  for (const name of Object.keys(RecordType) as RecordTypeName[]) names[RecordType[name]] = name;
  return names;
}
