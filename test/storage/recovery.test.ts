// The plan of a start: fresh, clean, unclean, with checkpoints that do or do not lie on the log's history.

import { describe, expect, test } from "bun:test";
import type { ChainRecord } from "#formats/wire/record.ts";
import { CheckpointStore } from "#storage/checkpoint-store.ts";
import { LogDamageError } from "#storage/log-errors.ts";
import { planRecovery, type RecoveryPlan } from "#storage/recovery.ts";
import { SegmentLog } from "#storage/segment-log.ts";
import { SigningLimit } from "#storage/signing-limit.ts";
import { SimulatedDisk } from "../simulation/simulated-disk.ts";
import { asLogRecords, ChainFixture, IDENTITY } from "./chain-fixture.ts";

type Parts = { disk: SimulatedDisk; log: SegmentLog; checkpoints: CheckpointStore; signing: SigningLimit };

function open(disk: SimulatedDisk): Parts {
  return {
    disk,
    log: SegmentLog.open(disk, "/log", { identity: IDENTITY, repair: true }),
    checkpoints: new CheckpointStore(disk, "/checkpoints", IDENTITY),
    signing: new SigningLimit(disk, "/data", IDENTITY),
  };
}

function plan(parts: Parts): RecoveryPlan {
  return planRecovery(parts.log, parts.checkpoints, parts.signing, IDENTITY);
}

function fill(parts: Parts, records: readonly ChainRecord[]): void {
  parts.log.append(asLogRecords(records));
  parts.log.sync();
}

function writeCheckpoint(parts: Parts, record: ChainRecord, hash = record.hash): void {
  const { sequence, term } = record.header;
  const writer = parts.checkpoints.begin({ version: sequence, sequence, term, recordHash: hash });
  writer.push(new Uint8Array(100).fill(sequence));
  writer.finish(new Uint8Array(1));
}

describe("recovery plan", () => {
  test("a fresh folder is clean, in term 0, with the genesis state", () => {
    expect(plan(open(new SimulatedDisk(1)))).toMatchObject({
      checkpoint: null,
      replayFrom: 0,
      lastSequence: -1,
      lastHash: IDENTITY.genesisHash,
      isFresh: true,
      isClean: true,
      nextTerm: 0,
    });
  });

  test("after an orderly stop the term goes on; without its mark, or with anything after it, a new one begins", () => {
    const parts = open(new SimulatedDisk(1));
    const fixture = new ChainFixture({ life: 4 });
    const records = fixture.extend(30);
    parts.signing.reserve(4, 1000);
    fill(parts, records);
    expect(plan(parts)).toMatchObject({ isClean: false, term: 4, nextTerm: 5, lastSequence: 29 });
    parts.signing.markClean(29, records[29]!.hash);
    expect(plan(parts)).toMatchObject({
      isClean: true,
      isFresh: false,
      term: 4,
      nextTerm: 4,
      lastHash: records[29]!.hash,
    });
    fill(parts, [fixture.next()]);
    expect(plan(parts)).toMatchObject({ isClean: false, nextTerm: 5 });
  });

  test("a reservation without any record is unclean: something may have been signed", () => {
    const parts = open(new SimulatedDisk(1));
    parts.signing.reserve(7, 1000);
    expect(plan(parts)).toMatchObject({ isFresh: false, isClean: false, nextTerm: 8, lastSequence: -1 });
  });

  test("a lost signing file costs two terms", () => {
    const parts = open(new SimulatedDisk(1));
    fill(parts, new ChainFixture({ life: 4 }).extend(3));
    expect(plan(parts)).toMatchObject({ isClean: false, term: 4, nextTerm: 6 });
  });

  test("records that were durable at a clean stop and are gone are damage", () => {
    const parts = open(new SimulatedDisk(1));
    const records = new ChainFixture({ life: 1 }).extend(10);
    parts.signing.reserve(1, 100);
    fill(parts, records.slice(0, 8));
    parts.signing.markClean(9, records[9]!.hash);
    expect(() => plan(parts)).toThrow(LogDamageError);
    expect(() => plan(parts)).toThrow("records 8 to 9");
  });

  test("the newest checkpoint that is whole and on the log's history is taken", () => {
    const disk = new SimulatedDisk(1);
    const parts = open(disk);
    const records = new ChainFixture({ life: 1 }).extend(30);
    fill(parts, records);
    writeCheckpoint(parts, records[10]!);
    writeCheckpoint(parts, records[20]!);
    expect(plan(parts)).toMatchObject({ replayFrom: 21 });
    const path = parts.checkpoints.latest()!.path;
    const whole = disk.content(path).slice();
    const altered = whole.slice();
    altered[100]! ^= 1;
    disk.overwrite(path, altered);
    expect(plan(parts)).toMatchObject({ replayFrom: 11 });
    expect(parts.checkpoints.skipped.at(-1)!.file).toBe(path);
    disk.overwrite(path, whole);
    parts.log.truncateAfter(15);
    expect(plan(parts).replayFrom).toBe(11);
    expect(parts.checkpoints.skipped.at(-1)!.reason).toContain("ahead of the log");
    fill(parts, new ChainFixture({ life: 2 }).extend(30).slice(16));
    expect(plan(parts).replayFrom).toBe(11);
    expect(parts.checkpoints.skipped.at(-1)!.reason).toContain("another record 20");
  });

  test("a log that begins later needs a checkpoint that reaches it; an empty one goes on from any", () => {
    const records = new ChainFixture({ life: 1 }).extend(30);
    const parts = open(new SimulatedDisk(1));
    writeCheckpoint(parts, records[10]!);
    expect(plan(parts)).toMatchObject({ replayFrom: 11, lastSequence: 10, lastHash: records[10]!.hash, term: 1 });
    fill(parts, records.slice(11, 20));
    expect(plan(parts)).toMatchObject({ replayFrom: 11, lastSequence: 19 });
    const later = open(new SimulatedDisk(1));
    fill(later, records.slice(12, 20));
    expect(() => plan(later)).toThrow("begins with record 12");
    writeCheckpoint(later, records[10]!);
    expect(() => plan(later)).toThrow("begins with record 12");
    writeCheckpoint(later, records[11]!);
    expect(plan(later)).toMatchObject({ replayFrom: 12 });
  });
});
