// Raw LZ4 blocks: round trips, an independent decoder written from the format's document, and hostile blocks.

import { describe, expect, test } from "bun:test";
import { toBareHex } from "#base/hex.ts";
import { LZ4_RAW_SIZE_MAX, lz4Compress, lz4Decompress } from "#base/lz4.ts";
import { SeededRandom } from "#base/random.ts";

const seed = Number(process.env.MEGAETH_TEST_SEED ?? 20_260_701);

// Decodes by the document alone; null when a length, offset or literal run leaves its bounds.
function decodeReference(block: Uint8Array): Uint8Array | null {
  const out: number[] = [];
  let at = 0;
  const extended = (nibble: number): number => {
    let length = nibble;
    if (nibble < 15) return length;
    for (;;) {
      const byte = block[at++];
      if (byte === undefined) return Number.NaN;
      length += byte;
      if (byte !== 255) return length;
    }
  };
  while (at < block.length) {
    const token = block[at++]!;
    const literalCount = extended(token >> 4);
    if (Number.isNaN(literalCount) || at + literalCount > block.length) return null;
    for (let i = 0; i < literalCount; i++) out.push(block[at++]!);
    if (at === block.length) return new Uint8Array(out);
    const offset = block[at]! | (block[at + 1]! << 8);
    if (at + 2 > block.length || offset === 0 || offset > out.length) return null;
    at += 2;
    const matchSize = extended(token & 15) + 4;
    if (Number.isNaN(matchSize)) return null;
    for (let i = 0; i < matchSize; i++) out.push(out[out.length - offset]!);
  }
  return null;
}

// Compressible and not: runs, repeats of earlier bytes, noise.
function mixedBytes(random: SeededRandom, sizeMax: number): Uint8Array {
  const bytes = new Uint8Array(random.below(sizeMax + 1));
  let at = 0;
  while (at < bytes.length) {
    const run = Math.min(1 + random.below(80), bytes.length - at);
    const kind = random.below(3);
    if (kind === 0) bytes.fill(random.below(256), at, at + run);
    else if (kind === 1 && at > 0) for (let i = 0; i < run; i++) bytes[at + i] = bytes[random.below(at)]!;
    else bytes.set(random.bytes(run), at);
    at += run;
  }
  return bytes;
}

describe("lz4", () => {
  test("a known block decodes", () => {
    const block = Uint8Array.from([0x29, 0x61, 0x62, 2, 0, 0x50, 0x68, 0x65, 0x6c, 0x6c, 0x6f]);
    expect(new TextDecoder().decode(lz4Decompress(block, 20))).toBe("abababababababahello");
    expect(toBareHex(decodeReference(block)!)).toBe(toBareHex(lz4Decompress(block, 20)));
  });

  test("blocks restore their input and carry no size", () => {
    const random = new SeededRandom(seed);
    for (let round = 0; round < 400; round++) {
      const raw = mixedBytes(random, round < 40 ? round : 5000);
      const block = lz4Compress(raw);
      const message = `seed ${seed}, round ${round}, ${raw.length} bytes`;
      expect(toBareHex(lz4Decompress(block, raw.length)), message).toBe(toBareHex(raw));
      expect(toBareHex(decodeReference(block) ?? new Uint8Array()), message).toBe(toBareHex(raw));
    }
  });

  test("large inputs and shared memory", () => {
    const raw = new Uint8Array(new SharedArrayBuffer(3 << 20));
    raw.set(new SeededRandom(seed).bytes(1 << 20), 1 << 20);
    const restored = lz4Decompress(lz4Compress(raw), raw.length);
    expect(Buffer.compare(restored, raw)).toBe(0);
    expect(restored.constructor).toBe(Uint8Array);
  });

  test("another size than the block's is refused", () => {
    const block = lz4Compress(new Uint8Array(1000).fill(7));
    for (const rawSize of [0, 1, 999, 1001, 1002, 2000]) {
      expect(() => lz4Decompress(block, rawSize), `raw size ${rawSize}`).toThrow(RangeError);
    }
  });

  test("sizes that no block of this length can have are refused before allocation", () => {
    const block = lz4Compress(new Uint8Array(100));
    for (const rawSize of [-1, 1.5, Number.NaN, 2 ** 32, 2 ** 53, LZ4_RAW_SIZE_MAX + 1, LZ4_RAW_SIZE_MAX]) {
      expect(() => lz4Decompress(block, rawSize), `raw size ${rawSize}`).toThrow(RangeError);
    }
    expect(() => lz4Decompress(new Uint8Array(0), 0)).toThrow(RangeError);
  });

  test("the densest possible block is within the size bound", () => {
    const raw = new Uint8Array(1 << 20);
    expect(lz4Decompress(lz4Compress(raw), raw.length).length).toBe(raw.length);
  });

  test("every truncation is refused", () => {
    const random = new SeededRandom(seed + 1);
    for (let round = 0; round < 20; round++) {
      const raw = mixedBytes(random, 300);
      const block = lz4Compress(raw);
      for (let size = 0; size < block.length; size++) {
        const message = `seed ${seed + 1}, round ${round}, cut to ${size} of ${block.length}`;
        expect(() => lz4Decompress(block.subarray(0, size), raw.length), message).toThrow(RangeError);
      }
    }
  });

  test("flipped bits give a RangeError or what the format says, never another error", () => {
    const random = new SeededRandom(seed + 2);
    let refused = 0;
    for (let round = 0; round < 4000; round++) {
      const raw = mixedBytes(random, 400);
      const block = lz4Compress(raw);
      for (let flips = 1 + random.below(3); flips > 0; flips--) {
        block[random.below(block.length)]! ^= 1 << random.below(8);
      }
      const message = `seed ${seed + 2}, round ${round}`;
      let decoded: Uint8Array | null = null;
      try {
        decoded = lz4Decompress(block, raw.length);
      } catch (error) {
        expect(error, message).toBeInstanceOf(RangeError);
        refused++;
      }
      if (decoded !== null) {
        expect(toBareHex(decoded), message).toBe(toBareHex(decodeReference(block) ?? new Uint8Array()));
      }
    }
    expect(refused, `seed ${seed + 2}`).toBeGreaterThan(400); // most flips hit literals and change only content
  });
});
