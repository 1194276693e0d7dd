// One node's storage work, as a sequence of steps drawn from a seed, together with a model of what must survive. The crash campaign
// runs it against a disk that dies or fails at a chosen call, opens everything again and compares with the model.

import { expect } from "bun:test";
import { bytesEqual } from "#base/bytes.ts";
import { SeededRandom } from "#base/random.ts";
import type { ChainRecord } from "#formats/wire/record.ts";
import { CheckpointStore } from "#storage/checkpoint-store.ts";
import { type Disk, DiskError } from "#storage/disk.ts";
import { planRecovery, type RecoveryPlan } from "#storage/recovery.ts";
import { ensureIndexSteps, runSteps } from "#storage/segment-index.ts";
import { SegmentLog } from "#storage/segment-log.ts";
import { SigningLimit } from "#storage/signing-limit.ts";
import { asLogRecords, ChainFixture, IDENTITY } from "./chain-fixture.ts";

const LOG = "/data/log";
const CHECKPOINTS = "/data/checkpoints";
const DATA = "/data";
const SEGMENT_SIZE_BYTES = 3000;
const RECORD_COUNT = 60;

/** What is known of the outside world: what was promised, and what was only tried. */
export class StorageModel {
  /** Bytes that were appended or tried at each sequence; the newest life wins above the durable part. */
  tried: Uint8Array[] = [];
  hashes: Uint8Array[] = [];
  /** All records up to here must survive. */
  durableSequence = -1;
  /** Every reservation that returned; the newest is the least that must be read back. */
  reserved: { term: number; limitSequence: number } | null = null;
  /** A reservation that was tried and may have been written. */
  reserving: { term: number; limitSequence: number } | null = null;
  /** Version of the newest checkpoint whose `finish` returned. */
  checkpointVersion = -1;
  stoppedCleanlyAt: number | null = null;
}

/** The chain's records in one life of the node, built once. */
const chains = new Map<number, ChainRecord[]>();

/** Records of a life: the same numbers in each, other bytes. */
export function recordsOfLife(life: number): ChainRecord[] {
  let records = chains.get(life);
  if (records === undefined) {
    records = new ChainFixture({ life }).extend(RECORD_COUNT);
    chains.set(life, records);
  }
  return records;
}

/** The open storage of a node on one disk. */
export class StorageNode {
  readonly log: SegmentLog;
  readonly checkpoints: CheckpointStore;
  readonly signing: SigningLimit;
  readonly plan: RecoveryPlan;
  readonly disk: Disk;

  constructor(disk: Disk) {
    this.disk = disk;
    let salt = 1n;
    this.signing = new SigningLimit(disk, DATA, IDENTITY);
    this.log = SegmentLog.open(disk, LOG, {
      identity: IDENTITY,
      segmentSizeBytes: SEGMENT_SIZE_BYTES,
      repair: true,
      drawSalt: () => salt++,
    });
    this.checkpoints = new CheckpointStore(disk, CHECKPOINTS, IDENTITY);
    runSteps(ensureIndexSteps(disk, LOG, IDENTITY, { verifyPages: true }));
    this.plan = planRecovery(this.log, this.checkpoints, this.signing, IDENTITY);
    this.plan.checkpoint?.close();
  }

  close(): void {
    this.log.close();
    this.signing.close();
  }
}

/** Opens a disk after whatever happened to it and checks it against the model, which is then brought to what survived. */
export function reopenAndCheck(disk: Disk, model: StorageModel): StorageNode {
  const node = new StorageNode(disk);
  const last = node.log.lastSequence;
  expect(last).toBeGreaterThanOrEqual(model.durableSequence);
  expect(last).toBeLessThan(model.tried.length);
  for (const { sequence, bytes } of node.log.scan(0)) {
    if (!bytesEqual(bytes, model.tried[sequence]!)) throw new Error(`record ${sequence} is not what was written`);
  }
  checkSigning(node, model);
  checkCheckpoints(node, model);
  const { plan } = node;
  expect(plan.lastSequence).toBe(last);
  expect(plan.replayFrom).toBeLessThanOrEqual(last + 1);
  if (plan.isClean && !plan.isFresh) expect(model.stoppedCleanlyAt).toBe(last);
  if (!plan.isClean) expect(plan.nextTerm).toBeGreaterThan(model.reserved?.term ?? -1);
  model.tried.length = last + 1;
  model.hashes.length = last + 1;
  model.durableSequence = last;
  return node;
}

function checkSigning(node: StorageNode, model: StorageModel): void {
  const found = node.signing.read();
  const { reserved, reserving } = model;
  if (reserved === null && found === null) return;
  expect(found).not.toBeNull();
  const matches = [reserved, reserving].some((state) => {
    return state !== null && state.term === found!.term && state.limitSequence === found!.limitSequence;
  });
  if (!matches) throw new Error(`signing limit ${JSON.stringify(found)} was never reserved or went back`);
  model.reserved = { term: found!.term, limitSequence: found!.limitSequence };
  model.reserving = null;
}

function checkCheckpoints(node: StorageNode, model: StorageModel): void {
  const { checkpoint } = node.plan;
  const version = checkpoint?.mark.version ?? -1;
  expect(version).toBeGreaterThanOrEqual(model.checkpointVersion);
  expect(node.checkpoints.skipped).toEqual([]);
  model.checkpointVersion = version;
}

/** One life: takes up after the plan and works through the seed's steps. Throws what the disk throws. */
export function live(node: StorageNode, model: StorageModel, options: { seed: number; life: number }): void {
  const random = new SeededRandom(options.seed);
  const chain = recordsOfLife(options.life);
  const term = node.plan.nextTerm + (node.plan.isFresh ? 1 : 0);
  const end = Math.min(chain.length, node.log.lastSequence + 1 + 24);
  reserve(node, model, term, end);
  model.stoppedCleanlyAt = null;
  while (node.log.lastSequence + 1 < end) {
    const first = node.log.lastSequence + 1;
    append(node, model, chain.slice(first, Math.min(end, first + 1 + random.below(4))));
    const step = random.below(10);
    if (step < 3) sync(node, model);
    else if (step === 3) checkpoint(node, model, random);
    else if (step === 4) runSteps(ensureIndexSteps(node.disk, LOG, IDENTITY, { verifyPages: false }));
    else if (step === 5) rollBack(node, model, random);
    else if (step === 6) reserve(node, model, term, end + random.below(50));
  }
}

/** An orderly stop. */
export function stopCleanly(node: StorageNode, model: StorageModel): void {
  sync(node, model);
  const last = node.log.lastSequence;
  model.stoppedCleanlyAt = last;
  node.signing.markClean(last, model.hashes[last]!);
  node.close();
}

function append(node: StorageNode, model: StorageModel, records: readonly ChainRecord[]): void {
  model.tried.length = node.log.lastSequence + 1;
  for (const record of records) {
    model.tried[record.header.sequence] = record.bytes;
    model.hashes[record.header.sequence] = record.hash;
  }
  node.log.append(asLogRecords(records));
}

function sync(node: StorageNode, model: StorageModel): void {
  node.log.sync();
  model.durableSequence = node.log.lastSequence;
}

function reserve(node: StorageNode, model: StorageModel, term: number, limitSequence: number): void {
  const last = model.reserved;
  const limit = last !== null && last.term === term ? Math.max(limitSequence, last.limitSequence) : limitSequence;
  model.reserving = { term, limitSequence: limit };
  node.signing.reserve(term, limit);
  model.reserved = model.reserving;
}

/** The state at version n is, here, that after record n. */
function checkpoint(node: StorageNode, model: StorageModel, random: SeededRandom): void {
  sync(node, model);
  const sequence = node.log.lastSequence;
  const recordHash = model.hashes[sequence]!;
  const writer = node.checkpoints.begin({ version: sequence, sequence, term: 1, recordHash });
  for (let i = random.below(4); i >= 0; i--) writer.push(random.bytes(1 + random.below(1500)));
  writer.finish(random.bytes(40));
  model.checkpointVersion = sequence;
}

/** A follower's roll-back, never below its newest checkpoint. */
function rollBack(node: StorageNode, model: StorageModel, random: SeededRandom): void {
  const last = node.log.lastSequence;
  const keep = Math.max(model.checkpointVersion, last - random.below(25), 0);
  if (keep >= last) return;
  model.durableSequence = Math.min(model.durableSequence, keep);
  node.log.truncateAfter(keep);
  model.durableSequence = keep;
  model.tried.length = keep + 1;
  model.hashes.length = keep + 1;
}

/** Whether the file system must be opened again after this error. Anything but a disk error is rethrown. */
export function needsReopening(error: unknown): boolean {
  if (!(error instanceof DiskError)) throw error;
  return error.code === "ESTICKY" || error.message.includes("sync");
}
