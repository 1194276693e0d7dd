// Modular sum and product. Operands are mostly below the modulus already; where they are not they are reduced first, except for a
// product by a modulus of four limbs, which takes one digit more.

import { type Code, i32, i64, type Value, type Var } from "#wasm/code.ts";
import type { FunctionIndex } from "#wasm/function-emitter.ts";
import {
  addDigits,
  type DivisionParts,
  divideDigit,
  isBelowDigits,
  prepareDivisor,
  shiftDigits,
  shiftedRight,
  subDigits,
} from "./division.ts";
import { multiplyDigits } from "./product.ts";
import { type ModulusMemory, returnRepeated } from "./repeated-modulus.ts";
import type { Limb, Word } from "./word.ts";

/** The body of a function that returns (a + b) mod m, 0 when m is 0. */
export function emitAddMod(code: Code, mod: FunctionIndex, a: Word, b: Word, m: Word): void {
  reduce(code, mod, a, m);
  reduce(code, mod, b, m);
  const sum = [...a, code.i64(0n)] as Var<"i64">[];
  addDigits(code, sum, [...b, 0n]);
  const less = sum.map((digit) => code.i64(digit));
  subDigits(code, less, [...m, 0n]);
  const isBelow = code.i32(i64.ltS(less[4]!, 0));
  code.pushAll([0, 1, 2, 3].map((i) => i64.select(isBelow, sum[i]!, less[i]!)));
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
  const limbs = remainder.map((digit, i) => code.i64(shiftedRight(remainder[i + 1] ?? 0n, digit, bits, rest)));
  code.return(...[0, 1, 2, 3].map((i) => limbs[i] ?? 0n));
}

// Whether the digits from `top` down may be the divisor or more.
function isNotBelow(top: Var<"i64">, next: Var<"i64">, divisor: Var<"i64">): Value<"i32"> {
  return i32.or(i64.ne(top, 0), i64.geU(next, divisor));
}
