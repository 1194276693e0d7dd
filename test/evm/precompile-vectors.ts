// go-ethereum's vectors of the precompiles: which file holds for which address and fork.

import type { Hardfork } from "#chain/hardforks.ts";

/** One vector: hex without prefix, and what must come of it. */
export type PrecompileVector = { Input: string; Expected?: string; Name: string; Gas?: number; ExpectedError?: string };

/** File, address, fork, and how many vectors at most the reference engine runs by default. */
export const PRECOMPILE_VECTOR_SETS: readonly (readonly [
  file: string,
  address: number,
  fork: Hardfork,
  count: number,
])[] = [
  ["ecRecover", 1, "osaka", 100],
  ["modexp", 5, "byzantium", 100],
  ["modexp_eip2565", 5, "berlin", 100],
  ["modexp_eip7883", 5, "osaka", 100],
  ["bn256Add", 6, "osaka", 100],
  ["bn256ScalarMul", 7, "osaka", 100],
  ["bn256Pairing", 8, "osaka", 5],
  ["blake2F", 9, "osaka", 4],
  ["fail-blake2f", 9, "osaka", 100],
  ["pointEvaluation", 10, "cancun", 100],
  ["blsG1Add", 0x0b, "osaka", 20],
  ["blsG1Mul", 0x0c, "osaka", 10],
  ["blsG1MultiExp", 0x0c, "osaka", 3],
  ["blsG2Add", 0x0d, "osaka", 20],
  ["blsG2Mul", 0x0e, "osaka", 6],
  ["blsG2MultiExp", 0x0e, "osaka", 2],
  ["blsPairing", 0x0f, "osaka", 4],
  ["blsMapG1", 0x10, "osaka", 6],
  ["blsMapG2", 0x11, "osaka", 4],
  ["fail-blsG1Add", 0x0b, "osaka", 100],
  ["fail-blsG1Mul", 0x0c, "osaka", 100],
  ["fail-blsG1MultiExp", 0x0c, "osaka", 100],
  ["fail-blsG2Add", 0x0d, "osaka", 100],
  ["fail-blsG2Mul", 0x0e, "osaka", 100],
  ["fail-blsG2MultiExp", 0x0e, "osaka", 100],
  ["fail-blsPairing", 0x0f, "osaka", 100],
  ["fail-blsMapG1", 0x10, "osaka", 100],
  ["fail-blsMapG2", 0x11, "osaka", 100],
  ["p256Verify", 0x100, "osaka", 200],
];
