// Where this thread's hash and recovery kernels live, and what they run. A node's threads are given ranges of its arena
// and the modules that the main thread compiled: a module brings its optimized code along, so that a kernel which one
// thread has warmed up is fast in all (first recovery 42 µs instead of 600). Any other thread makes both on first use.

import { assert } from "#base/assert.ts";
import { emitKeccakModule } from "#wasm/kernels/keccak.ts";
import type { KernelPlacement } from "#wasm/kernels/kernel-placement.ts";
import { emitSecp256k1Module } from "#wasm/kernels/secp256k1/kernel.ts";
import { SECP256K1_RANGE_SIZE_BYTES } from "#wasm/kernels/secp256k1/layout.ts";
import { compileModule, createMemory, PAGE_SIZE_BYTES } from "#wasm/loader.ts";

/** The kernels. */
export type KernelName = "keccak" | "secp256k1";

/** Compiled kernels; those that no thread has used yet are null. All are for shared memory. */
export type KernelModules = { readonly [Name in KernelName]: WebAssembly.Module | null };

/** What a thread is given. */
export type ThreadKernels = {
  /** Ranges of one existing memory that is shared. */
  readonly ranges: { readonly [Name in KernelName]: KernelPlacement };
  readonly modules: KernelModules;
};

const EMITTERS: { readonly [Name in KernelName]: (shared: boolean) => Uint8Array<ArrayBuffer> } = {
  keccak: emitKeccakModule,
  secp256k1: emitSecp256k1Module,
};

let ranges: ThreadKernels["ranges"] | null = null;
const modules: { [Name in KernelName]: WebAssembly.Module | null } = { keccak: null, secp256k1: null };

/** Gives this thread its ranges and modules: once, before the first use of any kernel. */
export function placeKernels(kernels: ThreadKernels): void {
  assert(ranges === null, "the kernels of this thread have their place already");
  ranges = kernels.ranges;
  Object.assign(modules, kernels.modules);
}

/**
 * The range of a kernel in this thread: its own memory of a few pages, for all kernels together, unless it was given
 * one.
 */
export function kernelPlacement(name: KernelName): KernelPlacement {
  ranges ??= ownRanges();
  return ranges[name];
}

/** The compiled module of a kernel. */
export function kernelModule(name: KernelName): WebAssembly.Module {
  modules[name] ??= compileModule(EMITTERS[name](true));
  return modules[name];
}

/** The modules that this thread has compiled or was given: for the threads that it starts. */
export function kernelModules(): KernelModules {
  return { ...modules };
}

function ownRanges(): ThreadKernels["ranges"] {
  const recoveryPages = Math.ceil(SECP256K1_RANGE_SIZE_BYTES / PAGE_SIZE_BYTES);
  const pages = 1 + recoveryPages;
  const memory = createMemory({ initialPages: pages, maximumPages: pages, shared: true });
  return {
    keccak: { memory, base: 0, sizeBytes: PAGE_SIZE_BYTES },
    secp256k1: { memory, base: PAGE_SIZE_BYTES, sizeBytes: recoveryPages * PAGE_SIZE_BYTES },
  };
}
