// One checkpoint in the making: it holds the version at which it was begun, waits for the log, and gives up without a trace.

import { describe, expect, test } from "bun:test";
import { must } from "#base/assert.ts";
import { SeededRandom } from "#base/random.ts";
import { CheckpointJob, type CheckpointStep } from "#roles/threads/checkpoint-job.ts";
import { buildDiff, Overlay } from "#state/overlay.ts";
import { SnapshotLoader, stateDigest } from "#state/snapshot.ts";
import { StateView } from "#state/view.ts";
import { ChainHead } from "#storage/chain-head.ts";
import { CheckpointStore } from "#storage/checkpoint-store.ts";
import { GENESIS, GENESIS_HEADER, IDENTITY } from "../../simulation/crash-campaign-world.ts";
import { SimulatedDisk } from "../../simulation/simulated-disk.ts";
import { account, makeTable } from "../../state/naive-state.ts";

const DIRECTORY = "checkpoints";

/** A state that can be moved on, a store, and a job at version 0, whose head stands before the first record. */
function openJob(parts: { undoEntryCount?: number } = {}) {
  const disk = new SimulatedDisk(1);
  const store = new CheckpointStore(disk, DIRECTORY, IDENTITY);
  const { table, regions } = makeTable({ stateMemoryBytes: 1 << 20, ...parts });
  table.loadGenesis(GENESIS.alloc);
  const overlay = new Overlay(table);
  const random = new SeededRandom(3);
  const head = ChainHead.genesis({ identity: IDENTITY, spec: GENESIS.spec, genesisHeader: GENESIS_HEADER });
  const log = { durableSequence: -1 };
  const view = new StateView(regions);
  const job = new CheckpointJob({ store, view, head, durableSequence: () => log.durableSequence });
  const moveOn = (count: number) => {
    const version = table.newest + 1;
    for (let i = 0; i < count; i++) overlay.setAccount(random.bytes(20), account(1n, BigInt(version)));
    for (const { address } of GENESIS.alloc) overlay.setAccount(address, account(BigInt(version), 5n));
    table.apply(buildDiff(overlay, table), version);
    overlay.reset();
    table.publish(version);
  };
  return { disk, store, regions, job, head, log, moveOn };
}

function run(job: CheckpointJob): CheckpointStep {
  for (let i = 0; i < 1_000; i++) {
    const step = job.step();
    if (step.kind !== "working") return step;
  }
  throw new Error("the job does not end");
}

describe("checkpoint job", () => {
  test("writes the version that it began with while the state goes on", () => {
    const { store, regions, job, head, moveOn } = openJob();
    const digest = stateDigest(new StateView(regions), 0);
    for (let i = 0; i < 3; i++) {
      expect(job.step().kind).toBe("working");
      moveOn(10);
    }
    const step = run(job);
    expect(step).toMatchObject({ kind: "done", checkpoint: { version: 0, blockNumber: 0, digest } });
    const reader = must(store.latest(), "a checkpoint");
    expect(reader.mark).toEqual({ version: 0, sequence: -1, term: 0, recordHash: IDENTITY.genesisHash });
    expect(reader.meta).toEqual(head.toBytes());
    const loader = new SnapshotLoader(makeTable().table);
    for (const chunk of reader.chunks()) loader.push(chunk);
    expect(loader.finish()).toMatchObject({ version: 0, digest });
    if (step.kind === "done") expect(step.checkpoint.sizeBytes).toBe(reader.contentSizeBytes);
  });

  test("is not there before the log is durable up to its last record", () => {
    const { disk, store, job, log } = openJob();
    log.durableSequence = -2;
    expect(run(job).kind).toBe("waiting");
    expect(job.step().kind).toBe("waiting");
    expect(store.versions()).toEqual([]);
    log.durableSequence = -1;
    expect(job.step().kind).toBe("done");
    expect(store.versions()).toEqual([0]);
    expect(disk.list(DIRECTORY).length).toBe(1);
  });

  test("given up, it leaves nothing", () => {
    const { disk, store, job, log } = openJob();
    log.durableSequence = -2;
    expect(run(job).kind).toBe("waiting");
    job.abort();
    expect(disk.list(DIRECTORY)).toEqual([]);
    expect(store.versions()).toEqual([]);
  });

  test("a full disk is a failure that the next one may not have", () => {
    const { disk, store, job } = openJob();
    disk.capacityBytes = 200;
    expect(run(job)).toMatchObject({ kind: "failed" });
    expect(disk.list(DIRECTORY)).toEqual([]);
    expect(store.versions()).toEqual([]);
  });

  test("a version that the undo ring has passed is a failure", () => {
    const { store, job, moveOn } = openJob({ undoEntryCount: 64 });
    expect(job.step().kind).toBe("working");
    for (let i = 0; i < 20; i++) moveOn(1);
    expect(run(job)).toMatchObject({ kind: "failed" });
    expect(store.versions()).toEqual([]);
  });
});
