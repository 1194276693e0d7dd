// The digest of a snapshot without loading it: what comes from a peer is read item by item and hashed while it goes to disk, so that
// a file which is kept can also be loaded. The digest covers header and items and not how they are cut; counts and sizes are checked.

import { bytesEqual } from "#base/bytes.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { Blake3Hasher } from "#crypto/blake3.ts";
import { ByteReader, FormatError } from "#formats/codec.ts";
import {
  readSnapshotHeader,
  readSnapshotKey,
  SNAPSHOT_CHUNK,
  SNAPSHOT_CHUNK_SIZE_BYTES_MAX,
  SNAPSHOT_KEY_SIZE_BYTES_MIN,
  type SnapshotHeader,
} from "#formats/memory/state-snapshot.ts";
import { CODE_SIZE_BYTES_MAX } from "#formats/wire/diff.ts";
import type { SnapshotSummary } from "./snapshot.ts";

/** Reads one snapshot, chunk by chunk. */
export class SnapshotDigest {
  readonly #hasher = new Blake3Hasher();
  #header: SnapshotHeader | null = null;
  #codeCount = 0;
  #keyCount = 0;
  #digest: Hash32 | null = null;

  /** Takes the next chunk. @throws {FormatError} when no honest snapshot goes on like that */
  push(chunk: Uint8Array): void {
    if (chunk.length > SNAPSHOT_CHUNK_SIZE_BYTES_MAX) throw new FormatError(`chunk of ${chunk.length} bytes`, 0);
    if (this.#digest !== null) throw new FormatError("chunk after the last one", 0);
    const reader = new ByteReader(chunk);
    const kind = reader.u8();
    if (this.#header === null) {
      if (kind !== SNAPSHOT_CHUNK.header) throw new FormatError("the header is missing", 0);
      this.#hasher.update(chunk.subarray(reader.offset));
      this.#header = readSnapshotHeader(reader);
    } else if (kind === SNAPSHOT_CHUNK.codes) this.#takeCodes(reader, chunk, this.#header);
    else if (kind === SNAPSHOT_CHUNK.keys) this.#takeKeys(reader, chunk, this.#header);
    else if (kind === SNAPSHOT_CHUNK.end) this.#takeEnd(reader, this.#header);
    else throw new FormatError(`chunk kind ${kind} out of place`, 0);
    reader.expectEnd();
  }

  /** What the snapshot is of; its digest is over what was pushed. @throws {FormatError} when chunks are missing */
  finish(): SnapshotSummary {
    if (this.#header === null || this.#digest === null) throw new FormatError("the snapshot ends early", 0);
    return { version: this.#header.version, keyCount: this.#header.keyCount, digest: this.#digest };
  }

  #takeCodes(reader: ByteReader, chunk: Uint8Array, header: SnapshotHeader): void {
    if (this.#keyCount > 0) throw new FormatError("codes after keys", reader.offset);
    const count = readCount(reader, 2, header.codeCount - this.#codeCount);
    this.#hasher.update(chunk.subarray(reader.offset));
    for (let i = 0; i < count; i++) reader.sized(CODE_SIZE_BYTES_MAX);
    this.#codeCount += count;
  }

  #takeKeys(reader: ByteReader, chunk: Uint8Array, header: SnapshotHeader): void {
    if (this.#codeCount !== header.codeCount) throw new FormatError("keys before codes", reader.offset);
    const count = readCount(reader, SNAPSHOT_KEY_SIZE_BYTES_MIN, header.keyCount - this.#keyCount);
    this.#hasher.update(chunk.subarray(reader.offset));
    for (let i = 0; i < count; i++) readSnapshotKey(reader);
    this.#keyCount += count;
  }

  #takeEnd(reader: ByteReader, header: SnapshotHeader): void {
    if (this.#codeCount !== header.codeCount || this.#keyCount !== header.keyCount) {
      throw new FormatError("the snapshot ends early", reader.offset);
    }
    const digest = this.#hasher.digest();
    if (!bytesEqual(reader.raw(32), digest)) throw new FormatError("snapshot digest differs", reader.offset);
    this.#digest = digest;
  }
}

function readCount(reader: ByteReader, itemSizeBytesMin: number, countMax: number): number {
  const count = reader.count(itemSizeBytesMin);
  if (count === 0 || count > countMax) throw new FormatError(`chunk of ${count} items`, reader.offset);
  return count;
}
