// Decodes accounts, slots and lists of slots as of a version: what the table (newest version) and the views (a pinned one)
// have in common. Answers "gone" by a code, because only the view knows what to do about it.

import { assert } from "#base/assert.ts";
import { type Address, type Hash32, ZERO_HASH } from "#chain/primitives.ts";
import {
  ACCOUNT_ADDRESS,
  ACCOUNT_BALANCE,
  ACCOUNT_CODE_ID,
  ACCOUNT_FIRST_SLOT,
  ACCOUNT_NONCE,
  FLAG_ACCOUNT,
  FLAG_PRESENT,
  FLAG_SLOT,
  RECORD_FLAGS,
  SLOT_KEY,
  SLOT_NEXT,
  SLOT_OWNER,
  SLOT_PAYLOAD_WORDS,
  SLOT_VALUE,
} from "#formats/memory/state-record.ts";
import type { AccountState } from "#formats/wire/diff.ts";
import { CodeStore } from "./code-store.ts";
import { KeyIndex } from "./key-index.ts";
import { RECORD_FOUND, RECORD_GONE, RecordReader } from "./record-reader.ts";
import type { KeyName } from "./source.ts";
import type { StateMemory } from "./state-memory.ts";
import { integerOfPair, WordScratch } from "./word-bytes.ts";

/** The undo ring has passed what the pin needs. */
export const GONE: unique symbol = Symbol("state version gone");

/** 32 zero bytes: the value of every absent slot. Shared: do not write to it. */
export const ZERO_VALUE: Uint8Array = ZERO_HASH;

/** Hashes by code id that a reader keeps; more than the hot contracts of any block. */
const CODE_HASH_CACHE_COUNT_MAX = 65_536;

/** Reads shared state as of a version given with each call. One per thread. */
export class StateReader {
  readonly memory: StateMemory;
  readonly index: KeyIndex;
  readonly codes: CodeStore;
  readonly #records: RecordReader;
  readonly #address = new WordScratch();
  readonly #slot = new WordScratch();
  readonly #codeHashes = new Map<number, Hash32>();
  // The account whose slot was asked for last: slots of one contract are read in a row.
  readonly #owner = new Uint32Array(5);
  #ownerIndex = -1;

  constructor(memory: StateMemory) {
    this.memory = memory;
    this.index = new KeyIndex(memory);
    this.codes = new CodeStore(memory);
    this.#records = new RecordReader(memory);
  }

  /** The account's key index; -1 when it has none. */
  accountIndex(address: Address): number {
    return this.index.findAccount(this.#address.setAddress(address));
  }

  /** The slot's key index; -1 when it or its account has none. */
  slotIndex(address: Address, slot: Hash32): number {
    const owner = this.#findOwner(this.#address.setAddress(address));
    return owner < 0 ? -1 : this.index.findSlot(owner, this.#slot.setHash(slot));
  }

  /** The key index of a slot of the account with this key index; -1 when it has none. */
  slotIndexOf(owner: number, slot: Hash32): number {
    return this.index.findSlot(owner, this.#slot.setHash(slot));
  }

  /** The account with this key index as of `pin`. */
  accountAt(index: number, pin: number): AccountState | null | typeof GONE {
    const outcome = this.#records.read(index, pin);
    if (outcome === RECORD_GONE) return GONE;
    const record = this.#records.record;
    if (outcome !== RECORD_FOUND || (record[RECORD_FLAGS]! & FLAG_PRESENT) === 0) return null;
    return {
      nonce: integerOfPair(record, ACCOUNT_NONCE),
      balance: this.#address.integerAt(record, ACCOUNT_BALANCE),
      codeHash: this.#codeHash(record[ACCOUNT_CODE_ID]!),
    };
  }

  /** The value of the slot with this key index as of `pin`; zero when absent. */
  slotAt(index: number, pin: number): Uint8Array | typeof GONE {
    const outcome = this.#records.read(index, pin);
    if (outcome === RECORD_GONE) return GONE;
    if (outcome !== RECORD_FOUND) return ZERO_VALUE;
    return this.#value() ?? ZERO_VALUE;
  }

  /** The code with this hash, as a fresh array; null when it is not known. */
  code(codeHash: Hash32): Uint8Array | null {
    const id = this.codes.find(codeHash);
    return id < 0 ? null : this.codes.bytesOf(id);
  }

  /** Size of the code with this hash; -1 when it is not known. */
  codeSize(codeHash: Hash32): number {
    const id = this.codes.find(codeHash);
    return id < 0 ? -1 : this.codes.sizeOf(id);
  }

  /** Writes the code with this hash into `into`, from `at`; false when it is not known. */
  copyCode(codeHash: Hash32, into: Uint8Array, at: number): boolean {
    const id = this.codes.find(codeHash);
    if (id >= 0) this.codes.copyTo(id, into, at);
    return id >= 0;
  }

  /** Key index of the account's youngest slot, whatever its version; -1 when it has none. */
  firstSlot(accountIndex: number): number {
    const words = this.memory.piece(accountIndex);
    return Atomics.load(words, this.memory.recordWord(accountIndex) + ACCOUNT_FIRST_SLOT) - 1;
  }

  /** Key index of the next older slot of the same account; -1 at the end. */
  nextSlot(slotIndex: number): number {
    return Atomics.load(this.memory.piece(slotIndex), this.memory.recordWord(slotIndex) + SLOT_NEXT) - 1;
  }

  /** The 32 bytes of a slot's key. */
  slotKey(slotIndex: number): Hash32 {
    return this.#slot.bytesAt(this.memory.piece(slotIndex), this.memory.recordWord(slotIndex) + SLOT_KEY, 32);
  }

  /** What an index stands for; null when it is not assigned. */
  keyName(index: number): KeyName | null {
    const words = this.memory.piece(index);
    const at = this.memory.recordWord(index);
    const flags = words[at + RECORD_FLAGS]!;
    if (flags & FLAG_ACCOUNT)
      return { kind: "account", address: this.#address.bytesAt(words, at + ACCOUNT_ADDRESS, 20) };
    if ((flags & FLAG_SLOT) === 0) return null;
    const ownerIndex = words[at + SLOT_OWNER]!;
    const owner = this.keyName(ownerIndex);
    if (owner === null) return null;
    return { kind: "slot", address: owner.address, ownerIndex, slot: this.slotKey(index) };
  }

  /** Forgets what was learned about indices and code ids; after a roll-back they mean something else. */
  forgetIndices(): void {
    this.#codeHashes.clear();
    this.#ownerIndex = -1;
  }

  #findOwner(address: Uint32Array): number {
    const owner = this.#owner;
    let difference = 0;
    for (let i = 0; i < owner.length; i++) difference |= owner[i]! ^ address[i]!;
    if (difference === 0 && this.#ownerIndex >= 0) return this.#ownerIndex;
    const index = this.index.findAccount(address);
    if (index < 0) return -1;
    for (let i = 0; i < owner.length; i++) owner[i] = address[i]!;
    this.#ownerIndex = index;
    return index;
  }

  #value(): Uint8Array | null {
    const record = this.#records.record;
    let any = 0;
    for (let i = 0; i < SLOT_PAYLOAD_WORDS; i++) any |= record[SLOT_VALUE + i]!;
    return any === 0 ? null : this.#slot.bytesAt(record, SLOT_VALUE, 32);
  }

  #codeHash(id: number): Hash32 {
    const known = this.#codeHashes.get(id);
    if (known !== undefined) return known;
    assert(id <= this.memory.plan.codeCapacity, "code id out of range");
    const hash = this.codes.hashOf(id);
    if (this.#codeHashes.size >= CODE_HASH_CACHE_COUNT_MAX) this.#codeHashes.clear();
    this.#codeHashes.set(id, hash);
    return hash;
  }
}
