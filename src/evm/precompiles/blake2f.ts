// BLAKE2F (0x09): the compression function of BLAKE2b with a chosen number of rounds, each one unit of gas.
//
//   0   rounds, 4, big-endian        68   message block, 128
//   4   state, 64                    196  counter, 16
//   212 last block: 0 or 1

import { compressBlake2b } from "#crypto/blake2b.ts";
import { copyPadded, type Precompile } from "./precompile.ts";

const INPUT_SIZE_BYTES = 213;

/** 0x09. @see EIP-152 */
export const BLAKE2F: Precompile = {
  address: 0x09,
  name: "blake2f",
  since: "istanbul",
  gas: (input) => (input.length === INPUT_SIZE_BYTES ? roundsOf(input) : 0),
  run: (input) => {
    if (input.length !== INPUT_SIZE_BYTES || input[212]! > 1) return null;
    return compressBlake2b(copyPadded(input, 4, 208), roundsOf(input), input[212] === 1);
  },
};

function roundsOf(input: Uint8Array): number {
  return ((input[0]! << 24) | (input[1]! << 16) | (input[2]! << 8) | input[3]!) >>> 0;
}
