// Starting from a snapshot: chunks come from a peer, go to a checkpoint file beside the replica's own data, and count for nothing
// until their digest is the signed one. Then one file marks them ready, and installing replaces log and checkpoints.
//
//   bootstrap/            receiving: an unfinished checkpoint; a crash here leaves the old chain
//   bootstrap/READY       the new chain is complete: from here on every start finishes the replacement
//   log/ checkpoints/     emptied, then the checkpoint is moved in, then READY goes away

import { assert } from "#base/assert.ts";
import { bytesEqual, utf8 } from "#base/bytes.ts";
import type { Address } from "#chain/primitives.ts";
import { FormatError } from "#formats/codec.ts";
import { encodeFeedMessage, type SnapshotMessage } from "#formats/wire/feed.ts";
import { SnapshotDigest } from "#state/snapshot-digest.ts";
import { ChainHead, type ChainHeadContext } from "#storage/chain-head.ts";
import { CheckpointStore, type CheckpointWriter } from "#storage/checkpoint-store.ts";
import { type Disk, writeFileAtomically } from "#storage/disk.ts";
import { type BoundSnapshot, bindSnapshot } from "./snapshot-binding.ts";

/** The folders of a data directory that a bootstrap touches. */
export type BootstrapFolders = {
  readonly bootstrap: string;
  readonly log: string;
  readonly checkpoints: string;
};

/** What announces a snapshot on the feed. */
export type SnapshotAnnouncement = {
  readonly sealRecord: Uint8Array;
  readonly checkpointRecord: Uint8Array;
  readonly chunkCount: number;
};

/** Name of the file beside the checkpoint with the two signed records, so that the snapshot can be passed on. */
export const ANNOUNCEMENT_FILE = "announcement";

/** Name of the file that makes a received snapshot the chain to go on with. */
export const READY_FILE = "READY";

/** Receives one snapshot. Either `finish` or `abort` ends it; any refusal aborts it. */
export class BootstrapReceiver {
  /** What the sequencer has signed. */
  readonly bound: BoundSnapshot;
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #head: ChainHead;
  readonly #chunkCount: number;
  readonly #announcement: SnapshotMessage;
  readonly #digest = new SnapshotDigest();
  readonly #writer: CheckpointWriter;
  #nextChunk = 0;
  #sizeBytes = 0;
  #isOver = false;

  /**
   * Begins to receive; what an earlier attempt has left is removed.
   * @returns the receiver, or why the announcement is refused
   * @throws {DiskError}
   */
  static begin(parts: {
    readonly disk: Disk;
    readonly folders: BootstrapFolders;
    readonly context: ChainHeadContext;
    readonly sequencer: Address;
    readonly announcement: SnapshotAnnouncement;
  }): BootstrapReceiver | string {
    const { announcement, context, sequencer } = parts;
    const bound = bindSnapshot(announcement, { identity: context.identity, sequencer });
    if (typeof bound === "string") return bound;
    const { chunkCount } = announcement;
    if (chunkCount < 2 || chunkCount > bound.checkpoint.sizeBytes) return `a snapshot of ${chunkCount} chunks`;
    const freeBytes = parts.disk.freeBytes();
    if (bound.checkpoint.sizeBytes > freeBytes) {
      return `the snapshot takes ${bound.checkpoint.sizeBytes} bytes, the disk has ${freeBytes} left`;
    }
    return new BootstrapReceiver(parts.disk, parts.folders.bootstrap, context, bound, announcement);
  }

  private constructor(
    disk: Disk,
    folder: string,
    context: ChainHeadContext,
    bound: BoundSnapshot,
    announcement: SnapshotAnnouncement,
  ) {
    const { sealRecord, checkpointRecord, chunkCount } = announcement;
    this.#announcement = {
      type: "snapshot",
      sealRecord: sealRecord.slice(),
      checkpointRecord: checkpointRecord.slice(),
      chunkCount,
    };
    this.#disk = disk;
    this.#folder = folder;
    this.bound = bound;
    this.#chunkCount = chunkCount;
    this.#head = ChainHead.fromSeal(bound.seal, context);
    disk.makeDirectory(folder);
    clearFolder(disk, folder);
    const store = new CheckpointStore(disk, folder, context.identity);
    const { sequence, term } = bound.seal.header;
    this.#writer = store.begin({ version: bound.checkpoint.version, sequence, term, recordHash: bound.seal.hash });
  }

  /** Whether all chunks have come. */
  get isComplete(): boolean {
    return this.#nextChunk === this.#chunkCount;
  }

  /** @returns null, or why the chunk is refused: the receiver is over then. @throws {DiskError} */
  push(index: number, chunk: Uint8Array): string | null {
    assert(!this.#isOver, "a bootstrap that is over takes nothing");
    const problem = this.#check(index, chunk);
    if (problem !== null) {
      this.abort();
      return problem;
    }
    this.#writer.push(chunk);
    this.#nextChunk++;
    return null;
  }

  /** Compares the digest and makes the snapshot ready to be installed. @returns null, or why it is refused. @throws {DiskError} */
  finish(): string | null {
    assert(!this.#isOver, "a bootstrap ends once");
    const problem = this.#difference();
    if (problem !== null) {
      this.abort();
      return problem;
    }
    this.#isOver = true;
    this.#writer.finish(this.#head.toBytes());
    writeFileAtomically(this.#disk, this.#folder, ANNOUNCEMENT_FILE, encodeFeedMessage(this.#announcement));
    writeFileAtomically(this.#disk, this.#folder, READY_FILE, utf8(`${this.bound.checkpoint.version}\n`));
    return null;
  }

  /** Gives up; the chain that is there stays as it is. */
  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#writer.abort();
  }

  #check(index: number, chunk: Uint8Array): string | null {
    if (index !== this.#nextChunk || this.isComplete) return `chunk ${index}, expected ${this.#nextChunk}`;
    this.#sizeBytes += chunk.length;
    const { sizeBytes } = this.bound.checkpoint;
    if (this.#sizeBytes > sizeBytes) return `the snapshot is larger than the signed ${sizeBytes} bytes`;
    try {
      this.#digest.push(chunk);
      return null;
    } catch (error) {
      if (error instanceof FormatError) return `chunk ${index}: ${error.message}`;
      throw error;
    }
  }

  #difference(): string | null {
    const { checkpoint } = this.bound;
    if (!this.isComplete) return `${this.#nextChunk} of ${this.#chunkCount} chunks`;
    if (this.#sizeBytes !== checkpoint.sizeBytes) return `${this.#sizeBytes} bytes, signed ${checkpoint.sizeBytes}`;
    try {
      const { version, keyCount, digest } = this.#digest.finish();
      if (version !== checkpoint.version) return `a snapshot of version ${version}, signed ${checkpoint.version}`;
      if (keyCount !== checkpoint.keyCount) return `a snapshot of ${keyCount} keys, signed ${checkpoint.keyCount}`;
      return bytesEqual(digest, checkpoint.digest) ? null : "the digest is not the signed one";
    } catch (error) {
      if (error instanceof FormatError) return error.message;
      throw error;
    }
  }
}

/**
 * Finishes a bootstrap that is ready and removes one that is not. Call it at every start before log or checkpoints are opened, and
 * when a bootstrap is complete and nothing has them open. It may be cut off anywhere and run again.
 * @returns whether the chain was replaced
 * @throws {DiskError}
 */
export function installBootstrap(disk: Disk, folders: BootstrapFolders): boolean {
  const { bootstrap, log, checkpoints } = folders;
  const names = disk.list(bootstrap);
  if (names.length === 0) return false;
  if (!names.includes(READY_FILE)) {
    clearFolder(disk, bootstrap);
    return false;
  }
  const received = names.filter((name) => name.endsWith(".ckpt"));
  assert(received.length <= 1, "a bootstrap is one checkpoint");
  // Without a checkpoint here it was moved before, and the folders hold the new chain already.
  for (const name of received) {
    disk.makeDirectory(log);
    disk.makeDirectory(checkpoints);
    clearFolder(disk, log);
    clearFolder(disk, checkpoints);
    disk.rename(`${bootstrap}/${name}`, `${checkpoints}/${name}`);
    disk.syncDirectory(checkpoints);
    disk.syncDirectory(bootstrap);
  }
  if (names.includes(ANNOUNCEMENT_FILE)) {
    disk.rename(`${bootstrap}/${ANNOUNCEMENT_FILE}`, `${checkpoints}/${ANNOUNCEMENT_FILE}`);
    disk.syncDirectory(checkpoints);
  }
  clearFolder(disk, bootstrap);
  return true;
}

function clearFolder(disk: Disk, folder: string): void {
  // Newest first: a log that is cut off in the middle of this is a shorter log, not one with a hole.
  for (const name of disk.list(folder).reverse()) disk.remove(`${folder}/${name}`);
  disk.syncDirectory(folder);
}
