// The precompiles of every fork, by address: 0x01 to 0x11 and 0x100.

import { HARDFORKS, type Hardfork, isAtLeast } from "#chain/hardforks.ts";
import { BLAKE2F } from "./blake2f.ts";
import { BLS12_381_PRECOMPILES } from "./bls12-381.ts";
import { BN254_PRECOMPILES } from "./bn254.ts";
import { ECRECOVER } from "./ecrecover.ts";
import { HASH_PRECOMPILES } from "./hash.ts";
import { POINT_EVALUATION } from "./kzg.ts";
import { MODEXP } from "./modexp.ts";
import { P256_VERIFY } from "./p256.ts";
import type { Precompile } from "./precompile.ts";

export type { Precompile } from "./precompile.ts";

/** Every precompile of any fork, by ascending address. */
export const PRECOMPILES: readonly Precompile[] = [
  ECRECOVER,
  ...HASH_PRECOMPILES,
  MODEXP,
  ...BN254_PRECOMPILES,
  BLAKE2F,
  POINT_EVALUATION,
  ...BLS12_381_PRECOMPILES,
  P256_VERIFY,
];

const BY_FORK: Readonly<Record<Hardfork, ReadonlyMap<number, Precompile>>> = Object.fromEntries(
  HARDFORKS.map((fork) => [
    fork,
    new Map(PRECOMPILES.filter(({ since }) => isAtLeast(fork, since)).map((row) => [row.address, row])),
  ]),
) as Record<Hardfork, Map<number, Precompile>>;

/** Precompiles active at a fork, by address. */
export function precompilesAt(fork: Hardfork): ReadonlyMap<number, Precompile> {
  return BY_FORK[fork];
}
