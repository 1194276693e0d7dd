// The module of one elliptic curve: its prime field, its points, and, for a pairing-friendly curve, the tower, the
// points of the twist and the steps of the Miller loop. What a precompile does with them is composed in TypeScript,
// a call per field or point operation.
//
// The kernel's range, from `base` (a multiple of 8):
//
//   0     R² modulo the prime        3s    three times the twist's coefficient, in Fp2
//   s     1, as an element of Fp2    5s    R³ modulo the prime
//                                    6s    intermediate values, up to `sizeBytes`
//
// with s the size of an element of Fp.

import { ModuleBuilder } from "../assembler.ts";
import type { FunctionIndex } from "../function-emitter.ts";
import { definePoints, type PointFunctions } from "./curve-points.ts";
import { defineQuadraticField, defineTower, type QuadraticFunctions, type TwistKind } from "./field-tower.ts";
import { KernelModule, type Place } from "./kernel-program.ts";
import { defineLines } from "./miller-lines.ts";
import { defineMontgomeryInverse } from "./modular-inverse.ts";
import { definePrimeField, limbBytes, montgomeryBytes, montgomeryOne, type PrimeField } from "./prime-field.ts";

/** A curve y² = x³ + ax + b over a prime field. */
export type CurveShape = {
  readonly field: PrimeField;
  readonly a: 0 | -3;
  /** What a pairing needs: ξ = `xi` + i, the kind of the twist and three times its coefficient b. */
  readonly extension?: {
    readonly xi: number;
    readonly twist: TwistKind;
    readonly threeTwistB: readonly [bigint, bigint];
  };
};

type Binary = (to: number, a: number, b: number) => void;
type Unary = (to: number, a: number) => void;

/** A field's functions over addresses; the destination comes first and may be an operand. */
export type FieldCalls = {
  readonly add: Binary;
  readonly sub: Binary;
  readonly mul: Binary;
  readonly sqr: Unary;
  readonly isZero: (a: number) => number;
};

/** A curve's point functions over addresses. */
export type PointCalls = {
  readonly double: Unary;
  readonly add: Binary;
  readonly subtract: Binary;
  readonly addAffine: Binary;
};

/** What the module of a curve exports. Those of `extension` only where the shape has one. */
export type CurveExports = {
  readonly fpAdd: Binary;
  readonly fpSub: Binary;
  readonly fpMul: Binary;
  readonly fpSqr: Unary;
  readonly fpIsZero: (a: number) => number;
  /** 1/a, or 0 for 0. */
  readonly fpInverse: Unary;
  readonly fpSqrTimes: (to: number, a: number, count: number) => void;
  readonly fpRead: (to: number, from: number) => number;
  readonly fpWrite: (to: number, from: number) => void;
  readonly g1Double: Unary;
  readonly g1Add: Binary;
  readonly g1Subtract: Binary;
  readonly g1AddAffine: Binary;
  readonly fp2Add: Binary;
  readonly fp2Sub: Binary;
  readonly fp2Mul: Binary;
  readonly fp2Sqr: Unary;
  readonly fp2IsZero: (a: number) => number;
  readonly fp2MulXi: Unary;
  readonly g2Double: Unary;
  readonly g2Add: Binary;
  readonly g2Subtract: Binary;
  readonly g2AddAffine: Binary;
  readonly mulFp6: Binary;
  readonly fp12Mul: Binary;
  readonly fp12Sqr: Unary;
  readonly fp12CyclotomicSqr: Unary;
  readonly fp12MulLine: Unary;
  readonly lineDouble: Unary;
  readonly lineAdd: Binary;
  readonly lineEvaluate: Binary;
};

/** The module's bytes, and how much of the range it uses. Imports `env.memory` and `env.base`. */
export function emitCurveModule(
  shape: CurveShape,
  shared: boolean,
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly sizeBytes: number } {
  const builder = new ModuleBuilder();
  builder.importMemory({ module: "env", name: "memory" }, { initialPages: 1, maximumPages: 65_536, shared });
  const base = builder.importGlobal({ module: "env", name: "base" }, "i32");
  const constants = curveConstants(shape);
  builder.addData({ base }, constants);
  const module = new KernelModule(builder, base, constants.length);
  const size = 8 * shape.field.limbCount;
  const one: Place = { at: null, offset: size };
  const fp = definePrimeField(module, shape.field, { at: null, offset: 0 });
  const { add, sub, mul, sqr, isZero, sqrTimes, read, write } = fp;
  const inverse = defineMontgomeryInverse(module, shape.field, mul, { at: null, offset: 5 * size });
  exportAll(builder, "fp", { add, sub, mul, sqr, inverse, isZero, sqrTimes, read, write });
  exportPoints(builder, "g1", definePoints(module, fp, { a: shape.a, one }));
  if (shape.extension !== undefined) {
    const { xi, twist: kind } = shape.extension;
    const fp2 = defineQuadraticField(module, shape.field, fp, xi);
    exportQuadratic(builder, fp2);
    exportPoints(builder, "g2", definePoints(module, fp2, { a: 0, one }));
    const tower = defineTower(module, fp2, kind);
    builder.exportFunction("mulFp6", tower.mulFp6);
    exportAll(builder, "fp12", {
      mul: tower.mul,
      sqr: tower.sqr,
      cyclotomicSqr: tower.cyclotomicSqr,
      mulLine: tower.mulLine,
    });
    const lines = defineLines(module, { fp, fp2 }, { kind, threeB: { at: null, offset: 3 * size } });
    exportAll(builder, "line", { double: lines.doubleStep, add: lines.addStep, evaluate: lines.evaluate });
  }
  return { bytes: builder.build(), sizeBytes: module.sizeBytes };
}

function curveConstants(shape: CurveShape): Uint8Array {
  const { field, extension } = shape;
  const size = 8 * field.limbCount;
  const constants = new Uint8Array(6 * size);
  const r = montgomeryOne(field);
  constants.set(limbBytes(r ** 2n % field.modulus, field.limbCount), 0);
  constants.set(montgomeryBytes(field, 1n), size);
  const [real, imaginary] = extension?.threeTwistB ?? [0n, 0n];
  constants.set(montgomeryBytes(field, real), 3 * size);
  constants.set(montgomeryBytes(field, imaginary), 4 * size);
  constants.set(limbBytes(r ** 3n % field.modulus, field.limbCount), 5 * size);
  return constants;
}

function exportQuadratic(builder: ModuleBuilder, fp2: QuadraticFunctions): void {
  const { add, sub, mul, sqr, isZero, mulXi } = fp2;
  exportAll(builder, "fp2", { add, sub, mul, sqr, isZero, mulXi });
}

function exportPoints(builder: ModuleBuilder, prefix: string, points: PointFunctions): void {
  const { double, add, subtract, addAffine } = points;
  exportAll(builder, prefix, { double, add, subtract, addAffine });
}

function exportAll(builder: ModuleBuilder, prefix: string, functions: Readonly<Record<string, FunctionIndex>>): void {
  for (const [name, index] of Object.entries(functions)) {
    builder.exportFunction(`${prefix}${name[0]!.toUpperCase()}${name.slice(1)}`, index);
  }
}
