// Calls of every precompile of a fork on small valid inputs, one at a time, so that kernels are made and compiled before a
// block needs them: the first pairing of a process takes some twenty times as long as a later one.

import { must } from "#base/assert.ts";
import { bigintToBytes, concatBytes } from "#base/bytes.ts";
import { fromHex } from "#base/hex.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import { sha256 } from "#crypto/sha256.ts";
import type { Precompile } from "./precompile.ts";
import { precompilesAt } from "./table.ts";

// Generators in the encodings of EIP-197 and, compressed, of EIP-4844.
const BN254_G1 = concatBytes(bigintToBytes(1n, 32), bigintToBytes(2n, 32));
const BN254_G2 = fromHex(
  "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2" +
    "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed" +
    "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b" +
    "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa",
);
const BLS12_381_G1_COMPRESSED = fromHex(
  "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb",
);

/** A warm-up of this thread's precompiles in progress. */
export class PrecompileWarmUp {
  readonly #fork: Hardfork;
  readonly #precompiles: readonly Precompile[];
  readonly #inputs: (address: number) => Uint8Array;
  #leftCount: number;

  /** @param rounds how often each one runs */
  constructor(fork: Hardfork, rounds: number) {
    this.#fork = fork;
    // From the highest address down: the maps to the curves of BLS12-381 give the points that its other operations take.
    this.#precompiles = [...precompilesAt(fork).values()].sort((a, b) => b.address - a.address);
    this.#inputs = inputsOf(fork);
    this.#leftCount = rounds * this.#precompiles.length;
  }

  /** Whether there is nothing left to do. */
  get isDone(): boolean {
    return this.#leftCount === 0;
  }

  /**
   * Takes the next call: the first ones of a process up to 30 ms each, where a kernel is made.
   * @returns whether it answered something other than a failure
   */
  step(): boolean {
    const count = this.#precompiles.length;
    const precompile = must(this.#precompiles[(count - (this.#leftCount % count)) % count], "a precompile");
    this.#leftCount--;
    return precompile.run(this.#inputs(precompile.address), this.#fork) !== null;
  }
}

// By address; made when first asked for.
function inputsOf(fork: Hardfork): (address: number) => Uint8Array {
  const scalar = new Uint8Array(32).fill(0x29);
  const element = concatBytes(new Uint8Array(63), new Uint8Array([5]));
  const elements = concatBytes(element, element);
  const word = (value: number) => bigintToBytes(BigInt(value), 32);
  const pointOf = (address: number, input: Uint8Array) =>
    must(precompilesAt(fork).get(address)?.run(input, fork) ?? null, "a point of BLS12-381");
  const g1 = lazily(() => pointOf(0x10, element));
  const g2 = lazily(() => pointOf(0x11, elements));
  const inputs: Readonly<Record<number, () => Uint8Array>> = {
    1: () => concatBytes(scalar, word(27), scalar, scalar),
    5: () => concatBytes(word(32), word(32), word(32), scalar, scalar, scalar),
    6: () => concatBytes(BN254_G1, BN254_G1),
    7: () => concatBytes(BN254_G1, scalar),
    8: () => concatBytes(BN254_G1, BN254_G2),
    9: () => concatBytes(new Uint8Array([0, 0, 0, 12]), new Uint8Array(208), new Uint8Array([1])),
    10: constantOpening,
    11: () => concatBytes(g1(), g1()),
    12: () => concatBytes(g1(), scalar),
    13: () => concatBytes(g2(), g2()),
    14: () => concatBytes(g2(), scalar),
    15: () => concatBytes(g1(), g2()),
    16: () => element,
    17: () => elements,
    256: () => concatBytes(scalar, scalar, scalar, scalar, scalar),
  };
  return (address) => inputs[address]?.() ?? scalar;
}

function lazily<T>(make: () => T): () => T {
  let made: T | null = null;
  return () => (made ??= make());
}

// The polynomial 1: its commitment is the generator, its value 1 everywhere, its proof infinity.
function constantOpening(): Uint8Array {
  const hash = sha256(BLS12_381_G1_COMPRESSED);
  hash[0] = 1;
  const infinity = new Uint8Array(48);
  infinity[0] = 0xc0;
  return concatBytes(hash, bigintToBytes(7n, 32), bigintToBytes(1n, 32), BLS12_381_G1_COMPRESSED, infinity);
}
