// From the entries of an overlay to the diff of a mini-block: which keys changed on balance, which of them are new, and the
// order in which the new ones get their indices (ARCHITECTURE.md rule 5).

import { assert, must } from "#base/assert.ts";
import { bytesEqual, compareBytes } from "#base/bytes.ts";
import { toBareHex } from "#base/hex.ts";
import type { Hash32 } from "#chain/primitives.ts";
import type { AccountState, NewKey, StateDiff } from "#formats/wire/diff.ts";
import { type AccountEntry, accountsEqual, slotValue, UNCHANGED } from "./overlay-entries.ts";
import type { KeyIndexView, StateSource } from "./source.ts";
import { ZERO_VALUE } from "./state-reader.ts";

type Change = {
  readonly account: AccountEntry;
  /** The slot, or null for the account itself. */
  readonly slot: Hash32 | null;
  /** The new value of a slot. */
  readonly value: Uint8Array;
  readonly firstTransaction: number;
  index: number;
};

/**
 * Builds the diff.
 * @param touched the overlay's entries
 * @param overlay the overlay: it knows the code, and its source the slots that were cleared unseen
 * @param keys the key indices before the mini-block
 */
export function assembleDiff(
  touched: Iterable<AccountEntry>,
  overlay: StateSource & { readonly source: StateSource },
  keys: KeyIndexView,
): StateDiff {
  const accountChanges: Change[] = [];
  const slotChanges: Change[] = [];
  for (const account of touched) {
    if (!accountsEqual(account.source, account.current)) accountChanges.push(accountChange(account, keys));
    collectSlots(account, overlay.source, keys, slotChanges);
  }
  const newKeys = numberNewKeys([...accountChanges, ...slotChanges], keys);
  const byIndex = (a: Change, b: Change) => a.index - b.index;
  const accounts = accountChanges.sort(byIndex).map(({ index, account }) => ({ index, account: account.current }));
  const slots = slotChanges.sort(byIndex).map(({ index, value }) => ({ index, value }));
  const codes = collectCodes(accounts, overlay, keys);
  return { firstNewIndex: keys.keyCount, newKeys, accounts, slots, codes };
}

function accountChange(account: AccountEntry, keys: KeyIndexView): Change {
  const index = keys.accountIndex(account.address);
  assert(index >= 0 || account.current !== null, "an account that goes away has an index");
  return { account, slot: null, value: ZERO_VALUE, firstTransaction: account.firstTransaction, index };
}

function collectSlots(account: AccountEntry, source: StateSource, keys: KeyIndexView, changes: Change[]): void {
  for (const entry of account.slots.values()) {
    const value = slotValue(entry, account.storageEpoch);
    if (bytesEqual(value, entry.source)) continue;
    const index = keys.slotIndex(account.address, entry.slot);
    changes.push({ account, slot: entry.slot, value, firstTransaction: entry.firstTransaction, index });
  }
  if (account.storageEpoch === 0) return;
  for (const slot of source.slotsOf(account.address)) {
    if (account.slots.has(toBareHex(slot))) continue;
    const index = keys.slotIndex(account.address, slot);
    assert(index >= 0, "a slot of the source has an index");
    changes.push({ account, slot, value: ZERO_VALUE, firstTransaction: UNCHANGED, index });
  }
}

/** Sorts the keys without an index, gives them one, and returns them in that order. */
function numberNewKeys(changes: readonly Change[], keys: KeyIndexView): NewKey[] {
  const fresh = changes.filter((change) => change.index < 0).sort(compareNewKeys);
  const freshAccounts = new Map<AccountEntry, number>();
  return fresh.map((change, position): NewKey => {
    assert(change.firstTransaction !== UNCHANGED, "a new key was changed by some transaction");
    change.index = keys.keyCount + position;
    const { account, slot } = change;
    if (slot === null) {
      freshAccounts.set(account, change.index);
      return { kind: "account", address: account.address };
    }
    const known = keys.accountIndex(account.address);
    const ownerIndex =
      known >= 0 ? known : must(freshAccounts.get(account), "a new slot's account has an index before it");
    return { kind: "slot", ownerIndex, slot };
  });
}

/** First writing transaction, then address, then the account before its slots, then slot key. */
function compareNewKeys(a: Change, b: Change): number {
  if (a.firstTransaction !== b.firstTransaction) return a.firstTransaction - b.firstTransaction;
  if (a.account !== b.account) return compareBytes(a.account.address, b.account.address);
  if (a.slot === null) return b.slot === null ? 0 : -1;
  return b.slot === null ? 1 : compareBytes(a.slot, b.slot);
}

/** Code that the changed accounts name and the store does not hold, in the order of the accounts. */
function collectCodes(
  accounts: readonly { readonly account: AccountState | null }[],
  overlay: StateSource,
  keys: KeyIndexView,
): Uint8Array[] {
  const added = new Set<string>();
  const codes: Uint8Array[] = [];
  for (const { account } of accounts) {
    if (account === null || keys.hasCode(account.codeHash)) continue;
    const name = toBareHex(account.codeHash);
    if (added.has(name)) continue;
    added.add(name);
    codes.push(must(overlay.code(account.codeHash), "an account's code was put into the overlay"));
  }
  return codes;
}
