// Words in memory in both orders: loads and stores of the emitters against a DataView.

import { describe, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { loadBytes, loadLimbs, storeBytes, storeLimbs } from "#evm/words/memory.ts";
import { i32 } from "#wasm/code.ts";
import { bigintLinks, checkCases, type EmitWords, seed, shapedCases, useWordMemory } from "./word-cases.ts";

const CHECKS_MIN = 20_000;
const SCRATCH_AT = 1_000_003;
const memory = useWordMemory();

// Goes through memory before the result is looked at; the store must not be affected by what lies there.
const through =
  (store: typeof storeLimbs, load: typeof loadLimbs): EmitWords =>
  (code, [a]) => {
    storeLimbs(code, SCRATCH_AT, 8, [1n, 2n, 3n, 4n]);
    store(code, code.i32(SCRATCH_AT), 8, a!);
    return load(code, i32.add(code.i32(SCRATCH_AT - 5), 5), 8);
  };

function reverseBytes(value: bigint): bigint {
  let reversed = 0n;
  for (let i = 0; i < 32; i++) reversed = (reversed << 8n) | ((value >> BigInt(8 * i)) & 0xffn);
  return reversed;
}

describe(`words in memory, seed ${seed}`, () => {
  for (const [name, emit, expected] of [
    ["limbs as stored", through(storeLimbs, loadLimbs), (a: bigint) => a],
    ["bytes as stored", through(storeBytes, loadBytes), (a: bigint) => a],
    ["stored as bytes, loaded as limbs", through(storeBytes, loadLimbs), reverseBytes],
    ["stored as limbs, loaded as bytes", through(storeLimbs, loadBytes), reverseBytes],
  ] as const) {
    test(name, () => {
      const random = new SeededRandom(seed);
      const cases = shapedCases({ name, arity: 1, emit, expected }, random, 60);
      const options = { random, checksMin: CHECKS_MIN, links: bigintLinks({}), wide: true };
      expect(checkCases(memory(), cases, options)).toBeGreaterThanOrEqual(CHECKS_MIN);
    });
  }
});
