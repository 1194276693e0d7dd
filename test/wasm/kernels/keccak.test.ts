// The keccak kernel's module: deterministic bytes, and placement in a range. Hashes are checked in test/crypto.

import { describe, expect, test } from "bun:test";
import { toBareHex } from "#base/hex.ts";
import { createKeccakKernel, emitKeccakModule, KECCAK_RANGE_SIZE_BYTES_MIN } from "#wasm/kernels/keccak.ts";
import { createMemory, releaseMemory } from "#wasm/loader.ts";

describe("keccak kernel", () => {
  test("the same bytes every time, valid for both kinds of memory", () => {
    for (const shared of [false, true]) {
      const bytes = emitKeccakModule(shared);
      expect(toBareHex(bytes)).toBe(toBareHex(emitKeccakModule(shared)));
      expect(WebAssembly.validate(bytes)).toBe(true);
      expect(bytes.length).toBeLessThan(4096);
    }
    expect(toBareHex(emitKeccakModule(false))).not.toBe(toBareHex(emitKeccakModule(true)));
  });

  test("stays inside its range", () => {
    const memory = createMemory({ initialPages: 1, maximumPages: 1, shared: false });
    const bytes = new Uint8Array(memory.buffer).fill(0xa5);
    const base = 8192;
    const kernel = createKeccakKernel({ memory, base, sizeBytes: KECCAK_RANGE_SIZE_BYTES_MIN });
    expect(kernel.inputSizeBytes).toBe(136);
    bytes.fill(0, kernel.inputAddress, kernel.inputAddress + 136);
    for (let size = 0; size <= 136; size++) kernel.hash(kernel.inputAddress, size, kernel.outputAddress);
    kernel.begin(kernel.inputAddress, 136);
    kernel.finish(kernel.inputAddress, 100, kernel.outputAddress);
    expect(bytes.subarray(0, base).every((byte) => byte === 0xa5)).toBe(true);
    expect(bytes.subarray(base + KECCAK_RANGE_SIZE_BYTES_MIN).every((byte) => byte === 0xa5)).toBe(true);
    releaseMemory(memory);
  });

  test("reads an input that ends with the memory", () => {
    const memory = createMemory({ initialPages: 1, maximumPages: 1, shared: false });
    const kernel = createKeccakKernel({ memory, base: 0, sizeBytes: KECCAK_RANGE_SIZE_BYTES_MIN });
    for (let size = 0; size <= 300; size++) kernel.hash(65_536 - size, size, kernel.outputAddress);
    expect(() => kernel.hash(65_536 - 10, 11, kernel.outputAddress)).toThrow(WebAssembly.RuntimeError);
    releaseMemory(memory);
  });

  test("a range that does not fit is refused", () => {
    const memory = createMemory({ initialPages: 1, maximumPages: 1, shared: false });
    expect(() => createKeccakKernel({ memory, base: 4, sizeBytes: 4096 })).toThrow("multiple of 8");
    expect(() => createKeccakKernel({ memory, base: 0, sizeBytes: 600 })).toThrow("too small");
    expect(() => createKeccakKernel({ memory, base: 65_536 - 1024, sizeBytes: 2048 })).toThrow("behind the memory");
    releaseMemory(memory);
  });
});
