// SHA-256, RIPEMD-160 and the copy (0x02 to 0x04): every byte string is valid, and the price is by the word.

import { ripemd160 } from "@noble/hashes/legacy.js";
import { sha256 } from "#crypto/sha256.ts";
import { type Precompile, wordCount } from "./precompile.ts";

/** 0x02 to 0x04. @see yellow paper, appendix E */
export const HASH_PRECOMPILES: readonly Precompile[] = [
  {
    address: 0x02,
    name: "sha256",
    since: "frontier",
    gas: (input) => 60 + 12 * wordCount(input),
    run: (input) => sha256(input),
  },
  {
    address: 0x03,
    name: "ripemd160",
    since: "frontier",
    gas: (input) => 600 + 120 * wordCount(input),
    run: (input) => {
      const output = new Uint8Array(32);
      output.set(ripemd160(input), 12);
      return output;
    },
  },
  {
    address: 0x04,
    name: "identity",
    since: "frontier",
    gas: (input) => 15 + 3 * wordCount(input),
    run: (input) => new Uint8Array(input),
  },
];
