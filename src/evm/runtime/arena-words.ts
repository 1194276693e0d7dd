// Words between JavaScript and the arena: integers and byte strings on this side, four little-endian limbs on the other.
// Nothing passes the boundary as an argument; a BigInt there costs 200 ns.

import type { Address, Hash32 } from "#chain/primitives.ts";
import type { Arena } from "./range.ts";

const TWO_POW_32 = 0x1_0000_0000;
const LIMB_BITS = 64n;

/** Writes an integer below 2^256. @hot bench/evm/machine.bench.ts */
export function writeInteger({ words64 }: Arena, address: number, value: bigint): void {
  const at = address >>> 3;
  // A store takes the lowest 64 bits.
  words64[at] = value;
  const rest = value >> LIMB_BITS;
  words64[at + 1] = rest;
  if (rest <= 0xffff_ffffn) {
    words64[at + 2] = 0n;
    words64[at + 3] = 0n;
  } else {
    words64[at + 2] = rest >> LIMB_BITS;
    words64[at + 3] = rest >> (2n * LIMB_BITS);
  }
}

/** Reads a word as an integer. @hot bench/evm/machine.bench.ts */
export function readInteger({ words64, words32 }: Arena, address: number): bigint {
  const at = address >>> 3;
  const low = words64[at]!;
  const high = 2 * at;
  if ((words32[high + 2]! | words32[high + 3]!) === 0 && isZeroAbove(words32, high + 4)) return low;
  let value = 0n;
  for (let i = 3; i >= 0; i--) value = (value << LIMB_BITS) | words64[at + i]!;
  return value;
}

function isZeroAbove(words32: Uint32Array, at: number): boolean {
  return (words32[at]! | words32[at + 1]! | words32[at + 2]! | words32[at + 3]!) === 0;
}

/** Reads an i64 that is not negative and below 2^53. */
export function readCount({ words32 }: Arena, address: number): number {
  return words32[address >>> 2]! + words32[(address >>> 2) + 1]! * TWO_POW_32;
}

/** Writes an i64 that is not negative and below 2^53. */
export function writeCount({ words32 }: Arena, address: number, value: number): void {
  words32[address >>> 2] = value >>> 0;
  words32[(address >>> 2) + 1] = Math.floor(value / TWO_POW_32);
}

/** Writes 20 natural bytes as a word. @hot bench/evm/machine.bench.ts */
export function writeAddress({ bytes }: Arena, address: number, value: Address): void {
  for (let i = 0; i < 20; i++) bytes[address + i] = value[19 - i]!;
  bytes.fill(0, address + 20, address + 32);
}

/** The address in a word, as 20 fresh bytes. @hot bench/evm/machine.bench.ts */
export function readAddress({ bytes }: Arena, address: number): Address {
  const value = new Uint8Array(20);
  for (let i = 0; i < 20; i++) value[i] = bytes[address + 19 - i]!;
  return value;
}

/** Writes 32 natural bytes as a word. @hot bench/evm/machine.bench.ts */
export function writeHash({ bytes }: Arena, address: number, value: Hash32): void {
  for (let i = 0; i < 32; i++) bytes[address + i] = value[31 - i]!;
}

/** A word as 32 fresh natural bytes. @hot bench/evm/machine.bench.ts */
export function readHash({ bytes }: Arena, address: number): Hash32 {
  const value = new Uint8Array(32);
  for (let i = 0; i < 32; i++) value[i] = bytes[address + 31 - i]!;
  return value;
}
