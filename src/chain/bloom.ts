// The 2048-bit log filter of receipts and headers: three bits for each address and topic.

import { assert } from "#base/assert.ts";
import { keccak256Into } from "#crypto/keccak256.ts";
import type { Log } from "./log.ts";

/** Size of a log filter. */
export const BLOOM_SIZE_BYTES = 256;

const digest = new Uint8Array(32);

/** Values whose bits are kept, by their last byte: tokens, events and holders come again and again, and a hash costs 300 ns. */
const RECENT_COUNT = 256;

/** Values of 20 and of 32 bytes, filled up with zeroes, and their sizes; 0 for none yet. */
const recentValues = new Uint8Array(RECENT_COUNT * 32);
const recentSizes = new Uint8Array(RECENT_COUNT);
/** Three bits each. */
const recentBits = new Uint16Array(RECENT_COUNT * 3);

/** Sets the three bits of `value` (an address or topic) in `bloom`. @see yellow paper, section 4.3.1 */
export function addToBloom(bloom: Uint8Array, value: Uint8Array): void {
  const place = value[value.length - 1]!;
  if (!isRecent(place, value)) keepBits(place, value);
  for (let i = 3 * place; i < 3 * place + 3; i++) {
    const bit = recentBits[i]!;
    bloom[BLOOM_SIZE_BYTES - 1 - (bit >> 3)]! |= 1 << (bit & 7);
  }
}

function isRecent(place: number, value: Uint8Array): boolean {
  if (recentSizes[place] !== value.length) return false;
  for (let i = 0; i < value.length; i++) if (recentValues[32 * place + i] !== value[i]) return false;
  return true;
}

function keepBits(place: number, value: Uint8Array): void {
  assert(value.length === 20 || value.length === 32, "an address or a topic");
  keccak256Into(value, digest, 0);
  recentSizes[place] = value.length;
  for (let i = 0; i < value.length; i++) recentValues[32 * place + i] = value[i]!;
  for (let i = 0; i < 3; i++) recentBits[3 * place + i] = ((digest[2 * i]! & 7) << 8) | digest[2 * i + 1]!;
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
