// The containers of SALT witnesses: golden bytes, strictness, and the string of the RPC. Real ones: the conformance suite `salt`.

import { describe, expect, test } from "bun:test";
import { concatBytes } from "#base/bytes.ts";
import { fromHex, toBareHex } from "#base/hex.ts";
import { FormatError } from "#formats/codec.ts";
import {
  type BlockWitness,
  decodeBlockWitness,
  decodeSaltProof,
  decodeWithdrawalWitness,
  decodeWitnessFile,
  encodeBlockWitness,
  encodeSaltProof,
  encodeWithdrawalWitness,
  encodeWitnessFile,
  type SaltWitness,
} from "#formats/wire/salt-witness.ts";

const bytesOf = (value: number, sizeBytes: number) => new Uint8Array(sizeBytes).fill(value);

const WITNESS: SaltWitness = {
  slots: [
    { key: (65_536n << 40n) | 7n, entry: null },
    { key: (65_537n << 40n) | 9n, entry: { key: bytesOf(0xaa, 20), value: bytesOf(0xbb, 40) } },
  ],
  proof: {
    nodeIds: [0n, 131_329n],
    commitments: concatBytes(bytesOf(1, 32), bytesOf(2, 32)),
    argument: bytesOf(3, 576),
    levels: [
      { bucket: 65_537, levels: 1 },
      { bucket: 65_536, levels: 2 },
    ],
  },
};
const BLOCK: BlockWitness = {
  salt: WITNESS,
  withdrawals: { storageRoot: bytesOf(4, 32), nodes: [fromHex("c0"), fromHex("c20102")] },
};

test("the bytes are those that were agreed on", () => {
  const proof = toBareHex(encodeSaltProof(WITNESS.proof));
  const commitments = `0200000000000000${"00".repeat(8)}${"01".repeat(32)}0101020000000000${"02".repeat(32)}`;
  const levels = "0200000000000000010001000100000100" + "02";
  expect(proof).toBe(`${commitments}4002000000000000${"03".repeat(576)}${levels}`);
  const file = encodeWitnessFile({ attributesHash: bytesOf(5, 32), parentHash: bytesOf(6, 32), witness: WITNESS });
  const hashes = `2000000000000000${"05".repeat(32)}2000000000000000${"06".repeat(32)}`;
  const entry = `01${"14"}28${"aa".repeat(20)}${"bb".repeat(40)}${"00".repeat(32)}`;
  const slots = `02000000000000000700000000000001000900000000010001${entry}`;
  expect(toBareHex(file)).toBe(`${hashes}${slots}${proof}`);
  const withdrawals = `2000000000000000${"04".repeat(32)}02000000000000000100000000000000c00300000000000000c20102`;
  expect(toBareHex(encodeWithdrawalWitness(BLOCK.withdrawals))).toBe(withdrawals);
});

test("everything reads back, levels in the order in which they came", () => {
  const file = { attributesHash: bytesOf(5, 32), parentHash: bytesOf(6, 32), witness: WITNESS };
  expect(decodeWitnessFile(encodeWitnessFile(file))).toEqual(file);
  expect(decodeSaltProof(encodeSaltProof(WITNESS.proof))).toEqual(WITNESS.proof);
  expect(decodeWithdrawalWitness(encodeWithdrawalWitness(BLOCK.withdrawals))).toEqual(BLOCK.withdrawals);
  const text = encodeBlockWitness(BLOCK);
  expect(text).toStartWith("v0:");
  expect(decodeBlockWitness(text)).toEqual(BLOCK);
});

describe("refused", () => {
  const file = (witness: SaltWitness) => {
    return encodeWitnessFile({ attributesHash: bytesOf(5, 32), parentHash: bytesOf(6, 32), witness });
  };
  const { slots, proof } = WITNESS;
  const twice = { ...proof, levels: [proof.levels[0]!, proof.levels[0]!] };
  test.each([
    ["slots that do not ascend", file({ slots: slots.toReversed(), proof })],
    ["the same slot twice", file({ slots: [slots[0]!, slots[0]!], proof })],
    ["nodes that do not ascend", file({ slots, proof: { ...proof, nodeIds: [1n, 0n] } })],
    ["levels of a bucket twice", file({ slots, proof: twice })],
    ["an argument of another size", file({ slots, proof: { ...proof, argument: bytesOf(3, 575) } })],
    ["bytes behind the end", concatBytes(file(WITNESS), bytesOf(0, 1))],
    ["a count beyond the bytes", concatBytes(file(WITNESS).subarray(0, 80), bytesOf(0x7f, 6), bytesOf(0, 2))],
    ["a tag that is none", file(WITNESS).with(80 + 8 + 8, 2)],
    ["padding that is not zero", file(WITNESS).with(80 + 8 + 9 + 9 + 93, 1)],
  ])("%s", (_, bytes) => expect(() => decodeWitnessFile(bytes)).toThrow(FormatError));

  test("every shorter file", () => {
    const bytes = file(WITNESS);
    for (let size = 0; size < bytes.length; size += 7) {
      expect(() => decodeWitnessFile(bytes.subarray(0, size))).toThrow(FormatError);
    }
  });

  test("strings that are no witness", () => {
    for (const text of ["", "v1:AA==", "v0:", "v0:AAAA", encodeBlockWitness(BLOCK).slice(0, -8)]) {
      expect(() => decodeBlockWitness(text)).toThrow(FormatError);
    }
  });
});
