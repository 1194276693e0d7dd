// MODEXP (0x05): base ^ exponent mod modulus for numbers of any length.
//
//   0   length of the base, 32      96  base, exponent, modulus; what the input lacks is zero
//   32  length of the exponent, 32
//   64  length of the modulus, 32

import { EMPTY_BYTES } from "#base/bytes.ts";
import { type Hardfork, isAtLeast } from "#chain/hardforks.ts";
import { modularPower } from "#crypto/modular-power.ts";
import { copyPadded, type Precompile } from "./precompile.ts";

const LENGTHS_SIZE_BYTES = 96;
/** The longest base, exponent and modulus since Osaka, bytes. @see EIP-7823 */
const SIZE_BYTES_MAX = 1024;

type Lengths = { readonly base: number; readonly exponent: number; readonly modulus: number };

/** 0x05. @see EIP-198; EIP-2565, EIP-7883 for the prices since Berlin and Osaka; EIP-7823 for the bound since Osaka */
export const MODEXP: Precompile = {
  address: 0x05,
  name: "modexp",
  since: "byzantium",
  gas: (input, fork) => {
    const lengths = readLengths(input);
    const size = Math.max(lengths.base, lengths.modulus);
    const head = exponentHeadBits(input, lengths);
    if (isAtLeast(fork, "osaka")) return priceOfOsaka(size, lengths.exponent, head);
    if (isAtLeast(fork, "berlin")) return priceOfBerlin(size, lengths.exponent, head);
    return priceOfByzantium(size, lengths.exponent, head);
  },
  run: (input, fork) => compute(input, fork),
};

function compute(input: Uint8Array, fork: Hardfork): Uint8Array | null {
  const lengths = readLengths(input);
  const longest = Math.max(lengths.base, lengths.exponent, lengths.modulus);
  if (isAtLeast(fork, "osaka") && longest > SIZE_BYTES_MAX) return null;
  if (lengths.modulus === 0) return EMPTY_BYTES;
  const exponentOffset = LENGTHS_SIZE_BYTES + lengths.base;
  const modulusOffset = exponentOffset + lengths.exponent;
  // A modulus behind the end of the input is zero, whatever the exponent's length says.
  const modulus = copyPadded(input, modulusOffset, lengths.modulus);
  if (modulusOffset >= input.length) return modulus;
  const base = copyPadded(input, LENGTHS_SIZE_BYTES, lengths.base);
  return modularPower(base, copyPadded(input, exponentOffset, lengths.exponent), modulus);
}

// A length above 2^53 reads as infinity.
function readLengths(input: Uint8Array): Lengths {
  return { base: readLength(input, 0), exponent: readLength(input, 32), modulus: readLength(input, 64) };
}

function readLength(input: Uint8Array, offset: number): number {
  let length = 0;
  const end = Math.min(offset + 32, input.length);
  for (let i = offset; i < end; i++) length = length * 256 + input[i]!;
  // Bytes that the input lacks are zero, and they are the low ones.
  if (length > 0) length *= 256 ** Math.max(0, offset + 32 - Math.max(input.length, offset));
  return length > Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : length;
}

/** Index of the highest set bit among the first 32 bytes of the exponent, 0 when there is none. */
function exponentHeadBits(input: Uint8Array, lengths: Lengths): number {
  const headSize = Math.min(32, lengths.exponent);
  const start = LENGTHS_SIZE_BYTES + lengths.base;
  for (let i = 0; i < headSize; i++) {
    const byte = start + i < input.length ? input[start + i]! : 0;
    if (byte !== 0) return 8 * (headSize - 1 - i) + 31 - Math.clz32(byte);
  }
  return 0;
}

function iterations(exponentSize: number, headBits: number, perByte: number): number {
  return Math.max(1, perByte * Math.max(0, exponentSize - 32) + headBits);
}

function priceOfByzantium(size: number, exponentSize: number, headBits: number): number {
  let complexity = size * size;
  if (size > 1024) complexity = Math.floor(complexity / 16) + 480 * size - 199_680;
  else if (size > 64) complexity = Math.floor(complexity / 4) + 96 * size - 3072;
  return quotient(complexity, iterations(exponentSize, headBits, 8), 20);
}

function priceOfBerlin(size: number, exponentSize: number, headBits: number): number {
  const words = Math.ceil(size / 8);
  return Math.max(200, quotient(words * words, iterations(exponentSize, headBits, 8), 3));
}

function priceOfOsaka(size: number, exponentSize: number, headBits: number): number {
  const words = Math.ceil(size / 8);
  const complexity = size > 32 ? 2 * words * words : 16;
  return Math.max(500, quotient(complexity, iterations(exponentSize, headBits, 16), 1));
}

// Exact, or infinity beyond 2^53. A product of 2^53 × 20 or more has such a quotient.
function quotient(complexity: number, count: number, divisor: number): number {
  if (complexity === 0) return 0;
  const product = complexity * count;
  if (product <= Number.MAX_SAFE_INTEGER) return Math.floor(product / divisor);
  if (!Number.isFinite(product)) return Number.POSITIVE_INFINITY;
  const exact = (BigInt(complexity) * BigInt(count)) / BigInt(divisor);
  return exact > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(exact);
}
