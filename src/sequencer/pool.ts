// The transaction pool: admitted transactions on their way to the executor, owned by the thread that executes.
//
//   add ──▶ lane per sender, by nonce ──▶ ready heap (heads by effective tip, then arrival) ──▶ next / executed / defer / drop
//                     └─▶ eviction heap (last entries: those behind a gap first, then by the lowest tip)
//
// Everything is bounded: entries and bytes in all, entries per account, entries behind gaps, age.

import { assert } from "#base/assert.ts";
import { toBareHex } from "#base/hex.ts";
import type { Address, Hash32, Wei } from "#chain/primitives.ts";
import {
  type Reject,
  reject,
  rejectAccountLimit,
  rejectNonceTooHigh,
  rejectNonceTooLow,
  rejectReplacementUnderpriced,
} from "#chain/reject.ts";
import type { Transaction } from "#chain/transaction.ts";
import { LaneHeap } from "./lane-heap.ts";
import {
  createLane,
  EVICTION_SLOT,
  effectiveTipKey,
  entryAt,
  findPosition,
  isTailQueued,
  nextFreeNonce,
  type PoolEntry,
  type PoolLane,
  READY_SLOT,
} from "./pool-lane.ts";

export type { PoolEntry } from "./pool-lane.ts";

/** Bounds of the pool. */
export type PoolLimits = {
  /** Entries in all. */
  readonly transactionCountMax: number;
  /** Raw bytes in all. */
  readonly sizeBytesMax: number;
  /** Entries of one account; the transaction that closes its first gap is admitted beyond it, for the last one behind. */
  readonly accountTransactionCountMax: number;
  /** Entries behind gaps, over all accounts. */
  readonly queuedCountMax: number;
  /** Age at which an entry expires, milliseconds. */
  readonly lifetimeMs: number;
};

/** The bounds of a node that was told nothing else. */
export const DEFAULT_POOL_LIMITS: PoolLimits = {
  transactionCountMax: 50_000,
  sizeBytesMax: 256 * 1024 * 1024,
  accountTransactionCountMax: 500,
  queuedCountMax: 10_000,
  lifetimeMs: 3 * 3_600_000,
};

/** Why an entry left the pool without having been executed from it. */
export type DropReason = "replaced" | "evicted" | "expired" | "stale" | "rejected";

/** Whom the pool tells; calls come synchronously, in order, and must not call back into the pool. */
export type PoolEvents = {
  /** The entry can run now as far as nonces go: new, or its gap has closed. */
  readonly onPending: (entry: PoolEntry) => void;
  readonly onDropped: (entry: PoolEntry, reason: DropReason) => void;
};

/** The answer to {@link TransactionPool.add}. */
export type AddResult =
  | { readonly kind: "accepted"; readonly isPending: boolean; readonly entry: PoolEntry }
  | { readonly kind: "rejected"; readonly reject: Reject };

/** What to add, with what admission found out about it. */
export type PoolCandidate = {
  readonly transaction: Transaction;
  readonly sender: Address;
  readonly raw: Uint8Array;
  readonly hash: Hash32;
  readonly nowMs: number;
  /** The sender's nonce in the newest state. */
  readonly accountNonce: bigint;
};

/** The waiting transactions of one account, each list ascending by nonce. */
export type PoolContent = {
  readonly address: Address;
  readonly pending: readonly PoolEntry[];
  readonly queued: readonly PoolEntry[];
};

/** A replacement must raise fee cap and tip cap by this many percent. */
export const REPLACEMENT_BUMP_PERCENT = 10n;

const NO_EVENTS: PoolEvents = { onPending: () => {}, onDropped: () => {} };

/** Waiting transactions by sender and nonce, handed out by what they pay. */
export class TransactionPool {
  /** Entries that left without being executed, by reason; only grows. */
  readonly dropCounts: Record<DropReason, number> = { replaced: 0, evicted: 0, expired: 0, stale: 0, rejected: 0 };

  readonly #limits: PoolLimits;
  readonly #events: PoolEvents;
  readonly #lanes = new Map<string, PoolLane>();
  readonly #byHash = new Map<string, PoolEntry>(); // in order of admission: what expires stands in front
  readonly #ready: LaneHeap<PoolLane>;
  readonly #eviction: LaneHeap<PoolLane>;
  readonly #deferred = new Set<PoolLane>();
  #running: PoolEntry | null = null;
  #baseFee: Wei = 0n;
  #baseFeeKey = 0;
  #arrivals = 0;
  #pendingCount = 0;
  #sizeBytes = 0;

  constructor(limits: PoolLimits = DEFAULT_POOL_LIMITS, events: PoolEvents = NO_EVENTS) {
    this.#limits = limits;
    this.#events = events;
    this.#ready = new LaneHeap(READY_SLOT, readyBefore);
    this.#eviction = new LaneHeap(EVICTION_SLOT, evictedBefore);
  }

  /** Entries in all. */
  get size(): number {
    return this.#byHash.size;
  }

  /** Entries whose nonces follow on from their account's. */
  get pendingCount(): number {
    return this.#pendingCount;
  }

  /** Entries behind a gap. */
  get queuedCount(): number {
    return this.#byHash.size - this.#pendingCount;
  }

  /** Raw bytes held. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Whether {@link next} has something to hand out. */
  get hasReady(): boolean {
    return this.#ready.size > 0;
  }

  /**
   * Adds an admitted transaction. Rejects: "already known", "nonce too low", "nonce too high" (beyond 2^53),
   * "replacement transaction underpriced", "account limit exceeded", "txpool is full".
   */
  add(candidate: PoolCandidate): AddResult {
    const hashKey = toBareHex(candidate.hash);
    if (this.#byHash.has(hashKey)) return rejected(reject("already known"));
    const key = toBareHex(candidate.sender);
    this.#raiseNonce(key, Number(candidate.accountNonce));
    const lane = this.#lanes.get(key);
    const floor = lane?.accountNonce ?? Number(candidate.accountNonce);
    const nonce = Number(candidate.transaction.nonce);
    const runs = this.#running !== null && this.#running.lane === lane && this.#running.nonce === nonce;
    if (nonce < floor || runs) {
      return rejected(rejectNonceTooLow(BigInt(runs ? floor + 1 : floor), candidate.transaction.nonce));
    }
    if (!Number.isSafeInteger(nonce)) return rejected(rejectNonceTooHigh(BigInt(floor), candidate.transaction.nonce));
    const replaced = lane === undefined ? null : entryAt(lane, nonce);
    const refusal =
      replaced !== null
        ? checkReplacement(replaced, candidate.transaction)
        : this.#makeRoom(lane, candidate, nonce, floor);
    if (refusal !== null) return rejected(refusal);
    const home = this.#lanes.get(key) ?? createLane(candidate.sender, key, floor); // making room may have emptied it
    const entry = this.#createEntry(home, candidate, nonce, hashKey);
    this.#insert(home, entry, replaced);
    return { kind: "accepted", isPending: nonce < nextFreeNonce(home), entry };
  }

  /** Sets the base fee that tips are counted above, and releases all deferred lanes: called when an EVM block opens. */
  startBlock(baseFee: Wei): void {
    this.releaseDeferred();
    if (baseFee === this.#baseFee) return;
    this.#baseFee = baseFee;
    this.#baseFeeKey = Number(baseFee);
    for (const lane of this.#lanes.values()) this.#settle(lane);
  }

  /** Lets deferred lanes run again. */
  releaseDeferred(): void {
    for (const lane of this.#deferred) {
      lane.isDeferred = false;
      this.#settle(lane);
    }
    this.#deferred.clear();
  }

  /** The best head: highest effective tip, then longest in the pool. Null when nothing can run at the base fee. */
  peek(): PoolEntry | null {
    return this.#ready.peek()?.entries[0] ?? null;
  }

  /**
   * Hands out the best head. It stays in the pool, protected from replacement and eviction, until the caller says
   * `executed`, `defer` or `drop`; one at a time.
   */
  next(): PoolEntry | null {
    assert(this.#running === null, "the pool hands out one entry at a time");
    this.#running = this.peek();
    return this.#running;
  }

  /** The handed-out entry was included: it leaves, and its account's nonce is one more. */
  executed(entry: PoolEntry): void {
    this.#release(entry);
    this.#setNonce(entry.lane, entry.nonce + 1, entry);
  }

  /** The handed-out entry cannot run now: its lane waits for `startBlock` or `releaseDeferred`. */
  defer(entry: PoolEntry): void {
    this.#release(entry);
    entry.lane.isDeferred = true;
    this.#deferred.add(entry.lane);
    this.#settle(entry.lane);
  }

  /** The handed-out entry did not run because its account's nonce is another: what has become stale leaves. */
  correct(entry: PoolEntry, accountNonce: bigint): void {
    this.#release(entry);
    this.#setNonce(entry.lane, Number(accountNonce), null);
  }

  /** The handed-out entry can never run: it leaves, and what follows it waits behind the gap. */
  drop(entry: PoolEntry): void {
    this.#release(entry);
    this.#remove(entry, "rejected");
  }

  /**
   * The account's nonce is now `nextNonce`, from whatever cause (a transaction of its own, an authorization, a contract
   * creation): older entries leave, and entries whose gap has closed become pending.
   */
  onExecuted(sender: Address, nextNonce: bigint): void {
    const lane = this.#lanes.get(toBareHex(sender));
    if (lane !== undefined) this.#setNonce(lane, Number(nextNonce), null);
  }

  /** Removes every entry of an account; returns how many. */
  dropSender(sender: Address): number {
    const lane = this.#lanes.get(toBareHex(sender));
    if (lane === undefined) return 0;
    const entries = lane.entries.filter((entry) => entry !== this.#running);
    for (const entry of entries.reverse()) this.#remove(entry, "rejected");
    return entries.length;
  }

  /** Removes entries older than the lifetime; returns how many. Cost is in proportion to what expires. */
  expire(nowMs: number): number {
    let count = 0;
    for (const entry of this.#byHash.values()) {
      if (nowMs - entry.addedAtMs < this.#limits.lifetimeMs) break;
      if (entry === this.#running) continue;
      this.#remove(entry, "expired");
      count++;
    }
    return count;
  }

  /** The first nonce that pending entries leave free, or null when the account has none here: ask the state. */
  pendingNonce(address: Address): bigint | null {
    const lane = this.#lanes.get(toBareHex(address));
    return lane === undefined ? null : BigInt(nextFreeNonce(lane));
  }

  /** Most wei that the pending entries of an account can cost; 0 for an unknown one. */
  expenditure(address: Address): Wei {
    return this.#lanes.get(toBareHex(address))?.expenditure ?? 0n;
  }

  /** Most wei that the pending entry with this nonce can cost, or null when there is none. */
  costAt(address: Address, nonce: bigint): Wei | null {
    const lane = this.#lanes.get(toBareHex(address));
    const isPending = lane !== undefined && nonce < nextFreeNonce(lane);
    return isPending ? (entryAt(lane, Number(nonce))?.cost ?? null) : null;
  }

  /** The entry with this hash, or null. */
  byHash(hash: Hash32): PoolEntry | null {
    return this.#byHash.get(toBareHex(hash)) ?? null;
  }

  /** What waits, by account: `txpool_content`. */
  *content(): Generator<PoolContent> {
    for (const lane of this.#lanes.values()) yield laneContent(lane);
  }

  /** What waits for one account, or null when nothing does. */
  contentOf(address: Address): PoolContent | null {
    const lane = this.#lanes.get(toBareHex(address));
    return lane === undefined ? null : laneContent(lane);
  }

  #release(entry: PoolEntry): void {
    assert(this.#running === entry, "not the entry that was handed out");
    this.#running = null;
  }

  /** Null when the transaction may enter; less paying entries leave for it when the pool is full. */
  #makeRoom(lane: PoolLane | undefined, candidate: PoolCandidate, nonce: number, floor: number): Reject | null {
    const nextFree = lane === undefined ? floor : nextFreeNonce(lane);
    const isQueued = nonce > nextFree;
    const limits = this.#limits;
    if (lane !== undefined && lane.entries.length >= limits.accountTransactionCountMax) {
      if (nonce !== nextFree || !isTailQueued(lane)) return rejectAccountLimit(lane.entries.length);
      this.#remove(lane.entries[lane.entries.length - 1]!, "evicted");
    }
    const size = candidate.raw.length;
    while (
      this.#byHash.size >= limits.transactionCountMax ||
      this.#sizeBytes + size > limits.sizeBytesMax ||
      (isQueued && this.queuedCount >= limits.queuedCountMax)
    ) {
      const victim = this.#findVictim(lane, candidate.transaction, nonce, isQueued);
      if (victim === null) return reject("txpool is full");
      this.#remove(victim, "evicted");
    }
    return null;
  }

  /** The cheapest last entry, when it is worth less than the candidate. */
  #findVictim(lane: PoolLane | undefined, tx: Transaction, nonce: number, isQueued: boolean): PoolEntry | null {
    const victimLane = this.#eviction.peek();
    if (victimLane === undefined) return null;
    const victim = victimLane.entries[victimLane.entries.length - 1]!;
    if (victim === this.#running) return null;
    if (victimLane === lane && victim.nonce < nonce) return null; // never its own predecessor
    const victimIsQueued = isTailQueued(victimLane);
    if (victimIsQueued !== isQueued) return victimIsQueued ? victim : null;
    const room = Number(tx.maxFeePerGas) - this.#baseFeeKey;
    const tipKey = Math.min(room, Number(tx.maxPriorityFeePerGas));
    return victimLane.tailTipKey < tipKey ? victim : null;
  }

  #createEntry(lane: PoolLane, candidate: PoolCandidate, nonce: number, hashKey: string): PoolEntry {
    const { transaction, raw, hash, nowMs } = candidate;
    return {
      transaction,
      raw,
      hash,
      hashKey,
      lane,
      nonce,
      arrival: this.#arrivals++,
      addedAtMs: nowMs,
      feeCapKey: Number(transaction.maxFeePerGas),
      tipCapKey: Number(transaction.maxPriorityFeePerGas),
      cost: transaction.gasLimit * transaction.maxFeePerGas + transaction.value,
    };
  }

  #insert(lane: PoolLane, entry: PoolEntry, replaced: PoolEntry | null): void {
    this.#lanes.set(lane.key, lane);
    const position = findPosition(lane, entry.nonce);
    lane.entries.splice(position, replaced === null ? 0 : 1, entry);
    this.#byHash.set(entry.hashKey, entry);
    this.#sizeBytes += entry.raw.length;
    if (replaced !== null) {
      this.#forget(replaced, "replaced");
      if (position < lane.executableCount) {
        lane.expenditure += entry.cost - replaced.cost;
        this.#events.onPending(entry);
      }
    }
    this.#promote(lane);
    this.#settle(lane);
  }

  #raiseNonce(key: string, accountNonce: number): void {
    const lane = this.#lanes.get(key);
    if (lane === this.#running?.lane) return; // its nonce is the executor's to say
    if (lane !== undefined && accountNonce > lane.accountNonce) this.#setNonce(lane, accountNonce, null);
  }

  #setNonce(lane: PoolLane, nonce: number, included: PoolEntry | null): void {
    const staleCount = findPosition(lane, nonce);
    const runsOn = lane.entries[staleCount]?.nonce === nonce;
    this.#demote(lane, runsOn ? Math.min(staleCount, lane.executableCount) : lane.executableCount);
    lane.accountNonce = nonce;
    for (const entry of lane.entries.splice(0, staleCount)) this.#forget(entry, entry === included ? null : "stale");
    this.#promote(lane);
    this.#settle(lane);
  }

  #remove(entry: PoolEntry, reason: DropReason): void {
    const { lane } = entry;
    const position = findPosition(lane, entry.nonce);
    while (lane.executableCount > position) this.#demoteLast(lane);
    lane.entries.splice(position, 1);
    this.#forget(entry, reason);
    this.#settle(lane);
  }

  #forget(entry: PoolEntry, reason: DropReason | null): void {
    this.#byHash.delete(entry.hashKey);
    this.#sizeBytes -= entry.raw.length;
    if (reason === null) return;
    this.dropCounts[reason]++;
    this.#events.onDropped(entry, reason);
  }

  /** Counts in the entries that now follow on from the executable ones. */
  #promote(lane: PoolLane): void {
    const { entries } = lane;
    for (let next = entries[lane.executableCount]; next?.nonce === nextFreeNonce(lane); ) {
      lane.executableCount++;
      lane.expenditure += next.cost;
      this.#pendingCount++;
      this.#events.onPending(next);
      next = entries[lane.executableCount];
    }
  }

  /** Counts out the first `count` executable entries, which are about to leave from the front. */
  #demote(lane: PoolLane, count: number): void {
    for (let i = 0; i < count; i++) lane.expenditure -= lane.entries[i]!.cost;
    lane.executableCount -= count;
    this.#pendingCount -= count;
  }

  #demoteLast(lane: PoolLane): void {
    lane.executableCount--;
    lane.expenditure -= lane.entries[lane.executableCount]!.cost;
    this.#pendingCount--;
  }

  /** Puts the lane where it belongs in both heaps, or out of the pool when it is empty. */
  #settle(lane: PoolLane): void {
    const { entries } = lane;
    if (entries.length === 0) {
      this.#ready.remove(lane);
      this.#eviction.remove(lane);
      this.#deferred.delete(lane);
      this.#lanes.delete(lane.key);
      return;
    }
    const head = entries[0]!;
    lane.tailTipKey = effectiveTipKey(entries[entries.length - 1]!, this.#baseFeeKey);
    this.#eviction.place(lane);
    if (lane.executableCount > 0 && !lane.isDeferred && head.transaction.maxFeePerGas >= this.#baseFee) {
      lane.headTipKey = effectiveTipKey(head, this.#baseFeeKey);
      this.#ready.place(lane);
    } else {
      this.#ready.remove(lane);
    }
  }
}

function laneContent(lane: PoolLane): PoolContent {
  const { address, entries, executableCount } = lane;
  return { address, pending: entries.slice(0, executableCount), queued: entries.slice(executableCount) };
}

/** @hot bench/sequencer/pool.bench.ts */
function readyBefore(a: PoolLane, b: PoolLane): boolean {
  if (a.headTipKey !== b.headTipKey) return a.headTipKey > b.headTipKey;
  return a.entries[0]!.arrival < b.entries[0]!.arrival;
}

/** Entries behind a gap first, then the lowest tip, then the youngest. @hot bench/sequencer/pool.bench.ts */
function evictedBefore(a: PoolLane, b: PoolLane): boolean {
  const aQueued = isTailQueued(a);
  if (aQueued !== isTailQueued(b)) return aQueued;
  if (a.tailTipKey !== b.tailTipKey) return a.tailTipKey < b.tailTipKey;
  return a.entries[a.entries.length - 1]!.arrival > b.entries[b.entries.length - 1]!.arrival;
}

function checkReplacement(old: PoolEntry, replacement: Transaction): Reject | null {
  const { maxFeePerGas: feeCap, maxPriorityFeePerGas: tipCap } = old.transaction;
  const bump = 100n + REPLACEMENT_BUMP_PERCENT;
  const raisesFee = replacement.maxFeePerGas > feeCap && replacement.maxFeePerGas >= (feeCap * bump) / 100n;
  const raisesTip =
    replacement.maxPriorityFeePerGas > tipCap && replacement.maxPriorityFeePerGas >= (tipCap * bump) / 100n;
  return raisesFee && raisesTip ? null : rejectReplacementUnderpriced();
}

function rejected(refusal: Reject): AddResult {
  return { kind: "rejected", reject: refusal };
}
