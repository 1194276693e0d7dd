// Sums of affine points in the kernel's memory: lists of pairs are made here and added by the kernel, all pairs of a list
// with one inversion.

import { assert } from "#base/assert.ts";
import { AFFINE_SIZE_BYTES, PAIR_SIZE_BYTES } from "#wasm/kernels/banderwagon/affine-sums.ts";
import type { Address, KernelWorkspace } from "./kernel-workspace.ts";

/** Sets affine points, one behind the other, to infinity. */
export function setInfinity(kernel: KernelWorkspace, points: Address, count = 1): void {
  kernel.bytes.fill(0xff, points, points + count * AFFINE_SIZE_BYTES);
}

/** A list of pairs to be added. */
export class PairList {
  readonly address: Address;
  readonly #kernel: KernelWorkspace;
  readonly #capacity: number;
  #count = 0;

  /** @param capacity the most pairs of one list */
  constructor(kernel: KernelWorkspace, capacity: number) {
    this.#kernel = kernel;
    this.#capacity = capacity;
    this.address = kernel.take(capacity * PAIR_SIZE_BYTES);
  }

  /** Lists to = a + b, or a - b. No sum of a list may be an operand of another pair. */
  push(to: Address, a: Address, b: Address, negative = false): void {
    assert(this.#count < this.#capacity, "the list of pairs is full");
    const { words } = this.#kernel;
    const at = (this.address + this.#count * PAIR_SIZE_BYTES) >>> 2;
    words[at] = to;
    words[at + 1] = a;
    words[at + 2] = b | Number(negative);
    this.#count++;
  }

  /** Adds all pairs and empties the list; false when it was empty. */
  flush(): boolean {
    if (this.#count === 0) return false;
    this.#kernel.calls.addPairs(this.address, this.#count);
    this.#count = 0;
    return true;
  }
}

/**
 * Sums groups of points that lie one behind the other; each sum takes the place of its group's first point.
 * @param starts the index of each group's first point, and behind the last group the count of points
 */
export function sumGroups(list: PairList, points: Address, starts: Uint32Array): void {
  const groupCount = starts.length - 1;
  const lengths = new Uint32Array(groupCount);
  for (let group = 0; group < groupCount; group++) lengths[group] = starts[group + 1]! - starts[group]!;
  do {
    for (let group = 0; group < groupCount; group++) {
      const length = lengths[group]!;
      const half = length >>> 1;
      const first = points + AFFINE_SIZE_BYTES * starts[group]!;
      const last = first + AFFINE_SIZE_BYTES * (length - 1);
      for (let i = 0; i < half; i++) {
        const to = first + AFFINE_SIZE_BYTES * i;
        list.push(to, to, last - AFFINE_SIZE_BYTES * i);
      }
      lengths[group] = length - half;
    }
  } while (list.flush());
}
