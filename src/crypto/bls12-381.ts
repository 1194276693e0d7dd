// BLS12-381 for the precompiles, made per thread on first use: our WASM kernel where the engine has wide arithmetic,
// noble elsewhere and where portable implementations were asked for.

import { wasmFeatures } from "#wasm/features.ts";
import { PORTABLE_CRYPTO } from "./backend.ts";
import type { Bls12381Backend } from "./curves/bls12-381-backend.ts";
import { createNobleBls12381 } from "./curves/bls12-381-noble.ts";
import { createWasmBls12381 } from "./curves/bls12-381-wasm.ts";

let backend: Bls12381Backend | null = null;

/** This thread's implementation. */
export function bls12381(): Bls12381Backend {
  backend ??= !PORTABLE_CRYPTO && wasmFeatures().wideArithmetic ? createWasmBls12381() : createNobleBls12381();
  return backend;
}
