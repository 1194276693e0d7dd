// bn254 for the precompiles, made per thread on first use: our WASM kernel where the engine has wide arithmetic, noble
// elsewhere and where portable implementations were asked for.

import { wasmFeatures } from "#wasm/features.ts";
import { PORTABLE_CRYPTO } from "./backend.ts";
import type { Bn254Backend } from "./curves/bn254-backend.ts";
import { createNobleBn254 } from "./curves/bn254-noble.ts";
import { createWasmBn254 } from "./curves/bn254-wasm.ts";

let backend: Bn254Backend | null = null;

/** This thread's implementation. */
export function bn254(): Bn254Backend {
  backend ??= !PORTABLE_CRYPTO && wasmFeatures().wideArithmetic ? createWasmBn254() : createNobleBn254();
  return backend;
}
