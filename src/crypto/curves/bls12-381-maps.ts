// From field elements to points of BLS12-381's subgroups: the simplified SWU map to an isogenous curve, the isogeny,
// and the multiplication that clears the cofactor. Everything stays in fractions until the last point.
//
// @see RFC 9380, sections 6.6.2, 6.6.3, 8.8, appendices F.2 and G.3; Budroni, Pintore, "Efficient hash maps to G2 on
// BLS curves"

import type { Tuple } from "#base/tuple.ts";
import type { FieldCalls } from "#wasm/kernels/curve.ts";
import { type Bls12381Curve, FIELD_SIZE_BYTES, P } from "./bls12-381-curve.ts";
import { G1_ISOGENY, G2_ISOGENY, type Isogeny } from "./bls12-381-isogenies.ts";
import { type Address, inverseFp2, type PowerPlan, powerPlan } from "./curve-kernel.ts";

type Polynomials = { readonly [Name in keyof Isogeny]: readonly Address[] };
type MapShape = {
  readonly field: FieldCalls;
  readonly sizeBytes: number;
  readonly a: Address;
  readonly b: Address;
  readonly z: Address;
  readonly isogeny: Polynomials;
};

/** The maps to both groups. */
export class Bls12381Maps {
  readonly #curve: Bls12381Curve;
  readonly #g1: MapShape;
  readonly #g2: MapShape;
  readonly #scratch: Tuple<Address, 12>;
  readonly #points: Tuple<Address, 4>;
  readonly #bytes = new Uint8Array(FIELD_SIZE_BYTES);
  readonly #half: Address;
  /** √-Z of G1's map. */
  readonly #rootOfMinusZ: Address;
  /** a^((p - 3)/4), from which both a root and its inverse come. */
  readonly #rootPlan: PowerPlan = powerPlan((P - 3n) / 4n);

  constructor(curve: Bls12381Curve) {
    const { kernel } = curve;
    this.#curve = curve;
    const polynomials = (isogeny: Isogeny, width: 1 | 2): Polynomials => ({
      xNumerator: this.#coefficients(isogeny.xNumerator, width),
      xDenominator: this.#coefficients(isogeny.xDenominator, width),
      yNumerator: this.#coefficients(isogeny.yNumerator, width),
      yDenominator: this.#coefficients(isogeny.yDenominator, width),
    });
    this.#g1 = {
      field: kernel.fp,
      sizeBytes: FIELD_SIZE_BYTES,
      a: kernel.constant(
        0x144698a3b8e9433d693a02c96d4982b0ea985383ee66a8d8e8981aefd881ac98936f8da0e0f97f5cf428082d584c1dn,
      ),
      b: kernel.constant(
        0x12e2908d11688030018b12e8753eee3b2016c1f0f24f4070a0b9c14fcef35ef55a23215a316ceaa5d1cc48e98e172be0n,
      ),
      z: kernel.constant(11n),
      isogeny: polynomials(G1_ISOGENY, 1),
    };
    this.#g2 = {
      field: kernel.fp2,
      sizeBytes: 2 * FIELD_SIZE_BYTES,
      a: kernel.constant(0n, 240n),
      b: kernel.constant(1012n, 1012n),
      z: kernel.constant(P - 2n, P - 1n),
      isogeny: polynomials(G2_ISOGENY, 2),
    };
    this.#scratch = kernel.reserveEach(12, 2 * FIELD_SIZE_BYTES);
    this.#points = kernel.reserveEach(4, 6 * FIELD_SIZE_BYTES);
    this.#half = kernel.constant((P + 1n) / 2n);
    this.#rootOfMinusZ = kernel.constant(P - 11n);
    this.squareRoot(this.#rootOfMinusZ, this.#rootOfMinusZ);
  }

  /** A Jacobian point of G1 for an element of Fp. `to` is not `u`. */
  toG1(to: Address, u: Address): void {
    const { g1 } = this.#curve;
    const point = this.#points[0];
    this.#map(this.#g1, point, u);
    // [1 - x]P
    this.#curve.multiplyByX(g1, to, point);
    g1.points.add(to, to, point);
  }

  /** A Jacobian point of G2 for an element of Fp2. `to` is not `u`. */
  toG2(to: Address, u: Address): void {
    const { g2, pairing } = this.#curve;
    const [point, multiple, image, sum] = this.#points;
    this.#map(this.#g2, point, u);
    const psi = (target: Address, source: Address) => pairing.frobeniusOfTwistJacobian(target, source);
    const subtract = (term: Address) => {
      g2.negate(term, term, 3);
      g2.points.add(to, to, term);
      g2.negate(term, term, 3);
    };
    // [x² - x - 1]P + [x - 1]ψ(P) + ψ²([2]P)
    this.#curve.multiplyByX(g2, multiple, point);
    g2.negate(multiple, multiple, 3);
    psi(image, point);
    g2.points.double(to, point);
    psi(to, to);
    psi(to, to);
    subtract(image);
    g2.points.add(image, image, multiple);
    this.#curve.multiplyByX(g2, sum, image);
    subtract(sum);
    subtract(multiple);
    subtract(point);
  }

  /**
   * A square root in Fp.
   * @returns false when there is none; `to` then holds a root of -a
   */
  squareRoot(to: Address, a: Address): boolean {
    return this.#rootAndInverse(to, this.#scratch[11], a);
  }

  /** Whether the canonical number of an element of Fp is odd. */
  isOdd(a: Address): boolean {
    this.#curve.kernel.write(this.#bytes, 0, a);
    return (this.#bytes[FIELD_SIZE_BYTES - 1]! & 1) === 1;
  }

  #coefficients(hex: readonly string[], width: 1 | 2): Address[] {
    const values = hex.map((digits) => BigInt(`0x${digits}`));
    const places: Address[] = [];
    for (let i = 0; i < values.length; i += width) {
      places.push(this.#curve.kernel.constant(...values.slice(i, i + width)));
    }
    return places;
  }

  // x as a fraction and y, then through the isogeny.
  #map(shape: MapShape, to: Address, u: Address): void {
    const { field } = shape;
    const { kernel } = this.#curve;
    const [zu2, numerator, denominator, t, gxNumerator, gxDenominator, y, s] = this.#scratch;
    field.sqr(zu2, u);
    field.mul(zu2, zu2, shape.z);
    field.sqr(t, zu2);
    field.add(t, t, zu2);
    field.add(numerator, t, kernel.one);
    field.mul(numerator, numerator, shape.b);
    if (field.isZero(t) === 1) kernel.copy(t, shape.z, shape.sizeBytes);
    else kernel.negate(field, t, t);
    field.mul(denominator, t, shape.a);
    // g(x) = (n³ + A n d² + B d³) / d³
    field.sqr(t, denominator);
    field.mul(gxDenominator, t, denominator);
    field.mul(t, t, shape.a);
    field.sqr(gxNumerator, numerator);
    field.add(gxNumerator, gxNumerator, t);
    field.mul(gxNumerator, gxNumerator, numerator);
    field.mul(s, gxDenominator, shape.b);
    field.add(gxNumerator, gxNumerator, s);
    if (!this.#rootOfRatio(shape, y, { numerator: gxNumerator, denominator: gxDenominator })) {
      field.mul(numerator, numerator, zu2);
      field.mul(y, y, zu2);
      field.mul(y, y, u);
    }
    if (this.#sign(shape, u) !== this.#sign(shape, y)) kernel.negate(field, y, y);
    this.#applyIsogeny(shape, to, { numerator, denominator, y });
  }

  // A root of n/d, or false and a root of Z n/d.
  #rootOfRatio(shape: MapShape, to: Address, ratio: { numerator: Address; denominator: Address }): boolean {
    const { kernel } = this.#curve;
    const [quotient, s] = [this.#scratch[8], this.#scratch[9]];
    if (shape === this.#g1) kernel.calls.fpInverse(s, ratio.denominator);
    else inverseFp2(kernel, s, ratio.denominator, quotient);
    shape.field.mul(quotient, ratio.numerator, s);
    if (shape === this.#g1) {
      if (this.squareRoot(to, quotient)) return true;
      // What came out is a root of -n/d.
      shape.field.mul(to, to, this.#rootOfMinusZ);
      return false;
    }
    if (this.#squareRootFp2(to, quotient)) return true;
    shape.field.mul(quotient, quotient, shape.z);
    this.#squareRootFp2(to, quotient);
    return false;
  }

  // root = a^((p + 1)/4), inverse = a^((p - 3)/4): root² is a or -a, and in the first case their product is one.
  #rootAndInverse(root: Address, inverse: Address, a: Address): boolean {
    const { kernel } = this.#curve;
    const check = this.#scratch[10];
    kernel.power(inverse, a, this.#rootPlan);
    kernel.fp.mul(root, inverse, a);
    kernel.fp.sqr(check, root);
    return kernel.isEqual(check, a, FIELD_SIZE_BYTES);
  }

  // With the norm's root α and δ = (a0 + α)/2: √a = √δ + a1/(2√δ) i, or where -δ is the square, with the parts swapped.
  #squareRootFp2(to: Address, a: Address): boolean {
    const { fp } = this.#curve.kernel;
    const [delta, root, inverse] = [this.#scratch[4], this.#scratch[5], this.#scratch[7]];
    const imaginary = a + FIELD_SIZE_BYTES;
    fp.sqr(delta, a);
    fp.sqr(root, imaginary);
    fp.add(delta, delta, root);
    if (!this.#rootAndInverse(root, inverse, delta)) return false;
    fp.add(delta, a, root);
    if (fp.isZero(delta) === 1) fp.sub(delta, a, root);
    fp.mul(delta, delta, this.#half);
    const isSquare = this.#rootAndInverse(root, inverse, delta);
    fp.mul(inverse, inverse, imaginary);
    fp.mul(inverse, inverse, this.#half);
    // Where root² = -δ, the inverse of the root is minus what came out.
    if (!isSquare) this.#curve.kernel.negate(fp, inverse, inverse);
    this.#curve.kernel.copy(to, isSquare ? root : inverse, FIELD_SIZE_BYTES);
    this.#curve.kernel.copy(to + FIELD_SIZE_BYTES, isSquare ? inverse : root, FIELD_SIZE_BYTES);
    return true;
  }

  // The parity of an element, of its imaginary part where the real one is zero.
  #sign(shape: MapShape, a: Address): boolean {
    const isImaginary = shape === this.#g2 && this.#curve.kernel.fp.isZero(a) === 1;
    return this.isOdd(isImaginary ? a + FIELD_SIZE_BYTES : a);
  }

  // With X = N/D and Y = y M/E: Z = D E, X Z² = N D E², Y Z³ = y M D³ E².
  #applyIsogeny(shape: MapShape, to: Address, at: { numerator: Address; denominator: Address; y: Address }): void {
    const { field, sizeBytes } = shape;
    const [power, , , n, d, m, , e] = this.#scratch;
    this.#evaluate(shape, n, { polynomial: shape.isogeny.xNumerator, ...at, power });
    this.#evaluate(shape, d, { polynomial: shape.isogeny.xDenominator, ...at, power });
    this.#evaluate(shape, m, { polynomial: shape.isogeny.yNumerator, ...at, power });
    this.#evaluate(shape, e, { polynomial: shape.isogeny.yDenominator, ...at, power });
    // Numerators of x have one degree more than denominators; those of y have the same.
    field.mul(d, d, at.denominator);
    field.mul(to + 2 * sizeBytes, d, e);
    field.sqr(e, e);
    field.mul(e, e, d);
    field.mul(to, n, e);
    field.sqr(d, d);
    field.mul(e, e, d);
    field.mul(e, e, m);
    field.mul(to + sizeBytes, e, at.y);
  }

  // Σ kᵢ nⁱ d^(degree - i): the value times d^degree, by Horner's rule.
  #evaluate(
    shape: MapShape,
    to: Address,
    at: { polynomial: readonly Address[]; numerator: Address; denominator: Address; power: Address },
  ): void {
    const { field } = shape;
    const { kernel } = this.#curve;
    const term = this.#scratch[8];
    const degree = at.polynomial.length - 1;
    kernel.copy(to, at.polynomial[degree]!, shape.sizeBytes);
    kernel.copy(at.power, at.denominator, shape.sizeBytes);
    for (let i = degree - 1; i >= 0; i--) {
      field.mul(to, to, at.numerator);
      field.mul(term, at.polynomial[i]!, at.power);
      field.add(to, to, term);
      if (i > 0) field.mul(at.power, at.power, at.denominator);
    }
  }
}
