// bn254 on our WASM kernel: G1 is y² = x³ + 3 over Fp, G2 a subgroup of y² = x³ + 3/(9 + i) over Fp2.
//
// @see EIP-196, EIP-197; Dai, Lin, Zhao, Zhou, "Fast subgroup membership testings for G1, G2 and GT on pairing-friendly
// curves", section 5.1; Fuentes-Castañeda, Knapp, Rodríguez-Henríquez, "Faster hashing to G2", section 5

import { bigintFromBytes, bigintToBytes } from "#base/bytes.ts";
import type { Tuple } from "#base/tuple.ts";
import type { CurveShape } from "#wasm/kernels/curve.ts";
import type { Bn254Backend } from "./bn254-backend.ts";
import { type Address, CurveKernel } from "./curve-kernel.ts";
import { lowerBits, PointGroup, pointCalls } from "./multiples.ts";
import { Pairing, signedDigits } from "./pairing.ts";

/** The curve's parameter: p = 36x⁴ + 36x³ + 24x² + 6x + 1. */
const X = 4_965_661_367_192_848_881n;
const P = 36n * X ** 4n + 36n * X ** 3n + 24n * X ** 2n + 6n * X + 1n;

const TWIST_B = [
  0x2b149d40ceb8aaae81be18991be06ac3b5b4c5e559dbefa33267e6dc24a138e5n,
  0x009713b03af0fed4cd2cafadeed8fdf4a74fa084e52d1852e4a2bd0685c315d2n,
] as const;

const SHAPE: CurveShape = {
  field: { modulus: P, limbCount: 4 },
  a: 0,
  extension: {
    xi: 9,
    twist: "divisive",
    threeTwistB: [(3n * TWIST_B[0]) % P, (3n * TWIST_B[1]) % P],
  },
};

const FIELD_SIZE_BYTES = 32;
const G1_SIZE_BYTES = 2 * FIELD_SIZE_BYTES;
const PAIR_SIZE_BYTES = 3 * G1_SIZE_BYTES;

/** The order of both groups. */
const ORDER = 36n * X ** 4n + 36n * X ** 3n + 18n * X ** 2n + 6n * X + 1n;
// φ(x, y) = (βx, y) = [λ](x, y): both are cube roots of one, as polynomials in x.
const BETA = mod(18n * X ** 3n + 18n * X ** 2n + 9n * X + 1n, P);
const LAMBDA = mod(36n * X ** 3n + 18n * X ** 2n + 6n * X + 1n, ORDER);
// Two short vectors (a, b) with a + bλ = 0 modulo the order.
const SHORT_VECTORS = shortVectors(ORDER, LAMBDA);

/** Opens the kernel in this thread's range. */
export function createWasmBn254(): Bn254Backend {
  const curve = new Bn254();
  return {
    name: "wasm",
    add: (input) => curve.add(input),
    multiply: (input) => curve.multiply(input),
    isPairingProductOne: (input) => curve.isPairingProductOne(input),
  };
}

class Bn254 {
  readonly #kernel: CurveKernel;
  readonly #g1: PointGroup;
  readonly #g2: PointGroup;
  readonly #pairing: Pairing;
  readonly #b: Address;
  readonly #beta: Address;
  readonly #twistB: Address;
  readonly #affine: Tuple<Address, 2>;
  readonly #jacobian: Tuple<Address, 4>;
  readonly #values: Tuple<Address, 9>;
  readonly #xBits = lowerBits(X);
  readonly #xDigits = signedDigits(X);

  constructor() {
    const size = FIELD_SIZE_BYTES;
    const g1 = { sizeBytes: size, termCountMax: 2 };
    const g2 = { sizeBytes: 2 * size, termCountMax: 0 };
    const groups = PointGroup.workSizeBytes(g1) + PointGroup.workSizeBytes(g2);
    this.#kernel = new CurveKernel(SHAPE, groups + Pairing.workSizeBytes(size) + size * (4 + 8 + 24 + 9 * 12));
    const { fp, fp2, calls } = this.#kernel;
    this.#g1 = new PointGroup(this.#kernel, {
      field: fp,
      points: pointCalls(calls, "g1"),
      ...g1,
    });
    this.#g2 = new PointGroup(this.#kernel, {
      field: fp2,
      points: pointCalls(calls, "g2"),
      ...g2,
    });
    this.#pairing = new Pairing(this.#kernel, { digits: signedDigits(6n * X + 2n), xi: 9n, isDivisive: true });
    this.#b = this.#kernel.constant(3n);
    this.#beta = this.#kernel.constant(BETA);
    this.#twistB = this.#kernel.constant(...TWIST_B);
    this.#affine = this.#kernel.reserveEach(2, 4 * size);
    this.#jacobian = this.#kernel.reserveEach(4, 6 * size);
    this.#values = this.#kernel.reserveEach(9, 12 * size);
  }

  add(input: Uint8Array): Uint8Array | null {
    const [first, second] = this.#affine;
    const kind = this.#readG1(first, input, 0);
    const otherKind = this.#readG1(second, input, G1_SIZE_BYTES);
    if (kind === "invalid" || otherKind === "invalid") return null;
    if (kind === "infinity") return this.#writeAffine(otherKind === "infinity" ? null : second);
    if (otherKind === "infinity") return this.#writeAffine(first);
    return this.#writeAffine(this.#g1.addAffinePoints(first, first, second) ? first : null);
  }

  multiply(input: Uint8Array): Uint8Array | null {
    const found = this.#readG1(this.#affine[0], input, 0);
    if (found === "invalid") return null;
    if (found === "infinity") return new Uint8Array(G1_SIZE_BYTES);
    const [point, product] = this.#jacobian;
    const [first, second] = splitScalar(bigintFromBytes(input.subarray(G1_SIZE_BYTES, G1_SIZE_BYTES + 32)));
    this.#g1.lift(point, this.#affine[0]);
    if (first < 0n) this.#g1.negate(point, point, 3);
    this.#g1.clearTerms();
    this.#g1.addTerm(point, scalarBytes(first));
    // φ of a multiple of P or -P, whichever the first term has.
    const isOpposite = first < 0n !== second < 0n;
    this.#g1.addMappedTerm((to, from) => {
      this.#kernel.copy(to, from, 3 * FIELD_SIZE_BYTES);
      this.#kernel.calls.fpMul(to, from, this.#beta);
      if (isOpposite) this.#g1.negate(to, to, 3);
    }, scalarBytes(second));
    this.#g1.sumTerms(product);
    return this.#writeG1(product);
  }

  isPairingProductOne(input: Uint8Array): boolean | null {
    const [total, turn] = this.#values;
    const [g1, g2] = this.#affine;
    let turns = 0;
    this.#pairing.clearPairs();
    const finishTurn = () => {
      this.#pairing.millerLoop(turns === 0 ? total : turn, true);
      if (turns > 0) this.#kernel.calls.fp12Mul(total, total, turn);
      turns++;
      this.#pairing.clearPairs();
    };
    let pending = 0;
    for (let offset = 0; offset < input.length; offset += PAIR_SIZE_BYTES) {
      const first = this.#readG1(g1, input, offset);
      const second = first === "invalid" ? "invalid" : this.#readG2(g2, input, offset + G1_SIZE_BYTES);
      if (second === "invalid") return null;
      if (first === "infinity" || second === "infinity") continue;
      this.#pairing.addPair(g1, g2);
      pending++;
      if (!this.#pairing.isFull) continue;
      finishTurn();
      pending = 0;
    }
    if (pending > 0) finishTurn();
    if (turns === 0) return true;
    this.#finalExponentiation(total);
    return this.#pairing.isOne(total);
  }

  // A multiple of (p^12 - 1)/r that is prime to r.
  #finalExponentiation(f: Address): void {
    const { fp12Mul, fp12CyclotomicSqr } = this.#kernel.calls;
    const pairing = this.#pairing;
    const [, , y0, y1, y3, y4, y6, y8, t] = this.#values;
    const powerOfMinusX = (to: Address, a: Address) => {
      pairing.cyclotomicPower(to, a, this.#xDigits);
      pairing.conjugate(to, to);
    };
    pairing.easyPart(f);
    powerOfMinusX(y0, f);
    fp12CyclotomicSqr(y1, y0);
    fp12CyclotomicSqr(y3, y1);
    fp12Mul(y3, y3, y1);
    powerOfMinusX(y4, y3);
    fp12CyclotomicSqr(t, y4);
    powerOfMinusX(y6, t);
    pairing.conjugate(y3, y3);
    pairing.conjugate(y6, y6);
    fp12Mul(y6, y6, y4);
    fp12Mul(y8, y6, y3);
    fp12Mul(y1, y8, y1);
    fp12Mul(y0, y8, y4);
    fp12Mul(y0, y0, f);
    pairing.frobenius(t, y1);
    fp12Mul(y0, t, y0);
    pairing.frobenius(y8, y8);
    pairing.frobenius(y8, y8);
    fp12Mul(y0, y8, y0);
    pairing.conjugate(f, f);
    fp12Mul(f, f, y1);
    for (let i = 0; i < 3; i++) pairing.frobenius(f, f);
    fp12Mul(f, f, y0);
  }

  #readG1(to: Address, input: Uint8Array, offset: number): PointKind {
    const { fp, calls } = this.#kernel;
    const scratch = this.#jacobian[2];
    if (!this.#kernel.read(to, input, offset)) return "invalid";
    if (!this.#kernel.read(to + FIELD_SIZE_BYTES, input, offset + FIELD_SIZE_BYTES)) return "invalid";
    if (fp.isZero(to) === 1 && calls.fpIsZero(to + FIELD_SIZE_BYTES) === 1) return "infinity";
    return this.#g1.isOnCurve(to, this.#b, scratch) ? "point" : "invalid";
  }

  // The imaginary part of each coordinate comes first.
  #readG2(to: Address, input: Uint8Array, offset: number): PointKind {
    const size = FIELD_SIZE_BYTES;
    for (const [part, at] of [1, 0, 3, 2].entries()) {
      if (!this.#kernel.read(to + at * size, input, offset + part * size)) return "invalid";
    }
    const { fp2 } = this.#kernel;
    if (fp2.isZero(to) === 1 && fp2.isZero(to + 2 * size) === 1) return "infinity";
    if (!this.#g2.isOnCurve(to, this.#twistB, this.#jacobian[2])) return "invalid";
    return this.#isInG2(to) ? "point" : "invalid";
  }

  // [x + 1]Q + ψ([x]Q) + ψ²([x]Q) = ψ³([2x]Q) holds in the subgroup alone.
  #isInG2(affine: Address): boolean {
    const [multiple, image, sum, right] = this.#jacobian;
    this.#g2.lift(right, affine);
    const { points } = this.#g2;
    const psi = (to: Address, point: Address) => this.#pairing.frobeniusOfTwistJacobian(to, point);
    this.#g2.multiplyByBits(multiple, right, this.#xBits);
    points.addAffine(sum, multiple, affine);
    psi(image, multiple);
    points.add(sum, sum, image);
    psi(image, image);
    points.add(sum, sum, image);
    psi(image, image);
    points.double(right, image);
    this.#g2.negate(right, right, 3);
    points.add(sum, sum, right);
    return this.#g2.isInfinity(sum);
  }

  #writeG1(jacobian: Address): Uint8Array {
    if (this.#g1.isInfinity(jacobian)) return this.#writeAffine(null);
    this.#g1.toAffine(this.#affine[0], jacobian);
    return this.#writeAffine(this.#affine[0]);
  }

  // A point, or infinity for null.
  #writeAffine(affine: Address | null): Uint8Array {
    const output = new Uint8Array(G1_SIZE_BYTES);
    if (affine === null) return output;
    this.#kernel.write(output, 0, affine);
    this.#kernel.write(output, FIELD_SIZE_BYTES, affine + FIELD_SIZE_BYTES);
    return output;
  }
}

function mod(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus;
  return rest < 0n ? rest + modulus : rest;
}

// By Euclid's algorithm on the order and λ, stopped at the root. @see Gallant, Lambert, Vanstone, "Faster point
// multiplication on elliptic curves with efficient endomorphisms"
function shortVectors(order: bigint, lambda: bigint): readonly [readonly [bigint, bigint], readonly [bigint, bigint]] {
  let [larger, smaller] = [order, lambda];
  let [u, v] = [0n, 1n];
  while (smaller * smaller >= order) {
    const quotient = larger / smaller;
    [larger, smaller] = [smaller, larger - quotient * smaller];
    [u, v] = [v, u - quotient * v];
  }
  return [
    [larger, -u],
    [smaller, -v],
  ];
}

// k = first + λ second modulo the order, both of about half its length.
function splitScalar(scalar: bigint): readonly [bigint, bigint] {
  const k = scalar % ORDER;
  const [[a1, b1], [a2, b2]] = SHORT_VECTORS;
  const determinant = a1 * b2 - a2 * b1;
  const c1 = (b2 * k) / determinant;
  const c2 = (-b1 * k) / determinant;
  return [k - c1 * a1 - c2 * a2, -c1 * b1 - c2 * b2];
}

function scalarBytes(value: bigint): Uint8Array {
  return bigintToBytes(value < 0n ? -value : value, 17);
}

type PointKind = "invalid" | "infinity" | "point";
