// ECDSA over secp256r1 (P-256) for the P256VERIFY precompile.

import { bigintFromBytes } from "#base/bytes.ts";

type Curve = typeof import("@noble/curves/nist.js")["p256"];

let curve: Curve | null = null;

/**
 * Whether a signature fits a hash and a public key.
 * @param input hash, r, s, x, y: 160 bytes; r and s outside [1, n), and points that are not on the curve, fit nothing
 */
export function verifyP256(input: Uint8Array): boolean {
  curve ??= (require("@noble/curves/nist.js") as typeof import("@noble/curves/nist.js")).p256;
  try {
    const x = bigintFromBytes(input.subarray(96, 128));
    const y = bigintFromBytes(input.subarray(128, 160));
    const { ORDER } = curve.Point.Fp;
    if (x >= ORDER || y >= ORDER) return false;
    const point = curve.Point.fromAffine({ x, y });
    point.assertValidity();
    const options = { lowS: false, prehash: false } as const;
    return curve.verify(input.subarray(32, 96), input.subarray(0, 32), point.toBytes(false), options);
  } catch {
    return false; // r or s out of range, or no such point
  }
}
