// The range of memory that the precompiles' kernels of one thread share: a few pages, handed out on first use. A thread
// that has an arena gives a range of it; otherwise one memory is made, which counts towards the process's limit.

import { assert } from "#base/assert.ts";
import type { KernelPlacement } from "#wasm/kernels/kernel-placement.ts";
import { createMemory, PAGE_SIZE_BYTES } from "#wasm/loader.ts";

/** What all kernels together need, bytes. */
export const PRECOMPILE_MEMORY_SIZE_BYTES: number = 6 * PAGE_SIZE_BYTES;

let range: KernelPlacement | null = null;
let claimedBytes = 0;

/**
 * Puts this thread's precompile kernels into a range of an existing memory, shared or not, that never shrinks or moves.
 * Called once per thread, before the first use of any of them.
 */
export function placePrecompileKernels(placement: KernelPlacement): void {
  assert(range === null, "the precompile kernels of this thread have their place already");
  assert(placement.base % 64 === 0, "the range of the precompile kernels begins at a multiple of 64");
  assert(placement.sizeBytes >= PRECOMPILE_MEMORY_SIZE_BYTES, "the range of the precompile kernels is too small");
  assert(
    placement.base + placement.sizeBytes <= placement.memory.buffer.byteLength,
    "the range ends behind the memory",
  );
  range = placement;
}

/** Hands a part of the range to a kernel, for good; aligned to 64 bytes. */
export function claimKernelRange(sizeBytes: number): KernelPlacement {
  range ??= ownMemory();
  const start = claimedBytes;
  claimedBytes += Math.ceil(sizeBytes / 64) * 64;
  assert(claimedBytes <= range.sizeBytes, "the precompile kernels need more than their range");
  return { memory: range.memory, base: range.base + start, sizeBytes };
}

/** Whether the range lies in shared memory, which a module's import must state. */
export function isPrecompileMemoryShared(): boolean {
  range ??= ownMemory();
  return range.memory.buffer instanceof SharedArrayBuffer;
}

function ownMemory(): KernelPlacement {
  const pageCount = PRECOMPILE_MEMORY_SIZE_BYTES / PAGE_SIZE_BYTES;
  const memory = createMemory({ initialPages: pageCount, maximumPages: pageCount, shared: false });
  return { memory, base: 0, sizeBytes: PRECOMPILE_MEMORY_SIZE_BYTES };
}
