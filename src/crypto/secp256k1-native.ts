// secp256k1 by libsecp256k1 in an N-API add-on: constant-time signing, recovery in about 60 µs. Its raw methods are
// called directly; the package's JavaScript layer would search for the add-on at run time and fall back to slow code
// unseen.

import { assert } from "#base/assert.ts";
import { tryLoadNative } from "./backend.ts";
import type { Secp256k1Backend } from "./secp256k1-backend.ts";

// Raw methods return 0 for success, else a small code.
type Addon = {
  contextRandomize(seed: Uint8Array | null): number;
  publicKeyCreate(output: Uint8Array, privateKey: Uint8Array): number;
  ecdsaSign(output: { signature: Uint8Array; recid: number }, hash: Uint8Array, privateKey: Uint8Array): number;
  ecdsaRecover(output: Uint8Array, signature: Uint8Array, recid: number, hash: Uint8Array): number;
};
type AddonModule = { Secp256k1: new () => Addon };

/** The native implementation, or null where the add-on does not load or portable implementations were asked for. */
export const nativeSecp256k1: Secp256k1Backend | null = createNative();

function createNative(): Secp256k1Backend | null {
  const module = tryLoadNative(
    () => require("../../node_modules/secp256k1/prebuilds/linux-x64/secp256k1.glibc.node") as AddonModule,
  );
  if (module === null) return null;
  const addon = new module.Secp256k1();
  // Blinds the signing context against timing and power analysis; results do not depend on it.
  assert(addon.contextRandomize(crypto.getRandomValues(new Uint8Array(32))) === 0, "secp256k1 context randomization");
  return {
    name: "native",
    sign(hash, privateKey, signature) {
      const output = { signature, recid: 0 };
      assert(addon.ecdsaSign(output, hash, privateKey) === 0, "secp256k1 signing failed");
      return output.recid;
    },
    recover(hash, signature, yParity, publicKey) {
      return addon.ecdsaRecover(publicKey, signature, yParity, hash) === 0;
    },
    derivePublicKey(privateKey, publicKey) {
      assert(addon.publicKeyCreate(publicKey, privateKey) === 0, "secp256k1 public key derivation failed");
    },
  };
}
