// A thread's range of the arena memory: lays its regions out by its size, and gives the views through which JavaScript reads and
// writes it. Layout of the records: `formats/memory/evm-arena.ts`.

import { assert } from "#base/assert.ts";
import {
  ACCOUNT_SIZE_BYTES,
  CONTEXT,
  CONTEXT_SIZE_BYTES,
  FRAME_COUNT,
  FRAME_SIZE_BYTES,
  INDEX_ENTRY_SIZE_BYTES,
  JOURNAL_SIZE_BYTES,
  SLOT_SIZE_BYTES,
  WORD_SIZE_BYTES,
} from "#formats/memory/evm-arena.ts";
import { KECCAK_SCRATCH_SIZE_BYTES } from "#wasm/kernels/keccak.ts";
import { createMemory, PAGE_SIZE_BYTES } from "#wasm/loader.ts";
import { keccakEntrySizeBytes } from "./hashing.ts";

/** Part of a shared memory that one thread owns. */
export type ArenaRange = {
  readonly memory: WebAssembly.Memory;
  /** A multiple of 64. */
  readonly base: number;
  readonly sizeBytes: number;
};

/** A range with its views. Addresses index `bytes`; fields of records are at address >>> 2 and address >>> 3. */
export type Arena = {
  readonly range: ArenaRange;
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly words32: Uint32Array<SharedArrayBuffer>;
  readonly words64: BigUint64Array<SharedArrayBuffer>;
  /** Where the keccak sponge of the core modules lives. */
  readonly keccakBase: number;
  /** Record of the first frame. */
  readonly firstFrame: number;
  readonly blobHashCapacity: number;
  readonly inputCapacityBytes: number;
};

/** Size of the range that a thread makes for itself: pages are committed when they are first written. */
export const DEFAULT_RANGE_SIZE_BYTES = 512 * 1024 * 1024;

/** The smallest range that holds an ordinary transaction. */
export const RANGE_SIZE_BYTES_MIN = 32 * 1024 * 1024;

const BLOB_HASH_COUNT_MAX = 64;
const KECCAK_CACHE_ENTRY_COUNT = 4096;
const CODE_INDEX_ENTRY_COUNT = 1 << 15;
/** Every frame up to the deepest with a full stack. */
const STACKS_SIZE_BYTES_MAX = 34 * 1024 * 1024;

/** The part of a range that is left for EVM memories, when the stacks are taken off; see {@link layOutRange}. */
const MEMORIES_SHARE = 0.39;
/** Bytes of a range for each slot: what TSTORE costs with its operands fills the table last of all. */
const RANGE_BYTES_PER_SLOT = 600;
/** Frames that can be open at a time. */
const OPEN_FRAME_COUNT_MAX = 1025;

/**
 * Size of the range in which no run with this much gas lacks room for EVM memory: n frames that share gas g can have
 * 32 √(512 g n) bytes, since w words cost at least w² / 512.
 */
export function rangeSizeForGas(gas: number): number {
  const memoryBytes = 32 * Math.sqrt(512 * gas * OPEN_FRAME_COUNT_MAX);
  return Math.max(RANGE_SIZE_BYTES_MIN, Math.ceil((memoryBytes + STACKS_SIZE_BYTES_MAX) / MEMORIES_SHARE));
}

/** A memory of its own for one range. It counts towards the process's limit. */
export function createRange(sizeBytes: number): ArenaRange {
  const pages = Math.ceil(sizeBytes / PAGE_SIZE_BYTES);
  const memory = createMemory({ initialPages: pages, maximumPages: pages, shared: true });
  return { memory, base: 0, sizeBytes: pages * PAGE_SIZE_BYTES };
}

/**
 * Lays a range out: zero bytes, or what a thread that has ended left in a range of the same size. Nothing else may write there
 * from now on.
 */
export function layOutRange(range: ArenaRange): Arena {
  const { memory, base, sizeBytes } = range;
  assert(base % 64 === 0 && sizeBytes % 64 === 0, "a range begins and ends at a multiple of 64");
  assert(sizeBytes >= RANGE_SIZE_BYTES_MIN, () => `a range has at least ${RANGE_SIZE_BYTES_MIN} bytes`);
  const buffer = memory.buffer as unknown as SharedArrayBuffer;
  assert(base + sizeBytes <= buffer.byteLength, "the range ends behind the memory");
  const words32 = new Uint32Array(buffer);
  const isUsed = words32[(base + CONTEXT.stacks) >>> 2] !== 0;
  const bytes = new Uint8Array(buffer);
  bytes.fill(0, base, base + CONTEXT_SIZE_BYTES);
  const firstFrame = base + CONTEXT_SIZE_BYTES;
  const keccakBase = firstFrame + FRAME_COUNT * FRAME_SIZE_BYTES;
  const layout = new Layout({ words32, context: base, free: keccakBase + align(KECCAK_SCRATCH_SIZE_BYTES) });
  layOutRegions(layout, base + sizeBytes, sizeBytes);
  if (isUsed) clearTables(layout, bytes);
  const words64 = new BigUint64Array(buffer);
  words64[(base + CONTEXT.hashSeed) >>> 3] = crypto.getRandomValues(new BigUint64Array(1))[0]! | 1n;
  return {
    range,
    bytes,
    words32,
    words64,
    keccakBase,
    firstFrame,
    blobHashCapacity: BLOB_HASH_COUNT_MAX,
    inputCapacityBytes: layout.field(CONTEXT.inputCapacityEnd) - layout.field(CONTEXT.input),
  };
}

function layOutRegions(layout: Layout, end: number, sizeBytes: number): void {
  layout.region(CONTEXT.blobHashes, CONTEXT.blobHashesCapacityEnd, BLOB_HASH_COUNT_MAX * WORD_SIZE_BYTES);
  layout.region(CONTEXT.stacks, CONTEXT.stacksEnd, Math.min(STACKS_SIZE_BYTES_MAX, sizeBytes / 8));
  layout.table(
    { index: CONTEXT.accountIndex, mask: CONTEXT.accountIndexMask },
    { records: CONTEXT.accounts, capacity: CONTEXT.accountCapacity },
    { capacity: Math.floor(sizeBytes / 8192), recordSizeBytes: ACCOUNT_SIZE_BYTES },
  );
  layout.table(
    { index: CONTEXT.slotIndex, mask: CONTEXT.slotIndexMask },
    { records: CONTEXT.slots, capacity: CONTEXT.slotCapacity },
    { capacity: Math.floor(sizeBytes / RANGE_BYTES_PER_SLOT), recordSizeBytes: SLOT_SIZE_BYTES },
  );
  const journalSize = Math.floor(sizeBytes / 8 / JOURNAL_SIZE_BYTES) * JOURNAL_SIZE_BYTES;
  layout.region(CONTEXT.journal, CONTEXT.journalCapacityEnd, journalSize);
  layout.region(CONTEXT.logs, CONTEXT.logsCapacityEnd, sizeBytes / 32);
  layout.region(CONTEXT.input, CONTEXT.inputCapacityEnd, sizeBytes / 64);
  layout.set(CONTEXT.codeIndex, layout.take(4 * CODE_INDEX_ENTRY_COUNT));
  layout.set(CONTEXT.codeIndexMask, CODE_INDEX_ENTRY_COUNT - 1);
  layout.region(CONTEXT.code, CONTEXT.codeCapacityEnd, sizeBytes / 8);
  layout.set(CONTEXT.codeEnd, layout.field(CONTEXT.code));
  layout.region(CONTEXT.returnDataRegion, CONTEXT.returnDataCapacityEnd, sizeBytes / 32);
  layout.set(CONTEXT.keccakPairs, layout.take(KECCAK_CACHE_ENTRY_COUNT * keccakEntrySizeBytes(2)));
  layout.set(CONTEXT.keccakWords, layout.take(KECCAK_CACHE_ENTRY_COUNT * keccakEntrySizeBytes(1)));
  layout.set(CONTEXT.keccakMask, KECCAK_CACHE_ENTRY_COUNT - 1);
  // Words are read up to 32 bytes past the end of what is checked.
  layout.region(CONTEXT.memories, CONTEXT.memoriesEnd, end - layout.free - 64);
}

/** Nothing that the thread before knew may be found. */
function clearTables(layout: Layout, bytes: Uint8Array): void {
  const indexes = [
    [CONTEXT.accountIndex, CONTEXT.accountIndexMask, INDEX_ENTRY_SIZE_BYTES],
    [CONTEXT.slotIndex, CONTEXT.slotIndexMask, INDEX_ENTRY_SIZE_BYTES],
    [CONTEXT.codeIndex, CONTEXT.codeIndexMask, 4],
    // A thread that was ended while it hashed may have left a preimage with another's hash.
    [CONTEXT.keccakPairs, CONTEXT.keccakMask, keccakEntrySizeBytes(2)],
    [CONTEXT.keccakWords, CONTEXT.keccakMask, keccakEntrySizeBytes(1)],
  ] as const;
  for (const [index, mask, entrySizeBytes] of indexes) {
    const start = layout.field(index);
    bytes.fill(0, start, start + (layout.field(mask) + 1) * entrySizeBytes);
  }
}

/** Hands out the bytes of a range from its beginning. */
class Layout {
  readonly #words32: Uint32Array;
  readonly #context: number;
  free: number;

  constructor(parts: { words32: Uint32Array; context: number; free: number }) {
    this.#words32 = parts.words32;
    this.#context = parts.context;
    this.free = parts.free;
  }

  field(offset: number): number {
    return this.#words32[(this.#context + offset) >>> 2]!;
  }

  set(offset: number, value: number): void {
    this.#words32[(this.#context + offset) >>> 2] = value;
  }

  take(sizeBytes: number): number {
    const address = this.free;
    this.free += align(sizeBytes);
    return address;
  }

  region(startField: number, endField: number, sizeBytes: number): void {
    const start = this.take(sizeBytes);
    this.set(startField, start);
    this.set(endField, start + Math.floor(sizeBytes / 32) * 32);
  }

  /** An index of at least twice the entries, and records with a spare one behind the last. */
  table(
    index: { index: number; mask: number },
    records: { records: number; capacity: number },
    size: { capacity: number; recordSizeBytes: number },
  ): void {
    const entryCount = powerOfTwoFrom(2 * size.capacity);
    this.set(index.index, this.take(entryCount * INDEX_ENTRY_SIZE_BYTES));
    this.set(index.mask, entryCount - 1);
    this.set(records.records, this.take((size.capacity + 1) * size.recordSizeBytes));
    this.set(records.capacity, size.capacity);
  }
}

function align(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 64) * 64;
}

function powerOfTwoFrom(least: number): number {
  return 2 ** Math.ceil(Math.log2(least));
}
