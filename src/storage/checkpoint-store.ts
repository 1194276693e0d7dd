// Checkpoints: whole states at a version, which a start opens before it replays the log from there. A checkpoint is written chunk
// by chunk under a temporary name and becomes visible when it is complete and durable; the newest two are kept, so that one
// damaged file costs a longer replay and nothing else.

import { assert } from "#base/assert.ts";
import { bytesEqual } from "#base/bytes.ts";
import { toHex } from "#base/hex.ts";
import { FormatError } from "#formats/codec.ts";
import {
  CHECKPOINT_FOOTER_SIZE_BYTES,
  CHECKPOINT_HEAD_SIZE_BYTES,
  CHUNK_HEADER_SIZE_BYTES,
  CHUNK_SIZE_BYTES_MAX,
  type CheckpointFooter,
  chainChecksum,
  chunkChecksum,
  decodeCheckpointFooter,
  decodeCheckpointHead,
  decodeChunkHeader,
  encodeCheckpointFooter,
  encodeCheckpointHead,
  encodeChunkHeader,
} from "#formats/disk/checkpoint.ts";
import type { ChainIdentity } from "#formats/wire/record.ts";
import { type Disk, DiskError, type DiskFile, readExactly, TEMPORARY_SUFFIX } from "./disk.ts";
import { WrongChainError } from "./log-errors.ts";

/** What a checkpoint is a checkpoint of. */
export type CheckpointMark = {
  /** State version of the content. */
  readonly version: number;
  /** Sequence of the last record whose effects the content holds; -1 for the genesis state. */
  readonly sequence: number;
  readonly term: number;
  /** Hash of that record; the genesis hash for -1. */
  readonly recordHash: Uint8Array;
};

/** A checkpoint file that was passed over. */
export type SkippedCheckpoint = { readonly file: string; readonly reason: string };

/** A checkpoint is not what was written: found while its chunks are read. */
export class CheckpointDamageError extends Error {
  override readonly name = "CheckpointDamageError";
  readonly code = "CHECKPOINT_DAMAGE";
  /** Path of the damaged file. */
  readonly file: string;

  constructor(file: string, reason: string) {
    super(`damaged checkpoint ${file}: ${reason}`);
    this.file = file;
  }
}

/** How many complete checkpoints are kept. */
export const KEPT_CHECKPOINT_COUNT = 2;

const CHECKPOINT_NAME = /^checkpoint-(\d{16})\.ckpt$/;

/** The checkpoints in one folder. */
export class CheckpointStore {
  /** Files passed over by `latest` and `readers`, since the store was opened; the newest 16. */
  readonly skipped: SkippedCheckpoint[] = [];
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #identity: ChainIdentity;

  /**
   * The owner makes the folder when it is missing and removes files that were never finished; an observer on another thread
   * only reads.
   */
  constructor(disk: Disk, directory: string, identity: ChainIdentity, access: "own" | "observe" = "own") {
    this.#disk = disk;
    this.#directory = directory;
    this.#identity = identity;
    if (access === "observe") return;
    disk.makeDirectory(directory);
    for (const name of disk.list(directory)) {
      if (name.endsWith(TEMPORARY_SUFFIX)) disk.remove(`${directory}/${name}`);
    }
  }

  /** Begins a checkpoint. Only one at a time. @throws {DiskError} */
  begin(mark: CheckpointMark): CheckpointWriter {
    const path = `${this.#directory}/${checkpointFileName(mark.version)}`;
    return new CheckpointWriter(this.#disk, path, this.#identity, mark, () => {
      this.#disk.syncDirectory(this.#directory);
      this.#prune();
    });
  }

  /**
   * The newest checkpoint whose head, footer and meta block are intact; a damaged one is reported in `skipped` and passed over.
   * Its chunks are checked while they are read, or beforehand by `verify`.
   * @throws {WrongChainError} for another chain's file
   */
  latest(): CheckpointReader | null {
    for (const reader of this.readers()) return reader;
    return null;
  }

  /** The readable checkpoints, newest first. A caller who finds damage in the chunks of one takes the next. */
  *readers(): Generator<CheckpointReader> {
    for (const version of this.versions().reverse()) {
      const path = `${this.#directory}/${checkpointFileName(version)}`;
      const reader = this.#open(path, version);
      if (reader !== null) yield reader;
    }
  }

  /** State versions of the complete files, ascending. */
  versions(): number[] {
    const versions: number[] = [];
    for (const name of this.#disk.list(this.#directory)) {
      const match = CHECKPOINT_NAME.exec(name);
      if (match !== null) versions.push(Number(match[1]));
    }
    return versions.sort((a, b) => a - b);
  }

  /** Notes that a checkpoint turned out to be damaged, for the report. */
  reportSkipped(file: string, reason: string): void {
    if (this.skipped.length >= 16) this.skipped.shift();
    this.skipped.push({ file, reason });
  }

  /** Removes the checkpoints above a version: a follower that rolls back. @throws {DiskError} */
  removeAbove(version: number): void {
    for (const other of this.versions()) {
      if (other > version) this.#disk.remove(`${this.#directory}/${checkpointFileName(other)}`);
    }
    this.#disk.syncDirectory(this.#directory);
  }

  #open(path: string, version: number): CheckpointReader | null {
    const file = this.#openListed(path);
    if (file === null) return null;
    try {
      const reader = new CheckpointReader(path, file);
      requireChain(path, reader.identity, this.#identity);
      if (reader.mark.version === version) return reader;
      throw new CheckpointDamageError(path, `it holds version ${reader.mark.version}`);
    } catch (error) {
      file.close();
      if (!(error instanceof CheckpointDamageError)) throw error;
      this.reportSkipped(path, error.message);
      return null;
    }
  }

  /** Null when the owner has removed the file since an observer listed it: newer ones took its place. */
  #openListed(path: string): DiskFile | null {
    try {
      return this.#disk.openFile(path, { readOnly: true });
    } catch (error) {
      if (error instanceof DiskError && error.code === "ENOENT") return null;
      throw error;
    }
  }

  /** Old files go only after the new one is durable. A file that cannot be removed is left for the next time. */
  #prune(): void {
    for (const version of this.versions().slice(0, -KEPT_CHECKPOINT_COUNT)) {
      this.#disk.remove(`${this.#directory}/${checkpointFileName(version)}`);
    }
  }
}

/** Writes one checkpoint. Either `finish` or `abort` ends it. */
export class CheckpointWriter {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #file: DiskFile;
  readonly #head: Uint8Array;
  readonly #mark: CheckpointMark;
  readonly #published: () => void;
  #offset = CHECKPOINT_HEAD_SIZE_BYTES;
  #chunkCount = 0;
  #contentSizeBytes = 0;
  #contentChecksum = 0n;
  #isOver = false;

  /** For {@link CheckpointStore.begin}. `published` runs after the rename. */
  constructor(disk: Disk, path: string, identity: ChainIdentity, mark: CheckpointMark, published: () => void) {
    this.#disk = disk;
    this.#path = path;
    this.#mark = mark;
    this.#published = published;
    this.#head = encodeCheckpointHead(identity);
    this.#file = disk.openFile(path + TEMPORARY_SUFFIX, { create: true });
    this.#attempt(() => {
      this.#file.truncate(0);
      this.#file.write(0, this.#head);
    });
  }

  /** Bytes of the chunks so far. */
  get contentSizeBytes(): number {
    return this.#contentSizeBytes;
  }

  /** Appends a chunk of at most 64 MiB. @throws {DiskError} and the checkpoint is aborted */
  push(chunk: Uint8Array): void {
    assert(chunk.length > 0 && chunk.length <= CHUNK_SIZE_BYTES_MAX, () => `a chunk of ${chunk.length} bytes`);
    const header = encodeChunkHeader(this.#chunkCount, chunk);
    this.#attempt(() => this.#append(header, chunk));
    this.#chunkCount++;
    this.#contentSizeBytes += chunk.length;
    this.#contentChecksum = chainChecksum(this.#contentChecksum, decodeChunkHeader(header).checksum);
  }

  /**
   * Completes the checkpoint: durable and visible when this returns.
   * @param meta what the reader needs besides the content; not interpreted here
   * @throws {DiskError} and the checkpoint is aborted
   */
  finish(meta: Uint8Array): void {
    assert(meta.length <= CHUNK_SIZE_BYTES_MAX, () => `a meta block of ${meta.length} bytes`);
    this.#attempt(() => {
      const metaOffset = this.#offset;
      this.#append(encodeChunkHeader(0, meta), meta);
      const footer: CheckpointFooter = {
        ...this.#mark,
        chunkCount: this.#chunkCount,
        contentSizeBytes: this.#contentSizeBytes,
        contentChecksum: this.#contentChecksum,
        metaOffset,
      };
      this.#file.write(this.#offset, encodeCheckpointFooter(footer, this.#head));
      this.#file.sync();
      this.#file.close();
      this.#disk.rename(this.#path + TEMPORARY_SUFFIX, this.#path);
      this.#isOver = true;
      this.#published();
    });
  }

  /** Gives the checkpoint up and removes what was written. */
  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#file.close();
    try {
      this.#disk.remove(this.#path + TEMPORARY_SUFFIX);
    } catch {
      // The next start removes it.
    }
  }

  #append(header: Uint8Array, bytes: Uint8Array): void {
    this.#file.write(this.#offset, header);
    this.#file.write(this.#offset + header.length, bytes);
    this.#offset += header.length + bytes.length;
  }

  #attempt(action: () => void): void {
    assert(!this.#isOver, "a checkpoint is written once");
    try {
      action();
    } catch (error) {
      this.abort();
      throw error;
    }
  }
}

/** An intact checkpoint. Close it after use. */
export class CheckpointReader {
  /** What it is a checkpoint of. */
  readonly mark: CheckpointMark;
  /** The chain that it belongs to. */
  readonly identity: ChainIdentity;
  /** What `CheckpointWriter.finish` was given. */
  readonly meta: Uint8Array;
  /** Bytes of all chunks. */
  readonly contentSizeBytes: number;
  /** Path of the file. */
  readonly path: string;
  readonly #file: DiskFile;
  readonly #footer: CheckpointFooter;
  /** Where the chunks begin, as far as they are known. */
  readonly #chunkOffsets: number[] = [CHECKPOINT_HEAD_SIZE_BYTES];

  /** For {@link CheckpointStore}. @throws {CheckpointDamageError} */
  constructor(path: string, file: DiskFile) {
    this.path = path;
    this.#file = file;
    const head = readExactly(file, 0, CHECKPOINT_HEAD_SIZE_BYTES);
    const footerOffset = file.size() - CHECKPOINT_FOOTER_SIZE_BYTES;
    const end =
      footerOffset < CHECKPOINT_HEAD_SIZE_BYTES ? null : readExactly(file, footerOffset, CHECKPOINT_FOOTER_SIZE_BYTES);
    if (head === null || end === null) throw new CheckpointDamageError(path, "it is cut short");
    try {
      this.identity = decodeCheckpointHead(head);
      this.#footer = decodeCheckpointFooter(end, head);
    } catch (error) {
      if (error instanceof FormatError) throw new CheckpointDamageError(path, error.message);
      throw error;
    }
    const { version, sequence, term, recordHash, metaOffset, contentSizeBytes } = this.#footer;
    this.mark = { version, sequence, term, recordHash };
    this.contentSizeBytes = contentSizeBytes;
    const meta = this.#chunkAt(metaOffset, 0);
    if (meta.end !== footerOffset) throw new CheckpointDamageError(path, "its length is not what the footer says");
    this.meta = meta.bytes;
  }

  /** How many chunks there are. */
  get chunkCount(): number {
    return this.#footer.chunkCount;
  }

  /** One chunk, checked; reading them in order reads each byte once. @throws {CheckpointDamageError} */
  chunk(index: number): Uint8Array {
    assert(index >= 0 && index < this.chunkCount, () => `chunk ${index} of ${this.chunkCount}`);
    const offsets = this.#chunkOffsets;
    for (let known = offsets.length - 1; known < index; known++)
      offsets.push(this.#chunkAt(offsets[known]!, known).end);
    const { bytes, end } = this.#chunkAt(offsets[index]!, index);
    if (offsets.length === index + 1) offsets.push(end);
    return bytes;
  }

  /** The chunks in order, each checked. @throws {CheckpointDamageError} at the first that is not what was written */
  *chunks(): Generator<Uint8Array> {
    let offset = CHECKPOINT_HEAD_SIZE_BYTES;
    let running = 0n;
    for (let index = 0; index < this.#footer.chunkCount; index++) {
      const chunk = this.#chunkAt(offset, index);
      running = chainChecksum(running, chunk.checksum);
      yield chunk.bytes;
      offset = chunk.end;
    }
    if (offset !== this.#footer.metaOffset || running !== this.#footer.contentChecksum) {
      throw new CheckpointDamageError(this.path, "the chunks are not those of the footer");
    }
  }

  /** Why the chunks are not intact, or null when they are; reads the whole file. */
  verify(): string | null {
    try {
      for (const _ of this.chunks());
      return null;
    } catch (error) {
      if (error instanceof CheckpointDamageError) return error.message;
      throw error;
    }
  }

  /** Releases the file. */
  close(): void {
    this.#file.close();
  }

  #chunkAt(offset: number, index: number): { bytes: Uint8Array; end: number; checksum: bigint } {
    const header = readExactly(this.#file, offset, CHUNK_HEADER_SIZE_BYTES);
    if (header === null) throw new CheckpointDamageError(this.path, `no chunk at byte ${offset}`);
    const fields = decodeChunkHeader(header);
    if (fields.index !== index || fields.length > CHUNK_SIZE_BYTES_MAX) {
      throw new CheckpointDamageError(this.path, `chunk ${index} at byte ${offset}`);
    }
    const bytes = readExactly(this.#file, offset + CHUNK_HEADER_SIZE_BYTES, fields.length);
    if (bytes === null || chunkChecksum(header, bytes) !== fields.checksum) {
      throw new CheckpointDamageError(this.path, `chunk ${index} at byte ${offset}`);
    }
    return { bytes, end: offset + CHUNK_HEADER_SIZE_BYTES + fields.length, checksum: fields.checksum };
  }
}

function checkpointFileName(version: number): string {
  return `checkpoint-${version.toString().padStart(16, "0")}.ckpt`;
}

function requireChain(path: string, found: ChainIdentity, expected: ChainIdentity): void {
  if (found.chainId === expected.chainId && bytesEqual(found.genesisHash, expected.genesisHash)) return;
  const name = (identity: ChainIdentity) => `chain ${identity.chainId} with genesis ${toHex(identity.genesisHash)}`;
  throw new WrongChainError(path, name(found), name(expected));
}
