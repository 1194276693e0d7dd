// ECDSA over secp256k1 as Ethereum uses it: signing, sender recovery, addresses. All range checks happen here, once, so
// that the implementation below (WASM kernel, native add-on, or noble) cannot change an answer.

import { assert } from "#base/assert.ts";
import { isZeroBytes } from "#base/bytes.ts";
import { keccak256, keccak256Into } from "./keccak256.ts";
import type { KeyRecoverer, Secp256k1Backend } from "./secp256k1-backend.ts";
import { nativeSecp256k1 } from "./secp256k1-native.ts";
import { createNobleSecp256k1 } from "./secp256k1-noble.ts";
import { wasmKeyRecoverer } from "./secp256k1-wasm.ts";

/** A recoverable signature: r and s as 32 big-endian bytes each, and the parity of the nonce point's y. */
export type Signature = { r: Uint8Array; s: Uint8Array; yParity: 0 | 1 };

/** The order of the group. @see SEC 2, section 2.4.1 */
export const SECP256K1_N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

const N_BYTES = new Uint8Array(32).map((_, i) => Number((SECP256K1_N >> BigInt(8 * (31 - i))) & 0xffn));

const backend: Secp256k1Backend = nativeSecp256k1 ?? createNobleSecp256k1();
const recoverer: KeyRecoverer = wasmKeyRecoverer ?? backend;

/** Which implementation signs and derives keys in this process. */
export const SECP256K1_BACKEND: "native" | "noble" = backend.name;

/** Which implementation recovers keys in this process. */
export const RECOVERY_BACKEND: "wasm" | "native" | "noble" = recoverer.name;

// Results of one call at a time; nothing here is asynchronous.
const signatureScratch = new Uint8Array(64);
const publicKeyScratch = new Uint8Array(65);
const publicKeyBody = publicKeyScratch.subarray(1);
const hashScratch = new Uint8Array(32);

/**
 * Signs a hash deterministically (RFC 6979) with low s (EIP-2).
 * @param hash 32 bytes
 * @param privateKey 32 bytes, valid by `isValidPrivateKey`
 * @throws {AssertionError} on an invalid key
 */
export function sign(hash: Uint8Array, privateKey: Uint8Array): Signature {
  assert(hash.length === 32, "the hash to sign has 32 bytes");
  assert(isValidPrivateKey(privateKey), "invalid private key");
  const recoveryId = backend.sign(reduceModN(hash), privateKey, signatureScratch);
  // An id of 2 or 3 (nonce point with x >= n, chance 2^-127) cannot be expressed in a transaction.
  assert(recoveryId === 0 || recoveryId === 1, "signature with an inexpressible recovery id");
  return { r: signatureScratch.slice(0, 32), s: signatureScratch.slice(32, 64), yParity: recoveryId };
}

/**
 * Recovers the public key that made a signature. High s is accepted: EIP-2 is the caller's to apply.
 * @param hash 32 bytes
 * @param r 32 bytes
 * @param s 32 bytes
 * @param yParity 0 or 1; anything else recovers nothing
 * @returns 64 bytes x‖y, or null when r or s is out of [1, n) or no key fits
 */
export function recoverPublicKey(hash: Uint8Array, r: Uint8Array, s: Uint8Array, yParity: number): Uint8Array | null {
  return recoverIntoScratch(hash, r, s, yParity) ? publicKeyBody.slice() : null;
}

/**
 * Recovers the 20-byte address that made a signature; arguments and refusals as in `recoverPublicKey`.
 */
export function recoverAddress(hash: Uint8Array, r: Uint8Array, s: Uint8Array, yParity: number): Uint8Array | null {
  if (!recoverIntoScratch(hash, r, s, yParity)) return null;
  keccak256Into(publicKeyBody, hashScratch, 0);
  return hashScratch.slice(12);
}

/**
 * The public key of a private key, as 64 bytes x‖y.
 * @throws {AssertionError} on an invalid key
 */
export function publicKeyFromPrivateKey(privateKey: Uint8Array): Uint8Array {
  assert(isValidPrivateKey(privateKey), "invalid private key");
  backend.derivePublicKey(privateKey, publicKeyScratch);
  return publicKeyBody.slice();
}

/** The address of a 64-byte public key x‖y: the last 20 bytes of its keccak-256. */
export function addressFromPublicKey(publicKey: Uint8Array): Uint8Array {
  assert(publicKey.length === 64, "a public key is 64 bytes, x then y");
  return keccak256(publicKey).slice(12);
}

/**
 * The address of a private key.
 * @throws {AssertionError} on an invalid key
 */
export function addressFromPrivateKey(privateKey: Uint8Array): Uint8Array {
  return addressFromPublicKey(publicKeyFromPrivateKey(privateKey));
}

/** Whether the bytes are a private key: 32 bytes with a value in [1, n). */
export function isValidPrivateKey(privateKey: Uint8Array): boolean {
  return privateKey.length === 32 && isScalar(privateKey);
}

/** A signature as 65 bytes: r‖s‖yParity, the last byte 0 or 1. */
export function encodeSignature(signature: Signature): Uint8Array {
  assert(signature.r.length === 32 && signature.s.length === 32, "r and s have 32 bytes each");
  const bytes = new Uint8Array(65);
  bytes.set(signature.r, 0);
  bytes.set(signature.s, 32);
  bytes[64] = signature.yParity;
  return bytes;
}

/** Reads `encodeSignature`'s form; null on another length, a parity above 1, or r or s out of [1, n). */
export function decodeSignature(bytes: Uint8Array): Signature | null {
  if (bytes.length !== 65) return null;
  const yParity = bytes[64]!;
  if (yParity !== 0 && yParity !== 1) return null;
  const r = bytes.slice(0, 32);
  const s = bytes.slice(32, 64);
  return isScalar(r) && isScalar(s) ? { r, s, yParity } : null;
}

function recoverIntoScratch(hash: Uint8Array, r: Uint8Array, s: Uint8Array, yParity: number): boolean {
  assert(hash.length === 32 && r.length === 32 && s.length === 32, "hash, r and s have 32 bytes each");
  if (yParity !== 0 && yParity !== 1) return false;
  if (!isScalar(r) || !isScalar(s)) return false;
  signatureScratch.set(r, 0);
  signatureScratch.set(s, 32);
  return recoverer.recover(hash, signatureScratch, yParity, publicKeyScratch);
}

// In [1, n).
function isScalar(bytes: Uint8Array): boolean {
  return isBelowN(bytes) && !isZeroBytes(bytes);
}

function isBelowN(bytes: Uint8Array): boolean {
  for (let i = 0; i < 32; i++) {
    const difference = bytes[i]! - N_BYTES[i]!;
    if (difference !== 0) return difference < 0;
  }
  return false;
}

// RFC 6979 (2.3.4, bits2octets) feeds the hash to the nonce reduced modulo n. libsecp256k1 feeds it unreduced; reducing
// before the call makes both implementations follow the RFC, and leaves the signature equation as it is.
function reduceModN(hash: Uint8Array): Uint8Array {
  if (isBelowN(hash)) return hash;
  const reduced = new Uint8Array(32);
  let borrow = 0;
  for (let i = 31; i >= 0; i--) {
    const difference = hash[i]! - N_BYTES[i]! - borrow;
    borrow = difference < 0 ? 1 : 0;
    reduced[i] = difference + 256 * borrow;
  }
  return reduced;
}
