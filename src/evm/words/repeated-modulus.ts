// Modular products by a modulus of four limbs that comes again and again, as contracts over a prime field have it. From the second
// product in a row on, the reciprocal of the whole modulus is kept, and the quotient is one product instead of a digit after another:
//
//   x = a · b = (H, L)     q ≈ H + (H · v) >> 256     x mod m = x - q · m, or once more - m
//
// With the modulus shifted so that its top bit is set and v = (2^512 - 1) / m - 2^256. The lower columns of H · v, which cannot
// change q by more than one, are left out: 39 products of limbs instead of 48. Measured against digits: see bench/evm/words.bench.ts.

import type { ModuleBuilder } from "#wasm/assembler.ts";
import { type Code, i32, i64, type Value, type Var } from "#wasm/code.ts";
import type { FunctionIndex, GlobalIndex } from "#wasm/function-emitter.ts";
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
import { LIMB_MASK } from "./limbs.ts";
import { multiplyDigits } from "./product.ts";
import type { Limb, Word } from "./word.ts";

/** What a module keeps about moduli: the last one, and the one whose reciprocal is known. */
export type ModulusMemory = {
  readonly last: readonly GlobalIndex[];
  readonly modulus: readonly GlobalIndex[];
  /** The modulus with its top bit set, and its reciprocal. */
  readonly divisor: readonly GlobalIndex[];
  readonly reciprocal: readonly GlobalIndex[];
};

/** Defines the globals. */
export function defineModulusMemory(module: ModuleBuilder): ModulusMemory {
  const four = () => [0, 1, 2, 3].map(() => module.defineGlobal("i64", 0n, true));
  return { last: four(), modulus: four(), divisor: four(), reciprocal: four() };
}

/**
 * Returns a · b mod m when the modulus repeats; code behind it handles the first time. The highest limb of m is not zero.
 * Variables of a and b may be assigned.
 */
export function returnRepeated(
  code: Code,
  parts: DivisionParts,
  memory: ModulusMemory,
  mod: FunctionIndex,
  [a, b, m]: readonly [Word, Word, Word],
): void {
  const isKnown = code.i32(i64.eqz(differences(memory.modulus, m)));
  code.if(i32.eqz(isKnown), () => {
    code.if(
      i64.eqz(differences(memory.last, m)),
      () => {
        learn(code, parts, memory, m);
        code.set(isKnown, 1);
      },
      () => setGlobals(code, memory.last, m),
    );
  });
  code.if(isKnown, () => code.scope(() => emitProduct(code, memory, mod, a, b, m)));
}

function learn(code: Code, parts: DivisionParts, memory: ModulusMemory, m: Word): void {
  code.scope(() => {
    const bits = code.i64(i64.clz(m[3]));
    const digits = shiftDigits(code, m, bits, code.i64(i64.xor(bits, 63))).slice(0, 4);
    const divisor = prepareDivisor(code, parts, digits);
    // 2^512 - 1 less 2^256 times the divisor, by the divisor.
    const remainder = digits.map((digit) => code.i64(i64.xor(digit, -1n)));
    const reciprocal = [3, 2, 1, 0].map(() => divideDigit(code, divisor, remainder, LIMB_MASK)).reverse();
    setGlobals(code, memory.modulus, m);
    setGlobals(code, memory.divisor, digits);
    setGlobals(code, memory.reciprocal, reciprocal);
  });
}

function emitProduct(code: Code, memory: ModulusMemory, mod: FunctionIndex, a: Word, b: Word, m: Word): void {
  // One factor below the modulus is enough for a high half below it.
  ifNotBelow(code, a, m, () => {
    code.if(
      isBelowDigits(b, m),
      () => swapDigits(code, a as readonly Var<"i64">[], b as readonly Var<"i64">[]),
      () => {
        code.call(mod, ...a, ...m);
        code.pop(a as readonly Var<"i64">[]);
      },
    );
  });
  const bits = code.i64(i64.clz(m[3]));
  const rest = code.i64(i64.xor(bits, 63));
  const product = multiplyDigits(code, shiftDigits(code, a, bits, rest).slice(0, 4), b);
  const high = product.slice(4);
  const quotient = highProduct(code, loadGlobals(code, memory.reciprocal), high, product[3]!);
  addDigits(code, quotient, high);
  const divisor = loadGlobals(code, memory.divisor);
  const remainder = product.slice(0, 5);
  subDigits(code, remainder, multiplyDigits(code, quotient, divisor, 5));
  const result = subtractOnce(code, remainder, divisor);
  returnShifted(code, result, bits, rest);
}

function swapDigits(code: Code, a: readonly Var<"i64">[], b: readonly Var<"i64">[]): void {
  code.pushAll([...a, ...b]);
  code.pop([...b, ...a]);
}

// Columns 4 to 7 of v · h, where columns 0 to 2 only carry what their highest products do, and `low` is added to column 3.
function highProduct(code: Code, v: readonly Var<"i64">[], h: readonly Var<"i64">[], low: Limb): Var<"i64">[] {
  const columns: Limb[] = [0n, 0n, 0n, low];
  v.forEach((factor, i) => {
    let carry: Limb = 0n;
    for (let j = Math.max(0, 2 - i); j < 4; j++) {
      if (i + j === 2) {
        carry = code.mulWide(factor, h[j]!)[1];
      } else {
        const [sum, next]: [Var<"i64">, Var<"i64">] = code.mulAdd(factor, h[j]!, columns[i + j] ?? 0n, carry);
        columns[i + j] = sum;
        carry = next;
      }
    }
    columns[i + 4] = carry;
  });
  return columns.slice(4) as Var<"i64">[];
}

// The remainder is below twice the divisor, but for rare cases below three times: the first subtraction is a choice, no branch.
function subtractOnce(code: Code, remainder: readonly Var<"i64">[], divisor: readonly Var<"i64">[]): Var<"i64">[] {
  const less = remainder.map((digit) => code.i64(digit));
  subDigits(code, less, [...divisor, 0n]);
  const isBelow = code.i32(i64.ltS(less[4]!, 0));
  const result = remainder.map((digit, i) => code.i64(i64.select(isBelow, digit, less[i]!)));
  const mayRemain = i32.or(i64.geU(result[3]!, divisor[3]!), i64.ne(result[4]!, 0));
  code.if(mayRemain, () => {
    const isAbove = i32.or(i64.ne(result[4]!, 0), i32.eqz(isBelowDigits(result.slice(0, 4), divisor)));
    code.while(isAbove, () => subDigits(code, result, [...divisor, 0n]));
  });
  return result.slice(0, 4);
}

function differences(globals: readonly GlobalIndex[], word: readonly Limb[]): Value<"i64"> {
  return globals.map((global, i) => i64.xor(i64.global(global), word[i]!)).reduce((or, limb) => i64.or(or, limb));
}

function loadGlobals(code: Code, globals: readonly GlobalIndex[]): Var<"i64">[] {
  return globals.map((global) => code.i64(i64.global(global)));
}

function setGlobals(code: Code, globals: readonly GlobalIndex[], limbs: readonly Limb[]): void {
  globals.forEach((global, i) => {
    code.push("i64", limbs[i]!);
    code.f.globalSet(global);
  });
}
