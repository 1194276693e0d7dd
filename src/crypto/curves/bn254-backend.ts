// What the bn254 precompiles ask of an implementation. Two exist: our WASM kernel and noble; one suite holds for both.

/** Operations in the encodings of EIP-196 and EIP-197; null where the input is invalid. */
export type Bn254Backend = {
  readonly name: "wasm" | "noble";
  /** The sum of two points of G1: 128 bytes to 64. */
  add(input: Uint8Array): Uint8Array | null;
  /** A multiple of a point of G1: point and scalar, 96 bytes, to 64. */
  multiply(input: Uint8Array): Uint8Array | null;
  /** Whether the product of the pairings of all pairs (64 bytes of G1, 128 of G2) is one. May read shared memory. */
  isPairingProductOne(input: Uint8Array): boolean | null;
};
