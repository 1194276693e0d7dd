// Many threads on one memory plan: 1, 4 and 16 workers read random slots of a pinned version, through views, while one
// writer installs and publishes mini-blocks as fast as it can; then the same readers without the writer, and the writer
// without readers. Shows whether readers hinder each other (a locked load of a shared word would) or the writer.

import { cpus } from "node:os";
import { SeededRandom } from "#base/random.ts";
import { allocateState, describePlan, planStateMemory, type StateRegions } from "#state/memory-plan.ts";
import { StateTable } from "#state/table.ts";
import { StateVersionGoneError, StateView } from "#state/view.ts";
import { describeMachine, SMOKE, smokeOr } from "../harness.ts";

declare const self: Worker;

const SEED = 20_261_122;
const OWNER = new Uint8Array(20).fill(7);
const SLOT_COUNT = smokeOr(200_000, 500);
const CHANGES_PER_MINI_BLOCK = smokeOr(200, 20);
const READS_PER_PIN = 100;
const WARM_UP_MS = smokeOr(3000, 50);
const ROUND_MS = smokeOr(3000, 100);
/** Control word 0: what all threads do now. */
const PHASE = 0;
const WARM_UP = 0;
const MEASURE = 1;
const STOP = 2;

/** Sizes travel with the task: a worker does not see the command line. */
type Task = {
  role: "reader" | "writer";
  regions: StateRegions;
  control: Int32Array<SharedArrayBuffer>;
  number: number;
  slotCount: number;
  changeCount: number;
};
type Result = { reads: number; pins: number; gone: number; miniBlocks: number; elapsedMs: number };

/** Slot keys are the numbers 0, 1, …, so that no thread needs a list of them. */
function slotKey(n: number, into: Uint8Array): Uint8Array {
  into[28] = n >>> 24;
  into[29] = n >>> 16;
  into[30] = n >>> 8;
  into[31] = n;
  return into;
}

function read({ regions, control, number, slotCount }: Task): Result {
  const view = new StateView(regions);
  const random = new SeededRandom(SEED + number);
  const key = new Uint8Array(32);
  const result = newResult();
  runPhases(control, result, () => {
    view.pin();
    result.pins++;
    try {
      for (let i = 0; i < READS_PER_PIN; i++) view.slot(OWNER, slotKey(random.below(slotCount), key));
      result.reads += READS_PER_PIN;
    } catch (error) {
      if (!(error instanceof StateVersionGoneError)) throw error;
      result.gone++;
    }
  });
  return result;
}

function write({ regions, control, slotCount, changeCount }: Task): Result {
  const table = new StateTable(regions);
  const random = new SeededRandom(SEED);
  const result = newResult();
  runPhases(control, result, () => {
    const indices = new Set<number>();
    while (indices.size < changeCount) indices.add(1 + random.below(slotCount));
    const slots = [...indices]
      .sort((a, b) => a - b)
      .map((index) => ({ index, value: new Uint8Array(32).fill(index | 1) }));
    const version = table.newest + 1;
    table.apply({ firstNewIndex: table.keyCount, newKeys: [], accounts: [], slots, codes: [] }, version);
    table.publish(version);
    result.miniBlocks++;
  });
  return result;
}

function newResult(): Result {
  return { reads: 0, pins: 0, gone: 0, miniBlocks: 0, elapsedMs: 0 };
}

/** Runs steps until told to stop; what was counted before the measurement began is forgotten. */
function runPhases(control: Int32Array, result: Result, step: () => void): void {
  while (Atomics.load(control, PHASE) === WARM_UP) step();
  Object.assign(result, newResult());
  const startedMs = performance.now();
  while (Atomics.load(control, PHASE) === MEASURE) step();
  result.elapsedMs = performance.now() - startedMs;
}

async function runRound(regions: StateRegions, readerCount: number, hasWriter: boolean): Promise<void> {
  const control = new Int32Array(new SharedArrayBuffer(64));
  const shared = { regions, control, slotCount: SLOT_COUNT, changeCount: CHANGES_PER_MINI_BLOCK };
  const tasks: Task[] = [];
  for (let number = 0; number < readerCount; number++) tasks.push({ ...shared, role: "reader", number });
  if (hasWriter) tasks.push({ ...shared, role: "writer", number: readerCount });
  const workers = tasks.map(() => new Worker(import.meta.url));
  const results = workers.map((worker, i) => {
    return new Promise<Result>((resolve, reject) => {
      worker.onmessage = (event: MessageEvent<Result>) => resolve(event.data);
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage(tasks[i]!);
    });
  });
  for (const [phase, durationMs] of [[MEASURE, WARM_UP_MS] as const, [STOP, ROUND_MS] as const]) {
    await Promise.race([Bun.sleep(durationMs), ...results]);
    Atomics.store(control, PHASE, phase);
  }
  const finished = await Promise.all(results);
  for (const worker of workers) worker.terminate();
  report(readerCount, hasWriter, finished);
}

function report(readerCount: number, hasWriter: boolean, results: readonly Result[]): void {
  const readers = results.slice(0, readerCount);
  const writer = hasWriter ? results[readerCount]! : null;
  const perSecond = readers.reduce((sum, { reads, elapsedMs }) => sum + (1000 * reads) / elapsedMs, 0);
  const pins = readers.reduce((sum, result) => sum + result.pins, 0);
  const gone = readers.reduce((sum, result) => sum + result.gone, 0);
  const running = Math.max(1, Math.min(cpus().length, readerCount + (hasWriter ? 1 : 0)));
  const onCores = (readerCount * running) / Math.max(1, readerCount + (hasWriter ? 1 : 0));
  const parts = [`${String(readerCount).padStart(2)} readers${hasWriter ? " and a writer" : ""}`.padEnd(24)];
  if (readerCount > 0) {
    parts.push(
      `${(perSecond / 1e6).toFixed(2)} M reads/s`.padEnd(18),
      `${(1e9 / (perSecond / onCores)).toFixed(0)} ns per read and core`,
    );
    parts.push(`gone ${gone} of ${pins} pins`);
  }
  if (writer !== null) {
    const writes = (1000 * writer.miniBlocks * CHANGES_PER_MINI_BLOCK) / writer.elapsedMs;
    parts.push(
      `${(writes / 1e6).toFixed(2)} M record writes/s`,
      `${(writer.miniBlocks / (writer.elapsedMs / 1000)).toFixed(0)} mini-blocks/s`,
    );
  }
  console.log(`  ${parts.join("  ")}`);
}

async function main(): Promise<void> {
  const plan = planStateMemory({ stateMemoryBytes: smokeOr(2 ** 31, 2 ** 21) });
  const regions = allocateState(plan);
  const table = new StateTable(regions);
  const storage = Array.from({ length: SLOT_COUNT }, (_, n) => {
    return { slot: slotKey(n, new Uint8Array(32)), value: new Uint8Array(32).fill(1) };
  });
  table.loadGenesis([{ address: OWNER, nonce: 1n, balance: 0n, code: new Uint8Array(0), storage }]);
  console.log(`\nreaders and one writer on one memory plan${SMOKE ? " (smoke size: figures mean nothing)" : ""}`);
  const perBlock = `changesPerMiniBlock=${CHANGES_PER_MINI_BLOCK} readsPerPin=${READS_PER_PIN} roundMs=${ROUND_MS}`;
  console.log(`  seed=${SEED} slotCount=${SLOT_COUNT} ${perBlock}`);
  console.log(`  ${describeMachine()}`);
  console.log(`  ${describePlan(plan).split("\n")[0]}`);
  const readerCounts = SMOKE ? [2] : [1, 4, 16];
  for (const readerCount of readerCounts) await runRound(regions, readerCount, false);
  await runRound(regions, 0, true);
  for (const readerCount of readerCounts) await runRound(regions, readerCount, true);
}

if (Bun.isMainThread) {
  await main();
} else {
  self.onmessage = (event: MessageEvent<Task>) => {
    const task = event.data;
    self.postMessage(task.role === "reader" ? read(task) : write(task));
  };
}
