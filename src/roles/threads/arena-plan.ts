// The arena: one shared memory in which every thread of a node has ranges of its own, so that the process stays within its
// number of memories. Each thread has the same ranges, one behind the other, at its metrics index:
//
//   thread 0: keccak ▸ secp256k1 ▸ precompiles │ thread 1: keccak ▸ … │ …

import { PRECOMPILE_MEMORY_SIZE_BYTES } from "#crypto/precompile-memory.ts";
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

/** Ranges begin at cache lines of their own, on any machine. */
const ALIGNMENT_BYTES = 256;

const { offsets: OFFSETS, sizeBytes: THREAD_SIZE_BYTES } = place();

/** The range of one thread for one purpose. */
export function arenaRange(threadIndex: number, name: ArenaRangeName): ArenaRange {
  return { base: threadIndex * THREAD_SIZE_BYTES + OFFSETS[name], sizeBytes: RANGES[name] };
}

/** Pages of an arena for so many threads. They take memory when they are written. */
export function arenaPageCount(threadCount: number): number {
  return Math.ceil((threadCount * THREAD_SIZE_BYTES) / PAGE_SIZE_BYTES);
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
