// Whether a number is a square modulo a prime, by division steps like those of the inverse: 62 at a time on the lowest
// words alone, then a 2×2 matrix is applied to the whole numbers. These stay positive, so that quadratic reciprocity
// follows every step; they have limbs of 62 bits. About 1.5 µs, where a power takes 5.5.
//
//   (2/f) = -1 for f = 3 or 5 modulo 8;  (g/f) = -(f/g) when both are 3 modulo 4
//
// Nobody has proved that the positive steps end in time, so that a number which they leave open goes to the power.
//
// @see Bernstein, Yang, "Fast constant-time gcd computation and modular inversion"; Wuille, "The safegcd implementation
// in libsecp256k1 explained"; Hamburg, "Computing the Jacobi symbol using Bernstein-Yang"

import { Code, i32, i64, type Var } from "../../code.ts";
import type { FunctionIndex } from "../../function-emitter.ts";
import type { KernelModule } from "../kernel-program.ts";
import type { PrimeField } from "../prime-field.ts";

const LIMB_BITS = 62;
const LIMB_MASK = (1n << 62n) - 1n;
/** For each limb; 12 or 13 rounds in all are usual for 255 bits, 21 the most that small numbers were seen to take. */
const ROUNDS_PER_LIMB_MAX = 5;

type Word = Var<"i64">;
type Matrix = { readonly u: Word; readonly v: Word; readonly q: Word; readonly r: Word };

/**
 * Defines a function (operand) that returns 1 when a number below the prime is a square other than 0. Montgomery form is
 * as good as the plain one, since R is a square.
 * @param byPower the same, slower: for what the steps leave open, and for 0
 */
export function defineIsSquare(module: KernelModule, field: PrimeField, byPower: FunctionIndex): FunctionIndex {
  return module.builder.defineFunction({ params: ["i32"], results: ["i32"] }, (f) => {
    const code = new Code(f);
    const operand = code.param(0, "i32");
    const count = Math.floor((64 * field.limbCount) / LIMB_BITS) + 1;
    const larger = Array.from({ length: count }, (_, i) =>
      code.i64((field.modulus >> BigInt(LIMB_BITS * i)) & LIMB_MASK),
    );
    const smaller = Array.from({ length: count }, (_, i) => code.i64(limbOf(operand, i, field.limbCount)));
    const [balance, flips, rounds] = [code.i64(-1n), code.i64(0n), code.i32(ROUNDS_PER_LIMB_MAX * count)];
    const matrix: Matrix = { u: code.i64(), v: code.i64(), q: code.i64(), r: code.i64() };
    code.while(i32.ne(rounds, 0), () => {
      takeSteps(code, { larger, smaller, balance, flips, matrix });
      applyMatrix(code, matrix, larger, smaller);
      code.if(isOne(larger), () => code.return(i32.wrap(i64.and(i64.xor(flips, 1n), 1n))));
      code.set(rounds, i32.sub(rounds, 1));
    });
    code.return(code.call32(byPower, operand));
  });
}

// 62 bits of a number in limbs of 64.
function limbOf(operand: Var<"i32">, index: number, limbCount: number) {
  const [word, shift] = [Math.floor((LIMB_BITS * index) / 64), (LIMB_BITS * index) % 64];
  const low = i64.shrU(i64.load(operand, 8 * word), shift);
  const isWhole = shift <= 64 - LIMB_BITS || word + 1 >= limbCount;
  const joined = isWhole ? low : i64.or(low, i64.shl(i64.load(operand, 8 * word + 8), 64 - shift));
  return i64.and(joined, LIMB_MASK);
}

function isOne([lowest, ...others]: readonly Word[]) {
  const rest = others.reduce((joined: Parameters<typeof i64.or>[0], limb) => i64.or(joined, limb), 0n);
  return i64.eqz(i64.or(i64.xor(lowest!, 1n), rest));
}

type Steps = {
  readonly larger: readonly Word[];
  readonly smaller: readonly Word[];
  /** The paper's -δ: below zero the two change places. */
  readonly balance: Word;
  /** Bit 0: whether the sign has changed so far. */
  readonly flips: Word;
  readonly matrix: Matrix;
};

function takeSteps(code: Code, { larger, smaller, balance, flips, matrix }: Steps): void {
  const { u, v, q, r } = matrix;
  // The lowest 64 bits: the symbol looks two places ahead of the steps.
  const lowest = ([first, second]: readonly Word[]) => i64.or(first!, i64.shl(second!, LIMB_BITS));
  const [x, y, left] = [code.i64(lowest(larger)), code.i64(lowest(smaller)), code.i64(BigInt(LIMB_BITS))];
  const [zeros, factor] = [code.i64(), code.i64()];
  for (const [word, initial] of [
    [u, 1n],
    [v, 0n],
    [q, 0n],
    [r, 1n],
  ] as const) {
    code.set(word, initial);
  }
  const { f } = code;
  f.block((done) => {
    f.loop((again) => {
      // All even steps at once; the bit at `left` stops the count.
      code.set(zeros, i64.ctz(i64.or(y, i64.shl(-1n, left))));
      code.set(y, i64.shrU(y, zeros));
      code.set(u, i64.shl(u, zeros));
      code.set(v, i64.shl(v, zeros));
      code.set(balance, i64.sub(balance, zeros));
      code.set(left, i64.sub(left, zeros));
      code.set(flips, i64.xor(flips, i64.and(zeros, i64.xor(i64.shrU(x, 1), i64.shrU(x, 2)))));
      code.brIf(i64.eqz(left), done);
      code.if(i64.ltS(balance, 0n), () => exchange(code, { x, y, spare: factor }, { balance, flips, matrix }));
      cancelLowBits(code, { x, y, left, factor }, balance, matrix);
      f.br(again);
    });
  });
}

// x and y, and the rows of the matrix alike.
function exchange(
  code: Code,
  { x, y, spare }: { x: Word; y: Word; spare: Word },
  { balance, flips, matrix }: Pick<Steps, "balance" | "flips" | "matrix">,
): void {
  const { u, v, q, r } = matrix;
  code.set(balance, i64.sub(0n, balance));
  for (const [first, second] of [
    [x, y],
    [u, q],
    [v, r],
  ] as const) {
    code.set(spare, first);
    code.set(first, second);
    code.set(second, spare);
  }
  code.set(flips, i64.xor(flips, i64.shrU(i64.and(x, y), 1)));
}

// y += x · factor, which clears the next bits of y: up to 6, as many as neither the steps left nor the next exchange
// limit. x (x² - 2) is -1/x modulo 2^6 for odd x.
function cancelLowBits(
  code: Code,
  { x, y, left, factor }: { x: Word; y: Word; left: Word; factor: Word },
  balance: Word,
  { u, v, q, r }: Matrix,
): void {
  const next = i64.add(balance, 1n);
  const limit = i64.select(i64.ltS(next, left), next, left);
  const mask = i64.and(i64.shrU(-1n, i64.sub(64n, limit)), 63n);
  code.set(factor, i64.and(i64.mul(i64.mul(i64.sub(i64.mul(x, x), 2n), x), y), mask));
  for (const [to, from] of [
    [y, x],
    [q, u],
    [r, v],
  ] as const) {
    code.set(to, i64.add(to, i64.mul(from, factor)));
  }
}

// (larger, smaller) = matrix · (larger, smaller) / 2^62, which divides.
function applyMatrix(code: Code, { u, v, q, r }: Matrix, larger: readonly Word[], smaller: readonly Word[]): void {
  const rows = [
    { a: u, b: v, to: larger, low: code.i64(0n), high: code.i64(0n) },
    { a: q, b: r, to: smaller, low: code.i64(0n), high: code.i64(0n) },
  ];
  larger.forEach((limb, i) => {
    code.scope(() => {
      for (const { a, b, low, high } of rows) {
        const sum = code.add128(code.mulWide(a, limb), code.mulWide(b, smaller[i]!));
        const [newLow, newHigh] = code.add128(sum, [low, high]);
        code.set(low, newLow);
        code.set(high, newHigh);
      }
    });
    for (const { to, low, high } of rows) {
      if (i > 0) code.set(to[i - 1]!, i64.and(low, LIMB_MASK));
      code.set(low, i64.or(i64.shrU(low, LIMB_BITS), i64.shl(high, 64 - LIMB_BITS)));
      code.set(high, i64.shrU(high, LIMB_BITS));
    }
  });
  for (const { to, low } of rows) code.set(to.at(-1)!, low);
}
