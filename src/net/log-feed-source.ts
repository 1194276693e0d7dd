// What a node's feed serves from: the newest records in memory, older ones from the log's files, and snapshots from checkpoints.
// Lives on the main thread beside the feed server; the log and commit threads write the files that it reads.
//
//   published ring ─▶ onRecord ─▶ recent records ─┐
//   log files ───────────────────────────────────┼─▶ FeedServer ─▶ children
//   checkpoint file + signed digest + seal ──────┘

import { assert } from "#base/assert.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { FormatError } from "#formats/codec.ts";
import { decodeFeedMessage, type SnapshotMessage } from "#formats/wire/feed.ts";
import { decodeCheckpoint } from "#formats/wire/payloads.ts";
import { type ChainIdentity, decodeRecord, peekRecord } from "#formats/wire/record.ts";
import { ANNOUNCEMENT_FILE } from "#replica/bootstrap.ts";
import {
  CheckpointDamageError,
  type CheckpointMark,
  type CheckpointReader,
  CheckpointStore,
} from "#storage/checkpoint-store.ts";
import { type Disk, DiskError } from "#storage/disk.ts";
import { LogDamageError } from "#storage/log-errors.ts";
import { RealDisk } from "#storage/real-disk.ts";
import { SegmentLogReader } from "#storage/segment-log-reader.ts";
import type { FeedSnapshot, FeedSource } from "./feed-server.ts";
import { RecentRecords } from "./recent-records.ts";
import { TermStarts } from "./term-starts.ts";

/** What a source is opened on. */
export type LogFeedSourceOptions = {
  readonly dataDirectory: string;
  readonly identity: ChainIdentity;
  readonly genesisDocument: Uint8Array;
  readonly sequencer: Uint8Array;
  /** The newest record that is published; -1 for none in the log. */
  readonly lastSequence: number;
  /** Bytes of records kept in memory. */
  readonly recentSizeBytes: number;
  /** Default the operating system's files under `dataDirectory`. */
  readonly disk?: Disk;
  /** Folders inside the data directory. */
  readonly logDirectory?: string;
  readonly checkpointDirectory?: string;
  /** Told of files that cannot be read; the child that needed them is refused. */
  readonly onDamage?: (error: Error) => void;
};

/** Signed digests kept: two files exist at a time, and a digest may come while its file is still being replaced. */
const SIGNED_CHECKPOINT_COUNT_MAX = 16;

/** A node's log and checkpoints as the feed server reads them. */
export class LogFeedSource implements FeedSource {
  readonly identity: ChainIdentity;
  readonly genesisDocument: Uint8Array;
  readonly sequencer: Uint8Array;
  readonly #log: SegmentLogReader;
  readonly #checkpoints: CheckpointStore;
  readonly #recent: RecentRecords;
  readonly #terms: TermStarts;
  readonly #onDamage: (error: Error) => void;
  /** Encoded `checkpoint` records by the state version that they sign, oldest first. */
  readonly #signedCheckpoints = new Map<number, Uint8Array>();
  /** The two signed records of the snapshot that this node itself began from; the log does not hold them. */
  readonly #announcement: SnapshotMessage | null;
  #last: { sequence: number; term: number } | null;

  /** Opens a source; reads the log after the newest checkpoint once. */
  static open(options: LogFeedSourceOptions): LogFeedSource {
    return new LogFeedSource(options);
  }

  private constructor(options: LogFeedSourceOptions) {
    const { identity, logDirectory = "log", checkpointDirectory = "checkpoints" } = options;
    const disk = options.disk ?? new RealDisk(options.dataDirectory);
    this.identity = identity;
    this.genesisDocument = options.genesisDocument;
    this.sequencer = options.sequencer;
    this.#onDamage = options.onDamage ?? (() => {});
    this.#checkpoints = new CheckpointStore(disk, checkpointDirectory, identity, "observe");
    this.#log = new SegmentLogReader(disk, logDirectory, identity, options.lastSequence);
    this.#announcement = readAnnouncement(disk, `${checkpointDirectory}/${ANNOUNCEMENT_FILE}`);
    this.#recent = new RecentRecords(options.recentSizeBytes);
    this.#last = this.#findLast(options.lastSequence);
    this.#terms = new TermStarts((sequence) => this.#peek(sequence), this.oldestSequence(), this.#last);
    this.#findSignedCheckpoints();
  }

  /** The last published record, or null before the first. */
  head(): { readonly sequence: number; readonly term: number } | null {
    return this.#last;
  }

  /** Sequence of the oldest record that can be read, or of the next one when there is none. */
  oldestSequence(): number {
    return this.#log.firstSequence ?? this.#recent.firstSequence ?? (this.#last?.sequence ?? -1) + 1;
  }

  read(sequence: number, sizeBytesMax: number): readonly Uint8Array[] | null {
    if (this.#last === null || sequence > this.#last.sequence) return [];
    if (sequence < this.oldestSequence()) return null;
    const found: Uint8Array[] = [];
    let sizeBytes = 0;
    for (let at = sequence; at <= this.#last.sequence && (found.length === 0 || sizeBytes < sizeBytesMax); at++) {
      const bytes = this.#bytesOf(at);
      if (bytes === null) return found.length === 0 ? null : found;
      found.push(bytes);
      sizeBytes += bytes.length;
    }
    return found;
  }

  hashOf(sequence: number): Hash32 | null {
    const bytes = this.#bytesOf(sequence);
    return bytes === null ? null : decodeRecord(bytes, this.identity).hash;
  }

  firstTermAfter(term: number): number | null {
    return this.#terms.firstAfter(term);
  }

  snapshot(): FeedSnapshot | null {
    try {
      for (const reader of this.#checkpoints.readers()) {
        const snapshot = this.#snapshotOf(reader);
        if (snapshot !== null) return snapshot;
        reader.close();
      }
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#onDamage(error);
    }
    return null;
  }

  /** Takes the next published record; one that is known already changes nothing. @returns its sequence */
  onRecord(bytes: Uint8Array): number {
    const { type, term, sequence } = peekRecord(bytes);
    if (this.#last !== null && sequence <= this.#last.sequence) return sequence;
    this.#last = { sequence, term };
    this.#log.advance(sequence);
    if (this.#log.firstSequence === null) this.#log.refresh();
    this.#recent.add(sequence, bytes);
    this.#terms.onRecord(sequence, term);
    if (type === "checkpoint") this.#noteCheckpoint(bytes);
    return sequence;
  }

  /** Everything after `lastSequence` is void. */
  onRollback(lastSequence: number): void {
    this.#recent.rollbackTo(lastSequence);
    this.#log.rollbackTo(lastSequence);
    this.#terms.rollbackTo(lastSequence);
    for (const [version, bytes] of this.#signedCheckpoints) {
      if (peekRecord(bytes).sequence > lastSequence) this.#signedCheckpoints.delete(version);
    }
    this.#last = this.#findLast(lastSequence);
  }

  /** Releases the log's files. */
  close(): void {
    this.#log.close();
  }

  #bytesOf(sequence: number): Uint8Array | null {
    const recent = this.#recent.get(sequence);
    if (recent !== null) return recent;
    try {
      return this.#log.read(sequence);
    } catch (error) {
      if (!(error instanceof LogDamageError) && !(error instanceof DiskError)) throw error;
      this.#onDamage(error);
      return null;
    }
  }

  #peek(sequence: number): { type: string; term: number } | null {
    const bytes = this.#bytesOf(sequence);
    return bytes === null ? null : peekRecord(bytes);
  }

  /** A log that is still empty behind a snapshot stands where the snapshot ends. */
  #findLast(lastSequence: number): { sequence: number; term: number } | null {
    const record = lastSequence < 0 ? null : this.#peek(lastSequence);
    if (record !== null) return { sequence: lastSequence, term: record.term };
    const mark = this.#log.firstSequence === null ? this.#checkpointMarks()[0] : undefined;
    return mark === undefined ? null : { sequence: mark.sequence, term: mark.term };
  }

  /** Newest first; a file that is replaced at this moment is not counted. */
  #checkpointMarks(): CheckpointMark[] {
    const marks: CheckpointMark[] = [];
    try {
      for (const reader of this.#checkpoints.readers()) {
        marks.push(reader.mark);
        reader.close();
      }
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
    }
    return marks;
  }

  // Snapshots

  #noteCheckpoint(bytes: Uint8Array): void {
    const { version } = decodeCheckpoint(decodeRecord(bytes, this.identity));
    this.#signedCheckpoints.delete(version);
    this.#signedCheckpoints.set(version, bytes);
    for (const oldest of this.#signedCheckpoints.keys()) {
      if (this.#signedCheckpoints.size <= SIGNED_CHECKPOINT_COUNT_MAX) return;
      this.#signedCheckpoints.delete(oldest);
    }
  }

  /** The digests that were signed before this start: each comes after the checkpoint's own position in the log. */
  #findSignedCheckpoints(): void {
    const marks = this.#checkpointMarks();
    if (marks.length === 0 || this.#last === null) return;
    for (
      let at = Math.max(Math.min(...marks.map((mark) => mark.sequence)) + 1, this.oldestSequence());
      at <= this.#last.sequence;
      at++
    ) {
      const bytes = this.#bytesOf(at);
      if (bytes === null) return;
      if (peekRecord(bytes).type === "checkpoint") this.#noteCheckpoint(bytes);
    }
  }

  #snapshotOf(reader: CheckpointReader): FeedSnapshot | null {
    const { version, sequence } = reader.mark;
    const received = this.#announcement;
    const isReceived = received !== null && peekRecord(received.sealRecord).sequence === sequence;
    const checkpointRecord = isReceived ? received.checkpointRecord : this.#signedCheckpoints.get(version);
    const sealRecord = isReceived ? received.sealRecord : this.#bytesOf(sequence);
    if (checkpointRecord === undefined || sealRecord === null || peekRecord(sealRecord).type !== "seal") return null;
    let isOpen = true;
    return {
      sealRecord,
      sealSequence: reader.mark.sequence,
      checkpointRecord,
      chunkCount: reader.chunkCount,
      chunk: (index) => {
        assert(isOpen, "a closed snapshot is not read");
        return this.#chunkOf(reader, index);
      },
      close: () => {
        isOpen = false;
        reader.close();
      },
    };
  }

  #chunkOf(reader: CheckpointReader, index: number): Uint8Array | null {
    try {
      return reader.chunk(index);
    } catch (error) {
      if (!(error instanceof CheckpointDamageError) && !(error instanceof DiskError)) throw error;
      this.#onDamage(error);
      return null;
    }
  }
}

/** What a bootstrap left beside its checkpoint; null when this node began at genesis. */
function readAnnouncement(disk: Disk, path: string): SnapshotMessage | null {
  if (!disk.exists(path)) return null;
  const file = disk.openFile(path, { readOnly: true });
  try {
    const bytes = new Uint8Array(file.size());
    file.read(0, bytes);
    const message = decodeFeedMessage(bytes);
    if (message.type !== "snapshot") return null;
    peekRecord(message.sealRecord);
    peekRecord(message.checkpointRecord);
    return message;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return null; // only the way to pass the snapshot on is lost
  } finally {
    file.close();
  }
}
