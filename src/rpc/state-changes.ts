// From a mini-block's diff, which names keys by index, to the changed accounts with their state after it: what the
// stateChanges subscription shows.

import type { Address } from "#chain/primitives.ts";
import type { AccountState } from "#formats/wire/diff.ts";
import type { MiniBlock } from "#formats/wire/mini-block.ts";
import { resolveDiff } from "#state/commitment.ts";
import type { KeyNames } from "#state/source.ts";
import type { PinnableState, StateChange } from "./context.ts";
import { isVersionGone } from "./state-access.ts";

/**
 * The accounts that a mini-block changed.
 * @param view a reader of its own: it is pinned to the version after the mini-block, or to the newest one when the undo
 *   ring has passed that; only accounts whose storage alone changed are looked up there
 */
export function resolveStateChanges(miniBlock: MiniBlock, view: PinnableState & KeyNames): StateChange[] {
  const version = miniBlock.number + 1;
  return resolveDiff(miniBlock.diff, view).map(({ address, account, slots }) => {
    return { address, account: account === undefined ? accountAfter(view, address, version) : account, slots };
  });
}

function accountAfter(view: PinnableState, address: Address, version: number): AccountState | null {
  try {
    view.pin(version);
    return view.account(address);
  } catch (error) {
    if (!isVersionGone(error)) throw error;
    view.pin();
    return view.account(address);
  }
}
