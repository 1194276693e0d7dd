// Makes a witness: the proof that some slots of a state hold what they hold, or nothing. Deterministic: the same state and
// slots give the same bytes.

import { assert } from "#base/assert.ts";
import type { SaltEntry } from "#formats/wire/salt-entry.ts";
import type { SaltWitness } from "#formats/wire/salt-witness.ts";
import { DefaultNodes } from "./default-nodes.ts";
import {
  bucketOfRootId,
  childOf,
  firstSlotOfSegment,
  logicalRootId,
  type NodeId,
  SUBTREE_LEVELS,
  subtreeBucketOf,
} from "./node-ids.ts";
import { bucketOfSaltKey, isMetadataBucket, type SaltKey, slotOfSaltKey, TRIE_WIDTH } from "./salt-key.ts";
import type { NodeSource } from "./salt-trie.ts";
import { VALUE_SIZE_BYTES, type VectorCommitment, valueAt } from "./vector-commitment.ts";
import { openedNodeIds, placesOf, type WitnessOpening, witnessOpenings } from "./witness-openings.ts";

/** A whole state, as of one moment. */
export type WitnessSource<Node> = {
  readonly nodes: NodeSource<Node>;
  /** What a slot holds, null = empty or never written. */
  readonly entryAt: (bucket: number, slot: number) => SaltEntry | null;
};

/**
 * Makes a witness for slots.
 * @param keys in any order; each below its bucket's capacity; at least one
 */
export function proveWitness<Node>(
  scheme: VectorCommitment<Node>,
  source: WitnessSource<Node>,
  keys: Iterable<SaltKey>,
): SaltWitness {
  const sorted = [...new Set(keys)].sort((a, b) => (a < b ? -1 : 1));
  assert(sorted.length > 0, "a witness shows at least one slot");
  const buckets = [...new Set(sorted.map(bucketOfSaltKey))];
  const levels = new Map(buckets.map((bucket) => [bucket, levelCountOf(source, bucket)]));
  const openings = witnessOpenings(sorted, (bucket) => levels.get(bucket)!);
  const ids = openedNodeIds(openings);
  const prover = new VectorReader(scheme, source, levels);
  const nodes = ids.map((id) => prover.node(id));
  const leaves = leafNodes(openings);
  const places = placesOf(openings, new Map(ids.map((id, i) => [id, i])), nodes);
  const argument = scheme.prove(places, (i) => prover.vector(ids[i]!, leaves.has(ids[i]!)));
  const short = scheme.encode(nodes);
  return {
    slots: sorted.map((key) => ({ key, entry: prover.entry(bucketOfSaltKey(key), slotOfSaltKey(key)) })),
    proof: {
      commitments: ids.map((id, i) => ({ id, commitment: valueAt(short, i) })),
      argument,
      levels: Array.from(levels, ([bucket, levelCount]) => ({ bucket, levelCount })),
    },
  };
}

function levelCountOf<Node>({ nodes }: WitnessSource<Node>, bucket: number): number {
  return isMetadataBucket(bucket) ? 1 : nodes.levelCount(bucket);
}

function leafNodes(openings: readonly WitnessOpening[]): Set<NodeId> {
  return new Set(openings.flatMap(({ node, shows }) => ("slot" in shows ? [node] : [])));
}

/** Reads the 256 values of nodes. */
class VectorReader<Node> {
  readonly #scheme: VectorCommitment<Node>;
  readonly #source: WitnessSource<Node>;
  readonly #levels: ReadonlyMap<number, number>;
  readonly #defaults: DefaultNodes<Node>;

  constructor(scheme: VectorCommitment<Node>, source: WitnessSource<Node>, levels: ReadonlyMap<number, number>) {
    this.#scheme = scheme;
    this.#source = source;
    this.#levels = levels;
    this.#defaults = new DefaultNodes(scheme);
  }

  node(id: NodeId): Node {
    return this.#source.nodes.node(id) ?? this.#defaults.of(id);
  }

  entry(bucket: number, slot: number): SaltEntry | null {
    return this.#source.entryAt(bucket, slot) ?? this.#defaults.entryOf(bucket);
  }

  vector(id: NodeId, isLeaf: boolean): Uint8Array {
    return isLeaf ? this.#slotVector(id) : this.#childVector(id);
  }

  #slotVector(id: NodeId): Uint8Array {
    const bucket = bucketOfRootId(id) ?? subtreeBucketOf(id);
    const first = bucketOfRootId(id) === null ? firstSlotOfSegment(id) : 0;
    return this.#scheme.slotValues(Array.from({ length: TRIE_WIDTH }, (_, i) => this.entry(bucket, first + i)));
  }

  // Most children were never written and are alike: those are read once.
  #childVector(id: NodeId): Uint8Array {
    const bucket = bucketOfRootId(id);
    const top = bucket === null ? id : logicalRootId(bucket, SUBTREE_LEVELS - this.#levels.get(bucket)!);
    const vector = new Uint8Array(TRIE_WIDTH * VALUE_SIZE_BYTES);
    const distinct = new Map<Node, number[]>();
    for (let i = 0; i < TRIE_WIDTH; i++) {
      const node = this.node(childOf(top, i));
      const positions = distinct.get(node);
      if (positions === undefined) distinct.set(node, [i]);
      else positions.push(i);
    }
    const values = this.#scheme.values([...distinct.keys()]);
    for (const [k, positions] of [...distinct.values()].entries()) {
      for (const position of positions) vector.set(valueAt(values, k), position * VALUE_SIZE_BYTES);
    }
    return vector;
  }
}
