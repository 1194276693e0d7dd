// Points from one form to another, many at a time. The plain form is what databases hold: x and y of the twisted Edwards
// curve, 32 bytes each, little-endian, the one of (x, y) and (-x, -y) whose y is the larger number than its negative.
// The affine form is that of the sums.
//
// Plain points are trusted to be of the group; compressed ones are not.
//
// @see Bernstein, Birkner, Joye, Lange, Peters, "Twisted Edwards curves", theorem 3.2

import type { Var } from "../../code.ts";
import type { FunctionEmitter, FunctionIndex, Local } from "../../function-emitter.ts";
import { I64 } from "../../opcodes.ts";
import { behind, type KernelModule, type Place } from "../kernel-program.ts";
import { assignLimbs, constantLimbs, subtractWithBorrow } from "../limbs.ts";
import { constantModulus, LimbEmitter } from "../prime-field.ts";
import { AFFINE_SIZE_BYTES, isInfinity, storeInfinity } from "./affine-sums.ts";
import { BASE_FIELD, SCALAR_FIELD } from "./curve.ts";
import { type Lane, product, type SharedInversion } from "./shared-inversion.ts";

/** Size of a plain point, bytes. */
export const PLAIN_SIZE_BYTES = 64;
/** Size of a compressed point and of a scalar, bytes. */
export const WORD_SIZE_BYTES = 32;

/** Places of constants. */
export type ConversionConstants = {
  /** R² and 1 in the coordinates' field. */
  readonly squareOfR: Place;
  readonly one: Place;
  /** c and s of the map between the forms. */
  readonly scale: Place;
  readonly shift: Place;
  /** R² in the scalars' field. */
  readonly scalarSquareOfR: Place;
};

/** Indices of the functions. Arrays come first, then the count of points. */
export type ConversionFunctions = {
  /** Destination of affine points, source of plain ones. */
  readonly lift: FunctionIndex;
  /** Destination of plain points, destination of scalars, source of affine points. */
  readonly drop: FunctionIndex;
  /** Destination of scalars, source of plain points. */
  readonly mapToScalars: FunctionIndex;
};

/** Defines the conversions. */
export function defineConversions(
  module: KernelModule,
  inversion: SharedInversion,
  constants: ConversionConstants,
): ConversionFunctions {
  const reduce = defineReduce(module, constants.scalarSquareOfR);
  return {
    lift: defineLift(inversion, constants),
    drop: defineDrop(inversion, constants, reduce),
    mapToScalars: defineMapToScalars(inversion, constants, reduce),
  };
}

const part = (array: Var<"i32">, index: 0 | 1): Place => ({ at: array.local, offset: WORD_SIZE_BYTES * index });

// Loads a plain number into Montgomery form.
function loadPlain({ limbs, constant }: Lane, place: Place, { squareOfR }: ConversionConstants): Local[] {
  return product(limbs, limbs.load(place), limbs.load(constant(squareOfR)));
}

/** A number out of Montgomery form. */
export function plain(limbs: LimbEmitter, a: readonly Local[]): Local[] {
  return limbs.sumOfProducts([{ a, pushB: (i) => limbs.f.i64Const(i === 0 ? 1 : 0) }]);
}

// w = c u, Y = w / x with u = (1 + y) / (1 - y): one division by x (1 - y).
function defineLift(inversion: SharedInversion, constants: ConversionConstants): FunctionIndex {
  return inversion.define({
    strides: [AFFINE_SIZE_BYTES, PLAIN_SIZE_BYTES],
    denominator: (lane) => {
      const { limbs, at } = lane;
      const x = loadPlain(lane, part(at[1]!, 0), constants);
      const y = loadPlain(lane, part(at[1]!, 1), constants);
      const one = limbs.load(lane.constant(constants.one));
      limbs.store(lane.spare, x);
      limbs.store(behind(lane.spare, WORD_SIZE_BYTES), limbs.add(one, y));
      return product(limbs, x, limbs.sub(one, y));
    },
    finish: (lane, inverse) => {
      const { limbs, at } = lane;
      const onePlusY = limbs.load(behind(lane.spare, WORD_SIZE_BYTES));
      const numerator = product(limbs, onePlusY, limbs.load(lane.constant(constants.scale)));
      const ordinate = product(limbs, numerator, inverse);
      const w = product(limbs, ordinate, limbs.load(lane.spare));
      limbs.store(part(at[0]!, 0), limbs.add(w, limbs.load(lane.constant(constants.shift))));
      limbs.store(part(at[0]!, 1), ordinate);
    },
    // x = 0: both points are the neutral element.
    skip: ({ code, at }) => storeInfinity(code, at[0]!),
  });
}

// With I = 1 / (Y (w + c) (w - c)): x = w (w + c) (w - c) I, y = (w - c)² Y I, x / y = w (w + c)² I.
function defineDrop(inversion: SharedInversion, constants: ConversionConstants, reduce: FunctionIndex): FunctionIndex {
  return inversion.define({
    strides: [PLAIN_SIZE_BYTES, WORD_SIZE_BYTES, AFFINE_SIZE_BYTES],
    denominator: (lane) => {
      const { f, code, limbs, at } = lane;
      const zero = limbs.number();
      const result = limbs.number();
      code.if(
        isInfinity(at[2]!),
        () => assignLimbs(f, result, zero),
        () => {
          const { sum, difference } = loadShifted(lane, constants);
          const ordinate = limbs.load(part(at[2]!, 1));
          assignLimbs(f, result, product(limbs, product(limbs, sum, difference), ordinate));
        },
      );
      return result;
    },
    finish: (lane, inverse) => emitDropped(lane, constants, reduce, inverse),
    skip: ({ code, at }) => {
      for (let offset = 0; offset < WORD_SIZE_BYTES; offset += 8) {
        code.store64(at[0]!, offset, 0n);
        code.store64(at[1]!, offset, 0n);
      }
      constantLimbs(BASE_FIELD.modulus - 1n, 4).forEach((limb, i) => {
        code.store64(at[0]!, WORD_SIZE_BYTES + 8 * i, limb);
      });
    },
  });
}

// A number in Montgomery form times a plain one is plain, so that only the inverse has to leave the form.
function emitDropped(lane: Lane, constants: ConversionConstants, reduce: FunctionIndex, inverse: Local[]): void {
  const { limbs, at, code } = lane;
  const { w, sum, difference } = loadShifted(lane, constants);
  const plainInverse = plain(limbs, inverse);
  const bySum = product(limbs, sum, plainInverse);
  const byOrdinate = product(limbs, limbs.load(part(at[2]!, 1)), plainInverse);
  const x = product(limbs, product(limbs, w, difference), bySum);
  const y = product(limbs, product(limbs, difference, difference), byOrdinate);
  storeWithPositiveOrdinate(lane, at[0]!, x, y);
  limbs.store(part(at[1]!, 0), product(limbs, product(limbs, w, sum), bySum));
  code.call(reduce, at[1]!);
}

// w, w + c and w - c of an affine point.
function loadShifted({ limbs, at, constant }: Lane, { shift, scale }: ConversionConstants) {
  const w = limbs.sub(limbs.load(part(at[2]!, 0)), limbs.load(constant(shift)));
  const c = limbs.load(constant(scale));
  return { w, sum: limbs.add(w, c), difference: limbs.sub(w, c) };
}

// Stores plain x and y, or their negatives, so that y > p - y.
function storeWithPositiveOrdinate({ f, limbs }: Lane, to: Var<"i32">, x: Local[], y: Local[]): void {
  pushIsNegative(f, y);
  f.if(() => {
    const zero = limbs.number();
    assignLimbs(f, x, limbs.sub(zero, x));
    assignLimbs(f, y, limbs.complement(y));
  });
  limbs.store(part(to, 0), x);
  limbs.store(part(to, 1), y);
}

/** Pushes whether a plain number is not above (p - 1) / 2. */
export function pushIsNegative(f: FunctionEmitter, a: readonly Local[]): void {
  f.get(subtractWithBorrow(f, constantLimbs((BASE_FIELD.modulus - 1n) / 2n, 4), a).borrow);
  f.op(I64.eqz);
}

function defineMapToScalars(
  inversion: SharedInversion,
  constants: ConversionConstants,
  reduce: FunctionIndex,
): FunctionIndex {
  return inversion.define({
    strides: [WORD_SIZE_BYTES, PLAIN_SIZE_BYTES],
    denominator: (lane) => loadPlain(lane, part(lane.at[1]!, 1), constants),
    // A plain number times a number in Montgomery form is plain.
    finish: (lane, inverse) => {
      const { limbs, at, code } = lane;
      limbs.store(part(at[0]!, 0), product(limbs, inverse, limbs.load(part(at[1]!, 0))));
      code.call(reduce, at[0]!);
    },
    skip: ({ code, at }) => {
      for (let offset = 0; offset < WORD_SIZE_BYTES; offset += 8) code.store64(at[0]!, offset, 0n);
    },
  });
}

// Reduces a number of 256 bits in place modulo the group's order.
function defineReduce(module: KernelModule, squareOfR: Place): FunctionIndex {
  return module.builder.defineFunction({ params: ["i32"], results: [] }, (f) => {
    const limbs = new LimbEmitter(f, constantModulus(SCALAR_FIELD));
    const base = f.local("i32");
    f.globalGet(module.base);
    f.set(base);
    const place = { at: f.param(0), offset: 0 };
    const inMontgomeryForm = product(limbs, limbs.load({ at: base, offset: squareOfR.offset }), limbs.load(place));
    limbs.store(place, plain(limbs, inMontgomeryForm));
  });
}
