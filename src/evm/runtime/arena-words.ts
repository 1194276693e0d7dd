// Words between JavaScript and the arena: integers and byte strings on this side, four little-endian limbs on the other.
// Nothing passes the boundary as an argument; a BigInt there costs 200 ns.

import type { Address, Hash32 } from "#chain/primitives.ts";
import type { Arena } from "./range.ts";

const TWO_POW_32 = 0x1_0000_0000;
const LIMB_BITS = 64n;
const LIMB_MAX = 0xffff_ffff_ffff_ffffn;

/** Memory as words of either size. */
type Words = Pick<Arena, "words32" | "words64">;

/** Memory as words of 32 bits. */
type Words32 = { readonly words32: Uint32Array };

/** Writes an integer below 2^256. @hot bench/evm/machine.bench.ts */
export function writeInteger({ words32, words64 }: Words, address: number, value: bigint): void {
  const at = address >>> 3;
  // A store takes the lowest 64 bits.
  words64[at] = value;
  if (value <= LIMB_MAX) {
    for (let i = 2 * at + 2; i < 2 * at + 8; i++) words32[i] = 0;
    return;
  }
  const rest = value >> LIMB_BITS;
  words64[at + 1] = rest;
  if (rest <= LIMB_MAX) {
    for (let i = 2 * at + 4; i < 2 * at + 8; i++) words32[i] = 0;
  } else {
    words64[at + 2] = rest >> LIMB_BITS;
    words64[at + 3] = rest >> (2n * LIMB_BITS);
  }
}

/** Reads a word as an integer. @hot bench/evm/machine.bench.ts */
export function readInteger({ words32, words64 }: Words, address: number): bigint {
  const at = address >>> 3;
  const high = 2 * at;
  const low = words64[at]!;
  if ((words32[high + 4]! | words32[high + 5]! | words32[high + 6]! | words32[high + 7]!) === 0) {
    if ((words32[high + 2]! | words32[high + 3]!) === 0) return low;
    return (words64[at + 1]! << LIMB_BITS) | low;
  }
  let value = 0n;
  for (let i = 3; i >= 0; i--) value = (value << LIMB_BITS) | words64[at + i]!;
  return value;
}

/** Reads an i64 that is not negative and below 2^53. */
export function readCount({ words32 }: Words32, address: number): number {
  return words32[address >>> 2]! + words32[(address >>> 2) + 1]! * TWO_POW_32;
}

/** Writes an i64 that is not negative and below 2^53. */
export function writeCount({ words32 }: Words32, address: number, value: number): void {
  words32[address >>> 2] = value >>> 0;
  words32[(address >>> 2) + 1] = Math.floor(value / TWO_POW_32);
}

/** Writes 20 natural bytes as a word. @hot bench/evm/machine.bench.ts */
export function writeAddress({ words32 }: Words32, address: number, value: Address): void {
  const at = address >>> 2;
  for (let i = 0; i < 5; i++) words32[at + i] = bigEndian(value, 16 - 4 * i);
  words32[at + 5] = 0;
  words32[at + 6] = 0;
  words32[at + 7] = 0;
}

/** The address in a word, as 20 fresh bytes. @hot bench/evm/machine.bench.ts */
export function readAddress({ words32 }: Words32, address: number): Address {
  const value = new Uint8Array(20);
  const at = address >>> 2;
  for (let i = 0; i < 5; i++) setBigEndian(value, 16 - 4 * i, words32[at + i]!);
  return value;
}

/** Writes 32 natural bytes as a word. @hot bench/evm/machine.bench.ts */
export function writeHash({ words32 }: Words32, address: number, value: Hash32): void {
  const at = address >>> 2;
  for (let i = 0; i < 8; i++) words32[at + i] = bigEndian(value, 28 - 4 * i);
}

/** A word as 32 fresh natural bytes. @hot bench/evm/machine.bench.ts */
export function readHash({ words32 }: Words32, address: number): Hash32 {
  const value = new Uint8Array(32);
  const at = address >>> 2;
  for (let i = 0; i < 8; i++) setBigEndian(value, 28 - 4 * i, words32[at + i]!);
  return value;
}

function bigEndian(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

function setBigEndian(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = word >>> 16;
  bytes[at + 2] = word >>> 8;
  bytes[at + 3] = word;
}
