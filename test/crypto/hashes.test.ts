// BLAKE3 and SHA-256 against @noble/hashes, in one call and in pieces.

import { describe, expect, test } from "bun:test";
import { blake3 as nobleBlake3 } from "@noble/hashes/blake3.js";
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { BLAKE3_BACKEND, Blake3Hasher, blake3 } from "#crypto/blake3.ts";
import { sha256 } from "#crypto/sha256.ts";

const seed = Number(process.env.MEGAETH_TEST_SEED ?? 20_260_703);

// Block, chunk and subtree edges of BLAKE3, and beyond.
const SIZES = [0, 1, 2, 31, 32, 63, 64, 65, 127, 128, 1023, 1024, 1025, 2048, 2049, 4096, 31_744, 102_400];

describe("blake3", () => {
  test("runs on the native add-on", () => {
    expect(BLAKE3_BACKEND).toBe("native");
  });

  test("equals noble at every edge", () => {
    const bytes = new SeededRandom(seed).bytes(102_400);
    for (const size of SIZES) {
      const message = bytes.subarray(0, size);
      expect(toBareHex(blake3(message)), `seed ${seed}, ${size} bytes`).toBe(toBareHex(nobleBlake3(message)));
    }
  });

  test("in pieces equals at once, and a digest may be taken in between", () => {
    const random = new SeededRandom(seed + 1);
    for (let round = 0; round < 50; round++) {
      const message = random.bytes(random.below(8000));
      const hasher = new Blake3Hasher();
      let at = 0;
      while (at < message.length) {
        const end = Math.min(message.length, at + 1 + random.below(3000));
        expect(hasher.update(message.subarray(at, end))).toBe(hasher);
        at = end;
        if (random.chance(0.3)) {
          expect(toBareHex(hasher.digest()), `seed ${seed + 1}`).toBe(toBareHex(nobleBlake3(message.subarray(0, at))));
        }
      }
      expect(toBareHex(hasher.digest()), `seed ${seed + 1}, round ${round}`).toBe(toBareHex(nobleBlake3(message)));
    }
  });

  test("answers plain arrays and reads shared memory", () => {
    const shared = new Uint8Array(new SharedArrayBuffer(100), 3, 90).fill(5);
    const plain = new Uint8Array(90).fill(5);
    expect(toBareHex(blake3(shared))).toBe(toBareHex(nobleBlake3(plain)));
    expect(toBareHex(new Blake3Hasher().update(shared).digest())).toBe(toBareHex(nobleBlake3(plain)));
    expect(blake3(plain).constructor).toBe(Uint8Array);
    expect(new Blake3Hasher().digest().constructor).toBe(Uint8Array);
  });
});

describe("sha256", () => {
  test("equals noble", () => {
    const bytes = new SeededRandom(seed + 2).bytes(102_400);
    for (const size of SIZES) {
      const message = bytes.subarray(0, size);
      expect(toBareHex(sha256(message)), `seed ${seed + 2}, ${size} bytes`).toBe(toBareHex(nobleSha256(message)));
    }
    expect(sha256(bytes).constructor).toBe(Uint8Array);
    expect(toBareHex(sha256(new Uint8Array(new SharedArrayBuffer(70))))).toBe(
      toBareHex(nobleSha256(new Uint8Array(70))),
    );
  });
});
