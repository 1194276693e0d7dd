// The durable log: append-only segments of framed records. One thread writes it; it is opened, repaired, appended to, synced and,
// on a replica that rolls back, cut. Readers on other threads follow through SegmentLogReader.
//
//   append ─▶ frames in one write ─▶ active segment ──full──▶ sync it, create the next, sync that and the folder
//   open   ─▶ check the chain of segments ─▶ walk over the newest: torn end is cut, damage stops
//
// Whatever fails, the log is afterwards what it was before the call: a half-written end is cut before the next append. Only a
// failed sync is final (see DiskFile.sync): the log must then be opened again.

import { assert } from "#base/assert.ts";
import {
  encodeSegmentHeader,
  FRAME_HEADER_SIZE_BYTES,
  FrameCodec,
  SEGMENT_HEADER_SIZE_BYTES,
  segmentIdentity,
} from "#formats/disk/segment.ts";
import { type ChainIdentity, RECORD_SIZE_BYTES_MAX } from "#formats/wire/record.ts";
import { type Disk, DiskError, type DiskFile } from "./disk.ts";
import { LogDamageError } from "./log-errors.ts";
import {
  findWitnessOfDamage,
  listSegments,
  type OpenSegment,
  openSegment,
  type ScanEnd,
  scanFrames,
  segmentFileName,
} from "./segment-file.ts";
import { indexFileName, openIndexOf } from "./segment-index.ts";
import { type RecordPosition, SegmentLogReader, type StoredRecord } from "./segment-log-reader.ts";

/** How a log is opened. */
export type SegmentLogOptions = {
  readonly identity: ChainIdentity;
  /** A segment is closed before it grows beyond this, bytes; below 2^31. Default 64 MiB. */
  readonly segmentSizeBytes?: number;
  /** Whether to cut a torn end. Without it nothing is written, and the log cannot be appended to. */
  readonly repair: boolean;
  /** Draws the salt of a new segment: 64 random bits. Default the system's randomness. */
  readonly drawSalt?: () => bigint;
};

/** What opening found at the end of the log. */
export type LogRecovery = {
  /** Bytes behind the last good frame, cut or to be cut. */
  readonly cutBytes: number;
  /** The file that they were in, or null when there were none. */
  readonly file: string | null;
  /** Why the first cut frame was bad. */
  readonly reason: string | null;
};

/** A record to append. */
export type LogRecord = { readonly sequence: number; readonly bytes: Uint8Array };

/** Default size of a segment, bytes. */
export const SEGMENT_SIZE_BYTES_DEFAULT = 1 << 26;

const BATCH_BUFFER_SIZE_BYTES = 1 << 20;

type ActiveSegment = {
  readonly firstSequence: number;
  readonly file: DiskFile;
  readonly codec: FrameCodec;
  /** End of the last good frame, bytes. */
  endOffset: number;
  /** Length that is known to be durable, bytes. */
  syncedOffset: number;
};

/** The single writer of a log. */
export class SegmentLog {
  /** What was found at the end when the log was opened. */
  readonly recovery: LogRecovery;

  readonly #disk: Disk;
  readonly #directory: string;
  readonly #identity: ChainIdentity;
  readonly #segmentSizeBytes: number;
  readonly #canWrite: boolean;
  readonly #drawSalt: () => bigint;
  readonly #reader: SegmentLogReader;
  #active: ActiveSegment | null = null;
  #firstSequence = -1;
  #lastSequence = -1;
  #lastChecksum = 0n;
  /** The last record to keep of a failed append or cut; null when the files are as the fields say. */
  #unfinishedCut: number | null = null;
  /** The failed sync after which nothing here may be trusted. */
  #brokenBy: DiskError | null = null;
  #buffer = new Uint8Array(BATCH_BUFFER_SIZE_BYTES);

  /**
   * Opens the log in a folder, which is made when it is missing.
   * @throws {LogDamageError} naming file and offset when something durable is gone
   * @throws {WrongChainError} when the folder holds another chain's log
   * @throws {DiskError} when the disk fails
   */
  static open(disk: Disk, directory: string, options: SegmentLogOptions): SegmentLog {
    if (options.repair) disk.makeDirectory(directory);
    return new SegmentLog(disk, directory, options);
  }

  private constructor(disk: Disk, directory: string, options: SegmentLogOptions) {
    this.#disk = disk;
    this.#directory = directory;
    this.#identity = options.identity;
    this.#segmentSizeBytes = options.segmentSizeBytes ?? SEGMENT_SIZE_BYTES_DEFAULT;
    assert(this.#segmentSizeBytes < 0x8000_0000, "a segment below 2 GiB");
    this.#canWrite = options.repair;
    this.#drawSalt = options.drawSalt ?? drawRandomSalt;
    this.recovery = this.#recover();
    this.#reader = new SegmentLogReader(disk, directory, options.identity, this.#lastSequence);
  }

  /** Sequence of the oldest record, or of the next one when the log is empty but its place is fixed; -1 when it is not. */
  get firstSequence(): number {
    return this.#firstSequence;
  }

  /** Sequence of the newest record; one less than `firstSequence` when there is none, -1 for a fresh log. */
  get lastSequence(): number {
    return this.#unfinishedCut ?? this.#lastSequence;
  }

  /** First sequences of all segments, ascending; all but the last are closed. */
  get segments(): number[] {
    return listSegments(this.#disk, this.#directory);
  }

  /**
   * Appends records in one write per segment touched; not yet durable. A fresh log takes any first sequence.
   * @returns where each record lies
   * @throws {DiskError} and the log is as before; after `ENOSPC` or `EIO` a later append may work, after a failed sync it never does
   */
  append(records: readonly LogRecord[]): RecordPosition[] {
    assert(this.#canWrite, "a log opened for inspection is not appended to");
    this.#finishCut();
    const keptSequence = this.#lastSequence;
    try {
      return this.#append(records);
    } catch (error) {
      this.#unfinishedCut = Math.max(keptSequence, this.#firstSequence - 1);
      this.#tryFinishCut();
      throw error;
    }
  }

  /** Makes everything appended so far durable: one fdatasync. @throws {DiskError} final for this object: open the log again */
  sync(): void {
    this.#finishCut();
    const active = this.#active;
    if (active === null || active.syncedOffset === active.endOffset) return;
    this.#syncFile(active.file);
    active.syncedOffset = active.endOffset;
  }

  /** The record of a sequence, or null when the log does not hold it. @throws {LogDamageError} */
  read(sequence: number): Uint8Array | null {
    if (sequence < this.#firstSequence || sequence > this.lastSequence) return null;
    return this.#reader.read(sequence);
  }

  /** All records from a sequence to the newest, in order, each checked. @throws {LogDamageError} */
  scan(fromSequence: number): Generator<StoredRecord> {
    return this.#reader.scan(fromSequence);
  }

  /** Removes every record after `sequence`, durably. @throws {DiskError} and the next append tries again */
  truncateAfter(sequence: number): void {
    assert(this.#canWrite, "a log opened for inspection is not cut");
    this.#finishCut();
    if (sequence >= this.#lastSequence) return;
    assert(sequence >= this.#firstSequence - 1, () => `record ${sequence} is before the log`);
    this.#unfinishedCut = sequence;
    this.#finishCut();
  }

  /** Removes everything, durably; the next record may have any sequence. For a follower that starts again from a snapshot. */
  clear(): void {
    assert(this.#canWrite, "a log opened for inspection is not cleared");
    this.#unfinishedCut = null;
    this.#finishCut();
    this.#closeActive();
    this.#reader.rollbackTo(-1);
    for (const firstSequence of this.segments.reverse()) this.#removeSegment(firstSequence);
    this.#firstSequence = -1;
    this.#lastSequence = -1;
    this.#lastChecksum = 0n;
  }

  /** Reads the whole log and checks every frame. @throws {LogDamageError} */
  verify(): void {
    if (this.#firstSequence < 0) return;
    let expected = this.#firstSequence;
    for (const { sequence } of this.#reader.scan(expected)) assert(sequence === expected++, "records in order");
  }

  /** Releases all files without syncing. */
  close(): void {
    this.#closeActive();
    this.#reader.close();
  }

  #append(records: readonly LogRecord[]): RecordPosition[] {
    const positions: RecordPosition[] = [];
    let used = 0;
    for (const { sequence, bytes } of records) {
      assert(bytes.length <= RECORD_SIZE_BYTES_MAX, () => `a record of ${bytes.length} bytes`);
      if (this.#active === null && this.#firstSequence < 0) this.#firstSequence = sequence;
      const expected = this.#lastSequence < this.#firstSequence ? this.#firstSequence : this.#lastSequence + 1;
      assert(sequence === expected, () => `record ${sequence} appended where ${expected} belongs`);
      const size = FRAME_HEADER_SIZE_BYTES + bytes.length;
      let active = this.#active ?? this.#createSegment(sequence);
      if (active.endOffset + used + size > this.#segmentSizeBytes && sequence > active.firstSequence) {
        this.#flush(active, used);
        used = 0;
        active = this.#roll(sequence);
      }
      this.#reserve(used, size);
      const offset = active.endOffset + used;
      this.#lastChecksum = active.codec.encode(
        {
          sequenceOffset: sequence - active.firstSequence,
          syncedOffset: active.syncedOffset,
          previousChecksum: this.#lastChecksum,
        },
        bytes,
        this.#buffer,
        used,
      );
      positions.push({ sequence, segment: active.firstSequence, offset, length: bytes.length });
      this.#lastSequence = sequence;
      used += size;
    }
    if (this.#active !== null) this.#flush(this.#active, used);
    this.#reader.advance(this.#lastSequence);
    return positions;
  }

  #flush(active: ActiveSegment, used: number): void {
    if (used === 0) return;
    active.file.write(active.endOffset, this.#buffer.subarray(0, used));
    active.endOffset += used;
    if (this.#buffer.length > 4 * BATCH_BUFFER_SIZE_BYTES) this.#buffer = new Uint8Array(BATCH_BUFFER_SIZE_BYTES);
  }

  #reserve(used: number, size: number): void {
    if (used + size <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(used + size, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, used));
    this.#buffer = grown;
  }

  #roll(firstSequence: number): ActiveSegment {
    const old = this.#active;
    if (old !== null && old.syncedOffset < old.endOffset) {
      this.#syncFile(old.file);
      old.syncedOffset = old.endOffset;
    }
    this.#closeActive();
    return this.#createSegment(firstSequence);
  }

  /** The header is durable before the first frame is written, so a file with frames and a bad header is damage. */
  #createSegment(firstSequence: number): ActiveSegment {
    const path = `${this.#directory}/${segmentFileName(firstSequence)}`;
    const header = encodeSegmentHeader({
      chainId: this.#identity.chainId,
      genesisHash: this.#identity.genesisHash,
      firstSequence,
      previousChecksum: this.#lastChecksum,
      salt: this.#drawSalt(),
    });
    const file = this.#disk.openFile(path, { create: true });
    this.#active = {
      firstSequence,
      file,
      codec: new FrameCodec(segmentIdentity(header)),
      endOffset: SEGMENT_HEADER_SIZE_BYTES,
      syncedOffset: SEGMENT_HEADER_SIZE_BYTES,
    };
    file.truncate(0);
    file.write(0, header);
    this.#syncFile(file);
    this.#syncDirectory();
    return this.#active;
  }

  #syncFile(file: DiskFile): void {
    this.#orBreak(() => file.sync());
  }

  #syncDirectory(): void {
    this.#orBreak(() => this.#disk.syncDirectory(this.#directory));
  }

  #orBreak(sync: () => void): void {
    try {
      sync();
    } catch (error) {
      if (error instanceof DiskError) this.#brokenBy = error;
      throw error;
    }
  }

  #tryFinishCut(): void {
    try {
      this.#finishCut();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
    }
  }

  /** Brings the files to where the log logically ends. May fail and be called again. */
  #finishCut(): void {
    if (this.#brokenBy !== null) throw new DiskError("ESTICKY", this.#directory, "use log", this.#brokenBy);
    const sequence = this.#unfinishedCut;
    if (sequence === null) return;
    this.#reader.rollbackTo(sequence);
    const segments = this.segments;
    const isEmptied = sequence < this.#firstSequence;
    for (let i = segments.length - 1; i > 0 && segments[i]! > sequence; i--) this.#dropSegment(segments[i]!);
    const target = this.segments.at(-1);
    if (target === undefined) {
      this.#closeActive();
      this.#firstSequence = -1;
      this.#lastSequence = -1;
      this.#lastChecksum = 0n;
    } else if (isEmptied) {
      this.#dropSegment(target);
      this.#closeActive();
      this.#lastSequence = this.#firstSequence - 1;
      this.#lastChecksum = 0n;
    } else {
      this.#cutSegment(target, sequence);
    }
    this.#unfinishedCut = null;
  }

  #cutSegment(target: number, sequence: number): void {
    this.#removeIndex(target);
    const end = this.#reader.endOf(sequence);
    assert(end !== null && end.segment === target, () => `record ${sequence} is in the newest segment`);
    this.#closeActive();
    const segment = openSegment(this.#disk, this.#directory, target, { identity: this.#identity, readOnly: false });
    this.#adopt(segment, end.endOffset);
    if (segment.file.size() !== end.endOffset) segment.file.truncate(end.endOffset);
    this.#syncFile(segment.file);
    this.#lastSequence = sequence;
    this.#lastChecksum = end.checksum;
  }

  #adopt(segment: OpenSegment, endOffset: number): void {
    const { firstSequence } = segment.header;
    this.#active = { firstSequence, file: segment.file, codec: segment.codec, endOffset, syncedOffset: endOffset };
  }

  #dropSegment(firstSequence: number): void {
    if (this.#active?.firstSequence === firstSequence) this.#closeActive();
    this.#removeSegment(firstSequence);
    this.#reader.rollbackTo(this.#reader.lastSequence);
  }

  /** One at a time and synced, newest first: so a crash in between never leaves a gap. */
  #removeSegment(firstSequence: number): void {
    this.#removeIndex(firstSequence);
    this.#disk.remove(`${this.#directory}/${segmentFileName(firstSequence)}`);
    this.#syncDirectory();
  }

  #removeIndex(firstSequence: number): void {
    const path = `${this.#directory}/${indexFileName(firstSequence)}`;
    if (!this.#disk.exists(path)) return;
    this.#disk.remove(path);
    this.#syncDirectory();
  }

  #closeActive(): void {
    this.#active?.file.close();
    this.#active = null;
  }

  #recover(): LogRecovery {
    const segments = listSegments(this.#disk, this.#directory);
    const leftover = this.#dropUnbornSegment(segments);
    if (segments.length === 0) return leftover ?? { cutBytes: 0, file: null, reason: null };
    this.#firstSequence = segments[0]!;
    this.#lastSequence = segments[0]! - 1;
    segments.forEach((firstSequence, i) => {
      if (i < segments.length - 1) this.#recoverClosed(firstSequence, segments[i + 1]!, i === 0);
    });
    const recovery = this.#recoverNewest(segments.at(-1)!, segments.length === 1);
    return recovery.cutBytes === 0 && leftover !== null ? leftover : recovery;
  }

  /** A newest file without frames whose header is not whole was being created when the power failed. */
  #dropUnbornSegment(segments: number[]): LogRecovery | null {
    const newest = segments.at(-1);
    if (newest === undefined) return null;
    const path = `${this.#directory}/${segmentFileName(newest)}`;
    const file = this.#disk.openFile(path, { readOnly: true });
    const size = file.size();
    file.close();
    if (size > SEGMENT_HEADER_SIZE_BYTES) return null;
    try {
      openSegment(this.#disk, this.#directory, newest, { identity: this.#identity, readOnly: true }).file.close();
      return null;
    } catch (error) {
      if (!(error instanceof LogDamageError)) throw error;
      segments.pop();
      if (this.#canWrite) this.#removeSegment(newest);
      return { cutBytes: size, file: path, reason: error.message };
    }
  }

  #recoverClosed(firstSequence: number, nextFirst: number, isFirst: boolean): void {
    const segment = this.#openChecked(firstSequence, isFirst);
    try {
      const end = this.#closedEnd(segment);
      if (end.fault !== null) throw new LogDamageError(segment.path, end.endOffset, end.fault);
      if (end.nextSequence !== nextFirst) {
        const missing = `${this.#directory}/${segmentFileName(end.nextSequence)}`;
        if (end.nextSequence < nextFirst) throw new LogDamageError(missing, 0, "the segment is missing");
        throw new LogDamageError(segment.path, end.endOffset, `it runs into the segment that begins at ${nextFirst}`);
      }
      this.#lastSequence = end.nextSequence - 1;
      this.#lastChecksum = end.lastChecksum;
    } finally {
      segment.file.close();
    }
  }

  #recoverNewest(firstSequence: number, isFirst: boolean): LogRecovery {
    const segment = this.#openChecked(firstSequence, isFirst);
    try {
      const end = walk(segment);
      const cutBytes = segment.file.size() - end.endOffset;
      if (cutBytes > 0) {
        const witness = findWitnessOfDamage(segment, end.endOffset);
        const reason = `${end.fault}, yet an intact frame at ${witness} was written when this one was durable`;
        if (witness !== null) throw new LogDamageError(segment.path, end.endOffset, reason);
      }
      if (this.#canWrite) this.#makeDurable(segment, end, cutBytes);
      this.#lastSequence = end.nextSequence - 1;
      this.#lastChecksum = end.lastChecksum;
      return { cutBytes, file: cutBytes > 0 ? segment.path : null, reason: end.fault };
    } finally {
      if (this.#active === null) segment.file.close();
    }
  }

  #makeDurable(segment: OpenSegment, end: ScanEnd, cutBytes: number): void {
    if (cutBytes > 0) segment.file.truncate(end.endOffset);
    this.#syncFile(segment.file);
    this.#syncDirectory();
    this.#removeIndex(segment.header.firstSequence);
    this.#adopt(segment, end.endOffset);
  }

  #openChecked(firstSequence: number, isFirst: boolean): OpenSegment {
    const readOnly = !this.#canWrite;
    const segment = openSegment(this.#disk, this.#directory, firstSequence, { identity: this.#identity, readOnly });
    if (!isFirst && segment.header.previousChecksum !== this.#lastChecksum) {
      segment.file.close();
      throw new LogDamageError(segment.path, 64, "the segment does not follow the one before");
    }
    return segment;
  }

  /** Where a closed segment ends: from its index when that agrees with the file, else by walking over all of it. */
  #closedEnd(segment: OpenSegment): ScanEnd {
    const { firstSequence } = segment.header;
    const index = openIndexOf(this.#disk, this.#directory, segment);
    if (index === null) return walk(segment);
    const { recordCount, endOffset, lastChecksum } = index.header;
    index.close();
    return { endOffset, nextSequence: firstSequence + recordCount, lastChecksum, fault: null };
  }
}

function walk(segment: OpenSegment): ScanEnd {
  const frames = scanFrames(segment);
  for (;;) {
    const step = frames.next();
    if (step.done === true) return step.value;
  }
}

function drawRandomSalt(): bigint {
  return crypto.getRandomValues(new BigUint64Array(1))[0]!;
}
