// State commitments: from the net changes of an EVM block to its state root. The interface, and the way from the diffs of
// mini-blocks (key indices) to named changes folded per EVM block.

import { assert } from "#base/assert.ts";
import { toBareHex } from "#base/hex.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import type { AccountState, StateDiff } from "#formats/wire/diff.ts";
import type { KeyNames } from "./source.ts";
import type { GenesisState } from "./table.ts";

/** A slot's new value, 32 bytes; zero = removed. */
export type SlotChange = { readonly slot: Hash32; readonly value: Uint8Array };

/** Everything that changed under one address. */
export type AccountChange = {
  readonly address: Address;
  /** The new state; null = removed; undefined = only slots changed. */
  readonly account: AccountState | null | undefined;
  readonly slots: readonly SlotChange[];
  /** The storage was emptied before `slots` were written. */
  readonly storageCleared: boolean;
};

/** Keeps one authenticated structure in step with the state. Updates and roots are asked for one after another. */
export interface StateCommitment {
  /** Applies the net changes of one EVM block (or a genesis, or a part of a snapshot). */
  update(changes: readonly AccountChange[]): Promise<void>;
  /** The root after every update so far. */
  root(): Promise<Hash32>;
}

/**
 * Names the keys of a diff, grouped by account.
 * @param diff a diff that was applied to the state behind `keys`
 */
export function resolveDiff(diff: StateDiff, keys: KeyNames): AccountChange[] {
  const changes = new Map<string, Draft>();
  for (const { index, account } of diff.accounts) {
    const name = keys.keyName(index);
    assert(name.kind === "account", () => `key ${index} is no account`);
    draftOf(changes, name.address).account = account;
  }
  for (const { index, value } of diff.slots) {
    const name = keys.keyName(index);
    assert(name.kind === "slot", () => `key ${index} is no slot`);
    draftOf(changes, name.address).slots.set(toBareHex(name.slot), { slot: name.slot, value });
  }
  return finish(changes);
}

/**
 * Folds changes of consecutive mini-blocks into one net change: the last write of every key wins.
 * @param steps the changes in the order in which they happened
 */
export function mergeChanges(steps: Iterable<readonly AccountChange[]>): AccountChange[] {
  const merged = new Map<string, Draft>();
  for (const step of steps) {
    for (const change of step) {
      const draft = draftOf(merged, change.address);
      if (change.account !== undefined) draft.account = change.account;
      if (change.storageCleared || change.account === null) {
        draft.slots.clear();
        draft.storageCleared = true;
      }
      for (const slot of change.slots) draft.slots.set(toBareHex(slot.slot), slot);
    }
  }
  return finish(merged);
}

/** A genesis state as changes of an empty one. */
export function genesisChanges(alloc: readonly GenesisState[]): AccountChange[] {
  return alloc.map(({ address, nonce, balance, code, storage }) => ({
    address,
    account: { nonce, balance, codeHash: keccak256(code) },
    slots: storage,
    storageCleared: false,
  }));
}

type Draft = {
  readonly address: Address;
  account: AccountState | null | undefined;
  readonly slots: Map<string, SlotChange>;
  storageCleared: boolean;
};

function draftOf(changes: Map<string, Draft>, address: Address): Draft {
  const key = toBareHex(address);
  const known = changes.get(key);
  if (known !== undefined) return known;
  const draft: Draft = { address, account: undefined, slots: new Map(), storageCleared: false };
  changes.set(key, draft);
  return draft;
}

function finish(changes: ReadonlyMap<string, Draft>): AccountChange[] {
  return Array.from(changes.values(), ({ address, account, slots, storageCleared }) => ({
    address,
    account,
    slots: [...slots.values()],
    storageCleared: storageCleared || account === null,
  }));
}
