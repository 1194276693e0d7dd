// Bitwise instructions on words. Shifts by a constant move limbs; shifts by a variable call the word function.

import { type Code, i64, type Operand64 } from "#wasm/code.ts";
import type { Links } from "../runtime/links.ts";
import { callWord, copyLimb, copyWord, LIMB_MASK, mapWord } from "./limbs.ts";
import { constantOf, constantWord, type Limb, limbCount, narrowWord, type Word } from "./word.ts";

const ZERO: Word = constantWord(0n);

/** AND. */
export function andWords(code: Code, a: Word, b: Word): Word {
  return mapWord((i) => andLimb(code, a[i]!, b[i]!));
}

/** OR. */
export function orWords(code: Code, a: Word, b: Word): Word {
  return mapWord((i) => orLimb(code, a[i]!, b[i]!));
}

/** XOR. */
export function xorWords(code: Code, a: Word, b: Word): Word {
  return mapWord((i) => {
    const [x, y] = constantLast(a[i]!, b[i]!);
    if (typeof x === "bigint") return x ^ (y as bigint);
    return y === 0n ? copyLimb(code, x) : code.i64(i64.xor(x, y));
  });
}

/** NOT. */
export function notWord(code: Code, a: Word): Word {
  return mapWord((i) => {
    const limb = a[i]!;
    return typeof limb === "bigint" ? limb ^ LIMB_MASK : code.i64(i64.xor(limb, -1n));
  });
}

/** BYTE: the byte at `index`, counted from the most significant one. */
export function byteWord(code: Code, links: Links, index: Word, value: Word): Word {
  const position = constantOf(index);
  if (position === null) return callWord(code, links.byte, [index, value], 1);
  if (position >= 32n) return ZERO;
  const fromLow = 31 - Number(position);
  const limb = value[fromLow >> 3]!;
  const shift = 8 * (fromLow & 7);
  if (typeof limb === "bigint") return narrowWord((limb >> BigInt(shift)) & 0xffn);
  if (shift === 56) return narrowWord(code.i64(i64.shrU(limb, 56)));
  return narrowWord(code.i64(i64.and(shift === 0 ? limb : i64.shrU(limb, shift), 0xff)));
}

/** SHL. */
export function shlWords(code: Code, links: Links, shift: Word, value: Word): Word {
  const amount = constantOf(shift);
  if (limbCount(value) === 0) return ZERO;
  if (amount === null) return callWord(code, links.shl, [shift, value]);
  return amount >= 256n ? ZERO : shlConstant(code, Number(amount), value);
}

/** SHR. */
export function shrWords(code: Code, links: Links, shift: Word, value: Word): Word {
  const amount = constantOf(shift);
  if (limbCount(value) === 0) return ZERO;
  if (amount === null) return callWord(code, links.shr, [shift, value], limbCount(value));
  return amount >= 256n ? ZERO : shrConstant(code, Number(amount), value);
}

/** SAR. */
export function sarWords(code: Code, links: Links, shift: Word, value: Word): Word {
  if (isNonNegative(value)) return shrWords(code, links, shift, value);
  const amount = constantOf(shift);
  if (amount === null) return callWord(code, links.sar, [shift, value]);
  return sarConstant(code, amount >= 256n ? 256 : Number(amount), value);
}

/** SIGNEXTEND: the lowest `byteNumber` + 1 bytes as a signed value. */
export function signExtendWord(code: Code, links: Links, byteNumber: Word, value: Word): Word {
  const number = constantOf(byteNumber);
  if (number === null) return callWord(code, links.signextend, [byteNumber, value]);
  if (number >= 31n) return copyWord(code, value);
  const signLimb = Number(number) >> 3;
  const signed = signExtendLimb(code, Number(number) & 7, value[signLimb]!);
  const sign = signOf(code, signed);
  return mapWord((i) => (i < signLimb ? copyLimb(code, value[i]!) : i === signLimb ? signed : sign));
}

/** CLZ: how many leading bits are zero, 256 for zero. */
export function clzWord(code: Code, value: Word): Word {
  const constant = constantOf(value);
  if (constant !== null) return constantWord(constant === 0n ? 256n : BigInt(256 - constant.toString(2).length));
  let count: Operand64 = 256n;
  for (let i = 0; i < limbCount(value); i++) {
    const limb = value[i]!;
    const above = 64 * (3 - i);
    if (typeof limb !== "bigint") {
      const here = above === 0 ? i64.clz(limb) : i64.add(i64.clz(limb), above);
      count = count === BigInt(above + 64) ? here : i64.select(i64.ne(limb, 0), here, count);
    } else if (limb !== 0n) {
      count = BigInt(above + 64 - limb.toString(2).length);
    }
  }
  return narrowWord(typeof count === "bigint" ? count : code.i64(count));
}

/** Whether the sign bit is known to be zero. */
export function isNonNegative(word: Word): boolean {
  const top = word[3];
  return typeof top === "bigint" && top >> 63n === 0n;
}

/** All bits of the result are the sign bit of the limb. */
export function signOf(code: Code, limb: Limb): Limb {
  return typeof limb === "bigint" ? (limb >> 63n) * LIMB_MASK : code.i64(i64.shrS(limb, 63));
}

/** A shift to the left. @param amount below 256 */
export function shlConstant(code: Code, amount: number, value: Word): Word {
  const limbs = amount >> 6;
  const bits = amount & 63;
  return mapWord((i) => funnel(code, value[i - limbs] ?? 0n, value[i - limbs - 1] ?? 0n, bits));
}

/** A logical shift to the right. @param amount below 256 */
export function shrConstant(code: Code, amount: number, value: Word): Word {
  const limbs = amount >> 6;
  const bits = amount & 63;
  if (bits === 0) return mapWord((i) => copyLimb(code, value[i + limbs] ?? 0n));
  return mapWord((i) => funnel(code, value[i + limbs + 1] ?? 0n, value[i + limbs] ?? 0n, 64 - bits));
}

/** An arithmetic shift to the right. @param amount up to 256 */
export function sarConstant(code: Code, amount: number, value: Word): Word {
  const limbs = amount >> 6;
  const bits = amount & 63;
  const top = value[3];
  const filled = limbs > 0 ? signOf(code, top) : 0n;
  return mapWord((i) => {
    const from = i + limbs;
    if (from > 3) return filled;
    if (bits === 0) return copyLimb(code, value[from]!);
    if (from < 3) return funnel(code, value[from + 1]!, value[from]!, 64 - bits);
    return typeof top === "bigint"
      ? BigInt.asUintN(64, BigInt.asIntN(64, top) >> BigInt(bits))
      : code.i64(i64.shrS(top, bits));
  });
}

// The upper 64 bits of (high, low) << bits. @param bits below 64
function funnel(code: Code, high: Limb, low: Limb, bits: number): Limb {
  if (bits === 0) return copyLimb(code, high);
  const left = typeof high === "bigint" ? (high << BigInt(bits)) & LIMB_MASK : i64.shl(high, bits);
  const right = typeof low === "bigint" ? low >> BigInt(64 - bits) : i64.shrU(low, 64 - bits);
  if (typeof left === "bigint" && typeof right === "bigint") return left | right;
  if (left === 0n) return code.i64(right);
  if (right === 0n) return code.i64(left);
  return code.i64(i64.or(left, right));
}

function signExtendLimb(code: Code, byteNumber: number, limb: Limb): Limb {
  const bits = 8 * (byteNumber + 1);
  if (typeof limb === "bigint") return BigInt.asUintN(64, BigInt.asIntN(bits, limb));
  if (bits === 8) return code.i64(i64.extend8S(limb));
  if (bits === 16) return code.i64(i64.extend16S(limb));
  if (bits === 32) return code.i64(i64.extend32S(limb));
  if (bits === 64) return copyLimb(code, limb);
  return code.i64(i64.shrS(i64.shl(limb, 64 - bits), 64 - bits));
}

function andLimb(code: Code, a: Limb, b: Limb): Limb {
  const [x, y] = constantLast(a, b);
  if (typeof x === "bigint") return x & (y as bigint);
  if (y === 0n) return 0n;
  return y === LIMB_MASK ? copyLimb(code, x) : code.i64(i64.and(x, y));
}

function orLimb(code: Code, a: Limb, b: Limb): Limb {
  const [x, y] = constantLast(a, b);
  if (typeof x === "bigint") return x | (y as bigint);
  if (y === LIMB_MASK) return LIMB_MASK;
  return y === 0n ? copyLimb(code, x) : code.i64(i64.or(x, y));
}

// The operands so that a constant comes second; the first is one only when both are.
function constantLast(a: Limb, b: Limb): readonly [Limb, Limb] {
  return typeof a === "bigint" ? [b, a] : [a, b];
}
