// The three curve operations and who can do them: all three libsecp256k1 (native) and noble, recovery alone our WASM
// kernel, which never sees a private key. `secp256k1.ts` does all range checks before it calls one, so that they see
// only inputs on which they agree.

/** Something that recovers public keys. Arguments have passed the range checks of `secp256k1.ts`. */
export interface KeyRecoverer {
  /** Its name in logs and in the self-test's answer. */
  readonly name: "wasm" | "native" | "noble";

  /**
   * Recovers the signer.
   * @param hash 32 bytes, any value
   * @param signature r‖s, both in [1, n)
   * @param publicKey receives 65 bytes: 0x04‖x‖y
   * @returns false when there is no such point
   */
  recover(hash: Uint8Array, signature: Uint8Array, yParity: 0 | 1, publicKey: Uint8Array): boolean;
}

/** One whole implementation of secp256k1 over raw bytes; arguments have passed the range checks of `secp256k1.ts`. */
export interface Secp256k1Backend extends KeyRecoverer {
  readonly name: "native" | "noble";

  /**
   * Signs deterministically (RFC 6979, low s).
   * @param hash 32 bytes below the group order
   * @param privateKey 32 bytes in [1, n)
   * @param signature receives r‖s, 64 bytes
   * @returns the recovery id, 0 to 3
   */
  sign(hash: Uint8Array, privateKey: Uint8Array, signature: Uint8Array): number;

  /**
   * Computes the public key.
   * @param privateKey 32 bytes in [1, n)
   * @param publicKey receives 65 bytes: 0x04‖x‖y
   */
  derivePublicKey(privateKey: Uint8Array, publicKey: Uint8Array): void;
}
