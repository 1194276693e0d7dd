// One sender's transactions in the pool, ordered by nonce: first those that can run one after the other from the account's
// nonce ("executable"), then those behind a gap ("queued").
//
//   account nonce 7:   7  8  9 | 12 13        executableCount = 3, next free nonce = 10
//
// An entry is one object of a fixed shape with its sort keys as plain numbers. Typed-array columns order a fifth to a third
// faster, but that is 60 ns of the 10 us that a transaction spends in the pool (bench/sequencer/pool.bench.ts).

import type { Address, Hash32 } from "#chain/primitives.ts";
import type { Transaction } from "#chain/transaction.ts";

/** One transaction in the pool. Made on admission, never changed. */
export type PoolEntry = {
  readonly transaction: Transaction;
  /** Canonical signed bytes. */
  readonly raw: Uint8Array;
  readonly hash: Hash32;
  /** Bare hex of `hash`. */
  readonly hashKey: string;
  readonly lane: PoolLane;
  readonly nonce: number;
  /** Order of admission, from 0. */
  readonly arrival: number;
  /** Milliseconds of the caller's clock. */
  readonly addedAtMs: number;
  /** Fee cap and tip cap as sort keys: exact below 2^53 wei, monotone above. */
  readonly feeCapKey: number;
  readonly tipCapKey: number;
  /** Most wei that the sender can lose by it: gas limit × fee cap + value. */
  readonly cost: bigint;
};

/** A sender's entries and where the lane stands in the pool's heaps. */
export type PoolLane = {
  readonly address: Address;
  /** Bare hex of `address`. */
  readonly key: string;
  /** Next nonce of the account, as the pool was last told. */
  accountNonce: number;
  /** Ascending by nonce, no two alike. */
  readonly entries: PoolEntry[];
  /** How many entries from the front run without a gap from `accountNonce`. */
  executableCount: number;
  /** Sum of `cost` over the executable entries, wei. */
  expenditure: bigint;
  /** Whether the head waits for the next block or the next free state records. */
  isDeferred: boolean;
  /** Effective tip of the head, and of the last entry, at the pool's base fee; kept by the pool. */
  headTipKey: number;
  tailTipKey: number;
  /** Positions in the pool's two heaps. */
  readonly positions: Int32Array;
};

/** Heap slots of {@link PoolLane.positions}. */
export const READY_SLOT = 0;
/** Heap slots of {@link PoolLane.positions}. */
export const EVICTION_SLOT = 1;

/** An empty lane. */
export function createLane(address: Address, key: string, accountNonce: number): PoolLane {
  return {
    address: address.slice(),
    key,
    accountNonce,
    entries: [],
    executableCount: 0,
    expenditure: 0n,
    isDeferred: false,
    headTipKey: 0,
    tailTipKey: 0,
    positions: new Int32Array(2).fill(-1),
  };
}

/** The first nonce that the executable entries leave free: what `eth_getTransactionCount` at `pending` says. */
export function nextFreeNonce(lane: PoolLane): number {
  return lane.accountNonce + lane.executableCount;
}

/** Where the entry with this nonce is or would be inserted. */
export function findPosition(lane: PoolLane, nonce: number): number {
  let low = 0;
  let high = lane.entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lane.entries[middle]!.nonce < nonce) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The entry with this nonce, or null. */
export function entryAt(lane: PoolLane, nonce: number): PoolEntry | null {
  const entry = lane.entries[findPosition(lane, nonce)];
  return entry !== undefined && entry.nonce === nonce ? entry : null;
}

/** Whether the lane's last entry waits behind a gap. */
export function isTailQueued(lane: PoolLane): boolean {
  return lane.entries.length > lane.executableCount;
}

/**
 * Effective tip of an entry at a base fee, as a sort key; negative when its fee cap does not cover the base fee.
 * @hot bench/sequencer/pool.bench.ts
 */
export function effectiveTipKey(entry: PoolEntry, baseFeeKey: number): number {
  return Math.min(entry.feeCapKey - baseFeeKey, entry.tipCapKey);
}
