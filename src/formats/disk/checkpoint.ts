// A checkpoint file: chunks of a state snapshot between a small head and a footer that makes the file valid. It is written under
// another name and renamed when complete, so a file without its footer is a leftover.
//
//   offset  size  field                              footer, the last 128 bytes:
//        0     8  magic "MEGACKPT"                      0     8  magic "MEGACKND"
//        8     4  format version                        8     8  state version
//       12     4  reserved, zero                       16     8  sequence of the last record that it covers
//       16     8  chain id                             24     8  term
//       24    32  genesis hash                         32    32  hash of that record
//       56     8  checksum of bytes 0..56              64     8  chunk count
//       64        chunks: length (4), index (4),       72     8  bytes of all chunks
//                 checksum (8), then the bytes         80     8  offset of the meta block
//                 meta block: length (4), zero (4),    88     8  checksum over the chunk checksums, in order
//                 checksum (8), then the bytes         96    24  reserved, zero
//                 footer                              120     8  checksum of head and bytes 0..120 of the footer

import { isZeroBytes, utf8 } from "#base/bytes.ts";
import { FormatError } from "../codec.ts";
import { checksum64 } from "./checksum.ts";

/** Size of the head, in bytes. */
export const CHECKPOINT_HEAD_SIZE_BYTES = 64;
/** Size of the header of a chunk or of the meta block, in bytes. */
export const CHUNK_HEADER_SIZE_BYTES = 16;
/** Size of the footer, in bytes. */
export const CHECKPOINT_FOOTER_SIZE_BYTES = 128;
/** Largest chunk and largest meta block, in bytes. */
export const CHUNK_SIZE_BYTES_MAX = 1 << 26;
/** Version of this layout. */
export const CHECKPOINT_FORMAT_VERSION = 1;

/** What the footer says. */
export type CheckpointFooter = {
  /** Version of the state that the chunks hold. */
  readonly version: number;
  /** Sequence of the last record whose effects they hold; -1 for the genesis state. */
  readonly sequence: number;
  readonly term: number;
  /** Hash of that record; the genesis hash for -1. */
  readonly recordHash: Uint8Array;
  readonly chunkCount: number;
  /** Bytes of all chunks, without their headers. */
  readonly contentSizeBytes: number;
  readonly metaOffset: number;
  /** {@link chainChecksum} over the chunks' checksums. */
  readonly contentChecksum: bigint;
};

const HEAD_MAGIC = utf8("MEGACKPT");
const FOOTER_MAGIC = utf8("MEGACKND");

/** Encodes the head. `chainId` is below 2^64. */
export function encodeCheckpointHead(identity: { chainId: bigint; genesisHash: Uint8Array }): Uint8Array {
  const bytes = new Uint8Array(CHECKPOINT_HEAD_SIZE_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(HEAD_MAGIC, 0);
  view.setUint32(8, CHECKPOINT_FORMAT_VERSION, true);
  view.setBigUint64(16, identity.chainId, true);
  bytes.set(identity.genesisHash, 24);
  view.setBigUint64(56, checksum64(bytes.subarray(0, 56)), true);
  return bytes;
}

/** Reads the head. @throws {FormatError} when it is damaged or of another version */
export function decodeCheckpointHead(bytes: Uint8Array): { chainId: bigint; genesisHash: Uint8Array } {
  if (bytes.length < CHECKPOINT_HEAD_SIZE_BYTES) throw new FormatError("checkpoint head is cut short", bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, CHECKPOINT_HEAD_SIZE_BYTES);
  expectMagic(bytes, HEAD_MAGIC);
  if (view.getBigUint64(56, true) !== checksum64(bytes.subarray(0, 56))) throw new FormatError("head checksum", 56);
  const version = view.getUint32(8, true);
  if (version !== CHECKPOINT_FORMAT_VERSION) throw new FormatError(`unknown checkpoint version ${version}`, 8);
  return { chainId: view.getBigUint64(16, true), genesisHash: bytes.slice(24, 56) };
}

/** Encodes the header of the chunk with an index. Its checksum covers the index and the length, so a moved chunk is found. */
export function encodeChunkHeader(index: number, chunk: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(CHUNK_HEADER_SIZE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, chunk.length, true);
  view.setUint32(4, index, true);
  view.setBigUint64(8, chunkChecksum(bytes, chunk), true);
  return bytes;
}

/** Reads a chunk's header. */
export function decodeChunkHeader(bytes: Uint8Array): { length: number; index: number; checksum: bigint } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, CHUNK_HEADER_SIZE_BYTES);
  return { length: view.getUint32(0, true), index: view.getUint32(4, true), checksum: view.getBigUint64(8, true) };
}

/** The checksum of a chunk with the first 8 bytes of its header. */
export function chunkChecksum(header: Uint8Array, chunk: Uint8Array): bigint {
  const scratch = new Uint8Array(16);
  scratch.set(header.subarray(0, 8));
  new DataView(scratch.buffer).setBigUint64(8, checksum64(chunk), true);
  return checksum64(scratch);
}

/** Adds one checksum to a running one over all before it; begins with 0. */
export function chainChecksum(running: bigint, next: bigint): bigint {
  const scratch = new BigUint64Array([running, next]);
  return checksum64(new Uint8Array(scratch.buffer));
}

/** Encodes the footer of the file that begins with `head`. */
export function encodeCheckpointFooter(footer: CheckpointFooter, head: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(CHECKPOINT_FOOTER_SIZE_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(FOOTER_MAGIC, 0);
  view.setBigUint64(8, BigInt(footer.version), true);
  view.setBigInt64(16, BigInt(footer.sequence), true);
  view.setBigUint64(24, BigInt(footer.term), true);
  bytes.set(footer.recordHash, 32);
  view.setBigUint64(64, BigInt(footer.chunkCount), true);
  view.setBigUint64(72, BigInt(footer.contentSizeBytes), true);
  view.setBigUint64(80, BigInt(footer.metaOffset), true);
  view.setBigUint64(88, footer.contentChecksum, true);
  view.setBigUint64(120, footerChecksum(bytes, head), true);
  return bytes;
}

/** Reads the footer of the file that begins with `head`. @throws {FormatError} when it is damaged */
export function decodeCheckpointFooter(bytes: Uint8Array, head: Uint8Array): CheckpointFooter {
  if (bytes.length !== CHECKPOINT_FOOTER_SIZE_BYTES) throw new FormatError("footer is cut short", bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, CHECKPOINT_FOOTER_SIZE_BYTES);
  expectMagic(bytes, FOOTER_MAGIC);
  if (view.getBigUint64(120, true) !== footerChecksum(bytes, head)) throw new FormatError("footer checksum", 120);
  if (!isZeroBytes(bytes.subarray(96, 120))) throw new FormatError("reserved bytes are not zero", 96);
  return {
    version: Number(view.getBigUint64(8, true)),
    sequence: Number(view.getBigInt64(16, true)),
    term: Number(view.getBigUint64(24, true)),
    recordHash: bytes.slice(32, 64),
    chunkCount: Number(view.getBigUint64(64, true)),
    contentSizeBytes: Number(view.getBigUint64(72, true)),
    metaOffset: Number(view.getBigUint64(80, true)),
    contentChecksum: view.getBigUint64(88, true),
  };
}

function footerChecksum(footer: Uint8Array, head: Uint8Array): bigint {
  const scratch = new Uint8Array(CHECKPOINT_HEAD_SIZE_BYTES + 120);
  scratch.set(head.subarray(0, CHECKPOINT_HEAD_SIZE_BYTES));
  scratch.set(footer.subarray(0, 120), CHECKPOINT_HEAD_SIZE_BYTES);
  return checksum64(scratch);
}

function expectMagic(bytes: Uint8Array, magic: Uint8Array): void {
  for (let i = 0; i < magic.length; i++) if (bytes[i] !== magic[i]) throw new FormatError("no magic", i);
}
