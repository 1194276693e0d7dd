// base ^ exponent mod modulus over byte strings of any length, for MODEXP. An odd modulus goes to Montgomery
// multiplication in our WASM kernel; an even one is cut into its odd part and a power of two, whose results are joined
// by the Chinese remainder theorem. Longer numbers than the kernel's, and engines without wide arithmetic, take BigInt,
// and those whose products BigInt cannot hold take digits of it.
//
// @see Koç, "Montgomery reduction with even modulus"

import { trimLeadingZeroes } from "#base/bytes.ts";
import { wasmFeatures } from "#wasm/features.ts";
import { instantiateKernel } from "#wasm/kernels/kernel-placement.ts";
import {
  emitModularPowerModule,
  LIMB_COUNT_MAX,
  MODULAR_POWER_RANGE_SIZE_BYTES,
  type ModularPowerKernel,
  SHORT_LIMB_COUNT_MAX,
  type ShortLength,
} from "#wasm/kernels/modular-power.ts";
import { compileModule } from "#wasm/loader.ts";
import { PORTABLE_CRYPTO } from "./backend.ts";
import { longModularPower } from "./long-modular-power.ts";
import { claimKernelRange, isPrecompileMemoryShared } from "./precompile-memory.ts";

/** Bits of an exponent that one multiplication takes care of. */
const WINDOW_BITS = 4;
const TABLE_LENGTH = 2 ** (WINDOW_BITS - 1);
const QUICK_SIZE_BYTES_MAX = 64;
const NUMBER_SIZE_BYTES = 8 * LIMB_COUNT_MAX;
/** The engine's integers have at most 2^20 bits: numbers of this size multiply without overflow. */
const PLAIN_SIZE_BYTES_MAX = 50_000;
const PIECE_SIZE_BYTES = 2048;

type Multiplication = {
  readonly mul: (to: number, a: number, b: number) => void;
  /** In place, `count` times. */
  readonly sqr: (at: number, count: number) => void;
};

/**
 * Raises a number to a power in a residue ring.
 * @param base big-endian, any length
 * @param exponent big-endian, any length
 * @param modulus big-endian, any length; 0 gives 0
 * @returns the result, as long as the modulus
 */
export function modularPower(base: Uint8Array, exponent: Uint8Array, modulus: Uint8Array): Uint8Array {
  const significant = trimLeadingZeroes(modulus);
  const size = significant.length;
  if (size > PLAIN_SIZE_BYTES_MAX) return longModularPower(base, exponent, modulus);
  const result = new Uint8Array(modulus.length);
  const m = integerFrom(significant);
  if (m <= 1n) return result;
  const power = trimLeadingZeroes(exponent);
  const residue = reduce(base, m);
  // A kernel's numbers take some microseconds to go in and out, as long as a few short products.
  const isQuick = power.length <= 1 && size <= QUICK_SIZE_BYTES_MAX;
  const suits = size <= NUMBER_SIZE_BYTES && !isQuick && hasKernel();
  writeInteger(result, suits ? kernelOf().power(residue, power, m) : bigintPower(residue, power, m));
  return result;
}

/** The same without the kernel: for numbers that it cannot hold, and its opponent in tests. */
export function bigintPower(base: bigint, exponent: Uint8Array, modulus: bigint): bigint {
  let result = 1n % modulus;
  for (const byte of exponent) {
    for (let bit = 7; bit >= 0; bit--) {
      if (result !== 1n) result = (result * result) % modulus;
      if (((byte >> bit) & 1) === 1) result = (result * base) % modulus;
    }
  }
  return result;
}

// A long base may itself be no integer of the engine: it is taken in pieces.
function reduce(base: Uint8Array, modulus: bigint): bigint {
  if (base.length <= PLAIN_SIZE_BYTES_MAX) return integerFrom(base) % modulus;
  let result = 0n;
  for (let offset = 0; offset < base.length; offset += PIECE_SIZE_BYTES) {
    const part = base.subarray(offset, offset + PIECE_SIZE_BYTES);
    result = ((result << BigInt(8 * part.length)) + integerFrom(part)) % modulus;
  }
  return result;
}

class Kernel {
  readonly #calls: ModularPowerKernel;
  readonly #bytes: Uint8Array;
  readonly #words: DataView;
  readonly #modulus: number;
  readonly #result: number;
  readonly #table: number;
  readonly #square: number;

  constructor() {
    const sizeBytes = Math.ceil(MODULAR_POWER_RANGE_SIZE_BYTES / 64) * 64;
    const module = compileModule(emitModularPowerModule(isPrecompileMemoryShared()));
    const placement = claimKernelRange(sizeBytes + (3 + TABLE_LENGTH) * NUMBER_SIZE_BYTES);
    this.#calls = instantiateKernel(module, placement, sizeBytes);
    const { memory, base } = placement;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#words = new DataView(memory.buffer);
    this.#modulus = base + sizeBytes;
    this.#result = this.#modulus + NUMBER_SIZE_BYTES;
    this.#square = this.#result + NUMBER_SIZE_BYTES;
    this.#table = this.#square + NUMBER_SIZE_BYTES;
  }

  /** base^exponent modulo any modulus above 1. */
  power(base: bigint, exponent: Uint8Array, modulus: bigint): bigint {
    const twos = trailingZeroes(modulus);
    const odd = modulus >> BigInt(twos);
    if (twos === 0) return this.#powerOdd(base, exponent, modulus);
    const low = this.#powerOfTwo(BigInt.asUintN(twos, base), exponent, twos);
    if (odd === 1n) return low;
    const high = this.#powerOdd(base % odd, exponent, odd);
    const factor = BigInt.asUintN(twos, (low - high) * inverseOfTwoPower(odd, twos));
    return high + odd * factor;
  }

  #powerOdd(base: bigint, exponent: Uint8Array, modulus: bigint): bigint {
    const size = limbBytes(modulus);
    const shift = BigInt(8 * size);
    const inverse = BigInt.asUintN(64, -inverseOfTwoPower(modulus, 64));
    this.#store(this.#modulus, modulus, size);
    this.#store(this.#table, (base << shift) % modulus, size);
    const multiplication = this.#montgomery(size, inverse);
    this.#run(exponent, size, multiplication);
    if (exponent.length === 0) return 1n;
    // Out of Montgomery form: a multiplication by 1.
    this.#store(this.#square, 1n, size);
    multiplication.mul(this.#result, this.#result, this.#square);
    return this.#load(this.#result, size);
  }

  #montgomery(size: number, inverse: bigint): Multiplication {
    const limbCount = size / 8;
    if (limbCount <= SHORT_LIMB_COUNT_MAX) {
      const mul = this.#calls[`mulShort${limbCount as ShortLength}`];
      const sqr = this.#calls[`sqrShort${limbCount as ShortLength}`];
      return {
        mul: (to, a, b) => mul(to, a, b, this.#modulus, inverse),
        sqr: (at, count) => sqr(at, count, this.#modulus, inverse),
      };
    }
    return {
      mul: (to, a, b) => this.#calls.mulMontgomery(to, a, b, this.#modulus, size, inverse),
      sqr: (at, count) => this.#calls.sqrMontgomery(at, count, this.#modulus, size, inverse),
    };
  }

  #powerOfTwo(base: bigint, exponent: Uint8Array, bits: number): bigint {
    const size = 8 * Math.ceil(bits / 64);
    this.#store(this.#table, base, size);
    this.#run(exponent, size, {
      mul: (to, a, b) => this.#calls.mulLow(to, a, b, size),
      sqr: (at, count) => this.#calls.sqrLow(at, count, size),
    });
    return exponent.length === 0 ? 1n : BigInt.asUintN(bits, this.#load(this.#result, size));
  }

  // Windows that begin and end with a set bit, over a table of odd powers whose first entry is the base. The exponent
  // has no leading zero byte; for an empty one the result is not written.
  #run(exponent: Uint8Array, size: number, { mul, sqr }: Multiplication): void {
    const bitCount = 8 * exponent.length;
    const bitAt = (i: number) => (exponent[i >> 3]! >> (7 - (i & 7))) & 1;
    const isLong = bitCount > 8;
    if (isLong) {
      this.#copy(this.#square, this.#table, size);
      sqr(this.#square, 1);
      for (let i = 1; i < TABLE_LENGTH; i++) {
        mul(this.#table + i * NUMBER_SIZE_BYTES, this.#table + (i - 1) * NUMBER_SIZE_BYTES, this.#square);
      }
    }
    let isEmpty = true;
    let pending = 0;
    for (let i = 0; i < bitCount; ) {
      if (bitAt(i) === 0) {
        pending++;
        i++;
        continue;
      }
      let length = isLong ? Math.min(WINDOW_BITS, bitCount - i) : 1;
      while (bitAt(i + length - 1) === 0) length--;
      let window = 0;
      for (let j = 0; j < length; j++) window = 2 * window + bitAt(i + j);
      const entry = this.#table + (window >> 1) * NUMBER_SIZE_BYTES;
      if (isEmpty) this.#copy(this.#result, entry, size);
      else {
        sqr(this.#result, pending + length);
        mul(this.#result, this.#result, entry);
      }
      isEmpty = false;
      pending = 0;
      i += length;
    }
    if (pending > 0 && !isEmpty) sqr(this.#result, pending);
  }

  #copy(to: number, from: number, size: number): void {
    this.#bytes.copyWithin(to, from, from + size);
  }

  #store(at: number, value: bigint, size: number): void {
    let rest = value;
    for (let offset = 0; offset < size; offset += 8) {
      this.#words.setBigUint64(at + offset, BigInt.asUintN(64, rest), true);
      rest >>= 64n;
    }
  }

  #load(at: number, size: number): bigint {
    let value = 0n;
    for (let offset = size - 8; offset >= 0; offset -= 8) {
      value = (value << 64n) | this.#words.getBigUint64(at + offset, true);
    }
    return value;
  }
}

let kernel: Kernel | null = null;

function kernelOf(): Kernel {
  kernel ??= new Kernel();
  return kernel;
}

function hasKernel(): boolean {
  return !PORTABLE_CRYPTO && wasmFeatures().wideArithmetic;
}

function limbBytes(value: bigint): number {
  return 8 * Math.ceil(value.toString(16).length / 16);
}

function trailingZeroes(value: bigint): number {
  let count = 0;
  let rest = value;
  while (BigInt.asUintN(64, rest) === 0n) {
    count += 64;
    rest >>= 64n;
  }
  while ((rest & 1n) === 0n) {
    count++;
    rest >>= 1n;
  }
  return count;
}

// 1/a modulo 2^bits for odd a: each step doubles the number of right bits.
function inverseOfTwoPower(a: bigint, bits: number): bigint {
  let inverse = 1n;
  for (let known = 1; known < bits; ) {
    known = Math.min(2 * known, bits);
    inverse = BigInt.asUintN(known, inverse * (2n - BigInt.asUintN(known, a) * inverse));
  }
  return inverse;
}

// Through hex: linear, where shifting byte by byte is quadratic.
function integerFrom(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${new Uint8Array(bytes).toHex()}`);
}

function writeInteger(to: Uint8Array, value: bigint): void {
  to.set(Uint8Array.fromHex(value.toString(16).padStart(2 * to.length, "0")));
}
