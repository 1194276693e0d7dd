// Banderwagon commitments on one thread: changes of children at several widths of the tables' windows, points of
// strangers, proofs; against rust-verkle compiled to WebAssembly, with the bases of Verkle that both know.
//
// A changed key of SALT costs about 2.3 changes: its own bucket's, and its share of the nodes above.

import { loadVerkleCrypto } from "verkle-cryptography-wasm";
import { concatBytes } from "#base/bytes.ts";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { Banderwagon, banderwagonSizeBytes } from "#crypto/banderwagon/banderwagon.ts";
import { VERKLE_INNER_PRODUCT_BASE, VERKLE_SEED } from "#crypto/banderwagon/bases.ts";
import { sha256 } from "#crypto/sha256.ts";
import { runInterleaved, SMOKE, smokeOr } from "../harness.ts";

const seed = 20_261_128;
const random = new SeededRandom(seed);
const rival = await loadVerkleCrypto();
const widths = SMOKE ? [5, 4] : [8, 6, 7, 9, 10];
const schemes = new Map(
  widths.map((windowBits) => [
    windowBits,
    new Banderwagon({ seed: VERKLE_SEED, protocol: "verkle", innerProductBase: VERKLE_INNER_PRODUCT_BASE, windowBits }),
  ]),
);
const own = schemes.get(widths[0]!)!;
const scalar = () => {
  const bytes = random.bytes(32);
  bytes[31]! &= 0x0f; // below the group's order
  return bytes;
};

// Changes of random children of many nodes, one for each.
const changeCount = smokeOr(2048, 4);
const rivalChangeCount = smokeOr(256, 4);
const deltas = Array.from({ length: changeCount }, scalar);
const joinedDeltas = concatBytes(...deltas);
const children = random.bytes(changeCount);
const zero = new Uint8Array(32);

function change(scheme: Banderwagon, count: number): string {
  const { points } = scheme.applyDeltas({
    commitments: new Uint8Array(64 * count),
    nodes: Uint32Array.from({ length: count }, (_, i) => i),
    children: children.subarray(0, count),
    deltas: joinedDeltas.subarray(0, 32 * count),
  });
  return toBareHex(sha256(scheme.compress(points)));
}

function changeByRival(count: number): string {
  const compressed = deltas.slice(0, count).map((delta, i) => {
    return rival.serializeCommitment(rival.updateCommitment(rival.zeroCommitment, children[i]!, zero, delta));
  });
  return toBareHex(sha256(concatBytes(...compressed)));
}

await runInterleaved({
  name: "Banderwagon: a changed child, by width of the windows",
  rounds: smokeOr(9, 2),
  operationCount: changeCount,
  parameters: { seed, "MB of each": widths.map((bits) => Math.round(banderwagonSizeBytes(bits) / 1e6)).join("/") },
  contenders: Object.fromEntries(
    widths.map((bits) => [`${bits} bits`, () => change(schemes.get(bits)!, changeCount)] as const),
  ),
});

await runInterleaved({
  name: "Banderwagon: a changed child, against rust-verkle",
  rounds: smokeOr(7, 2),
  operationCount: rivalChangeCount,
  parameters: { seed, windowBits: widths[0]! },
  contenders: {
    "own kernel": () => change(own, rivalChangeCount),
    "rust-verkle": () => changeByRival(rivalChangeCount),
  },
});

const vectorCount = smokeOr(16, 2);
const vectors = Array.from({ length: vectorCount }, () => Array.from({ length: 256 }, scalar));
const joined = vectors.map((vector) => concatBytes(...vector));

await runInterleaved({
  name: "Banderwagon: a commitment to 256 scalars",
  rounds: smokeOr(7, 2),
  operationCount: vectorCount,
  parameters: { seed, windowBits: widths[0]! },
  contenders: {
    "own kernel": () => toBareHex(sha256(own.compress(own.commit(concatBytes(...joined)).points))),
    "rust-verkle": () => {
      const compressed = vectors.map((vector) => rival.serializeCommitment(rival.commitToScalars(vector)));
      return toBareHex(sha256(concatBytes(...compressed)));
    },
  },
});

const pointCount = smokeOr(4096, 8);
const compressedPoints = own.compress(
  own.applyDeltas({
    commitments: new Uint8Array(64 * pointCount),
    nodes: Uint32Array.from({ length: pointCount }, (_, i) => i),
    children: random.bytes(pointCount),
    deltas: concatBytes(...Array.from({ length: pointCount }, scalar)),
  }).points,
);

await runInterleaved({
  name: "Banderwagon: a point of a stranger, with all checks",
  rounds: smokeOr(9, 2),
  operationCount: pointCount,
  parameters: { seed },
  contenders: { "own kernel": () => toBareHex(sha256(own.decompress(compressedPoints).points)) },
});

const openingsEach = smokeOr(16, 2);
const { points: commitments } = own.commit(concatBytes(...joined));
const places = vectors.map(() => Array.from({ length: openingsEach }, (_, i) => (i * 11 + random.below(11)) % 256));
const openings = {
  commitments,
  commitmentOf: Uint32Array.from({ length: vectorCount * openingsEach }, (_, k) => Math.floor(k / openingsEach)),
  points: Uint8Array.from(places.flat()),
};
const values = concatBytes(...places.flatMap((at, index) => at.map((z) => vectors[index]![z]!)));
const serialized = vectors.map((_, i) => own.compress(commitments.subarray(64 * i, 64 * i + 64)));
const proverInputs = vectors.map((vector, i) => ({
  serializedCommitment: serialized[i]!,
  vector,
  indices: places[i]!,
}));
const verifierInputs = vectors.map((vector, i) => ({
  serializedCommitment: serialized[i]!,
  indexValuePairs: places[i]!.map((index) => ({ index, value: vector[index]! })),
}));
const proof = own.proveMultipoint({ ...openings, polynomial: (i) => joined[i]! });
const parameters = { seed, windowBits: widths[0]!, commitments: vectorCount, openings: vectorCount * openingsEach };

await runInterleaved({
  name: "Banderwagon: a proof",
  rounds: smokeOr(7, 1),
  warmUpRounds: smokeOr(2, 0),
  parameters,
  contenders: {
    "own kernel": () => toBareHex(sha256(own.proveMultipoint({ ...openings, polynomial: (i) => joined[i]! }))),
    "rust-verkle": () => toBareHex(sha256(rival.createProof(proverInputs))),
  },
});

const verdict = (holds: boolean) => toBareHex(sha256(new Uint8Array([Number(holds)])));

await runInterleaved({
  name: "Banderwagon: the verification of a proof, points decompressed",
  rounds: smokeOr(9, 1),
  warmUpRounds: smokeOr(2, 0),
  parameters,
  contenders: {
    "own kernel": () => {
      const read = own.decompress(concatBytes(...serialized));
      return verdict(
        read.badIndex === null && own.verifyMultipoint({ ...openings, commitments: read.points, values }, proof),
      );
    },
    "rust-verkle": () => verdict(rival.verifyProof(proof, verifierInputs)),
  },
});
