// Point evaluation (0x0a): a KZG proof that a blob's polynomial takes the value y at z.
//
//   0   versioned hash of the commitment, 32
//   32  z, 32
//   64  y, 32
//   96  commitment, 48
//   144 proof, 48

import { bytesEqual, concatBytes } from "#base/bytes.ts";
import { fromHex } from "#base/hex.ts";
import { bls12381 } from "#crypto/bls12-381.ts";
import { sha256 } from "#crypto/sha256.ts";
import { copyPadded, type Precompile } from "./precompile.ts";

const INPUT_SIZE_BYTES = 192;
const VERSION_KZG = 0x01;

// FIELD_ELEMENTS_PER_BLOB and the order of the scalar field.
const ANSWER = concatBytes(
  fromHex("0000000000000000000000000000000000000000000000000000000000001000"),
  fromHex("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001"),
);

/** 0x0a. @see EIP-4844, "Point evaluation precompile" */
export const POINT_EVALUATION: Precompile = {
  address: 0x0a,
  name: "pointEvaluation",
  since: "cancun",
  gas: () => 50_000,
  run: (input) => {
    if (input.length !== INPUT_SIZE_BYTES) return null;
    const copy = copyPadded(input, 0, INPUT_SIZE_BYTES);
    const commitment = copy.subarray(96, 144);
    const hash = sha256(commitment);
    hash[0] = VERSION_KZG;
    if (!bytesEqual(hash, copy.subarray(0, 32))) return null;
    const z = copy.subarray(32, 64);
    const y = copy.subarray(64, 96);
    return bls12381().verifyKzgProof({ commitment, z, y, proof: copy.subarray(144, 192) }) ? ANSWER.slice() : null;
  },
};
