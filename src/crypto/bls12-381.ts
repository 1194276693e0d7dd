// BLS12-381 for the precompiles, made per thread on first use.

import type { Bls12381Backend } from "./bls12-381-backend.ts";
import { createNobleBls12381 } from "./bls12-381-noble.ts";

let backend: Bls12381Backend | null = null;

/** This thread's implementation. */
export function bls12381(): Bls12381Backend {
  backend ??= createNobleBls12381();
  return backend;
}
