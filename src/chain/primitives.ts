// The words every other file of the chain is written in: addresses, hashes, amounts and the numbers that cost money when mixed.
// Types only, apart from the constructors of the branded numbers, which assert what the brand promises.

import { assert } from "#base/assert.ts";
import type { Brand } from "#base/brand.ts";

/** A 20-byte account address. */
export type Address = Uint8Array;

/** A 32-byte hash, storage key, storage value or other EVM word, big-endian. */
export type Hash32 = Uint8Array;

/** An amount of native currency, or a price per gas, in wei. */
export type Wei = bigint;

/** The height of an EVM block; genesis is 0. */
export type BlockNumber = Brand<number, "BlockNumber">;

/** The chain-wide number of a mini-block, contiguous across EVM blocks. */
export type MiniBlockNumber = Brand<number, "MiniBlockNumber">;

/** The position of a record in the log. */
export type RecordSequence = Brand<number, "RecordSequence">;

/** Microseconds since the Unix epoch. */
export type TimestampUs = Brand<number, "TimestampUs">;

/** Length of an {@link Address}. */
export const ADDRESS_SIZE_BYTES = 20;

/** Length of a {@link Hash32}. */
export const HASH_SIZE_BYTES = 32;

/** Largest unsigned 64-bit integer: nonces, gas limits and timestamps end here. */
export const UINT64_MAX = 0xffff_ffff_ffff_ffffn;

/** Largest unsigned 256-bit integer: amounts and EVM words end here. */
export const UINT256_MAX: bigint = (1n << 256n) - 1n;

/** Block hash that receipts and logs of a mini-block carry until its EVM block is sealed: 32 × 0xff. */
export const PLACEHOLDER_BLOCK_HASH: Hash32 = new Uint8Array(HASH_SIZE_BYTES).fill(0xff);

/** The address of 20 zero bytes. Shared: do not write to it. */
export const ZERO_ADDRESS: Address = new Uint8Array(ADDRESS_SIZE_BYTES);

/** The hash of 32 zero bytes. Shared: do not write to it. */
export const ZERO_HASH: Hash32 = new Uint8Array(HASH_SIZE_BYTES);

/** Brands `n` as an EVM block number; asserts a safe non-negative integer. */
export function blockNumber(n: number): BlockNumber {
  assertCount(n, "block number");
  return n as BlockNumber;
}

/** Brands `n` as a mini-block number; asserts a safe non-negative integer. */
export function miniBlockNumber(n: number): MiniBlockNumber {
  assertCount(n, "mini-block number");
  return n as MiniBlockNumber;
}

/** Brands `n` as a position in the log; asserts a safe non-negative integer. */
export function recordSequence(n: number): RecordSequence {
  assertCount(n, "record sequence");
  return n as RecordSequence;
}

/** Brands `n` as microseconds since the Unix epoch; asserts a safe non-negative integer. */
export function timestampUs(n: number): TimestampUs {
  assertCount(n, "timestamp in microseconds");
  return n as TimestampUs;
}

function assertCount(n: number, what: string): void {
  assert(Number.isSafeInteger(n) && n >= 0, () => `${what} must be a safe non-negative integer, got ${n}`);
}
