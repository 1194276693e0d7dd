// Division of words with a sign. Values that one signed limb holds, the common case, are divided in place; for constants by products
// and shifts.

import { type Code, i32, i64, type Operand64, type Var } from "#wasm/code.ts";
import type { FunctionIndex } from "#wasm/function-emitter.ts";
import type { Links } from "../runtime/links.ts";
import { addWords, divWords, logarithm, modWords, quotientByConstant, subWords } from "./arithmetic.ts";
import { andWords, isNonNegative, sarConstant, signOf } from "./bitwise.ts";
import { callWord, callWordUnlessShort, keepResult, orAll, signDifferences } from "./limbs.ts";
import { constantOf, constantWord, type Limb, type Word } from "./word.ts";

const ZERO: Word = constantWord(0n);

/** SDIV: a / b of signed values, rounded towards zero; 0 when b is 0. */
export function sdivWords(code: Code, links: Links, a: Word, b: Word): Word {
  if (isNonNegative(a) && isNonNegative(b)) return divWords(code, links, a, b);
  const x = constantOf(a);
  const y = constantOf(b);
  if (x === 0n || y === 0n) return ZERO;
  if (x !== null && y !== null) return constantWord(fromSigned(toSigned(x) / toSigned(y)));
  const power = y === null || !isNonNegative(b) ? null : logarithm(y);
  if (power !== null) {
    return keepResult(code, () => sarConstant(code, power, addWords(code, a, roundingOf(code, a, power))));
  }
  const divide = (low: Var<"i64">) => code.set(low, signedQuotient(code, a[0], b[0]));
  return whenSignedNarrow(code, [a, b], divide, links.sdiv);
}

/** SMOD: the rest of a / b of signed values, with the sign of a; 0 when b is 0. */
export function smodWords(code: Code, links: Links, a: Word, b: Word): Word {
  if (isNonNegative(a) && isNonNegative(b)) return modWords(code, links, a, b);
  const x = constantOf(a);
  const y = constantOf(b);
  if (x === 0n || y === 0n) return ZERO;
  if (x !== null && y !== null) return constantWord(fromSigned(toSigned(x) % toSigned(y)));
  const power = y === null || !isNonNegative(b) ? null : logarithm(y);
  if (power !== null) {
    return keepResult(code, () => {
      const rounding = roundingOf(code, a, power);
      const masked = andWords(code, addWords(code, a, rounding), constantWord((1n << BigInt(power)) - 1n));
      return subWords(code, masked, rounding);
    });
  }
  const divide = (low: Var<"i64">) => {
    const rest = typeof b[0] === "bigint" ? restOf(code, a[0], b[0]) : i64.remS(a[0], b[0]);
    code.set(low, rest);
  };
  return whenSignedNarrow(code, [a, b], divide, links.smod);
}

function restOf(code: Code, a: Limb, b: bigint): Operand64 {
  return i64.sub(a, i64.mul(signedQuotient(code, a, b), b));
}

// Of two values that one signed limb each holds, the divisor neither 0 nor -1.
function signedQuotient(code: Code, a: Limb, b: Limb): Operand64 {
  if (typeof b !== "bigint" || BigInt.asIntN(64, b) < 2n) return i64.divS(a, b);
  const sign = code.i64(i64.shrS(a, 63));
  const magnitude = code.i64(i64.sub(i64.xor(a, sign), sign));
  return i64.sub(i64.xor(quotientByConstant(code, magnitude, b), sign), sign);
}

// Emits the fast way when each operand is a sign-extended limb and the divisor, the second, is neither 0 nor -1; else the call.
function whenSignedNarrow(
  code: Code,
  operands: readonly [Word, Word],
  divide: (low: Var<"i64">) => void,
  target: FunctionIndex,
): Word {
  const constant = constantOf(operands[1]);
  if (constant !== null && (constant < 2n || constant >= 1n << 63n)) return callWord(code, target, operands, 4);
  return callWordUnlessShort(code, {
    isShort: () => {
      const isNarrow = i64.eqz(orAll(signDifferences(code, operands)));
      const isDivisible = i64.gtU(i64.add(operands[1][0], 1), 1);
      return constant === null ? i32.and(isNarrow, isDivisible) : isNarrow;
    },
    short: (result) => {
      divide(result[0]!);
      for (const limb of result.slice(1)) code.set(limb, i64.shrS(result[0]!, 63));
    },
    target,
    operands,
  });
}

// What is added before a shift so that it rounds towards zero: 2^power - 1 for a negative value, else 0.
function roundingOf(code: Code, a: Word, power: number): Word {
  const sign = signOf(code, a[3]);
  return andWords(code, [sign, sign, sign, sign], constantWord((1n << BigInt(power)) - 1n));
}

function toSigned(value: bigint): bigint {
  return BigInt.asIntN(256, value);
}

function fromSigned(value: bigint): bigint {
  return BigInt.asUintN(256, value);
}
