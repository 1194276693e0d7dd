// The Banderwagon kernel's module: deterministic bytes, its place in a memory, and the same results with and without
// wide arithmetic. Points and scalars are checked in test/crypto, where integers and rust-verkle are the oracles.

import { describe, expect, test } from "bun:test";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { deriveBases, SALT_SEED } from "#crypto/banderwagon/bases.ts";
import { KernelWorkspace } from "#crypto/banderwagon/kernel-workspace.ts";
import { PairList } from "#crypto/banderwagon/point-sums.ts";
import { emitBanderwagonModule } from "#wasm/kernels/banderwagon/kernel.ts";
import { createMemory, releaseMemory } from "#wasm/loader.ts";

const SEED = Number(process.env.MEGAETH_SEED ?? 20_261_128);
console.log(`seed ${SEED}`);

// What every function of the kernel answers to the same operands.
function answers(kernel: KernelWorkspace): string[] {
  const random = new SeededRandom(SEED);
  const { calls } = kernel;
  const count = 12;
  const plain = kernel.put(deriveBases(kernel, SALT_SEED, count));
  const [affine, scalars] = [kernel.take(64 * count), kernel.take(32 * count)];
  const list = new PairList(kernel, count);
  calls.lift(affine, plain, count);
  for (let i = 0; i < count; i++) list.push(affine + 64 * i, affine + 64 * i, affine + 64 * (i & ~1), i % 3 === 0);
  list.flush();
  calls.drop(plain, scalars, affine, count);
  const found = [kernel.copyOut(plain, 64 * count), kernel.copyOut(scalars, 32 * count)];
  calls.mapToScalars(scalars, plain, count);
  found.push(kernel.copyOut(scalars, 32 * count));
  const [a, b] = [kernel.put(random.bytes(32 * count)), kernel.put(random.bytes(32 * count))];
  const indices = kernel.put(new Uint8Array(Uint32Array.from({ length: count }, () => random.below(count)).buffer));
  const steps = [
    () => calls.scalarsRead(a, a, count),
    () => calls.scalarsRead(b, b, count),
    () => calls.scalarsAdd(a, a, b, count),
    () => calls.scalarsMul(b, a, b, count),
    () => calls.scalarsSub(a, b, a, count),
    () => calls.scalarsScale(a, a, b, count),
    () => calls.scalarsAddScaled(b, b, a, b, count),
    () => calls.scalarsInnerProduct(a, a, b, count),
    () => calls.scalarsInverse(b, b, count),
    () => calls.scalarsScatterAdd(a, b, indices, count),
    () => calls.scalarsGather(b, a, indices, count),
    () => calls.scalarsPowers(a, b, count),
    () => calls.scalarsWrite(a, a, count),
    () => calls.biasScalars(a, b, count),
  ];
  for (const step of steps) {
    step();
    found.push(kernel.copyOut(a, 32 * count), kernel.copyOut(b, 32 * count));
  }
  return found.map(toBareHex);
}

describe("Banderwagon kernel", () => {
  test("the same bytes every time, valid for both kinds of memory", () => {
    for (const shared of [false, true]) {
      for (const wideArithmetic of [false, true]) {
        const { bytes } = emitBanderwagonModule({ shared, wideArithmetic });
        expect(toBareHex(bytes)).toBe(toBareHex(emitBanderwagonModule({ shared, wideArithmetic }).bytes));
        expect(WebAssembly.validate(bytes)).toBe(true);
      }
    }
  });

  test("the same answers without wide arithmetic", () => {
    const sizeBytes = 1 << 16;
    const [wide, narrow] = [true, false].map((wideArithmetic) => new KernelWorkspace({ sizeBytes, wideArithmetic }));
    expect(answers(narrow!)).toEqual(answers(wide!));
    wide!.release();
    narrow!.release();
  });

  test("stays inside its range of a shared memory", () => {
    const memory = createMemory({ initialPages: 12, maximumPages: 12, shared: true });
    const bytes = new Uint8Array(memory.buffer).fill(0xa5);
    const [base, sizeBytes] = [8192, 8 * 65_536];
    const placed = new KernelWorkspace({ sizeBytes: 1 << 16, placement: { memory, base, sizeBytes } });
    const alone = new KernelWorkspace({ sizeBytes: 1 << 16 });
    expect(answers(placed)).toEqual(answers(alone));
    expect(bytes.subarray(0, base).every((byte) => byte === 0xa5)).toBe(true);
    expect(bytes.subarray(base + sizeBytes).every((byte) => byte === 0xa5)).toBe(true);
    alone.release();
    releaseMemory(memory);
  });

  test("a range that is too small is refused", () => {
    const memory = createMemory({ initialPages: 2, maximumPages: 2, shared: false });
    const placement = { memory, base: 0, sizeBytes: 2 * 65_536 };
    expect(() => new KernelWorkspace({ sizeBytes: 64, placement })).toThrow("too small");
    releaseMemory(memory);
  });

  test("the work area has an end", () => {
    const kernel = new KernelWorkspace({ sizeBytes: 4096 });
    expect(() => kernel.scope(() => kernel.take(1 << 20))).toThrow("too small");
    kernel.release();
  });
});
