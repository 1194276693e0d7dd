// Proofs against rust-verkle, which shares the scheme with its own bases: equal bytes, each accepts the other's. Then
// what a verifier must refuse: every part of a proof and of its openings changed.

import { afterAll, describe, expect, test } from "bun:test";
import { loadVerkleCrypto } from "verkle-cryptography-wasm";
import { concatBytes } from "#base/bytes.ts";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { Banderwagon } from "#crypto/banderwagon/banderwagon.ts";
import { VERKLE_INNER_PRODUCT_BASE, VERKLE_SEED } from "#crypto/banderwagon/bases.ts";
import { MULTIPOINT_PROOF_SIZE_BYTES } from "#crypto/banderwagon/multipoint.ts";
import * as curve from "./edwards-curve.ts";

const SEED = Number(process.env.MEGAETH_SEED ?? 20_261_129);
console.log(`seed ${SEED}`);
const random = new SeededRandom(SEED);
const rival = await loadVerkleCrypto();
const own = new Banderwagon({
  seed: VERKLE_SEED,
  protocol: "verkle",
  innerProductBase: VERKLE_INNER_PRODUCT_BASE,
  windowBits: 5,
});
afterAll(() => own.release());

const hex = (bytes: Uint8Array) => toBareHex(bytes);
const randomScalar = () => curve.littleEndian(curve.fromLittleEndian(random.bytes(32)) % curve.ORDER);
const randomVector = () => Array.from({ length: 256 }, randomScalar);

describe("commitments as rust-verkle makes them", () => {
  test("vectors, their scalars and compressed forms", () => {
    for (let i = 0; i < 5; i++) {
      const vector = randomVector();
      const theirs = rival.commitToScalars(vector);
      const made = own.commit(concatBytes(...vector));
      expect(hex(own.compress(made.points))).toBe(hex(rival.serializeCommitment(theirs)));
      expect(hex(made.scalars)).toBe(hex(rival.hashCommitment(theirs)));
    }
  });

  test("one changed child after the other", () => {
    const vector = randomVector();
    let theirs = rival.commitToScalars(vector);
    let mine = own.commit(concatBytes(...vector)).points;
    for (let i = 0; i < 20; i++) {
      const child = random.below(256);
      const next = i === 0 ? new Uint8Array(32) : randomScalar();
      theirs = rival.updateCommitment(theirs, child, vector[child]!, next);
      mine = own.applyDeltas({
        commitments: mine,
        nodes: new Uint32Array(1),
        children: new Uint8Array([child]),
        deltas: own.subtractScalars(next, vector[child]!),
      }).points;
      vector[child] = next;
      expect(hex(own.compress(mine))).toBe(hex(rival.serializeCommitment(theirs)));
    }
  });
});

type Case = {
  readonly vectors: readonly Uint8Array[][];
  readonly openings: { commitments: Uint8Array; commitmentOf: Uint32Array; points: Uint8Array; values: Uint8Array };
  readonly polynomial: (index: number) => Uint8Array;
};

// Vectors, each opened at some places.
function makeCase(places: readonly (readonly number[])[]): Case {
  const vectors = places.map(randomVector);
  const commitmentOf = places.flatMap((own, index) => own.map(() => index));
  const points = places.flat();
  const openings = {
    commitments: own.commit(concatBytes(...vectors.flat())).points,
    commitmentOf: new Uint32Array(commitmentOf),
    points: new Uint8Array(points),
    values: concatBytes(...points.map((z, k) => vectors[commitmentOf[k]!]![z]!)),
  };
  return { vectors, openings, polynomial: (index) => concatBytes(...vectors[index]!) };
}

function verifyByRival({ openings, vectors }: Case, proof: Uint8Array): boolean {
  const inputs = vectors.map((vector, index) => ({
    serializedCommitment: own.compress(openings.commitments.subarray(64 * index, 64 * index + 64)),
    indexValuePairs: [...openings.points]
      .filter((_, k) => openings.commitmentOf[k] === index)
      .map((z) => ({ index: z, value: vector[z]! })),
  }));
  return rival.verifyProof(proof, inputs);
}

describe("proofs as rust-verkle makes them", () => {
  const cases: Readonly<Record<string, number[][]>> = {
    "one opening": [[17]],
    "the ends of the domain": [[0, 255]],
    "one commitment, many places": [[3, 1, 4, 15, 92, 65, 35]],
    "many commitments, shared places": [[0], [0, 1], [255, 0], [7], [7, 128, 129]],
    "every place": [Array.from({ length: 256 }, (_, i) => i)],
  };
  for (const [name, places] of Object.entries(cases)) {
    test(name, () => {
      const made = makeCase(places);
      const proof = own.proveMultipoint({ ...made.openings, polynomial: made.polynomial });
      const theirs = rival.createProof(
        made.vectors.map((vector, index) => ({
          serializedCommitment: own.compress(made.openings.commitments.subarray(64 * index, 64 * index + 64)),
          vector,
          indices: places[index]!,
        })),
      );
      expect(proof.length).toBe(MULTIPOINT_PROOF_SIZE_BYTES);
      expect(hex(proof)).toBe(hex(theirs));
      expect(own.verifyMultipoint(made.openings, proof)).toBe(true);
      expect(verifyByRival(made, proof)).toBe(true);
    });
  }

  test("more openings than the kernel takes at a time", () => {
    const made = makeCase(Array.from({ length: 20 }, () => Array.from({ length: 250 }, (_, i) => i)));
    const proof = own.proveMultipoint({ ...made.openings, polynomial: made.polynomial });
    expect(own.verifyMultipoint(made.openings, proof)).toBe(true);
    expect(verifyByRival(made, proof)).toBe(true);
    const last = made.openings.values.length - 32;
    made.openings.values[last]! ^= 1;
    expect(own.verifyMultipoint(made.openings, proof)).toBe(false);
  });

  test("a commitment listed twice counts as two", () => {
    const made = makeCase([[1], [2, 3]]);
    const openings = {
      ...made.openings,
      commitments: concatBytes(made.openings.commitments, made.openings.commitments.subarray(64)),
      commitmentOf: new Uint32Array([0, 1, 2]),
    };
    const proof = own.proveMultipoint({ ...made.openings, polynomial: made.polynomial });
    expect(own.verifyMultipoint(openings, proof)).toBe(true);
  });
});

describe("a verifier refuses", () => {
  const made = makeCase([[0, 9], [9], [200]]);
  const { openings } = made;
  const proof = own.proveMultipoint({ ...openings, polynomial: made.polynomial });
  const flip = (bytes: Uint8Array, at: number, bit = 1) => {
    const changed = bytes.slice();
    changed[at]! ^= bit;
    return changed;
  };

  test("a changed bit in any part of the proof", () => {
    for (let word = 0; word < 18; word++) {
      for (let i = 0; i < 4; i++) {
        const changed = flip(proof, 32 * word + random.below(32), 1 << random.below(8));
        expect(own.verifyMultipoint(openings, changed)).toBe(false);
      }
    }
  });

  test("parts that change places", () => {
    for (const [a, b] of [
      [0, 1],
      [1, 2],
      [1, 9],
      [8, 16],
    ] as const) {
      const changed = proof.slice();
      changed.set(proof.subarray(32 * a, 32 * a + 32), 32 * b);
      changed.set(proof.subarray(32 * b, 32 * b + 32), 32 * a);
      expect(own.verifyMultipoint(openings, changed)).toBe(false);
    }
  });

  test("another form of the same proof, and other lengths", () => {
    const last = curve.fromLittleEndian(proof.subarray(-32));
    const aboveOrder = concatBytes(proof.subarray(0, -32), curve.littleEndian(last + curve.ORDER));
    expect(own.verifyMultipoint(openings, aboveOrder)).toBe(false);
    const order = concatBytes(proof.subarray(0, -32), curve.littleEndian(curve.ORDER));
    expect(own.verifyMultipoint(openings, order)).toBe(false);
    for (const size of [0, 544, 575, 577]) {
      expect(own.verifyMultipoint(openings, concatBytes(proof, proof).subarray(0, size))).toBe(false);
    }
  });

  test("other openings", () => {
    for (let k = 0; k < openings.points.length; k++) {
      const values = flip(openings.values, 32 * k + random.below(31));
      expect(own.verifyMultipoint({ ...openings, values }, proof)).toBe(false);
      const points = flip(openings.points, k, 1 << random.below(8));
      expect(own.verifyMultipoint({ ...openings, points }, proof)).toBe(false);
      const commitmentOf = openings.commitmentOf.slice();
      commitmentOf[k] = (commitmentOf[k]! + 1) % 3;
      expect(own.verifyMultipoint({ ...openings, commitmentOf }, proof)).toBe(false);
    }
    const reversed = {
      commitments: openings.commitments,
      commitmentOf: openings.commitmentOf.slice().reverse(),
      points: openings.points.slice().reverse(),
      values: concatBytes(...[3, 2, 1, 0].map((k) => openings.values.subarray(32 * k, 32 * k + 32))),
    };
    expect(own.verifyMultipoint(reversed, proof)).toBe(false);
    expect(own.verifyMultipoint(openings, proof)).toBe(true);
  });

  test("openings that do not fit together are the caller's mistake", () => {
    const points = openings.points.subarray(1);
    expect(() => own.verifyMultipoint({ ...openings, points }, proof)).toThrow("a point for each opening");
    const values = openings.values.subarray(1);
    expect(() => own.verifyMultipoint({ ...openings, values }, proof)).toThrow("32 bytes");
    const commitments = openings.commitments.subarray(64);
    expect(() => own.verifyMultipoint({ ...openings, commitments }, proof)).toThrow("a commitment for each");
  });
});
