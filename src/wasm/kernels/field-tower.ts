// The tower of extensions that pairings live in, in WebAssembly: Fp2 = Fp[i]/(i² + 1), Fp6 = Fp2[v]/(v³ - ξ),
// Fp12 = Fp6[w]/(w² - v). Elements are their coefficients one after the other, lowest first. Fp2 works on limbs in
// locals, the rest are programs over it.
//
// @see Devegili, Ó hÉigeartaigh, Scott, Dahab, "Multiplication and squaring on pairing-friendly fields"; Granger, Scott,
// "Faster squaring in the cyclotomic subgroup of sixth degree extensions"

import type { FunctionIndex, Local } from "../function-emitter.ts";
import {
  behind,
  type KernelModule,
  type KernelProgram,
  type Place,
  parameterPlaces,
  partsOf,
} from "./kernel-program.ts";
import {
  constantModulus,
  defineIsZero,
  type FieldFunctions,
  LimbEmitter,
  type PrimeField,
  type PrimeFieldFunctions,
} from "./prime-field.ts";

/** Indices of the functions of Fp2. */
export type QuadraticFunctions = FieldFunctions & {
  /** ξ·a: destination, operand. */
  readonly mulXi: FunctionIndex;
};

/** Indices of the functions of Fp12. */
export type TowerFunctions = {
  readonly mul: FunctionIndex;
  readonly sqr: FunctionIndex;
  /** The square of an element whose norm to Fp6 is one: destination, operand. */
  readonly cyclotomicSqr: FunctionIndex;
  /** Product of two elements of Fp6. */
  readonly mulFp6: FunctionIndex;
  /** Multiplies an element in place by a line of three coefficients in Fp2: element, line. */
  readonly mulLine: FunctionIndex;
};

/** Where a line has its three coefficients: at 1, v, v·w (divisive twist: at 1, w, v·w). */
export type TwistKind = "multiplicative" | "divisive";

/** Defines Fp2. ξ = `xi` + i. */
export function defineQuadraticField(
  module: KernelModule,
  field: PrimeField,
  fp: PrimeFieldFunctions,
  xi: number,
): QuadraticFunctions {
  const half = fp.sizeBytes;
  const halves = (fn: FunctionIndex) =>
    module.program(3, (p, [to, a, b]) => {
      p.call(fn, to, a, b);
      p.call(fn, behind(to, half), behind(a, half), behind(b, half));
    });
  return {
    sizeBytes: 2 * half,
    add: halves(fp.add),
    sub: halves(fp.sub),
    mul: defineQuadraticMul(module, field),
    sqr: defineQuadraticSqr(module, field),
    isZero: defineIsZero(module, 2 * field.limbCount),
    mulXi: defineMulXi(module, field, xi),
  };
}

// (a0 b0 - a1 b1) + (a0 b1 + a1 b0) i, each half a sum of two products with one reduction. A function each: both in one
// have more live limbs than registers, and took 510 instead of 170 ns for 6 limbs.
function defineQuadraticMul(module: KernelModule, field: PrimeField): FunctionIndex {
  const half = 8 * field.limbCount;
  const part = (emit: (e: LimbEmitter, a: Place, b: Place) => Local[]) =>
    module.builder.defineFunction({ params: ["i32", "i32", "i32"], results: [] }, (f) => {
      const [to, a, b] = parameterPlaces(f, 3);
      const e = new LimbEmitter(f, constantModulus(field));
      e.store(to, emit(e, a, b));
    });
  const real = part((e, a, b) =>
    e.sumOfProducts([
      { a: e.load(a), pushB: (limb) => e.pushLimb(b, limb) },
      { a: e.complement(e.load(behind(a, half))), pushB: (limb) => e.pushLimb(behind(b, half), limb) },
    ]),
  );
  const imaginary = part((e, a, b) =>
    e.sumOfProducts([
      { a: e.load(a), pushB: (limb) => e.pushLimb(behind(b, half), limb) },
      { a: e.load(behind(a, half)), pushB: (limb) => e.pushLimb(b, limb) },
    ]),
  );
  const scratch = module.reserve(half);
  return module.program(3, (p, [to, a, b]) => {
    p.call(real, scratch, a, b);
    p.call(imaginary, behind(to, half), a, b);
    p.copy(to, scratch, half);
  });
}

// (a0 + a1)(a0 - a1) + 2 a0 a1 i. The sums stay unreduced: below 2p, so that products stay below p R.
function defineQuadraticSqr(module: KernelModule, field: PrimeField): FunctionIndex {
  const half = 8 * field.limbCount;
  return module.builder.defineFunction({ params: ["i32", "i32"], results: [] }, (f) => {
    const e = new LimbEmitter(f, constantModulus(field));
    const [to, a] = parameterPlaces(f, 2);
    const a0 = e.load(a);
    const a1 = e.load(behind(a, half));
    const sum = e.add(a0, a1, false);
    const difference = e.sub(a0, a1);
    const real = e.sumOfProducts([{ a: sum, pushB: (limb) => f.get(difference[limb]!) }]);
    const double = e.add(a0, a0, false);
    const imaginary = e.sumOfProducts([{ a: double, pushB: (limb) => f.get(a1[limb]!) }]);
    e.store(to, real);
    e.store(behind(to, half), imaginary);
  });
}

// (xi a0 - a1) + (xi a1 + a0) i
function defineMulXi(module: KernelModule, field: PrimeField, xi: number): FunctionIndex {
  const half = 8 * field.limbCount;
  return module.builder.defineFunction({ params: ["i32", "i32"], results: [] }, (f) => {
    const e = new LimbEmitter(f, constantModulus(field));
    const [to, a] = parameterPlaces(f, 2);
    const a0 = e.load(a);
    const a1 = e.load(behind(a, half));
    const real = xi === 1 ? e.sub(a0, a1) : e.smallMultiple(xi, a0, e.complement(a1));
    const imaginary = xi === 1 ? e.add(a1, a0) : e.smallMultiple(xi, a1, a0);
    e.store(to, real);
    e.store(behind(to, half), imaginary);
  });
}

/** Defines Fp12 over Fp2. */
export function defineTower(module: KernelModule, fp2: QuadraticFunctions, twist: TwistKind): TowerFunctions {
  const tower = new Tower(module, fp2);
  const mulFp6 = tower.defineMulFp6();
  return {
    mulFp6,
    mul: tower.defineMul(mulFp6),
    sqr: tower.defineSqr(mulFp6),
    cyclotomicSqr: tower.defineCyclotomicSqr(),
    mulLine: twist === "divisive" ? tower.defineMulDivisiveLine() : tower.defineMulMultiplicativeLine(),
  };
}

class Tower {
  readonly #module: KernelModule;
  readonly #fp2: QuadraticFunctions;
  readonly #size: number;

  constructor(module: KernelModule, fp2: QuadraticFunctions) {
    this.#module = module;
    this.#fp2 = fp2;
    this.#size = fp2.sizeBytes;
  }

  defineMulFp6(): FunctionIndex {
    const { add, sub, mul, mulXi } = this.#fp2;
    const [v0, v1, v2, s, t] = this.#module.reserveEach(5, this.#size);
    const result = this.#module.reserve(3 * this.#size);
    return this.#module.program(3, (p, [to, a, b]) => {
      const [a0, a1, a2] = partsOf(a, 3, this.#size);
      const [b0, b1, b2] = partsOf(b, 3, this.#size);
      const [c0, c1, c2] = partsOf(result, 3, this.#size);
      p.call(mul, v0, a0, b0);
      p.call(mul, v1, a1, b1);
      p.call(mul, v2, a2, b2);
      const cross = (to: Place, x: [Place, Place, Place], y: [Place, Place, Place]) => {
        p.call(add, s, x[0], x[1]);
        p.call(add, t, y[0], y[1]);
        p.call(mul, to, s, t);
        p.call(sub, to, to, x[2]);
        p.call(sub, to, to, y[2]);
      };
      cross(c0, [a1, a2, v1], [b1, b2, v2]);
      p.call(mulXi, c0, c0);
      p.call(add, c0, c0, v0);
      cross(c1, [a0, a1, v0], [b0, b1, v1]);
      p.call(mulXi, s, v2);
      p.call(add, c1, c1, s);
      cross(c2, [a0, a2, v0], [b0, b2, v2]);
      p.call(add, c2, c2, v1);
      p.copy(to, result, 3 * this.#size);
    });
  }

  defineMul(mulFp6: FunctionIndex): FunctionIndex {
    const [v0, v1, s, t] = this.#module.reserveEach(4, 3 * this.#size);
    return this.#module.program(3, (p, [to, a, b]) => {
      const half = 3 * this.#size;
      p.call(mulFp6, v0, a, b);
      p.call(mulFp6, v1, behind(a, half), behind(b, half));
      this.#fp6(p, this.#fp2.add, s, a, behind(a, half));
      this.#fp6(p, this.#fp2.add, t, b, behind(b, half));
      p.call(mulFp6, s, s, t);
      this.#fp6(p, this.#fp2.sub, s, s, v0);
      this.#fp6(p, this.#fp2.sub, behind(to, half), s, v1);
      this.#mulV(p, t, v1);
      this.#fp6(p, this.#fp2.add, to, v0, t);
    });
  }

  defineSqr(mulFp6: FunctionIndex): FunctionIndex {
    const [product, s, t] = this.#module.reserveEach(3, 3 * this.#size);
    return this.#module.program(2, (p, [to, a]) => {
      const half = 3 * this.#size;
      p.call(mulFp6, product, a, behind(a, half));
      this.#fp6(p, this.#fp2.add, s, a, behind(a, half));
      this.#mulV(p, t, behind(a, half));
      this.#fp6(p, this.#fp2.add, t, t, a);
      p.call(mulFp6, s, s, t);
      this.#fp6(p, this.#fp2.sub, s, s, product);
      this.#mulV(p, t, product);
      this.#fp6(p, this.#fp2.sub, to, s, t);
      this.#fp6(p, this.#fp2.add, behind(to, half), product, product);
    });
  }

  defineCyclotomicSqr(): FunctionIndex {
    const { add, sub, mul, mulXi } = this.#fp2;
    const [even, odd, product, s] = this.#module.reserveEach(4, this.#size);
    const result = this.#module.reserve(6 * this.#size);
    return this.#module.program(2, (p, [to, a]) => {
      const at = (place: Place, i: number) => behind(place, i * this.#size);
      // even + odd·y = (a[i] + a[j] y)², y² = ξ
      const square = (i: number, j: number) => {
        p.call(mul, product, at(a, i), at(a, j));
        p.call(mulXi, s, at(a, j));
        p.call(add, s, s, at(a, i));
        p.call(add, even, at(a, i), at(a, j));
        p.call(mul, even, even, s);
        p.call(sub, even, even, product);
        p.call(mulXi, s, product);
        p.call(sub, even, even, s);
        p.call(add, odd, product, product);
      };
      // 3 x ∓ 2 a[i]
      const combine = (i: number, x: Place, last: FunctionIndex) => {
        p.call(last, s, x, at(a, i));
        p.call(add, s, s, s);
        p.call(add, at(result, i), s, x);
      };
      square(0, 4);
      combine(0, even, sub);
      combine(4, odd, add);
      square(3, 2);
      combine(1, even, sub);
      combine(5, odd, add);
      square(1, 5);
      combine(2, even, sub);
      p.call(mulXi, odd, odd);
      combine(3, odd, add);
      p.copy(to, result, 6 * this.#size);
    });
  }

  // f·(l0 + l1 w + l2 v w)
  defineMulDivisiveLine(): FunctionIndex {
    const { add, mul } = this.#fp2;
    const [low, high, sum, factors] = this.#module.reserveEach(4, 3 * this.#size);
    const sparse = this.#defineMulSparse();
    return this.#module.program(2, (p, [f, line]) => {
      const [l0, l1, l2] = partsOf(line, 3, this.#size);
      const [s0, s1] = partsOf(factors, 3, this.#size);
      const upper = behind(f, 3 * this.#size);
      for (let i = 0; i < 3; i++) p.call(mul, behind(low, i * this.#size), behind(f, i * this.#size), l0);
      p.copy(s0, l1, this.#size);
      p.copy(s1, l2, this.#size);
      p.call(sparse, high, upper, factors);
      p.call(add, s0, l0, l1);
      this.#fp6(p, add, sum, f, upper);
      p.call(sparse, sum, sum, factors);
      this.#combineLine(p, f, { low, high, sum, scratch: factors });
    });
  }

  // f·(l0 + l1 v + l2 v w)
  defineMulMultiplicativeLine(): FunctionIndex {
    const { add, mul, mulXi } = this.#fp2;
    const [low, high, sum, factors] = this.#module.reserveEach(4, 3 * this.#size);
    const sparse = this.#defineMulSparse();
    return this.#module.program(2, (p, [f, line]) => {
      const [l0, l1, l2] = partsOf(line, 3, this.#size);
      const [s0, s1] = partsOf(factors, 3, this.#size);
      const upper = behind(f, 3 * this.#size);
      const [u0, u1, u2] = partsOf(upper, 3, this.#size);
      const [h0, h1, h2] = partsOf(high, 3, this.#size);
      p.copy(s0, l0, this.#size);
      p.copy(s1, l1, this.#size);
      p.call(sparse, low, f, factors);
      p.call(mul, h0, u2, l2);
      p.call(mulXi, h0, h0);
      p.call(mul, h1, u0, l2);
      p.call(mul, h2, u1, l2);
      p.call(add, s1, l1, l2);
      this.#fp6(p, add, sum, f, upper);
      p.call(sparse, sum, sum, factors);
      this.#combineLine(p, f, { low, high, sum, scratch: factors });
    });
  }

  // f = (low + v high) + (sum - low - high) w
  #combineLine(p: KernelProgram, f: Place, at: { low: Place; high: Place; sum: Place; scratch: Place }): void {
    const upper = behind(f, 3 * this.#size);
    this.#fp6(p, this.#fp2.sub, at.sum, at.sum, at.low);
    this.#fp6(p, this.#fp2.sub, upper, at.sum, at.high);
    this.#mulV(p, at.scratch, at.high);
    this.#fp6(p, this.#fp2.add, f, at.low, at.scratch);
  }

  // a·(s0 + s1 v) in Fp6.
  #defineMulSparse(): FunctionIndex {
    const { add, sub, mul, mulXi } = this.#fp2;
    const [v0, v1, s, t] = this.#module.reserveEach(4, this.#size);
    const result = this.#module.reserve(3 * this.#size);
    return this.#module.program(3, (p, [to, a, factors]) => {
      const [a0, a1, a2] = partsOf(a, 3, this.#size);
      const [s0, s1] = partsOf(factors, 3, this.#size);
      const [c0, c1, c2] = partsOf(result, 3, this.#size);
      p.call(mul, v0, a0, s0);
      p.call(mul, v1, a1, s1);
      p.call(add, t, a1, a2);
      p.call(mul, t, t, s1);
      p.call(sub, t, t, v1);
      p.call(mulXi, t, t);
      p.call(add, c0, t, v0);
      p.call(add, t, a0, a1);
      p.call(add, s, s0, s1);
      p.call(mul, t, t, s);
      p.call(sub, t, t, v0);
      p.call(sub, c1, t, v1);
      p.call(add, t, a0, a2);
      p.call(mul, t, t, s0);
      p.call(sub, t, t, v0);
      p.call(add, c2, t, v1);
      p.copy(to, result, 3 * this.#size);
    });
  }

  // to = v·a: the coefficients turn, the last through ξ. `to` is not `a`.
  #mulV(p: KernelProgram, to: Place, a: Place): void {
    p.call(this.#fp2.mulXi, to, behind(a, 2 * this.#size));
    p.copy(behind(to, this.#size), a, 2 * this.#size);
  }

  #fp6(p: KernelProgram, fn: FunctionIndex, to: Place, a: Place, b: Place): void {
    for (let i = 0; i < 3; i++) {
      p.call(fn, behind(to, i * this.#size), behind(a, i * this.#size), behind(b, i * this.#size));
    }
  }
}
