// Comparisons of words: 0 or 1 as a word of one limb. Limbs are compared from the lowest up, and what is known about a limb
// folds its part of the comparison away.

import { type Code, i32, i64, type Operand32, type Value } from "#wasm/code.ts";
import { isNonNegative } from "./bitwise.ts";
import { orAll } from "./limbs.ts";
import { constantOf, type Limb, narrowWord, type Word } from "./word.ts";

type Condition = boolean | Value<"i32">;

/** LT. */
export function ltWords(code: Code, a: Word, b: Word): Word {
  return toWord(code, isBelow(a, b));
}

/** GT. */
export function gtWords(code: Code, a: Word, b: Word): Word {
  return toWord(code, isBelow(b, a));
}

/** SLT. */
export function sltWords(code: Code, a: Word, b: Word): Word {
  return toWord(code, isBelowSigned(a, b));
}

/** SGT. */
export function sgtWords(code: Code, a: Word, b: Word): Word {
  return toWord(code, isBelowSigned(b, a));
}

/** EQ. */
export function eqWords(code: Code, a: Word, b: Word): Word {
  const differences: (Value<"i64"> | Limb)[] = [];
  for (let i = 0; i < 4; i++) {
    const x = a[i]!;
    const y = b[i]!;
    if (typeof x === "bigint" && typeof y === "bigint") {
      if (x !== y) return narrowWord(0n);
    } else if (y === 0n) differences.push(x);
    else if (x === 0n) differences.push(y);
    else differences.push(i64.xor(x, y));
  }
  if (differences.length === 0) return narrowWord(1n);
  const different = differences.reduce((or, difference) => i64.or(or, difference));
  return toWord(code, i64.eqz(different));
}

/** ISZERO. */
export function isZeroWord(code: Code, a: Word): Word {
  const condition = conditionOf(code, a);
  if (typeof condition === "number") return narrowWord(condition === 0 ? 1n : 0n);
  return toWord(code, i64.eqz(orAll(a)));
}

/** Whether a word is not zero, as the condition of a branch. */
export function conditionOf(_code: Code, word: Word): Operand32 {
  const constant = constantOf(word);
  if (constant !== null) return constant === 0n ? 0 : 1;
  if (word.some((limb) => typeof limb === "bigint" && limb !== 0n)) return 1;
  return i64.ne(orAll(word), 0);
}

function toWord(code: Code, condition: Condition): Word {
  if (typeof condition === "boolean") return narrowWord(condition ? 1n : 0n);
  return narrowWord(code.i64(i64.extend(condition)));
}

function isBelow(a: Word, b: Word): Condition {
  let below: Condition = false;
  for (let i = 0; i < 4; i++) below = isLimbBelow(a[i]!, b[i]!, below);
  return below;
}

function isBelowSigned(a: Word, b: Word): Condition {
  if (isNonNegative(a) && isNonNegative(b)) return isBelow(a, b);
  let below: Condition = false;
  for (let i = 0; i < 3; i++) below = isLimbBelow(a[i]!, b[i]!, below);
  const [x, y] = [a[3], b[3]];
  if (typeof x === "bigint" && typeof y === "bigint") {
    return x === y ? below : BigInt.asIntN(64, x) < BigInt.asIntN(64, y);
  }
  return orElse(i64.ltS(x, y), i64.eq(x, y), below);
}

// Whether (x, lower limbs) < (y, lower limbs).
function isLimbBelow(x: Limb, y: Limb, lower: Condition): Condition {
  if (typeof x === "bigint" && typeof y === "bigint") return x === y ? lower : x < y;
  if (y === 0n) return lower === false ? false : and(i64.eqz(x), lower);
  if (x === 0n) return lower === true ? true : or(i64.ne(y, 0), lower);
  return orElse(i64.ltU(x, y), i64.eq(x, y), lower);
}

// above or (equal and lower)
function orElse(above: Value<"i32">, equal: Value<"i32">, lower: Condition): Condition {
  return lower === false ? above : i32.or(above, and(equal, lower) as Value<"i32">);
}

function and(a: Value<"i32">, b: Condition): Condition {
  if (typeof b === "boolean") return b ? a : false;
  return i32.and(a, b);
}

function or(a: Value<"i32">, b: Condition): Condition {
  if (typeof b === "boolean") return b ? true : a;
  return i32.or(a, b);
}
