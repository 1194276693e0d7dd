// The writer's side of the undo ring: before-images of records at monotonic positions, each written before the record it
// belongs to changes. An entry is invalidated by its stamp before it is overwritten, and `undoTail` has moved by then, so
// a reader never takes a half-written image for its own.

import { assert } from "#base/assert.ts";
import {
  ACCOUNT_CODE_ID,
  ACCOUNT_PAYLOAD_WORDS,
  CONTROL_UNDO_HEAD,
  CONTROL_UNDO_TAIL,
  FLAG_ACCOUNT,
  RECORD_FLAGS,
  RECORD_UNDO,
  RECORD_VERSION,
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
import type { StateMemory } from "./state-memory.ts";
import { highWord, lowWord, readCell, writeCell } from "./version-cell.ts";

const INVALID_STAMP = 0xffffffff;

/** Appends before-images and puts them back. The execute thread only. */
export class UndoRing {
  readonly #memory: StateMemory;
  readonly #entries: Uint32Array;
  readonly #mask: number;
  #head: number;
  #tail: number;

  constructor(memory: StateMemory) {
    this.#memory = memory;
    this.#entries = memory.undo;
    this.#mask = memory.plan.undoEntryCount - 1;
    this.#head = readCell(memory.control, CONTROL_UNDO_HEAD);
    this.#tail = readCell(memory.control, CONTROL_UNDO_TAIL);
  }

  /** Position written last; 0 before the first. */
  get head(): number {
    return this.#head;
  }

  /** Entries that fit. */
  get capacity(): number {
    return this.#mask + 1;
  }

  /** Makes room for `count` images: moves the tail past what they will overwrite, before anything is overwritten. */
  reserve(count: number): void {
    assert(count <= this.capacity, "a mini-block writes more before-images than the undo ring holds");
    const tail = this.#head + count - this.capacity + 1;
    if (tail <= this.#tail) return;
    this.#tail = tail;
    writeCell(this.#memory.control, CONTROL_UNDO_TAIL, tail);
  }

  /**
   * Saves the image of a record as it is now; room was reserved.
   * @returns the position, for the record's undo link
   */
  append(index: number): number {
    const position = this.#head + 1;
    const entries = this.#entries;
    const words = this.#memory.piece(index);
    const record = this.#memory.recordWord(index);
    const at = (lowWord(position) & this.#mask) * UNDO_WORDS;
    const flags = words[record + RECORD_FLAGS]!;
    Atomics.store(entries, at + UNDO_STAMP + 1, INVALID_STAMP);
    entries[at + UNDO_STAMP] = lowWord(position);
    entries[at + UNDO_RECORD] = index;
    entries[at + UNDO_FLAGS] = flags;
    entries[at + UNDO_VERSION] = words[record + RECORD_VERSION]!;
    entries[at + UNDO_VERSION + 1] = words[record + RECORD_VERSION + 1]!;
    entries[at + UNDO_LINK] = words[record + RECORD_UNDO]!;
    entries[at + UNDO_LINK + 1] = words[record + RECORD_UNDO + 1]!;
    const first = record + payloadWord(flags);
    const count = payloadWords(flags);
    for (let i = 0; i < count; i++) entries[at + UNDO_PAYLOAD + i] = words[first + i]!;
    Atomics.store(entries, at + UNDO_STAMP + 1, highWord(position));
    this.#head = position;
    return position;
  }

  /** Tells other threads, and a later attach of this one, how far the ring is written. */
  publishHead(): void {
    writeCell(this.#memory.control, CONTROL_UNDO_HEAD, this.#head);
  }

  /** Key index of the record whose image is at `position`. */
  recordAt(position: number): number {
    return this.#entries[(lowWord(position) & this.#mask) * UNDO_WORDS + UNDO_RECORD]!;
  }

  /** Copies the image at `position` back into its record; the caller holds the record's sequence lock. */
  restore(position: number): void {
    const entries = this.#entries;
    const at = (lowWord(position) & this.#mask) * UNDO_WORDS;
    assert(
      entries[at + UNDO_STAMP] === lowWord(position) && entries[at + UNDO_STAMP + 1] === highWord(position),
      "an image to restore is still in the ring",
    );
    const index = entries[at + UNDO_RECORD]!;
    const words = this.#memory.piece(index);
    const record = this.#memory.recordWord(index);
    const flags = entries[at + UNDO_FLAGS]!;
    words[record + RECORD_FLAGS] = flags;
    words[record + RECORD_VERSION] = entries[at + UNDO_VERSION]!;
    words[record + RECORD_VERSION + 1] = entries[at + UNDO_VERSION + 1]!;
    words[record + RECORD_UNDO] = entries[at + UNDO_LINK]!;
    words[record + RECORD_UNDO + 1] = entries[at + UNDO_LINK + 1]!;
    const first = record + payloadWord(flags);
    const count = payloadWords(flags);
    for (let i = 0; i < count; i++) words[first + i] = entries[at + UNDO_PAYLOAD + i]!;
  }

  /** Forgets every position from `position` on; they are written again. */
  rewind(position: number): void {
    this.#head = position - 1;
    this.publishHead();
  }
}

function payloadWord(flags: number): number {
  return (flags & FLAG_ACCOUNT) !== 0 ? ACCOUNT_CODE_ID : SLOT_VALUE;
}

function payloadWords(flags: number): number {
  return (flags & FLAG_ACCOUNT) !== 0 ? ACCOUNT_PAYLOAD_WORDS : SLOT_PAYLOAD_WORDS;
}
