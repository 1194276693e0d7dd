// Keccak-256 as Ethereum uses it (original padding, not SHA-3): hashes of transactions, addresses, tries and state
// keys. Runs on our own WebAssembly kernel, made per thread on first use; on noble where there is no WebAssembly or
// where portable implementations were asked for.

import { fromHex } from "#base/hex.ts";
import { createKeccakKernel, type KeccakKernel } from "#wasm/kernels/keccak.ts";
import { PORTABLE_CRYPTO } from "./backend.ts";
import { kernelModule, kernelPlacement } from "./thread-kernels.ts";

type NobleKeccak = typeof import("@noble/hashes/sha3.js")["keccak_256"];

/** Keccak-256 of the empty string: the code hash of an account without code. Shared; nobody writes to it. */
export const KECCAK_EMPTY: Uint8Array = fromHex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");

/** Keccak-256 of 0x80, the RLP of the empty string: the root of an empty Ethereum trie. Shared; nobody writes to it. */
export const KECCAK_EMPTY_RLP: Uint8Array = fromHex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");

/** Which implementation this process runs on. */
export const KECCAK_BACKEND: "wasm" | "noble" =
  PORTABLE_CRYPTO || typeof WebAssembly === "undefined" ? "noble" : "wasm";

const noble: NobleKeccak | null =
  KECCAK_BACKEND === "noble" ? (require("@noble/hashes/sha3.js") as { keccak_256: NobleKeccak }).keccak_256 : null;

let kernel: KeccakKernel | null = null;
let input: Uint8Array = new Uint8Array(0);
let output: Uint8Array = new Uint8Array(0);

/**
 * Keccak-256 hash of a byte string.
 * @param data any length; shared memory is allowed
 * @returns a fresh 32-byte array
 */
export function keccak256(data: Uint8Array): Uint8Array {
  const hash = new Uint8Array(32);
  keccak256Into(data, hash, 0);
  return hash;
}

/**
 * Keccak-256 of `data`, written to `out` from `outOffset` on.
 * @throws {RangeError} when fewer than 32 bytes are left there
 * @hot bench/crypto/keccak.bench.ts
 */
export function keccak256Into(data: Uint8Array, out: Uint8Array, outOffset: number): void {
  if (noble !== null) {
    out.set(noble(data), outOffset);
    return;
  }
  const k = kernel ?? openKernel();
  if (data.length <= k.inputSizeBytes) {
    input.set(data);
    k.hash(k.inputAddress, data.length, k.outputAddress);
  } else {
    hashInChunks(k, data);
  }
  out.set(output, outOffset);
}

// Longer than the input buffer: whole buffers first, which are whole blocks, then the rest.
function hashInChunks(k: KeccakKernel, data: Uint8Array): void {
  const chunkSize = k.inputSizeBytes;
  let offset = 0;
  for (; data.length - offset > chunkSize; offset += chunkSize) {
    input.set(data.subarray(offset, offset + chunkSize));
    if (offset === 0) k.begin(k.inputAddress, chunkSize);
    else k.absorb(k.inputAddress, chunkSize);
  }
  input.set(data.subarray(offset));
  k.finish(k.inputAddress, data.length - offset, k.outputAddress);
}

function openKernel(): KeccakKernel {
  kernel = createKeccakKernel(kernelPlacement("keccak"), kernelModule("keccak"));
  input = new Uint8Array(kernel.memory.buffer, kernel.inputAddress, kernel.inputSizeBytes);
  output = new Uint8Array(kernel.memory.buffer, kernel.outputAddress, 32);
  return kernel;
}
