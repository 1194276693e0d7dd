// The compression function of BLAKE2b with a chosen number of rounds, on our WASM kernel. There is no portable version:
// without WebAssembly this node has no engine either.

import { BLAKE2F_RANGE_SIZE_BYTES, type Blake2fKernel, emitBlake2fModule } from "#wasm/kernels/blake2f.ts";
import { instantiateKernel } from "#wasm/kernels/kernel-placement.ts";
import { compileModule } from "#wasm/loader.ts";
import { claimKernelRange, isPrecompileMemoryShared } from "./precompile-memory.ts";

let kernel: Blake2fKernel | null = null;
let range = new Uint8Array(0);

/**
 * Compresses one block.
 * @param block state, message and counter as BLAKE2 lays words out: 64, 128 and 16 bytes
 * @param rounds 0 to 2^32 - 1; BLAKE2b itself has 12
 * @param isLast whether the message ends here
 * @returns the new state, 64 bytes
 * @see RFC 7693, section 3.2
 */
export function compressBlake2b(block: Uint8Array, rounds: number, isLast: boolean): Uint8Array {
  kernel ??= openKernel();
  range.set(block);
  kernel.compress(rounds, isLast ? 1 : 0);
  return range.slice(0, 64);
}

function openKernel(): Blake2fKernel {
  const placement = claimKernelRange(BLAKE2F_RANGE_SIZE_BYTES);
  range = new Uint8Array(placement.memory.buffer, placement.base, BLAKE2F_RANGE_SIZE_BYTES);
  const module = compileModule(emitBlake2fModule(isPrecompileMemoryShared()));
  return instantiateKernel(module, placement, BLAKE2F_RANGE_SIZE_BYTES);
}
