// KZG point evaluation over BLS12-381, for precompile 0x0a: does the polynomial behind `commitment` take value y at z?
// One point of the public ceremony's output is all that verifying needs; no trusted set-up file is read.

import type { KZG } from "@ethereumjs/util";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { bigintFromBytes } from "#base/bytes.ts";
import { fromHex } from "#base/hex.ts";

const { G1, G2, fields } = bls12_381;

/** [τ]₂ of the KZG ceremony, compressed. @see EIP-4844, consensus-specs trusted_setup_4096.json (g2_monomial[1]) */
const TAU_G2_HEX =
  "b5bfd7dd8cdeb128843bc287230af38926187075cbfbefa81009a2ce615ac53d2914e5870cb452d2afaaab24f3499f72" +
  "185cbfee53492714734429b7b38608e23926c911cceceac9a36851477ba4c60b087041de621000edc98edada20c1def2";

let tauG2: ReturnType<typeof G2.Point.fromBytes> | null = null;

/**
 * Verifies an opening of a KZG commitment.
 * @param commitment 48 bytes, compressed G1
 * @param z 32 bytes, big-endian, below the group order
 * @param y 32 bytes, likewise
 * @param proof 48 bytes, compressed G1
 * @returns false on a wrong proof and on any malformed input
 * @see EIP-4844, verify_kzg_proof of the consensus specs
 */
export function verifyKzgProof(commitment: Uint8Array, z: Uint8Array, y: Uint8Array, proof: Uint8Array): boolean {
  const at = bigintFromBytes(z);
  const value = bigintFromBytes(y);
  if (at >= fields.Fr.ORDER || value >= fields.Fr.ORDER) return false;
  const commitmentPoint = readG1(commitment);
  const proofPoint = readG1(proof);
  if (commitmentPoint === null || proofPoint === null) return false;
  tauG2 ??= G2.Point.fromBytes(fromHex(TAU_G2_HEX));
  // e(C - [y]G1, -G2) · e(π, [τ - z]G2) = 1
  const left = commitmentPoint.subtract(G1.Point.BASE.multiplyUnsafe(value));
  const right = tauG2.subtract(G2.Point.BASE.multiplyUnsafe(at));
  const pairs = [
    { g1: left, g2: G2.Point.BASE.negate() },
    { g1: proofPoint, g2: right },
  ].filter(({ g1, g2 }) => !g1.is0() && !g2.is0());
  if (pairs.length === 0) return true;
  return fields.Fp12.eql(bls12_381.pairingBatch(pairs), fields.Fp12.ONE);
}

/** `verifyKzgProof` in the shape that @ethereumjs/evm asks for; its other operations belong to nodes that make blobs. */
export function createKzgVerifier(): KZG {
  const absent = (): never => {
    throw new Error("only KZG proof verification is available");
  };
  return {
    verifyProof: (commitment, z, y, proof) =>
      verifyKzgProof(fromHex(commitment), fromHex(z), fromHex(y), fromHex(proof)),
    blobToKzgCommitment: absent,
    computeBlobProof: absent,
    verifyBlobProofBatch: absent,
    computeCells: absent,
    computeCellsAndProofs: absent,
    recoverCellsAndProofs: absent,
    verifyCellKzgProofBatch: absent,
  };
}

function readG1(bytes: Uint8Array): InstanceType<typeof G1.Point> | null {
  try {
    const point = G1.Point.fromBytes(bytes);
    point.assertValidity();
    return point;
  } catch {
    return null;
  }
}
