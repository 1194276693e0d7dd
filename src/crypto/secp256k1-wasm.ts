// Key recovery by our WebAssembly kernel: 1.5 times as fast as libsecp256k1's add-on. Opened per thread on first use.
// It takes variable time and never sees a private key. Absent where the engine lacks wide arithmetic, or where it was
// ruled out.

import { wasmFeatures } from "#wasm/features.ts";
import { createSecp256k1Kernel, type Secp256k1Kernel } from "#wasm/kernels/secp256k1/kernel.ts";
import { NATIVE_CRYPTO, PORTABLE_CRYPTO } from "./backend.ts";
import type { KeyRecoverer } from "./secp256k1-backend.ts";
import { kernelModule, kernelPlacement } from "./thread-kernels.ts";

/** The kernel as a recoverer, or null. */
export const wasmKeyRecoverer: KeyRecoverer | null =
  PORTABLE_CRYPTO || NATIVE_CRYPTO || !wasmFeatures().wideArithmetic || !wasmFeatures().threads
    ? null
    : { name: "wasm", recover };

let kernel: Secp256k1Kernel | null = null;
let hashInput: Uint8Array = new Uint8Array(0);
let signatureInput: Uint8Array = new Uint8Array(0);
let output: Uint8Array = new Uint8Array(0);

/** @hot bench/crypto/secp256k1.bench.ts */
function recover(hash: Uint8Array, signature: Uint8Array, yParity: 0 | 1, publicKey: Uint8Array): boolean {
  const k = kernel ?? openKernel();
  hashInput.set(hash);
  signatureInput.set(signature);
  if (k.recover(k.hashAddress, k.signatureAddress, yParity, k.resultAddress) === 0) return false;
  publicKey[0] = 0x04;
  publicKey.set(output, 1);
  return true;
}

function openKernel(): Secp256k1Kernel {
  const k = createSecp256k1Kernel(kernelPlacement("secp256k1"), kernelModule("secp256k1"));
  hashInput = new Uint8Array(k.memory.buffer, k.hashAddress, 32);
  signatureInput = new Uint8Array(k.memory.buffer, k.signatureAddress, 64);
  output = new Uint8Array(k.memory.buffer, k.resultAddress, 64);
  kernel = k;
  return k;
}
