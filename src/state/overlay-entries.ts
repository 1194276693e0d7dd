// The entries of an overlay: one object per account and slot that was touched, and the journal that undoes writes.
// Clearing an account's storage costs O(1): the account gets a fresh storage epoch, and a slot's value counts only when
// it was written in the account's current epoch; in epoch 0 the source shows through.

import { bytesEqual } from "#base/bytes.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import type { AccountState } from "#formats/wire/diff.ts";
import { ZERO_VALUE } from "./state-reader.ts";

/** Transaction number of an entry that no transaction has changed. */
export const UNCHANGED = -1;

/** A touched account. */
export type AccountEntry = {
  readonly address: Address;
  /** Bare hex of the address. */
  readonly key: string;
  /** State before the mini-block. */
  readonly source: AccountState | null;
  current: AccountState | null;
  /** 0: unwritten slots show the source; else they are zero. */
  storageEpoch: number;
  /** {@link NO_SLOTS} until there is one. */
  slots: Map<string, SlotEntry>;
  /** State, storage epoch and transaction number when the running transaction first wrote the account. */
  original: AccountState | null;
  originalStamp: number;
  /** Storage epoch when the running transaction began, if it cleared the storage. */
  originalEpoch: number;
  clearStamp: number;
  /** First transaction that made a net change; `UNCHANGED` if none did. */
  firstTransaction: number;
};

/** A touched slot. */
export type SlotEntry = {
  readonly account: AccountEntry;
  readonly slot: Hash32;
  /** Value before the mini-block. */
  readonly source: Uint8Array;
  current: Uint8Array;
  /** Storage epoch of the account in which `current` was written; -1 = never. */
  epoch: number;
  /** Value when the running transaction first wrote the slot. */
  original: Uint8Array;
  originalStamp: number;
  firstTransaction: number;
};

/** A slot of transient storage. */
export type TransientEntry = { current: Uint8Array };

/** What one write replaced. */
export type JournalEntry =
  | { readonly kind: "account"; readonly account: AccountEntry; readonly previous: AccountState | null }
  | { readonly kind: "slot"; readonly slot: SlotEntry; readonly previous: Uint8Array; readonly previousEpoch: number }
  | { readonly kind: "storage"; readonly account: AccountEntry; readonly previousEpoch: number }
  | { readonly kind: "transient"; readonly entry: TransientEntry; readonly previous: Uint8Array };

/** A slot that was never written in any epoch. */
export const NEVER_WRITTEN = -1;

/** The slots of accounts without any: most accounts have none, and a map costs as much as the rest of an entry. */
export const NO_SLOTS: Map<string, SlotEntry> = new Map();

/** An account as the source has it. */
export function newAccountEntry(address: Address, key: string, source: AccountState | null): AccountEntry {
  return {
    address: address.slice(),
    key,
    source,
    current: source,
    storageEpoch: 0,
    slots: NO_SLOTS,
    original: null,
    originalStamp: UNCHANGED,
    originalEpoch: 0,
    clearStamp: UNCHANGED,
    firstTransaction: UNCHANGED,
  };
}

/** A slot as the source has it. */
export function newSlotEntry(account: AccountEntry, slot: Hash32, source: Uint8Array): SlotEntry {
  return {
    account,
    slot: slot.slice(),
    source,
    current: source,
    epoch: NEVER_WRITTEN,
    original: ZERO_VALUE,
    originalStamp: UNCHANGED,
    firstTransaction: UNCHANGED,
  };
}

/** The slot's value when its account is in storage epoch `epoch`. */
export function slotValue(slot: SlotEntry, epoch: number): Uint8Array {
  if (slot.epoch === epoch) return slot.current;
  return epoch === 0 ? slot.source : ZERO_VALUE;
}

/** Undoes one write. */
export function undoWrite(entry: JournalEntry): void {
  switch (entry.kind) {
    case "account":
      entry.account.current = entry.previous;
      return;
    case "slot":
      entry.slot.current = entry.previous;
      entry.slot.epoch = entry.previousEpoch;
      return;
    case "storage":
      entry.account.storageEpoch = entry.previousEpoch;
      return;
    case "transient":
      entry.entry.current = entry.previous;
      return;
  }
}

/** Whether both are the same state, or both absent. */
export function accountsEqual(a: AccountState | null, b: AccountState | null): boolean {
  if (a === null || b === null) return a === b;
  return a === b || (a.nonce === b.nonce && a.balance === b.balance && bytesEqual(a.codeHash, b.codeHash));
}
