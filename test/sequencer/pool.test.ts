// The pool against a model that keeps a plain list and searches it, under seeded random operations, and case by case.

import { describe, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { type AddResult, DEFAULT_POOL_LIMITS, type PoolEntry, TransactionPool } from "#sequencer/pool.ts";
import { type CandidateParts, makeCandidate, testAddress } from "./pool-fixtures.ts";

function add(pool: TransactionPool, parts: Partial<CandidateParts>): AddResult {
  return pool.add(makeCandidate({ sender: 0, nonce: 0, feeCap: 100, tipCap: 10, accountNonce: 0, ...parts }));
}

function codeOf(result: AddResult): string {
  return result.kind === "accepted" ? (result.isPending ? "pending" : "queued") : result.reject.code;
}

function takeAll(pool: TransactionPool): PoolEntry[] {
  const taken: PoolEntry[] = [];
  for (let entry = pool.next(); entry !== null; entry = pool.next()) {
    taken.push(entry);
    pool.executed(entry);
  }
  return taken;
}

describe("order", () => {
  test("a lane runs by nonce, lanes by tip, equal tips by arrival", () => {
    const pool = new TransactionPool();
    add(pool, { sender: 1, nonce: 1, tipCap: 90 });
    add(pool, { sender: 1, nonce: 0, tipCap: 5 });
    add(pool, { sender: 2, tipCap: 20 });
    add(pool, { sender: 3, tipCap: 20 });
    const order = takeAll(pool).map((entry) => [entry.lane.address[19], entry.nonce]);
    expect(order).toEqual([
      [3, 0],
      [4, 0],
      [2, 0],
      [2, 1],
    ]);
    expect(pool.size).toBe(0);
  });

  test("the tip that counts is what the fee cap leaves above the base fee", () => {
    const pool = new TransactionPool();
    add(pool, { sender: 1, feeCap: 105, tipCap: 50 });
    add(pool, { sender: 2, feeCap: 200, tipCap: 10 });
    expect(pool.peek()?.lane.address).toEqual(testAddress(1));
    pool.startBlock(100n);
    expect(pool.peek()?.lane.address).toEqual(testAddress(2));
    pool.startBlock(106n);
    expect(takeAll(pool).length).toBe(1); // the first one's fee cap no longer covers the base fee
    expect(pool.hasReady).toBe(false);
    pool.startBlock(105n);
    expect(takeAll(pool).length).toBe(1);
  });

  test("a deferred lane waits for the next block", () => {
    const pool = new TransactionPool();
    add(pool, { sender: 1, tipCap: 20 });
    add(pool, { sender: 2, tipCap: 10 });
    pool.defer(pool.next()!);
    expect(takeAll(pool).map((entry) => entry.tipCapKey)).toEqual([10]);
    pool.startBlock(0n);
    expect(takeAll(pool).map((entry) => entry.tipCapKey)).toEqual([20]);
  });
});

describe("rejects", () => {
  test("already known, nonce too low, nonce too high", () => {
    const pool = new TransactionPool();
    const candidate = makeCandidate({ sender: 0, nonce: 3, feeCap: 1, tipCap: 1, accountNonce: 3 });
    expect(codeOf(pool.add(candidate))).toBe("pending");
    expect(codeOf(pool.add(candidate))).toBe("already known");
    const low = add(pool, { nonce: 2, accountNonce: 3 });
    expect(low.kind === "rejected" && low.reject.message).toBe("nonce too low: next nonce 3, tx nonce 2");
    expect(codeOf(add(pool, { nonce: 2 ** 60 }))).toBe("nonce too high");
  });

  test("a replacement raises both fees by a tenth", () => {
    const pool = new TransactionPool();
    add(pool, { feeCap: 100, tipCap: 10 });
    expect(codeOf(add(pool, { feeCap: 109, tipCap: 11 }))).toBe("replacement transaction underpriced");
    expect(codeOf(add(pool, { feeCap: 110, tipCap: 10 }))).toBe("replacement transaction underpriced");
    expect(codeOf(add(pool, { feeCap: 110, tipCap: 11 }))).toBe("pending");
    expect(pool.size).toBe(1);
    expect(pool.dropCounts.replaced).toBe(1);
    expect(pool.expenditure(testAddress(0))).toBe(21_000n * 110n + 7n);
  });

  test("an account holds its limit, and the one that closes its gap comes in for its last", () => {
    const pool = new TransactionPool({ ...DEFAULT_POOL_LIMITS, accountTransactionCountMax: 3 });
    for (const nonce of [1, 2, 5]) expect(codeOf(add(pool, { nonce }))).toBe("queued");
    expect(codeOf(add(pool, { nonce: 3 }))).toBe("account limit exceeded");
    expect(codeOf(add(pool, { nonce: 0 }))).toBe("pending");
    expect(pool.pendingNonce(testAddress(0))).toBe(3n);
    expect(codeOf(add(pool, { nonce: 3 }))).toBe("account limit exceeded");
    expect(pool.size).toBe(3);
  });

  test("a full pool evicts what is behind a gap, then the cheapest, then refuses", () => {
    const pool = new TransactionPool({ ...DEFAULT_POOL_LIMITS, transactionCountMax: 3 });
    add(pool, { sender: 1, nonce: 4, tipCap: 99 });
    add(pool, { sender: 2, tipCap: 20 });
    add(pool, { sender: 3, tipCap: 30 });
    expect(codeOf(add(pool, { sender: 4, tipCap: 1 }))).toBe("pending"); // for the queued one
    expect(codeOf(add(pool, { sender: 5, tipCap: 1 }))).toBe("txpool is full");
    expect(codeOf(add(pool, { sender: 5, nonce: 1, tipCap: 99 }))).toBe("txpool is full"); // a gap never evicts
    expect(codeOf(add(pool, { sender: 5, tipCap: 2 }))).toBe("pending");
    expect(pool.dropCounts.evicted).toBe(2);
    expect(codeOf(add(pool, { sender: 5, nonce: 1, tipCap: 99 }))).toBe("txpool is full"); // its own predecessor
    expect(takeAll(pool).map((entry) => entry.tipCapKey)).toEqual([30, 20, 2]);
  });

  test("bytes and entries behind gaps are bounded", () => {
    const pool = new TransactionPool({ ...DEFAULT_POOL_LIMITS, sizeBytesMax: 250, queuedCountMax: 1 });
    expect(codeOf(add(pool, { sender: 1, nonce: 1, tipCap: 5 }))).toBe("queued");
    expect(codeOf(add(pool, { sender: 2, nonce: 1, tipCap: 5 }))).toBe("txpool is full");
    expect(codeOf(add(pool, { sender: 2, nonce: 1, tipCap: 6 }))).toBe("queued");
    expect(pool.queuedCount).toBe(1);
    add(pool, { sender: 3 });
    expect(pool.sizeBytes).toBe(200);
    expect(codeOf(add(pool, { sender: 4, sizeBytes: 151 }))).toBe("txpool is full");
  });
});

describe("the entry that runs", () => {
  test("is neither replaced nor evicted", () => {
    const pool = new TransactionPool({ ...DEFAULT_POOL_LIMITS, transactionCountMax: 1 });
    add(pool, { tipCap: 1, feeCap: 10 });
    const entry = pool.next()!;
    expect(codeOf(add(pool, { tipCap: 50, feeCap: 50 }))).toBe("nonce too low");
    expect(codeOf(add(pool, { sender: 1, tipCap: 50 }))).toBe("txpool is full");
    pool.executed(entry);
    expect(pool.size).toBe(0);
  });

  test("leaves a gap behind when it is dropped", () => {
    const pool = new TransactionPool();
    for (const nonce of [0, 1, 2]) add(pool, { nonce });
    pool.drop(pool.next()!);
    expect([pool.pendingCount, pool.queuedCount]).toEqual([0, 2]);
    pool.onExecuted(testAddress(0), 1n);
    expect([pool.pendingCount, pool.queuedCount]).toEqual([2, 0]);
  });
});

test("entries expire by age, the oldest first", () => {
  const pool = new TransactionPool({ ...DEFAULT_POOL_LIMITS, lifetimeMs: 1000 });
  add(pool, { sender: 1, nonce: 1, nowMs: 0 });
  add(pool, { sender: 2, nowMs: 500 });
  expect(pool.expire(999)).toBe(0);
  expect(pool.expire(1000)).toBe(1);
  expect(pool.expire(1500)).toBe(1);
  expect(pool.size).toBe(0);
});

test("a sender's entries can be looked up and dropped together", () => {
  const pool = new TransactionPool();
  for (const nonce of [0, 1, 3]) add(pool, { nonce });
  add(pool, { sender: 1 });
  const content = pool.contentOf(testAddress(0))!;
  expect([content.pending.length, content.queued.length]).toEqual([2, 1]);
  const cost = 21_000n * 100n + 7n;
  expect(pool.costAt(testAddress(0), 1n)).toBe(cost);
  expect(pool.costAt(testAddress(0), 3n)).toBeNull(); // behind the gap: not counted on
  expect(pool.expenditure(testAddress(0))).toBe(2n * cost);
  expect(pool.byHash(content.queued[0]!.hash)).toBe(content.queued[0]!);
  expect(pool.dropSender(testAddress(0))).toBe(3);
  expect(pool.contentOf(testAddress(0))).toBeNull();
  expect(pool.pendingNonce(testAddress(0))).toBeNull();
  expect([pool.size, pool.pendingCount, pool.sizeBytes]).toEqual([1, 1, 100]);
});

test("pending events come once per entry, when its gap closes", () => {
  const seen: number[] = [];
  const pool = new TransactionPool(DEFAULT_POOL_LIMITS, {
    onPending: (entry) => seen.push(entry.nonce),
    onDropped: () => {},
  });
  for (const nonce of [2, 1, 0, 3]) add(pool, { nonce });
  pool.executed(pool.next()!);
  expect(seen).toEqual([0, 1, 2, 3]);
});

// The model: a list of entries and the account nonces; every question is answered by searching.
type ModelEntry = { sender: number; nonce: number; feeCap: number; tipCap: number; arrival: number };

class PoolModel {
  entries: ModelEntry[] = [];
  readonly nonces: number[];
  baseFee = 0;
  arrivals = 0;
  readonly #limit: number;

  constructor(senders: number, limit: number) {
    this.nonces = new Array(senders).fill(0);
    this.#limit = limit;
  }

  lane(sender: number): ModelEntry[] {
    return this.entries.filter((entry) => entry.sender === sender).sort((a, b) => a.nonce - b.nonce);
  }

  nextFree(sender: number): number {
    let next = this.nonces[sender]!;
    while (this.entries.some((entry) => entry.sender === sender && entry.nonce === next)) next++;
    return next;
  }

  tip(entry: ModelEntry): number {
    return Math.min(entry.tipCap, entry.feeCap - this.baseFee);
  }

  isQueued(entry: ModelEntry): boolean {
    return entry.nonce > this.nextFree(entry.sender);
  }

  victim(): ModelEntry | null {
    const tails = this.nonces.map((_, sender) => this.lane(sender).at(-1)).filter((tail) => tail !== undefined);
    tails.sort(
      (a, b) =>
        Number(this.isQueued(b)) - Number(this.isQueued(a)) || this.tip(a) - this.tip(b) || b.arrival - a.arrival,
    );
    return tails[0] ?? null;
  }

  add(parts: { sender: number; nonce: number; feeCap: number; tipCap: number }): string {
    const { sender, nonce } = parts;
    if (nonce < this.nonces[sender]!) return "nonce too low";
    const old = this.entries.find((entry) => entry.sender === sender && entry.nonce === nonce);
    if (old !== undefined) {
      const isEnough = (a: number, b: number) => a > b && a >= Math.floor((b * 110) / 100);
      if (!isEnough(parts.feeCap, old.feeCap) || !isEnough(parts.tipCap, old.tipCap)) {
        return "replacement transaction underpriced";
      }
      this.entries.splice(this.entries.indexOf(old), 1);
    } else if (this.entries.length >= this.#limit) {
      const victim = this.victim()!;
      const isQueued = nonce > this.nextFree(sender);
      const newTip = Math.min(parts.tipCap, parts.feeCap - this.baseFee);
      const isOwn = victim.sender === sender && victim.nonce < nonce;
      const isWorse = this.isQueued(victim) === isQueued ? this.tip(victim) < newTip : this.isQueued(victim);
      if (isOwn || !isWorse) return "txpool is full";
      this.entries.splice(this.entries.indexOf(victim), 1);
    }
    this.entries.push({ ...parts, arrival: this.arrivals++ });
    return nonce < this.nextFree(sender) ? "pending" : "queued";
  }

  best(): ModelEntry | null {
    const heads = this.entries.filter((e) => e.nonce === this.nonces[e.sender] && e.feeCap >= this.baseFee);
    heads.sort((a, b) => this.tip(b) - this.tip(a) || a.arrival - b.arrival);
    return heads[0] ?? null;
  }

  setNonce(sender: number, nonce: number): void {
    this.nonces[sender] = nonce;
    this.entries = this.entries.filter((entry) => entry.sender !== sender || entry.nonce >= nonce);
  }
}

const SENDERS = 6;
const MODEL_LIMIT = 24;

function compareWithModel(pool: TransactionPool, model: PoolModel, context: string): void {
  const key = (nonce: number, address: number, tip: number) => `${address}:${nonce}:${tip}`;
  const actual: string[] = [];
  let pendingCount = 0;
  for (const { address, pending, queued } of pool.content()) {
    let cost = 0n;
    for (const entry of pending) cost += 21_000n * entry.transaction.maxFeePerGas + 7n;
    expect(pool.expenditure(address), context).toBe(cost);
    pendingCount += pending.length;
    for (const entry of [...pending, ...queued]) actual.push(key(entry.nonce, address[19]! - 1, entry.tipCapKey));
    expect(Number(pool.pendingNonce(address)), context).toBe(model.nextFree(address[19]! - 1));
  }
  const expected = model.entries.map((entry) => key(entry.nonce, entry.sender, entry.tipCap));
  expect(actual.sort(), context).toEqual(expected.sort());
  expect(pool.pendingCount, context).toBe(pendingCount);
  const best = pool.peek();
  const modelBest = model.best();
  expect(best === null ? null : [best.lane.address[19]! - 1, best.nonce], context).toEqual(
    modelBest === null ? null : [modelBest.sender, modelBest.nonce],
  );
}

function randomStep(pool: TransactionPool, model: PoolModel, random: SeededRandom, context: string): void {
  const roll = random.below(100);
  const sender = random.below(SENDERS);
  if (roll < 65) {
    const tipCap = 1 + random.below(30);
    const nonce = Math.max(0, model.nonces[sender]! - 1 + random.below(7));
    const parts = { sender, nonce, tipCap, feeCap: tipCap + random.below(40) };
    const result = add(pool, { ...parts, accountNonce: model.nonces[sender]! });
    expect(codeOf(result), context).toBe(model.add(parts));
  } else if (roll < 85) {
    const entry = pool.next();
    const expected = model.best();
    if (entry === null || expected === null) return;
    pool.executed(entry);
    model.setNonce(expected.sender, expected.nonce + 1);
  } else if (roll < 90) {
    const entry = pool.next();
    const expected = model.best();
    if (entry === null || expected === null) return;
    pool.drop(entry);
    model.entries.splice(model.entries.indexOf(expected), 1);
  } else if (roll < 95) {
    const nonce = model.nonces[sender]! + random.below(3);
    pool.onExecuted(testAddress(sender), BigInt(nonce));
    model.setNonce(sender, nonce);
  } else {
    model.baseFee = random.below(50);
    pool.startBlock(BigInt(model.baseFee));
  }
}

test("random operations agree with the model", () => {
  for (let round = 0; round < 20; round++) {
    const seed = 0x9001 + round;
    const random = new SeededRandom(seed);
    const pool = new TransactionPool({ ...DEFAULT_POOL_LIMITS, transactionCountMax: MODEL_LIMIT });
    const model = new PoolModel(SENDERS, MODEL_LIMIT);
    for (let step = 0; step < 400; step++) {
      const context = `seed ${seed}, step ${step}`;
      randomStep(pool, model, random, context);
      compareWithModel(pool, model, context);
    }
  }
});
