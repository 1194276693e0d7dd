// Coming back: a log written by a real producer is replayed from the genesis and from checkpoints, into the same table and the same
// head; what does not fit together is named.

import { beforeAll, describe, expect, test } from "bun:test";
import { must } from "#base/assert.ts";
import { genesisHeader } from "#chain/genesis.ts";
import { contractAddress } from "#chain/transaction.ts";
import { decodeMiniBlock, encodeMiniBlockSections } from "#formats/wire/mini-block.ts";
import { type ChainRecord, decodeRecord, signRecord } from "#formats/wire/record.ts";
import { CheckpointJob } from "#roles/threads/checkpoint-job.ts";
import { type RestoreBase, RestoreError, restoreState } from "#state/restore.ts";
import { stateDigest } from "#state/snapshot.ts";
import { StateTable } from "#state/table.ts";
import { StateView } from "#state/view.ts";
import { ChainHead } from "#storage/chain-head.ts";
import { CheckpointDamageError, CheckpointStore } from "#storage/checkpoint-store.ts";
import { planRecovery, type RecoveryPlan } from "#storage/recovery.ts";
import { SegmentLog } from "#storage/segment-log.ts";
import { ACCOUNTS, ProducerFixture, replay, SEQUENCER_KEY, STORE_AND_LOG_INIT } from "../sequencer/producer-fixture.ts";
import { SimulatedDisk } from "../simulation/simulated-disk.ts";
import { makeTable } from "./naive-state.ts";

let fixture: ProducerFixture;
let records: readonly ChainRecord[];

/** Restores from the first `count` records, after checkpoints at the seals with these positions among all seals. */
function restore(count: number, checkpointSeals: readonly number[] = []) {
  const disk = new SimulatedDisk(1);
  const log = openLog(disk, records.slice(0, count));
  const checkpoints = new CheckpointStore(disk, "checkpoints", fixture.identity);
  for (const seal of checkpointSeals) writeCheckpoint(checkpoints, seal);
  const plan = planRecovery(log, checkpoints, null, fixture.identity);
  const { regions, table } = makeTable({ stateMemoryBytes: 4 << 20 });
  return { disk, plan, regions, table, restored: restoreState(table, log, plan, base()) };
}

function base(): RestoreBase {
  const { genesis, identity } = fixture;
  return { identity, genesis, genesisHeader: genesisHeader(genesis, fixture.genesisStateRoot) };
}

function openLog(disk: SimulatedDisk, content: readonly ChainRecord[]): SegmentLog {
  const log = SegmentLog.open(disk, "log", { identity: fixture.identity, segmentSizeBytes: 4_000, repair: true });
  log.append(content.map(({ header, bytes }) => ({ sequence: header.sequence, bytes })));
  return log;
}

/** The state as a follower has it after the first `count` records. */
function followed(count: number) {
  const { regions, table } = makeTable({ stateMemoryBytes: 4 << 20 });
  table.loadGenesis(fixture.genesis.alloc);
  const head = fixture.freshHead();
  const openMiniBlocks = replay(records.slice(0, count), head, table);
  table.publish(table.newest);
  return { regions, head, openMiniBlocks };
}

function sealCounts(): number[] {
  return records.flatMap(({ header }, index) => (header.type === "seal" ? [index + 1] : []));
}

function writeCheckpoint(store: CheckpointStore, seal: number): void {
  const { regions, head } = followed(must(sealCounts()[seal], "a seal"));
  const job = new CheckpointJob({ store, view: new StateView(regions), head, durableSequence: () => 1e9 });
  for (let outcome = job.step(); outcome.kind !== "done"; outcome = job.step()) expect(outcome.kind).toBe("working");
}

beforeAll(async () => {
  fixture = await ProducerFixture.create();
  await fixture.settle();
  fixture.send(0, { to: null, data: STORE_AND_LOG_INIT, gasLimit: 500_000n });
  const contract = contractAddress(must(ACCOUNTS[0], "an account").address, 0n);
  for (let i = 0; i < 14; i++) {
    const data = new Uint8Array(64).fill(0);
    data[31] = i % 5;
    data[63] = i % 3;
    fixture.send(i % 3, i % 2 === 0 ? { to: contract, data } : { value: 7n });
    await fixture.runFor(350_000);
  }
  fixture.send(1);
  await fixture.settle(); // the last block stays open, with a mini-block
  records = fixture.decodedRecords();
});

describe("restoring from the genesis", () => {
  test("any prefix of the log gives the follower's state, head and open block", () => {
    for (let count = 0; count <= records.length; count += 1 + Math.floor(count / 8)) {
      const expected = followed(count);
      const { restored, table, regions } = restore(count);
      const version = expected.head.nextMiniBlockNumber;
      expect([table.newest, table.published]).toEqual([version, version]);
      expect(stateDigest(new StateView(regions), version)).toEqual(
        stateDigest(new StateView(expected.regions), version),
      );
      expect(restored.head.toBytes()).toEqual(expected.head.toBytes());
      expect(restored.openMiniBlocks).toEqual(expected.openMiniBlocks);
      expect(restored.baseHead.toBytes()).toEqual(fixture.freshHead().toBytes());
      expect([restored.checkpointVersion, restored.replayedMiniBlockCount]).toEqual([0, version]);
      const lastSeal = sealCounts().findLast((end) => end <= count) ?? 0;
      expect(restored.sealedHead.toBytes()).toEqual(followed(lastSeal).head.toBytes());
    }
  });

  test("the whole log ends inside a block, and the table is the producer's", () => {
    const { restored, regions } = restore(records.length);
    expect(restored.openMiniBlocks.length).toBeGreaterThan(0);
    expect(restored.head.toBytes()).toEqual(fixture.producer.head.toBytes());
    const { nextMiniBlockNumber: version } = restored.head;
    expect(stateDigest(new StateView(regions), version)).toEqual(
      stateDigest(new StateView(followed(records.length).regions), version),
    );
  });
});

describe("restoring from a checkpoint", () => {
  test("replays only what comes after it, to the same state and head", () => {
    const whole = restore(records.length);
    for (const seals of [[0], [0, 2], [1, 3]]) {
      const { restored, regions, plan } = restore(records.length, seals);
      const { head } = followed(must(sealCounts()[must(seals.at(-1), "a seal")], "a seal"));
      expect(plan.replayFrom).toBe(head.nextSequence);
      expect(restored.checkpointVersion).toBe(head.nextMiniBlockNumber);
      expect(restored.baseHead.toBytes()).toEqual(head.toBytes());
      expect(restored.head.toBytes()).toEqual(whole.restored.head.toBytes());
      expect(restored.sealedHead.toBytes()).toEqual(whole.restored.sealedHead.toBytes());
      expect(restored.openMiniBlocks).toEqual(whole.restored.openMiniBlocks);
      const version = restored.head.nextMiniBlockNumber;
      expect(restored.replayedMiniBlockCount).toBe(version - head.nextMiniBlockNumber);
      const [own, other] = [new StateView(regions), new StateView(whole.regions)];
      expect(stateDigest(own, version)).toEqual(stateDigest(other, version));
    }
  });

  test("at the very end of the log nothing is replayed", () => {
    const count = must(sealCounts()[2], "a seal");
    const { restored } = restore(count, [2]);
    expect(restored.replayedMiniBlockCount).toBe(0);
    expect(restored.openMiniBlocks).toEqual([]);
    expect(restored.sealedHead.toBytes()).toEqual(restored.head.toBytes());
  });

  test("content that is not of the head's version is refused", () => {
    const disk = new SimulatedDisk(1);
    const log = openLog(disk, records);
    const checkpoints = new CheckpointStore(disk, "checkpoints", fixture.identity);
    writeCheckpoint(checkpoints, 1);
    const plan = planRecovery(log, checkpoints, null, fixture.identity);
    const { checkpoint } = plan;
    const other = followed(must(sealCounts()[0], "a seal")).head.toBytes();
    const chunks = () => must(checkpoint, "a checkpoint").chunks();
    const mixed = { mark: must(checkpoint, "a checkpoint").mark, meta: other, chunks };
    const { table } = makeTable({ stateMemoryBytes: 4 << 20 });
    const mixedPlan = { ...plan, checkpoint: mixed } as unknown as RecoveryPlan;
    expect(() => restoreState(table, log, mixedPlan, base())).toThrow("checkpoint and head differ");
  });

  test("damage in the checkpoint is found while it is read", () => {
    const disk = new SimulatedDisk(1);
    const log = openLog(disk, records);
    const checkpoints = new CheckpointStore(disk, "checkpoints", fixture.identity);
    writeCheckpoint(checkpoints, 1);
    const plan = planRecovery(log, checkpoints, null, fixture.identity);
    const path = must(plan.checkpoint, "a checkpoint").path;
    const content = disk.content(path);
    content[200] = (content[200] ?? 0) ^ 1;
    const { table } = makeTable({ stateMemoryBytes: 4 << 20 });
    expect(() => restoreState(table, log, plan, base())).toThrow(CheckpointDamageError);
  });
});

describe("a log that does not fit together", () => {
  /** The log with one record signed again with other content. */
  function withForged(at: number, forge: (record: ChainRecord) => ChainRecord): () => void {
    const disk = new SimulatedDisk(1);
    const forged = records.map((record, index) => (index === at ? forge(record) : record));
    const log = openLog(disk, forged);
    const plan = planRecovery(log, new CheckpointStore(disk, "checkpoints", fixture.identity), null, fixture.identity);
    const table = new StateTable(makeTable({ stateMemoryBytes: 4 << 20 }).regions);
    return () => restoreState(table, log, plan, base());
  }

  test("a record with another parent is named", () => {
    const at = 5;
    const run = withForged(at, ({ header, sections }) => {
      const parentHash = new Uint8Array(32).fill(1);
      return signRecord(fixture.identity, { ...header, parentHash }, sections, SEQUENCER_KEY);
    });
    expect(run).toThrow(new RestoreError(at, "parent hash is not that of the record before"));
  });

  test("a diff that the state does not take is named", () => {
    const at = records.findLastIndex(({ header }) => header.type === "mini");
    const run = withForged(at, (record) => {
      const mini = decodeMiniBlock(decodeRecord(record.bytes, fixture.identity));
      const diff = { ...mini.diff, firstNewIndex: mini.diff.firstNewIndex + 1 };
      const sections = encodeMiniBlockSections({ ...mini, diff });
      return signRecord(fixture.identity, record.header, sections, SEQUENCER_KEY);
    });
    expect(run).toThrow(`record ${at} of the log cannot be replayed: `);
  });

  test("head bytes of another chain's checkpoint do not restore", () => {
    const bytes = fixture.producer.head.toBytes();
    bytes[0] = 99;
    const context = { identity: fixture.identity, spec: fixture.genesis.spec };
    expect(() => ChainHead.restore(bytes, context)).toThrow("version 99");
  });
});
