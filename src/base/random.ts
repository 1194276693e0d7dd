// Seeded random numbers for tests, benches and simulations: the same seed gives the same run. Never for keys.

import { assert } from "./assert.ts";

/** A small deterministic generator (xorshift128, seeded through splitmix32). */
export class SeededRandom {
  /** What to print so that a run can be repeated. */
  readonly seed: number;
  readonly #state = new Uint32Array(4);

  /** @param seed any 32-bit integer */
  constructor(seed: number) {
    this.seed = seed >>> 0;
    let z = this.seed;
    for (let i = 0; i < 4; i++) {
      z = (z + 0x9e3779b9) >>> 0;
      let mixed = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
      this.#state[i] = (mixed ^ (mixed >>> 15)) >>> 0;
    }
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1;
  }

  /** A uniform 32-bit integer. */
  u32(): number {
    const state = this.#state;
    let t = state[3]!;
    const s = state[0]!;
    state[3] = state[2]!;
    state[2] = state[1]!;
    state[1] = s;
    t ^= t << 11;
    t ^= t >>> 8;
    state[0] = t ^ s ^ (s >>> 19);
    return state[0]!;
  }

  /** A uniform integer in [0, bound). */
  below(bound: number): number {
    assert(bound > 0 && bound <= 0x100000000, "random bound");
    return Math.floor((this.u32() / 0x100000000) * bound);
  }

  /** Whether an event of the given probability happened. */
  chance(probability: number): boolean {
    return this.u32() / 0x100000000 < probability;
  }

  /** `sizeBytes` random bytes. */
  bytes(sizeBytes: number): Uint8Array {
    const bytes = new Uint8Array(sizeBytes);
    for (let i = 0; i < sizeBytes; i++) bytes[i] = this.u32() & 0xff;
    return bytes;
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    assert(items.length > 0, "pick from an empty list");
    return items[this.below(items.length)] as T;
  }
}
