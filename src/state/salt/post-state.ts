// From a state and what a block changes to the root after it: in the order that works on a witness as well. Values of keys
// that exist change first, since insertions move keys away from where a witness has them.

import { compareBytes } from "#base/bytes.ts";
import { applyPlainChanges, type PlainChange, plainValueOf, upsertEntry } from "./bucket-table.ts";
import { bucketOfKey } from "./key-hash.ts";
import { SaltOverlay } from "./salt-overlay.ts";
import type { SaltStore } from "./salt-store.ts";
import { type NodeSource, SaltTrie, type TrieUpdates } from "./salt-trie.ts";
import type { StateUpdates } from "./state-updates.ts";
import type { VectorCommitment } from "./vector-commitment.ts";

/** What a block leaves: the slots and nodes that changed, and the root. */
export type PostState<Node> = TrieUpdates<Node> & { readonly slots: StateUpdates };

/**
 * Makes a block's net changes on top of a state, which stays as it is.
 * @param state a full one, or a witness
 * @param changes each key once; values differ from those before
 * @throws {UnwitnessedError} when a witness lacks what the changes need
 */
export function computePostState<Node>(
  scheme: VectorCommitment<Node>,
  state: SaltStore & NodeSource<Node>,
  changes: Iterable<PlainChange>,
): PostState<Node> {
  const slots = changedSlots(state, changes);
  const trie = new SaltTrie(scheme, state);
  trie.update([...slots]);
  return { ...trie.finalize(), slots };
}

/** The slots that a block's net changes change. @throws {UnwitnessedError} */
export function changedSlots(store: SaltStore, changes: Iterable<PlainChange>): StateUpdates {
  const overlay = new SaltOverlay(store);
  const moving: PlainChange[] = [];
  for (const change of [...changes].sort((a, b) => compareBytes(a.key, b.key))) {
    const { key, value } = change;
    if (value === null || plainValueOf(overlay, key) === null) moving.push(change);
    else upsertEntry(overlay, bucketOfKey(key), { key, value });
  }
  applyPlainChanges(overlay, moving);
  return overlay.updates;
}
