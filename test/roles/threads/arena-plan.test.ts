// The arena's ranges: apart from each other, aligned, inside the arena, and large enough for the kernels that go there.

import { describe, expect, test } from "bun:test";
import { type ArenaRange, type ArenaRangeName, arenaPageCount, arenaRange } from "#roles/threads/arena-plan.ts";
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
