// Where a kernel lives: a range of a memory, which several kernels of a thread and several threads can share.

import { assert } from "#base/assert.ts";
import { instantiate } from "../loader.ts";

/** A range of a memory. The memory never shrinks, and never grows unless it is shared. */
export type KernelPlacement = {
  readonly memory: WebAssembly.Memory;
  readonly base: number;
  readonly sizeBytes: number;
};

/**
 * Makes an instance of a kernel's module in a range. The module imports `env.memory` and, as an i32 global, `env.base`.
 * @throws {AssertionError} when the range is too small, not aligned to 8 bytes or not inside the memory
 */
export function instantiateKernel<Exports>(
  module: WebAssembly.Module,
  placement: KernelPlacement,
  sizeBytesMin: number,
): Exports {
  const { memory, base, sizeBytes } = placement;
  assert(base >= 0 && base % 8 === 0, "the kernel's base is a multiple of 8");
  assert(sizeBytes >= sizeBytesMin, "the kernel's range is too small");
  assert(base + sizeBytes <= memory.buffer.byteLength, "the kernel's range ends behind the memory");
  return instantiate<Exports>(module, {
    env: { memory, base: new WebAssembly.Global({ value: "i32", mutable: false }, base) },
  });
}
