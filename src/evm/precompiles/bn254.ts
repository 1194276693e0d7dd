// Addition, multiplication and pairing check on bn254, also called alt_bn128 (0x06 to 0x08).

import { type Hardfork, isAtLeast } from "#chain/hardforks.ts";
import { bn254 } from "#crypto/bn254.ts";
import { copyPadded, type Precompile, trueWord } from "./precompile.ts";

const PAIR_SIZE_BYTES = 192;

/** 0x06 to 0x08. @see EIP-196, EIP-197, and EIP-1108 for the prices since Istanbul */
export const BN254_PRECOMPILES: readonly Precompile[] = [
  {
    address: 0x06,
    name: "bn254Add",
    since: "byzantium",
    gas: (_input, fork) => (isRepriced(fork) ? 150 : 500),
    run: (input) => bn254().add(copyPadded(input, 0, 128)),
  },
  {
    address: 0x07,
    name: "bn254Multiply",
    since: "byzantium",
    gas: (_input, fork) => (isRepriced(fork) ? 6000 : 40_000),
    run: (input) => bn254().multiply(copyPadded(input, 0, 96)),
  },
  {
    address: 0x08,
    name: "bn254Pairing",
    since: "byzantium",
    gas: (input, fork) => {
      const pairCount = Math.floor(input.length / PAIR_SIZE_BYTES);
      return isRepriced(fork) ? 45_000 + 34_000 * pairCount : 100_000 + 80_000 * pairCount;
    },
    run: (input) => {
      if (input.length % PAIR_SIZE_BYTES !== 0) return null;
      const isOne = bn254().isPairingProductOne(input);
      if (isOne === null) return null;
      return isOne ? trueWord() : new Uint8Array(32);
    },
  },
];

function isRepriced(fork: Hardfork): boolean {
  return isAtLeast(fork, "istanbul");
}
