// The arena's ranges: apart from each other, aligned, inside the arena, and large enough for the kernels that go there.

import { describe, expect, test } from "bun:test";
import { RANGE_SIZE_BYTES_MIN } from "#evm/runtime/range.ts";
import {
  type ArenaRange,
  type ArenaRangeName,
  arenaPageCount,
  arenaRange,
  planArena,
} from "#roles/threads/arena-plan.ts";
import { KECCAK_RANGE_SIZE_BYTES_MIN } from "#wasm/kernels/keccak.ts";
import { SECP256K1_RANGE_SIZE_BYTES } from "#wasm/kernels/secp256k1/layout.ts";
import { PAGE_SIZE_BYTES } from "#wasm/loader.ts";

const NAMES: readonly ArenaRangeName[] = ["keccak", "secp256k1", "precompiles"];

describe("arena plan", () => {
  test("no two ranges of any threads overlap, and all are inside the arena", () => {
    const threadCount = 9;
    const ranges: ArenaRange[] = [];
    for (let thread = 0; thread < threadCount; thread++) {
      for (const name of NAMES) ranges.push(arenaRange(thread, name));
    }
    ranges.sort((a, b) => a.base - b.base);
    for (const [i, { base, sizeBytes }] of ranges.entries()) {
      expect(base % 64).toBe(0);
      expect(base).toBeGreaterThanOrEqual(i === 0 ? 0 : ranges[i - 1]!.base + ranges[i - 1]!.sizeBytes);
      expect(base + sizeBytes).toBeLessThanOrEqual(arenaPageCount(threadCount) * PAGE_SIZE_BYTES);
    }
    expect(arenaPageCount(threadCount - 1)).toBeLessThan(arenaPageCount(threadCount));
  });

  test("kernels fit", () => {
    expect(arenaRange(3, "keccak").sizeBytes).toBeGreaterThanOrEqual(KECCAK_RANGE_SIZE_BYTES_MIN);
    expect(arenaRange(3, "secp256k1").sizeBytes).toBeGreaterThanOrEqual(SECP256K1_RANGE_SIZE_BYTES);
  });
});

describe("ranges that byte code runs in", () => {
  const MEBIBYTE = 1 << 20;
  const all = ({ evm }: ReturnType<typeof planArena>) => [
    evm.compile,
    ...(evm.execute ? [evm.execute] : []),
    ...evm.read,
  ];

  test("they lie behind the kernels, apart from each other, below 4 GiB, however many readers there are", () => {
    for (const readCount of [1, 2, 7, 64]) {
      const demand = { threadCount: readCount + 5, readCount, transactionGasMax: 10n ** 10n, callGasMax: 10n ** 9n };
      const plan = planArena(demand);
      let end = arenaPageCount(demand.threadCount) * PAGE_SIZE_BYTES;
      for (const { base, sizeBytes } of all(plan)) {
        expect([base, base % PAGE_SIZE_BYTES, sizeBytes % PAGE_SIZE_BYTES]).toEqual([end, 0, 0]);
        expect(sizeBytes).toBeGreaterThanOrEqual(RANGE_SIZE_BYTES_MIN);
        end = base + sizeBytes;
      }
      expect(plan.pageCount * PAGE_SIZE_BYTES).toBe(end);
      expect(end).toBeLessThan(2 ** 32);
    }
  });

  test("their sizes follow the gas that a run may have, and the executor's does not depend on the readers", () => {
    const demand = { threadCount: 9, readCount: 2, transactionGasMax: 30_000_000n, callGasMax: 1_000_000n };
    const { evm } = planArena(demand);
    expect(evm.execute?.sizeBytes).toBeGreaterThan(256 * MEBIBYTE);
    expect(evm.read.map(({ sizeBytes }) => sizeBytes < (evm.execute?.sizeBytes ?? 0))).toEqual([true, true]);
    expect(planArena({ ...demand, readCount: 64, threadCount: 71 }).evm.execute?.sizeBytes).toBe(
      evm.execute!.sizeBytes,
    );
    expect(planArena({ ...demand, transactionGasMax: null }).evm.execute).toBe(null);
  });
});
