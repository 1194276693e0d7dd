// How far the sequencer may have signed, kept in its own small file so that no number is ever signed twice in one term: the limit
// is made durable before numbers below it are used. The same file holds the mark of a clean shutdown, which every reservation
// takes away, so it cannot outlive the first signature after a start.

import { assert } from "#base/assert.ts";
import { bytesEqual } from "#base/bytes.ts";
import { toHex } from "#base/hex.ts";
import { ByteReader, ByteWriter, FormatError } from "#formats/codec.ts";
import { decodeSlot, encodeSlot, SLOT_SIZE_BYTES, type Slot } from "#formats/disk/slot.ts";
import type { ChainIdentity } from "#formats/wire/record.ts";
import { type Disk, DiskError, type DiskFile, readExactly } from "./disk.ts";
import { WrongChainError } from "./log-errors.ts";

/** What the file says. */
export type SigningState = {
  /** The newest term in which anything may have been signed. */
  readonly term: number;
  /** No record of that term with this sequence or a higher one has been signed. */
  readonly limitSequence: number;
  /** Set by an orderly stop: the last record, durable, after which nothing was signed. */
  readonly cleanStop: { readonly sequence: number; readonly hash: Uint8Array } | null;
  /** One of the two copies is unreadable, so a newer state may have been lost: its term is at most one higher. */
  readonly isDoubtful: boolean;
};

const MAGIC = "MEGASIGN";
const HASH_SIZE_BYTES = 32;

/** The signing limit in one file. Single writer. */
export class SigningLimit {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #path: string;
  readonly #identity: ChainIdentity;
  #file: DiskFile | null = null;
  #generation = 0;
  /** The slot that holds the newest state: 0 or 1; null when there is none. */
  #currentSlot: 0 | 1 | null = null;
  #state: SigningState | null = null;

  /**
   * Opens the file `name` in a folder; it is made at the first reservation.
   * @throws {WrongChainError} when it belongs to another chain
   * @throws {DiskError} when the disk fails
   */
  constructor(disk: Disk, directory: string, identity: ChainIdentity, name = "signing-limit") {
    this.#disk = disk;
    this.#directory = directory;
    this.#path = `${directory}/${name}`;
    this.#identity = identity;
    try {
      this.#file = disk.openFile(this.#path);
    } catch (error) {
      if (!(error instanceof DiskError && error.code === "ENOENT")) throw error;
    }
    if (this.#file === null) return;
    this.#load(this.#file);
    // What is read may be in the system's cache alone, from a process that died before its sync.
    this.#file.sync();
    disk.syncDirectory(directory);
  }

  /** The newest state, or null when nothing was ever reserved. */
  read(): SigningState | null {
    return this.#state;
  }

  /**
   * Allows signing in `term` below `limitSequence`; durable when this returns. Takes the mark of a clean stop away.
   * @throws {DiskError} and the allowance must not be used; after a failed sync the file must be opened again
   */
  reserve(term: number, limitSequence: number): void {
    const last = this.#state;
    if (last !== null) {
      assert(term >= last.term, () => `term ${term} after ${last.term}`);
      assert(term > last.term || limitSequence >= last.limitSequence, "a signing limit never goes back in a term");
    }
    this.#write({ term, limitSequence, cleanStop: null, isDoubtful: false });
  }

  /**
   * Marks an orderly stop after the record of this sequence and hash; the log must be durable up to it. Nothing may be signed
   * after it without a new reservation.
   * @throws {DiskError} and the next start takes the stop for an unclean one
   */
  markClean(sequence: number, hash: Uint8Array): void {
    assert(hash.length === HASH_SIZE_BYTES, "a record hash");
    const last = this.#state;
    assert(last !== null, "a clean stop follows a reservation");
    this.#write({
      term: last.term,
      limitSequence: last.limitSequence,
      cleanStop: { sequence, hash },
      isDoubtful: false,
    });
  }

  /** Releases the file. */
  close(): void {
    this.#file?.close();
    this.#file = null;
  }

  #load(file: DiskFile): void {
    const slots = [this.#readSlot(file, 0), this.#readSlot(file, 1)] as const;
    const [first, second] = slots;
    if (first.slot === null && second.slot === null) {
      if (first.isDamaged || second.isDamaged)
        this.#state = { term: 0, limitSequence: 0, cleanStop: null, isDoubtful: true };
      return;
    }
    const current = (second.slot?.generation ?? 0) > (first.slot?.generation ?? 0) ? 1 : 0;
    const slot = slots[current].slot as Slot;
    const { chainId, genesisHash } = this.#identity;
    if (slot.chainId !== chainId || !bytesEqual(slot.genesisHash, genesisHash)) {
      throw new WrongChainError(
        this.#path,
        `chain ${slot.chainId} with genesis ${toHex(slot.genesisHash)}`,
        `chain ${chainId}`,
      );
    }
    this.#currentSlot = current;
    this.#generation = slot.generation;
    this.#state = { ...decodeState(slot.value), isDoubtful: slots[current === 0 ? 1 : 0].isDamaged };
  }

  #readSlot(file: DiskFile, at: 0 | 1): { slot: Slot | null; isDamaged: boolean } {
    const bytes = readExactly(file, at * SLOT_SIZE_BYTES, SLOT_SIZE_BYTES);
    if (bytes === null) return { slot: null, isDamaged: false };
    const slot = decodeSlot(MAGIC, bytes);
    return { slot, isDamaged: slot === null && bytes.some((byte) => byte !== 0) };
  }

  #write(state: SigningState): void {
    const file = this.#file ?? this.#create();
    const at = this.#currentSlot === 0 ? 1 : 0;
    const { chainId, genesisHash } = this.#identity;
    const slot: Slot = { generation: this.#generation + 1, chainId, genesisHash, value: encodeState(state) };
    file.write(at * SLOT_SIZE_BYTES, encodeSlot(MAGIC, slot));
    file.sync();
    this.#generation = slot.generation;
    this.#currentSlot = at;
    this.#state = state;
  }

  /** Both slots get their space now, so that a later reservation needs none. */
  #create(): DiskFile {
    this.#disk.makeDirectory(this.#directory);
    const file = this.#disk.openFile(this.#path, { create: true });
    try {
      file.write(0, new Uint8Array(2 * SLOT_SIZE_BYTES));
      file.sync();
      this.#disk.syncDirectory(this.#directory);
    } catch (error) {
      file.close();
      throw error;
    }
    this.#file = file;
    return file;
  }
}

function encodeState(state: SigningState): Uint8Array {
  const writer = new ByteWriter(64).u64(state.term).u64(state.limitSequence);
  if (state.cleanStop === null) return writer.u8(0).toBytes();
  return writer.u8(1).u64(state.cleanStop.sequence).raw(state.cleanStop.hash).toBytes();
}

function decodeState(value: Uint8Array): Omit<SigningState, "isDoubtful"> {
  const reader = new ByteReader(value);
  const term = reader.u64();
  const limitSequence = reader.u64();
  const flag = reader.u8();
  if (flag > 1) throw new FormatError(`clean-stop flag ${flag}`, 16);
  const cleanStop = flag === 0 ? null : { sequence: reader.u64(), hash: reader.raw(HASH_SIZE_BYTES).slice() };
  reader.expectEnd();
  return { term, limitSequence, cleanStop };
}
