// Journaled writes over a state source: the private world in which the executor builds a mini-block and in which eth_call
// runs. Nested checkpoints inside transactions inside a mini-block; nothing reaches the source. At the end of the
// mini-block `buildDiff` turns the net changes into the diff that the table installs and the replicas apply.

import { assert } from "#base/assert.ts";
import { toBareHex } from "#base/hex.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import { KECCAK_EMPTY, keccak256 } from "#crypto/keccak256.ts";
import type { AccountState, StateDiff } from "#formats/wire/diff.ts";
import type { AccessRecorder } from "./access-recorder.ts";
import { assembleDiff } from "./diff-builder.ts";
import {
  type AccountEntry,
  accountsEqual,
  type JournalEntry,
  NO_SLOTS,
  newAccountEntry,
  newSlotEntry,
  type SlotEntry,
  slotValue,
  type TransientEntry,
  UNCHANGED,
  undoWrite,
} from "./overlay-entries.ts";
import type { KeyIndexView, StateSource } from "./source.ts";
import { ZERO_VALUE } from "./state-reader.ts";

/** Entries of each kind that are found without their map; twice as many accounts as a token transfer meets. */
const RECENT_COUNT = 16;

/** A state source with writes on top. Byte arrays that come out are shared; those that go in must not change afterwards. */
export class Overlay implements StateSource {
  /** Notes what every transaction reads and writes, when set. */
  accesses: AccessRecorder | null = null;

  #source: StateSource;
  // The entries that were used last, by the low bits of their keys: 10 ns instead of 150 for the text of a key and its place in a map.
  readonly #recentAccounts = new Array<AccountEntry | undefined>(RECENT_COUNT).fill(undefined);
  readonly #recentSlots = new Array<SlotEntry | undefined>(RECENT_COUNT).fill(undefined);
  readonly #accounts = new Map<string, AccountEntry>();
  readonly #codes = new Map<string, Uint8Array>();
  readonly #transient = new Map<string, TransientEntry>();
  readonly #journal: JournalEntry[] = [];
  readonly #checkpoints: number[] = [];
  /** Number of the running or next transaction of this mini-block; writes outside one belong to the next. */
  #transaction = 0;
  #isInTransaction = false;
  #nextEpoch = 1;

  /** @param source what lies beneath: the table, a pinned view or another overlay; it must not change while written over */
  constructor(source: StateSource) {
    this.#source = source;
  }

  /** What lies beneath. */
  get source(): StateSource {
    return this.#source;
  }

  /** @hot bench/evm/machine.bench.ts */
  account(address: Address): AccountState | null {
    const account = this.#account(address).current;
    this.accesses?.readAccount(address, account !== null);
    return account;
  }

  /** @hot bench/evm/machine.bench.ts */
  slot(address: Address, slot: Hash32): Uint8Array {
    this.accesses?.readSlot(address, slot);
    const account = this.#account(address);
    // Nothing is noted of an account that is only read: half of what a call's read costs.
    if (account.slots.size === 0 && account.storageEpoch === 0) return this.#source.slot(address, slot);
    return slotValue(this.#slot(account, slot), account.storageEpoch);
  }

  code(codeHash: Hash32): Uint8Array | null {
    this.accesses?.readCode(codeHash);
    return this.#newCode(codeHash) ?? this.#source.code(codeHash);
  }

  codeSize(codeHash: Hash32): number {
    this.accesses?.readCode(codeHash);
    return this.#newCode(codeHash)?.length ?? this.#source.codeSize(codeHash);
  }

  copyCode(codeHash: Hash32, into: Uint8Array, at: number): boolean {
    this.accesses?.readCode(codeHash);
    const code = this.#newCode(codeHash);
    if (code === null) return this.#source.copyCode(codeHash, into, at);
    into.set(code, at);
    return true;
  }

  *slotsOf(address: Address): Generator<Hash32> {
    const account = this.#account(address);
    for (const entry of account.slots.values()) {
      if (!isZero(slotValue(entry, account.storageEpoch))) yield entry.slot;
    }
    if (account.storageEpoch !== 0) return;
    for (const slot of this.#source.slotsOf(address)) if (!account.slots.has(toBareHex(slot))) yield slot;
  }

  /** Slot value when the running transaction began. @see EIP-2200 */
  originalSlot(address: Address, slot: Hash32): Uint8Array {
    return this.#originalSlot(this.#slot(this.#account(address), slot));
  }

  /** Creates or replaces an account; its storage stays as it is. */
  setAccount(address: Address, account: AccountState): void {
    this.accesses?.writeAccount(address);
    this.#writeAccount(this.#account(address), account);
  }

  /** Removes an account together with its storage. */
  deleteAccount(address: Address): void {
    const entry = this.#account(address);
    this.accesses?.readAccount(address, entry.current !== null);
    if (entry.current === null) return;
    this.accesses?.writeAccount(address);
    this.#clearStorage(entry);
    this.#writeAccount(entry, null);
  }

  /** Writes 32 bytes into a slot; zero removes it. @hot bench/evm/machine.bench.ts */
  setSlot(address: Address, slot: Hash32, value: Uint8Array): void {
    assert(value.length === 32, "a slot holds 32 bytes");
    this.accesses?.writeSlot(address, slot);
    const entry = this.#slot(this.#account(address), slot);
    if (entry.originalStamp !== this.#transaction) {
      entry.original = this.#originalSlot(entry);
      entry.originalStamp = this.#transaction;
    }
    this.#journal.push({ kind: "slot", slot: entry, previous: entry.current, previousEpoch: entry.epoch });
    entry.current = value;
    entry.epoch = entry.account.storageEpoch;
  }

  /** Sets every slot of an account to zero. */
  clearStorage(address: Address): void {
    this.accesses?.writeAccount(address);
    this.#clearStorage(this.#account(address));
  }

  /** Stores code and returns its keccak256; setting the account's code hash is a separate write. */
  putCode(code: Uint8Array): Hash32 {
    if (code.length === 0) return KECCAK_EMPTY;
    const codeHash = keccak256(code);
    const key = toBareHex(codeHash);
    // Not journaled: code is addressed by content, and only what an account names at the end enters the diff.
    if (!this.#codes.has(key)) this.#codes.set(key, code.slice());
    return codeHash;
  }

  /** A slot of transient storage; zero when absent. @see EIP-1153 */
  getTransient(address: Address, slot: Hash32): Uint8Array {
    return this.#transient.get(transientKey(address, slot))?.current ?? ZERO_VALUE;
  }

  /** Writes a slot of transient storage; the end of the transaction clears it. */
  setTransient(address: Address, slot: Hash32, value: Uint8Array): void {
    const key = transientKey(address, slot);
    let entry = this.#transient.get(key);
    if (entry === undefined) this.#transient.set(key, (entry = { current: ZERO_VALUE }));
    this.#journal.push({ kind: "transient", entry, previous: entry.current });
    entry.current = value;
  }

  /** Opens a nested level of writes. */
  checkpoint(): void {
    this.#checkpoints.push(this.#journal.length);
  }

  /** Joins the innermost level with the one around it. */
  commit(): void {
    assert(this.#checkpoints.pop() !== undefined, "commit without checkpoint");
  }

  /** Undoes everything since the matching `checkpoint`. */
  revert(): void {
    const length = this.#checkpoints.pop();
    assert(length !== undefined, "revert without checkpoint");
    this.#undoTo(length);
  }

  /** Starts a transaction: `originalSlot` answers from here, transient storage is empty. */
  beginTransaction(): void {
    assert(!this.#isInTransaction, "transactions do not nest");
    if (this.#journal.length > 0) this.#settle();
    this.#clearTransient();
    this.#isInTransaction = true;
    this.accesses?.begin();
  }

  /** Keeps the transaction's writes. */
  endTransaction(): void {
    assert(this.#isInTransaction, "no transaction to end");
    this.#settle();
    this.#isInTransaction = false;
  }

  /** Undoes everything since `beginTransaction`. */
  abortTransaction(): void {
    assert(this.#isInTransaction, "no transaction to abort");
    this.#checkpoints.length = 0;
    this.#undoTo(0);
    this.#settle();
    this.#isInTransaction = false;
  }

  /** Forgets every write, after the diff was installed or the mini-block was given up; optionally over another source. */
  reset(source: StateSource = this.#source): void {
    assert(!this.#isInTransaction, "a running transaction is ended or aborted first");
    this.#source = source;
    this.#accounts.clear();
    this.#recentAccounts.fill(undefined);
    this.#recentSlots.fill(undefined);
    this.#codes.clear();
    this.#transient.clear();
    this.#journal.length = 0;
    this.#checkpoints.length = 0;
    this.#transaction = 0;
    this.#nextEpoch = 1;
  }

  /** Every touched account, for `buildDiff`. */
  touchedAccounts(): Iterable<AccountEntry> {
    assert(!this.#isInTransaction, "a diff is built between transactions");
    if (this.#journal.length > 0) this.#settle();
    return this.#accounts.values();
  }

  /** @hot bench/evm/machine.bench.ts */
  #account(address: Address): AccountEntry {
    const place = address[19]! % RECENT_COUNT;
    const recent = this.#recentAccounts[place];
    if (recent !== undefined && sameBytes(recent.address, address, 20)) return recent;
    const key = toBareHex(address);
    let entry = this.#accounts.get(key);
    if (entry === undefined)
      this.#accounts.set(key, (entry = newAccountEntry(address, key, this.#source.account(address))));
    this.#recentAccounts[place] = entry;
    return entry;
  }

  /** @hot bench/evm/machine.bench.ts */
  #slot(account: AccountEntry, slot: Hash32): SlotEntry {
    const place = (slot[31]! + slot[0]!) % RECENT_COUNT;
    const recent = this.#recentSlots[place];
    if (recent !== undefined && recent.account === account && sameBytes(recent.slot, slot, 32)) return recent;
    const key = toBareHex(slot);
    let entry = account.slots.get(key);
    if (entry === undefined) {
      entry = newSlotEntry(account, slot, this.#source.slot(account.address, slot));
      if (account.slots === NO_SLOTS) account.slots = new Map();
      account.slots.set(key, entry);
    }
    this.#recentSlots[place] = entry;
    return entry;
  }

  #newCode(codeHash: Hash32): Uint8Array | null {
    return this.#codes.size === 0 ? null : (this.#codes.get(toBareHex(codeHash)) ?? null);
  }

  #originalSlot(entry: SlotEntry): Uint8Array {
    if (entry.originalStamp === this.#transaction) return entry.original;
    const { account } = entry;
    const isCleared = account.clearStamp === this.#transaction;
    return slotValue(entry, isCleared ? account.originalEpoch : account.storageEpoch);
  }

  #writeAccount(entry: AccountEntry, account: AccountState | null): void {
    if (entry.originalStamp !== this.#transaction) {
      entry.original = entry.current;
      entry.originalStamp = this.#transaction;
    }
    this.#journal.push({ kind: "account", account: entry, previous: entry.current });
    entry.current = account;
  }

  #clearStorage(entry: AccountEntry): void {
    if (entry.clearStamp !== this.#transaction) {
      entry.originalEpoch = entry.storageEpoch;
      entry.clearStamp = this.#transaction;
    }
    this.#journal.push({ kind: "storage", account: entry, previousEpoch: entry.storageEpoch });
    entry.storageEpoch = this.#nextEpoch++;
  }

  #undoTo(length: number): void {
    const journal = this.#journal;
    while (journal.length > length) undoWrite(journal.pop()!);
  }

  // Ends the (explicit or implied) transaction: what the journal still holds was written by it for good.
  #settle(): void {
    assert(this.#checkpoints.length === 0, "a checkpoint is still open at the end of the transaction");
    for (const entry of this.#journal) {
      if (entry.kind === "account") this.#settleAccount(entry.account);
      else if (entry.kind === "slot") this.#settleSlot(entry.slot);
      else if (entry.kind === "storage") for (const slot of entry.account.slots.values()) this.#settleSlot(slot);
    }
    this.#journal.length = 0;
    this.#clearTransient();
    this.#transaction++;
  }

  #clearTransient(): void {
    if (this.#transient.size > 0) this.#transient.clear();
  }

  #settleAccount(entry: AccountEntry): void {
    if (entry.firstTransaction !== UNCHANGED || accountsEqual(entry.original, entry.current)) return;
    entry.firstTransaction = this.#transaction;
  }

  #settleSlot(entry: SlotEntry): void {
    if (entry.firstTransaction !== UNCHANGED) return;
    const value = slotValue(entry, entry.account.storageEpoch);
    if (!valuesEqual(this.#originalSlot(entry), value)) entry.firstTransaction = this.#transaction;
  }
}

/**
 * The net change since the overlay was made or reset, relative to its source, which must still be the state before the mini-block.
 * New keys are numbered in the order of the first transaction that changed them, an account before its slots, then by bytes.
 * @param keys the key indices of the same state
 * @see ARCHITECTURE.md rule 5
 */
export function buildDiff(overlay: Overlay, keys: KeyIndexView): StateDiff {
  return assembleDiff(overlay.touchedAccounts(), overlay, keys);
}

function transientKey(address: Address, slot: Hash32): string {
  return toBareHex(address) + toBareHex(slot);
}

function sameBytes(a: Uint8Array, b: Uint8Array, count: number): boolean {
  for (let i = 0; i < count; i++) if (a[i] !== b[i]) return false;
  return true;
}

function isZero(value: Uint8Array): boolean {
  return valuesEqual(value, ZERO_VALUE);
}

function valuesEqual(a: Uint8Array, b: Uint8Array): boolean {
  return sameBytes(a, b, 32);
}
