// Keccak-256 as Ethereum uses it (original padding, not SHA-3): hashes of transactions, addresses, tries and state keys.

import { keccak_256 } from "@noble/hashes/sha3.js";
import { fromHex } from "#base/hex.ts";

/** Which implementation `keccak256` runs on in this process. */
export const KECCAK_BACKEND: "wasm" | "noble" = "noble";

/** Keccak-256 of the empty string: the code hash of an account without code. */
export const KECCAK_EMPTY: Uint8Array = fromHex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");

/** Keccak-256 of 0x80, the RLP of the empty string: the root of an empty Ethereum trie. */
export const KECCAK_EMPTY_RLP: Uint8Array = fromHex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");

/**
 * Keccak-256 hash of a byte string.
 * @returns a fresh 32-byte array
 */
export function keccak256(data: Uint8Array): Uint8Array {
  return keccak_256(data);
}

/** Keccak-256 written into `out` at `outOffset`. */
export function keccak256Into(data: Uint8Array, out: Uint8Array, outOffset: number): void {
  out.set(keccak_256(data), outOffset);
}
