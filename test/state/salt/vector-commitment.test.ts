// What every commitment scheme must keep: an update gives what committing anew gives, proofs hold for what was committed to
// and for nothing else, short forms come back as the same nodes.

import { describe, expect, test } from "bun:test";
import { concatBytes } from "#base/bytes.ts";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { blake3 } from "#crypto/blake3.ts";
import { DefaultNodes } from "#state/salt/default-nodes.ts";
import { EMPTY_SLOT_VALUE, type Openings, type VectorCommitment, valueAt } from "#state/salt/vector-commitment.ts";
import { eachScheme } from "./schemes.ts";

const SEED = Number(process.env.MEGAETH_SEED ?? 20_261_130);
console.log(`seed ${SEED}`);
const random = new SeededRandom(SEED);

const randomEntry = () => ({ key: random.bytes(20), value: random.bytes(40) });

/** 256 values, a part of them of empty slots. */
function randomVector<Node>(scheme: VectorCommitment<Node>, share: number): Uint8Array {
  return scheme.slotValues(Array.from({ length: 256 }, () => (random.chance(share) ? randomEntry() : null)));
}

function randomPositions(count: number): number[] {
  return [...new Set(Array.from({ length: count }, () => random.below(256)))].sort((a, b) => a - b);
}

/** Openings of some places of each node, with what they show. */
function openSome<Node>(nodes: readonly Node[], vectors: readonly Uint8Array[], firstShort = nodes) {
  const places = vectors.map(() => randomPositions(1 + random.below(6)));
  const openings: Openings<Node> = {
    nodes: firstShort,
    nodeOf: Uint32Array.from(places.flatMap((positions, i) => positions.map(() => i))),
    positions: Uint8Array.from(places.flat()),
  };
  const values = concatBytes(...places.flatMap((positions, i) => positions.map((p) => valueAt(vectors[i]!, p))));
  return { openings, values };
}

eachScheme(<Node>(scheme: VectorCommitment<Node>) => {
  const valuesOf = (nodes: readonly Node[]) => toBareHex(scheme.values(nodes));
  const decode = (nodes: readonly Node[]): readonly Node[] => {
    const decoded = scheme.decode(scheme.encode(nodes));
    if ("badIndex" in decoded) throw new Error(`node ${decoded.badIndex} is refused`);
    return decoded.nodes;
  };
  const makeNodes = (count: number, shares = [0, 0.05, 0.5, 1]) => {
    const vectors = Array.from({ length: count }, () => randomVector(scheme, random.pick(shares)));
    return { vectors, nodes: scheme.commit(concatBytes(...vectors)) };
  };

  describe(`${scheme.name} commitments`, () => {
    test("slots have values of their own, an empty one the fixed one", () => {
      const entries = Array.from({ length: 50 }, randomEntry);
      const values = scheme.slotValues([null, ...entries]);
      expect(valueAt(values, 0)).toEqual(EMPTY_SLOT_VALUE);
      const distinct = new Set(Array.from({ length: 51 }, (_, i) => toBareHex(valueAt(values, i))));
      expect(distinct.size).toBe(51);
    });

    test("updates give what committing anew gives", () => {
      let { vectors, nodes } = makeNodes(6);
      for (let round = 0; round < 6; round++) {
        const changed = vectors.map((vector) => vector.slice());
        const changes = nodes.map((node, i) => {
          const positions = randomPositions(random.pick([0, 1, 3, 256]));
          const newValues = positions.map(() => scheme.slotValues([random.chance(0.3) ? null : randomEntry()]));
          const oldValues = positions.map((position) => valueAt(vectors[i]!, position));
          for (const [k, position] of positions.entries()) changed[i]!.set(newValues[k]!, 32 * position);
          return { node, positions, oldValues, newValues };
        });
        const made = scheme.update(changes);
        expect(valuesOf(made.nodes)).toBe(valuesOf(scheme.commit(concatBytes(...changed))));
        expect(toBareHex(made.values)).toBe(valuesOf(made.nodes));
        [vectors, nodes] = [changed, [...made.nodes]];
      }
    });

    test("short forms come back", () => {
      const { nodes } = makeNodes(8);
      expect(scheme.encode(nodes).length).toBe(32 * 8);
      expect(valuesOf(decode(nodes))).toBe(valuesOf(nodes));
    });

    test("proofs hold, and shown nodes take updates at the shown places", () => {
      for (const count of [1, 2, 9]) {
        const { vectors, nodes } = makeNodes(count);
        const { openings, values } = openSome(nodes, vectors, decode(nodes) as Node[]);
        const proof = scheme.prove({ ...openings, nodes }, (i) => vectors[i]!);
        expect(proof).toEqual(scheme.prove({ ...openings, nodes }, (i) => vectors[i]!));
        const shown = scheme.verify(openings, values, proof);
        expect(shown).not.toBeNull();
        const changes = Array.from(openings.nodeOf, (nodeIndex, k) => ({ nodeIndex, k }));
        const byNode = Map.groupBy(changes, ({ nodeIndex }) => nodeIndex);
        const [fromShown, fromAll] = [shown!, nodes].map((of) =>
          scheme.update(
            of.map((node, i) => {
              const group = byNode.get(i)!;
              return {
                node,
                positions: group.map(({ k }) => openings.positions[k]!),
                oldValues: group.map(({ k }) => valueAt(values, k)),
                newValues: group.map(({ k }) => scheme.slotValues([{ key: blake3(Uint8Array.of(k)), value: values }])),
              };
            }),
          ),
        );
        expect(toBareHex(fromShown!.values)).toBe(toBareHex(fromAll!.values));
      }
    });

    test("proofs hold for nothing else", () => {
      const { vectors, nodes } = makeNodes(5, [1]);
      const { openings, values } = openSome(nodes, vectors);
      const proof = scheme.prove(openings, (i) => vectors[i]!);
      expect(scheme.verify(openings, values, proof)).not.toBeNull();
      for (let i = 0; i < 60; i++) {
        const forged = proof.slice();
        forged[random.below(proof.length)]! ^= 1 << random.below(8);
        expect(scheme.verify(openings, values, forged)).toBeNull();
      }
      for (let i = 0; i < values.length; i += 32) {
        const forged = values.slice();
        forged.set(scheme.slotValues([randomEntry()]), i);
        expect(scheme.verify(openings, forged, proof)).toBeNull();
      }
      for (let i = 0; i < nodes.length; i++) {
        const others = nodes.with(i, makeNodes(1, [1]).nodes[0]!);
        expect(scheme.verify({ ...openings, nodes: others }, values, proof)).toBeNull();
      }
      for (const cut of [proof.slice(1), proof.slice(0, -1), concatBytes(proof, Uint8Array.of(0)), new Uint8Array(0)]) {
        expect(scheme.verify(openings, values, cut)).toBeNull();
      }
      const elsewhere = openings.positions.slice();
      elsewhere[elsewhere.length - 1]! ^= 1;
      expect(scheme.verify({ ...openings, positions: elsewhere }, values, proof)).toBeNull();
    });

    test("a batch of nothing is nothing", () => {
      expect(scheme.update([]).nodes).toEqual([]);
      expect(scheme.commit(new Uint8Array(0))).toEqual([]);
    });
  });

  test(`${scheme.name}: the empty state has one root`, () => {
    const root = toBareHex(new DefaultNodes(scheme).root());
    if (scheme.name === "banderwagon") {
      expect(root).toBe("9d7218471640948ac51ad7ea7f589af28c19605bd96faaaf1204b5da36a09201");
    }
    expect(toBareHex(new DefaultNodes(scheme).root())).toBe(root);
  });
});
