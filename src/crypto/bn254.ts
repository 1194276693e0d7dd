// bn254 for the precompiles, made per thread on first use.

import type { Bn254Backend } from "./bn254-backend.ts";
import { createNobleBn254 } from "./bn254-noble.ts";

let backend: Bn254Backend | null = null;

/** This thread's implementation. */
export function bn254(): Bn254Backend {
  backend ??= createNobleBn254();
  return backend;
}
