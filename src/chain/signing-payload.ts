// The signing hash straight from a transaction's signed bytes: no objects, no integers, one copy. First step of sender
// recovery at admission, where decoding to an object and encoding it again would cost more than the hash.
//
//   signed    [type] prefix field … field  v r s
//   to sign   [type] prefix field … field [chainId 80 80]        the bracket at the end: legacy with EIP-155

import { assert } from "#base/assert.ts";
import { keccak256Into } from "#crypto/keccak256.ts";
import { rlpPrefixSize, writeRlpPrefix } from "./rlp.ts";

/** A signing payload is longer than the signed bytes by at most this: a long chain id in place of a short signature. */
export const SIGNING_PAYLOAD_EXTRA_BYTES = 48;

/** Fields in front of the signature, by type. */
const UNSIGNED_FIELD_COUNTS = Uint8Array.of(6, 8, 9, 11, 10);
const CHAIN_ID_BYTES_MAX = 32;
const chainIdScratch = new Uint8Array(CHAIN_ID_BYTES_MAX);
let payloadScratch = new Uint8Array(4096);

/**
 * Writes what the sender signed into `out`.
 * @param signed bytes that `decodeTransaction` accepted; anything else gives an arbitrary payload
 * @param out at least `signed.length + SIGNING_PAYLOAD_EXTRA_BYTES` long
 * @returns the length of the payload
 * @see EIP-155, EIP-2718
 * @hot bench/chain/signing-payload.bench.ts
 */
export function writeSigningPayload(signed: Uint8Array, out: Uint8Array): number {
  assert(out.length >= signed.length + SIGNING_PAYLOAD_EXTRA_BYTES, "no room for a signing payload");
  const type = signed[0]! > 0x7f ? 0 : signed[0]!;
  let offset = type === 0 ? 0 : 1;
  if (type !== 0) out[0] = type;
  const writeAt = offset;
  const listPrefix = signed[offset]!;
  offset += listPrefix <= 0xf7 ? 1 : listPrefix - 0xf6;
  const start = offset;
  for (let i = UNSIGNED_FIELD_COUNTS[type]!; i > 0; i--) offset = skipItem(signed, offset);
  const size = offset - start;
  const chainIdStart = type === 0 ? legacyChainId(signed, offset) : -1;
  const suffixSize = chainIdStart < 0 ? 0 : chainIdItemSize(chainIdStart) + 2;
  let end = writeRlpPrefix(out, writeAt, 0xc0, size + suffixSize);
  for (let i = 0; i < size; i++) out[end + i] = signed[start + i]!;
  end += size;
  return suffixSize === 0 ? end : writeChainIdSuffix(out, end, chainIdStart);
}

/**
 * The hash that the sender of a signed transaction signed, written into `out` at `outOffset`.
 * @param signed bytes that `decodeTransaction` accepted
 */
export function signingHashInto(signed: Uint8Array, out: Uint8Array, outOffset: number): void {
  const size = signed.length + SIGNING_PAYLOAD_EXTRA_BYTES;
  if (payloadScratch.length < size) payloadScratch = new Uint8Array(2 * size);
  const payloadSize = writeSigningPayload(signed, payloadScratch);
  keccak256Into(payloadScratch.subarray(0, payloadSize), out, outOffset);
}

/** The offset after the item at `offset`. */
function skipItem(bytes: Uint8Array, offset: number): number {
  const prefix = bytes[offset]!;
  if (prefix < 0x80) return offset + 1;
  const short = prefix - (prefix < 0xc0 ? 0x80 : 0xc0);
  if (short <= 55) return offset + 1 + short;
  let length = 0;
  const lengthEnd = offset + 1 + short - 55;
  for (let i = offset + 1; i < lengthEnd; i++) length = length * 256 + bytes[i]!;
  return lengthEnd + length;
}

/**
 * Puts the chain id of the legacy `v` at `offset` into the end of the scratch: (v − 35) / 2.
 * @returns where its minimal bytes start, or -1 when `v` is 27 or 28
 */
function legacyChainId(bytes: Uint8Array, offset: number): number {
  const prefix = bytes[offset]!;
  if (prefix === 27 || prefix === 28) return -1;
  const size = prefix < 0x80 ? 1 : prefix - 0x80;
  const valueStart = prefix < 0x80 ? offset : offset + 1;
  const start = CHAIN_ID_BYTES_MAX - size;
  let borrow = 35;
  for (let i = size - 1; i >= 0; i--) {
    const difference = bytes[valueStart + i]! - borrow;
    chainIdScratch[start + i] = difference;
    borrow = difference < 0 ? 1 : 0;
  }
  let carry = 0;
  for (let i = start; i < CHAIN_ID_BYTES_MAX; i++) {
    const byte = chainIdScratch[i]!;
    chainIdScratch[i] = (byte >> 1) | carry;
    carry = (byte & 1) << 7;
  }
  let first = start;
  while (first < CHAIN_ID_BYTES_MAX && chainIdScratch[first] === 0) first++;
  return first;
}

function chainIdItemSize(start: number): number {
  const size = CHAIN_ID_BYTES_MAX - start;
  return size === 1 && chainIdScratch[start]! < 0x80 ? 1 : rlpPrefixSize(size) + size;
}

function writeChainIdSuffix(out: Uint8Array, offset: number, start: number): number {
  const size = CHAIN_ID_BYTES_MAX - start;
  let at = offset;
  if (size !== 1 || chainIdScratch[start]! >= 0x80) at = writeRlpPrefix(out, at, 0x80, size);
  for (let i = start; i < CHAIN_ID_BYTES_MAX; i++) out[at++] = chainIdScratch[i]!;
  out[at++] = 0x80;
  out[at++] = 0x80;
  return at;
}
