// The Banderwagon kernel of a thread with its memory: first the kernel's own range, then what is taken for good, such as
// tables, and behind it the work area, which operations take parts of and give back. Values are addresses.

import { assert } from "#base/assert.ts";
import { wasmFeatures } from "#wasm/features.ts";
import { type BanderwagonExports, emitBanderwagonModule } from "#wasm/kernels/banderwagon/kernel.ts";
import { instantiateKernel, type KernelPlacement } from "#wasm/kernels/kernel-placement.ts";
import { compileModule, createMemory, PAGE_SIZE_BYTES, releaseMemory } from "#wasm/loader.ts";
import { PORTABLE_CRYPTO } from "../backend.ts";

/** An address in the kernel's memory. */
export type Address = number;

const ALIGNMENT = 64;

/** The kernel and its memory. */
export class KernelWorkspace {
  readonly calls: BanderwagonExports;
  /** The whole memory: addresses are its indices. */
  readonly bytes: Uint8Array;
  /** The whole memory: a quarter of an address is its index. */
  readonly words: Uint32Array;
  readonly #end: Address;
  #ownMemory: WebAssembly.Memory | null;
  #next: Address;

  /**
   * @param options.sizeBytes what is taken at the same time, at most
   * @param options.placement where; its own memory unless told, which counts towards the process's limit
   * @param options.wideArithmetic whether to use it; where the engine has it unless told
   * @throws {AssertionError} when the place is too small
   */
  constructor(options: { sizeBytes: number; placement?: KernelPlacement; wideArithmetic?: boolean }) {
    const shared = options.placement?.memory.buffer instanceof SharedArrayBuffer;
    const wideArithmetic = options.wideArithmetic ?? (!PORTABLE_CRYPTO && wasmFeatures().wideArithmetic);
    const { bytes, sizeBytes: kernelSizeBytes } = emitBanderwagonModule({ shared, wideArithmetic });
    const sizeBytes = kernelSizeBytes + ALIGNMENT + options.sizeBytes;
    const placement = options.placement ?? ownMemory(sizeBytes);
    this.#ownMemory = options.placement === undefined ? placement.memory : null;
    this.calls = instantiateKernel<BanderwagonExports>(compileModule(bytes), placement, sizeBytes);
    this.bytes = new Uint8Array(placement.memory.buffer);
    this.words = new Uint32Array(placement.memory.buffer);
    this.#next = alignUp(placement.base + kernelSizeBytes);
    this.#end = placement.base + placement.sizeBytes;
  }

  /** Ends the use of the kernel: a memory of its own no longer counts. */
  release(): void {
    if (this.#ownMemory !== null) releaseMemory(this.#ownMemory);
    this.#ownMemory = null;
  }

  /** A place, aligned to 64 bytes; what it holds is left from before. */
  take(sizeBytes: number): Address {
    const address = this.#next;
    this.#next = alignUp(address + sizeBytes);
    assert(this.#next <= this.#end, "the work area of the Banderwagon kernel is too small");
    return address;
  }

  /** Runs `body` and gives back what it took. */
  scope<R>(body: () => R): R {
    const before = this.#next;
    try {
      return body();
    } finally {
      this.#next = before;
    }
  }

  /** A place that holds these bytes. */
  put(bytes: Uint8Array): Address {
    const address = this.take(bytes.length);
    this.bytes.set(bytes, address);
    return address;
  }

  /** A copy of what a place holds. */
  copyOut(address: Address, sizeBytes: number): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(sizeBytes);
    copy.set(this.bytes.subarray(address, address + sizeBytes));
    return copy;
  }
}

function alignUp(address: Address): Address {
  return Math.ceil(address / ALIGNMENT) * ALIGNMENT;
}

function ownMemory(sizeBytes: number): KernelPlacement {
  const pages = Math.ceil(sizeBytes / PAGE_SIZE_BYTES);
  const memory = createMemory({ initialPages: pages, maximumPages: pages, shared: false });
  return { memory, base: 0, sizeBytes: pages * PAGE_SIZE_BYTES };
}
