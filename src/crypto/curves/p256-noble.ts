// secp256r1 by @noble/curves: the portable implementation and the oracle of tests. Loaded on demand.

import { bigintFromBytes } from "#base/bytes.ts";
import type { P256Backend } from "./p256-backend.ts";

/** Loads the library and wraps it. */
export function createNobleP256(): P256Backend {
  const { p256 } = require("@noble/curves/nist.js") as typeof import("@noble/curves/nist.js");
  return {
    name: "noble",
    verify(input) {
      try {
        const x = bigintFromBytes(input.subarray(96, 128));
        const y = bigintFromBytes(input.subarray(128, 160));
        const { ORDER } = p256.Point.Fp;
        if (x >= ORDER || y >= ORDER) return false;
        const point = p256.Point.fromAffine({ x, y });
        point.assertValidity();
        const options = { lowS: false, prehash: false } as const;
        return p256.verify(input.subarray(32, 96), input.subarray(0, 32), point.toBytes(false), options);
      } catch {
        return false; // r or s out of range, or no such point
      }
    },
  };
}
