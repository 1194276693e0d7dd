// The feed's source on a data directory: records from memory and from files, terms, roll-back, damage, snapshots that outlive their
// file; and the whole way of a snapshot through the feed server.

import { afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeCheckpoint } from "#formats/wire/payloads.ts";
import { LogFeedSource, type LogFeedSourceOptions } from "#net/log-feed-source.ts";
import { RecentRecords } from "#net/recent-records.ts";
import { TermStarts } from "#net/term-starts.ts";
import { RealDisk } from "#storage/real-disk.ts";
import { SegmentLog } from "#storage/segment-log.ts";
import {
  type CheckpointedChain,
  FOLDERS,
  produceCheckpointedChain,
  SEGMENT_SIZE_BYTES,
  writeNode,
} from "../replica/source-node.ts";

let chain: CheckpointedChain;
beforeAll(async () => {
  chain = await produceCheckpointedChain(0xfeed);
});

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

function makeNode(records = chain.records): string {
  const directory = mkdtempSync(join(tmpdir(), "feed-source-"));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  writeNode(new RealDisk(directory), chain, records);
  return directory;
}

function open(dataDirectory: string, changes: Partial<LogFeedSourceOptions> = {}): LogFeedSource {
  const source = LogFeedSource.open({
    dataDirectory,
    identity: chain.fixture.identity,
    genesisDocument: chain.fixture.genesis.document,
    sequencer: new Uint8Array(20),
    lastSequence: chain.records.length - 1,
    recentSizeBytes: 4_096,
    ...changes,
  });
  cleanups.push(() => source.close());
  return source;
}

describe("records", () => {
  test("from the files at start, in runs of a bounded size, until the head", () => {
    const source = open(makeNode());
    const last = chain.records.length - 1;
    expect(source.head()).toEqual({ sequence: last, term: 0 });
    expect(source.oldestSequence()).toBe(0);
    for (const from of [0, 1, 17, last]) {
      const found: Uint8Array[] = [];
      while (from + found.length <= last) {
        const run = source.read(from + found.length, 3_000)!;
        const size = run.reduce((sum, record) => sum + record.length, 0);
        expect(run.length).toBeGreaterThan(0);
        expect(size - run[run.length - 1]!.length).toBeLessThan(3_000);
        found.push(...run);
      }
      expect(found).toEqual(chain.records.slice(from).map((record) => record.bytes));
    }
    expect(source.read(last + 1, 1)).toEqual([]);
    expect(source.hashOf(7)).toEqual(chain.records[7]!.hash);
    expect(source.hashOf(last + 1)).toBeNull();
  });

  test("new ones from memory before they can be read from the files; known ones change nothing", () => {
    const half = Math.floor(chain.records.length / 2);
    const source = open(makeNode(chain.records.slice(0, half)), { lastSequence: half - 1 });
    for (const record of chain.records.slice(half - 3, half + 2)) {
      expect(source.onRecord(record.bytes)).toBe(record.header.sequence);
    }
    expect(source.head()).toEqual({ sequence: half + 1, term: 0 });
    const run = source.read(half - 2, 1 << 20)!;
    expect(run).toEqual(chain.records.slice(half - 2, half + 2).map((record) => record.bytes));
    expect(source.hashOf(half + 1)).toEqual(chain.records[half + 1]!.hash);
  });

  test("an empty log serves nothing, then what comes", () => {
    const directory = mkdtempSync(join(tmpdir(), "feed-source-"));
    cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
    const source = open(directory, { lastSequence: -1 });
    expect([source.head(), source.oldestSequence(), source.read(0, 1), source.snapshot()]).toEqual([null, 0, [], null]);
    source.onRecord(chain.records[0]!.bytes);
    expect(source.read(0, 1)).toEqual([chain.records[0]!.bytes]);
    expect(source.firstTermAfter(0)).toBeNull();
  });

  test("a damaged file is told of and not served", () => {
    const directory = makeNode();
    const disk = new RealDisk(directory);
    const segment = disk.list(FOLDERS.log).find((name) => name.startsWith("segment-") && !name.endsWith(".idx"))!;
    const file = disk.openFile(`${FOLDERS.log}/${segment}`);
    file.write(2_000, new Uint8Array(64).fill(0xa5));
    file.close();
    const damage: Error[] = [];
    const source = open(directory, { onDamage: (error) => damage.push(error) });
    let refused = 0;
    for (let sequence = 0; sequence < chain.records.length; sequence++) {
      const run = source.read(sequence, 1);
      if (run === null) refused++;
      else expect(run[0]).toEqual(chain.records[sequence]!.bytes);
    }
    expect(refused).toBeGreaterThan(0);
    expect(damage.length).toBeGreaterThanOrEqual(refused);
  });

  test("after a roll-back the cut records are gone and others take their place", () => {
    const directory = makeNode();
    const source = open(directory);
    const [seal, checkpoint] = [chain.seal.header.sequence, chain.checkpoint.header.sequence];
    expect(source.snapshot()).not.toBeNull();
    const options = { identity: chain.fixture.identity, segmentSizeBytes: SEGMENT_SIZE_BYTES, repair: true };
    const log = SegmentLog.open(new RealDisk(directory), FOLDERS.log, options);
    log.truncateAfter(checkpoint - 1);
    source.onRollback(checkpoint - 1);
    expect(source.head()).toEqual({ sequence: checkpoint - 1, term: 0 });
    expect(source.read(checkpoint, 1)).toEqual([]);
    expect(source.hashOf(checkpoint)).toBeNull();
    expect(source.snapshot()).toBeNull(); // its digest was signed in what is void now
    expect(source.hashOf(seal)).toEqual(chain.seal.hash);
    log.append([{ sequence: checkpoint, bytes: chain.checkpoint.bytes }]);
    log.close();
    source.onRecord(chain.checkpoint.bytes);
    expect(source.snapshot()?.sealSequence).toBe(seal);
  });
});

describe("terms", () => {
  /** Terms of a log that begins with record `oldest`, by the lengths of its terms. */
  const starts = (oldest: number, lengths: [term: number, count: number][], startsWithTerm = false) => {
    const terms = lengths.flatMap(([term, count]) => Array.from({ length: count }, () => term));
    let reads = 0;
    const peek = (sequence: number) => {
      reads++;
      const at = sequence - oldest;
      const term = terms[at]!;
      const isStart = at === 0 ? startsWithTerm : terms[at - 1] !== term;
      return { type: isStart ? "term" : "mini", term };
    };
    const last = terms.length === 0 ? null : { sequence: oldest + terms.length - 1, term: terms[terms.length - 1]! };
    return { found: new TermStarts(peek, oldest, last), reads: () => reads };
  };

  test("are found without walking over the log", () => {
    const { found, reads } = starts(0, [
      [0, 5_000],
      [1, 1],
      [2, 1],
      [5, 9_000],
      [6, 3],
    ]);
    expect([0, 1, 2, 3, 4, 5, 6].map((term) => found.firstAfter(term))).toEqual([
      5_000,
      5_001,
      5_002,
      5_002,
      5_002,
      14_002,
      null,
    ]);
    expect(reads()).toBeLessThan(100);
  });

  test("that began before the log are before its oldest record", () => {
    const { found } = starts(100, [
      [3, 10],
      [4, 10],
    ]);
    expect([0, 2, 3, 4].map((term) => found.firstAfter(term))).toEqual([99, 99, 110, null]);
    const exact = starts(100, [[3, 10]], true).found;
    expect([2, 3].map((term) => exact.firstAfter(term))).toEqual([100, null]);
  });

  test("come and go with records and roll-backs", () => {
    const { found } = starts(0, []);
    expect(found.firstAfter(0)).toBeNull();
    for (const [sequence, term] of [
      [0, 0],
      [1, 0],
      [2, 1],
      [3, 1],
      [4, 3],
    ] as const)
      found.onRecord(sequence, term);
    expect([0, 1, 2, 3].map((term) => found.firstAfter(term))).toEqual([2, 4, 4, null]);
    found.rollbackTo(3);
    expect([0, 1].map((term) => found.firstAfter(term))).toEqual([2, null]);
    found.onRecord(4, 2);
    expect(found.firstAfter(1)).toBe(4);
  });
});

describe("snapshots", () => {
  test("are the checkpoint with a signed digest and its seal, found in the log at start", () => {
    const snapshot = open(makeNode()).snapshot()!;
    cleanups.push(() => snapshot.close());
    expect(snapshot.sealRecord).toEqual(chain.seal.bytes);
    expect(snapshot.checkpointRecord).toEqual(chain.checkpoint.bytes);
    expect(snapshot.sealSequence).toBe(chain.seal.header.sequence);
    const chunks = Array.from({ length: snapshot.chunkCount }, (_, index) => snapshot.chunk(index));
    expect(chunks).toEqual([...chain.chunks]);
    expect(snapshot.chunk(1)).toEqual(chain.chunks[1]!);
  });

  test("wait for the signed digest to come", () => {
    const sequence = chain.checkpoint.header.sequence;
    const source = open(makeNode(chain.records.slice(0, sequence)), { lastSequence: sequence - 1 });
    expect(source.snapshot()).toBeNull();
    source.onRecord(chain.checkpoint.bytes);
    const snapshot = source.snapshot();
    expect(decodeCheckpoint(chain.checkpoint).version).toBe(chain.version);
    expect(snapshot?.checkpointRecord).toEqual(chain.checkpoint.bytes);
    snapshot?.close();
  });

  test("outlive their file while they are read", () => {
    const directory = makeNode();
    const snapshot = open(directory).snapshot()!;
    cleanups.push(() => snapshot.close());
    rmSync(join(directory, FOLDERS.checkpoints), { recursive: true });
    const chunks = Array.from({ length: snapshot.chunkCount }, (_, index) => snapshot.chunk(index));
    expect(chunks).toEqual([...chain.chunks]);
    expect(open(directory).snapshot()).toBeNull();
  });

  test("that are damaged are told of, chunk by chunk", () => {
    const directory = makeNode();
    const disk = new RealDisk(directory);
    const [name] = disk.list(FOLDERS.checkpoints);
    const file = disk.openFile(`${FOLDERS.checkpoints}/${name}`);
    const at = 64 + 16 + chain.chunks[0]!.length + 16 + 3;
    const byte = new Uint8Array(1);
    file.read(at, byte);
    file.write(at, Uint8Array.of(byte[0]! ^ 1));
    file.close();
    const damage: Error[] = [];
    const snapshot = open(directory, { onDamage: (error) => damage.push(error) }).snapshot()!;
    cleanups.push(() => snapshot.close());
    expect(snapshot.chunk(0)).toEqual(chain.chunks[0]!);
    expect(snapshot.chunk(1)).toBeNull();
    expect(damage.length).toBe(1);
  });

  test("a node that begins with a snapshot has no log before it", () => {
    const directory = makeNode([]);
    const source = open(directory, { lastSequence: -1 });
    const { sequence } = chain.seal.header;
    expect(source.head()).toEqual({ sequence, term: 0 });
    expect(source.oldestSequence()).toBe(sequence + 1);
    expect(source.read(3, 1)).toBeNull();
    expect(source.read(sequence + 1, 1)).toEqual([]);
    expect(source.snapshot()).toBeNull();
    source.onRecord(chain.records[sequence + 1]!.bytes);
    expect(source.oldestSequence()).toBe(sequence + 1);
    expect(source.read(sequence + 1, 1)).toEqual([chain.records[sequence + 1]!.bytes]);
  });
});

describe("recent records", () => {
  test("keep the newest within their bound, the last one always", () => {
    const recent = new RecentRecords(100);
    expect(recent.firstSequence).toBeNull();
    for (let sequence = 5; sequence < 25; sequence++) recent.add(sequence, new Uint8Array(30).fill(sequence));
    expect([recent.firstSequence, recent.sizeBytes]).toEqual([22, 90]);
    expect(recent.get(21)).toBeNull();
    expect(recent.get(24)).toEqual(new Uint8Array(30).fill(24));
    recent.add(25, new Uint8Array(500));
    expect([recent.firstSequence, recent.sizeBytes]).toEqual([25, 500]);
    recent.add(26, new Uint8Array(1));
    recent.rollbackTo(25);
    expect([recent.get(26), recent.firstSequence]).toEqual([null, null]);
  });

  test("begin anew after a gap, and forget what is rolled back", () => {
    const recent = new RecentRecords(1_000);
    for (const sequence of [1, 2, 3, 7, 8]) recent.add(sequence, Uint8Array.of(sequence));
    expect([recent.get(3), recent.firstSequence, recent.sizeBytes]).toEqual([null, 7, 2]);
    recent.rollbackTo(7);
    recent.add(8, Uint8Array.of(88));
    expect([recent.get(8), recent.sizeBytes]).toEqual([Uint8Array.of(88), 2]);
    recent.rollbackTo(2);
    expect([recent.firstSequence, recent.sizeBytes]).toEqual([null, 0]);
  });
});
