// A segment: one file of the log. A 128-byte header and then frames, each a 32-byte frame header and an encoded record.
//
//   header                                              frame
//   offset  size  field                                 offset  size  field
//        0     8  magic "MEGASEGM"                            0     2  magic 0x4c9d
//        8     4  format version                              2     2  check of bytes 4..24, salted
//       12     4  header size (128)                           4     4  length of the record
//       16     8  chain id                                    8     4  sequence - first sequence
//       24    32  genesis hash                               12     4  synced offset
//       56     8  first sequence                             16     8  checksum of the frame before
//       64     8  checksum of the frame before the segment   24     8  checksum
//       72     8  layout hash                                32     n  the record
//       80     8  salt, random
//       88    32  reserved, zero
//      120     8  checksum of bytes 0..120 = the segment's identity
//
// checksum of a frame = XXH3(identity, frame header without checksum, XXH3(record)). It binds a frame to its segment, its place and
// the frame before, so a frame that is stale, moved or from another file never passes. The salt keeps transactions from carrying
// bytes that pass for frames. "Synced offset" is the length of the file that was durable when the frame was written: everything
// before it must be intact, so a bad frame below a later frame's synced offset is damage, and above it the torn end of a crash.

import { assert } from "#base/assert.ts";
import { isZeroBytes, utf8 } from "#base/bytes.ts";
import { FormatError } from "../codec.ts";
import { checksum64, layoutHash } from "./checksum.ts";

/** Size of a segment's header, in bytes. */
export const SEGMENT_HEADER_SIZE_BYTES = 128;
/** Size of a frame's header, in bytes. */
export const FRAME_HEADER_SIZE_BYTES = 32;
/** Version of this layout. */
export const SEGMENT_FORMAT_VERSION = 1;
/** First two bytes of each frame, as they lie in the file. */
export const FRAME_MAGIC_BYTES: Uint8Array = new Uint8Array([0x9d, 0x4c]);
/** Hash of the layout's description. */
export const SEGMENT_LAYOUT_HASH: bigint = layoutHash(
  "segment 1: magic 8, version 4, size 4, chain 8, genesis 32, first 8, previous 8, layout 8, salt 8, zero 32, checksum 8; " +
    "frame: magic 2, check 2, length 4, sequence 4, synced 4, previous 8, checksum 8, record",
);

/** What a segment says of itself. */
export type SegmentHeader = {
  /** Below 2^64. */
  readonly chainId: bigint;
  readonly genesisHash: Uint8Array;
  /** Sequence of the first record that the segment holds or will hold. */
  readonly firstSequence: number;
  /** Checksum of the last frame of the segment before; 0 for the first segment of a log. */
  readonly previousChecksum: bigint;
  /** Random 64 bits, drawn when the file is created. */
  readonly salt: bigint;
};

/** What a frame's header says. */
export type FrameHeader = {
  /** Length of the record, bytes. */
  readonly length: number;
  readonly sequenceOffset: number;
  readonly syncedOffset: number;
  readonly previousChecksum: bigint;
  readonly checksum: bigint;
};

const MAGIC = utf8("MEGASEGM");
const CHECKSUM_OFFSET = 120;
const RESERVED_OFFSET = 88;
const FRAME_CHECKSUM_OFFSET = 24;

/** Encodes a segment's header. */
export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  assert(header.genesisHash.length === 32, "a genesis hash of 32 bytes");
  const bytes = new Uint8Array(SEGMENT_HEADER_SIZE_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC, 0);
  view.setUint32(8, SEGMENT_FORMAT_VERSION, true);
  view.setUint32(12, SEGMENT_HEADER_SIZE_BYTES, true);
  view.setBigUint64(16, header.chainId, true);
  bytes.set(header.genesisHash, 24);
  view.setBigUint64(56, BigInt(header.firstSequence), true);
  view.setBigUint64(64, header.previousChecksum, true);
  view.setBigUint64(72, SEGMENT_LAYOUT_HASH, true);
  view.setBigUint64(80, header.salt, true);
  view.setBigUint64(CHECKSUM_OFFSET, checksum64(bytes.subarray(0, CHECKSUM_OFFSET)), true);
  return bytes;
}

/**
 * Reads a segment's header.
 * @throws {FormatError} when it is damaged or of another version
 */
export function decodeSegmentHeader(bytes: Uint8Array): SegmentHeader {
  if (bytes.length < SEGMENT_HEADER_SIZE_BYTES) throw new FormatError("segment header is cut short", bytes.length);
  for (let i = 0; i < MAGIC.length; i++) if (bytes[i] !== MAGIC[i]) throw new FormatError("no segment magic", i);
  const view = new DataView(bytes.buffer, bytes.byteOffset, SEGMENT_HEADER_SIZE_BYTES);
  if (segmentIdentity(bytes) !== checksum64(bytes.subarray(0, CHECKSUM_OFFSET))) {
    throw new FormatError("segment header checksum", CHECKSUM_OFFSET);
  }
  const version = view.getUint32(8, true);
  if (version !== SEGMENT_FORMAT_VERSION) throw new FormatError(`unknown segment version ${version}`, 8);
  if (view.getUint32(12, true) !== SEGMENT_HEADER_SIZE_BYTES) throw new FormatError("segment header size", 12);
  if (view.getBigUint64(72, true) !== SEGMENT_LAYOUT_HASH) throw new FormatError("segment layout hash", 72);
  if (!isZeroBytes(bytes.subarray(RESERVED_OFFSET, CHECKSUM_OFFSET))) {
    throw new FormatError("reserved bytes are not zero", RESERVED_OFFSET);
  }
  return {
    chainId: view.getBigUint64(16, true),
    genesisHash: bytes.slice(24, 56),
    firstSequence: Number(view.getBigUint64(56, true)),
    previousChecksum: view.getBigUint64(64, true),
    salt: view.getBigUint64(80, true),
  };
}

/** The segment's identity: the checksum that ends its encoded header. */
export function segmentIdentity(headerBytes: Uint8Array): bigint {
  return new DataView(headerBytes.buffer, headerBytes.byteOffset, SEGMENT_HEADER_SIZE_BYTES).getBigUint64(
    CHECKSUM_OFFSET,
    true,
  );
}

/** Writes and checks the frames of one segment; holds the segment's identity and scratch space. */
export class FrameCodec {
  /** The segment's identity. */
  readonly identity: bigint;
  readonly #scratch = new Uint8Array(8 + FRAME_CHECKSUM_OFFSET + 8);
  readonly #view = new DataView(this.#scratch.buffer);

  constructor(identity: bigint) {
    this.identity = identity;
    this.#view.setBigUint64(0, identity, true);
  }

  /**
   * Encodes one frame, header and record, into `target` at `offset`.
   * @returns the frame's checksum, which the next frame carries
   */
  encode(
    fields: Omit<FrameHeader, "length" | "checksum">,
    record: Uint8Array,
    target: Uint8Array,
    offset: number,
  ): bigint {
    const view = new DataView(target.buffer, target.byteOffset + offset, FRAME_HEADER_SIZE_BYTES);
    target.set(FRAME_MAGIC_BYTES, offset);
    view.setUint32(4, record.length, true);
    view.setUint32(8, fields.sequenceOffset, true);
    view.setUint32(12, fields.syncedOffset, true);
    view.setBigUint64(16, fields.previousChecksum, true);
    view.setUint16(2, this.#headerCheck(target, offset), true);
    const checksum = this.#checksum(target, offset, record);
    view.setBigUint64(FRAME_CHECKSUM_OFFSET, checksum, true);
    target.set(record, offset + FRAME_HEADER_SIZE_BYTES);
    return checksum;
  }

  /** Reads the frame header at `offset`, or null when there is none that belongs to this segment. */
  decodeHeader(bytes: Uint8Array, offset: number): FrameHeader | null {
    if (offset + FRAME_HEADER_SIZE_BYTES > bytes.length) return null;
    if (bytes[offset] !== FRAME_MAGIC_BYTES[0] || bytes[offset + 1] !== FRAME_MAGIC_BYTES[1]) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset + offset, FRAME_HEADER_SIZE_BYTES);
    if (view.getUint16(2, true) !== this.#headerCheck(bytes, offset)) return null;
    return {
      length: view.getUint32(4, true),
      sequenceOffset: view.getUint32(8, true),
      syncedOffset: view.getUint32(12, true),
      previousChecksum: view.getBigUint64(16, true),
      checksum: view.getBigUint64(FRAME_CHECKSUM_OFFSET, true),
    };
  }

  /** Whether the frame whose header lies at `offset` in `bytes` holds exactly `record`. */
  matches(bytes: Uint8Array, offset: number, record: Uint8Array): boolean {
    const view = new DataView(bytes.buffer, bytes.byteOffset + offset, FRAME_HEADER_SIZE_BYTES);
    return view.getBigUint64(FRAME_CHECKSUM_OFFSET, true) === this.#checksum(bytes, offset, record);
  }

  #headerCheck(bytes: Uint8Array, offset: number): number {
    this.#scratch.set(bytes.subarray(offset + 4, offset + FRAME_CHECKSUM_OFFSET), 8);
    return Number(checksum64(this.#scratch.subarray(0, 28)) & 0xffffn);
  }

  #checksum(bytes: Uint8Array, offset: number, record: Uint8Array): bigint {
    this.#scratch.set(bytes.subarray(offset, offset + FRAME_CHECKSUM_OFFSET), 8);
    this.#view.setBigUint64(8 + FRAME_CHECKSUM_OFFSET, checksum64(record), true);
    return checksum64(this.#scratch);
  }
}
