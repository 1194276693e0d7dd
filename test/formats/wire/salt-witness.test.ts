// Witness containers: golden bytes, round trips, and refusal of everything that has not the one form.

import { describe, expect, test } from "bun:test";
import { concatBytes, EMPTY_BYTES } from "#base/bytes.ts";
import { fromHex, toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { FormatError } from "#formats/codec.ts";
import {
  type BlockWitness,
  decodeBlockWitness,
  decodeSaltWitnessFile,
  decodeTrieWitness,
  encodeBlockWitness,
  encodeSaltWitnessFile,
  encodeTrieWitness,
} from "#formats/wire/block-witness.ts";
import {
  decodeSaltProof,
  decodeSaltWitness,
  encodeSaltProof,
  encodeSaltWitness,
  type SaltWitness,
} from "#formats/wire/salt-witness.ts";

const SEED = Number(process.env.MEGAETH_SEED ?? 20_261_132);
console.log(`seed ${SEED}`);
const random = new SeededRandom(SEED);

const fill = (byte: number, size: number) => new Uint8Array(size).fill(byte);

const SAMPLE: SaltWitness = {
  slots: [
    { key: 5n, entry: null },
    { key: (131_072n << 40n) + 73n, entry: { key: fill(0xaa, 20), value: fill(0xbb, 40) } },
  ],
  proof: {
    commitments: [
      { id: 0n, commitment: fill(0xcc, 32) },
      { id: (131_072n << 40n) + 257n, commitment: fill(0xdd, 32) },
    ],
    argument: fill(0xee, 3),
    levels: [
      { bucket: 131_072, levelCount: 2 },
      { bucket: 0, levelCount: 1 },
    ],
  },
};

const GOLDEN_SLOTS =
  `0200000000000000${"0500000000000000"}00${"4900000000000002"}01` +
  `1428${"aa".repeat(20)}${"bb".repeat(40)}${"00".repeat(32)}`;
const GOLDEN_PROOF =
  `0200000000000000${"0000000000000000"}${"cc".repeat(32)}${"0101000000000002"}${"dd".repeat(32)}` +
  `0300000000000000eeeeee0200000000000000${"0000020002"}${"0000000001"}`;
const GOLDEN = GOLDEN_SLOTS + GOLDEN_PROOF;

function randomWitness(): SaltWitness {
  const ascending = (count: number) => {
    const keys = Array.from({ length: count }, () => (BigInt(random.u32()) << 32n) | BigInt(random.u32()));
    return [...new Set(keys)].sort((a, b) => (a < b ? -1 : 1));
  };
  const buckets = [...new Set(Array.from({ length: random.below(9) }, () => random.below(2 ** 24)))];
  return {
    slots: ascending(random.below(20)).map((key) => {
      const entry = { key: random.bytes(random.pick([12, 20, 52])), value: random.bytes(random.below(40)) };
      return { key, entry: random.chance(0.4) ? null : entry };
    }),
    proof: {
      commitments: ascending(random.below(20)).map((id) => ({ id, commitment: random.bytes(32) })),
      argument: random.bytes(random.below(600)),
      levels: buckets.map((bucket) => ({ bucket, levelCount: 1 + random.below(5) })),
    },
  };
}

describe("SALT witnesses", () => {
  test("golden bytes", () => {
    expect(toBareHex(encodeSaltWitness(SAMPLE))).toBe(GOLDEN);
    expect(decodeSaltWitness(fromHex(GOLDEN))).toEqual(SAMPLE);
    expect(toBareHex(encodeSaltProof(SAMPLE.proof))).toBe(GOLDEN_PROOF);
    expect(decodeSaltProof(fromHex(GOLDEN_PROOF))).toEqual(SAMPLE.proof);
  });

  test("what was encoded comes back, in the order that it had", () => {
    for (let i = 0; i < 100; i++) {
      const witness = randomWitness();
      expect(decodeSaltWitness(encodeSaltWitness(witness))).toEqual(witness);
    }
  });

  test("what is cut, longer, out of order, double or mistagged is refused", () => {
    const bytes = fromHex(GOLDEN);
    for (let size = 0; size < bytes.length; size++) {
      expect(() => decodeSaltWitness(bytes.subarray(0, size))).toThrow(FormatError);
    }
    expect(() => decodeSaltWitness(concatBytes(bytes, Uint8Array.of(0)))).toThrow(FormatError);
    const { slots, proof } = SAMPLE;
    const refused: SaltWitness[] = [
      { slots: slots.toReversed(), proof },
      { slots: [slots[0]!, slots[0]!], proof },
      { slots, proof: { ...proof, commitments: proof.commitments.toReversed() } },
      { slots, proof: { ...proof, commitments: [proof.commitments[0]!, proof.commitments[0]!] } },
      { slots, proof: { ...proof, levels: [proof.levels[0]!, proof.levels[0]!] } },
    ];
    for (const witness of refused) expect(() => decodeSaltWitness(encodeSaltWitness(witness))).toThrow(FormatError);
    const [emptyTagAt, occupiedTagAt, paddingAt] = [16, 25, 26 + 94 - 1];
    for (const at of [emptyTagAt, occupiedTagAt, paddingAt]) {
      const changed = bytes.slice();
      changed[at] = 2;
      expect(() => decodeSaltWitness(changed)).toThrow(FormatError);
    }
    expect(() => decodeSaltWitness(fromHex(`ffffffffffff0f00${GOLDEN.slice(16)}`))).toThrow(FormatError);
  });
});

describe("whole witnesses", () => {
  const withdrawals = { storageRoot: fill(0x11, 32), nodes: [fill(0x22, 3), EMPTY_BYTES, fill(0x33, 40)] };
  const hash = (byte: string) => `2000000000000000${byte.repeat(32)}`;

  test("golden files", () => {
    const trie = `${hash("11")}0300000000000000${"0300000000000000"}222222${"0000000000000000"}2800000000000000${"33".repeat(40)}`;
    expect(toBareHex(encodeTrieWitness(withdrawals))).toBe(trie);
    expect(decodeTrieWitness(fromHex(trie))).toEqual(withdrawals);
    const file = { attributesHash: fill(0x44, 32), parentHash: fill(0x55, 32), witness: SAMPLE };
    const golden = hash("44") + hash("55") + GOLDEN;
    expect(toBareHex(encodeSaltWitnessFile(file))).toBe(golden);
    expect(decodeSaltWitnessFile(fromHex(golden))).toEqual(file);
    expect(() => decodeSaltWitnessFile(fromHex(`21${golden.slice(2)}`))).toThrow(FormatError);
    expect(() => decodeTrieWitness(fromHex(`${trie}00`))).toThrow(FormatError);
  });

  test("strings come back; others are refused", () => {
    const witness: BlockWitness = { salt: SAMPLE, withdrawals };
    const text = encodeBlockWitness(witness);
    expect(text.startsWith("v0:")).toBe(true);
    expect(decodeBlockWitness(text)).toEqual(witness);
    for (let i = 0; i < 10; i++) {
      const other = { salt: randomWitness(), withdrawals };
      expect(decodeBlockWitness(encodeBlockWitness(other))).toEqual(other);
    }
    for (const bad of ["", "v1:", "v0:", "v0:!", `v1${text.slice(2)}`, text.slice(0, -8), `v0:${btoa("nothing")}`]) {
      expect(() => decodeBlockWitness(bad)).toThrow(FormatError);
    }
  });
});
