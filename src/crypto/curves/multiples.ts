// Sums of multiples of points, Σ kᵢ Pᵢ: each scalar is recoded into few signed odd digits, each point has a table of its
// odd multiples, and all terms share the doublings (Straus). Many terms come in chunks, so that tables have a bound.
//
// @see Straus, "Addition chains of vectors"; Hankerson, Menezes, Vanstone, "Guide to elliptic curve cryptography", 3.3

import type { CurveExports, FieldCalls, PointCalls } from "#wasm/kernels/curve.ts";
import { type Address, type CurveKernel, inverseFp2 } from "./curve-kernel.ts";

const WINDOW_BITS = 5;
const TABLE_LENGTH = 2 ** (WINDOW_BITS - 2);
const SCALAR_BITS = 256;

/** A curve's points over Fp or Fp2. */
export class PointGroup {
  readonly kernel: CurveKernel;
  readonly field: FieldCalls;
  readonly points: PointCalls;
  /** Size of a coordinate, bytes. */
  readonly sizeBytes: number;
  readonly #tables: Address;
  readonly #digits: Int8Array[] = [];
  readonly #lengths: Int32Array;
  readonly #termCountMax: number;
  readonly #negative: Address;
  readonly #scratch: Address;
  #termCount = 0;

  /** Bytes that a group reserves. */
  static workSizeBytes(options: { sizeBytes: number; termCountMax: number }): number {
    return (options.termCountMax * TABLE_LENGTH * 3 + 4) * options.sizeBytes;
  }

  /**
   * @param options.sizeBytes of a coordinate
   * @param options.termCountMax terms that share doublings at a time
   */
  constructor(
    kernel: CurveKernel,
    options: { field: FieldCalls; points: PointCalls; sizeBytes: number; termCountMax: number },
  ) {
    this.#termCountMax = options.termCountMax;
    this.#lengths = new Int32Array(options.termCountMax);
    this.kernel = kernel;
    this.field = options.field;
    this.points = options.points;
    this.sizeBytes = options.sizeBytes;
    this.#tables = kernel.reserve(options.termCountMax * TABLE_LENGTH * 3 * this.sizeBytes);
    this.#negative = kernel.reserve(3 * this.sizeBytes);
    this.#scratch = kernel.reserve(this.sizeBytes);
    for (let i = 0; i < options.termCountMax; i++) this.#digits.push(new Int8Array(SCALAR_BITS + 1));
  }

  /** Whether a Jacobian point is infinity. */
  isInfinity(point: Address): boolean {
    return this.field.isZero(point + 2 * this.sizeBytes) === 1;
  }

  /** Whether an affine point satisfies y² = x³ + b. `scratch` has room for two coordinates. */
  isOnCurve(affine: Address, b: Address, scratch: Address): boolean {
    const { field, sizeBytes } = this;
    const right = scratch + sizeBytes;
    field.sqr(right, affine);
    field.mul(right, right, affine);
    field.add(right, right, b);
    field.sqr(scratch, affine + sizeBytes);
    return this.kernel.isEqual(scratch, right, sizeBytes);
  }

  /** An affine point, not infinity, as Jacobian. */
  lift(to: Address, affine: Address): void {
    this.kernel.copy(to, affine, 2 * this.sizeBytes);
    this.kernel.copy(to + 2 * this.sizeBytes, this.kernel.one, this.sizeBytes);
  }

  /**
   * The sum of two affine points, neither of them infinity: one inversion, and little else.
   * @returns false when it is infinity
   */
  addAffinePoints(to: Address, a: Address, b: Address): boolean {
    const { field, sizeBytes, kernel } = this;
    const [slope, divisor, x] = [this.#negative, this.#negative + sizeBytes, this.#negative + 2 * sizeBytes];
    if (kernel.isEqual(a, b, sizeBytes)) {
      // Equal abscissae: a doubling, or opposite points, or one that is its own opposite.
      if (!kernel.isEqual(a + sizeBytes, b + sizeBytes, sizeBytes) || field.isZero(a + sizeBytes) === 1) return false;
      field.sqr(x, a);
      field.add(slope, x, x);
      field.add(slope, slope, x);
      field.add(divisor, a + sizeBytes, a + sizeBytes);
    } else {
      field.sub(slope, b + sizeBytes, a + sizeBytes);
      field.sub(divisor, b, a);
    }
    this.#invert(divisor, divisor);
    field.mul(slope, slope, divisor);
    field.sqr(x, slope);
    field.sub(x, x, a);
    field.sub(x, x, b);
    field.sub(divisor, a, x);
    field.mul(divisor, divisor, slope);
    field.sub(to + sizeBytes, divisor, a + sizeBytes);
    kernel.copy(to, x, sizeBytes);
    return true;
  }

  /** Coordinates x, y of a Jacobian point that is not infinity. `to` is not the point. */
  toAffine(to: Address, jacobian: Address): void {
    const { field, sizeBytes } = this;
    const inverse = this.#negative;
    const square = this.#negative + sizeBytes;
    this.#invert(inverse, jacobian + 2 * sizeBytes);
    field.sqr(square, inverse);
    field.mul(to, jacobian, square);
    field.mul(square, square, inverse);
    field.mul(to + sizeBytes, jacobian + sizeBytes, square);
  }

  /** -P of an affine or Jacobian point. */
  negate(to: Address, point: Address, coordinateCount: 2 | 3): void {
    if (to !== point) this.kernel.copy(to, point, coordinateCount * this.sizeBytes);
    this.kernel.negate(this.field, to + this.sizeBytes, point + this.sizeBytes);
  }

  /** Forgets the terms. */
  clearTerms(): void {
    this.#termCount = 0;
  }

  /** Terms that there is room for. */
  get room(): number {
    return this.#termCountMax - this.#termCount;
  }

  /** Adds a term: a Jacobian point and the digits of its scalar, big-endian bytes, at most 32. */
  addTerm(point: Address, scalar: Uint8Array): void {
    const size = 3 * this.sizeBytes;
    const table = this.#tables + this.#termCount * TABLE_LENGTH * size;
    this.kernel.copy(table, point, size);
    this.points.double(this.#negative, point);
    for (let i = 1; i < TABLE_LENGTH; i++) this.points.add(table + i * size, table + (i - 1) * size, this.#negative);
    this.#lengths[this.#termCount] = recode(scalar, this.#digits[this.#termCount]!);
    this.#termCount++;
  }

  /**
   * Adds a term whose point is an image of the last term's.
   * @param map the endomorphism, from a Jacobian point to another place
   */
  addMappedTerm(map: (to: Address, from: Address) => void, scalar: Uint8Array): void {
    const size = 3 * this.sizeBytes;
    const table = this.#tables + this.#termCount * TABLE_LENGTH * size;
    for (let i = 0; i < TABLE_LENGTH; i++) map(table + i * size, table + (i - TABLE_LENGTH) * size);
    this.#lengths[this.#termCount] = recode(scalar, this.#digits[this.#termCount]!);
    this.#termCount++;
  }

  /** Σ of the terms, Jacobian. */
  sumTerms(to: Address): void {
    const { points, kernel, sizeBytes } = this;
    const size = 3 * sizeBytes;
    let top = 0;
    for (let i = 0; i < this.#termCount; i++) top = Math.max(top, this.#lengths[i]!);
    kernel.clear(to, size);
    for (let bit = top - 1; bit >= 0; bit--) {
      if (bit !== top - 1) points.double(to, to);
      for (let i = 0; i < this.#termCount; i++) {
        const digit = this.#digits[i]![bit]!;
        if (digit === 0) continue;
        const entry = this.#tables + (i * TABLE_LENGTH + (Math.abs(digit) >> 1)) * size;
        if (digit > 0) points.add(to, to, entry);
        else points.subtract(to, to, entry);
      }
    }
  }

  #invert(to: Address, a: Address): void {
    if (this.sizeBytes === this.kernel.fieldSizeBytes) this.kernel.calls.fpInverse(to, a);
    else inverseFp2(this.kernel, to, a, this.#scratch);
  }

  /** k·P of a Jacobian point, for a positive k given by its bits below the highest. `to` is not the point. */
  multiplyByBits(to: Address, point: Address, bits: readonly number[]): void {
    this.kernel.copy(to, point, 3 * this.sizeBytes);
    for (const bit of bits) {
      this.points.double(to, to);
      if (bit === 1) this.points.add(to, to, point);
    }
  }
}

/** The point functions of one of a kernel's groups. */
export function pointCalls(calls: CurveExports, group: "g1" | "g2"): PointCalls {
  return {
    double: calls[`${group}Double`],
    add: calls[`${group}Add`],
    subtract: calls[`${group}Subtract`],
    addAffine: calls[`${group}AddAffine`],
  };
}

/** The bits of a number below its highest, most significant first. */
export function lowerBits(value: bigint): number[] {
  return [...value.toString(2).slice(1)].map(Number);
}

// Digits of a scalar: odd, below 2^(w-1) in size, no two within w places. Returns the count of places in use.
function recode(scalar: Uint8Array, digits: Int8Array): number {
  digits.fill(0);
  const last = scalar.length - 1;
  const bitAt = (i: number) => (i >> 3 > last ? 0 : (scalar[last - (i >> 3)]! >> (i & 7)) & 1);
  let carry = 0;
  let length = 0;
  for (let i = 0; i < digits.length; ) {
    if (bitAt(i) === carry) {
      i++;
      continue;
    }
    let word = carry;
    for (let j = 0; j < WINDOW_BITS; j++) word += bitAt(i + j) << j;
    carry = word >> (WINDOW_BITS - 1);
    digits[i] = word - (carry << WINDOW_BITS);
    length = i + 1;
    i += WINDOW_BITS;
  }
  return length;
}
