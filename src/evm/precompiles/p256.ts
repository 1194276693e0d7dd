// P256VERIFY (0x100): an ECDSA signature over secp256r1. Input: hash, r, s, x, y, a word each.

import { EMPTY_BYTES } from "#base/bytes.ts";
import { p256 } from "#crypto/p256.ts";
import { copyPadded, type Precompile, trueWord } from "./precompile.ts";

const INPUT_SIZE_BYTES = 160;

/** 0x100. Anything but a valid signature is no failure: the output is empty. @see EIP-7951 */
export const P256_VERIFY: Precompile = {
  address: 0x100,
  name: "p256Verify",
  since: "osaka",
  gas: () => 6900,
  run: (input) => {
    if (input.length !== INPUT_SIZE_BYTES) return EMPTY_BYTES;
    return p256().verify(copyPadded(input, 0, INPUT_SIZE_BYTES)) ? trueWord() : EMPTY_BYTES;
  },
};
