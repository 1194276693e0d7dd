// The start-up self-test: it passes here on the fast implementations, and finds each operation that answers wrongly.

import { describe, expect, test } from "bun:test";
import { lz4Compress, lz4Decompress } from "#base/lz4.ts";
import { blake3 } from "#crypto/blake3.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { addressFromPrivateKey, recoverAddress, recoverPublicKey, sign } from "#crypto/secp256k1.ts";
import { type CryptoOperations, CryptoSelfTestError, runCryptoSelfTest } from "#crypto/self-test.ts";
import { sha256 } from "#crypto/sha256.ts";

const sound: CryptoOperations = {
  keccak256,
  blake3,
  sha256,
  sign,
  recoverAddress,
  recoverPublicKey,
  addressFromPrivateKey,
  lz4Compress,
  lz4Decompress,
};

// One bit of an answer flipped.
function flipped(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  if (copy.length > 0) copy[copy.length - 1]! ^= 1;
  return copy;
}

const broken: { [Name in keyof CryptoOperations]: CryptoOperations[Name] } = {
  keccak256: (data) => (data.length === 136 ? flipped(keccak256(data)) : keccak256(data)),
  blake3: (data) => (data.length === 1025 ? flipped(blake3(data)) : blake3(data)),
  sha256: (data) => flipped(sha256(data)),
  sign: (hash, key) => {
    const signature = sign(hash, key);
    return { ...signature, s: flipped(signature.s) };
  },
  recoverAddress: (hash, r, s) => recoverAddress(hash, r, s, 1),
  recoverPublicKey: () => new Uint8Array(64),
  addressFromPrivateKey: (key) => flipped(addressFromPrivateKey(key)),
  lz4Compress: (raw) => lz4Compress(flipped(raw)),
  lz4Decompress: (block, size) => flipped(lz4Decompress(block, size)),
};

describe("runCryptoSelfTest", () => {
  test("passes and names the fast implementations", () => {
    expect(runCryptoSelfTest()).toEqual({
      keccak: "wasm",
      secp256k1: "native",
      recovery: "wasm",
      blake3: "native",
      lz4: "native",
    });
    expect(() => runCryptoSelfTest(sound)).not.toThrow();
  });

  for (const name of Object.keys(broken) as (keyof CryptoOperations)[]) {
    test(`finds a wrong ${name}`, () => {
      expect(() => runCryptoSelfTest({ ...sound, [name]: broken[name] })).toThrow(CryptoSelfTestError);
    });
  }
});
