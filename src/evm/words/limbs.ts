// What the word emitters share: single limbs with folded constants, chains of carries, calls of word functions.
// A carry is a comparison here: in a loop of Fibonacci numbers it took 2.9 ns a round, add128 3.8 ns (the chains of `division.ts`,
// where products dominate, are 1.2 to 1.7 times faster with add128).

import { type Code, i32, i64, type Operand64, type Value, type Var } from "#wasm/code.ts";
import type { FunctionIndex } from "#wasm/function-emitter.ts";
import { CONTROL } from "#wasm/opcodes.ts";
import { type Limb, limbCount, type Word } from "./word.ts";

/** 2^64 - 1. */
export const LIMB_MASK = (1n << 64n) - 1n;

/** A limb and the carry or borrow out of it, 0 or 1. */
export type LimbAndCarry = { readonly limb: Limb; readonly carry: Limb };

/** Emits `body`; of the variables that it takes only those in the result stay taken. */
export function keepResult(code: Code, body: () => Word): Word {
  return code.scope(() => {
    const word = body();
    for (const limb of word) if (typeof limb !== "bigint") code.keep(limb);
    return word;
  });
}

/** A copy of a limb in a new variable; a constant as it is. */
export function copyLimb(code: Code, limb: Limb): Limb {
  return typeof limb === "bigint" ? limb : code.i64(limb);
}

/** A copy of a word in new variables. */
export function copyWord(code: Code, word: Word): Word {
  return mapWord((i) => copyLimb(code, word[i]!));
}

/** A word by limb index. */
export function mapWord(limb: (index: number) => Limb): Word {
  return [limb(0), limb(1), limb(2), limb(3)];
}

/** The bitwise or of limbs, 0 for none. */
export function orAll(limbs: readonly Limb[]): Operand64 {
  const known = limbs.reduce<bigint>((or, limb) => (typeof limb === "bigint" ? or | limb : or), 0n);
  let or: Value<"i64"> | Var<"i64"> | null = null;
  for (const limb of limbs) {
    if (typeof limb === "bigint") continue;
    or = or === null ? limb : i64.or(or, limb);
  }
  if (or === null) return known;
  return known === 0n ? or : i64.or(or, known);
}

/** x + y + carry, where carry is 0 or 1. @param isLast nobody needs the carry */
export function addLimbs(code: Code, x: Limb, y: Limb, carry: Limb, isLast = false): LimbAndCarry {
  const [first, second, third] = [x, y, carry].filter((term) => typeof term !== "bigint");
  let known = 0n;
  for (const term of [x, y, carry]) if (typeof term === "bigint") known += term;
  if (first === undefined) return { limb: known & LIMB_MASK, carry: known >> 64n };
  // Two constants that carry leave room for the variable carry; all ones and a known carry leave the other limb as it is.
  if (known > LIMB_MASK) {
    const rest = known & LIMB_MASK;
    return { limb: rest === 0n ? copyLimb(code, first) : code.i64(i64.add(first, rest)), carry: 1n };
  }
  if (second === undefined) {
    if (known === 0n) return { limb: copyLimb(code, first), carry: 0n };
    const sum = code.i64(i64.add(first, known));
    return { limb: sum, carry: carryLimb(code, i64.ltU(sum, known), isLast) };
  }
  const last = third ?? known;
  const pair = code.i64(i64.add(first, second));
  const pairCarry = i64.ltU(pair, second);
  if (last === 0n) return { limb: pair, carry: carryLimb(code, pairCarry, isLast) };
  const sum = code.i64(i64.add(pair, last));
  return { limb: sum, carry: carryLimb(code, i32.or(pairCarry, i64.ltU(sum, last)), isLast) };
}

/** x - y - borrow, where borrow is 0 or 1. @param isLast nobody needs the borrow */
export function subLimbs(code: Code, x: Limb, y: Limb, borrow: Limb, isLast = false): LimbAndCarry {
  if (typeof y === "bigint" && typeof borrow === "bigint") {
    const known = y + borrow;
    if (typeof x === "bigint") return { limb: BigInt.asUintN(64, x - known), carry: x < known ? 1n : 0n };
    if (known === 0n) return { limb: copyLimb(code, x), carry: 0n };
    if (known > LIMB_MASK) return { limb: copyLimb(code, x), carry: 1n };
    return { limb: code.i64(i64.sub(x, known)), carry: carryLimb(code, i64.ltU(x, known), isLast) };
  }
  if (y === 0n || borrow === 0n) {
    const taken = y === 0n ? borrow : y;
    const limb = code.i64(i64.sub(x, taken));
    return { limb, carry: x === 0n && y === 0n ? borrow : carryLimb(code, i64.ltU(x, taken), isLast) };
  }
  const first = code.i64(i64.sub(x, y));
  const limb = code.i64(i64.sub(first, borrow));
  return { limb, carry: carryLimb(code, i32.or(i64.ltU(x, y), i64.ltU(first, borrow)), isLast) };
}

function carryLimb(code: Code, carry: Value<"i32">, isLast: boolean): Limb {
  return isLast ? 0n : code.i64(i64.extend(carry));
}

/** Calls a word function; of the result only the lowest `count` limbs are kept, the others are known to be zero. */
export function callWord(code: Code, target: FunctionIndex, operands: readonly Word[], count = 4): Word {
  const result = newVariables(code, count);
  code.call(target, ...operands.flat());
  popWord(code, result);
  return mapWord((i) => result[i] ?? 0n);
}

/** A word function that has a short way for some operands. */
export type ShortenedCall = {
  /** The condition for the short way; what it emits belongs to the call's scope. */
  readonly isShort: () => Value<"i32">;
  /** Emits the short way. */
  readonly short: (result: readonly Var<"i64">[]) => void;
  readonly target: FunctionIndex;
  readonly operands: readonly Word[];
  /** Limbs of the result; 4 unless told. */
  readonly count?: number;
};

/** As {@link callWord}, but a test at run time takes the short way where it can. */
export function callWordUnlessShort(code: Code, call: ShortenedCall): Word {
  const result = newVariables(code, call.count ?? 4);
  code.scope(() => {
    code.if(
      call.isShort(),
      () => call.short(result),
      () => {
        code.call(call.target, ...call.operands.flat());
        popWord(code, result);
      },
    );
  });
  return mapWord((i) => result[i] ?? 0n);
}

// Pops the four limbs of a word into the given variables for its lowest limbs.
function popWord(code: Code, result: readonly Var<"i64">[]): void {
  for (let i = result.length; i < 4; i++) code.f.op(CONTROL.drop);
  code.pop(result);
}

/** New variables for `count` limbs. */
export function newVariables(code: Code, count: number): Var<"i64">[] {
  return Array.from({ length: count }, () => code.i64());
}

/** Assigns the lowest limbs of a word to variables. */
export function assignLimbs(code: Code, variables: readonly Var<"i64">[], word: readonly Limb[]): void {
  variables.forEach((variable, i) => {
    code.set(variable, word[i] ?? 0n);
  });
}

/**
 * The limbs above the lowest of all words, which decide at run time whether the words are narrow; null when one of them is
 * known not to be.
 */
export function highLimbs(words: readonly Word[]): Limb[] | null {
  const limbs = words.flatMap((word) => word.slice(1)).filter((limb) => limb !== 0n);
  return limbs.some((limb) => typeof limb === "bigint") ? null : limbs;
}

/** Whether a word is known to be below 2^64. */
export function isNarrow(word: Word): boolean {
  return limbCount(word) <= 1;
}

/** Whether nothing known says that a word is not one sign-extended limb. */
export function mayBeSignedNarrow([low, ...high]: Word): boolean {
  const sign = typeof low === "bigint" ? signLimb(low) : null;
  const known = high.filter((limb) => typeof limb === "bigint");
  if (known.some((limb) => limb !== 0n && limb !== LIMB_MASK)) return false;
  return known.every((limb) => limb === (sign ?? known[0]));
}

/** What the upper limbs differ by from the sign of the lowest: all zero for words that one signed limb holds. */
export function signDifferences(code: Code, operands: readonly Word[]): Limb[] {
  return operands.flatMap(([low, ...high]) => {
    const sign = typeof low === "bigint" ? signLimb(low) : code.i64(i64.shrS(low, 63));
    return high.map((limb) => code.i64(i64.xor(limb, sign)));
  });
}

/** 0 or all ones, by the top bit. */
function signLimb(limb: bigint): bigint {
  return BigInt.asUintN(64, BigInt.asIntN(64, limb) >> 63n);
}
