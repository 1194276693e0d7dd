// Signing and recovery against @noble/curves, on random inputs and on every edge of the ranges; and both
// implementations against each other.

import { describe, expect, test } from "bun:test";
import { secp256k1 as noble } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { bigintFromBytes, bigintToBytes } from "#base/bytes.ts";
import { fromHex, toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import {
  addressFromPrivateKey,
  addressFromPublicKey,
  decodeSignature,
  encodeSignature,
  isValidPrivateKey,
  publicKeyFromPrivateKey,
  RECOVERY_BACKEND,
  recoverAddress,
  recoverPublicKey,
  SECP256K1_BACKEND,
  SECP256K1_N,
  sign,
} from "#crypto/secp256k1.ts";
import { nativeSecp256k1 } from "#crypto/secp256k1-native.ts";
import { createNobleSecp256k1 } from "#crypto/secp256k1-noble.ts";

const seed = Number(process.env.MEGAETH_TEST_SEED ?? 20_260_704);
const N = SECP256K1_N;
const P = 2n ** 256n - 2n ** 32n - 977n;
const word = (value: bigint) => bigintToBytes(value, 32);
const hexOrNull = (bytes: Uint8Array | null) => (bytes === null ? null : toBareHex(bytes));

// The oracle's answer in our form: 64 bytes, or null.
function recoverByNoble(hash: Uint8Array, r: Uint8Array, s: Uint8Array, yParity: number): Uint8Array | null {
  try {
    const signature = noble.Signature.fromBytes(new Uint8Array([...r, ...s]), "compact").addRecoveryBit(yParity);
    return signature.recoverPublicKey(hash).toBytes(false).slice(1);
  } catch {
    return null;
  }
}

function randomKey(random: SeededRandom): Uint8Array {
  for (;;) {
    const key = random.bytes(32);
    if (isValidPrivateKey(key)) return key;
  }
}

describe("secp256k1", () => {
  test("signs by the native add-on, recovers by the kernel", () => {
    expect(SECP256K1_BACKEND).toBe("native");
    expect(RECOVERY_BACKEND).toBe("wasm");
  });

  test("a well-known development key", () => {
    const key = fromHex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
    expect(toBareHex(addressFromPrivateKey(key))).toBe("f39fd6e51aad88f6f4ce6ab8827279cfffb92266");
  });

  test("keys, signatures and recovery equal noble's on random inputs", () => {
    const random = new SeededRandom(seed);
    for (let round = 0; round < 120; round++) {
      const message = `seed ${seed}, round ${round}`;
      const key = randomKey(random);
      const hash = random.bytes(32);
      const publicKey = noble.getPublicKey(key, false).slice(1);
      expect(toBareHex(publicKeyFromPrivateKey(key)), message).toBe(toBareHex(publicKey));
      expect(toBareHex(addressFromPublicKey(publicKey)), message).toBe(toBareHex(keccak_256(publicKey).slice(12)));

      const signature = sign(hash, key);
      const expected = noble.sign(hash, key, { prehash: false, lowS: true, format: "recovered" });
      expect(toBareHex(encodeSignature(signature)), message).toBe(
        `${toBareHex(expected.subarray(1))}0${expected[0]!.toString(16)}`,
      );
      expect(bigintFromBytes(signature.s) <= N / 2n, message).toBe(true);
      const { r, s, yParity } = signature;
      expect(hexOrNull(recoverPublicKey(hash, r, s, yParity)), message).toBe(toBareHex(publicKey));
      expect(hexOrNull(recoverAddress(hash, r, s, yParity)), message).toBe(toBareHex(addressFromPrivateKey(key)));

      const otherParity = yParity === 0 ? 1 : 0;
      expect(hexOrNull(recoverPublicKey(hash, r, s, otherParity)), message).toBe(
        hexOrNull(recoverByNoble(hash, r, s, otherParity)),
      );
      // The malleated twin (n - s, other parity) recovers the same key: high s is the caller's to refuse.
      const highS = word(N - bigintFromBytes(s));
      expect(hexOrNull(recoverPublicKey(hash, r, highS, otherParity)), message).toBe(toBareHex(publicKey));
    }
  });

  test("random r and s: recovered or refused as noble does", () => {
    const random = new SeededRandom(seed + 1);
    let refused = 0;
    for (let round = 0; round < 120; round++) {
      const [hash, r, s] = [random.bytes(32), random.bytes(32), random.bytes(32)] as const;
      const yParity = random.below(2);
      const expected = recoverByNoble(hash, r, s, yParity);
      if (expected === null) refused++;
      expect(hexOrNull(recoverPublicKey(hash, r, s, yParity)), `seed ${seed + 1}, round ${round}`).toBe(
        hexOrNull(expected),
      );
    }
    expect(refused).toBeGreaterThan(30); // about half of all x have no point
    expect(refused).toBeLessThan(90);
  });

  test("edge values of r, s and the hash", () => {
    const key = randomKey(new SeededRandom(seed + 2));
    const hash = word(12345n);
    const { r, s, yParity } = sign(hash, key);
    const edges = [0n, 1n, 2n, 5n, N / 2n, N / 2n + 1n, N - 1n, N, N + 1n, P - 1n, P, 2n ** 256n - 1n].map(word);
    for (const parity of [0, 1] as const) {
      for (const edge of edges) {
        const name = `edge ${toBareHex(edge)}, parity ${parity}`;
        const outOfRange = bigintFromBytes(edge) === 0n || bigintFromBytes(edge) >= N;
        for (const [er, es] of [
          [edge, s],
          [r, edge],
          [edge, edge],
        ] as const) {
          const actual = recoverPublicKey(hash, er, es, parity);
          expect(hexOrNull(actual), name).toBe(hexOrNull(recoverByNoble(hash, er, es, parity)));
          if (outOfRange) expect(actual, name).toBeNull();
        }
        expect(hexOrNull(recoverPublicKey(edge, r, s, parity)), name).toBe(
          hexOrNull(recoverByNoble(edge, r, s, parity)),
        );
      }
    }
    for (const parity of [2, 3, 27, 28, -1, 0.5, Number.NaN]) {
      expect(recoverPublicKey(hash, r, s, parity), `parity ${parity}`).toBeNull();
      expect(recoverAddress(hash, r, s, parity), `parity ${parity}`).toBeNull();
    }
    expect(hexOrNull(recoverAddress(hash, r, s, yParity))).toBe(toBareHex(addressFromPrivateKey(key)));
  });

  test("a signature whose key would be the point at infinity recovers nothing", () => {
    // The key is (sR - zG) / r; with R = kG and z = s·k it vanishes.
    const k = 7n;
    const point = noble.Point.BASE.multiply(k).toAffine();
    const s = 11n;
    const parity = Number(point.y & 1n);
    const hash = word((s * k) % N);
    expect(recoverByNoble(hash, word(point.x), word(s), parity)).toBeNull();
    expect(recoverPublicKey(hash, word(point.x), word(s), parity)).toBeNull();
  });

  test("hashes at and above the group order sign as RFC 6979 says, in both implementations", () => {
    const key = randomKey(new SeededRandom(seed + 3));
    for (const value of [0n, 1n, N - 1n, N, N + 1n, 2n ** 256n - 1n]) {
      const hash = word(value);
      const { r, s, yParity } = sign(hash, key);
      const expected = noble.sign(hash, key, { prehash: false, lowS: true, format: "recovered" });
      expect(toBareHex(new Uint8Array([yParity, ...r, ...s])), `hash ${value}`).toBe(toBareHex(expected));
      expect(hexOrNull(recoverAddress(hash, r, s, yParity))).toBe(toBareHex(addressFromPrivateKey(key)));
    }
  });

  test("private keys: only [1, n) and only 32 bytes", () => {
    for (const value of [1n, 2n, N - 1n]) expect(isValidPrivateKey(word(value)), `${value}`).toBe(true);
    for (const value of [0n, N, N + 1n, 2n ** 256n - 1n]) {
      expect(isValidPrivateKey(word(value)), `${value}`).toBe(false);
      expect(() => sign(word(1n), word(value))).toThrow("private key");
      expect(() => publicKeyFromPrivateKey(word(value))).toThrow("private key");
    }
    expect(isValidPrivateKey(new Uint8Array(31).fill(1))).toBe(false);
    expect(isValidPrivateKey(new Uint8Array(33).fill(1))).toBe(false);
    expect(() => sign(new Uint8Array(31), word(1n))).toThrow("32 bytes");
  });

  test("reads keys, hashes and signatures from shared memory", () => {
    const shared = (bytes: Uint8Array) => {
      const view = new Uint8Array(new SharedArrayBuffer(64), 8, bytes.length);
      view.set(bytes);
      return view;
    };
    const key = word(0xabcdefn);
    const hash = word(77n);
    const { r, s, yParity } = sign(shared(hash), shared(key));
    expect({ r, s, yParity }).toEqual(sign(hash, key));
    const address = recoverAddress(shared(hash), shared(r), shared(s), yParity);
    expect(hexOrNull(address)).toBe(toBareHex(addressFromPrivateKey(shared(key))));
  });

  test("encoded signatures", () => {
    const signature = sign(word(99n), word(7n));
    const bytes = encodeSignature(signature);
    expect(bytes.length).toBe(65);
    expect(decodeSignature(bytes)).toEqual(signature);
    expect(decodeSignature(bytes.subarray(0, 64))).toBeNull();
    expect(decodeSignature(new Uint8Array(66))).toBeNull();
    const altered = (at: number, replacement: Uint8Array) => {
      const copy = bytes.slice();
      copy.set(replacement, at);
      return copy;
    };
    expect(decodeSignature(altered(64, Uint8Array.of(2)))).toBeNull();
    expect(decodeSignature(altered(64, Uint8Array.of(27)))).toBeNull();
    for (const at of [0, 32]) {
      expect(decodeSignature(altered(at, word(0n)))).toBeNull();
      expect(decodeSignature(altered(at, word(N)))).toBeNull();
      expect(decodeSignature(altered(at, word(N - 1n)))).not.toBeNull();
    }
  });

  test("both implementations agree through the shared interface", () => {
    const backends = [nativeSecp256k1!, createNobleSecp256k1()];
    const random = new SeededRandom(seed + 4);
    for (let round = 0; round < 30; round++) {
      const key = randomKey(random);
      const hash = word(bigintFromBytes(random.bytes(32)) % N);
      const answers = backends.map((backend) => {
        const signature = new Uint8Array(64);
        const publicKey = new Uint8Array(65);
        const derived = new Uint8Array(65);
        const recoveryId = backend.sign(hash, key, signature);
        const found = backend.recover(hash, signature, recoveryId === 0 ? 0 : 1, publicKey);
        backend.derivePublicKey(key, derived);
        return [toBareHex(signature), recoveryId, found, toBareHex(publicKey), toBareHex(derived)];
      });
      expect(answers[1]!, `seed ${seed + 4}, round ${round}`).toEqual(answers[0]!);
      expect(answers[0]![3]).toBe(answers[0]![4]!);
    }
  });
});
