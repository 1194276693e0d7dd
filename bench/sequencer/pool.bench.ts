// The pool: what ordering costs with entries as objects (ours) against typed-array columns, and what one transaction costs
// from admission to hand-out. The first comparison is why the pool keeps plain objects.

import { SeededRandom } from "#base/random.ts";
import { LaneHeap } from "#sequencer/lane-heap.ts";
import { DEFAULT_POOL_LIMITS, type PoolCandidate, TransactionPool } from "#sequencer/pool.ts";
import { makeCandidate } from "#test/sequencer/pool-fixtures.ts";
import { runInterleaved, smokeOr } from "../harness.ts";

const seed = 20_261_121;
const laneCount = smokeOr(20_000, 200);
const roundTrips = smokeOr(200_000, 2_000);

type Lane = { tipKey: number; arrival: number; readonly positions: Int32Array };

function orderObjects(): string {
  const random = new SeededRandom(seed);
  const heap = new LaneHeap<Lane>(0, (a, b) => (a.tipKey !== b.tipKey ? a.tipKey > b.tipKey : a.arrival < b.arrival));
  for (let i = 0; i < laneCount; i++) {
    heap.place({ tipKey: random.below(1_000), arrival: i, positions: new Int32Array(2).fill(-1) });
  }
  let sum = 0;
  for (let i = 0; i < roundTrips; i++) {
    const best = heap.peek()!;
    sum = (sum * 31 + best.arrival) % 1_000_000_007;
    best.tipKey = random.below(1_000);
    best.arrival = laneCount + i;
    heap.place(best);
  }
  return String(sum);
}

/** The same order with every field in a typed-array column and lanes as numbers. */
function orderColumns(): string {
  const random = new SeededRandom(seed);
  const tipKeys = new Float64Array(laneCount);
  const arrivals = new Float64Array(laneCount);
  const heap = new Int32Array(laneCount);
  const before = (a: number, b: number) =>
    tipKeys[a]! !== tipKeys[b]! ? tipKeys[a]! > tipKeys[b]! : arrivals[a]! < arrivals[b]!;
  const siftDown = (lane: number, size: number) => {
    let position = 0;
    for (let child = 1; child < size; child = 2 * position + 1) {
      if (child + 1 < size && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, lane)) break;
      heap[position] = heap[child]!;
      position = child;
    }
    heap[position] = lane;
  };
  for (let i = 0; i < laneCount; i++) {
    tipKeys[i] = random.below(1_000);
    arrivals[i] = i;
    let position = i;
    for (let parent = (position - 1) >> 1; position > 0; parent = (position - 1) >> 1) {
      if (!before(i, heap[parent]!)) break;
      heap[position] = heap[parent]!;
      position = parent;
    }
    heap[position] = i;
  }
  let sum = 0;
  for (let i = 0; i < roundTrips; i++) {
    const best = heap[0]!;
    sum = (sum * 31 + arrivals[best]!) % 1_000_000_007;
    tipKeys[best] = random.below(1_000);
    arrivals[best] = laneCount + i;
    siftDown(best, laneCount);
  }
  return String(sum);
}

function makeCandidates(senderCount: number, perSender: number): PoolCandidate[] {
  const random = new SeededRandom(seed);
  const candidates: PoolCandidate[] = [];
  for (let nonce = 0; nonce < perSender; nonce++) {
    for (let sender = 0; sender < senderCount; sender++) {
      const tipCap = 1 + random.below(1_000);
      candidates.push(makeCandidate({ sender, nonce, feeCap: 2_000, tipCap, accountNonce: 0 }));
    }
  }
  return candidates;
}

function fillAndDrain(candidates: readonly PoolCandidate[]): string {
  const pool = new TransactionPool({ ...DEFAULT_POOL_LIMITS, transactionCountMax: candidates.length });
  pool.startBlock(1_000n);
  for (const candidate of candidates) pool.add(candidate);
  let sum = 0;
  for (let entry = pool.next(); entry !== null; entry = pool.next()) {
    sum = (sum * 31 + entry.arrival) % 1_000_000_007;
    pool.executed(entry);
  }
  return String(sum);
}

await runInterleaved({
  name: "ordering lanes",
  rounds: smokeOr(9, 2),
  operationCount: roundTrips,
  parameters: { seed, laneCount },
  contenders: { objects: orderObjects, columns: orderColumns },
});

const candidates = makeCandidates(smokeOr(2_000, 20), smokeOr(20, 5));
await runInterleaved({
  name: "pool: add, hand out, remove one transaction",
  rounds: smokeOr(9, 2),
  operationCount: candidates.length,
  parameters: { seed, transactions: candidates.length },
  contenders: { pool: () => fillAndDrain(candidates) },
});
