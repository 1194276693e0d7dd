// The layout of ranges: regions that do not overlap, whatever the size, and words that come back as they went in.

import { describe, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { UINT256_MAX } from "#chain/primitives.ts";
import {
  readAddress,
  readCount,
  readHash,
  readInteger,
  writeAddress,
  writeCount,
  writeHash,
  writeInteger,
} from "#evm/runtime/arena-words.ts";
import { createRange, layOutRange, rangeSizeForGas } from "#evm/runtime/range.ts";
import {
  ACCOUNT_SIZE_BYTES,
  CONTEXT,
  CONTEXT_SIZE_BYTES,
  FRAME_COUNT,
  FRAME_SIZE_BYTES,
  JOURNAL_SIZE_BYTES,
  SLOT_SIZE_BYTES,
} from "#formats/memory/evm-arena.ts";
import { KECCAK_SCRATCH_SIZE_BYTES } from "#wasm/kernels/keccak.ts";
import { releaseMemory } from "#wasm/loader.ts";

const MEBIBYTE = 1024 * 1024;
const SEED = 20_261_128;

describe("regions", () => {
  for (const { sizeMebibytes, base } of [
    { sizeMebibytes: 32, base: 0 },
    { sizeMebibytes: 100, base: 3 * 64 },
    { sizeMebibytes: 512, base: 0 },
  ]) {
    test(`of ${sizeMebibytes} MiB from ${base} on lie one behind the other`, () => {
      const whole = createRange(sizeMebibytes * MEBIBYTE + 65_536);
      const sizeBytes = sizeMebibytes * MEBIBYTE;
      const arena = layOutRange({ memory: whole.memory, base, sizeBytes });
      const field = (offset: number) => arena.words32[(base + offset) >> 2]!;
      const spans: [start: number, end: number][] = [
        [base, base + CONTEXT_SIZE_BYTES],
        [arena.firstFrame, arena.firstFrame + FRAME_COUNT * FRAME_SIZE_BYTES],
        [arena.keccakBase, arena.keccakBase + KECCAK_SCRATCH_SIZE_BYTES],
        [field(CONTEXT.blobHashes), field(CONTEXT.blobHashesCapacityEnd)],
        [field(CONTEXT.stacks), field(CONTEXT.stacksEnd)],
        [field(CONTEXT.accountIndex), field(CONTEXT.accountIndex) + 8 * (field(CONTEXT.accountIndexMask) + 1)],
        // One record more than counts: the spare.
        [field(CONTEXT.accounts), field(CONTEXT.accounts) + ACCOUNT_SIZE_BYTES * (field(CONTEXT.accountCapacity) + 1)],
        [field(CONTEXT.slotIndex), field(CONTEXT.slotIndex) + 8 * (field(CONTEXT.slotIndexMask) + 1)],
        [field(CONTEXT.slots), field(CONTEXT.slots) + SLOT_SIZE_BYTES * (field(CONTEXT.slotCapacity) + 1)],
        [field(CONTEXT.journal), field(CONTEXT.journalCapacityEnd)],
        [field(CONTEXT.logs), field(CONTEXT.logsCapacityEnd)],
        [field(CONTEXT.input), field(CONTEXT.inputCapacityEnd)],
        [field(CONTEXT.codeIndex), field(CONTEXT.codeIndex) + 4 * (field(CONTEXT.codeIndexMask) + 1)],
        [field(CONTEXT.code), field(CONTEXT.codeCapacityEnd)],
        [field(CONTEXT.returnDataRegion), field(CONTEXT.returnDataCapacityEnd)],
        [field(CONTEXT.keccakPairs), field(CONTEXT.keccakPairs) + 96 * (field(CONTEXT.keccakMask) + 1)],
        [field(CONTEXT.keccakWords), field(CONTEXT.keccakWords) + 64 * (field(CONTEXT.keccakMask) + 1)],
        [field(CONTEXT.memories), field(CONTEXT.memoriesEnd)],
      ];
      let free = base;
      for (const [start, end] of spans) {
        expect(start).toBeGreaterThanOrEqual(free);
        expect(end).toBeGreaterThan(start);
        expect(start % 32).toBe(0);
        free = end;
      }
      // The last word of memory may be read past its end by what is checked to lie before it.
      expect(free + 32).toBeLessThanOrEqual(base + sizeBytes);
      for (const mask of [CONTEXT.accountIndexMask, CONTEXT.slotIndexMask, CONTEXT.codeIndexMask]) {
        expect(field(mask) & (field(mask) + 1)).toBe(0);
      }
      expect(field(CONTEXT.accountIndexMask) + 1).toBeGreaterThanOrEqual(2 * field(CONTEXT.accountCapacity));
      expect(field(CONTEXT.slotIndexMask) + 1).toBeGreaterThanOrEqual(2 * field(CONTEXT.slotCapacity));
      releaseMemory(whole.memory);
    });
  }
});

describe("a range holds all that a run can make of its gas", () => {
  for (const gas of [16_777_216, 36_000_000, 60_000_000, 100_000_000]) {
    test(`${gas} gas`, () => {
      const range = createRange(rangeSizeForGas(gas));
      const { words32 } = layOutRange(range);
      const room = (start: number, end: number) => words32[end >> 2]! - words32[start >> 2]!;
      // A push, a copy of it, and the store: the cheapest new slot, with an entry in the journal.
      const slotCount = gas / 106;
      expect(words32[CONTEXT.slotCapacity >> 2]!).toBeGreaterThan(slotCount);
      expect(room(CONTEXT.journal, CONTEXT.journalCapacityEnd)).toBeGreaterThan(slotCount * JOURNAL_SIZE_BYTES);
      expect(words32[CONTEXT.accountCapacity >> 2]!).toBeGreaterThan(gas / 2600);
      // Without topics and data; and all of it data.
      expect(room(CONTEXT.logs, CONTEXT.logsCapacityEnd)).toBeGreaterThan(Math.max((gas / 380) * 40, gas / 8));
      // Memory of one frame is the most that it can give back; of frames that share the gas, the most there can be.
      const frameBytes = 32 * Math.sqrt(512 * gas);
      expect(room(CONTEXT.returnDataRegion, CONTEXT.returnDataCapacityEnd)).toBeGreaterThan(frameBytes);
      expect(room(CONTEXT.memories, CONTEXT.memoriesEnd)).toBeGreaterThan(frameBytes * Math.sqrt(1025));
      releaseMemory(range.memory);
    });
  }
});

test(`words come back as they went in, seed ${SEED}`, () => {
  const range = createRange(32 * MEBIBYTE);
  const arena = layOutRange(range);
  const at = range.base + CONTEXT.scratch;
  const random = new SeededRandom(SEED);
  const integers = [0n, 1n, 2n ** 64n - 1n, 2n ** 64n, 2n ** 96n - 1n, 2n ** 96n, 2n ** 128n, UINT256_MAX];
  for (let bits = 1; bits <= 256; bits += 5)
    integers.push(BigInt(`0x${random.bytes(32).toHex()}`) >> BigInt(256 - bits));
  for (const value of integers) {
    arena.bytes.fill(0xff, at, at + 32);
    writeInteger(arena, at, value);
    expect(readInteger(arena, at)).toBe(value);
    expect(BigInt(`0x${readHash(arena, at).toHex()}`)).toBe(value);
  }
  for (let i = 0; i < 20; i++) {
    const hash = random.bytes(32);
    writeHash(arena, at, hash);
    expect(readHash(arena, at)).toEqual(hash);
    writeAddress(arena, at, hash.subarray(12));
    expect(readAddress(arena, at)).toEqual(hash.slice(12));
    expect(readInteger(arena, at)).toBe(BigInt(`0x${hash.subarray(12).toHex()}`));
  }
  for (const count of [0, 1, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    writeCount(arena, at, count);
    expect(readCount(arena, at)).toBe(count);
  }
  releaseMemory(range.memory);
});
