// Keccak-256 against @noble/hashes: every short length, buffer edges of the kernel, random long messages.

import { describe, expect, test } from "bun:test";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { KECCAK_BACKEND, KECCAK_EMPTY, KECCAK_EMPTY_RLP, keccak256, keccak256Into } from "#crypto/keccak256.ts";
import { createKeccakKernel } from "#wasm/kernels/keccak.ts";
import { createMemory, releaseMemory } from "#wasm/loader.ts";

const seed = Number(process.env.MEGAETH_TEST_SEED ?? 20_260_702);

describe("keccak256", () => {
  test("runs on the kernel", () => {
    expect(KECCAK_BACKEND).toBe("wasm");
  });

  test("known hashes", () => {
    expect(toBareHex(keccak256(new Uint8Array(0)))).toBe(toBareHex(KECCAK_EMPTY));
    expect(toBareHex(keccak256(Uint8Array.of(0x80)))).toBe(toBareHex(KECCAK_EMPTY_RLP));
    expect(toBareHex(keccak256(new TextEncoder().encode("Transfer(address,address,uint256)")))).toBe(
      "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
    );
  });

  test("every length from 0 to 600", () => {
    const bytes = new SeededRandom(seed).bytes(600);
    for (let size = 0; size <= 600; size++) {
      const message = bytes.subarray(0, size);
      expect(toBareHex(keccak256(message)), `seed ${seed}, ${size} bytes`).toBe(toBareHex(keccak_256(message)));
    }
  });

  test("around the ends of the input buffer", () => {
    const page = 65_536;
    const chunk = page - 760 - ((page - 760) % 136);
    const bytes = new SeededRandom(seed).bytes(3 * page);
    const edges = [chunk, 2 * chunk, page, 2 * page].flatMap((at) => [-136, -1, 0, 1, 135, 136].map((d) => at + d));
    for (const size of edges) {
      const message = bytes.subarray(0, size);
      expect(toBareHex(keccak256(message)), `seed ${seed}, ${size} bytes`).toBe(toBareHex(keccak_256(message)));
    }
  });

  test("random lengths up to a mebibyte, forwards and again", () => {
    const random = new SeededRandom(seed + 1);
    const bytes = random.bytes(1 << 20);
    const sizes = [1 << 20, ...Array.from({ length: 12 }, () => random.below(1 << (1 + random.below(20))))];
    const first = sizes.map((size) => toBareHex(keccak256(bytes.subarray(0, size))));
    const second = sizes.map((size) => toBareHex(keccak256(bytes.subarray(0, size))));
    const expected = sizes.map((size) => toBareHex(keccak_256(bytes.subarray(0, size))));
    expect(first, `seed ${seed + 1}`).toEqual(expected);
    expect(second, `seed ${seed + 1}`).toEqual(expected);
  });

  test("stays right after the optimizing tier has taken over", () => {
    const message = new SeededRandom(seed).bytes(200);
    const expected = toBareHex(keccak_256(message));
    for (let i = 0; i < 50_000; i++) keccak256Into(message, message, 0);
    let repeated = new SeededRandom(seed).bytes(200);
    for (let i = 0; i < 2000; i++) repeated = new Uint8Array([...keccak_256(repeated), ...repeated.subarray(32)]);
    const own = new SeededRandom(seed).bytes(200);
    for (let i = 0; i < 2000; i++) keccak256Into(own, own, 0);
    expect(toBareHex(own)).toBe(toBareHex(repeated));
    expect(toBareHex(keccak256(new SeededRandom(seed).bytes(200)))).toBe(expected);
  });

  test("writes 32 bytes at the offset and nothing else", () => {
    const out = new Uint8Array(40).fill(0xee);
    keccak256Into(new Uint8Array(3), out, 5);
    expect(toBareHex(out)).toBe(`${"ee".repeat(5)}${toBareHex(keccak_256(new Uint8Array(3)))}${"ee".repeat(3)}`);
    expect(() => keccak256Into(new Uint8Array(3), out, 9)).toThrow(RangeError);
  });

  test("results are independent arrays", () => {
    const first = keccak256(Uint8Array.of(1));
    const kept = toBareHex(first);
    keccak256(Uint8Array.of(2));
    expect(toBareHex(first)).toBe(kept);
    expect(first.buffer.byteLength).toBe(32);
  });

  test("reads shared memory", () => {
    const shared = new Uint8Array(new SharedArrayBuffer(300), 7, 200).fill(9);
    expect(toBareHex(keccak256(shared))).toBe(toBareHex(keccak_256(new Uint8Array(200).fill(9))));
  });
});

describe("two kernels", () => {
  test("a long message suspended while another kernel works is not disturbed", () => {
    const memory = createMemory({ initialPages: 1, maximumPages: 1, shared: true });
    const bytes = new Uint8Array(memory.buffer);
    const left = createKeccakKernel({ memory, base: 1024, sizeBytes: 1024 });
    const right = createKeccakKernel({ memory, base: 4096, sizeBytes: 2048 });
    const message = new SeededRandom(seed).bytes(136 * 4 + 50);
    bytes.set(message, 20_000);
    left.begin(20_000, 136);
    right.begin(20_000 + 136, 272);
    left.absorb(20_136, 136 * 3);
    right.finish(20_000 + 136 + 272, 136 + 50, right.outputAddress);
    left.finish(20_000 + 136 * 4, 50, left.outputAddress);
    const at = (address: number) => toBareHex(bytes.slice(address, address + 32));
    expect(at(left.outputAddress)).toBe(toBareHex(keccak_256(message)));
    expect(at(right.outputAddress)).toBe(toBareHex(keccak_256(message.subarray(136))));
    expect(toBareHex(bytes.slice(20_000, 20_000 + message.length))).toBe(toBareHex(message));
    releaseMemory(memory);
  });
});
