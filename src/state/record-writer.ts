// Writes records: creates them at the end of the index space, changes them under their sequence lock, and takes the
// youngest back. The execute thread only; the order of the stores is what readers on other threads rely on.
//
//   create:  record complete ── key index entry ── list head of the owner ── key count
//   change:  before-image ── lock odd ── version, link, payload ── lock even

import { assert } from "#base/assert.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import {
  ACCOUNT_ADDRESS,
  ACCOUNT_BALANCE,
  ACCOUNT_CODE_ID,
  ACCOUNT_FIRST_SLOT,
  ACCOUNT_NONCE,
  CONTROL_KEY_COUNT,
  FLAG_ACCOUNT,
  FLAG_PRESENT,
  FLAG_SLOT,
  RECORD_FLAGS,
  RECORD_SEQLOCK,
  RECORD_UNDO,
  RECORD_VERSION,
  RECORD_WORDS,
  SLOT_KEY,
  SLOT_NEXT,
  SLOT_OWNER,
  SLOT_VALUE,
} from "#formats/memory/state-record.ts";
import type { AccountState } from "#formats/wire/diff.ts";
import type { KeyIndex } from "./key-index.ts";
import type { StateMemory } from "./state-memory.ts";
import type { UndoRing } from "./undo-ring.ts";
import { highWord, lowWord } from "./version-cell.ts";
import { setIntegerPair, WordScratch } from "./word-bytes.ts";

/** The only code that stores into record pieces. */
export class RecordWriter {
  readonly #memory: StateMemory;
  readonly #index: KeyIndex;
  readonly #undo: UndoRing;
  readonly #scratch = new WordScratch();

  constructor(memory: StateMemory, index: KeyIndex, undo: UndoRing) {
    this.#memory = memory;
    this.#index = index;
    this.#undo = undo;
  }

  /** Gives the next index to an address; the account is absent until it is written. */
  createAccount(address: Address, version: number): number {
    const index = this.#begin(version, FLAG_ACCOUNT);
    const key = this.#scratch.setAddress(address);
    const words = this.#memory.piece(index);
    const at = this.#memory.recordWord(index);
    for (let i = 0; i < 5; i++) words[at + ACCOUNT_ADDRESS + i] = key[i]!;
    this.#unlock(index);
    this.#index.insertAccount(key, index);
    Atomics.store(this.#memory.control, CONTROL_KEY_COUNT, index + 1);
    return index;
  }

  /** Gives the next index to a slot and puts it at the head of its owner's list; it is zero until it is written. */
  createSlot(owner: number, slot: Hash32, version: number): number {
    const index = this.#begin(version, FLAG_SLOT);
    const key = this.#scratch.setHash(slot);
    const words = this.#memory.piece(index);
    const at = this.#memory.recordWord(index);
    const ownerWords = this.#memory.piece(owner);
    const head = this.#memory.recordWord(owner) + ACCOUNT_FIRST_SLOT;
    words[at + SLOT_OWNER] = owner;
    words[at + SLOT_NEXT] = ownerWords[head]!;
    for (let i = 0; i < 8; i++) words[at + SLOT_KEY + i] = key[i]!;
    this.#unlock(index);
    this.#index.insertSlot(owner, key, index);
    Atomics.store(ownerWords, head, index + 1);
    Atomics.store(this.#memory.control, CONTROL_KEY_COUNT, index + 1);
    return index;
  }

  /** Writes an account as of `version`; `codeId` is that of its code hash. */
  writeAccount(index: number, account: AccountState | null, codeId: number, version: number): void {
    const words = this.#memory.piece(index);
    const at = this.#memory.recordWord(index);
    this.#lockForChange(index, version);
    words[at + RECORD_FLAGS] = account === null ? FLAG_ACCOUNT : FLAG_ACCOUNT | FLAG_PRESENT;
    words[at + ACCOUNT_CODE_ID] = codeId;
    setIntegerPair(words, at + ACCOUNT_NONCE, account?.nonce ?? 0n);
    const balance = this.#scratch.setInteger(account?.balance ?? 0n);
    for (let i = 0; i < 8; i++) words[at + ACCOUNT_BALANCE + i] = balance[i]!;
    this.#unlock(index);
  }

  /** Writes a slot's 32-byte value as of `version`. */
  writeSlot(index: number, value: Uint8Array, version: number): void {
    const words = this.#memory.piece(index);
    const at = this.#memory.recordWord(index);
    const valueWords = this.#scratch.setHash(value);
    this.#lockForChange(index, version);
    for (let i = 0; i < 8; i++) words[at + SLOT_VALUE + i] = valueWords[i]!;
    this.#unlock(index);
  }

  /** Puts the before-image at an undo position back into its record. */
  restore(position: number): void {
    const index = this.#undo.recordAt(position);
    this.#lock(index);
    this.#undo.restore(position);
    this.#unlock(index);
  }

  /** Takes back the youngest key: out of its owner's list, out of the index, and its record cleared. */
  removeYoungest(): void {
    const memory = this.#memory;
    const index = memory.keyCount - 1;
    const words = memory.piece(index);
    const at = memory.recordWord(index);
    const key = this.#scratch.words;
    if ((words[at + RECORD_FLAGS]! & FLAG_SLOT) !== 0) {
      const owner = words[at + SLOT_OWNER]!;
      const ownerWords = memory.piece(owner);
      const head = memory.recordWord(owner) + ACCOUNT_FIRST_SLOT;
      assert(ownerWords[head] === index + 1, "the youngest slot heads its account's list");
      Atomics.store(ownerWords, head, words[at + SLOT_NEXT]!);
      for (let i = 0; i < 8; i++) key[i] = words[at + SLOT_KEY + i]!;
      this.#index.removeSlot(owner, key, index);
    } else {
      for (let i = 0; i < 5; i++) key[i] = words[at + ACCOUNT_ADDRESS + i]!;
      this.#index.removeAccount(key, index);
    }
    this.#lock(index);
    for (let i = 1; i < RECORD_WORDS; i++) words[at + i] = 0;
    this.#unlock(index);
    Atomics.store(memory.control, CONTROL_KEY_COUNT, index);
  }

  /** Flag bits of a record, 0 when it is not assigned. */
  flags(index: number): number {
    return this.#memory.piece(index)[this.#memory.recordWord(index) + RECORD_FLAGS]!;
  }

  // Locks the next record; its words after the lock are zero except for version and flags.
  #begin(version: number, flags: number): number {
    const memory = this.#memory;
    const index = memory.keyCount;
    assert(index < memory.plan.recordCapacity, "the state memory is full");
    const words = memory.piece(index);
    const at = memory.recordWord(index);
    this.#lock(index);
    for (let i = 1; i < RECORD_WORDS; i++) words[at + i] = 0;
    words[at + RECORD_FLAGS] = flags;
    words[at + RECORD_VERSION] = lowWord(version);
    words[at + RECORD_VERSION + 1] = highWord(version);
    return index;
  }

  // A record that this version created, or wrote already, needs no (second) image.
  #lockForChange(index: number, version: number): void {
    const words = this.#memory.piece(index);
    const at = this.#memory.recordWord(index);
    if (words[at + RECORD_VERSION] === lowWord(version) && words[at + RECORD_VERSION + 1] === highWord(version)) {
      this.#lock(index);
      return;
    }
    const position = this.#undo.append(index);
    this.#lock(index);
    words[at + RECORD_VERSION] = lowWord(version);
    words[at + RECORD_VERSION + 1] = highWord(version);
    words[at + RECORD_UNDO] = lowWord(position);
    words[at + RECORD_UNDO + 1] = highWord(position);
  }

  #lock(index: number): void {
    const at = this.#memory.recordWord(index) + RECORD_SEQLOCK;
    const before = Atomics.add(this.#memory.piece(index), at, 1);
    assert((before & 1) === 0, "a record has one writer");
  }

  #unlock(index: number): void {
    Atomics.add(this.#memory.piece(index), this.#memory.recordWord(index) + RECORD_SEQLOCK, 1);
  }
}
