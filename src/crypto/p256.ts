// ECDSA over secp256r1 (P-256) for the P256VERIFY precompile, made per thread on first use: our WASM kernel where the
// engine has wide arithmetic, noble elsewhere and where portable implementations were asked for.

import { wasmFeatures } from "#wasm/features.ts";
import { PORTABLE_CRYPTO } from "./backend.ts";
import type { P256Backend } from "./curves/p256-backend.ts";
import { createNobleP256 } from "./curves/p256-noble.ts";
import { createWasmP256 } from "./curves/p256-wasm.ts";

let backend: P256Backend | null = null;

/** This thread's implementation. */
export function p256(): P256Backend {
  backend ??= !PORTABLE_CRYPTO && wasmFeatures().wideArithmetic ? createWasmP256() : createNobleP256();
  return backend;
}
