// Reads one record as of a version: the live record under its sequence lock, and while it is newer than the pin, the
// before-images that its undo link leads to.
//
//   record (v9) ──link──▶ image (v7) ──link──▶ image (v4) ──0    pin 8 → v7, pin 5 → v4, pin 3 → absent (created at v4)
//
// Every image carries its own position; when that no longer matches, the ring has passed and the answer is `RECORD_GONE`.

import { assert } from "#base/assert.ts";
import {
  ACCOUNT_CODE_ID,
  ACCOUNT_PAYLOAD_WORDS,
  FLAG_ACCOUNT,
  RECORD_FLAGS,
  RECORD_SEQLOCK,
  RECORD_UNDO,
  RECORD_VERSION,
  RECORD_WORDS,
  SLOT_PAYLOAD_WORDS,
  SLOT_VALUE,
  UNDO_FLAGS,
  UNDO_LINK,
  UNDO_PAYLOAD,
  UNDO_RECORD,
  UNDO_STAMP,
  UNDO_VERSION,
  UNDO_WORDS,
} from "#formats/memory/state-record.ts";
import { orderLoads } from "./load-order.ts";
import type { StateMemory } from "./state-memory.ts";

/** The record existed at the pin; its words are in `record`. */
export const RECORD_FOUND = 1;
/** The key was created after the pin. */
export const RECORD_ABSENT = 0;
/** The ring has passed an image that the pin needs. */
export const RECORD_GONE = -1;

/** A pin that no record is newer than: what the writer itself sees. */
export const NEWEST_PIN = Number.MAX_SAFE_INTEGER;

const WORD = 0x1_0000_0000;
/** A writer holds a record for well under a microsecond; a thread switch may stretch that to milliseconds. */
const SPIN_COUNT_MAX = 100_000_000;

/** Copies records into its own scratch words; one per reader. */
export class RecordReader {
  readonly #memory: StateMemory;
  readonly #undo: Uint32Array;
  readonly #undoMask: number;
  readonly #image = new Uint32Array(UNDO_WORDS);
  /** Words of the record that was read last, valid after `RECORD_FOUND`. */
  readonly record = new Uint32Array(RECORD_WORDS);

  constructor(memory: StateMemory) {
    this.#memory = memory;
    this.#undo = memory.undo;
    this.#undoMask = memory.plan.undoEntryCount - 1;
  }

  /**
   * Reads record `index` as of version `pin` into `record`.
   * @returns `RECORD_FOUND`, `RECORD_ABSENT` or `RECORD_GONE`
   * @hot bench/state/versioned-read.bench.ts
   */
  read(index: number, pin: number): number {
    const memory = this.#memory;
    const words = memory.piece(index);
    const at = memory.recordWord(index);
    const record = this.record;
    for (let spin = 0; ; spin++) {
      const sequence = words[at + RECORD_SEQLOCK]!;
      orderLoads();
      for (let i = 1; i < RECORD_WORDS; i++) record[i] = words[at + i]!;
      orderLoads();
      if ((sequence & 1) === 0 && words[at + RECORD_SEQLOCK] === sequence) break;
      this.#spin(words, at, spin);
    }
    if (record[RECORD_VERSION + 1]! * WORD + record[RECORD_VERSION]! <= pin) return RECORD_FOUND;
    return this.#readUndo(index, pin);
  }

  /** @hot bench/state/versioned-read.bench.ts */
  #readUndo(index: number, pin: number): number {
    const undo = this.#undo;
    const image = this.#image;
    const record = this.record;
    let linkLow = record[RECORD_UNDO]!;
    let linkHigh = record[RECORD_UNDO + 1]!;
    while (linkLow !== 0 || linkHigh !== 0) {
      const at = (linkLow & this.#undoMask) * UNDO_WORDS;
      if (undo[at + UNDO_STAMP + 1] !== linkHigh || undo[at + UNDO_STAMP] !== linkLow) return RECORD_GONE;
      orderLoads();
      for (let i = UNDO_RECORD; i < UNDO_WORDS; i++) image[i] = undo[at + i]!;
      orderLoads();
      if (undo[at + UNDO_STAMP] !== linkLow || undo[at + UNDO_STAMP + 1] !== linkHigh) return RECORD_GONE;
      if (image[UNDO_RECORD] !== index) return RECORD_GONE;
      if (image[UNDO_VERSION + 1]! * WORD + image[UNDO_VERSION]! <= pin) {
        this.#takeImage();
        return RECORD_FOUND;
      }
      linkLow = image[UNDO_LINK]!;
      linkHigh = image[UNDO_LINK + 1]!;
    }
    return RECORD_ABSENT;
  }

  #takeImage(): void {
    const image = this.#image;
    const record = this.record;
    const flags = image[UNDO_FLAGS]!;
    record[RECORD_FLAGS] = flags;
    const isAccount = (flags & FLAG_ACCOUNT) !== 0;
    const first = isAccount ? ACCOUNT_CODE_ID : SLOT_VALUE;
    const count = isAccount ? ACCOUNT_PAYLOAD_WORDS : SLOT_PAYLOAD_WORDS;
    for (let i = 0; i < count; i++) record[first + i] = image[UNDO_PAYLOAD + i]!;
  }

  // The locked load keeps the engine from hoisting the plain one out of the loop.
  #spin(words: Uint32Array, at: number, spin: number): void {
    Atomics.load(words, at + RECORD_SEQLOCK);
    assert(spin < SPIN_COUNT_MAX, "a record stayed locked: its writer is gone");
  }
}
