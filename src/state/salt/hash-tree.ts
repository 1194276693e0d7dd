// Binary trees of BLAKE3 hashes over 256 values, eight levels high. Trees are persistent: an update makes the nodes on the
// changed paths anew and shares the rest, and equal neighbours share one node, so that a tree of equal values is 9 nodes.
// A tree whose inside is not known ("blind") has a hash only; one that a proof has shown is known along the shown paths.
//
// An inner hash takes 64 bytes and an entry's digest 12, 60, 84 or 92, and all leaves lie at one depth, so neither can
// stand for the other.

import { assert } from "#base/assert.ts";
import { bytesEqual } from "#base/bytes.ts";
import { blake3 } from "#crypto/blake3.ts";
import { VALUE_SIZE_BYTES, valueAt } from "./vector-commitment.ts";

/** A tree, or one value at its lowest level. */
export type HashTree = {
  /** 32 bytes. */
  readonly hash: Uint8Array;
  /** Both halves, or null for a value and where the inside is not known. */
  readonly halves: readonly [HashTree, HashTree] | null;
};

/** Levels above the values. */
export const TREE_HEIGHT = 8;

/** Something below a hash was needed of which only the hash is known. */
export class BlindTreeError extends Error {
  override readonly name = "BlindTreeError";

  constructor() {
    super("the inside of a hash is not known");
  }
}

/** A tree from its halves. */
export function joinTrees(left: HashTree, right: HashTree): HashTree {
  const input = new Uint8Array(2 * VALUE_SIZE_BYTES);
  input.set(left.hash);
  input.set(right.hash, VALUE_SIZE_BYTES);
  return { hash: blake3(input), halves: [left, right] };
}

/** A value, or a tree of which only the hash is known. */
export function blindTree(hash: Uint8Array): HashTree {
  return { hash, halves: null };
}

/** The tree over 2^n values, 32 bytes each, one behind the other; they are copied. */
export function buildTree(values: Uint8Array): HashTree {
  let trees: HashTree[] = [];
  for (let i = 0; i < values.length / VALUE_SIZE_BYTES; i++) {
    const value = valueAt(values, i);
    const before = trees.at(-1);
    trees.push(before !== undefined && bytesEqual(before.hash, value) ? before : blindTree(value.slice()));
  }
  while (trees.length > 1) {
    const joined: HashTree[] = [];
    for (let i = 0; i < trees.length; i += 2) {
      const [left, right] = [trees[i]!, trees[i + 1]!];
      const before = joined.at(-1);
      const isSame = before?.halves?.[0] === left && before.halves[1] === right;
      joined.push(isSame ? before : joinTrees(left, right));
    }
    trees = joined;
  }
  return trees[0]!;
}

/** Values of a tree that become others. */
export type ValueChanges = {
  /** Places of the values, ascending, each once. */
  readonly positions: readonly number[];
  readonly oldValues: readonly Uint8Array[];
  readonly newValues: readonly Uint8Array[];
};

/**
 * The tree with other values at some places.
 * @throws {AssertionError} when an old value is not the tree's
 * @throws {BlindTreeError} when a place is not known
 */
export function updateTree(tree: HashTree, changes: ValueChanges): HashTree {
  return updateRange(tree, changes, { height: TREE_HEIGHT, start: 0, first: 0, end: changes.positions.length });
}

// A subtree: its height, the place of its first value, and which of the changes fall into it.
type Range = { readonly height: number; readonly start: number; readonly first: number; readonly end: number };

function updateRange(tree: HashTree, changes: ValueChanges, { height, start, first, end }: Range): HashTree {
  if (first === end) return tree;
  if (height === 0) {
    assert(bytesEqual(tree.hash, changes.oldValues[first]!), "the old value is the tree's");
    return blindTree(changes.newValues[first]!.slice());
  }
  if (tree.halves === null) throw new BlindTreeError();
  const [left, right] = tree.halves;
  const middle = start + 2 ** (height - 1);
  let split = first;
  while (split < end && changes.positions[split]! < middle) split++;
  return joinTrees(
    updateRange(left, changes, { height: height - 1, start, first, end: split }),
    updateRange(right, changes, { height: height - 1, start: middle, first: split, end }),
  );
}
