// The index file beside a closed segment: where each record, mini-block, block and transaction of the segment lies.
// Everything in it can be rebuilt from the segment; every 4096-byte page has a checksum, so a damaged page is never believed.
//
//   offset  size  field
//        0     8  magic "MEGAINDX"             body, 4096-byte pages, the last one short:
//        8     4  format version                 transactions, sorted by prefix, 16 bytes each:
//       12     4  header size (128)                first 8 bytes of the hash, mini-block - first mini-block (4), index (4)
//       16     8  identity of the segment        record offsets, 4 bytes each
//       24     8  layout hash                    mini-blocks: sequence - first sequence, 4 bytes each
//       32     8  first sequence                 sealed blocks, 64 bytes each: open sequence (8, all ones = in a segment before),
//       40     4  record count                     seal sequence (8), first mini-block (8), mini-block count (4), zero (4), hash (32)
//       44     4  end of the last frame          block hashes, sorted, 16 bytes each: first 8 bytes of the hash,
//       48     8  checksum of the last frame       block - first block (4), zero (4)
//       56     8  first mini-block
//       64     4  mini-block count
//       68     4  block count
//       72     8  first sealed block
//       80     4  transaction count
//       84     4  page count
//       88    24  reserved, zero
//      112     8  checksum of the table
//      120     8  checksum of bytes 0..120
//      128        table: page checksums (4 each, padded to 8), then the first prefix of each page of transactions (8 each)

import { isZeroBytes, utf8 } from "#base/bytes.ts";
import { FormatError } from "../codec.ts";
import { checksum32, checksum64, layoutHash } from "./checksum.ts";

/** Size of the header, in bytes. */
export const INDEX_HEADER_SIZE_BYTES = 128;
/** Size of a page of the body, in bytes. */
export const INDEX_PAGE_SIZE_BYTES = 4096;
/** Size of a transaction's and of a block hash's entry, in bytes. */
export const INDEX_ENTRY_SIZE_BYTES = 16;
/** Size of a block's entry, in bytes. */
export const INDEX_BLOCK_SIZE_BYTES = 64;
/** Version of this layout. */
export const INDEX_FORMAT_VERSION = 1;
/** Hash of the layout's description. */
export const INDEX_LAYOUT_HASH: bigint = layoutHash(
  "index 1: header 128, page checksums 4, fences 8, pages 4096: transactions 16, offsets 4, mini-blocks 4, blocks 64, hashes 16",
);

/** The counts and bounds of an index. */
export type IndexHeader = {
  readonly segmentIdentity: bigint;
  readonly firstSequence: number;
  readonly recordCount: number;
  /** End of the segment's last frame, bytes. */
  readonly endOffset: number;
  readonly lastChecksum: bigint;
  readonly firstMiniBlock: number;
  readonly miniBlockCount: number;
  readonly firstBlock: number;
  readonly blockCount: number;
  readonly transactionCount: number;
};

/** A block that is sealed in the segment. */
export type IndexedBlock = {
  readonly number: number;
  /** Sequence of its `open` record; null when that is in a segment before. */
  readonly openSequence: number | null;
  readonly sealSequence: number;
  readonly firstMiniBlock: number;
  readonly miniBlockCount: number;
  readonly hash: Uint8Array;
};

/** A transaction of the segment. */
export type IndexedTransaction = {
  readonly hash: Uint8Array;
  readonly miniBlockNumber: number;
  /** Position in the mini-block. */
  readonly index: number;
};

/** All that goes into an index. */
export type IndexContent = Omit<
  IndexHeader,
  "recordCount" | "miniBlockCount" | "blockCount" | "firstBlock" | "transactionCount"
> & {
  readonly offsets: readonly number[];
  /** Sequence of each mini-block, from `firstMiniBlock`. */
  readonly miniBlockSequences: readonly number[];
  /** Ascending and contiguous. */
  readonly blocks: readonly IndexedBlock[];
  readonly transactions: readonly IndexedTransaction[];
};

/** Where the parts of an index with these counts lie; offsets of body parts are from the start of the body. */
export type IndexLayout = {
  readonly fencesOffset: number;
  readonly bodyOffset: number;
  readonly pageCount: number;
  readonly fenceCount: number;
  readonly offsetsAt: number;
  readonly miniBlocksAt: number;
  readonly blocksAt: number;
  readonly hashesAt: number;
  readonly bodySizeBytes: number;
};

const MAGIC = utf8("MEGAINDX");
const NO_SEQUENCE = 0xffff_ffff_ffff_ffffn;
const ENTRIES_PER_PAGE = INDEX_PAGE_SIZE_BYTES / INDEX_ENTRY_SIZE_BYTES;

/** Computes where the parts of an index lie. */
export function indexLayout(
  counts: Pick<IndexHeader, "recordCount" | "miniBlockCount" | "blockCount" | "transactionCount">,
): IndexLayout {
  const offsetsAt = counts.transactionCount * INDEX_ENTRY_SIZE_BYTES;
  const miniBlocksAt = offsetsAt + counts.recordCount * 4;
  const blocksAt = miniBlocksAt + counts.miniBlockCount * 4;
  const hashesAt = blocksAt + counts.blockCount * INDEX_BLOCK_SIZE_BYTES;
  const bodySizeBytes = hashesAt + counts.blockCount * INDEX_ENTRY_SIZE_BYTES;
  const pageCount = Math.ceil(bodySizeBytes / INDEX_PAGE_SIZE_BYTES);
  const fencesOffset = INDEX_HEADER_SIZE_BYTES + Math.ceil(pageCount / 2) * 8;
  const fenceCount = Math.ceil(counts.transactionCount / ENTRIES_PER_PAGE);
  const bodyOffset = fencesOffset + fenceCount * 8;
  return {
    fencesOffset,
    bodyOffset,
    pageCount,
    fenceCount,
    offsetsAt,
    miniBlocksAt,
    blocksAt,
    hashesAt,
    bodySizeBytes,
  };
}

/** Encodes a whole index file. */
export function encodeIndex(content: IndexContent): Uint8Array {
  const counts = {
    recordCount: content.offsets.length,
    miniBlockCount: content.miniBlockSequences.length,
    blockCount: content.blocks.length,
    transactionCount: content.transactions.length,
  };
  const layout = indexLayout(counts);
  const bytes = new Uint8Array(layout.bodyOffset + layout.bodySizeBytes);
  const body = bytes.subarray(layout.bodyOffset);
  encodeTransactions(content, body);
  encodeNumbers(content, body, layout);
  encodeBlocks(content, body, layout);
  const view = new DataView(bytes.buffer);
  for (let page = 0; page < layout.pageCount; page++) {
    const start = page * INDEX_PAGE_SIZE_BYTES;
    const checksum = checksum32(body.subarray(start, start + INDEX_PAGE_SIZE_BYTES));
    view.setUint32(INDEX_HEADER_SIZE_BYTES + page * 4, checksum, true);
  }
  for (let i = 0; i < layout.fenceCount; i++) {
    bytes.set(body.subarray(i * INDEX_PAGE_SIZE_BYTES, i * INDEX_PAGE_SIZE_BYTES + 8), layout.fencesOffset + i * 8);
  }
  encodeIndexHeader(content, counts, layout.pageCount, bytes, layout.bodyOffset);
  return bytes;
}

/**
 * Reads the header.
 * @throws {FormatError} when it is damaged or of another version
 */
export function decodeIndexHeader(bytes: Uint8Array): IndexHeader {
  if (bytes.length < INDEX_HEADER_SIZE_BYTES) throw new FormatError("index header is cut short", bytes.length);
  for (let i = 0; i < MAGIC.length; i++) if (bytes[i] !== MAGIC[i]) throw new FormatError("no index magic", i);
  const view = new DataView(bytes.buffer, bytes.byteOffset, INDEX_HEADER_SIZE_BYTES);
  if (view.getBigUint64(120, true) !== checksum64(bytes.subarray(0, 120))) throw new FormatError("index checksum", 120);
  const version = view.getUint32(8, true);
  if (version !== INDEX_FORMAT_VERSION) throw new FormatError(`unknown index version ${version}`, 8);
  if (view.getBigUint64(24, true) !== INDEX_LAYOUT_HASH) throw new FormatError("index layout hash", 24);
  if (!isZeroBytes(bytes.subarray(88, 112))) throw new FormatError("reserved bytes are not zero", 88);
  return {
    segmentIdentity: view.getBigUint64(16, true),
    firstSequence: Number(view.getBigUint64(32, true)),
    recordCount: view.getUint32(40, true),
    endOffset: view.getUint32(44, true),
    lastChecksum: view.getBigUint64(48, true),
    firstMiniBlock: Number(view.getBigUint64(56, true)),
    miniBlockCount: view.getUint32(64, true),
    blockCount: view.getUint32(68, true),
    firstBlock: Number(view.getBigUint64(72, true)),
    transactionCount: view.getUint32(80, true),
  };
}

/** Whether the table behind the header is intact. `table` is the file from the header to the body. */
export function indexTableMatches(header: Uint8Array, table: Uint8Array): boolean {
  return new DataView(header.buffer, header.byteOffset).getBigUint64(112, true) === checksum64(table);
}

/** Reads one block's entry. */
export function decodeIndexedBlock(bytes: Uint8Array, number: number): IndexedBlock {
  const view = new DataView(bytes.buffer, bytes.byteOffset, INDEX_BLOCK_SIZE_BYTES);
  const open = view.getBigUint64(0, true);
  return {
    number,
    openSequence: open === NO_SEQUENCE ? null : Number(open),
    sealSequence: Number(view.getBigUint64(8, true)),
    firstMiniBlock: Number(view.getBigUint64(16, true)),
    miniBlockCount: view.getUint32(24, true),
    hash: bytes.slice(32, 64),
  };
}

/** Compares the first 8 bytes of two hashes, at the given offsets; as `compareBytes`. */
export function comparePrefixes(a: Uint8Array, aOffset: number, b: Uint8Array, bOffset: number): number {
  for (let i = 0; i < 8; i++) {
    const difference = a[aOffset + i]! - b[bOffset + i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

function encodeTransactions(content: IndexContent, body: Uint8Array): void {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const sorted = content.transactions.slice().sort((a, b) => comparePrefixes(a.hash, 0, b.hash, 0));
  for (let i = 0; i < sorted.length; i++) {
    const at = i * INDEX_ENTRY_SIZE_BYTES;
    const transaction = sorted[i]!;
    body.set(transaction.hash.subarray(0, 8), at);
    view.setUint32(at + 8, transaction.miniBlockNumber - content.firstMiniBlock, true);
    view.setUint32(at + 12, transaction.index, true);
  }
}

function encodeNumbers(content: IndexContent, body: Uint8Array, layout: IndexLayout): void {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  content.offsets.forEach((offset, i) => {
    view.setUint32(layout.offsetsAt + i * 4, offset, true);
  });
  content.miniBlockSequences.forEach((sequence, i) => {
    view.setUint32(layout.miniBlocksAt + i * 4, sequence - content.firstSequence, true);
  });
}

function encodeBlocks(content: IndexContent, body: Uint8Array, layout: IndexLayout): void {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const { blocks } = content;
  blocks.forEach((block, i) => {
    const at = layout.blocksAt + i * INDEX_BLOCK_SIZE_BYTES;
    view.setBigUint64(at, block.openSequence === null ? NO_SEQUENCE : BigInt(block.openSequence), true);
    view.setBigUint64(at + 8, BigInt(block.sealSequence), true);
    view.setBigUint64(at + 16, BigInt(block.firstMiniBlock), true);
    view.setUint32(at + 24, block.miniBlockCount, true);
    body.set(block.hash, at + 32);
  });
  const order = blocks.map((_, i) => i).sort((a, b) => comparePrefixes(blocks[a]!.hash, 0, blocks[b]!.hash, 0));
  order.forEach((block, i) => {
    const at = layout.hashesAt + i * INDEX_ENTRY_SIZE_BYTES;
    body.set(blocks[block]!.hash.subarray(0, 8), at);
    view.setUint32(at + 8, block, true);
  });
}

function encodeIndexHeader(
  content: IndexContent,
  counts: Pick<IndexHeader, "recordCount" | "miniBlockCount" | "blockCount" | "transactionCount">,
  pageCount: number,
  bytes: Uint8Array,
  bodyOffset: number,
): void {
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC, 0);
  view.setUint32(8, INDEX_FORMAT_VERSION, true);
  view.setUint32(12, INDEX_HEADER_SIZE_BYTES, true);
  view.setBigUint64(16, content.segmentIdentity, true);
  view.setBigUint64(24, INDEX_LAYOUT_HASH, true);
  view.setBigUint64(32, BigInt(content.firstSequence), true);
  view.setUint32(40, counts.recordCount, true);
  view.setUint32(44, content.endOffset, true);
  view.setBigUint64(48, content.lastChecksum, true);
  view.setBigUint64(56, BigInt(content.firstMiniBlock), true);
  view.setUint32(64, counts.miniBlockCount, true);
  view.setUint32(68, counts.blockCount, true);
  view.setBigUint64(72, BigInt(content.blocks[0]?.number ?? 0), true);
  view.setUint32(80, counts.transactionCount, true);
  view.setUint32(84, pageCount, true);
  view.setBigUint64(112, checksum64(bytes.subarray(INDEX_HEADER_SIZE_BYTES, bodyOffset)), true);
  view.setBigUint64(120, checksum64(bytes.subarray(0, 120)), true);
}
