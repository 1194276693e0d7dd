// Seeded inputs for the curve precompiles, honest and hostile: members of the subgroups, points of the curve outside
// them, points of no curve, coordinates beyond the prime, infinity, and scalars at the edges.

import { bls12_381 } from "@noble/curves/bls12-381.js";
import { bn254 } from "@noble/curves/bn254.js";
import { bigintToBytes, concatBytes } from "#base/bytes.ts";
import type { SeededRandom } from "#base/random.ts";

/** How a point may be wrong, or not. */
export type PointKind = "member" | "infinity" | "outside" | "offCurve" | "beyondPrime" | "noise";

/** Kinds with more weight on honest points, so that whole inputs are often valid. */
export const KINDS: readonly PointKind[] = [
  ...new Array<PointKind>(12).fill("member"),
  "infinity",
  "infinity",
  "outside",
  "offCurve",
  "beyondPrime",
  "noise",
];

/** A scalar of 32 bytes: small, random, near the order, near 2^256. */
export function scalarOf(random: SeededRandom, order: bigint): Uint8Array {
  switch (random.below(8)) {
    case 0:
      return bigintToBytes(BigInt(random.below(4)), 32);
    case 1:
      return bigintToBytes(order + BigInt(random.below(5)) - 2n, 32);
    case 2:
      return new Uint8Array(32).fill(0xff);
    case 3:
      return bigintToBytes(1n << BigInt(random.below(256)), 32);
    default:
      return random.bytes(32);
  }
}

type Affine<F> = { x: F; y: F };
type Complex = { c0: bigint; c1: bigint };
const randomBelow = (random: SeededRandom, bound: bigint) => BigInt(`0x${random.bytes(56).toHex()}`) % bound;

/** 64 bytes for bn254's G1; it has no points outside the subgroup. */
export function bn254G1(random: SeededRandom, kind: PointKind): Uint8Array {
  const { Fp, Fr } = bn254.fields;
  if (kind === "infinity") return new Uint8Array(64);
  if (kind === "noise") return random.bytes(64);
  const scalar = 1n + randomBelow(random, random.chance(0.3) ? 4n : Fr.ORDER - 1n);
  const { x, y } = bn254.G1.Point.BASE.multiplyUnsafe(scalar).toAffine();
  if (kind === "offCurve") return concatBytes(bigintToBytes(x, 32), bigintToBytes(Fp.add(y, 1n), 32));
  if (kind === "beyondPrime") return concatBytes(bigintToBytes(x + Fp.ORDER, 32), bigintToBytes(y, 32));
  return concatBytes(bigintToBytes(x, 32), bigintToBytes(y, 32));
}

/** 128 bytes for bn254's G2. */
export function bn254G2(random: SeededRandom, kind: PointKind): Uint8Array {
  const { Fp, Fp2, Fr } = bn254.fields;
  const encode = ({ x, y }: Affine<Complex>, shift = 0n) =>
    concatBytes(...[x.c1 + shift, x.c0, y.c1, y.c0].map((part) => bigintToBytes(part, 32)));
  if (kind === "infinity") return new Uint8Array(128);
  if (kind === "noise") return random.bytes(128);
  if (kind === "outside") return encode(curvePoint(random, Fp2 as never, bn254.G2.Point.CURVE().b as Complex));
  const scalar = 1n + randomBelow(random, Fr.ORDER - 1n);
  const point = bn254.G2.Point.BASE.multiplyUnsafe(scalar).toAffine() as Affine<Complex>;
  if (kind === "offCurve") return encode({ x: point.x, y: { c0: Fp.add(point.y.c0, 1n), c1: point.y.c1 } });
  return encode(point, kind === "beyondPrime" ? Fp.ORDER : 0n);
}

/** 128 bytes for BLS12-381's G1. */
export function blsG1(random: SeededRandom, kind: PointKind): Uint8Array {
  const { Fp, Fr } = bls12_381.fields;
  const encode = ({ x, y }: Affine<bigint>) => concatBytes(bigintToBytes(x, 64), bigintToBytes(y, 64));
  if (kind === "infinity") return new Uint8Array(128);
  if (kind === "noise") return random.bytes(128);
  if (kind === "outside") {
    for (;;) {
      const x = randomBelow(random, Fp.ORDER);
      const y = rootOrNull(() => Fp.sqrt(Fp.add(Fp.mul(Fp.sqr(x), x), 4n)));
      if (y !== null) return encode({ x, y });
    }
  }
  const scalar = 1n + randomBelow(random, random.chance(0.3) ? 4n : Fr.ORDER - 1n);
  const { x, y } = bls12_381.G1.Point.BASE.multiplyUnsafe(scalar).toAffine();
  if (kind === "offCurve") return encode({ x, y: Fp.add(y, 1n) });
  return encode({ x: kind === "beyondPrime" ? x + Fp.ORDER : x, y });
}

/** 256 bytes for BLS12-381's G2. */
export function blsG2(random: SeededRandom, kind: PointKind): Uint8Array {
  const { Fp, Fp2, Fr } = bls12_381.fields;
  const encode = ({ x, y }: Affine<Complex>, shift = 0n) =>
    concatBytes(...[x.c0 + shift, x.c1, y.c0, y.c1].map((part) => bigintToBytes(part, 64)));
  if (kind === "infinity") return new Uint8Array(256);
  if (kind === "noise") return random.bytes(256);
  if (kind === "outside") return encode(curvePoint(random, Fp2 as never, { c0: 4n, c1: 4n }));
  const scalar = 1n + randomBelow(random, random.chance(0.3) ? 4n : Fr.ORDER - 1n);
  const point = bls12_381.G2.Point.BASE.multiplyUnsafe(scalar).toAffine() as Affine<Complex>;
  if (kind === "offCurve") return encode({ x: point.x, y: { c0: Fp.add(point.y.c0, 1n), c1: point.y.c1 } });
  return encode(point, kind === "beyondPrime" ? Fp.ORDER : 0n);
}

/** The encoding of -P for one of the points above. */
export function negated(point: Uint8Array, prime: bigint, fieldSizeBytes: number): Uint8Array {
  const copy = point.slice();
  for (let offset = point.length / 2; offset < point.length; offset += fieldSizeBytes) {
    const part = BigInt(`0x${point.subarray(offset, offset + fieldSizeBytes).toHex()}`);
    copy.set(bigintToBytes((prime - (part % prime)) % prime, fieldSizeBytes), offset);
  }
  return copy;
}

type Quadratic = {
  ORDER: bigint;
  add(a: Complex, b: Complex): Complex;
  mul(a: Complex, b: Complex): Complex;
  sqr(a: Complex): Complex;
  sqrt(a: Complex): Complex;
};

// A random point of a twist: nearly all of them are outside the subgroup.
function curvePoint(random: SeededRandom, field: Quadratic, b: Complex): Affine<Complex> {
  for (;;) {
    const x = { c0: randomBelow(random, 1n << 250n), c1: randomBelow(random, 1n << 250n) };
    const y = rootOrNull(() => field.sqrt(field.add(field.mul(field.sqr(x), x), b)));
    if (y !== null) return { x, y };
  }
}

function rootOrNull<T>(compute: () => T): T | null {
  try {
    return compute();
  } catch {
    return null; // no root
  }
}
