// A proof that values belong to binary hash trees: what the trees hold beside the paths to the values. Trees are walked in
// order, each from its top, left before right, and of every subtree without a shown value there is one bit: 1 for a hash
// that is given, 0 for the subtree over empty slots, which everybody knows.
//
//   offset  size  field
//        0     1  format version, 1
//        1    32  digest of what is shown and where: without it, an empty slot's proof would do for its empty neighbour
//       33     4  bits (u32 little-endian)
//       37        bits, the lowest of each byte first, zeroes up to a whole byte
//                 hashes, 32 bytes each, as many as there are 1 bits

import { ByteReader, ByteWriter, FormatError } from "../codec.ts";

/** Version of this layout. */
export const HASH_TREE_PROOF_VERSION = 1;

const HASH_SIZE_BYTES = 32;

/** A proof. */
export type HashTreeProof = {
  /** 32 bytes, of what is shown and where. */
  readonly claim: Uint8Array;
  /** Subtrees beside the paths, in the order of the walk; null for one over empty slots. */
  readonly siblings: readonly (Uint8Array | null)[];
};

/** Encodes a proof. */
export function encodeHashTreeProof({ claim, siblings }: HashTreeProof): Uint8Array {
  const bits = new Uint8Array(Math.ceil(siblings.length / 8));
  siblings.forEach((hash, i) => {
    if (hash !== null) bits[i >> 3]! |= 1 << (i & 7);
  });
  const out = new ByteWriter(5 + claim.length + bits.length + siblings.length * HASH_SIZE_BYTES);
  out.u8(HASH_TREE_PROOF_VERSION).raw(claim).u32(siblings.length).raw(bits);
  for (const hash of siblings) if (hash !== null) out.raw(hash);
  return out.toBytes();
}

/** Reads a proof; hashes are views. @throws {FormatError} when it does not follow the layout */
export function decodeHashTreeProof(bytes: Uint8Array): HashTreeProof {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== HASH_TREE_PROOF_VERSION) throw new FormatError("another version of hash tree proofs", 0);
  const claim = reader.raw(HASH_SIZE_BYTES);
  const count = reader.u32();
  const bits = reader.raw(Math.ceil(count / 8));
  const isGiven = (i: number) => ((bits[i >> 3]! >> (i & 7)) & 1) === 1;
  for (let i = count; i < bits.length * 8; i++) {
    if (isGiven(i)) throw new FormatError("a bit behind the last", reader.offset);
  }
  const siblings = Array.from({ length: count }, (_, i) => (isGiven(i) ? reader.raw(HASH_SIZE_BYTES) : null));
  reader.expectEnd();
  return { claim, siblings };
}
