// The ecrecover precompile's published vectors, applied to recoverAddress: the precompile is this function behind a
// check that the 32-byte v is 27 or 28.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bigintFromBytes } from "#base/bytes.ts";
import { fromHex, toBareHex } from "#base/hex.ts";
import { recoverAddress } from "#crypto/secp256k1.ts";
import { vectorsFolder } from "#test/vectors.ts";

type PrecompileVector = { Input: string; Expected: string; Name: string };

const folder = vectorsFolder("precompiles");

describe("ecrecover vectors", () => {
  test.skipIf(folder === null)("all of them", () => {
    const vectors = JSON.parse(readFileSync(join(folder!, "geth/ecRecover.json"), "utf8")) as PrecompileVector[];
    expect(vectors.length).toBeGreaterThan(0);
    for (const vector of vectors) {
      const input = new Uint8Array(128);
      input.set(fromHex(vector.Input).subarray(0, 128));
      const [hash, v, r, s] = [0, 32, 64, 96].map((at) => input.slice(at, at + 32)) as [Uint8Array, ...Uint8Array[]];
      const parity = bigintFromBytes(v!) - 27n;
      const address = parity === 0n || parity === 1n ? recoverAddress(hash, r!, s!, Number(parity)) : null;
      const output = address === null ? "" : toBareHex(address).padStart(64, "0");
      expect(output, vector.Name).toBe(vector.Expected);
    }
  });
});
