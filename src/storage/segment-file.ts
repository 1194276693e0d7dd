// One segment file as every reader of the log sees it: its names, its checked header, and a walk over its frames that says
// exactly where the good part ends and whether what follows is the torn end of a crash or damage.

import { toHex } from "#base/hex.ts";
import { FormatError } from "#formats/codec.ts";
import {
  decodeSegmentHeader,
  FRAME_HEADER_SIZE_BYTES,
  FRAME_MAGIC_BYTES,
  FrameCodec,
  SEGMENT_HEADER_SIZE_BYTES,
  type SegmentHeader,
  segmentIdentity,
} from "#formats/disk/segment.ts";
import { type ChainIdentity, RECORD_SIZE_BYTES_MAX } from "#formats/wire/record.ts";
import { type Disk, type DiskFile, readExactly } from "./disk.ts";
import { LogDamageError, WrongChainError } from "./log-errors.ts";

/** A frame met on a walk. */
export type Frame = {
  readonly sequence: number;
  /** Offset of the frame header in the file, bytes. */
  readonly offset: number;
  readonly checksum: bigint;
  /** The record: a view that is valid until the next step of the walk. */
  readonly record: Uint8Array;
};

/** Where a walk over frames ended. */
export type ScanEnd = {
  /** End of the last good frame, bytes. */
  readonly endOffset: number;
  /** Sequence that the next frame would have. */
  readonly nextSequence: number;
  /** Checksum of the last good frame, or what the first frame would have to carry. */
  readonly lastChecksum: bigint;
  /** Why the bytes after `endOffset` are no frame; null when the file ends there. */
  readonly fault: string | null;
};

/** An open segment with its checked header. */
export type OpenSegment = {
  readonly path: string;
  readonly file: DiskFile;
  readonly header: SegmentHeader;
  readonly codec: FrameCodec;
};

const SEGMENT_NAME = /^segment-(\d{16})\.log$/;
const WINDOW_SIZE_BYTES = 1 << 18;

/** File name of the segment that begins with a sequence. */
export function segmentFileName(firstSequence: number): string {
  return `segment-${firstSequence.toString().padStart(16, "0")}.log`;
}

/** First sequences of the segments in a folder, ascending. */
export function listSegments(disk: Disk, directory: string): number[] {
  const firstSequences: number[] = [];
  for (const name of disk.list(directory)) {
    const match = SEGMENT_NAME.exec(name);
    if (match !== null) firstSequences.push(Number(match[1]));
  }
  return firstSequences.sort((a, b) => a - b);
}

/**
 * Opens a segment and checks its header against its name and the chain.
 * @throws {LogDamageError} for a damaged header
 * @throws {WrongChainError} for another chain's
 */
export function openSegment(
  disk: Disk,
  directory: string,
  firstSequence: number,
  options: { identity: ChainIdentity; readOnly: boolean },
): OpenSegment {
  const path = `${directory}/${segmentFileName(firstSequence)}`;
  const file = disk.openFile(path, { readOnly: options.readOnly });
  try {
    const bytes = readExactly(file, 0, SEGMENT_HEADER_SIZE_BYTES);
    if (bytes === null) throw new LogDamageError(path, 0, "the segment header is cut short");
    const header = checkedHeader(bytes, path);
    const { identity } = options;
    if (header.chainId !== identity.chainId || toHex(header.genesisHash) !== toHex(identity.genesisHash)) {
      throw new WrongChainError(path, chainName(header), chainName(identity));
    }
    if (header.firstSequence !== firstSequence) {
      throw new LogDamageError(path, 56, `the header says it begins with record ${header.firstSequence}`);
    }
    return { path, file, header, codec: new FrameCodec(segmentIdentity(bytes)) };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Where a walk begins. Without these fields: at the first frame. */
export type ScanStart = {
  readonly offset: number;
  readonly sequence: number;
  /** What the first frame must carry; null skips this one check. */
  readonly previousChecksum: bigint | null;
};

/** How far and how carefully a walk goes. */
export type ScanOptions = {
  /** Where to begin; default the first frame. */
  readonly start?: ScanStart;
  /** Last sequence to visit; default all. */
  readonly lastSequence?: number;
  /** Hashes each record. Default true; without it only the headers and their chain are checked. */
  readonly checkRecords?: boolean;
};

/** Walks over the frames of a segment in order and returns where the good part ends. */
export function* scanFrames(segment: OpenSegment, options: ScanOptions = {}): Generator<Frame, ScanEnd> {
  const { header, codec } = segment;
  const lastSequence = options.lastSequence ?? Number.MAX_SAFE_INTEGER;
  const checkRecords = options.checkRecords ?? true;
  const window = new ReadWindow(segment.file);
  let offset = options.start?.offset ?? SEGMENT_HEADER_SIZE_BYTES;
  let sequence = options.start?.sequence ?? header.firstSequence;
  let expected: bigint | null = options.start === undefined ? header.previousChecksum : options.start.previousChecksum;
  let fault: string | null = null;
  while (sequence <= lastSequence) {
    const head = window.bytes(offset, FRAME_HEADER_SIZE_BYTES);
    if (head.length === 0) break;
    const frame = head.length < FRAME_HEADER_SIZE_BYTES ? null : codec.decodeHeader(head, 0);
    if (frame === null) fault = "no frame header";
    else if (frame.length > RECORD_SIZE_BYTES_MAX) fault = `a record of ${frame.length} bytes`;
    else if (frame.sequenceOffset !== sequence - header.firstSequence) fault = `not record ${sequence}`;
    else if (expected !== null && frame.previousChecksum !== expected) fault = "it does not follow the frame before";
    if (frame === null || fault !== null) break;
    const whole = window.bytes(offset, FRAME_HEADER_SIZE_BYTES + (checkRecords ? frame.length : 0));
    const record = whole.subarray(FRAME_HEADER_SIZE_BYTES);
    if (checkRecords && record.length < frame.length) fault = "the record is cut short";
    else if (checkRecords && !codec.matches(whole, 0, record)) fault = "the checksum does not match";
    else if (!checkRecords && window.fileSize < offset + FRAME_HEADER_SIZE_BYTES + frame.length) fault = "cut short";
    if (fault !== null) break;
    yield { sequence, offset, checksum: frame.checksum, record };
    offset += FRAME_HEADER_SIZE_BYTES + frame.length;
    expected = frame.checksum;
    sequence++;
  }
  return { endOffset: offset, nextSequence: sequence, lastChecksum: expected ?? 0n, fault };
}

/**
 * Tells damage from the torn end of a crash: looks behind a bad frame for an intact one that was written when the bad one's place
 * was already durable.
 * @returns the offset of such a frame, or null: then nothing durable is missing and the end may be cut
 */
export function findWitnessOfDamage(segment: OpenSegment, badOffset: number): number | null {
  const { file, codec } = segment;
  const fileSize = file.size();
  const window = new ReadWindow(file);
  const magic = Buffer.from(FRAME_MAGIC_BYTES);
  const step = WINDOW_SIZE_BYTES - FRAME_HEADER_SIZE_BYTES;
  for (let start = badOffset + 1; start < fileSize; start += step) {
    const chunk = Buffer.from(window.bytes(start, WINDOW_SIZE_BYTES));
    for (let at = chunk.indexOf(magic); at >= 0 && at < step; at = chunk.indexOf(magic, at + 1)) {
      const frame = codec.decodeHeader(chunk, at);
      if (frame === null || frame.syncedOffset <= badOffset) continue;
      const recordOffset = start + at + FRAME_HEADER_SIZE_BYTES;
      if (frame.length > fileSize - recordOffset) continue;
      const record = readExactly(file, recordOffset, frame.length);
      if (record !== null && codec.matches(chunk, at, record)) return start + at;
    }
  }
  return null;
}

/** A buffered view of a file for walks that go forward. */
class ReadWindow {
  readonly #file: DiskFile;
  #buffer: Uint8Array = new Uint8Array(WINDOW_SIZE_BYTES);
  #start = 0;
  #length = 0;
  /** Length of the file when the walk began, bytes. */
  readonly fileSize: number;

  constructor(file: DiskFile) {
    this.#file = file;
    this.fileSize = file.size();
  }

  /** Up to `size` bytes at `offset`, fewer at the end of the file; a view that is valid until the next call. */
  bytes(offset: number, size: number): Uint8Array {
    const end = Math.min(offset + size, this.fileSize);
    if (end <= offset) return this.#buffer.subarray(0, 0);
    if (offset < this.#start || end > this.#start + this.#length) this.#fill(offset, end - offset);
    const at = offset - this.#start;
    return this.#buffer.subarray(at, Math.min(at + end - offset, this.#length));
  }

  #fill(offset: number, size: number): void {
    if (size > this.#buffer.length) this.#buffer = new Uint8Array(size);
    this.#start = offset;
    this.#length = this.#file.read(
      offset,
      this.#buffer.subarray(0, Math.min(this.#buffer.length, this.fileSize - offset)),
    );
  }
}

function checkedHeader(bytes: Uint8Array, path: string): SegmentHeader {
  try {
    return decodeSegmentHeader(bytes);
  } catch (error) {
    if (error instanceof FormatError) throw new LogDamageError(path, error.offset, error.message);
    throw error;
  }
}

function chainName(identity: ChainIdentity): string {
  return `chain ${identity.chainId} with genesis ${toHex(identity.genesisHash)}`;
}
