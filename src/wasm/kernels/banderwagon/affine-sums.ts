// Sums of pairs of affine points, many at a time, so that they share an inversion: six multiplications each, where the
// complete addition on the twisted Edwards curve takes eight. A point is X and Y of the short Weierstrass form, 64 bytes
// in Montgomery form; infinity has X = 2^256 - 1. Equal and opposite points are found and handled.
//
// A pair is 12 bytes: addresses of the sum and of both operands; bit 0 of the last says that its negative is meant. No
// sum of a call is an operand of another pair of the call.
//
// @see Bernstein, Lange, Explicit-Formulas Database, short Weierstrass curves, affine coordinates

import { type Code, i32, i64, type Operand32, type Var } from "../../code.ts";
import type { FunctionIndex, Label, Local } from "../../function-emitter.ts";
import type { Place } from "../kernel-program.ts";
import { assignLimbs, pushIsZero } from "../limbs.ts";
import { type Lane, product, type SharedInversion } from "./shared-inversion.ts";

/** Size of an affine point, bytes. */
export const AFFINE_SIZE_BYTES = 64;
/** Size of a pair in a list, bytes. */
export const PAIR_SIZE_BYTES = 12;

/** Defines the function of a list and its count of pairs. `curveA` is the place of the coefficient A. */
export function defineAddPairs(inversion: SharedInversion, curveA: Place): FunctionIndex {
  return inversion.define({
    strides: [PAIR_SIZE_BYTES],
    denominator: (lane) => emitSlopeDenominator(lane, curveA),
    finish: emitSum,
  });
}

type Pair = { readonly to: Var<"i32">; readonly a: Var<"i32">; readonly b: Var<"i32"> };

function loadPair({ code, at }: Lane): Pair & { negated: Var<"i32"> } {
  const [pair] = at as [Var<"i32">];
  const tagged = code.i32(i32.load(pair, 8));
  return {
    to: code.i32(i32.load(pair, 0)),
    a: code.i32(i32.load(pair, 4)),
    b: code.i32(i32.and(tagged, -2)),
    negated: code.i32(i32.and(tagged, 1)),
  };
}

const coordinate = (point: Var<"i32">, index: 0 | 1): Place => ({ at: point.local, offset: 32 * index });

// Leaves the slope's numerator in the lane's spare place; the denominator is 0 where the sum is made already.
function emitSlopeDenominator(lane: Lane, curveA: Place): Local[] {
  const { f, code, limbs } = lane;
  const pair = loadPair(lane);
  const { to, a, b } = pair;
  const denominator = limbs.number();
  const settle = (done: Label, set: () => void) => {
    set();
    for (const limb of denominator) {
      f.i64Const(0);
      f.set(limb);
    }
    f.br(done);
  };
  f.block((done) => {
    code.if(isInfinity(b), () => settle(done, () => copyPoint(code, to, a)));
    const ordinate = limbs.load(coordinate(b, 1));
    const zero = limbs.number();
    code.if(pair.negated, () => assignLimbs(f, ordinate, limbs.sub(zero, ordinate)));
    code.if(isInfinity(a), () =>
      settle(done, () => {
        limbs.store(coordinate(to, 0), limbs.load(coordinate(b, 0)));
        limbs.store(coordinate(to, 1), ordinate);
      }),
    );
    const numerator = limbs.sub(ordinate, limbs.load(coordinate(a, 1)));
    assignLimbs(f, denominator, limbs.sub(limbs.load(coordinate(b, 0)), limbs.load(coordinate(a, 0))));
    pushIsZero(f, denominator);
    f.if(() => {
      const own = limbs.load(coordinate(a, 1));
      pushIsZero(f, numerator);
      f.if(() => assignLimbs(f, denominator, limbs.add(own, own)));
      pushIsZero(f, denominator);
      f.if(() => settle(done, () => storeInfinity(code, to)));
      assignLimbs(f, numerator, emitTangent(lane, a, curveA));
    });
    limbs.store(lane.spare, numerator);
  });
  return denominator;
}

// 3 X² + A.
function emitTangent({ limbs, constant }: Lane, point: Var<"i32">, curveA: Place): Local[] {
  const abscissa = limbs.load(coordinate(point, 0));
  const square = product(limbs, abscissa, abscissa);
  return limbs.add(limbs.add(limbs.add(square, square), square), limbs.load(constant(curveA)));
}

function emitSum(lane: Lane, inverse: Local[]): void {
  const { limbs } = lane;
  const { to, a, b } = loadPair(lane);
  const slope = product(limbs, inverse, limbs.load(lane.spare));
  const abscissa = limbs.load(coordinate(a, 0));
  const square = product(limbs, slope, slope);
  const x = limbs.sub(limbs.sub(square, abscissa), limbs.load(coordinate(b, 0)));
  const y = limbs.sub(product(limbs, slope, limbs.sub(abscissa, x)), limbs.load(coordinate(a, 1)));
  limbs.store(coordinate(to, 0), x);
  limbs.store(coordinate(to, 1), y);
}

/** Whether the point at an address is infinity: no canonical number has such a highest limb. */
export function isInfinity(point: Operand32) {
  return i64.eq(i64.load(point, 24), -1n);
}

/** Stores infinity. */
export function storeInfinity(code: Code, to: Var<"i32">): void {
  for (let offset = 0; offset < AFFINE_SIZE_BYTES; offset += 8) code.store64(to, offset, -1n);
}

function copyPoint(code: Code, to: Var<"i32">, from: Var<"i32">): void {
  for (let offset = 0; offset < AFFINE_SIZE_BYTES; offset += 8) code.store64(to, offset, i64.load(from, offset));
}
