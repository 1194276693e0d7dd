// The optimal ate pairing over a curve's kernel: the Miller loop of any number of pairs together, and the arithmetic of
// Fp12 that final exponentiations are made of. An element of Fp12 is twelve of Fp, the coefficients of 1, v, v², w, v w,
// v² w in Fp2.
//
// @see Vercauteren, "Optimal pairings"; Beuchat et al., "High-speed software implementation of the optimal ate pairing
// over Barreto-Naehrig curves", for the Frobenius constants

import { makeTuple, type Tuple } from "#base/tuple.ts";
import type { PrimeField } from "#wasm/kernels/prime-field.ts";
import { type Address, type CurveKernel, inverseFp2 } from "./curve-kernel.ts";

/** A number of Fp2, for constants. */
export type Complex = readonly [real: bigint, imaginary: bigint];

/** Pairs in one loop; more are done in turns. */
export const PAIR_COUNT_MAX = 32;

/** The power of w that each coefficient belongs to. */
const POWERS_OF_W = [0, 2, 4, 1, 3, 5] as const;

/** Fp12 and the Miller loop of one curve. */
export class Pairing {
  readonly kernel: CurveKernel;
  /** Size of an element of Fp12, bytes. */
  readonly sizeBytes: number;
  readonly #half: number;
  readonly #frobenius: readonly Address[];
  readonly #twistX: Address;
  readonly #twistY: Address;
  readonly #digits: readonly number[];
  readonly #one: Address;
  readonly #line: Address;
  readonly #completed: Address;
  readonly #scratch: Tuple<Address, 4>;
  readonly #points: Address;
  readonly #affine: Address;
  #pairCount = 0;

  /** Bytes that a pairing reserves. */
  static workSizeBytes(fieldSizeBytes: number): number {
    return fieldSizeBytes * (12 * 5 + 4 + 12 + 6 + 6 + PAIR_COUNT_MAX * 14);
  }

  /**
   * @param options.digits of the loop's number below the highest, most significant first: -1, 0 or 1
   * @param options.xi real part of ξ
   * @param options.isDivisive whether the twist divides: y² = x³ + b/ξ
   */
  constructor(kernel: CurveKernel, options: { digits: readonly number[]; xi: bigint; isDivisive: boolean }) {
    this.kernel = kernel;
    const size = kernel.fieldSizeBytes;
    this.#half = 6 * size;
    this.sizeBytes = 12 * size;
    this.#digits = options.digits;
    const gamma = power(kernel.field, [options.xi, 1n], (kernel.field.modulus - 1n) / 6n);
    const powers: Complex[] = [[1n, 0n]];
    for (let i = 1; i < 6; i++) powers.push(multiply(kernel.field, powers[i - 1]!, gamma));
    this.#frobenius = powers.map((value) => kernel.constant(...value));
    const square = options.isDivisive ? powers[2]! : invert(kernel.field, powers[2]!);
    const cube = options.isDivisive ? powers[3]! : invert(kernel.field, powers[3]!);
    this.#twistX = kernel.constant(...square);
    this.#twistY = kernel.constant(...cube);
    this.#one = kernel.constant(1n, ...new Array<bigint>(11).fill(0n));
    this.#line = kernel.reserve(6 * size);
    this.#completed = kernel.reserve(6 * size);
    this.#scratch = kernel.reserveEach(4, 12 * size);
    this.#points = kernel.reserve(PAIR_COUNT_MAX * 6 * size);
    this.#affine = kernel.reserve(PAIR_COUNT_MAX * 8 * size);
  }

  /** Forgets the pairs. */
  clearPairs(): void {
    this.#pairCount = 0;
  }

  /** Whether another pair has room. */
  get isFull(): boolean {
    return this.#pairCount === PAIR_COUNT_MAX;
  }

  /** Adds a pair of affine points, neither of them infinity. */
  addPair(g1: Address, g2: Address): void {
    const size = this.kernel.fieldSizeBytes;
    const affine = this.#affine + this.#pairCount * 8 * size;
    const point = this.#points + this.#pairCount * 6 * size;
    this.kernel.copy(affine, g1, 2 * size);
    this.kernel.copy(affine + 2 * size, g2, 4 * size);
    this.kernel.copy(point, g2, 4 * size);
    this.kernel.copy(point + 4 * size, this.kernel.one, 2 * size);
    this.#pairCount++;
  }

  /**
   * The product of the pairs' Miller functions. `to` is no scratch of the caller's pairs.
   * @param hasTail whether two more lines follow, through the Frobenius images of Q, as on Barreto-Naehrig curves
   */
  millerLoop(to: Address, hasTail: boolean): void {
    const { calls, fieldSizeBytes: size } = this.kernel;
    const negative = this.#scratch[0];
    this.kernel.copy(to, this.#one, this.sizeBytes);
    this.#digits.forEach((digit, step) => {
      if (step > 0) calls.fp12Sqr(to, to);
      for (let i = 0; i < this.#pairCount; i++) {
        const point = this.#points + i * 6 * size;
        const affine = this.#affine + i * 8 * size;
        calls.lineDouble(point, this.#line);
        this.#applyLine(to, affine);
        if (digit === 0) continue;
        if (digit < 0) this.#negate(negative, affine + 2 * size);
        calls.lineAdd(point, digit < 0 ? negative : affine + 2 * size, this.#line);
        this.#applyLine(to, affine);
      }
    });
    if (!hasTail) return;
    for (let i = 0; i < this.#pairCount; i++) {
      const point = this.#points + i * 6 * size;
      const affine = this.#affine + i * 8 * size;
      const image = this.#scratch[1];
      this.frobeniusOfTwist(image, affine + 2 * size);
      calls.lineAdd(point, image, this.#line);
      this.#applyLine(to, affine);
      this.frobeniusOfTwist(image, image);
      this.#negate(negative, image);
      calls.lineAdd(point, negative, this.#line);
      this.#applyLine(to, affine);
    }
  }

  /** ψ of an affine point of the twist: the Frobenius map between untwisting and twisting. */
  frobeniusOfTwist(to: Address, affine: Address): void {
    const { calls, fieldSizeBytes: size } = this.kernel;
    this.#conjugateFp2(to, affine);
    this.#conjugateFp2(to + 2 * size, affine + 2 * size);
    calls.fp2Mul(to, to, this.#twistX);
    calls.fp2Mul(to + 2 * size, to + 2 * size, this.#twistY);
  }

  /** ψ of a Jacobian point of the twist. */
  frobeniusOfTwistJacobian(to: Address, point: Address): void {
    this.frobeniusOfTwist(to, point);
    this.#conjugateFp2(to + 4 * this.kernel.fieldSizeBytes, point + 4 * this.kernel.fieldSizeBytes);
  }

  /** a^p. `to` may be `a`. */
  frobenius(to: Address, a: Address): void {
    const size = 2 * this.kernel.fieldSizeBytes;
    POWERS_OF_W.forEach((power, i) => {
      this.#conjugateFp2(to + i * size, a + i * size);
      if (power > 0) this.kernel.calls.fp2Mul(to + i * size, to + i * size, this.#frobenius[power]!);
    });
  }

  /** a^(p^6): the inverse of an element of the cyclotomic subgroup. */
  conjugate(to: Address, a: Address): void {
    const size = 2 * this.kernel.fieldSizeBytes;
    if (to !== a) this.kernel.copy(to, a, this.#half);
    for (let i = 3; i < 6; i++) this.kernel.negate(this.kernel.fp2, to + i * size, a + i * size);
  }

  /** 1/a for a ≠ 0: through the norm to Fp6, then to Fp2, then to Fp. */
  inverse(to: Address, a: Address): void {
    const { calls } = this.kernel;
    const size = 2 * this.kernel.fieldSizeBytes;
    const [norm, product] = [this.#scratch[0], this.#scratch[1]];
    calls.mulFp6(norm, a, a);
    calls.mulFp6(product, a + this.#half, a + this.#half);
    // norm = a0² - v a1²
    calls.fp2MulXi(product + 3 * size, product + 2 * size);
    calls.fp2Sub(norm, norm, product + 3 * size);
    calls.fp2Sub(norm + size, norm + size, product);
    calls.fp2Sub(norm + 2 * size, norm + 2 * size, product + size);
    this.#inverseFp6(product, norm);
    calls.mulFp6(to, a, product);
    calls.mulFp6(to + this.#half, a + this.#half, product);
    for (let i = 3; i < 6; i++) this.kernel.negate(this.kernel.fp2, to + i * size, to + i * size);
  }

  /** a^((p^6 - 1)(p² + 1)) in place: into the cyclotomic subgroup. */
  easyPart(a: Address): void {
    const [, , inverse, power] = this.#scratch;
    this.inverse(inverse, a);
    this.conjugate(a, a);
    this.kernel.calls.fp12Mul(a, a, inverse);
    this.frobenius(power, a);
    this.frobenius(power, power);
    this.kernel.calls.fp12Mul(a, a, power);
  }

  /** a^k for an element of the cyclotomic subgroup and k by its digits below the highest. `to` is not `a`. */
  cyclotomicPower(to: Address, a: Address, digits: readonly number[]): void {
    const { fp12CyclotomicSqr, fp12Mul } = this.kernel.calls;
    const inverse = this.#scratch[0];
    this.conjugate(inverse, a);
    this.kernel.copy(to, a, this.sizeBytes);
    for (const digit of digits) {
      fp12CyclotomicSqr(to, to);
      if (digit !== 0) fp12Mul(to, to, digit > 0 ? a : inverse);
    }
  }

  /** Whether an element is 1. */
  isOne(a: Address): boolean {
    return this.kernel.isEqual(a, this.#one, this.sizeBytes);
  }

  #applyLine(to: Address, g1: Address): void {
    this.kernel.calls.lineEvaluate(this.#completed, this.#line, g1);
    this.kernel.calls.fp12MulLine(to, this.#completed);
  }

  #negate(to: Address, affine: Address): void {
    const size = 2 * this.kernel.fieldSizeBytes;
    this.kernel.copy(to, affine, size);
    this.kernel.negate(this.kernel.fp2, to + size, affine + size);
  }

  #conjugateFp2(to: Address, a: Address): void {
    const size = this.kernel.fieldSizeBytes;
    if (to !== a) this.kernel.copy(to, a, size);
    this.kernel.negate(this.kernel.fp, to + size, a + size);
  }

  #inverseFp6(to: Address, a: Address): void {
    const { fp2Mul, fp2Sqr, fp2MulXi, fp2Sub, fp2Add } = this.kernel.calls;
    const size = 2 * this.kernel.fieldSizeBytes;
    const [a1, a2] = [a + size, a + 2 * size];
    const scratch = this.#scratch[3];
    const [c0, c1, c2, t, norm] = makeTuple(5, (i) => scratch + i * size);
    // c0 = a0² - ξ a1 a2, c1 = ξ a2² - a0 a1, c2 = a1² - a0 a2
    fp2Mul(t, a1, a2);
    fp2MulXi(t, t);
    fp2Sqr(c0, a);
    fp2Sub(c0, c0, t);
    fp2Sqr(c1, a2);
    fp2MulXi(c1, c1);
    fp2Mul(t, a, a1);
    fp2Sub(c1, c1, t);
    fp2Sqr(c2, a1);
    fp2Mul(t, a, a2);
    fp2Sub(c2, c2, t);
    // norm = a0 c0 + ξ (a2 c1 + a1 c2)
    fp2Mul(norm, a2, c1);
    fp2Mul(t, a1, c2);
    fp2Add(norm, norm, t);
    fp2MulXi(norm, norm);
    fp2Mul(t, a, c0);
    fp2Add(norm, norm, t);
    inverseFp2(this.kernel, norm, norm, t);
    [c0, c1, c2].forEach((c, i) => {
      fp2Mul(to + i * size, c, norm);
    });
  }
}

/** The digits -1, 0, 1 of a number below its highest, most significant first, no two neighbours other than 0. */
export function signedDigits(value: bigint): number[] {
  const digits: number[] = [];
  for (let rest = value; rest > 0n; rest >>= 1n) {
    const digit = (rest & 1n) === 0n ? 0 : 2 - Number(rest & 3n);
    digits.push(digit);
    rest -= BigInt(digit);
  }
  return digits.reverse().slice(1);
}

function multiply({ modulus }: PrimeField, a: Complex, b: Complex): Complex {
  const real = (a[0] * b[0] - a[1] * b[1]) % modulus;
  return [real < 0n ? real + modulus : real, (a[0] * b[1] + a[1] * b[0]) % modulus];
}

function power(field: PrimeField, a: Complex, exponent: bigint): Complex {
  let result: Complex = [1n, 0n];
  for (const bit of exponent.toString(2)) {
    result = multiply(field, result, result);
    if (bit === "1") result = multiply(field, result, a);
  }
  return result;
}

function invert(field: PrimeField, a: Complex): Complex {
  const { modulus } = field;
  const norm = (a[0] * a[0] + a[1] * a[1]) % modulus;
  const [scale] = power(field, [norm, 0n], modulus - 2n);
  return [(a[0] * scale) % modulus, ((modulus - a[1]) * scale) % modulus];
}
