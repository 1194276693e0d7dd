// The loader: the process-wide count of memories, across threads, and refusal of invalid modules. Feature detection
// with it.

import { describe, expect, test } from "bun:test";
import { wasmFeatures } from "#wasm/features.ts";
import {
  clearLedgerSlot,
  compileModule,
  createMemory,
  MEMORY_COUNT_MAX,
  memoryCount,
  memoryLedger,
  releaseMemory,
} from "#wasm/loader.ts";

const onePage = { initialPages: 1, maximumPages: 1, shared: false } as const;

describe("memories", () => {
  test("the ninth in a process is refused, and one given back makes room", () => {
    const before = memoryCount();
    const made = Array.from({ length: MEMORY_COUNT_MAX - before }, () => createMemory(onePage));
    expect(memoryCount()).toBe(MEMORY_COUNT_MAX);
    expect(() => createMemory(onePage)).toThrow("more than 8 WebAssembly memories");
    expect(memoryCount()).toBe(MEMORY_COUNT_MAX);
    releaseMemory(made.pop()!);
    made.push(createMemory({ ...onePage, shared: true }));
    expect(made.at(-1)!.buffer).toBeInstanceOf(SharedArrayBuffer);
    for (const memory of made) releaseMemory(memory);
    expect(memoryCount()).toBe(before);
  });

  test("a memory that cannot be made is not counted", () => {
    const before = memoryCount();
    expect(() => createMemory({ initialPages: 2, maximumPages: 1, shared: false })).toThrow(RangeError);
    expect(memoryCount()).toBe(before);
  });

  test("other threads count through the ledger, until their slot is cleared", async () => {
    const before = memoryCount();
    const worker = new Worker(new URL("./ledger-worker.fixture.ts", import.meta.url).href);
    const answer = new Promise<string>((resolve, reject) => {
      worker.onmessage = (event) => resolve(event.data as string);
      worker.onerror = (event) => reject(new Error(event.message));
    });
    worker.postMessage({ ledger: memoryLedger(), slot: 3, memories: 3 });
    expect(await answer).toBe(`counts ${before + 3}`);
    expect(memoryCount()).toBe(before + 3);
    worker.terminate();
    clearLedgerSlot(3);
    expect(memoryCount()).toBe(before);
  });
});

describe("modules", () => {
  test("bytes that are not valid are a bug", () => {
    expect(() => compileModule(new Uint8Array([0, 0x61, 0x73, 0x6d, 9, 0, 0, 0]))).toThrow("does not compile");
  });
});

describe("features", () => {
  test("this engine has what the kernels are written for", () => {
    expect(wasmFeatures()).toEqual({
      core: true,
      wideArithmetic: true,
      simd: true,
      relaxedSimd: true,
      threads: true,
      tailCalls: true,
    });
    expect(wasmFeatures()).toBe(wasmFeatures());
  });
});
