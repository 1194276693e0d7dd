// What the P256VERIFY precompile asks of an implementation. Two exist: our WASM kernel and noble; one suite holds for
// both.

/** Verification in the encoding of EIP-7951. */
export type P256Backend = {
  readonly name: "wasm" | "noble";
  /**
   * Whether a signature fits a hash and a public key.
   * @param input hash, r, s, x, y: 160 bytes; r and s outside [1, n), and points that are not on the curve, fit nothing
   */
  verify(input: Uint8Array): boolean;
};
