// Reads and writes the index file beside a closed segment. An open index keeps its small table (a checksum per page, a prefix per
// page of transactions) and a few pages in memory; everything else is read by position when asked for.
// The commit thread writes index files; any thread reads them. One that is missing or damaged is rebuilt from its segment.

import { bytesEqual } from "#base/bytes.ts";
import { FormatError } from "#formats/codec.ts";
import { checksum32 } from "#formats/disk/checksum.ts";
import { FRAME_HEADER_SIZE_BYTES, SEGMENT_HEADER_SIZE_BYTES } from "#formats/disk/segment.ts";
import {
  comparePrefixes,
  decodeIndexedBlock,
  decodeIndexHeader,
  encodeIndex,
  INDEX_BLOCK_SIZE_BYTES,
  INDEX_ENTRY_SIZE_BYTES,
  INDEX_HEADER_SIZE_BYTES,
  INDEX_PAGE_SIZE_BYTES,
  type IndexedBlock,
  type IndexedTransaction,
  type IndexHeader,
  type IndexLayout,
  indexLayout,
  indexTableMatches,
} from "#formats/disk/segment-index.ts";
import { type ChainIdentity, decodeRecord } from "#formats/wire/record.ts";
import { type Disk, DiskError, type DiskFile, readExactly, writeFileAtomically } from "./disk.ts";
import { LogDamageError } from "./log-errors.ts";
import { recordFacts } from "./record-facts.ts";
import { listSegments, type OpenSegment, openSegment, scanFrames } from "./segment-file.ts";

/** A page of an index file is not what was written; the index must be rebuilt. */
export class IndexDamageError extends Error {
  override readonly name = "IndexDamageError";
  readonly code = "INDEX_DAMAGE";
}

/** A transaction whose hash begins like the one looked for; the caller compares the whole hash. */
export type TransactionCandidate = { readonly miniBlockNumber: number; readonly index: number };

/** File name of the index of the segment that begins with a sequence. */
export function indexFileName(firstSequence: number): string {
  return `segment-${firstSequence.toString().padStart(16, "0")}.idx`;
}

const CACHED_PAGE_COUNT_MAX = 8;
const ENTRIES_PER_PAGE = INDEX_PAGE_SIZE_BYTES / INDEX_ENTRY_SIZE_BYTES;

/** An open index. */
export class SegmentIndex {
  /** Counts and bounds. */
  readonly header: IndexHeader;
  readonly #file: DiskFile;
  readonly #layout: IndexLayout;
  readonly #table: Uint8Array;
  readonly #pages = new Map<number, Uint8Array>();

  /**
   * Opens the index of a segment.
   * @param segmentIdentity the identity of the segment that it must belong to
   * @returns null when the file is missing, damaged, of another version or of another segment
   * @throws {DiskError} when the disk fails
   */
  static open(disk: Disk, directory: string, firstSequence: number, segmentIdentity: bigint): SegmentIndex | null {
    let file: DiskFile;
    try {
      file = disk.openFile(`${directory}/${indexFileName(firstSequence)}`, { readOnly: true });
    } catch (error) {
      if (error instanceof DiskError && error.code === "ENOENT") return null;
      throw error;
    }
    const index = SegmentIndex.#read(file);
    if (index !== null && index.header.segmentIdentity === segmentIdentity) return index;
    file.close();
    return null;
  }

  /** An index that lives in memory alone: for a segment whose file is missing. `bytes` as `encodeIndex` gives them. */
  static fromBytes(bytes: Uint8Array): SegmentIndex {
    const index = SegmentIndex.#read(new MemoryFile(bytes));
    if (index === null) throw new FormatError("no index", 0);
    return index;
  }

  private constructor(file: DiskFile, header: IndexHeader, layout: IndexLayout, table: Uint8Array) {
    this.#file = file;
    this.header = header;
    this.#layout = layout;
    this.#table = table;
  }

  /** Offset of a record's frame in the segment, bytes. @throws {IndexDamageError} */
  offsetOf(sequence: number): number | null {
    const at = sequence - this.header.firstSequence;
    if (at < 0 || at >= this.header.recordCount) return null;
    return this.#word(this.#layout.offsetsAt + at * 4);
  }

  /** Sequence of a mini-block's record. @throws {IndexDamageError} */
  sequenceOfMiniBlock(number: number): number | null {
    const at = number - this.header.firstMiniBlock;
    if (at < 0 || at >= this.header.miniBlockCount) return null;
    return this.header.firstSequence + this.#word(this.#layout.miniBlocksAt + at * 4);
  }

  /** A block that is sealed in the segment. @throws {IndexDamageError} */
  block(number: number): IndexedBlock | null {
    const at = number - this.header.firstBlock;
    if (at < 0 || at >= this.header.blockCount) return null;
    const offset = this.#layout.blocksAt + at * INDEX_BLOCK_SIZE_BYTES;
    return decodeIndexedBlock(this.#body(offset, INDEX_BLOCK_SIZE_BYTES), number);
  }

  /** The block with this hash, if it is sealed in the segment. @throws {IndexDamageError} */
  blockByHash(hash: Uint8Array): IndexedBlock | null {
    const { hashesAt } = this.#layout;
    const { blockCount, firstBlock } = this.header;
    const entry = (i: number) => this.#body(hashesAt + i * INDEX_ENTRY_SIZE_BYTES, INDEX_ENTRY_SIZE_BYTES);
    for (let i = lowerBound(blockCount, (at) => comparePrefixes(entry(at), 0, hash, 0) < 0); i < blockCount; i++) {
      const bytes = entry(i);
      if (comparePrefixes(bytes, 0, hash, 0) !== 0) break;
      const block = this.block(firstBlock + wordAt(bytes, 8));
      if (block !== null && bytesEqual(block.hash, hash)) return block;
    }
    return null;
  }

  /** The transactions whose hash begins with the same 8 bytes; nearly always none or one. @throws {IndexDamageError} */
  transactionCandidates(hash: Uint8Array): TransactionCandidate[] {
    const { fenceCount, fencesOffset } = this.#layout;
    const { transactionCount, firstMiniBlock } = this.header;
    const fenceAt = fencesOffset - INDEX_HEADER_SIZE_BYTES;
    const candidates: TransactionCandidate[] = [];
    const page = lowerBound(fenceCount, (i) => comparePrefixes(this.#table, fenceAt + i * 8, hash, 0) < 0) - 1;
    for (let i = Math.max(0, page) * ENTRIES_PER_PAGE; i < transactionCount; i++) {
      const bytes = this.#body(i * INDEX_ENTRY_SIZE_BYTES, INDEX_ENTRY_SIZE_BYTES);
      const order = comparePrefixes(bytes, 0, hash, 0);
      if (order > 0) break;
      if (order === 0) {
        candidates.push({ miniBlockNumber: firstMiniBlock + wordAt(bytes, 8), index: wordAt(bytes, 12) });
      }
    }
    return candidates;
  }

  /** Whether every page is intact; reads the whole file. */
  verify(): boolean {
    try {
      for (let page = 0; page < this.#layout.pageCount; page++) this.#page(page);
      return true;
    } catch (error) {
      if (error instanceof IndexDamageError) return false;
      throw error;
    }
  }

  /** Releases the file. */
  close(): void {
    this.#pages.clear();
    this.#file.close();
  }

  static #read(file: DiskFile): SegmentIndex | null {
    try {
      const bytes = readExactly(file, 0, INDEX_HEADER_SIZE_BYTES);
      if (bytes === null) return null;
      const header = decodeIndexHeader(bytes);
      const layout = indexLayout(header);
      if (file.size() !== layout.bodyOffset + layout.bodySizeBytes) return null;
      const table = readExactly(file, INDEX_HEADER_SIZE_BYTES, layout.bodyOffset - INDEX_HEADER_SIZE_BYTES);
      if (table === null || !indexTableMatches(bytes, table)) return null;
      return new SegmentIndex(file, header, layout, table);
    } catch (error) {
      if (error instanceof FormatError) return null;
      throw error;
    }
  }

  #word(offset: number): number {
    return wordAt(this.#body(offset, 4), 0);
  }

  /** Entries are aligned to their size, which divides the page, so none crosses a page. Except blocks behind odd counts. */
  #body(offset: number, size: number): Uint8Array {
    const first = Math.floor(offset / INDEX_PAGE_SIZE_BYTES);
    const start = offset - first * INDEX_PAGE_SIZE_BYTES;
    const page = this.#page(first);
    if (start + size <= page.length) return page.subarray(start, start + size);
    const joined = new Uint8Array(size);
    const head = page.subarray(start);
    joined.set(head);
    joined.set(this.#page(first + 1).subarray(0, size - head.length), head.length);
    return joined;
  }

  #page(number: number): Uint8Array {
    const cached = this.#pages.get(number);
    if (cached !== undefined) return cached;
    const start = number * INDEX_PAGE_SIZE_BYTES;
    const size = Math.min(INDEX_PAGE_SIZE_BYTES, this.#layout.bodySizeBytes - start);
    const page = readExactly(this.#file, this.#layout.bodyOffset + start, size);
    if (page === null || checksum32(page) !== wordAt(this.#table, number * 4)) {
      throw new IndexDamageError(`page ${number} of the index of segment ${this.header.firstSequence}`);
    }
    if (this.#pages.size >= CACHED_PAGE_COUNT_MAX) {
      const [oldest] = this.#pages.keys();
      if (oldest !== undefined) this.#pages.delete(oldest);
    }
    this.#pages.set(number, page);
    return page;
  }
}

/**
 * The index of an open segment, if it has one that describes the segment as it is now: an index can be left behind by a cut of the
 * log, so the end of the segment and its last frame must be those that the index knows.
 * @throws {DiskError} when the disk fails
 */
export function openIndexOf(disk: Disk, directory: string, segment: OpenSegment): SegmentIndex | null {
  const index = SegmentIndex.open(disk, directory, segment.header.firstSequence, segment.codec.identity);
  if (index === null || describes(index, segment)) return index;
  index.close();
  return null;
}

function describes(index: SegmentIndex, segment: OpenSegment): boolean {
  const { firstSequence, recordCount, endOffset, lastChecksum } = index.header;
  if (segment.file.size() !== endOffset) return false;
  if (recordCount === 0) return endOffset === SEGMENT_HEADER_SIZE_BYTES;
  try {
    const offset = index.offsetOf(firstSequence + recordCount - 1);
    const head = offset === null ? null : readExactly(segment.file, offset, FRAME_HEADER_SIZE_BYTES);
    return head !== null && segment.codec.decodeHeader(head, 0)?.checksum === lastChecksum;
  } catch (error) {
    if (error instanceof IndexDamageError) return false;
    throw error;
  }
}

/**
 * Reads a whole segment and computes its index, a slice at a time: the generator stops after every `recordsPerStep` records so
 * that a thread with other work can take its turn.
 * @returns the encoded index
 * @throws {LogDamageError} when the segment is not intact to its end
 */
export function* indexSegmentSteps(
  segment: OpenSegment,
  identity: ChainIdentity,
  recordsPerStep = 64,
): Generator<void, Uint8Array> {
  const offsets: number[] = [];
  const miniBlockSequences: number[] = [];
  const blocks: IndexedBlock[] = [];
  const transactions: IndexedTransaction[] = [];
  let firstMiniBlock: number | null = null;
  let open: { number: number; sequence: number } | null = null;
  const frames = scanFrames(segment);
  let step = frames.next();
  for (; step.done !== true; step = frames.next()) {
    const { sequence, offset, record } = step.value;
    const facts = recordFacts(decodeRecord(record, identity));
    offsets.push(offset);
    firstMiniBlock ??= facts.nextMiniBlock;
    if (facts.kind === "mini") {
      if (facts.number !== firstMiniBlock + miniBlockSequences.length) {
        throw new LogDamageError(segment.path, offset, `mini-block ${facts.number} is out of order`);
      }
      miniBlockSequences.push(sequence);
      facts.transactionHashes.forEach((hash, index) => {
        transactions.push({ hash, miniBlockNumber: facts.number, index });
      });
    } else if (facts.kind === "open") {
      open = { number: facts.blockNumber, sequence };
    } else if (facts.kind === "seal") {
      const openSequence: number | null = open !== null && open.number === facts.blockNumber ? open.sequence : null;
      const { firstMiniBlock: first, miniBlockCount, hash } = facts;
      const number = facts.blockNumber;
      blocks.push({ number, openSequence, sealSequence: sequence, firstMiniBlock: first, miniBlockCount, hash });
    }
    if (offsets.length % recordsPerStep === 0) yield;
  }
  const end = step.value;
  if (end.fault !== null) throw new LogDamageError(segment.path, end.endOffset, end.fault);
  return encodeIndex({
    segmentIdentity: segment.codec.identity,
    firstSequence: segment.header.firstSequence,
    endOffset: Math.max(end.endOffset, SEGMENT_HEADER_SIZE_BYTES),
    lastChecksum: end.lastChecksum,
    firstMiniBlock: firstMiniBlock ?? 0,
    offsets,
    miniBlockSequences,
    blocks,
    transactions,
  });
}

/**
 * Writes the index of every closed segment (all but the newest) that has none or a damaged one, oldest first, a slice at a time.
 * @returns the first sequences of the segments indexed now
 * @throws {LogDamageError} when a segment is damaged
 */
export function* ensureIndexSteps(
  disk: Disk,
  directory: string,
  identity: ChainIdentity,
  options: { verifyPages: boolean },
): Generator<void, number[]> {
  const written: number[] = [];
  for (const firstSequence of listSegments(disk, directory).slice(0, -1)) {
    const segment = openSegment(disk, directory, firstSequence, { identity, readOnly: true });
    try {
      const index = openIndexOf(disk, directory, segment);
      const isGood = index !== null && (!options.verifyPages || index.verify());
      index?.close();
      if (isGood) continue;
      const bytes = yield* indexSegmentSteps(segment, identity);
      writeFileAtomically(disk, directory, indexFileName(firstSequence), bytes);
      written.push(firstSequence);
    } finally {
      segment.file.close();
    }
  }
  return written;
}

/** Runs stepwise work to its end at once and returns its result. */
export function runSteps<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

class MemoryFile implements DiskFile {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  size(): number {
    return this.#bytes.length;
  }

  read(offset: number, target: Uint8Array): number {
    const part = this.#bytes.subarray(offset, offset + target.length);
    target.set(part);
    return part.length;
  }

  write(): void {
    throw new DiskError("EROFS", "memory", "write");
  }

  sync(): void {}

  truncate(): void {
    throw new DiskError("EROFS", "memory", "truncate");
  }

  close(): void {}
}

/** The first of `count` positions for which `isBelow` is false, given that it is true and then false. */
function lowerBound(count: number, isBelow: (at: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBelow(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
