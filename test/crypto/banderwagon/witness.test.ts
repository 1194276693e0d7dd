// Real witnesses of MegaETH: every proof holds, and holds no longer when a value is another; all commitments of a large
// one are points of the group.

import { afterAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { toBareHex } from "#base/hex.ts";
import { Banderwagon } from "#crypto/banderwagon/banderwagon.ts";
import { SALT_SEED } from "#crypto/banderwagon/bases.ts";
import { vectorsFolder } from "#test/vectors.ts";
import { readWitness, witnessOpenings } from "./witness-openings.ts";

const witnesses = vectorsFolder("megaeth/witness");
const proofs = vectorsFolder("megaeth/salt-proofs");
const scheme = new Banderwagon({ seed: SALT_SEED, protocol: "st", windowBits: 5 });
afterAll(() => scheme.release());

describe("witnesses of the test network", () => {
  const files = witnesses === null ? [] : readdirSync(witnesses).filter((name) => name.endsWith(".salt"));
  for (const name of files) {
    test(name.split(".")[0]!, () => {
      const witness = readWitness(new Uint8Array(readFileSync(join(witnesses!, name))));
      expect(witness.isWhole).toBe(true);
      const { points, badIndex } = scheme.decompress(witness.commitments);
      expect(badIndex).toBeNull();
      const openings = witnessOpenings(witness, scheme.mapToScalars(points));
      const values = scheme.subtractScalars(openings.values, new Uint8Array(openings.values.length));
      expect(scheme.verifyMultipoint({ ...openings, commitments: points, values }, witness.proof)).toBe(true);
      values[32 * (openings.points.length >> 1)]! ^= 1;
      expect(scheme.verifyMultipoint({ ...openings, commitments: points, values }, witness.proof)).toBe(false);
    });
  }
});

test.skipIf(proofs === null)("the 65,358 commitments of a block's witness", () => {
  const file = readFileSync(join(proofs!, "6906405.proof"));
  const count = Number(file.readBigUInt64LE(0));
  expect(count).toBe(65_358);
  const compressed = new Uint8Array(32 * count);
  for (let i = 0; i < count; i++) compressed.set(file.subarray(16 + 40 * i, 48 + 40 * i), 32 * i);
  const { points, badIndex } = scheme.decompress(compressed);
  expect(badIndex).toBeNull();
  expect(scheme.compress(points)).toEqual(compressed);
  expect(toBareHex(scheme.mapToScalars(points).subarray(0, 32))).toBe(
    "86a3bb8e5a06df655bb2204a45da41a64facb10ec7daf0ee261afb2a53a75116",
  );
});
