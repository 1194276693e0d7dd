// BLS12-381 on our WASM kernel: G1 is a subgroup of y² = x³ + 4 over Fp, G2 of y² = x³ + 4(1 + i) over Fp2. Membership
// in a subgroup is told by the endomorphism that acts there as a known multiple, and the same endomorphisms cut scalars
// into short ones.
//
// @see Bowe, "Faster subgroup checks for BLS12-381"; Scott, "A note on group membership tests for G1, G2 and GT on BLS
// pairing-friendly curves"; Galbraith, Lin, Scott, "Endomorphisms for faster elliptic curve cryptography"

import { bigintToBytes } from "#base/bytes.ts";
import type { Tuple } from "#base/tuple.ts";
import type { CurveShape } from "#wasm/kernels/curve.ts";
import { type Address, CurveKernel } from "./curve-kernel.ts";
import { lowerBits, PointGroup, pointCalls } from "./multiples.ts";
import { Pairing, signedDigits } from "./pairing.ts";

/** The size of the curve's parameter, which is negative. */
export const X_SIZE = 0xd201_0000_0001_0000n;
/** The prime of the base field. */
export const P = 0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaabn;
/** The order of both subgroups. */
export const ORDER = X_SIZE ** 4n - X_SIZE ** 2n + 1n;
/** Size of an element of Fp in the kernel, bytes. */
export const FIELD_SIZE_BYTES = 48;

// A cube root of one with φ(x, y) = (βx, y) = -[x²](x, y) on G1.
const BETA = 0x5f19672fdf76ce51ba69c6076a0f77eaddb3a93be6f89688de17d813620a00022e01fffffffefffen;

const SHAPE: CurveShape = {
  field: { modulus: P, limbCount: 6 },
  a: 0,
  extension: { xi: 1, twist: "multiplicative", threeTwistB: [12n, 12n] },
};

const X_SQUARED = X_SIZE ** 2n;
// Terms of one sum: points times the parts that their scalars are cut into.
const TERM_COUNT_MAX = 32;
// Room for what users of the curve keep there besides: temporaries, and the constants of the maps.
const USER_SIZE_BYTES = 220 * FIELD_SIZE_BYTES;

/** The kernel of the curve with its groups and pairing, and what they all need. */
export class Bls12381Curve {
  readonly kernel: CurveKernel;
  readonly g1: PointGroup;
  readonly g2: PointGroup;
  readonly pairing: Pairing;
  /** The coefficients b of both curves. */
  readonly b: Address;
  readonly twistB: Address;
  readonly #beta: Address;
  readonly #jacobian: Tuple<Address, 3>;
  readonly #values: Tuple<Address, 4>;
  readonly #xBits = lowerBits(X_SIZE);
  readonly #xDigits = signedDigits(X_SIZE);

  constructor() {
    const size = FIELD_SIZE_BYTES;
    const g1 = { sizeBytes: size, termCountMax: TERM_COUNT_MAX };
    const g2 = { sizeBytes: 2 * size, termCountMax: TERM_COUNT_MAX };
    const groups = PointGroup.workSizeBytes(g1) + PointGroup.workSizeBytes(g2);
    const ownSizeBytes = size * (4 + 24 + 4 * 12) + USER_SIZE_BYTES;
    this.kernel = new CurveKernel(SHAPE, groups + Pairing.workSizeBytes(size) + ownSizeBytes);
    const { fp, fp2, calls } = this.kernel;
    this.g1 = new PointGroup(this.kernel, {
      field: fp,
      points: pointCalls(calls, "g1"),
      ...g1,
    });
    this.g2 = new PointGroup(this.kernel, {
      field: fp2,
      points: pointCalls(calls, "g2"),
      ...g2,
    });
    this.pairing = new Pairing(this.kernel, { digits: lowerBits(X_SIZE), xi: 1n, isDivisive: false });
    this.b = this.kernel.constant(4n);
    this.twistB = this.kernel.constant(4n, 4n);
    this.#beta = this.kernel.constant(BETA);
    this.#jacobian = this.kernel.reserveEach(3, 6 * size);
    this.#values = this.kernel.reserveEach(4, 12 * size);
  }

  /** [|x|]P of a Jacobian point. `to` is not `point`. */
  multiplyByX(group: PointGroup, to: Address, point: Address): void {
    group.multiplyByBits(to, point, this.#xBits);
  }

  /** Whether an affine point of G1's curve is in the subgroup: φ(P) = -[x²]P. */
  isInG1(affine: Address): boolean {
    const [point, multiple, image] = this.#jacobian;
    this.g1.lift(point, affine);
    this.multiplyByX(this.g1, multiple, point);
    this.multiplyByX(this.g1, image, multiple);
    this.kernel.calls.fpMul(point, point, this.#beta);
    this.g1.points.add(point, point, image);
    return this.g1.isInfinity(point);
  }

  /** Whether an affine point of G2's curve is in the subgroup: ψ(P) = [x]P. */
  isInG2(affine: Address): boolean {
    const [point, multiple] = this.#jacobian;
    this.g2.lift(point, affine);
    this.multiplyByX(this.g2, multiple, point);
    this.pairing.frobeniusOfTwistJacobian(point, point);
    this.g2.points.add(point, point, multiple);
    return this.g2.isInfinity(point);
  }

  /** Adds a term of G1: an affine point of the subgroup and any scalar, cut in two. */
  addTermG1(affine: Address, scalar: bigint): void {
    const point = this.#jacobian[0];
    const reduced = scalar % ORDER;
    this.g1.lift(point, affine);
    this.g1.addTerm(point, bigintToBytes(reduced % X_SQUARED, 16));
    // [x²]P = -φ(P)
    this.g1.addMappedTerm(
      (to, from) => {
        this.kernel.copy(to, from, 3 * FIELD_SIZE_BYTES);
        this.kernel.calls.fpMul(to, from, this.#beta);
        this.g1.negate(to, to, 3);
      },
      bigintToBytes(reduced / X_SQUARED, 16),
    );
  }

  /** Adds a term of G2: an affine point of the subgroup and any scalar, cut in four. */
  addTermG2(affine: Address, scalar: bigint): void {
    const point = this.#jacobian[0];
    let rest = scalar % ORDER;
    this.g2.lift(point, affine);
    this.g2.addTerm(point, bigintToBytes(rest % X_SIZE, 8));
    for (let i = 1; i < 4; i++) {
      rest /= X_SIZE;
      // [|x|]P = -ψ(P)
      this.g2.addMappedTerm(
        (to, from) => {
          this.pairing.frobeniusOfTwistJacobian(to, from);
          this.g2.negate(to, to, 3);
        },
        bigintToBytes(rest % X_SIZE, 8),
      );
    }
  }

  /** Whether a product of Miller loops is a product of pairings that is one. Alters it. */
  isProductOne(product: Address): boolean {
    this.#finalExponentiation(product);
    return this.pairing.isOne(product);
  }

  // Three times (p^12 - 1)/r: the hard part is (x - 1)²(x + p)(x² + p² - 1) + 3.
  #finalExponentiation(f: Address): void {
    const { fp12Mul, fp12CyclotomicSqr } = this.kernel.calls;
    const { pairing } = this;
    const [a, b, c, t] = this.#values;
    const powerOfX = (to: Address, from: Address) => {
      pairing.cyclotomicPower(to, from, this.#xDigits);
      pairing.conjugate(to, to);
    };
    const powerOfXMinusOne = (to: Address, from: Address) => {
      powerOfX(to, from);
      pairing.conjugate(t, from);
      fp12Mul(to, to, t);
    };
    pairing.easyPart(f);
    powerOfXMinusOne(a, f);
    powerOfXMinusOne(b, a);
    powerOfX(a, b);
    pairing.frobenius(b, b);
    fp12Mul(a, a, b);
    powerOfX(b, a);
    powerOfX(c, b);
    pairing.frobenius(b, a);
    pairing.frobenius(b, b);
    fp12Mul(c, c, b);
    pairing.conjugate(a, a);
    fp12Mul(c, c, a);
    fp12CyclotomicSqr(t, f);
    fp12Mul(f, f, t);
    fp12Mul(f, f, c);
  }
}
