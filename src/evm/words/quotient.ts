// Quotient and remainder of two words: the ways by the number of digits of the divisor.

import { type Code, i64, type Var } from "#wasm/code.ts";
import { type DivisionParts, divideDigit, prepareDivisor, returnShifted, shiftDigits } from "./division.ts";
import { orAll } from "./limbs.ts";
import type { Limb, Word } from "./word.ts";

/** The body of a function that returns a / b, 0 when b is 0. */
export function emitQuotient(code: Code, parts: DivisionParts, a: Word, b: Word): void {
  emitDivision(code, parts, a, b, (division) => {
    code.return(...fourLimbs(division.quotient));
  });
}

/** The body of a function that returns the rest of a / b, 0 when b is 0. */
export function emitRemainder(code: Code, parts: DivisionParts, a: Word, b: Word): void {
  emitDivision(code, parts, a, b, ({ remainder, bits, rest }) => {
    returnShifted(code, remainder, bits, rest);
  });
}

type Division = {
  readonly quotient: readonly Limb[];
  readonly remainder: readonly Var<"i64">[];
  /** The remainder is shifted to the left by so many bits; and 63 less them. */
  readonly bits: Var<"i64">;
  readonly rest: Var<"i64">;
};

function emitDivision(code: Code, parts: DivisionParts, a: Word, b: Word, finish: (division: Division) => void): void {
  for (let n = 4; n > 0; n--) {
    code.if(i64.ne(b[n - 1]!, 0), () => code.scope(() => divideBy(code, parts, a, b.slice(0, n), finish)));
  }
  code.pushAll([0n, 0n, 0n, 0n]);
}

// By a divisor whose highest limb is not zero.
function divideBy(
  code: Code,
  parts: DivisionParts,
  a: Word,
  b: readonly Limb[],
  finish: (division: Division) => void,
): void {
  const n = b.length;
  const bits = code.i64(i64.clz(b[n - 1]!));
  const rest = code.i64(i64.xor(bits, 63));
  const dividend = shiftDigits(code, a, bits, rest);
  const divisor = prepareDivisor(code, parts, shiftDigits(code, b, bits, rest).slice(0, n));
  const remainder = dividend.slice(5 - n);
  const quotient: Var<"i64">[] = [];
  for (let k = 4 - n; k > 0; k--) {
    // With nothing in the limbs above, the digit is zero and the window moves on.
    const digit = code.i64(0n);
    quotient[k] = digit;
    code.if(
      i64.ne(orAll(a.slice(n - 1 + k)), 0),
      () => code.set(digit, divideDigit(code, divisor, remainder, dividend[k]!)),
      () => {
        for (let i = n - 1; i > 0; i--) code.set(remainder[i]!, remainder[i - 1]!);
        code.set(remainder[0]!, dividend[k]!);
      },
    );
  }
  quotient[0] = divideDigit(code, divisor, remainder, dividend[0]!);
  finish({ quotient, remainder, bits, rest });
}

function fourLimbs(limbs: readonly Limb[]): Word {
  return [limbs[0] ?? 0n, limbs[1] ?? 0n, limbs[2] ?? 0n, limbs[3] ?? 0n];
}
