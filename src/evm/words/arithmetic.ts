// Arithmetic instructions on words. What constants and known-zero limbs decide is emitted inline; otherwise the operands are
// tested at run time for being below 2^64, the common case in contracts, before the word function is called.

import { type Code, i32, i64, type Operand64, type Value, type Var } from "#wasm/code.ts";
import type { FunctionIndex } from "#wasm/function-emitter.ts";
import type { Links } from "../runtime/links.ts";
import { andWords, shlConstant, shlWords, shrConstant } from "./bitwise.ts";
import { isZeroWord } from "./comparison.ts";
import {
  addLimbs,
  assignLimbs,
  callWord,
  callWordUnlessShort,
  copyWord,
  highLimbs,
  isNarrow,
  keepResult,
  mapWord,
  mayBeSignedNarrow,
  newVariables,
  orAll,
  signDifferences,
  subLimbs,
} from "./limbs.ts";
import { constantOf, constantWord, type Limb, limbCount, narrowWord, type Word } from "./word.ts";

const ZERO: Word = constantWord(0n);
const WORD_SIZE_BITS = 256n;

/** ADD. */
export function addWords(code: Code, a: Word, b: Word): Word {
  // Adding -32 takes four limbs, subtracting 32 takes one.
  if (isShorterNegated(b)) return subWords(code, a, negated(b));
  if (isShorterNegated(a)) return subWords(code, b, negated(a));
  return chain(code, addLimbs, a, b);
}

/** SUB: a - b. */
export function subWords(code: Code, a: Word, b: Word): Word {
  return isShorterNegated(b) ? chain(code, addLimbs, a, negated(b)) : chain(code, subLimbs, a, b);
}

/** MUL. */
export function mulWords(code: Code, links: Links, a: Word, b: Word): Word {
  const x = constantOf(a);
  const y = constantOf(b);
  if (x !== null && y !== null) return constantWord(BigInt.asUintN(256, x * y));
  if (x !== null) return mulWords(code, links, b, a);
  if (y === 0n) return ZERO;
  const power = y === null ? null : logarithm(y);
  if (power !== null) return shlConstant(code, power, a);
  const high = highLimbs([a, b]);
  if (isNarrow(a) && isNarrow(b)) return [...code.mulWide(a[0], b[0]), 0n, 0n];
  if (high === null) return mulSigned(code, links, a, b);
  const result = newVariables(code, 4);
  code.scope(() => {
    code.if(
      i64.eqz(orAll(high)),
      () => assignLimbs(code, result, code.mulWide(a[0], b[0])),
      () => assignLimbs(code, result, mulSigned(code, links, a, b)),
    );
  });
  return mapWord((i) => result[i]!);
}

// Numbers with a sign are often small ones.
function mulSigned(code: Code, links: Links, a: Word, b: Word): Word {
  if (!mayBeSignedNarrow(a) || !mayBeSignedNarrow(b)) return callWord(code, links.mul, [a, b]);
  return callWordUnlessShort(code, {
    isShort: () => i64.eqz(orAll(signDifferences(code, [a, b]))),
    short: (result) => {
      const [low, high] = code.mulWideSigned(a[0], b[0]);
      const sign = code.i64(i64.shrS(high, 63));
      assignLimbs(code, result, [low, high, sign, sign]);
    },
    target: links.mul,
    operands: [a, b],
  });
}

/** DIV: a / b, 0 when b is 0. */
export function divWords(code: Code, links: Links, a: Word, b: Word): Word {
  const x = constantOf(a);
  const y = constantOf(b);
  if (x === 0n || y === 0n) return ZERO;
  if (x !== null && y !== null) return constantWord(x / y);
  if (y !== null) {
    const power = logarithm(y);
    if (power !== null) return shrConstant(code, power, a);
    if (limbCount(b) > limbCount(a)) return ZERO;
  }
  const quotient = divideLimbs(code, a[0], b[0]);
  if (isNarrow(a)) {
    // A divisor of 2^64 or more is above the dividend.
    const result = code.i64(0n);
    const high = highLimbs([b]);
    if (high !== null) code.if(isNarrowAndNotZero(b[0], high), () => code.set(result, quotient));
    return narrowWord(result);
  }
  const fast = (result: readonly Var<"i64">[]) => {
    assignLimbs(code, result, ZERO);
    ifNotZero(code, b[0], () => code.set(result[0]!, quotient));
  };
  return whenNarrow(code, [a, b], fast, links.div, limbCount(a));
}

/** MOD: the rest of a / b, 0 when b is 0. */
export function modWords(code: Code, links: Links, a: Word, b: Word): Word {
  const x = constantOf(a);
  const y = constantOf(b);
  if (x === 0n || y === 0n) return ZERO;
  if (x !== null && y !== null) return constantWord(x % y);
  if (y !== null) {
    if (logarithm(y) !== null) return andWords(code, a, constantWord(y - 1n));
    if (limbCount(b) > limbCount(a)) return copyWord(code, a);
  }
  const rest = remainderLimbs(code, a[0], b[0]);
  if (isNarrow(a)) {
    const high = highLimbs([b]);
    const result = code.i64(a[0]);
    if (high !== null) {
      const modulo = () =>
        ifNotZero(
          code,
          b[0],
          () => code.set(result, rest),
          () => code.set(result, 0n),
        );
      if (high.length === 0) modulo();
      else code.if(i64.eqz(orAll(high)), modulo);
    }
    return narrowWord(result);
  }
  const fast = (result: readonly Var<"i64">[]) => {
    assignLimbs(code, result, ZERO);
    ifNotZero(code, b[0], () => code.set(result[0]!, rest));
  };
  return whenNarrow(code, [a, b], fast, links.mod, Math.min(limbCount(a), limbCount(b)));
}

/** A quotient by a product, for a divisor above 1. @see Granlund, Montgomery: Division by Invariant Integers using Multiplication, section 4 */
export function quotientByConstant(code: Code, a: Var<"i64">, divisor: bigint): Operand64 {
  const bits = BigInt((divisor - 1n).toString(2).length);
  const factor = ((1n << 64n) * ((1n << bits) - divisor)) / divisor + 1n;
  const [, high] = code.mulWide(a, factor);
  return i64.shrU(i64.add(high, i64.shrU(i64.sub(a, high), 1)), bits - 1n);
}

/** ADDMOD: (a + b) mod m without overflow of the sum; 0 when m is 0. */
export function addModWords(code: Code, links: Links, a: Word, b: Word, m: Word): Word {
  const [x, y, z] = [constantOf(a), constantOf(b), constantOf(m)];
  if (z === 0n) return ZERO;
  if (x !== null && y !== null && z !== null) return constantWord((x + y) % z);
  if (z !== null && logarithm(z) !== null) {
    return keepResult(code, () => andWords(code, addWords(code, a, b), constantWord(z - 1n)));
  }
  if (limbCount(a) < 4 && limbCount(b) < 4) {
    return keepResult(code, () => modWords(code, links, addWords(code, a, b), m));
  }
  return callWord(code, links.addmod, [a, b, m], limbCount(m));
}

/** MULMOD: (a * b) mod m without overflow of the product; 0 when m is 0. */
export function mulModWords(code: Code, links: Links, a: Word, b: Word, m: Word): Word {
  const [x, y, z] = [constantOf(a), constantOf(b), constantOf(m)];
  if (x === 0n || y === 0n || z === 0n) return ZERO;
  if (x !== null && y !== null && z !== null) return constantWord((x * y) % z);
  if (z !== null && logarithm(z) !== null) {
    return keepResult(code, () => andWords(code, mulWords(code, links, a, b), constantWord(z - 1n)));
  }
  if (limbCount(a) + limbCount(b) <= 2) {
    return keepResult(code, () => modWords(code, links, mulWords(code, links, a, b), m));
  }
  return callWord(code, links.mulmod, [a, b, m], limbCount(m));
}

/** EXP. */
export function expWords(code: Code, links: Links, base: Word, exponent: Word): Word {
  const x = constantOf(base);
  const e = constantOf(exponent);
  if (e === 0n || x === 1n) return constantWord(1n);
  if (x !== null && e !== null) return constantWord(power256(x, e));
  if (e === 1n) return copyWord(code, base);
  if (e === 2n) return mulWords(code, links, base, base);
  if (x === 0n) return isZeroWord(code, exponent);
  const power = x === null ? null : logarithm(x);
  if (power === null) return callWord(code, links.exp, [base, exponent]);
  return keepResult(code, () => {
    // Exponents of 256 and more would only shift further out.
    const isLarge = i64.ne(orAll(exponent.slice(1)), 0);
    const beyond = i32.or(i64.geU(exponent[0], 256), isLarge);
    const shift = code.i64(i64.select(beyond, WORD_SIZE_BITS, i64.mul(exponent[0], power)));
    return shlWords(code, links, narrowWord(shift), constantWord(1n));
  });
}

/** How many bytes the exponent has without leading zeroes: the price of EXP is by them. */
export function exponentByteCount(code: Code, exponent: Word): Operand64 {
  const constant = constantOf(exponent);
  if (constant !== null) return constant === 0n ? 0n : BigInt((constant.toString(2).length + 7) >> 3);
  let count: Operand64 = 0n;
  for (let i = 0; i < limbCount(exponent); i++) {
    const limb = exponent[i]!;
    const here = i64.shrU(i64.sub(71 + 64 * i, i64.clz(limb)), 3);
    count = i === 0 ? here : i64.select(i64.ne(limb, 0), here, count);
  }
  return code.i64(count);
}

type LimbStep = typeof addLimbs;

function chain(code: Code, step: LimbStep, a: Word, b: Word): Word {
  return keepResult(code, () => {
    let carry: Limb = 0n;
    return mapWord((i) => {
      const result = step(code, a[i]!, b[i]!, carry, i === 3);
      carry = result.carry;
      return result.limb;
    });
  });
}

// Emits the fast way when no operand has more than one limb, else the call; without a test where that is known.
function whenNarrow(
  code: Code,
  operands: readonly Word[],
  fast: (result: readonly Var<"i64">[]) => void,
  target: FunctionIndex,
  resultLimbs = 4,
): Word {
  const high = highLimbs(operands);
  if (high === null) return callWord(code, target, operands, resultLimbs);
  const isShort = () => i64.eqz(orAll(high));
  return callWordUnlessShort(code, { isShort, short: fast, target, operands, count: resultLimbs });
}

function ifNotZero(code: Code, limb: Limb, then: () => void, otherwise?: () => void): void {
  if (typeof limb !== "bigint") code.if(i64.ne(limb, 0), then, otherwise);
  else if (limb !== 0n) then();
  else otherwise?.();
}

function isNarrowAndNotZero(low: Limb, high: readonly Limb[]): Value<"i32"> {
  const notZero = i64.ne(low, 0);
  return high.length === 0 ? notZero : i32.and(notZero, i64.eqz(orAll(high)));
}

function divideLimbs(code: Code, a: Limb, b: Limb): Operand64 {
  if (typeof a === "bigint" && typeof b === "bigint" && b !== 0n) return a / b;
  return typeof a !== "bigint" && typeof b === "bigint" && b > 1n ? quotientByConstant(code, a, b) : i64.divU(a, b);
}

function remainderLimbs(code: Code, a: Limb, b: Limb): Operand64 {
  if (typeof a === "bigint" && typeof b === "bigint" && b !== 0n) return a % b;
  return typeof a !== "bigint" && typeof b === "bigint" && b > 1n
    ? i64.sub(a, i64.mul(quotientByConstant(code, a, b), b))
    : i64.remU(a, b);
}

function isShorterNegated(word: Word): boolean {
  const value = constantOf(word);
  return value !== null && limbCount(negated(word)) < limbCount(word);
}

function negated(word: Word): Word {
  return constantWord(BigInt.asUintN(256, -(constantOf(word) ?? 0n)));
}

/** The exponent of a power of two, else null. */
export function logarithm(value: bigint): number | null {
  return value > 0n && (value & (value - 1n)) === 0n ? value.toString(2).length - 1 : null;
}

function power256(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = base;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = BigInt.asUintN(256, result * square);
    square = BigInt.asUintN(256, square * square);
  }
  return result;
}
