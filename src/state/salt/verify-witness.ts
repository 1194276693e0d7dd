// Checks a witness against a state root: its rules, the exact set of nodes that its slots need, the root, and the proof
// that ties all of it together. Only what passes is ever read from.

import { bytesEqual, concatBytes } from "#base/bytes.ts";
import type { SaltEntry } from "#formats/wire/salt-entry.ts";
import type { SaltWitness } from "#formats/wire/salt-witness.ts";
import type { NodeId } from "./node-ids.ts";
import type { SaltKey } from "./salt-key.ts";
import { VALUE_SIZE_BYTES, type VectorCommitment, valueAt } from "./vector-commitment.ts";
import { openedNodeIds, placesOf, type WitnessOpening, witnessOpenings } from "./witness-openings.ts";
import { checkWitnessRules, type WitnessLayout } from "./witness-rules.ts";

/** What a witness has been shown to be true of the state under a root. */
export type VerifiedWitness<Node> = WitnessLayout & {
  /** Slots by key; null is shown to be empty. */
  readonly slots: ReadonlyMap<SaltKey, SaltEntry | null>;
  readonly nodes: ReadonlyMap<NodeId, Node>;
};

/** Why a witness is refused, in words. */
export type RefusedWitness = { readonly refused: string };

/**
 * Checks a witness.
 * @param stateRoot the root of the state that it is about: of the block's parent
 */
export function verifyWitness<Node>(
  scheme: VectorCommitment<Node>,
  witness: SaltWitness,
  stateRoot: Uint8Array,
): VerifiedWitness<Node> | RefusedWitness {
  const layout = checkWitnessRules(witness);
  if ("broken" in layout) return { refused: layout.broken };
  const keys = witness.slots.map(({ key }) => key as SaltKey);
  const openings = witnessOpenings(keys, (bucket) => layout.levels.get(bucket) ?? 0);
  const { commitments, argument } = witness.proof;
  const ids = openedNodeIds(openings);
  if (!commitments.every(({ id }, i) => id === ids[i]) || commitments.length !== ids.length) {
    return { refused: "other nodes than its slots need" };
  }
  const decoded = scheme.decode(concatBytes(...commitments.map(({ commitment }) => commitment)));
  if ("badIndex" in decoded) return { refused: `node ${ids[decoded.badIndex]} is no commitment` };
  const values = scheme.values(decoded.nodes);
  if (!bytesEqual(valueAt(values, 0), stateRoot)) return { refused: "another state root" };
  const slots = new Map(witness.slots.map(({ key, entry }) => [key as SaltKey, entry]));
  const indices = new Map(ids.map((id, i) => [id, i]));
  const shown = shownValues(openings, { indices, values, slots, slotValues: scheme.slotValues([...slots.values()]) });
  const nodes = scheme.verify(placesOf(openings, indices, decoded.nodes), shown, argument);
  if (nodes === null) return { refused: "the proof does not hold" };
  return { ...layout, slots, nodes: new Map(ids.map((id, i) => [id, nodes[i]!])) };
}

type Known = {
  readonly indices: ReadonlyMap<NodeId, number>;
  /** Of nodes, by index. */
  readonly values: Uint8Array;
  readonly slots: ReadonlyMap<SaltKey, SaltEntry | null>;
  /** Of slots, in their order. */
  readonly slotValues: Uint8Array;
};

// Every child that is shown is itself among the nodes, and every slot among the slots: openings come from them.
function shownValues(openings: readonly WitnessOpening[], known: Known): Uint8Array {
  const slotIndices = new Map(Array.from(known.slots.keys(), (key, i) => [key, i]));
  const shown = new Uint8Array(openings.length * VALUE_SIZE_BYTES);
  openings.forEach(({ shows }, i) => {
    const value =
      "child" in shows
        ? valueAt(known.values, known.indices.get(shows.child)!)
        : valueAt(known.slotValues, slotIndices.get(shows.slot)!);
    shown.set(value, i * VALUE_SIZE_BYTES);
  });
  return shown;
}
