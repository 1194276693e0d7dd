// The steps of a Miller loop in WebAssembly: a point T of the twist, in homogeneous coordinates (x = X/Z, y = Y/Z), is
// doubled or added to, and the line through the points is left as three coefficients in Fp2 that `evaluate` completes
// with the point of G1. Factors in Fp2 are dropped, as the final exponentiation removes them.
//
// @see Costello, Lange, Naehrig, "Faster pairing computations on curves with high-degree twists"

import type { FunctionIndex } from "../function-emitter.ts";
import type { QuadraticFunctions, TwistKind } from "./field-tower.ts";
import { behind, type KernelModule, type Place, partsOf } from "./kernel-program.ts";
import type { PrimeFieldFunctions } from "./prime-field.ts";

/** Indices of the functions of a pairing's Miller loop. */
export type LineFunctions = {
  /** T = 2T: T, line. */
  readonly doubleStep: FunctionIndex;
  /** T = T + Q for an affine Q: T, Q, line. */
  readonly addStep: FunctionIndex;
  /** Multiplies two coefficients by the coordinates of an affine point of G1: destination, line, point. */
  readonly evaluate: FunctionIndex;
};

/** Defines the steps. `threeB` is the place of three times the twist's coefficient. */
export function defineLines(
  module: KernelModule,
  fields: { fp: PrimeFieldFunctions; fp2: QuadraticFunctions },
  twist: { kind: TwistKind; threeB: Place },
): LineFunctions {
  return {
    doubleStep: defineDoubleStep(module, fields.fp2, twist),
    addStep: defineAddStep(module, fields.fp2, twist.kind),
    evaluate: defineEvaluate(module, fields, twist.kind),
  };
}

// With a = 2XY, b = Y², e = 3b'Z², f = 3e, h = 2YZ: X = a(b - f), Y = (b + f)² - 12e², Z = 4bh; all scaled by 4.
function defineDoubleStep(
  module: KernelModule,
  fp2: QuadraticFunctions,
  twist: { kind: TwistKind; threeB: Place },
): FunctionIndex {
  const { sizeBytes, add, sub, mul, sqr } = fp2;
  const [a, b, e, f, h, s] = module.reserveEach(6, sizeBytes);
  return module.program(2, (p, [t, line]) => {
    const [x, y, z] = partsOf(t, 3, sizeBytes);
    const [l0, l1, l2] = partsOf(line, 3, sizeBytes);
    const [tangentX, negativeH, constant] = twist.kind === "divisive" ? [l1, l0, l2] : [l1, l2, l0];
    p.call(mul, a, x, y);
    p.call(add, a, a, a);
    p.call(sqr, b, y);
    p.call(sqr, s, z);
    p.call(mul, e, s, twist.threeB);
    p.call(add, h, y, z);
    p.call(sqr, h, h);
    p.call(sub, h, h, b);
    p.call(sub, h, h, s);
    p.call(add, f, e, e);
    p.call(add, f, f, e);
    p.call(sqr, s, x);
    p.call(add, tangentX, s, s);
    p.call(add, tangentX, tangentX, s);
    p.call(sub, constant, e, b);
    p.clear(s, sizeBytes);
    p.call(sub, negativeH, s, h);
    p.call(sub, s, b, f);
    p.call(mul, x, a, s);
    p.call(mul, z, b, h);
    p.call(add, z, z, z);
    p.call(add, z, z, z);
    p.call(add, s, b, f);
    p.call(sqr, s, s);
    p.call(add, e, e, e);
    p.call(sqr, e, e);
    p.call(add, a, e, e);
    p.call(add, a, a, e);
    p.call(sub, y, s, a);
  });
}

// With θ = Y - yZ, λ = X - xZ: the line is θ(x - ·) - λ(y - ·).
function defineAddStep(module: KernelModule, fp2: QuadraticFunctions, kind: TwistKind): FunctionIndex {
  const { sizeBytes, add, sub, mul, sqr } = fp2;
  const [theta, lambda, d, e, g, s] = module.reserveEach(6, sizeBytes);
  return module.program(3, (p, [t, q, line]) => {
    const [x, y, z] = partsOf(t, 3, sizeBytes);
    const [qx, qy] = partsOf(q, 3, sizeBytes);
    const [l0, l1, l2] = partsOf(line, 3, sizeBytes);
    const [slope, ordinate, constant] = kind === "divisive" ? [l1, l0, l2] : [l1, l2, l0];
    p.call(mul, s, qy, z);
    p.call(sub, theta, y, s);
    p.call(mul, s, qx, z);
    p.call(sub, lambda, x, s);
    p.call(sqr, d, lambda);
    p.call(mul, e, lambda, d);
    p.call(mul, g, x, d);
    p.call(sqr, s, theta);
    p.call(mul, s, s, z);
    p.call(add, s, s, e);
    p.call(sub, s, s, g);
    p.call(sub, s, s, g);
    p.call(mul, x, lambda, s);
    p.call(sub, s, g, s);
    p.call(mul, s, s, theta);
    p.call(mul, y, y, e);
    p.call(sub, y, s, y);
    p.call(mul, z, z, e);
    p.call(mul, s, theta, qx);
    p.call(mul, d, lambda, qy);
    p.call(sub, constant, s, d);
    p.clear(s, sizeBytes);
    p.call(sub, slope, s, theta);
    p.copy(ordinate, lambda, sizeBytes);
  });
}

function defineEvaluate(
  module: KernelModule,
  fields: { fp: PrimeFieldFunctions; fp2: QuadraticFunctions },
  kind: TwistKind,
): FunctionIndex {
  const half = fields.fp.sizeBytes;
  const { mul } = fields.fp;
  return module.program(3, (p, [to, line, point]) => {
    const target = partsOf(to, 3, 2 * half);
    const source = partsOf(line, 3, 2 * half);
    const ordinateAt = kind === "divisive" ? 0 : 2;
    const constantAt = 2 - ordinateAt;
    for (const part of [0, half]) {
      p.call(mul, behind(target[1], part), behind(source[1], part), point);
      p.call(mul, behind(target[ordinateAt]!, part), behind(source[ordinateAt]!, part), behind(point, half));
    }
    p.copy(target[constantAt]!, source[constantAt]!, 2 * half);
  });
}
