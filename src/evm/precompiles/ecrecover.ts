// ECRECOVER (0x01): the address whose key signed a hash. Input: hash, v, r, s, a word each.

import { EMPTY_BYTES, isZeroBytes } from "#base/bytes.ts";
import { recoverAddress } from "#crypto/secp256k1.ts";
import { copyPadded, type Precompile } from "./precompile.ts";

/** 0x01. A signature that fits no key is no failure: the output is empty. @see yellow paper, appendix E */
export const ECRECOVER: Precompile = {
  address: 0x01,
  name: "ecrecover",
  since: "frontier",
  gas: () => 3000,
  run: (input) => {
    const words = copyPadded(input, 0, 128);
    const v = words[63]!;
    if ((v !== 27 && v !== 28) || !isZeroBytes(words.subarray(32, 63))) return EMPTY_BYTES;
    const address = recoverAddress(words.subarray(0, 32), words.subarray(64, 96), words.subarray(96, 128), v - 27);
    if (address === null) return EMPTY_BYTES;
    const output = new Uint8Array(32);
    output.set(address, 12);
    return output;
  },
};
