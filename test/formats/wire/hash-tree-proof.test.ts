// Proofs over hash trees: golden bytes, round trips, and refusal of everything that has not the one form.

import { expect, test } from "bun:test";
import { fromHex, toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { FormatError } from "#formats/codec.ts";
import { decodeHashTreeProof, encodeHashTreeProof } from "#formats/wire/hash-tree-proof.ts";

const [A, B] = ["aa".repeat(32), "bb".repeat(32)] as const;
const CLAIM = "cc".repeat(32);
const GOLDEN = `01${CLAIM}0300000005${A}${B}`;
const EMPTY = { claim: fromHex(CLAIM), siblings: [] };

test("golden bytes", () => {
  const proof = { claim: fromHex(CLAIM), siblings: [fromHex(A), null, fromHex(B)] };
  expect(toBareHex(encodeHashTreeProof(proof))).toBe(GOLDEN);
  expect(decodeHashTreeProof(fromHex(GOLDEN))).toEqual(proof);
  expect(toBareHex(encodeHashTreeProof(EMPTY))).toBe(`01${CLAIM}00000000`);
});

test("what was encoded comes back (seed 8)", () => {
  const random = new SeededRandom(8);
  for (let i = 0; i < 200; i++) {
    const siblings = Array.from({ length: random.below(40) }, () => (random.chance(0.5) ? null : random.bytes(32)));
    const proof = { claim: random.bytes(32), siblings };
    expect(decodeHashTreeProof(encodeHashTreeProof(proof))).toEqual(proof);
  }
});

test("anything else is refused", () => {
  const refused = [
    "",
    `02${GOLDEN.slice(2)}`, // another version
    GOLDEN.slice(0, -2), // cut
    `${GOLDEN}00`, // longer
    `01${CLAIM}030000000d${A}${B}`, // a bit behind the last
    `01${CLAIM}0300000007${A}${B}`, // more hashes than there are
    `01${CLAIM}ffffffff00`, // more bits than there are bytes
  ];
  for (const hex of refused) expect(() => decodeHashTreeProof(fromHex(hex))).toThrow(FormatError);
});
