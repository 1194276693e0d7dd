// Reads records of the log by sequence, on any thread, while another thread appends. It goes by a limit that it is told: the
// newest record that is finished. Closed segments are found through their index files; for others it keeps a table of offsets,
// built by walking over the frame headers once.

import { assert } from "#base/assert.ts";
import { FRAME_HEADER_SIZE_BYTES, SEGMENT_HEADER_SIZE_BYTES } from "#formats/disk/segment.ts";
import { type ChainIdentity, RECORD_SIZE_BYTES_MAX } from "#formats/wire/record.ts";
import { type Disk, DiskError, readExactly } from "./disk.ts";
import { LogDamageError } from "./log-errors.ts";
import { listSegments, type OpenSegment, openSegment, type ScanStart, scanFrames } from "./segment-file.ts";
import { IndexDamageError, openIndexOf, type SegmentIndex } from "./segment-index.ts";

/** Where a record lies. */
export type RecordPosition = {
  readonly sequence: number;
  /** First sequence of the segment that holds it: its file's name. */
  readonly segment: number;
  /** Offset of the frame in the file, bytes. */
  readonly offset: number;
  /** Length of the record without its frame header, bytes. */
  readonly length: number;
};

/** A record as it lies in the log; the bytes are the caller's own. */
export type StoredRecord = { readonly sequence: number; readonly bytes: Uint8Array; readonly position: RecordPosition };

const CACHED_SEGMENT_COUNT_MAX = 8;

/** What a reader keeps of one segment. */
type CachedSegment = {
  readonly segment: OpenSegment;
  index: SegmentIndex | null;
  /** Without an index: offset of each frame walked over so far. */
  readonly offsets: number[];
  next: ScanStart;
};

/** Whether an error can come from looking at files that have been cut or removed since they were opened. */
function isStale(error: unknown): boolean {
  return error instanceof LogDamageError || (error instanceof DiskError && error.code === "ENOENT");
}

/** A reader of the segments in one folder. */
export class SegmentLogReader {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #identity: ChainIdentity;
  readonly #cached = new Map<number, CachedSegment>();
  #firstSequences: number[];
  #limit: number;

  /** @param lastSequence the newest finished record; -1 when there is none yet or it will be told by `advance` */
  constructor(disk: Disk, directory: string, identity: ChainIdentity, lastSequence = -1) {
    this.#disk = disk;
    this.#directory = directory;
    this.#identity = identity;
    this.#limit = lastSequence;
    this.#firstSequences = listSegments(disk, directory);
  }

  /** The newest record that may be read; -1 when none. */
  get lastSequence(): number {
    return this.#limit;
  }

  /** The oldest record that the files hold, or null when there is no segment. */
  get firstSequence(): number | null {
    return this.#firstSequences[0] ?? null;
  }

  /** Tells the reader that all records up to this one are finished. Never lowers the limit. */
  advance(sequence: number): void {
    if (sequence > this.#limit) this.#limit = sequence;
  }

  /** Forgets everything after `sequence`: its records are void and others may take their numbers. */
  rollbackTo(sequence: number): void {
    this.#limit = Math.min(this.#limit, sequence);
    this.close();
    this.refresh();
  }

  /** Looks at the folder again: which segments there are, and which have got an index. @returns the first sequences, ascending */
  refresh(): readonly number[] {
    this.#firstSequences = listSegments(this.#disk, this.#directory);
    for (const [firstSequence, cached] of this.#cached) {
      if (!this.#firstSequences.includes(firstSequence)) this.#drop(firstSequence);
      else cached.index ??= this.#openIndex(cached.segment);
    }
    return this.#firstSequences;
  }

  /** The first sequences of the segments, ascending, as of the last look at the folder. */
  get segments(): readonly number[] {
    return this.#firstSequences;
  }

  /** The open index of a segment, or null when it has none yet or a damaged one. */
  index(firstSequence: number): SegmentIndex | null {
    const cached = this.#open(firstSequence);
    cached.index ??= this.#openIndex(cached.segment);
    return cached.index;
  }

  /**
   * The record of a sequence, checked against its checksum.
   * @returns null when it is above the limit or below the first segment
   * @throws {LogDamageError} when the file does not hold what was written
   * @throws {DiskError} when the disk fails
   */
  read(sequence: number): Uint8Array | null {
    return this.readStored(sequence)?.bytes ?? null;
  }

  /** As {@link read}, with the record's position. */
  readStored(sequence: number): StoredRecord | null {
    try {
      return this.#readLocated(sequence);
    } catch (error) {
      if (!isStale(error)) throw error;
      // What is cached of the segment may be from before a cut of the log: look again at what is there now.
      this.close();
      this.refresh();
      return this.#readLocated(sequence);
    }
  }

  #readLocated(sequence: number): StoredRecord | null {
    const found = this.#locate(sequence);
    if (found === null) return null;
    const { segment } = found.cached;
    const head = readExactly(segment.file, found.offset, FRAME_HEADER_SIZE_BYTES);
    const frame = head === null ? null : segment.codec.decodeHeader(head, 0);
    const isThisRecord = frame !== null && frame.sequenceOffset === sequence - segment.header.firstSequence;
    if (head === null || frame === null || !isThisRecord || frame.length > RECORD_SIZE_BYTES_MAX) {
      throw new LogDamageError(segment.path, found.offset, `no frame of record ${sequence}`);
    }
    const bytes = readExactly(segment.file, found.offset + FRAME_HEADER_SIZE_BYTES, frame.length);
    if (bytes === null) throw new LogDamageError(segment.path, found.offset, "the record is cut short");
    if (!segment.codec.matches(head, 0, bytes)) {
      throw new LogDamageError(segment.path, found.offset, "the checksum does not match");
    }
    return { sequence, bytes, position: this.#position(segment, sequence, found.offset, bytes) };
  }

  /**
   * All records from a sequence up to the limit, in order, each checked.
   * @throws {LogDamageError} where a record is missing or damaged, also when `fromSequence` is older than the log
   */
  *scan(fromSequence: number): Generator<StoredRecord> {
    let sequence = fromSequence;
    while (sequence <= this.#limit) {
      const found = this.readStored(sequence) === null ? null : this.#locate(sequence);
      if (found === null) throw new LogDamageError(this.#directory, 0, `record ${sequence} is not in the log`);
      const { segment } = found.cached;
      const start = { offset: found.offset, sequence, previousChecksum: null };
      // A walk of its own handle: the cache may close its handle while the caller does other things.
      const own = this.#openSegment(segment.header.firstSequence);
      try {
        const frames = scanFrames(own, { start, lastSequence: this.#limit });
        let step = frames.next();
        for (; step.done !== true; step = frames.next()) {
          const bytes = step.value.record.slice();
          yield { sequence, bytes, position: this.#position(segment, sequence, step.value.offset, bytes) };
          sequence++;
        }
        const { fault, endOffset } = step.value;
        if (fault !== null && sequence <= this.#limit) throw new LogDamageError(segment.path, endOffset, fault);
      } finally {
        own.file.close();
      }
    }
  }

  /** Where the frame of a record ends, bytes, and its checksum: what a log that is cut behind it must go on from. */
  endOf(sequence: number): { segment: number; endOffset: number; checksum: bigint } | null {
    const found = this.#locate(sequence);
    if (found === null) return null;
    const { segment } = found.cached;
    const head = readExactly(segment.file, found.offset, FRAME_HEADER_SIZE_BYTES);
    const frame = head === null ? null : segment.codec.decodeHeader(head, 0);
    if (frame === null) throw new LogDamageError(segment.path, found.offset, `no frame of record ${sequence}`);
    const endOffset = found.offset + FRAME_HEADER_SIZE_BYTES + frame.length;
    return { segment: segment.header.firstSequence, endOffset, checksum: frame.checksum };
  }

  /** Releases all files; the reader opens them again when it is used. */
  close(): void {
    for (const firstSequence of [...this.#cached.keys()]) this.#drop(firstSequence);
  }

  #locate(sequence: number): { cached: CachedSegment; offset: number } | null {
    if (sequence > this.#limit) return null;
    for (let attempt = 0; attempt < 2; attempt++) {
      const firstSequence = this.#segmentOf(sequence);
      if (firstSequence !== null) {
        const cached = this.#open(firstSequence);
        const offset = this.#offsetOf(cached, sequence);
        if (offset !== null) return { cached, offset };
      } else if (attempt === 1) return null;
      this.refresh();
    }
    const last = this.#segmentOf(sequence);
    if (last === null) return null;
    const { segment, next } = this.#open(last);
    throw new LogDamageError(segment.path, next.offset, `record ${sequence} is missing`);
  }

  /** The newest segment that begins at or before a sequence. */
  #segmentOf(sequence: number): number | null {
    let low = 0;
    let high = this.#firstSequences.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#firstSequences[middle]! <= sequence) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? null : this.#firstSequences[low - 1]!;
  }

  #offsetOf(cached: CachedSegment, sequence: number): number | null {
    const { segment, offsets } = cached;
    const at = sequence - segment.header.firstSequence;
    if (at < offsets.length) return offsets[at]!;
    if (cached.index !== null) {
      try {
        return cached.index.offsetOf(sequence);
      } catch (error) {
        if (!(error instanceof IndexDamageError)) throw error;
        cached.index.close();
        cached.index = null;
      }
    }
    const frames = scanFrames(segment, { start: cached.next, lastSequence: this.#limit, checkRecords: false });
    let step = frames.next();
    for (; step.done !== true; step = frames.next()) offsets.push(step.value.offset);
    const { endOffset, nextSequence, lastChecksum } = step.value;
    cached.next = { offset: endOffset, sequence: nextSequence, previousChecksum: lastChecksum };
    return offsets[at] ?? null;
  }

  #open(firstSequence: number): CachedSegment {
    const cached = this.#cached.get(firstSequence);
    if (cached !== undefined) {
      this.#cached.delete(firstSequence);
      this.#cached.set(firstSequence, cached);
      return cached;
    }
    if (this.#cached.size >= CACHED_SEGMENT_COUNT_MAX) {
      const [oldest] = this.#cached.keys();
      if (oldest !== undefined) this.#drop(oldest);
    }
    const segment = this.#openSegment(firstSequence);
    const next: ScanStart = {
      offset: SEGMENT_HEADER_SIZE_BYTES,
      sequence: firstSequence,
      previousChecksum: segment.header.previousChecksum,
    };
    const opened: CachedSegment = { segment, index: this.#openIndex(segment), offsets: [], next };
    this.#cached.set(firstSequence, opened);
    return opened;
  }

  #openSegment(firstSequence: number): OpenSegment {
    return openSegment(this.#disk, this.#directory, firstSequence, { identity: this.#identity, readOnly: true });
  }

  #openIndex(segment: OpenSegment): SegmentIndex | null {
    try {
      return openIndexOf(this.#disk, this.#directory, segment);
    } catch (error) {
      if (error instanceof DiskError) return null;
      throw error;
    }
  }

  #position(segment: OpenSegment, sequence: number, offset: number, bytes: Uint8Array): RecordPosition {
    assert(sequence <= this.#limit, "a reader never goes beyond its limit");
    return { sequence, segment: segment.header.firstSequence, offset, length: bytes.length };
  }

  #drop(firstSequence: number): void {
    const cached = this.#cached.get(firstSequence);
    this.#cached.delete(firstSequence);
    cached?.index?.close();
    cached?.segment.file.close();
  }
}
