// secp256k1 by @noble/curves: the portable implementation and the oracle of tests. Loaded on demand, since importing
// the library costs about 18 ms of start-up.

import type { Secp256k1Backend } from "./secp256k1-backend.ts";

/** Loads the library and wraps it. */
export function createNobleSecp256k1(): Secp256k1Backend {
  const { secp256k1 } = require("@noble/curves/secp256k1.js") as typeof import("@noble/curves/secp256k1.js");
  return {
    name: "noble",
    sign(hash, privateKey, signature) {
      const signed = secp256k1.sign(hash, privateKey, { prehash: false, lowS: true, format: "recovered" });
      signature.set(signed.subarray(1));
      return signed[0]!;
    },
    recover(hash, signature, yParity, publicKey) {
      try {
        const parsed = secp256k1.Signature.fromBytes(signature, "compact").addRecoveryBit(yParity);
        publicKey.set(parsed.recoverPublicKey(hash).toBytes(false));
        return true;
      } catch {
        return false; // no curve point with this x, or the result is the point at infinity
      }
    },
    derivePublicKey(privateKey, publicKey) {
      publicKey.set(secp256k1.getPublicKey(privateKey, false));
    },
  };
}
