// Changes of values on their way up SALT's trie, kept sorted so that those of one node lie one behind the other.

import { TRIE_WIDTH } from "./salt-key.ts";

/** A value that changes: of a slot, or of a node at some level. */
export type ValueChange = {
  /** The bucket whose tree it is in; 0 above the bucket roots. */
  readonly bucket: number;
  /** The slot, or the node's place in its level. */
  readonly index: number;
  readonly old: Uint8Array;
  readonly new: Uint8Array;
};

/** Changes of children of one node. */
export type NodeGroup = {
  readonly bucket: number;
  /** The node's place in its level. */
  readonly index: number;
  /** Ascending by index. */
  readonly changes: readonly ValueChange[];
};

/** Sorts changes; of several of one value, given in their order in time, the first old and the last new remain. */
export function mergeChanges(changes: readonly ValueChange[]): ValueChange[] {
  const sorted = changes.toSorted((a, b) => a.bucket - b.bucket || a.index - b.index);
  const merged: ValueChange[] = [];
  for (const change of sorted) {
    const last = merged.at(-1);
    if (last === undefined || last.bucket !== change.bucket || last.index !== change.index) merged.push(change);
    else merged[merged.length - 1] = { ...last, new: change.new };
  }
  return merged;
}

/** The nodes above changes, as {@link mergeChanges} gives them. */
export function groupByNode(changes: readonly ValueChange[]): NodeGroup[] {
  const groups: (NodeGroup & { readonly changes: ValueChange[] })[] = [];
  for (const change of changes) {
    const index = Math.floor(change.index / TRIE_WIDTH);
    const last = groups.at(-1);
    if (last?.bucket === change.bucket && last.index === index) last.changes.push(change);
    else groups.push({ bucket: change.bucket, index, changes: [change] });
  }
  return groups;
}
