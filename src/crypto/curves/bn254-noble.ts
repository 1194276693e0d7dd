// bn254 by @noble/curves: the portable implementation and the oracle of tests. Loaded on demand.

import { bigintFromBytes, bigintToBytes, isZeroBytes } from "#base/bytes.ts";
import type { Bn254Backend } from "./bn254-backend.ts";

/** Loads the library and wraps it. */
export function createNobleBn254(): Bn254Backend {
  const { bn254 } = require("@noble/curves/bn254.js") as typeof import("@noble/curves/bn254.js");
  const { Fp, Fr, Fp12 } = bn254.fields;
  const G1 = bn254.G1.Point;
  const G2 = bn254.G2.Point;

  const readG1 = (bytes: Uint8Array) => {
    if (isZeroBytes(bytes)) return G1.ZERO;
    const [x, y] = fieldElements(bytes, Fp.ORDER);
    const point = G1.fromAffine({ x: x!, y: y! });
    point.assertValidity();
    return point;
  };
  // The imaginary part of each coordinate comes first. Validity includes membership in the subgroup.
  const readG2 = (bytes: Uint8Array) => {
    if (isZeroBytes(bytes)) return G2.ZERO;
    const [x1, x0, y1, y0] = fieldElements(bytes, Fp.ORDER);
    const point = G2.fromAffine({ x: { c0: x0!, c1: x1! }, y: { c0: y0!, c1: y1! } });
    point.assertValidity();
    return point;
  };
  const write = (point: typeof G1.ZERO) => {
    const output = new Uint8Array(64);
    if (point.is0()) return output;
    const { x, y } = point.toAffine();
    output.set(bigintToBytes(x, 32), 0);
    output.set(bigintToBytes(y, 32), 32);
    return output;
  };

  return {
    name: "noble",
    add: (input) => orNull(() => write(readG1(input.subarray(0, 64)).add(readG1(input.subarray(64))))),
    multiply: (input) =>
      orNull(() => {
        const point = readG1(input.subarray(0, 64));
        return write(point.multiplyUnsafe(bigintFromBytes(input.subarray(64)) % Fr.ORDER));
      }),
    isPairingProductOne: (input) =>
      orNull(() => {
        const pairs = [];
        for (let offset = 0; offset < input.length; offset += 192) {
          const g1 = readG1(input.subarray(offset, offset + 64));
          const g2 = readG2(input.subarray(offset + 64, offset + 192));
          if (!g1.is0() && !g2.is0()) pairs.push({ g1, g2 });
        }
        return pairs.length === 0 || Fp12.eql(bn254.pairingBatch(pairs), Fp12.ONE);
      }),
  };
}

function fieldElements(bytes: Uint8Array, modulus: bigint): bigint[] {
  const elements = [];
  for (let offset = 0; offset < bytes.length; offset += 32) {
    const element = bigintFromBytes(bytes.subarray(offset, offset + 32));
    if (element >= modulus) throw new RangeError("coordinate above the modulus");
    elements.push(element);
  }
  return elements;
}

// The library throws on invalid points.
function orNull<T>(compute: () => T): T | null {
  try {
    return compute();
  } catch {
    return null;
  }
}
