// Known answers: bases, default commitments and proofs of MegaETH's SALT, and what the Verkle implementations agree on
// for their own bases.

import { afterAll, describe, expect, test } from "bun:test";
import { concatBytes } from "#base/bytes.ts";
import { fromHex, toBareHex } from "#base/hex.ts";
import { Banderwagon, banderwagonSizeBytes } from "#crypto/banderwagon/banderwagon.ts";
import { tableLayout } from "#crypto/banderwagon/base-tables.ts";
import { SALT_SEED, VERKLE_INNER_PRODUCT_BASE, VERKLE_SEED } from "#crypto/banderwagon/bases.ts";
import { BASE_COUNT, CommitmentKey } from "#crypto/banderwagon/commitment-key.ts";
import { EvaluationDomain, loadScalars, storeScalars } from "#crypto/banderwagon/evaluation-domain.ts";
import { proveInnerProduct } from "#crypto/banderwagon/inner-product.ts";
import { KernelWorkspace } from "#crypto/banderwagon/kernel-workspace.ts";
import { PairList } from "#crypto/banderwagon/point-sums.ts";
import { Transcript } from "#crypto/banderwagon/transcript.ts";
import { sha256 } from "#crypto/sha256.ts";
import { fromLittleEndian, littleEndian, mod, ORDER } from "./edwards-curve.ts";

const salt = new Banderwagon({ seed: SALT_SEED, protocol: "st", windowBits: 6 });
const verkle = new Banderwagon({ seed: VERKLE_SEED, protocol: "test", windowBits: 5 });
afterAll(() => {
  salt.release();
  verkle.release();
});

const GENERATOR = "4a2c7486fd924882bf02c6908de395122843e3e05264d7991e18e7985dad51e9";
const EMPTY_SLOT = 0x0101010101010101010101010101010101010101010101010101010101010101n;
const DEFAULT_METADATA = 0x1596600dc5af5f23bbc5977d4762185d21ee41efdc0cac0c02ba2b1ab3390ff2n;
const vector = (value: (i: number) => bigint) =>
  concatBytes(...Array.from({ length: 256 }, (_, i) => littleEndian(value(i))));
const fill = (scalar: Uint8Array) => vector(() => fromLittleEndian(scalar));

describe("bases", () => {
  test("SALT's, by their digest", () => {
    const compressed = salt.compress(salt.bases);
    expect(toBareHex(compressed.subarray(0, 32))).toBe(
      "2816c0c3ac2555ec31fd5790f97bec3ec9b87d25136507bae595567416e76b80",
    );
    expect(toBareHex(compressed.subarray(255 * 32))).toBe(
      "046e3ca0b403c4bb91b27583d57d305945cae298ce18386cd0c0a0d5d76871ab" +
        "1f646c11fcb94d2200b61770bdc72cd834d088048a425ca752507ebbec7ed6c1",
    );
    expect(toBareHex(sha256(compressed))).toBe("56cec640c5aba1cd9d57f7a579f086315ffac2b0292c7582120ef74889e78b9a");
  });

  test("the generator and its doublings", () => {
    const chain = [
      GENERATOR,
      "43aa74ef706605705989e8fd38df46873b7eae5921fbed115ac9d937399ce4d5",
      "5e5f550494159f38aa54d2ed7f11a7e93e4968617990445cc93ac8e59808c126",
      "0e7e3748db7c5c999a7bcd93d71d671f1f40090423792266f94cb27ca43fce5c",
    ];
    const { points, badIndex } = salt.decompress(fromHex(chain.join("")));
    expect(badIndex).toBeNull();
    expect(toBareHex(salt.mapToScalars(points).subarray(0, 32))).toBe(
      "d1e7de2aaea9603d5bc6c208d319596376556ecd8336671ba7670c2139772d14",
    );
    expect(toBareHex(points.subarray(0, 64))).toBe(toBareHex(VERKLE_INNER_PRODUCT_BASE));
    const kernel = new KernelWorkspace({ sizeBytes: 4096 });
    const [plain, affine, scalar] = [kernel.put(points), kernel.take(64), kernel.take(32)];
    const list = new PairList(kernel, 1);
    kernel.calls.lift(affine, plain, 1);
    for (let i = 1; i < chain.length; i++) {
      list.push(affine, affine, affine);
      list.flush();
      kernel.calls.drop(plain, scalar, affine, 1);
      expect(toBareHex(kernel.copyOut(plain, 64))).toBe(toBareHex(points.subarray(64 * i, 64 * i + 64)));
    }
    kernel.release();
  });
});

describe("default commitments", () => {
  // Each level's vector repeats the scalar of the level before.
  const levels: [string, string, string][] = [
    ["data bucket", "4e7193506964e11bbeeef57bd3ce46e0e78ab9c312994fd365b236cc630826da", "EMPTY"],
    ["main level 2 over data", "6132379e8359b609daffc0f3fbd2718df38a29a897c499ff80f10fb6bc818d1d", "data bucket"],
    [
      "main level 1 over data",
      "327874a8f5e98f069e973a08e3824ec59aaf917bff5d293d238eea49d10f6b86",
      "main level 2 over data",
    ],
    ["subtree level 1", "2f0c6fd8cd870002466917678b5a130c95031b055ca19f75cd89427537841cdb", "main level 1 over data"],
    ["subtree level 0", "1c30d795919d2951d73fe8f21971b64b09adad75f892d79fbb2fadf3dca7bba7", "subtree level 1"],
    ["metadata bucket", "1a6764ce242526cb8940fdef233c3b0cfca9c3e8e62b9923db2dee345cb27de0", "METADATA"],
    [
      "main level 2 over metadata",
      "1831b9f8524d7c3836cdc7fd20186ebf6b1e218471a7d5053ce907e5e027d59e",
      "metadata bucket",
    ],
    [
      "main level 1 over metadata",
      "10738b66f8b05eef80a390ab43cc899c4811e10ce134b5cfaeaafa80b4bf44b7",
      "main level 2 over metadata",
    ],
  ];
  const scalars = new Map([
    ["EMPTY", littleEndian(EMPTY_SLOT)],
    ["METADATA", littleEndian(DEFAULT_METADATA)],
  ]);
  for (const [name, expected, children] of levels) {
    test(name, () => {
      const made = salt.commit(fill(scalars.get(children)!));
      expect(toBareHex(salt.compress(made.points))).toBe(expected);
      expect(toBareHex(made.scalars)).toBe(toBareHex(salt.mapToScalars(made.points)));
      scalars.set(name, made.scalars);
    });
  }

  test("the root, and its scalar as the state root of an empty state", () => {
    const first = fromLittleEndian(scalars.get("main level 1 over metadata")!);
    const others = fromLittleEndian(scalars.get("main level 1 over data")!);
    const root = salt.commit(vector((i) => (i === 0 ? first : others)));
    expect(toBareHex(root.points)).toBe(
      "a2f11cbb573b3beba869c4417fd616e550f66feea3edcf6b8979bee66dd18767d744099c52a92477cb2e005ca3665892ce7860ccaf476aa224528837e5732270",
    );
    expect(toBareHex(root.scalars)).toBe("9d7218471640948ac51ad7ea7f589af28c19605bd96faaaf1204b5da36a09201");
  });

  test("the neutral element", () => {
    const neutral = salt.commit(new Uint8Array(256 * 32));
    expect(toBareHex(neutral.points)).toBe(
      `${"00".repeat(32)}00000000fffffffffe5bfeff02a4bd5305d8a10908d83933487d9d2953a7ed73`,
    );
    expect(toBareHex(neutral.scalars)).toBe("00".repeat(32));
    expect(toBareHex(salt.compress(neutral.points))).toBe("00".repeat(32));
    expect(toBareHex(salt.decompress(new Uint8Array(32)).points)).toBe(toBareHex(neutral.points));
  });
});

describe("transcript", () => {
  const open = () => new Transcript("simple_protocol", (digest) => littleEndian(mod(fromLittleEndian(digest), ORDER)));
  const minusOne = littleEndian(ORDER - 1n);

  test("known challenges", () => {
    const challenge = (transcript: Transcript) => toBareHex(transcript.challenge("simple_challenge"));
    expect(challenge(open())).toBe("c2aa02607cbdf5595f00ee0dd94a2bbff0bed6a2bf8452ada9011eadb538d003");
    const scalars = open();
    scalars.append("five", littleEndian(5n));
    scalars.append("five again", littleEndian(5n));
    expect(challenge(scalars)).toBe("498732b694a8ae1622d4a9347535be589e4aee6999ffc0181d13fe9e4d037b0b");
    const separated = open();
    separated.append("-1", minusOne);
    separated.separate("separate me");
    separated.append("-1 again", minusOne);
    separated.separate("separate me again");
    separated.append("now 1", littleEndian(1n));
    expect(challenge(separated)).toBe("14f59938e9e9b1389e74311a464f45d3d88d8ac96adf1c1129ac466de088d618");
    const point = open();
    point.append("generator", fromHex(GENERATOR));
    expect(challenge(point)).toBe("8c2dafe7c0aabfa9ed542bb2cbf0568399ae794fc44fdfd7dff6cc0e6144921c");
  });
});

describe("proofs", () => {
  test("two polynomials opened at 0, with Verkle's bases", () => {
    const polynomials = [vector((i) => BigInt(i % 32) + 1n), vector((i) => 32n - BigInt(i % 32))];
    const { points: commitments } = verkle.commit(concatBytes(...polynomials));
    expect(toBareHex(verkle.compress(commitments.subarray(0, 64)))).toBe(
      "1b9dff8f5ebbac250d291dfe90e36283a227c64b113c37f1bfb9e7a743cdb128",
    );
    const openings = { commitments, commitmentOf: new Uint32Array([0, 1]), points: new Uint8Array(2) };
    const proof = verkle.proveMultipoint({ ...openings, polynomial: (i) => polynomials[i]! });
    expect(toBareHex(sha256(proof))).toBe("406213db82b72abf86a84bcaec5f615dee8066a061d7bbe0ef950bde833425c0");
    const values = concatBytes(littleEndian(1n), littleEndian(32n));
    expect(verkle.verifyMultipoint({ ...openings, values }, proof)).toBe(true);
  });

  test("the path to a slot of SALT's empty state", () => {
    const bucket = salt.commit(fill(littleEndian(DEFAULT_METADATA)));
    const levelTwo = salt.commit(fill(bucket.scalars));
    const levelOne = salt.commit(fill(levelTwo.scalars));
    const dataBucket = salt.commit(fill(littleEndian(EMPTY_SLOT)));
    const dataLevelTwo = salt.commit(fill(dataBucket.scalars));
    const dataLevelOne = salt.commit(fill(dataLevelTwo.scalars));
    const rootVector = fill(dataLevelOne.scalars);
    rootVector.set(levelOne.scalars);
    const polynomials = [
      rootVector,
      fill(levelTwo.scalars),
      fill(bucket.scalars),
      fill(littleEndian(DEFAULT_METADATA)),
    ];
    const commitments = salt.commit(concatBytes(...polynomials)).points;
    const openings = { commitments, commitmentOf: new Uint32Array([0, 1, 2, 3]), points: new Uint8Array(4) };
    const proof = salt.proveMultipoint({ ...openings, polynomial: (i) => polynomials[i]! });
    expect(toBareHex(proof.subarray(0, 32))).toBe("547d23b4d097a66b93ba3ae4fba8b5a8569001961118b18f2d37a82bd1b47b64");
    expect(toBareHex(sha256(proof))).toBe("84f8c492ae2e9b43f92fb5cb1e557af763f2bbc72b35667a667651b9194c86b1");
    const values = concatBytes(...polynomials.map((polynomial) => polynomial.subarray(0, 32)));
    expect(salt.verifyMultipoint({ ...openings, values }, proof)).toBe(true);
  });

  test("the inner product of a polynomial at a point outside the domain", () => {
    const kernel = new KernelWorkspace({ sizeBytes: banderwagonSizeBytes(4) });
    const key = new CommitmentKey(kernel, verkle.bases, tableLayout(BASE_COUNT, 4));
    const polynomial = loadScalars(
      kernel,
      vector((i) => BigInt(i % 32) + 1n),
    );
    const point = loadScalars(kernel, littleEndian(2101n));
    const [commitment, value] = [kernel.take(64), kernel.take(32)];
    const [distances, lagrange] = [kernel.take(256 * 32), kernel.take(256 * 32)];
    key.commit(commitment, polynomial);
    key.domain.invertDistances(distances, point);
    key.domain.lagrange(lagrange, distances);
    kernel.calls.scalarsInnerProduct(value, polynomial, lagrange, 256);
    expect(toBareHex(storeScalars(kernel, value, 1))).toBe(
      "4a353e70b03c89f161de002e8713beec0d740a5e20722fd5bd68b30540a33208",
    );
    const transcript = new Transcript("test", (digest) => key.reduce(digest));
    const proof = proveInnerProduct(key, transcript, { commitment, point, lagrange, polynomial });
    expect(toBareHex(proof.subarray(0, 16))).toBe("2827a99a1c4af64086fc4e0abdb723b4");
    expect(toBareHex(sha256(proof))).toBe("6e0cfc16199852a8742b9c583077c9b730cc9da90fcb25e6d618db7d6d2aa5a5");
    expect(toBareHex(transcript.challenge("state"))).toBe(
      "6332c17c4534a52d4d8c44ab22d143bd071050e7f25238137b18675c9953850c",
    );
    kernel.release();
  });
});

describe("evaluation domain", () => {
  test("the weights of Lagrange's polynomials", () => {
    const kernel = new KernelWorkspace({ sizeBytes: 1 << 18 });
    const domain = new EvaluationDomain(kernel);
    const known = {
      0: "70cd57684a0738a80599c1e7718394289fdb6c0eea6c37dc1d32a3d0aac1a508",
      1: "c94ef203c6430d04357606b5e93b20849c3d945d386ac1dcb5a3c3d74b3e4f0f",
      255: "711a1fc06affc4cc6b6b578c8e03fbd6619afbf317099730342dc4f929a85514",
    };
    for (const [index, weight] of Object.entries(known)) {
      expect(toBareHex(storeScalars(kernel, domain.weights + 32 * Number(index), 1))).toBe(weight);
    }
    kernel.release();
  });
});
