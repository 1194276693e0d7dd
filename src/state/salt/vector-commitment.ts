// What SALT's trie needs of a commitment to 256 values, so that chains can choose one: MegaETH's own over Banderwagon, or
// a binary tree of BLAKE3 hashes. Bucket tables, node numbers and the order of openings are the same for both.
//
//   slots ── slotValues ──▶ values ── commit / update ──▶ nodes ── values ──▶ values of the level above ── … ──▶ root
//
// A node is what a scheme keeps for one commitment; it is never changed in place. A value is 32 bytes: what a slot or a
// child node counts as in the node above it. The value of the root node is the state root.

import type { SaltEntry } from "#formats/wire/salt-entry.ts";

/** Size of a value, and of a node's short form in witnesses, bytes. */
export const VALUE_SIZE_BYTES = 32;

/** Changes of some of a node's 256 values. */
export type NodeChange<Node> = {
  readonly node: Node;
  /** Which values change, each once, ascending. */
  readonly positions: readonly number[];
  /** What they were, 32 bytes each. */
  readonly oldValues: readonly Uint8Array[];
  /** What they become, 32 bytes each. */
  readonly newValues: readonly Uint8Array[];
};

/** Nodes after a change, and what each counts as in the node above: 32 bytes each, one behind the other. */
export type ChangedNodes<Node> = { readonly nodes: readonly Node[]; readonly values: Uint8Array };

/** Which values of which nodes are shown, in the order in which a proof takes them. */
export type Openings<Node> = {
  readonly nodes: readonly Node[];
  /** For each opening the index of its node; openings of a node lie one behind the other. */
  readonly nodeOf: Uint32Array;
  /** For each opening the place of the value among the node's 256; ascending within a node, each once. */
  readonly positions: Uint8Array;
};

/** A way to commit to 256 values. Instances belong to one thread. */
export interface VectorCommitment<Node> {
  /** The scheme's name in chain specs. */
  readonly name: string;
  /** What slots count as in their node, 32 bytes each; null is an empty slot. */
  slotValues(entries: readonly (SaltEntry | null)[]): Uint8Array;
  /** Nodes made from nothing. @param vectors 256 values for each, one behind the other */
  commit(vectors: Uint8Array): Node[];
  /** Nodes after changes of their values. @throws {AssertionError} when an old value is seen not to be the node's */
  update(changes: readonly NodeChange<Node>[]): ChangedNodes<Node>;
  /** What nodes count as in the node above, 32 bytes each. */
  values(nodes: readonly Node[]): Uint8Array;
  /** The short forms of nodes that witnesses carry, 32 bytes each. */
  encode(nodes: readonly Node[]): Uint8Array;
  /** Nodes from the short forms that a stranger sent, or the index of the first that is none. */
  decode(short: Uint8Array): { readonly nodes: readonly Node[] } | { readonly badIndex: number };
  /** A proof of openings. @param vectorOf the 256 values of a node, by its index */
  prove(openings: Openings<Node>, vectorOf: (nodeIndex: number) => Uint8Array): Uint8Array;
  /**
   * Checks a proof.
   * @param values what each opening shows, 32 bytes each
   * @returns the nodes, good for `update` at the opened places, or null when the proof does not hold
   */
  verify(openings: Openings<Node>, values: Uint8Array, proof: Uint8Array): readonly Node[] | null;
}

/** The value of an empty slot in both schemes; no hash of an entry is known to give it. */
export const EMPTY_SLOT_VALUE: Uint8Array = new Uint8Array(VALUE_SIZE_BYTES).fill(1);

/** The value at an index of values that lie one behind the other, as a view. */
export function valueAt(values: Uint8Array, index: number): Uint8Array {
  return values.subarray(index * VALUE_SIZE_BYTES, (index + 1) * VALUE_SIZE_BYTES);
}
