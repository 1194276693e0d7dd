// Modular sum and product. Operands are mostly below the modulus already; where they are not they are reduced first, except for a
// product by a modulus of four limbs, which takes one digit more.

import { type Code, i32, i64, type Value, type Var } from "#wasm/code.ts";
import type { FunctionIndex } from "#wasm/function-emitter.ts";
import {
  addDigits,
  type DivisionParts,
  divideDigit,
  ifNotBelow,
  isBelowDigits,
  prepareDivisor,
  returnShifted,
  shiftDigits,
  subDigits,
} from "./division.ts";
import { multiplyDigits } from "./product.ts";
import { type ModulusMemory, returnRepeated } from "./repeated-modulus.ts";
import type { Limb, Word } from "./word.ts";

/** The body of a function that returns (a + b) mod m, 0 when m is 0. */
export function emitAddMod(
  code: Code,
  parts: DivisionParts,
  mod: FunctionIndex,
  [a, b, m]: readonly [Word, Word, Word],
): void {
  const { sum, less } = subtractedSum(code, a, b, m);
  // Most operands are below the modulus: one subtraction at most, which the highest digits show.
  const isReduced = i32.and(i64.eqz(less[4]!), i64.ltU(less[3]!, m[3]));
  code.if(i32.or(i64.ltS(less[4]!, 0), isReduced), () => code.return(...lowerOf(sum, less)));
  code.if(i64.ne(m[3], 0), () => code.scope(() => returnRemainder(code, parts, less, m)));
  reduce(code, mod, a, m);
  reduce(code, mod, b, m);
  const reduced = subtractedSum(code, a, b, m);
  code.pushAll(lowerOf(reduced.sum, reduced.less));
}

type SubtractedSum = { readonly sum: readonly Var<"i64">[]; readonly less: readonly Var<"i64">[] };

// a + b in five digits, and the same less m; below zero when the fifth is.
function subtractedSum(code: Code, a: Word, b: Word, m: Word): SubtractedSum {
  const sum = [...a, 0n].map((digit) => code.i64(digit));
  addDigits(code, sum, [...b, 0n]);
  const less = sum.map((digit) => code.i64(digit));
  subDigits(code, less, [...m, 0n]);
  return { sum, less };
}

function lowerOf(sum: readonly Var<"i64">[], less: readonly Var<"i64">[]): Value<"i64">[] {
  return [0, 1, 2, 3].map((i) => i64.select(i64.ltS(less[4]!, 0), sum[i]!, less[i]!));
}

// Five digits, the fifth 0 or 1, by a modulus of four limbs.
function returnRemainder(code: Code, parts: DivisionParts, digits: readonly Var<"i64">[], m: Word): void {
  const bits = code.i64(i64.clz(m[3]));
  const rest = code.i64(i64.xor(bits, 63));
  const dividend = shiftDigits(code, digits, bits, rest);
  const divisor = prepareDivisor(code, parts, shiftDigits(code, m, bits, rest).slice(0, 4));
  const remainder = dividend.slice(1, 5);
  ifNotBelow(code, remainder, divisor.digits, () => subDigits(code, remainder, divisor.digits));
  divideDigit(code, divisor, remainder, dividend[0]!);
  returnShifted(code, remainder, bits, rest);
}

/** The body of a function that returns (a * b) mod m, 0 when m is 0. */
export function emitMulMod(
  code: Code,
  parts: DivisionParts,
  memory: ModulusMemory,
  mod: FunctionIndex,
  operands: readonly [Word, Word, Word],
): void {
  const [a, b, m] = operands;
  code.if(i64.ne(m[3], 0), () =>
    code.scope(() => {
      returnRepeated(code, parts, memory, mod, operands);
      finishProduct(code, parts, multiplyDigits(code, a, b), m);
    }),
  );
  reduce(code, mod, a, m);
  reduce(code, mod, b, m);
  for (let n = 3; n > 0; n--) {
    code.if(i64.ne(m[n - 1]!, 0), () =>
      code.scope(() => {
        const product = multiplyDigits(code, a.slice(0, n), b.slice(0, n));
        finishProduct(code, parts, product, m.slice(0, n));
      }),
    );
  }
  code.pushAll([0n, 0n, 0n, 0n]);
}

// Replaces the variables of a word by the word modulo m.
function reduce(code: Code, mod: FunctionIndex, a: Word, m: Word): void {
  code.if(i32.eqz(isBelowDigits(a, m)), () => {
    code.call(mod, ...a, ...m);
    code.pop(a as readonly Var<"i64">[]);
  });
}

// Reduces a product of 2n digits by a modulus of n and returns; the quotient has n digits when the factors were below it.
function finishProduct(code: Code, parts: DivisionParts, product: readonly Var<"i64">[], m: readonly Limb[]): void {
  const n = m.length;
  const bits = code.i64(i64.clz(m[n - 1]!));
  const rest = code.i64(i64.xor(bits, 63));
  const dividend = shiftDigits(code, product, bits, rest);
  const divisor = prepareDivisor(code, parts, shiftDigits(code, m, bits, rest).slice(0, n));
  const remainder = dividend.slice(n, 2 * n);
  if (n === 4) {
    const top = dividend[2 * n]!;
    code.if(isNotBelow(top, remainder[n - 1]!, divisor.digits[n - 1]!), () => {
      // One digit more: the window starts at the top.
      const low = code.i64(remainder[0]!);
      for (let i = 0; i < n; i++) code.set(remainder[i]!, i === n - 1 ? top : remainder[i + 1]!);
      divideDigit(code, divisor, remainder, low);
    });
  }
  for (let k = n - 1; k >= 0; k--) divideDigit(code, divisor, remainder, dividend[k]!);
  returnShifted(code, remainder, bits, rest);
}

// Whether the digits from `top` down may be the divisor or more.
function isNotBelow(top: Var<"i64">, next: Var<"i64">, divisor: Var<"i64">): Value<"i32"> {
  return i32.or(i64.ne(top, 0), i64.geU(next, divisor));
}
