// The live state's single writer: installs each mini-block's diff as the next state version, publishes versions to the
// readers, and rolls back. Reads through it see the newest installed version, published or not, and need no undo.
//
//   overlay ──diff──▶ apply(diff, v) ──▶ log written ──▶ publish(v) ──▶ views may pin v

import { assert, must } from "#base/assert.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import {
  CONTROL_EPOCH,
  CONTROL_NEWEST,
  CONTROL_OLDEST,
  CONTROL_PUBLISHED,
  CONTROL_ROLLBACKS,
  ROLLBACK_RING_COUNT,
} from "#formats/memory/state-record.ts";
import type { AccountState, StateDiff } from "#formats/wire/diff.ts";
import { NO_CODE_ID } from "./code-store.ts";
import { checkDiff } from "./diff-check.ts";
import type { MemoryPlan, StateRegions } from "./memory-plan.ts";
import { NEWEST_PIN } from "./record-reader.ts";
import { RecordWriter } from "./record-writer.ts";
import type { KeyIndexView, KeyName, KeyNames, StateSource } from "./source.ts";
import { StateMemory } from "./state-memory.ts";
import { GONE, StateReader, ZERO_VALUE } from "./state-reader.ts";
import { UndoRing } from "./undo-ring.ts";
import { highWord, lowWord, NO_VERSION, writeCell } from "./version-cell.ts";

/** One account of a genesis, with its storage; sorted by address, slots by key: the order of their key indices. */
export type GenesisState = {
  readonly address: Address;
  readonly balance: bigint;
  readonly nonce: bigint;
  readonly code: Uint8Array;
  readonly storage: readonly { readonly slot: Hash32; readonly value: Hash32 }[];
};

/** The flat state in shared memory, as its one writer holds it. */
export class StateTable implements StateSource, KeyIndexView, KeyNames {
  readonly #memory: StateMemory;
  readonly #reader: StateReader;
  readonly #undo: UndoRing;
  readonly #writer: RecordWriter;
  #newest: number;
  #oldest: number;

  /** Attaches as the writer; at most one thread does. */
  constructor(regions: StateRegions) {
    this.#memory = new StateMemory(regions);
    this.#reader = new StateReader(this.#memory);
    this.#undo = new UndoRing(this.#memory);
    this.#writer = new RecordWriter(this.#memory, this.#reader.index, this.#undo);
    this.#newest = this.#memory.newest;
    this.#oldest = this.#memory.oldest;
  }

  /** Where everything lies. */
  get plan(): MemoryPlan {
    return this.#memory.plan;
  }

  /** Version installed last; -1 while the table is empty. */
  get newest(): number {
    return this.#newest;
  }

  /** Newest version that readers may see; -1 before the first. */
  get published(): number {
    return this.#memory.published;
  }

  /** Oldest version that can be read or rolled back to. */
  get oldest(): number {
    return this.#oldest;
  }

  /** Keys with an index: accounts and slots, tombstones included. */
  get keyCount(): number {
    return this.#memory.keyCount;
  }

  /** Keys that fit in total. */
  get recordCapacity(): number {
    return this.#memory.plan.recordCapacity;
  }

  /** New keys that still fit; callers stop state-creating work before a diff could exceed it. */
  get freeRecordCount(): number {
    return this.recordCapacity - this.keyCount;
  }

  /** Bytes of code that still fit; each code takes whole words. */
  get freeCodeBytes(): number {
    return this.#reader.codes.freeBytes;
  }

  /** Codes that still fit. */
  get freeCodeCount(): number {
    return this.#reader.codes.freeCount;
  }

  /** Known keys that one diff may change: half the undo ring, so that the version before stays readable. */
  get changeCountMax(): number {
    return this.#undo.capacity / 2;
  }

  account(address: Address): AccountState | null {
    const index = this.#reader.accountIndex(address);
    return index < 0 ? null : this.accountAt(index);
  }

  slot(address: Address, slot: Hash32): Uint8Array {
    const index = this.#reader.slotIndex(address, slot);
    return index < 0 ? ZERO_VALUE : this.slotAt(index);
  }

  code(codeHash: Hash32): Uint8Array | null {
    return this.#reader.code(codeHash);
  }

  codeSize(codeHash: Hash32): number {
    return this.#reader.codeSize(codeHash);
  }

  copyCode(codeHash: Hash32, into: Uint8Array, at: number): boolean {
    return this.#reader.copyCode(codeHash, into, at);
  }

  hasCode(codeHash: Hash32): boolean {
    return this.#reader.codes.find(codeHash) >= 0;
  }

  *slotsOf(address: Address): Generator<Hash32> {
    const account = this.#reader.accountIndex(address);
    if (account < 0) return;
    for (let at = this.#reader.firstSlot(account); at >= 0; at = this.#reader.nextSlot(at)) {
      if (this.slotAt(at) !== ZERO_VALUE) yield this.#reader.slotKey(at);
    }
  }

  accountIndex(address: Address): number {
    return this.#reader.accountIndex(address);
  }

  slotIndex(address: Address, slot: Hash32): number {
    return this.#reader.slotIndex(address, slot);
  }

  /** The key index of a slot of the account with this key index; -1 when it has none. */
  slotIndexOf(ownerIndex: number, slot: Hash32): number {
    return this.#reader.slotIndexOf(ownerIndex, slot);
  }

  /** keccak256 of code number `id`; 0 is the empty code. */
  codeHashAt(id: number): Hash32 {
    assert(id >= 0 && id <= this.#memory.codeCount, "code id");
    return this.#reader.codes.hashOf(id);
  }

  keyName(index: number): KeyName {
    assert(index >= 0 && index < this.keyCount, () => `key index ${index} of ${this.keyCount}`);
    return must(this.#reader.keyName(index), "an assigned record has a kind");
  }

  /** The account with this key index; null when it does not exist. */
  accountAt(index: number): AccountState | null {
    const account = this.#reader.accountAt(index, NEWEST_PIN);
    assert(account !== GONE, "the newest version needs no undo");
    return account;
  }

  /** The value of the slot with this key index. */
  slotAt(index: number): Uint8Array {
    const value = this.#reader.slotAt(index, NEWEST_PIN);
    assert(value !== GONE, "the newest version needs no undo");
    return value;
  }

  /**
   * Fills an empty table with the genesis state, version 0, and publishes it.
   * Key indices are 0, 1, … in the order given: each account, then its slots.
   */
  loadGenesis(alloc: readonly GenesisState[]): void {
    this.beginLoad();
    for (const { address, nonce, balance, code, storage } of alloc) {
      const codeHash = keccak256(code);
      if (code.length > 0 && !this.hasCode(codeHash)) this.#reader.codes.append(codeHash, code);
      const index = this.loadAccount(address, { nonce, balance, codeHash });
      for (const { slot, value } of storage) this.loadSlot(index, slot, value);
    }
    this.finishLoad(0);
  }

  /** Starts filling an empty table, from a genesis or a snapshot. */
  beginLoad(): void {
    assert(this.#newest === NO_VERSION && this.keyCount === 0, "only an empty table can be loaded");
  }

  /** Adds code number `codeCount + 1` while loading. The caller has checked that it is new and fits. */
  loadCode(code: Uint8Array): void {
    this.#reader.codes.append(keccak256(code), code);
  }

  /** Adds the next key while loading: an account, null when it is a tombstone. The caller has checked that it is new. */
  loadAccount(address: Address, account: AccountState | null): number {
    const index = this.#writer.createAccount(address, 0);
    this.#writer.writeAccount(index, account, this.#codeId(account), 0);
    return index;
  }

  /** Adds the next key while loading: a slot of an account that was loaded, zero when it is a tombstone. */
  loadSlot(ownerIndex: number, slot: Hash32, value: Uint8Array): void {
    this.#writer.writeSlot(this.#writer.createSlot(ownerIndex, slot, 0), value, 0);
  }

  /** Ends loading: what was loaded is version `version`, the oldest and newest there is, and published. */
  finishLoad(version: number): void {
    assert(this.#newest === NO_VERSION, "the table was loaded before");
    this.#newest = version;
    this.#oldest = version;
    this.#writeMark(version, this.#undo.head + 1);
    writeCell(this.#memory.control, CONTROL_NEWEST, version);
    writeCell(this.#memory.control, CONTROL_OLDEST, version);
    this.publish(version);
  }

  /**
   * What is wrong with a diff as the step to `version`, in words; null when it can be applied.
   * For diffs from a peer or a disk; room for its keys and codes is part of the question.
   */
  checkDiff(diff: StateDiff, version: number): string | null {
    if (version !== this.#newest + 1) return `diff of version ${version} on version ${this.#newest}`;
    return checkDiff(diff, {
      keyCount: this.keyCount,
      freeRecordCount: this.freeRecordCount,
      freeCodeBytes: this.freeCodeBytes,
      freeCodeCount: this.freeCodeCount,
      changeCountMax: this.changeCountMax,
      flags: (index) => this.#writer.flags(index),
      hasCode: (codeHash) => this.hasCode(codeHash),
      accountIndex: (address) => this.accountIndex(address),
      slotIndexOf: (owner, slot) => this.#reader.slotIndexOf(owner, slot),
    });
  }

  /**
   * Installs a diff as version `version` = newest + 1; readers do not see it before `publish`.
   * The caller has made sure that there is room (`freeRecordCount`, `freeCodeBytes`).
   * @throws {AssertionError} when `checkDiff` has something against it; nothing has changed then
   */
  apply(diff: StateDiff, version: number): void {
    const problem = this.checkDiff(diff, version);
    assert(problem === null, () => `diff cannot be applied: ${problem}`);
    const firstUndo = this.#undo.head + 1;
    this.#reserveUndo(diff, version, firstUndo);
    for (const code of diff.codes) {
      const codeHash = keccak256(code);
      if (!this.hasCode(codeHash)) this.#reader.codes.append(codeHash, code);
    }
    for (const key of diff.newKeys) {
      if (key.kind === "account") this.#writer.createAccount(key.address, version);
      else this.#writer.createSlot(key.ownerIndex, key.slot, version);
    }
    for (const { index, account } of diff.accounts) {
      this.#writer.writeAccount(index, account, this.#codeId(account), version);
    }
    for (const { index, value } of diff.slots) this.#writer.writeSlot(index, value, version);
    this.#undo.publishHead();
    this.#newest = version;
    this.#writeMark(version, firstUndo);
    writeCell(this.#memory.control, CONTROL_NEWEST, version);
  }

  /** Lets readers pin `version` and everything before it. */
  publish(version: number): void {
    assert(version <= this.#newest, "only an installed version is published");
    publishVersion(this.#memory, version);
  }

  /**
   * Takes back every version after `version`: before-images are restored, keys and codes that came later lose their index.
   * Readers pinned to a version that is taken back get `StateVersionGoneError`.
   * @returns false when the undo ring does not reach back that far; nothing has changed then
   */
  rollbackTo(version: number): boolean {
    assert(version <= this.#newest, "a roll-back goes back");
    if (version < this.#oldest || version < 0) return false;
    if (version === this.#newest) return true;
    const mark = must(this.#memory.readMark(version), "the mark of a readable version is held");
    const next = must(this.#memory.readMark(version + 1), "the mark of a readable version is held");
    this.#changeEpoch(version, () => {
      for (let position = this.#undo.head; position >= next.firstUndo; position--) this.#writer.restore(position);
      this.#undo.rewind(next.firstUndo);
      while (this.keyCount > mark.keyCount) this.#writer.removeYoungest();
      this.#reader.codes.truncate(mark.codeCount, mark.codeWords);
    });
    return true;
  }

  /** Empties the table, for another load; every view loses its pin. */
  reset(): void {
    this.#changeEpoch(NO_VERSION, () => {
      while (this.keyCount > 0) this.#writer.removeYoungest();
      this.#reader.codes.truncate(0, 0);
      this.#oldest = NO_VERSION;
      writeCell(this.#memory.control, CONTROL_OLDEST, NO_VERSION);
    });
  }

  #changeEpoch(version: number, change: () => void): void {
    const control = this.#memory.control;
    const epoch = Atomics.add(control, CONTROL_EPOCH, 1);
    const at = CONTROL_ROLLBACKS + 2 * ((epoch / 2) % ROLLBACK_RING_COUNT);
    Atomics.store(control, at, lowWord(version + 1));
    Atomics.store(control, at + 1, highWord(version + 1));
    if (this.published > version) writeCell(control, CONTROL_PUBLISHED, version);
    change();
    this.#newest = version;
    writeCell(control, CONTROL_NEWEST, version);
    this.#reader.forgetIndices();
    Atomics.add(control, CONTROL_EPOCH, 1);
  }

  // Versions whose images are about to be overwritten stop being readable before that happens.
  #reserveUndo(diff: StateDiff, version: number, firstUndo: number): void {
    let changed = 0;
    for (const { index } of diff.accounts) if (index < diff.firstNewIndex) changed++;
    for (const { index } of diff.slots) if (index < diff.firstNewIndex) changed++;
    const tail = firstUndo + changed - this.#undo.capacity;
    let oldest = Math.max(this.#oldest, version + 1 - this.plan.markCount);
    while (oldest < this.#newest && must(this.#memory.readMark(oldest + 1), "held mark").firstUndo < tail) oldest++;
    if (oldest !== this.#oldest) {
      this.#oldest = oldest;
      writeCell(this.#memory.control, CONTROL_OLDEST, oldest);
    }
    this.#undo.reserve(changed);
  }

  #writeMark(version: number, firstUndo: number): void {
    const { keyCount, codeCount } = this.#memory;
    this.#memory.writeMark({ version, firstUndo, keyCount, codeCount, codeWords: this.#reader.codes.usedWords });
  }

  #codeId(account: AccountState | null): number {
    if (account === null) return NO_CODE_ID;
    const id = this.#reader.codes.find(account.codeHash);
    assert(id >= 0, "an account's code is in the code store");
    return id;
  }
}

/** Moves `published`; for the log thread, which writes a version's record before readers may see the version. */
export function publishVersion(memory: StateMemory, version: number): void {
  writeCell(memory.control, CONTROL_PUBLISHED, version);
}
