// The Bandersnatch curve, a x² + y² = 1 + d x² y² over the scalar field of BLS12-381, and what the kernel derives from
// its coefficients. Banderwagon is the group of prime order that is left when (x, y) and (-x, -y) count as one point.
//
// Sums run on the same curve in short Weierstrass form, Y² = X³ + A X + B, since an affine addition is cheapest there:
//
//   u = (1 + y) / (1 - y),  X = c u + s,  Y = c u / x       with c = (a - d) / 4, s = (a + d) / 6
//   w = X - s,  x = w / Y,  y = (w - c) / (w + c)
//
// (0, 1) is infinity, (0, -1) is (s, 0).
//
// @see Masson, Sanso, Zhang, "Bandersnatch: a fast elliptic curve built over the BLS12-381 scalar field";
// Bernstein, Birkner, Joye, Lange, Peters, "Twisted Edwards curves", theorem 3.2

import type { PrimeField } from "../prime-field.ts";

/** The field of the coordinates. */
export const BASE_FIELD: PrimeField = {
  modulus: 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n,
  limbCount: 4,
};

/** The field of the scalars: integers modulo the group's order. */
export const SCALAR_FIELD: PrimeField = {
  modulus: 0x1cfb69d4ca675f520cce760202687600ff8f87007419047174fd06b52876e7e1n,
  limbCount: 4,
};

const p = BASE_FIELD.modulus;
const mod = (value: bigint) => ((value % p) + p) % p;

/** The coefficients a and d. */
export const EDWARDS: { readonly a: bigint; readonly d: bigint } = {
  a: mod(-5n),
  d: 0x6389c12633c267cbc66e3bf86be3b6d8cb66677177e54f92b369f2f5188d58e7n,
};

/** The coefficient A, and c and s of the map between both forms. */
export const WEIERSTRASS: { readonly a: bigint; readonly scale: bigint; readonly shift: bigint } = weierstrass();

/** base^exponent modulo the coordinates' prime. */
export function powerInBaseField(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = mod(base);
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * square) % p;
    square = (square * square) % p;
  }
  return result;
}

// Y² = X'³ + a2 X'² + a4 X' with a2 = (a + d) / 2, a4 = c²; moving X by a2 / 3 leaves A = a4 - a2² / 3.
function weierstrass() {
  const { a, d } = EDWARDS;
  const over = (numerator: bigint, denominator: bigint) => mod(numerator * powerInBaseField(denominator, p - 2n));
  const scale = over(a - d, 4n);
  const a2 = over(a + d, 2n);
  return { a: mod(scale * scale - over(a2 * a2, 3n)), scale, shift: over(a2, 3n) };
}
