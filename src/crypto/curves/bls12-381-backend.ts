// What the BLS12-381 precompiles ask of an implementation. Two exist: our WASM kernel and noble; one suite holds for
// both.

/** The four parts of a KZG opening. */
export type KzgOpening = {
  /** 48 bytes, compressed G1. */
  readonly commitment: Uint8Array;
  /** 32 bytes, the place. */
  readonly z: Uint8Array;
  /** 32 bytes, the value there. */
  readonly y: Uint8Array;
  /** 48 bytes, compressed G1. */
  readonly proof: Uint8Array;
};

/** Operations in the encodings of EIP-2537; null where the input is invalid. Lengths are the caller's to check. */
export type Bls12381Backend = {
  readonly name: "wasm" | "noble";
  /** The sum of two points of the curve of G1, 128 bytes each. */
  addG1(input: Uint8Array): Uint8Array | null;
  /** The sum of two points of the curve of G2, 256 bytes each. */
  addG2(input: Uint8Array): Uint8Array | null;
  /** The sum of multiples of points of G1: point and 32-byte scalar each. May read shared memory. */
  msmG1(input: Uint8Array): Uint8Array | null;
  /** The sum of multiples of points of G2. May read shared memory. */
  msmG2(input: Uint8Array): Uint8Array | null;
  /** Whether the product of the pairings of all pairs (128 bytes of G1, 256 of G2) is one. May read shared memory. */
  isPairingProductOne(input: Uint8Array): boolean | null;
  /** A point of G1 for a field element, 64 bytes. */
  mapToG1(input: Uint8Array): Uint8Array | null;
  /** A point of G2 for an element of the quadratic extension, 128 bytes. */
  mapToG2(input: Uint8Array): Uint8Array | null;
  /** Whether a KZG opening holds; false on malformed input too. @see EIP-4844 */
  verifyKzgProof(opening: KzgOpening): boolean;
};
