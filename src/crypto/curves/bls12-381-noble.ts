// BLS12-381 by @noble/curves: the portable implementation and the oracle of tests. Loaded on demand.

import { bigintFromBytes, bigintToBytes, isZeroBytes } from "#base/bytes.ts";
import { fromHex } from "#base/hex.ts";
import type { Bls12381Backend, KzgOpening } from "./bls12-381-backend.ts";

type Curves = typeof import("@noble/curves/bls12-381.js")["bls12_381"];
type G1Point = Curves["G1"]["Point"]["ZERO"];
type G2Point = Curves["G2"]["Point"]["ZERO"];

const FIELD_SIZE_BYTES = 64;

/** [τ]₂ of the KZG ceremony, compressed. @see EIP-4844, consensus-specs trusted_setup_4096.json (g2_monomial[1]) */
const TAU_G2_HEX =
  "b5bfd7dd8cdeb128843bc287230af38926187075cbfbefa81009a2ce615ac53d2914e5870cb452d2afaaab24f3499f72" +
  "185cbfee53492714734429b7b38608e23926c911cceceac9a36851477ba4c60b087041de621000edc98edada20c1def2";

/** Loads the library and wraps it. */
export function createNobleBls12381(): Bls12381Backend {
  const { bls12_381: curves } = require("@noble/curves/bls12-381.js") as typeof import("@noble/curves/bls12-381.js");
  const { Fp12 } = curves.fields;
  return {
    name: "noble",
    addG1: (input) =>
      orNull(() => writeG1(readG1(curves, input.subarray(0, 128)).add(readG1(curves, input.subarray(128))))),
    addG2: (input) =>
      orNull(() => writeG2(readG2(curves, input.subarray(0, 256)).add(readG2(curves, input.subarray(256))))),
    msmG1: (input) =>
      orNull(() => {
        let sum: G1Point = curves.G1.Point.ZERO;
        for (let offset = 0; offset < input.length; offset += 160) {
          const point = inSubgroup(readG1(curves, input.subarray(offset, offset + 128)));
          sum = sum.add(point.multiplyUnsafe(scalar(curves, input.subarray(offset + 128, offset + 160))));
        }
        return writeG1(sum);
      }),
    msmG2: (input) =>
      orNull(() => {
        let sum: G2Point = curves.G2.Point.ZERO;
        for (let offset = 0; offset < input.length; offset += 288) {
          const point = inSubgroup(readG2(curves, input.subarray(offset, offset + 256)));
          sum = sum.add(point.multiplyUnsafe(scalar(curves, input.subarray(offset + 256, offset + 288))));
        }
        return writeG2(sum);
      }),
    isPairingProductOne: (input) =>
      orNull(() => {
        const pairs = [];
        for (let offset = 0; offset < input.length; offset += 384) {
          const g1 = inSubgroup(readG1(curves, input.subarray(offset, offset + 128)));
          const g2 = inSubgroup(readG2(curves, input.subarray(offset + 128, offset + 384)));
          if (!g1.is0() && !g2.is0()) pairs.push({ g1, g2 });
        }
        return pairs.length === 0 || Fp12.eql(curves.pairingBatch(pairs), Fp12.ONE);
      }),
    mapToG1: (input) => orNull(() => writeG1(mapToG1(curves, readFp(curves, input)))),
    mapToG2: (input) =>
      orNull(() => {
        const element = [readFp(curves, input.subarray(0, 64)), readFp(curves, input.subarray(64))];
        return writeG2(curves.G2.mapToCurve(element) as unknown as G2Point);
      }),
    verifyKzgProof: (opening) => orNull(() => verifyOpening(curves, opening)) ?? false,
  };
}

// e(C - [y]G1, -G2) · e(π, [τ - z]G2) = 1
function verifyOpening(curves: Curves, { commitment, z, y, proof }: KzgOpening): boolean {
  const { G1, G2, fields } = curves;
  const at = bigintFromBytes(z);
  const value = bigintFromBytes(y);
  if (at >= fields.Fr.ORDER || value >= fields.Fr.ORDER) return false;
  const commitmentPoint = inSubgroup(G1.Point.fromBytes(commitment));
  const proofPoint = inSubgroup(G1.Point.fromBytes(proof));
  const tau = G2.Point.fromBytes(fromHex(TAU_G2_HEX));
  const pairs = [
    { g1: commitmentPoint.subtract(G1.Point.BASE.multiplyUnsafe(value)), g2: G2.Point.BASE.negate() },
    { g1: proofPoint, g2: tau.subtract(G2.Point.BASE.multiplyUnsafe(at)) },
  ].filter(({ g1, g2 }) => !g1.is0() && !g2.is0());
  return pairs.length === 0 || fields.Fp12.eql(curves.pairingBatch(pairs), fields.Fp12.ONE);
}

function readFp(curves: Curves, bytes: Uint8Array): bigint {
  const element = bigintFromBytes(bytes.subarray(0, FIELD_SIZE_BYTES));
  if (element >= curves.fields.Fp.ORDER) throw new RangeError("coordinate above the modulus");
  return element;
}

// On the curve, in the subgroup or not.
function readG1(curves: Curves, bytes: Uint8Array): G1Point {
  if (isZeroBytes(bytes)) return curves.G1.Point.ZERO;
  const { Fp } = curves.fields;
  const x = readFp(curves, bytes.subarray(0, 64));
  const y = readFp(curves, bytes.subarray(64, 128));
  if (!Fp.eql(Fp.sqr(y), Fp.add(Fp.mul(Fp.sqr(x), x), 4n))) throw new RangeError("point not on the curve");
  return curves.G1.Point.fromAffine({ x, y });
}

function readG2(curves: Curves, bytes: Uint8Array): G2Point {
  if (isZeroBytes(bytes)) return curves.G2.Point.ZERO;
  const { Fp2 } = curves.fields;
  const x = { c0: readFp(curves, bytes.subarray(0, 64)), c1: readFp(curves, bytes.subarray(64, 128)) };
  const y = { c0: readFp(curves, bytes.subarray(128, 192)), c1: readFp(curves, bytes.subarray(192, 256)) };
  const right = Fp2.add(Fp2.mul(Fp2.sqr(x), x), { c0: 4n, c1: 4n });
  if (!Fp2.eql(Fp2.sqr(y), right)) throw new RangeError("point not on the curve");
  return curves.G2.Point.fromAffine({ x, y });
}

function inSubgroup<P extends { is0(): boolean; isTorsionFree(): boolean }>(point: P): P {
  if (!point.is0() && !point.isTorsionFree()) throw new RangeError("point outside the subgroup");
  return point;
}

function scalar(curves: Curves, bytes: Uint8Array): bigint {
  return bigintFromBytes(bytes) % curves.fields.Fr.ORDER;
}

function writeG1(point: G1Point): Uint8Array {
  const output = new Uint8Array(128);
  if (point.is0()) return output;
  const { x, y } = point.toAffine();
  output.set(bigintToBytes(x, 64), 0);
  output.set(bigintToBytes(y, 64), 64);
  return output;
}

function writeG2(point: G2Point): Uint8Array {
  const output = new Uint8Array(256);
  if (point.is0()) return output;
  const { x, y } = point.toAffine();
  [x.c0, x.c1, y.c0, y.c1].forEach((part, i) => {
    output.set(bigintToBytes(part, 64), 64 * i);
  });
  return output;
}

// The library's types have it take and give something else.
function mapToG1(curves: Curves, element: bigint): G1Point {
  return curves.G1.mapToCurve(element as unknown as bigint[]) as unknown as G1Point;
}

// The library throws on invalid points.
function orNull<T>(compute: () => T): T | null {
  try {
    return compute();
  } catch {
    return null;
  }
}
