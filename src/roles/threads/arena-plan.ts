// The arena: one shared memory in which every thread of a node has ranges of its own, so that the process stays within its
// number of memories. Each thread has the same ranges, one behind the other, at its metrics index:
//
//   thread 0: keccak ▸ secp256k1 ▸ precompiles │ thread 1: keccak ▸ … │ … │ EVM of compile │ of execute │ of read 0 │ of read 1 │ …
//
// Behind them come the ranges in which threads run byte code, sized from the gas that a run may have. They take address space
// at once and memory when a run touches them.

import { PRECOMPILE_MEMORY_SIZE_BYTES } from "#crypto/precompile-memory.ts";
import { RANGE_SIZE_BYTES_MIN, rangeSizeForGas } from "#evm/runtime/range.ts";
import { SECP256K1_RANGE_SIZE_BYTES } from "#wasm/kernels/secp256k1/layout.ts";
import { PAGE_SIZE_BYTES } from "#wasm/loader.ts";

/** The ranges that a thread has, with their sizes, bytes. Another row is another range. */
const RANGES = {
  keccak: 4_096,
  secp256k1: SECP256K1_RANGE_SIZE_BYTES,
  precompiles: PRECOMPILE_MEMORY_SIZE_BYTES,
} as const;

/** What a range is for. */
export type ArenaRangeName = keyof typeof RANGES;

/** A range of the arena, bytes. */
export type ArenaRange = { readonly base: number; readonly sizeBytes: number };

/** Ranges of the threads that run byte code. */
export type EvmRanges = {
  /** null on a replica, which executes nothing. */
  readonly execute: ArenaRange | null;
  readonly read: readonly ArenaRange[];
  /** Where compiled code is warmed up. */
  readonly compile: ArenaRange;
};

/** What the ranges depend on. */
export type ArenaDemand = {
  readonly threadCount: number;
  readonly readCount: number;
  /** Most gas of a transaction; null when this node executes none. */
  readonly transactionGasMax: bigint | null;
  /** Most gas of a call. */
  readonly callGasMax: bigint;
};

/** A whole arena. */
export type ArenaPlan = { readonly pageCount: number; readonly evm: EvmRanges };

/** A memory ends here: 4 GiB less a page, so that no address wraps. */
const ARENA_SIZE_BYTES_MAX = 2 ** 32 - PAGE_SIZE_BYTES;
/** The executor takes no more than this, whatever the gas limit: the rest is for the calls. */
const EXECUTE_SIZE_BYTES_MAX = 2 ** 30;
const READ_SIZE_BYTES_MAX = 3 * 2 ** 28;
/** EVM ranges begin at pages of the operating system, and of WebAssembly. */
const EVM_ALIGNMENT_BYTES = PAGE_SIZE_BYTES;

/** Ranges begin at cache lines of their own, on any machine. */
const ALIGNMENT_BYTES = 256;

const { offsets: OFFSETS, sizeBytes: THREAD_SIZE_BYTES } = place();

/** The range of one thread for one purpose. */
export function arenaRange(threadIndex: number, name: ArenaRangeName): ArenaRange {
  return { base: threadIndex * THREAD_SIZE_BYTES + OFFSETS[name], sizeBytes: RANGES[name] };
}

/** Pages of an arena for the kernels of so many threads. They take memory when they are written. */
export function arenaPageCount(threadCount: number): number {
  return Math.ceil((threadCount * THREAD_SIZE_BYTES) / PAGE_SIZE_BYTES);
}

/** Lays the arena of a node out. What does not fit under 4 GiB makes the calls' ranges smaller, never the executor's. */
export function planArena(demand: ArenaDemand): ArenaPlan {
  let end = arenaPageCount(demand.threadCount) * PAGE_SIZE_BYTES;
  const take = (sizeBytes: number): ArenaRange => {
    const base = end;
    end += sizeBytes;
    return { base, sizeBytes };
  };
  const { transactionGasMax, callGasMax, readCount } = demand;
  const compile = take(wholePages(RANGE_SIZE_BYTES_MIN));
  const execute =
    transactionGasMax === null
      ? null
      : take(wholePages(Math.min(EXECUTE_SIZE_BYTES_MAX, rangeSizeForGas(Number(transactionGasMax)))));
  const share = Math.floor((ARENA_SIZE_BYTES_MAX - end) / readCount / EVM_ALIGNMENT_BYTES) * EVM_ALIGNMENT_BYTES;
  const wanted = wholePages(Math.min(READ_SIZE_BYTES_MAX, rangeSizeForGas(Number(callGasMax))));
  const read = Array.from({ length: readCount }, () => take(Math.min(share, wanted)));
  return { pageCount: end / PAGE_SIZE_BYTES, evm: { execute, read, compile } };
}

function wholePages(sizeBytes: number): number {
  return Math.ceil(sizeBytes / EVM_ALIGNMENT_BYTES) * EVM_ALIGNMENT_BYTES;
}

function place(): { offsets: Readonly<Record<ArenaRangeName, number>>; sizeBytes: number } {
  let end = 0;
  const offsets = Object.entries(RANGES).map(([name, sizeBytes]) => {
    const offset = end;
    end = Math.ceil((end + sizeBytes) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    return [name, offset] as const;
  });
  return { offsets: Object.fromEntries(offsets) as Record<ArenaRangeName, number>, sizeBytes: end };
}
