// The three curve operations that have two implementations (native libsecp256k1 and noble). `secp256k1.ts` does all
// range checks before it calls one, so that both see only inputs on which they agree.

/** One implementation of secp256k1 over raw bytes; arguments have passed the range checks of `secp256k1.ts`. */
export interface Secp256k1Backend {
  /** Its name in logs and in the self-test's answer. */
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
   * Recovers the signer.
   * @param hash 32 bytes, any value
   * @param signature r‖s, both in [1, n)
   * @param publicKey receives 65 bytes: 0x04‖x‖y
   * @returns false when there is no such point
   */
  recover(hash: Uint8Array, signature: Uint8Array, yParity: 0 | 1, publicKey: Uint8Array): boolean;

  /**
   * Computes the public key.
   * @param privateKey 32 bytes in [1, n)
   * @param publicKey receives 65 bytes: 0x04‖x‖y
   */
  derivePublicKey(privateKey: Uint8Array, publicKey: Uint8Array): void;
}
