// The whole state of one version as changes to an empty commitment: how a state root is taken up after a start.
// Accounts first, then slots, in batches of bounded size, so that a thread can do other work between them.

import { toBareHex } from "#base/hex.ts";
import type { AccountChange, SlotChange, StateCommitment } from "./commitment.ts";
import type { StateView } from "./view.ts";

/** Keys in one batch. */
export const WALK_BATCH_KEY_COUNT = 4_096;

/**
 * Every existing account and slot of the pinned version, as changes.
 * @param view stays pinned to one version until the end
 * @param batchKeyCount most keys in one batch
 */
export function* walkState(view: StateView, batchKeyCount = WALK_BATCH_KEY_COUNT): Generator<AccountChange[]> {
  const { keyCount } = view.mark();
  for (let first = 0; first < keyCount; first += batchKeyCount) {
    yield accountsBetween(view, first, Math.min(keyCount, first + batchKeyCount));
  }
  for (let first = 0; first < keyCount; first += batchKeyCount) {
    yield slotsBetween(view, first, Math.min(keyCount, first + batchKeyCount));
  }
}

/** Fills an empty commitment with a pinned view's state. */
export async function commitWholeState(commitment: StateCommitment, view: StateView): Promise<void> {
  for (const batch of walkState(view)) if (batch.length > 0) await commitment.update(batch);
}

function accountsBetween(view: StateView, first: number, end: number): AccountChange[] {
  const changes: AccountChange[] = [];
  for (let index = first; index < end; index++) {
    const name = view.keyName(index);
    if (name.kind !== "account") continue;
    const account = view.accountAt(index);
    if (account !== null) changes.push({ address: name.address, account, slots: [], storageCleared: false });
  }
  return changes;
}

function slotsBetween(view: StateView, first: number, end: number): AccountChange[] {
  const byOwner = new Map<string, AccountChange & { readonly slots: SlotChange[] }>();
  for (let index = first; index < end; index++) {
    const name = view.keyName(index);
    if (name.kind !== "slot") continue;
    const value = view.slotAt(index);
    if (value.every((byte) => byte === 0)) continue;
    const key = toBareHex(name.address);
    let change = byOwner.get(key);
    if (change === undefined) {
      change = { address: name.address, account: undefined, slots: [], storageCleared: false };
      byOwner.set(key, change);
    }
    change.slots.push({ slot: name.slot, value });
  }
  return [...byOwner.values()];
}
