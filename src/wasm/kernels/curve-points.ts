// Points of y² = x³ + ax + b in WebAssembly, over any field with the functions of `FieldFunctions`. A point is Jacobian:
// X, Y, Z with x = X/Z², y = Y/Z³, and infinity where Z = 0. Additions are complete: infinity, equal and opposite
// points are found and handled, since inputs are hostile.
//
// @see Bernstein, Lange, Explicit-Formulas Database: dbl-2009-l (a = 0), dbl-2001-b (a = -3), add-2007-bl, madd-2007-bl

import type { FunctionIndex } from "../function-emitter.ts";
import { CONTROL } from "../opcodes.ts";
import { type KernelModule, type KernelProgram, type Place, partsOf } from "./kernel-program.ts";
import type { FieldFunctions } from "./prime-field.ts";

/** Indices of the functions of one curve. Destinations come first and may be an operand. */
export type PointFunctions = {
  /** 2P. */
  readonly double: FunctionIndex;
  /** P + Q. */
  readonly add: FunctionIndex;
  /** P - Q. */
  readonly subtract: FunctionIndex;
  /** P + Q for an affine Q, two coordinates, that is not infinity. */
  readonly addAffine: FunctionIndex;
};

/** Defines the points of a curve with the coefficient `a`. `one` is the place of the field's 1. */
export function definePoints(
  module: KernelModule,
  field: FieldFunctions,
  { a, one }: { a: 0 | -3; one: Place },
): PointFunctions {
  const double = a === 0 ? defineDouble(module, field) : defineDoubleMinusThree(module, field);
  const add = defineAdd(module, field, double);
  return {
    double,
    add,
    subtract: defineSubtract(module, field, add),
    addAffine: defineAddAffine(module, field, double, one),
  };
}

function defineDouble(module: KernelModule, field: FieldFunctions): FunctionIndex {
  const { sizeBytes, add, sub, mul, sqr } = field;
  const [s, b, c, d, e] = module.reserveEach(5, sizeBytes);
  return module.program(2, (p, [to, from]) => {
    const [x, y, z] = partsOf(from, 3, sizeBytes);
    const [x3, y3, z3] = partsOf(to, 3, sizeBytes);
    p.call(sqr, s, x);
    p.call(sqr, b, y);
    p.call(sqr, c, b);
    p.call(add, d, x, b);
    p.call(sqr, d, d);
    p.call(sub, d, d, s);
    p.call(sub, d, d, c);
    p.call(add, d, d, d);
    p.call(add, e, s, s);
    p.call(add, e, e, s);
    p.call(mul, z3, y, z);
    p.call(add, z3, z3, z3);
    p.call(sqr, s, e);
    p.call(sub, s, s, d);
    p.call(sub, x3, s, d);
    p.call(sub, d, d, x3);
    p.call(mul, d, d, e);
    for (let i = 0; i < 3; i++) p.call(add, c, c, c);
    p.call(sub, y3, d, c);
  });
}

function defineDoubleMinusThree(module: KernelModule, field: FieldFunctions): FunctionIndex {
  const { sizeBytes, add, sub, mul, sqr } = field;
  const [delta, gamma, beta, alpha, s] = module.reserveEach(5, sizeBytes);
  return module.program(2, (p, [to, from]) => {
    const [x, y, z] = partsOf(from, 3, sizeBytes);
    const [x3, y3, z3] = partsOf(to, 3, sizeBytes);
    p.call(sqr, delta, z);
    p.call(sqr, gamma, y);
    p.call(mul, beta, x, gamma);
    p.call(sub, s, x, delta);
    p.call(add, alpha, x, delta);
    p.call(mul, alpha, alpha, s);
    p.call(add, s, alpha, alpha);
    p.call(add, alpha, s, alpha);
    p.call(add, s, y, z);
    p.call(sqr, s, s);
    p.call(sub, s, s, gamma);
    p.call(sub, z3, s, delta);
    p.call(add, beta, beta, beta);
    p.call(add, beta, beta, beta);
    p.call(sqr, s, alpha);
    p.call(sub, s, s, beta);
    p.call(sub, x3, s, beta);
    p.call(sub, beta, beta, x3);
    p.call(mul, beta, beta, alpha);
    p.call(sqr, gamma, gamma);
    for (let i = 0; i < 3; i++) p.call(add, gamma, gamma, gamma);
    p.call(sub, y3, beta, gamma);
  });
}

function defineAdd(module: KernelModule, field: FieldFunctions, double: FunctionIndex): FunctionIndex {
  const { sizeBytes, add, sub, mul, sqr, isZero } = field;
  const [zz1, zz2, u1, h, s1, r] = module.reserveEach(6, sizeBytes);
  return module.program(3, (p, [to, a, b]) => {
    const [x1, y1, z1] = partsOf(a, 3, sizeBytes);
    const [x2, y2, z2] = partsOf(b, 3, sizeBytes);
    returnWhen(p, isZero, z1, () => p.copy(to, b, 3 * sizeBytes));
    returnWhen(p, isZero, z2, () => p.copy(to, a, 3 * sizeBytes));
    p.call(sqr, zz1, z1);
    p.call(sqr, zz2, z2);
    p.call(mul, u1, x1, zz2);
    p.call(mul, h, x2, zz1);
    p.call(mul, s1, y1, z2);
    p.call(mul, s1, s1, zz2);
    p.call(mul, r, y2, z1);
    p.call(mul, r, r, zz1);
    p.call(sub, h, h, u1);
    p.call(sub, r, r, s1);
    returnWhen(p, isZero, h, () => sameAbscissa(p, { field, double, to: to, from: a, r }));
    const z3 = partsOf(to, 3, sizeBytes)[2];
    p.call(add, zz1, zz1, zz2);
    p.call(add, zz2, z1, z2);
    p.call(sqr, zz2, zz2);
    p.call(sub, zz2, zz2, zz1);
    p.call(mul, z3, zz2, h);
    finishAddition(p, field, { to: to, h, r, x: u1, y: s1, i: zz1, v: zz2 });
  });
}

function defineSubtract(module: KernelModule, field: FieldFunctions, add: FunctionIndex): FunctionIndex {
  const { sizeBytes, sub } = field;
  const negative = module.reserve(3 * sizeBytes);
  return module.program(3, (p, [to, a, b]) => {
    const [x, y, z] = partsOf(b, 3, sizeBytes);
    const [negativeX, negativeY, negativeZ] = partsOf(negative, 3, sizeBytes);
    p.copy(negativeX, x, sizeBytes);
    p.clear(negativeY, sizeBytes);
    p.call(sub, negativeY, negativeY, y);
    p.copy(negativeZ, z, sizeBytes);
    p.call(add, to, a, negative);
  });
}

function defineAddAffine(
  module: KernelModule,
  field: FieldFunctions,
  double: FunctionIndex,
  one: Place,
): FunctionIndex {
  const { sizeBytes, add, sub, mul, sqr, isZero } = field;
  const [zz, h, r, x, y, v] = module.reserveEach(6, sizeBytes);
  return module.program(3, (p, [to, a, b]) => {
    const [x1, y1, z1] = partsOf(a, 3, sizeBytes);
    const [x2, y2] = partsOf(b, 3, sizeBytes);
    const z3 = partsOf(to, 3, sizeBytes)[2];
    returnWhen(p, isZero, z1, () => {
      p.copy(to, b, 2 * sizeBytes);
      p.copy(z3, one, sizeBytes);
    });
    p.copy(x, x1, sizeBytes);
    p.copy(y, y1, sizeBytes);
    p.call(sqr, zz, z1);
    p.call(mul, h, x2, zz);
    p.call(mul, r, y2, z1);
    p.call(mul, r, r, zz);
    p.call(sub, h, h, x);
    p.call(sub, r, r, y);
    returnWhen(p, isZero, h, () => sameAbscissa(p, { field, double, to: to, from: a, r }));
    p.call(mul, z3, z1, h);
    p.call(add, z3, z3, z3);
    finishAddition(p, field, { to: to, h, r, x, y, i: zz, v });
  });
}

// Equal abscissae: the points are equal, or each other's negative.
function sameAbscissa(
  p: KernelProgram,
  at: { field: FieldFunctions; double: FunctionIndex; to: Place; from: Place; r: Place },
): void {
  p.push(at.r);
  p.f.call(at.field.isZero);
  p.f.if(
    () => p.call(at.double, at.to, at.from),
    () => p.clear(at.to, 3 * at.field.sizeBytes),
  );
}

// x3 = R² - J - 2V, y3 = R (V - x3) - 2 y J with R = 2r, I = (2h)², J = h I, V = x I. `h`, `r`, `i` and `v` are spent.
function finishAddition(
  p: KernelProgram,
  field: FieldFunctions,
  at: { to: Place; h: Place; r: Place; x: Place; y: Place; i: Place; v: Place },
): void {
  const { add, sub, mul, sqr } = field;
  const [x3, y3] = partsOf(at.to, 2, field.sizeBytes);
  p.call(add, at.i, at.h, at.h);
  p.call(sqr, at.i, at.i);
  p.call(mul, at.h, at.h, at.i);
  p.call(add, at.r, at.r, at.r);
  p.call(mul, at.v, at.x, at.i);
  p.call(sqr, at.i, at.r);
  p.call(sub, at.i, at.i, at.h);
  p.call(sub, at.i, at.i, at.v);
  p.call(mul, at.h, at.h, at.y);
  p.call(add, at.h, at.h, at.h);
  p.call(sub, x3, at.i, at.v);
  p.call(sub, at.v, at.v, x3);
  p.call(mul, at.v, at.v, at.r);
  p.call(sub, y3, at.v, at.h);
}

function returnWhen(p: KernelProgram, condition: FunctionIndex, operand: Place, emit: () => void): void {
  p.push(operand);
  p.f.call(condition);
  p.f.if(() => {
    emit();
    p.f.op(CONTROL.return);
  });
}
