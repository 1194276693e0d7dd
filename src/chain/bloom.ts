// The 2048-bit log filter of receipts and headers: three bits for each address and topic.

import { assert } from "#base/assert.ts";
import { keccak256Into } from "#crypto/keccak256.ts";
import type { Log } from "./log.ts";

/** Size of a log filter. */
export const BLOOM_SIZE_BYTES = 256;

const digest = new Uint8Array(32);

/** Sets the three bits of `value` (an address or topic) in `bloom`. @see yellow paper, section 4.3.1 */
export function addToBloom(bloom: Uint8Array, value: Uint8Array): void {
  keccak256Into(value, digest, 0);
  for (let i = 0; i < 6; i += 2) {
    const bit = ((digest[i]! & 7) << 8) | digest[i + 1]!;
    bloom[BLOOM_SIZE_BYTES - 1 - (bit >> 3)]! |= 1 << (bit & 7);
  }
}

/** The filter of all addresses and topics of `logs`. */
export function logsBloom(logs: readonly Log[]): Uint8Array {
  const bloom = new Uint8Array(BLOOM_SIZE_BYTES);
  for (const log of logs) {
    addToBloom(bloom, log.address);
    for (const topic of log.topics) addToBloom(bloom, topic);
  }
  return bloom;
}

/** Whether `value` may be in the filter; false is certain. */
export function bloomMayContain(bloom: Uint8Array, value: Uint8Array): boolean {
  keccak256Into(value, digest, 0);
  for (let i = 0; i < 6; i += 2) {
    const bit = ((digest[i]! & 7) << 8) | digest[i + 1]!;
    if ((bloom[BLOOM_SIZE_BYTES - 1 - (bit >> 3)]! & (1 << (bit & 7))) === 0) return false;
  }
  return true;
}

/** Adds the bits of `other` to `into`. */
export function mergeBloom(into: Uint8Array, other: Uint8Array): void {
  assert(into.length === BLOOM_SIZE_BYTES && other.length === BLOOM_SIZE_BYTES, "a bloom filter has 256 bytes");
  for (let i = 0; i < BLOOM_SIZE_BYTES; i++) into[i]! |= other[i]!;
}
