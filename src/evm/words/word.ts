// A 256-bit operand as the emitters see it: four 64-bit limbs, the least significant first, each a variable or a constant
// that is known while code is made. What is known shortens what is emitted: a boolean is one limb and three zeroes.

import type { Operand64, Var } from "#wasm/code.ts";

/** 64 bits: a constant in [0, 2^64), or a variable that nobody assigns again while the word is in use. */
export type Limb = bigint | Var<"i64">;

/** 256 bits, least significant limb first. */
export type Word = readonly [Limb, Limb, Limb, Limb];

const LIMB_MASK = (1n << 64n) - 1n;

/** A constant. @param value in [0, 2^256) */
export function constantWord(value: bigint): Word {
  return [value & LIMB_MASK, (value >> 64n) & LIMB_MASK, (value >> 128n) & LIMB_MASK, (value >> 192n) & LIMB_MASK];
}

/** The value when all limbs are constants, else null. */
export function constantOf(word: Word): bigint | null {
  let value = 0n;
  for (let i = 3; i >= 0; i--) {
    const limb = word[i]!;
    if (typeof limb !== "bigint") return null;
    value = (value << 64n) | limb;
  }
  return value;
}

/** A word whose upper limbs are zero. */
export function narrowWord(low: Limb): Word {
  return [low, 0n, 0n, 0n];
}

/** Whether limbs from `index` on are known to be zero. */
export function isZeroFrom(word: Word, index: number): boolean {
  for (let i = index; i < 4; i++) if (word[i] !== 0n) return false;
  return true;
}

/** How many limbs, from the lowest, may be other than zero: 0 to 4. */
export function limbCount(word: Word): number {
  let count = 4;
  while (count > 0 && word[count - 1] === 0n) count--;
  return count;
}

/** The limb as an operand of an expression. */
export function operandOf(limb: Limb): Operand64 {
  return limb;
}
