// Division of long unsigned integers in 64-bit digits. WebAssembly divides 64 by 64 bits at most, so a digit of a quotient is
// made by multiplication with a reciprocal of the divisor's one or two highest digits, after a shift that sets its top bit.
// The reciprocal of the last divisor is kept in globals: contracts divide by the same few numbers.
//
// @see Möller, Granlund: Improved division by invariant integers (2011), algorithms 2, 4 and 6

import type { ModuleBuilder } from "#wasm/assembler.ts";
import { type Code, i32, i64, type Operand64, type Value, type Var } from "#wasm/code.ts";
import type { FunctionEmitter, FunctionIndex, GlobalIndex } from "#wasm/function-emitter.ts";
import { LIMB_MASK } from "./limbs.ts";
import type { Limb } from "./word.ts";

/** Variables that are assigned again: digits, the least significant first. */
export type Digits = readonly Var<"i64">[];

/** What divisions of one module share. */
export type DivisionParts = {
  /** (normalized digit) → floor((2^128 - 1) / digit) - 2^64. */
  readonly reciprocal: FunctionIndex;
  /** The last divisor of one digit, its reciprocal; the two highest digits of the last longer divisor, theirs. */
  readonly single: readonly [GlobalIndex, GlobalIndex];
  readonly double: readonly [GlobalIndex, GlobalIndex, GlobalIndex];
};

/** A divisor with its top bit set, ready for `divideDigit`. */
export type Divisor = { readonly digits: readonly Var<"i64">[]; readonly reciprocal: Var<"i64"> };

/** Defines what divisions share. */
export function defineDivisionParts(module: ModuleBuilder, makeCode: MakeCode): DivisionParts {
  const global = () => module.defineGlobal("i64", 0n, true);
  const reciprocal = module.defineFunction({ params: ["i64"], results: ["i64"] }, (f) => emitReciprocal(makeCode(f)));
  return { reciprocal, single: [global(), global()], double: [global(), global(), global()] };
}

/** Opens the body of a function: decides how wide products are emitted. */
export type MakeCode = (f: FunctionEmitter) => Code;

/** (high, low) << bits, the upper 64 bits. @param bits below 64, and `rest` = 63 - bits */
export function shiftedLeft(high: Limb, low: Limb, bits: Var<"i64">, rest: Var<"i64">): Operand64 {
  const right = low === 0n ? null : i64.shrU(i64.shrU(low, 1), rest);
  if (high === 0n) return right ?? 0n;
  return right === null ? i64.shl(high, bits) : i64.or(i64.shl(high, bits), right);
}

/** (high, low) >> bits, the lower 64 bits. */
export function shiftedRight(high: Limb, low: Limb, bits: Var<"i64">, rest: Var<"i64">): Operand64 {
  const right = i64.shrU(low, bits);
  return high === 0n ? right : i64.or(right, i64.shl(i64.shl(high, 1), rest));
}

/** Returns a remainder of four digits at most as a word, shifted back by what the divisor was shifted. */
export function returnShifted(code: Code, remainder: readonly Var<"i64">[], bits: Var<"i64">, rest: Var<"i64">): void {
  const limbs = remainder.map((digit, i) => code.i64(shiftedRight(remainder[i + 1] ?? 0n, digit, bits, rest)));
  code.return(...[0, 1, 2, 3].map((i) => limbs[i] ?? 0n));
}

/** Digits shifted to the left by `bits` below 64, with one more digit on top. */
export function shiftDigits(code: Code, digits: readonly Limb[], bits: Var<"i64">, rest: Var<"i64">): Var<"i64">[] {
  return Array.from({ length: digits.length + 1 }, (_, i) =>
    code.i64(shiftedLeft(digits[i] ?? 0n, digits[i - 1] ?? 0n, bits, rest)),
  );
}

/** Finds or computes the reciprocal of a divisor whose top bit is set. */
export function prepareDivisor(code: Code, parts: DivisionParts, digits: readonly Var<"i64">[]): Divisor {
  return digits.length === 1
    ? prepareSingle(code, parts, digits[0]!)
    : prepareDouble(code, parts, digits, digits.at(-1)!, digits.at(-2)!);
}

function prepareSingle(code: Code, parts: DivisionParts, high: Var<"i64">): Divisor {
  const [lastHigh, last] = parts.single;
  const reciprocal = code.i64(i64.global(last));
  code.if(i64.ne(i64.global(lastHigh), high), () => {
    code.set(reciprocal, code.call64(parts.reciprocal, high));
    setGlobal(code, lastHigh, high);
    setGlobal(code, last, reciprocal);
  });
  return { digits: [high], reciprocal };
}

function prepareDouble(
  code: Code,
  parts: DivisionParts,
  digits: readonly Var<"i64">[],
  high: Var<"i64">,
  low: Var<"i64">,
): Divisor {
  const [lastHigh, lastLow, last] = parts.double;
  const reciprocal = code.i64(i64.global(last));
  const isOther = i64.or(i64.xor(i64.global(lastHigh), high), i64.xor(i64.global(lastLow), low));
  code.if(i64.ne(isOther, 0), () => {
    code.set(reciprocal, code.call64(parts.reciprocal, high));
    refineReciprocal(code, reciprocal, high, low);
    setGlobal(code, lastHigh, high);
    setGlobal(code, lastLow, low);
    setGlobal(code, last, reciprocal);
  });
  return { digits, reciprocal };
}

/**
 * One digit of the quotient: of (remainder, next) by the divisor. The remainder has as many digits as the divisor, is below it,
 * and is assigned what is left. Returns a new variable.
 */
export function divideDigit(code: Code, divisor: Divisor, remainder: Digits, next: Limb): Var<"i64"> {
  const quotient = code.i64();
  code.scope(() => {
    const { digits, reciprocal } = divisor;
    if (digits.length === 1) divideTwoByOne(code, quotient, remainder[0]!, next, digits[0]!, reciprocal);
    else if (digits.length === 2) divideTop(code, quotient, divisor, remainder[1]!, remainder[0]!, next, remainder);
    else divideLong(code, quotient, divisor, remainder, next);
  });
  return quotient;
}

function divideTwoByOne(
  code: Code,
  quotient: Var<"i64">,
  remainder: Var<"i64">,
  next: Limb,
  divisor: Var<"i64">,
  reciprocal: Var<"i64">,
): void {
  const [low, high] = code.add128(code.mulWide(reciprocal, remainder), [next, remainder]);
  code.set(quotient, i64.add(high, 1));
  const rest = code.i64(i64.sub(next, i64.mul(quotient, divisor)));
  const tooLarge = code.i32(i64.gtU(rest, low));
  code.set(quotient, i64.select(tooLarge, high, quotient));
  code.set(remainder, i64.select(tooLarge, i64.add(rest, divisor), rest));
  code.if(i64.geU(remainder, divisor), () => {
    code.set(quotient, i64.add(quotient, 1));
    code.set(remainder, i64.sub(remainder, divisor));
  });
}

// Three digits by the two highest of the divisor; what is left goes to the two digits of `rest`, low first.
function divideTop(
  code: Code,
  quotient: Var<"i64">,
  divisor: Divisor,
  high: Var<"i64">,
  middle: Limb,
  low: Limb,
  rest: Digits,
): void {
  const d1 = divisor.digits.at(-1)!;
  const d0 = divisor.digits.at(-2)!;
  const [estimateLow, estimate] = code.add128(code.mulWide(divisor.reciprocal, high), [middle, high]);
  const part = code.sub128([low, i64.sub(middle, i64.mul(estimate, d1))], code.mulWide(d0, estimate));
  const [restLow, restHigh] = code.sub128(part, [d0, d1]);
  const tooLarge = code.i64(i64.sub(0, i64.extend(i64.geU(restHigh, estimateLow))));
  code.set(quotient, i64.add(i64.add(estimate, 1), tooLarge));
  const [fixedLow, fixedHigh] = code.add128([restLow, restHigh], [i64.and(d0, tooLarge), i64.and(d1, tooLarge)]);
  code.set(rest[0]!, fixedLow);
  code.set(rest[1]!, fixedHigh);
  code.if(i64.geU(fixedHigh, d1), () => {
    code.if(i32.or(i64.gtU(fixedHigh, d1), i64.geU(fixedLow, d0)), () => {
      code.set(quotient, i64.add(quotient, 1));
      const [lessLow, lessHigh] = code.sub128([fixedLow, fixedHigh], [d0, d1]);
      code.set(rest[0]!, lessLow);
      code.set(rest[1]!, lessHigh);
    });
  });
}

// Three or four digits: the estimate by the two highest is right or one too large.
function divideLong(code: Code, quotient: Var<"i64">, divisor: Divisor, remainder: Digits, next: Limb): void {
  const { digits } = divisor;
  const n = digits.length;
  const high = remainder[n - 1]!;
  const middle = remainder[n - 2]!;
  const isTopEqual = i32.and(i64.eq(high, digits[n - 1]!), i64.eq(middle, digits[n - 2]!));
  code.if(
    isTopEqual,
    () => divideEqualTop(code, quotient, digits, remainder, next),
    () => {
      const rest = [code.i64(), code.i64()];
      divideTop(code, quotient, divisor, high, middle, remainder[n - 3]!, rest);
      const lower = [next, ...remainder.slice(0, n - 3)];
      const { results, borrow } = subtractProduct(code, quotient, digits.slice(0, n - 2), lower);
      const newLow = code.i64(i64.sub(rest[0]!, borrow));
      const borrowed = code.i64(i64.extend(i64.ltU(rest[0]!, borrow)));
      const isNegative = i64.ltU(rest[1]!, borrowed);
      const condition = code.i32(isNegative);
      const newHigh = code.i64(i64.sub(rest[1]!, borrowed));
      [...results, newLow, newHigh].forEach((digit, i) => {
        code.set(remainder[i]!, digit);
      });
      code.if(condition, () => {
        code.set(quotient, i64.sub(quotient, 1));
        addDigits(code, remainder, digits);
      });
    },
  );
}

// (remainder, next) - (2^64 - 1) · divisor, where the two highest digits of remainder and divisor are equal.
function divideEqualTop(
  code: Code,
  quotient: Var<"i64">,
  digits: readonly Var<"i64">[],
  remainder: Digits,
  next: Limb,
): void {
  code.set(quotient, LIMB_MASK);
  for (let i = digits.length - 1; i > 0; i--) code.set(remainder[i]!, remainder[i - 1]!);
  code.set(remainder[0]!, next);
  subDigits(code, remainder, [0n, ...digits.slice(0, -1)]);
  addDigits(code, remainder, digits);
}

function subtractProduct(
  code: Code,
  factor: Var<"i64">,
  digits: readonly Var<"i64">[],
  from: readonly Limb[],
): { results: Var<"i64">[]; borrow: Var<"i64"> } {
  let borrow: Var<"i64"> | null = null;
  const results = digits.map((digit, i) => {
    const [low, high] = borrow === null ? code.mulWide(factor, digit) : code.mulAdd(factor, digit, borrow);
    const result = code.i64(i64.sub(from[i]!, low));
    borrow = code.i64(i64.add(high, i64.extend(i64.ltU(from[i]!, low))));
    return result;
  });
  return { results, borrow: borrow as unknown as Var<"i64"> };
}

/** target += digits, modulo its size. */
export function addDigits(code: Code, target: Digits, digits: readonly Limb[]): void {
  carryDigits(code, target, digits, (a, b) => code.add128(a, b), false);
}

/** target -= digits, modulo its size. */
export function subDigits(code: Code, target: Digits, digits: readonly Limb[]): void {
  carryDigits(code, target, digits, (a, b) => code.sub128(a, b), true);
}

type PairStep = Code["add128"];

// The high half of a sum or difference of single digits is the carry: 0 or 1, or 0 or -1.
function carryDigits(code: Code, target: Digits, digits: readonly Limb[], step: PairStep, isNegative: boolean): void {
  code.scope(() => {
    let carry: Operand64 = 0n;
    target.forEach((digit, i) => {
      const [low, high] = step([digit, 0n], [digits[i]!, 0n]);
      const [sum, next] = code.add128([low, high], [carry, isNegative ? carry : 0n]);
      code.set(digit, sum);
      carry = next;
    });
  });
}

/** Whether a < b, digit by digit from the highest. */
export function isBelowDigits(a: readonly Limb[], b: readonly Limb[]): Value<"i32"> {
  let below = i64.ltU(a[0]!, b[0]!);
  for (let i = 1; i < a.length; i++) below = i32.or(i64.ltU(a[i]!, b[i]!), i32.and(i64.eq(a[i]!, b[i]!), below));
  return below;
}

/** Emits `then` for a >= b. The highest digits decide alone but for rare cases, so the others are looked at behind a branch. */
export function ifNotBelow(code: Code, a: readonly Limb[], b: readonly Limb[], then: () => void): void {
  code.if(i64.geU(a.at(-1)!, b.at(-1)!), () => code.if(i32.eqz(isBelowDigits(a, b)), then));
}

function setGlobal(code: Code, global: GlobalIndex, value: Var<"i64">): void {
  code.push("i64", value);
  code.f.globalSet(global);
}

// From 11 bits by three steps of Newton's method; the first bits come from a division instead of a table.
function emitReciprocal(code: Code): void {
  const d = code.param(0, "i64");
  const d40 = code.i64(i64.add(i64.shrU(d, 24), 1));
  const v0 = code.i64(i64.extend(i32.divU(0x7_fd00, i32.wrap(i64.shrU(d, 55)))));
  const correction = i64.shrU(i64.mul(i64.mul(v0, v0), d40), 40);
  const v1 = code.i64(i64.sub(i64.sub(i64.shl(v0, 11), correction), 1));
  const error1 = i64.sub(1n << 60n, i64.mul(v1, d40));
  const v2 = code.i64(i64.add(i64.shl(v1, 13), i64.shrU(i64.mul(v1, error1), 47)));
  const isOdd = code.i64(i64.and(d, 1));
  const half = i64.add(i64.shrU(d, 1), isOdd);
  const odd = i64.and(i64.shrU(v2, 1), i64.sub(0, isOdd));
  const error2 = code.i64(i64.sub(odd, i64.mul(v2, half)));
  const [, v2High] = code.mulWide(v2, error2);
  const v3 = code.i64(i64.add(i64.shl(v2, 31), i64.shrU(v2High, 1)));
  const [, high] = code.mulAdd(v3, d, d);
  code.push("i64", i64.sub(i64.sub(v3, high), d));
}

// The reciprocal of two digits from that of the higher one.
function refineReciprocal(code: Code, reciprocal: Var<"i64">, high: Var<"i64">, low: Var<"i64">): void {
  const p = code.i64(i64.add(i64.mul(high, reciprocal), low));
  const decrement = () => code.set(reciprocal, i64.sub(reciprocal, 1));
  code.if(i64.ltU(p, low), () => {
    decrement();
    code.if(i64.geU(p, high), () => {
      decrement();
      code.set(p, i64.sub(p, high));
    });
    code.set(p, i64.sub(p, high));
  });
  const [productLow, productHigh] = code.mulWide(reciprocal, low);
  code.set(p, i64.add(p, productHigh));
  code.if(i64.ltU(p, productHigh), () => {
    decrement();
    const isAbove = i32.or(i64.gtU(p, high), i32.and(i64.eq(p, high), i64.geU(productLow, low)));
    code.if(isAbove, decrement);
  });
}
