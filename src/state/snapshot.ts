// Snapshots of one state version: written from a pinned view while the writer goes on, chunk by chunk, and loaded into an
// empty table. The digest of a snapshot is the digest of the state: accounts, slots, code, key indices and tombstones.
// Replicas compare it, checkpoints carry it, and a bootstrap is checked against it.

import { assert } from "#base/assert.ts";
import { bytesEqual } from "#base/bytes.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { Blake3Hasher } from "#crypto/blake3.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { ByteReader, ByteWriter, FormatError } from "#formats/codec.ts";
import {
  readSnapshotHeader,
  readSnapshotKey,
  SNAPSHOT_CHUNK,
  SNAPSHOT_CHUNK_SIZE_BYTES,
  SNAPSHOT_CHUNK_SIZE_BYTES_MAX,
  SNAPSHOT_KEY_SIZE_BYTES_MIN,
  type SnapshotHeader,
  type SnapshotKey,
  writeSnapshotHeader,
  writeSnapshotKey,
} from "#formats/memory/state-snapshot.ts";
import { CODE_SIZE_BYTES_MAX } from "#formats/wire/diff.ts";
import { CodeStore } from "./code-store.ts";
import type { StateTable } from "./table.ts";
import type { StateView } from "./view.ts";

/** What a loaded snapshot turned out to be. */
export type SnapshotSummary = { readonly version: number; readonly keyCount: number; readonly digest: Hash32 };

/** The state does not fit into this process's state memory: start again with a larger `--state-memory`. */
export class StateMemoryFullError extends Error {
  override readonly name = "StateMemoryFullError";
  readonly code = "STATE_MEMORY_FULL";
}

/**
 * Dumps a version in canonical order. Advance it in slices; each step reads at most one chunk's worth of records.
 * @param view a view of its own: it is pinned to `version` and must not be pinned elsewhere before the end
 * @param chunkSizeBytes chunks end with the item that reaches it; the digest does not depend on it
 * @returns the digest, which is also in the last chunk
 * @throws {StateVersionGoneError} when the undo ring passes the version meanwhile
 */
export function* snapshotChunks(
  view: StateView,
  version: number,
  chunkSizeBytes: number = SNAPSHOT_CHUNK_SIZE_BYTES,
): Generator<Uint8Array, Hash32> {
  assert(chunkSizeBytes > 0 && chunkSizeBytes <= SNAPSHOT_CHUNK_SIZE_BYTES, "chunk size");
  view.pin(version);
  const { keyCount, codeCount } = view.mark();
  const hasher = new Blake3Hasher();
  const header = new ByteWriter();
  writeSnapshotHeader(header, { version, keyCount, codeCount });
  const headerBytes = header.toBytes();
  hasher.update(headerBytes);
  yield frameChunk(SNAPSHOT_CHUNK.header, null, headerBytes);

  const sections = [
    { kind: SNAPSHOT_CHUNK.codes, first: 1, end: codeCount + 1, write: writeCode },
    { kind: SNAPSHOT_CHUNK.keys, first: 0, end: keyCount, write: writeKey },
  ];
  for (const { kind, first, end, write } of sections) {
    let next = first;
    while (next < end) {
      assert(view.pinned === version, "the view of a snapshot stays pinned");
      const writer = new ByteWriter(chunkSizeBytes);
      const from = next;
      while (next < end && writer.length < chunkSizeBytes) write(view, next++, writer);
      const items = writer.toBytes();
      hasher.update(items);
      yield frameChunk(kind, next - from, items);
    }
  }
  const digest = hasher.digest();
  yield frameChunk(SNAPSHOT_CHUNK.end, null, digest);
  return digest;
}

/** The digest in the last chunk of a snapshot. */
export function snapshotDigest(lastChunk: Uint8Array): Hash32 {
  const reader = new ByteReader(lastChunk);
  if (reader.u8() !== SNAPSHOT_CHUNK.end) throw new FormatError("not the last chunk of a snapshot", 0);
  const digest = reader.raw(32).slice();
  reader.expectEnd();
  return digest;
}

/**
 * The digest of a state version: equal on two nodes exactly when state, key indices and tombstones are equal.
 * Reads the whole state.
 * @param view pinned to `version` and left there
 * @throws {StateVersionGoneError}
 */
export function stateDigest(view: StateView, version: number): Hash32 {
  const chunks = snapshotChunks(view, version);
  for (;;) {
    const step = chunks.next();
    if (step.done) return step.value;
  }
}

/** Loads a snapshot into an empty table. After an error the table is empty again. */
export class SnapshotLoader {
  readonly #table: StateTable;
  readonly #hasher = new Blake3Hasher();
  #header: SnapshotHeader | null = null;
  #codeCount = 0;
  #digest: Hash32 | null = null;

  /** @param table empty, or `reset` */
  constructor(table: StateTable) {
    this.#table = table;
    table.beginLoad();
  }

  /** What the header chunk said; null before it came. */
  get header(): SnapshotHeader | null {
    return this.#header;
  }

  /**
   * Takes the next chunk; the bytes are copied.
   * @throws {FormatError} when it is not the canonical next chunk
   * @throws {StateMemoryFullError} when the state does not fit
   */
  push(chunk: Uint8Array): void {
    this.#guard(() => this.#take(chunk));
  }

  /**
   * Ends the load: the table is at the snapshot's version, published.
   * The caller compares the digest with the one it trusts, and calls `table.reset()` when they differ.
   * @throws {FormatError} when chunks are missing
   */
  finish(): SnapshotSummary {
    return this.#guard(() => {
      const header = this.#header;
      const digest = this.#digest;
      if (header === null || digest === null) throw new FormatError("the snapshot ends early", 0);
      this.#table.finishLoad(header.version);
      return { version: header.version, keyCount: header.keyCount, digest };
    });
  }

  #guard<T>(step: () => T): T {
    try {
      return step();
    } catch (error) {
      this.#table.reset();
      throw error;
    }
  }

  #take(chunk: Uint8Array): void {
    if (chunk.length > SNAPSHOT_CHUNK_SIZE_BYTES_MAX) throw new FormatError(`chunk of ${chunk.length} bytes`, 0);
    if (this.#digest !== null) throw new FormatError("chunk after the last one", 0);
    const reader = new ByteReader(chunk);
    const kind = reader.u8();
    if ((kind === SNAPSHOT_CHUNK.header) !== (this.#header === null)) throw new FormatError("header out of place", 0);
    if (kind === SNAPSHOT_CHUNK.header) this.#takeHeader(reader, chunk);
    else if (kind === SNAPSHOT_CHUNK.codes) this.#takeCodes(reader, chunk);
    else if (kind === SNAPSHOT_CHUNK.keys) this.#takeKeys(reader, chunk);
    else if (kind === SNAPSHOT_CHUNK.end) this.#takeEnd(reader);
    else throw new FormatError(`unknown chunk kind ${kind}`, 0);
    reader.expectEnd();
  }

  #takeHeader(reader: ByteReader, chunk: Uint8Array): void {
    this.#hasher.update(chunk.subarray(reader.offset));
    const header = readSnapshotHeader(reader);
    if (header.keyCount > this.#table.freeRecordCount || header.codeCount > this.#table.freeCodeCount) {
      const fits = `${this.#table.freeRecordCount} keys and ${this.#table.freeCodeCount} codes fit (--state-memory)`;
      throw new StateMemoryFullError(`snapshot of ${header.keyCount} keys and ${header.codeCount} codes; ${fits}`);
    }
    this.#header = header;
  }

  #takeCodes(reader: ByteReader, chunk: Uint8Array): void {
    const count = this.#count(reader, 2, this.#header!.codeCount - this.#codeCount);
    if (this.#table.keyCount > 0) throw new FormatError("codes after keys", reader.offset);
    this.#hasher.update(chunk.subarray(reader.offset));
    for (let i = 0; i < count; i++) {
      const code = reader.sized(CODE_SIZE_BYTES_MAX);
      if (code.length === 0 || this.#table.hasCode(keccak256(code))) {
        throw new FormatError("code is empty or repeated", reader.offset);
      }
      if (CodeStore.storedSizeBytes(code.length) > this.#table.freeCodeBytes) {
        throw new StateMemoryFullError("the snapshot's code does not fit (--state-memory)");
      }
      this.#table.loadCode(code);
    }
    this.#codeCount += count;
  }

  #takeKeys(reader: ByteReader, chunk: Uint8Array): void {
    const count = this.#count(reader, SNAPSHOT_KEY_SIZE_BYTES_MIN, this.#header!.keyCount - this.#table.keyCount);
    if (this.#codeCount !== this.#header!.codeCount) throw new FormatError("keys before codes", reader.offset);
    this.#hasher.update(chunk.subarray(reader.offset));
    for (let i = 0; i < count; i++) this.#loadKey(readSnapshotKey(reader), reader.offset);
  }

  #loadKey(key: SnapshotKey, offset: number): void {
    const table = this.#table;
    if (key.kind === "slot") {
      const isOwned = key.ownerIndex < table.keyCount && table.keyName(key.ownerIndex).kind === "account";
      if (!isOwned) throw new FormatError("slot without its account", offset);
      if (table.slotIndexOf(key.ownerIndex, key.slot) >= 0) throw new FormatError("slot is repeated", offset);
      table.loadSlot(key.ownerIndex, key.slot, key.value);
      return;
    }
    if (table.accountIndex(key.address) >= 0) throw new FormatError("account is repeated", offset);
    if (key.account === null) {
      table.loadAccount(key.address, null);
      return;
    }
    const { nonce, balance, codeId } = key.account;
    if (codeId > this.#codeCount) throw new FormatError(`code id ${codeId} of ${this.#codeCount}`, offset);
    table.loadAccount(key.address, { nonce, balance, codeHash: table.codeHashAt(codeId) });
  }

  #takeEnd(reader: ByteReader): void {
    const header = this.#header!;
    if (this.#codeCount !== header.codeCount || this.#table.keyCount !== header.keyCount) {
      throw new FormatError("the snapshot ends early", reader.offset);
    }
    const digest = this.#hasher.digest();
    if (!bytesEqual(reader.raw(32), digest)) throw new FormatError("snapshot digest differs", reader.offset);
    this.#digest = digest;
  }

  #count(reader: ByteReader, itemSizeBytesMin: number, countMax: number): number {
    const count = reader.count(itemSizeBytesMin);
    if (count === 0 || count > countMax) throw new FormatError(`chunk of ${count} items`, reader.offset);
    return count;
  }
}

function frameChunk(kind: number, count: number | null, items: Uint8Array): Uint8Array {
  const writer = new ByteWriter(items.length + 16).u8(kind);
  if (count !== null) writer.varint(count);
  return writer.raw(items).toBytes();
}

function writeCode(view: StateView, id: number, writer: ByteWriter): void {
  writer.sized(view.codeAt(id));
}

function writeKey(view: StateView, index: number, writer: ByteWriter): void {
  const name = view.keyName(index);
  if (name.kind === "slot") {
    const { ownerIndex, slot } = name;
    writeSnapshotKey(writer, { kind: "slot", ownerIndex, slot, value: view.slotAt(index) });
    return;
  }
  const state = view.accountAt(index);
  const account = state && { nonce: state.nonce, balance: state.balance, codeId: view.codeId(state.codeHash) };
  writeSnapshotKey(writer, { kind: "account", address: name.address, account });
}
