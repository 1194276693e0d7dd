// The log on a simulated disk: appends, roll-over, cuts, readers, and every kind of damage named by file and offset.

import { describe, expect, test } from "bun:test";
import { bytesEqual } from "#base/bytes.ts";
import { SeededRandom } from "#base/random.ts";
import { FRAME_HEADER_SIZE_BYTES, SEGMENT_HEADER_SIZE_BYTES } from "#formats/disk/segment.ts";
import { DiskError } from "#storage/disk.ts";
import { LogDamageError, WrongChainError } from "#storage/log-errors.ts";
import { segmentFileName } from "#storage/segment-file.ts";
import { ensureIndexSteps, indexFileName, runSteps } from "#storage/segment-index.ts";
import { type LogRecord, SegmentLog } from "#storage/segment-log.ts";
import { SegmentLogReader } from "#storage/segment-log-reader.ts";
import { SimulatedDisk } from "../simulation/simulated-disk.ts";
import { asLogRecords, ChainFixture, IDENTITY, OTHER_IDENTITY } from "./chain-fixture.ts";

const DIRECTORY = "/log";
const SEGMENT_SIZE_BYTES = 4096;

function openLog(disk: SimulatedDisk, options: { repair?: boolean } = {}): SegmentLog {
  let salt = 1n;
  return SegmentLog.open(disk, DIRECTORY, {
    identity: IDENTITY,
    segmentSizeBytes: SEGMENT_SIZE_BYTES,
    repair: options.repair ?? true,
    drawSalt: () => salt++,
  });
}

function randomRecords(count: number, firstSequence = 0, seed = 1): LogRecord[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, (_, i) => {
    return { sequence: firstSequence + i, bytes: random.bytes(20 + random.below(600)) };
  });
}

function expectHolds(log: SegmentLog, records: readonly LogRecord[]): void {
  expect(log.lastSequence).toBe(records.at(-1)?.sequence ?? -1);
  const found = [...log.scan(records[0]?.sequence ?? 0)];
  expect(found.map(({ sequence, bytes }) => ({ sequence, bytes }))).toEqual([...records]);
  for (const { sequence, bytes } of records) expect(log.read(sequence)).toEqual(bytes);
}

/** A log of several segments, synced, and what it holds. */
function filledLog(count = 40): { disk: SimulatedDisk; records: LogRecord[] } {
  const disk = new SimulatedDisk(1);
  const log = openLog(disk);
  const records = randomRecords(count);
  for (const record of records) {
    log.append([record]);
    log.sync();
  }
  log.close();
  return { disk, records };
}

function segmentPaths(disk: SimulatedDisk): string[] {
  return disk.paths().filter((path) => path.endsWith(".log"));
}

function damageOf(action: () => unknown): LogDamageError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(LogDamageError);
    return error as LogDamageError;
  }
  throw new Error("no damage was found");
}

describe("segment log", () => {
  test("holds what was appended, over segments, batches and a reopening", () => {
    const disk = new SimulatedDisk(1);
    const log = openLog(disk);
    const records = randomRecords(60);
    for (let at = 0; at < records.length; at += 7) log.append(records.slice(at, at + 7));
    expect(log.segments.length).toBeGreaterThan(3);
    expectHolds(log, records);
    log.sync();
    log.close();
    const reopened = openLog(disk);
    expect(reopened.recovery).toEqual({ cutBytes: 0, file: null, reason: null });
    expectHolds(reopened, records);
    const more = randomRecords(10, 60, 2);
    reopened.append(more);
    expectHolds(reopened, [...records, ...more]);
  });

  test("positions name segment, offset and length; no segment but one of a single record is above the limit", () => {
    const disk = new SimulatedDisk(1);
    const log = openLog(disk);
    const records = randomRecords(12);
    records.push({ sequence: 12, bytes: new Uint8Array(9000) }, ...randomRecords(3, 13));
    const positions = log.append(records);
    expect(positions.map(({ sequence }) => sequence)).toEqual(records.map(({ sequence }) => sequence));
    for (const { segment, offset, length, sequence } of positions) {
      const content = disk.content(`${DIRECTORY}/${segmentFileName(segment)}`);
      const start = offset + FRAME_HEADER_SIZE_BYTES;
      expect(bytesEqual(content.subarray(start, start + length), records[sequence]!.bytes)).toBe(true);
      if (segment !== 12) expect(content.length).toBeLessThanOrEqual(SEGMENT_SIZE_BYTES);
    }
    expect(log.segments).toContain(12);
  });

  test("a fresh log begins with any record, and holds the place when it is emptied", () => {
    const disk = new SimulatedDisk(1);
    const log = openLog(disk);
    expect([log.firstSequence, log.lastSequence]).toEqual([-1, -1]);
    log.append(randomRecords(3, 500));
    expect([log.firstSequence, log.lastSequence]).toEqual([500, 502]);
    expect(log.read(499)).toBeNull();
    expect(log.read(503)).toBeNull();
    log.truncateAfter(499);
    expect([log.firstSequence, log.lastSequence]).toEqual([500, 499]);
    const again = randomRecords(2, 500, 9);
    log.append(again);
    expectHolds(log, again);
    log.clear();
    const elsewhere = randomRecords(2, 7, 10);
    log.append(elsewhere);
    expectHolds(log, elsewhere);
    log.sync();
    log.close();
    expectHolds(openLog(disk), elsewhere);
  });

  test("cuts behind every record, and goes on from there", () => {
    for (let keep = 0; keep < 40; keep += 3) {
      const { disk, records } = filledLog();
      runStepsForIndexless(disk);
      const log = openLog(disk);
      log.truncateAfter(keep);
      const more = randomRecords(9, keep + 1, 77);
      log.append(more);
      const expected = [...records.slice(0, keep + 1), ...more];
      expectHolds(log, expected);
      log.sync();
      log.close();
      expectHolds(openLog(disk), expected);
    }
  });

  test("opened for inspection it writes nothing and shows what a repair would cut", () => {
    const { disk } = filledLog(6);
    const path = segmentPaths(disk).at(-1)!;
    disk.overwrite(path, disk.content(path).slice(0, -5));
    const before = disk.content(path).slice();
    disk.setFaults({});
    const log = openLog(disk, { repair: false });
    expect(disk.changeCount).toBe(0);
    expect(log.recovery.cutBytes).toBeGreaterThan(0);
    expect(log.recovery.file).toBe(path);
    expect(disk.content(path)).toEqual(before);
    expect(() => log.append(randomRecords(1, log.lastSequence + 1))).toThrow("inspection");
  });

  test("a reader on another thread follows up to its limit, over roll-overs and cuts", () => {
    const disk = new SimulatedDisk(1);
    const log = openLog(disk);
    const reader = new SegmentLogReader(disk, DIRECTORY, IDENTITY);
    const records = randomRecords(50);
    expect(reader.read(0)).toBeNull();
    for (const record of records) {
      log.append([record]);
      expect(reader.read(record.sequence)).toBeNull();
      reader.advance(record.sequence);
      expect(reader.read(record.sequence)).toEqual(record.bytes);
    }
    expect([...reader.scan(17)].map(({ bytes }) => bytes)).toEqual(records.slice(17).map(({ bytes }) => bytes));
    reader.rollbackTo(20);
    log.truncateAfter(20);
    const more = randomRecords(20, 21, 5);
    log.append(more);
    expect(reader.read(21)).toBeNull();
    reader.advance(40);
    expect([...reader.scan(21)].map(({ bytes }) => bytes)).toEqual(more.map(({ bytes }) => bytes));
  });

  test("an index that was left behind by a cut is not believed", () => {
    const disk = new SimulatedDisk(1);
    const log = openLog(disk);
    const { records } = recordsOfChain(60);
    log.append(records);
    ensureIndexes(disk);
    const first = log.segments[1]!;
    const path = `${DIRECTORY}/${indexFileName(first)}`;
    const stale = disk.content(path).slice();
    log.truncateAfter(first + 1);
    disk.overwrite(path, stale);
    const other = recordsOfChain(60, 2).records.slice(first + 2);
    log.append(other);
    log.sync();
    const reader = new SegmentLogReader(disk, DIRECTORY, IDENTITY, 59);
    const expected = [...records.slice(0, first + 2), ...other];
    for (const { sequence, bytes } of expected) expect(reader.read(sequence)).toEqual(bytes);
    log.close();
    expectHolds(openLog(disk), expected);
    expect(ensureIndexes(disk)).toContain(first);
  });

  test("another chain's folder is refused by name", () => {
    const { disk } = filledLog(3);
    const open = () => SegmentLog.open(disk, DIRECTORY, { identity: OTHER_IDENTITY, repair: true });
    expect(open).toThrow(WrongChainError);
    expect(open).toThrow(/chain 31337 .* not to chain 31338/);
  });
});

describe("torn ends", () => {
  test("a file cut at any byte of its end loses only what was cut, and says so", () => {
    const { disk, records } = filledLog(8);
    const path = segmentPaths(disk).at(-1)!;
    const whole = disk.content(path).slice();
    const first = Number(/(\d{16})\.log$/.exec(path)![1]);
    for (let size = SEGMENT_HEADER_SIZE_BYTES; size < whole.length; size += 13) {
      disk.overwrite(path, whole.slice(0, size));
      const log = openLog(disk);
      const kept = [...log.scan(0)];
      expect(kept.map(({ bytes }) => bytes)).toEqual(records.slice(0, kept.length).map(({ bytes }) => bytes));
      expect(log.lastSequence).toBeGreaterThanOrEqual(first - 1);
      const end = size - log.recovery.cutBytes;
      expect(disk.content(path).length).toBe(end);
      log.append(randomRecords(2, log.lastSequence + 1, 3));
      log.close();
    }
  });

  test("unsynced records that came out of order are a torn end, not damage", () => {
    const disk = new SimulatedDisk(1);
    const log = openLog(disk);
    const records = randomRecords(2);
    log.append(records);
    log.sync();
    const end = disk.content(`${DIRECTORY}/${segmentFileName(0)}`).length;
    log.append(randomRecords(3, 2, 4).map((record) => ({ ...record, bytes: record.bytes.slice(0, 100) })));
    log.close();
    const path = `${DIRECTORY}/${segmentFileName(0)}`;
    const content = disk.content(path).slice();
    content.fill(0, end, end + 50);
    disk.overwrite(path, content);
    const reopened = openLog(disk);
    expect(reopened.recovery.cutBytes).toBe(content.length - end);
    expectHolds(reopened, records);
  });

  test("a frame left over behind a newer one of the same length is not taken up", () => {
    const disk = new SimulatedDisk(1);
    const log = openLog(disk);
    const records = Array.from({ length: 4 }, (_, i) => ({ sequence: i, bytes: new Uint8Array(50).fill(i) }));
    log.append(records);
    const path = segmentPaths(disk)[0]!;
    const stale = disk.content(path).slice();
    log.truncateAfter(1);
    const newer = { sequence: 2, bytes: new Uint8Array(50).fill(0x77) };
    log.append([newer]);
    log.close();
    const content = stale.slice();
    content.set(disk.content(path));
    disk.overwrite(path, content);
    const reopened = openLog(disk);
    expect(reopened.recovery.reason).toContain("does not follow");
    expectHolds(reopened, [...records.slice(0, 2), newer]);
  });

  test("a newest segment whose header was never whole is removed", () => {
    for (const size of [0, 1, 64, 127, 128]) {
      const { disk, records } = filledLog(12);
      const path = `${DIRECTORY}/${segmentFileName(12)}`;
      disk.overwrite(path, new Uint8Array(size));
      const log = openLog(disk);
      expectHolds(log, records);
      expect(disk.exists(path)).toBe(false);
      log.append(randomRecords(30, 12, 8));
      log.close();
      expect(openLog(disk).lastSequence).toBe(41);
    }
  });
});

describe("damage", () => {
  test("a flipped bit in any byte before the durable end of the newest segment stops the start, naming the frame", () => {
    const { disk } = filledLog(9);
    const path = segmentPaths(disk).at(-1)!;
    const whole = disk.content(path).slice();
    const frames = frameOffsets(whole);
    expect(frames.length).toBeGreaterThan(2);
    const lastFrame = frames.at(-1)!;
    for (let at = 0; at < lastFrame; at += at < 300 ? 1 : 17) {
      const altered = whole.slice();
      altered[at]! ^= 1 << (at % 8);
      disk.overwrite(path, altered);
      const damage = damageOf(() => openLog(disk));
      expect(damage.file).toBe(path);
      if (at >= SEGMENT_HEADER_SIZE_BYTES) expect(damage.offset).toBe(frames.findLast((offset) => offset <= at)!);
    }
  });

  test("a flipped bit in a closed segment stops the start, or the read when an index vouched for the segment", () => {
    const { disk } = filledLog();
    const path = segmentPaths(disk)[1]!;
    const whole = disk.content(path).slice();
    for (let at = 0; at < whole.length; at += 11) {
      const altered = whole.slice();
      altered[at]! ^= 0x20;
      disk.overwrite(path, altered);
      expect(damageOf(() => openLog(disk)).file).toBe(path);
    }
  });

  test("missing, shortened, swapped and stale segments are found", () => {
    const { disk } = filledLog();
    const paths = segmentPaths(disk);
    const contents = paths.map((path) => disk.content(path).slice());
    const restore = () => paths.forEach((path, i) => void disk.overwrite(path, contents[i]!));
    disk.lose(paths[1]!);
    expect(damageOf(() => openLog(disk)).message).toContain("missing");
    restore();
    disk.overwrite(paths[1]!, contents[1]!.slice(0, frameOffsets(contents[1]!).at(-1)!));
    expect(damageOf(() => openLog(disk)).message).toContain("missing");
    restore();
    disk.overwrite(paths[1]!, contents[1]!.slice(0, -1));
    expect(damageOf(() => openLog(disk)).file).toBe(paths[1]!);
    restore();
    disk.overwrite(paths[1]!, contents[2]!);
    disk.overwrite(paths[2]!, contents[1]!);
    expect(damageOf(() => openLog(disk)).file).toBe(paths[1]!);
    restore();
    // The same place in another life of the same chain: same name, same sequences, other salt and other past.
    const other = new SimulatedDisk(2);
    const log = SegmentLog.open(other, DIRECTORY, { identity: IDENTITY, segmentSizeBytes: 4096, repair: true });
    log.append(randomRecords(40).map((record) => ({ ...record, bytes: record.bytes.map((byte) => byte ^ 1) })));
    log.close();
    expect(segmentPaths(other)).toEqual(paths);
    disk.overwrite(paths[2]!, other.content(paths[2]!));
    expect(damageOf(() => openLog(disk)).message).toContain("does not follow");
  });

  test("records swapped within a segment are found", () => {
    const disk = new SimulatedDisk(1);
    const log = openLog(disk);
    const records = Array.from({ length: 6 }, (_, i) => ({ sequence: i, bytes: new Uint8Array(100).fill(i) }));
    for (const record of records) {
      log.append([record]);
      log.sync();
    }
    log.close();
    const path = segmentPaths(disk)[0]!;
    const content = disk.content(path).slice();
    const [, second, third, fourth] = frameOffsets(content) as [number, number, number, number];
    const swapped = content.slice();
    swapped.set(content.subarray(third, fourth), second);
    swapped.set(content.subarray(second, third), third);
    disk.overwrite(path, swapped);
    expect(damageOf(() => openLog(disk)).offset).toBe(second);
  });

  test("with an index the read finds what the start did not look at", () => {
    const disk = new SimulatedDisk(1);
    const log = openLog(disk);
    const { records } = recordsOfChain(40);
    log.append(records);
    log.sync();
    log.close();
    ensureIndexes(disk);
    const path = segmentPaths(disk)[0]!;
    const altered = disk.content(path).slice();
    const offset = frameOffsets(altered)[1]!;
    altered[offset + 40]! ^= 1;
    disk.overwrite(path, altered);
    const reopened = openLog(disk);
    expect(reopened.read(0)).toEqual(records[0]!.bytes);
    expect(damageOf(() => reopened.read(1))).toMatchObject({ file: path, offset });
    expect(damageOf(() => reopened.verify())).toMatchObject({ file: path, offset });
  });

  test("bytes inside a record that look like frames of the log change nothing", () => {
    const disk = new SimulatedDisk(1);
    const log = openLog(disk);
    const [record] = randomRecords(1);
    log.append([record!]);
    log.sync();
    const frame = disk.content(segmentPaths(disk)[0]!).slice(SEGMENT_HEADER_SIZE_BYTES);
    log.append([{ sequence: 1, bytes: frame }]);
    log.close();
    const path = segmentPaths(disk)[0]!;
    const content = disk.content(path).slice();
    const torn = frameOffsets(content)[1]!;
    content[torn + 4]! ^= 1;
    disk.overwrite(path, content);
    expectHolds(openLog(disk), [record!]);
  });
});

describe("failing disk", () => {
  test("a failed append leaves the log as it was and the next one works", () => {
    for (const failCode of ["ENOSPC", "EIO"] as const) {
      for (let failAt = 0; failAt < 12; failAt++) {
        const disk = new SimulatedDisk(failAt);
        const log = openLog(disk);
        const records = randomRecords(10);
        log.append(records);
        log.sync();
        const batch = randomRecords(15, 10, 3);
        disk.setFaults({ failAt, failCode });
        let failure: unknown = null;
        try {
          log.append(batch);
        } catch (error) {
          failure = error;
        }
        disk.setFaults({});
        if (failure === null) continue;
        expect(failure).toBeInstanceOf(DiskError);
        expect((failure as DiskError).code).toBe(failCode);
        expect(log.lastSequence).toBe(9);
        if ((failure as DiskError).message.includes("sync")) {
          // As after a crash: the batch was never acknowledged, and any prefix of it may be there.
          expect(() => log.append(batch)).toThrow("ESTICKY");
          log.close();
          const reopened = openLog(disk);
          expect(reopened.lastSequence).toBeGreaterThanOrEqual(9);
          expectHolds(reopened, [...records, ...batch].slice(0, reopened.lastSequence + 1));
          reopened.append(batch.slice(reopened.lastSequence - 9));
          expectHolds(reopened, [...records, ...batch]);
          continue;
        }
        expectHolds(openLog(disk, { repair: false }), records);
        log.append(batch);
        expectHolds(log, [...records, ...batch]);
        log.sync();
        log.close();
        expectHolds(openLog(disk), [...records, ...batch]);
      }
    }
  });

  test("a disk that stays full refuses every append cleanly and takes them when there is room", () => {
    const disk = new SimulatedDisk(3);
    const log = openLog(disk);
    const records = randomRecords(30);
    disk.capacityBytes = 6000;
    let held = 0;
    for (const record of records) {
      try {
        log.append([record]);
        held++;
      } catch (error) {
        expect(error).toMatchObject({ code: "ENOSPC" });
        break;
      }
    }
    expect(held).toBeGreaterThan(5);
    for (let i = 0; i < 3; i++) expect(() => log.append(records.slice(held))).toThrow("ENOSPC");
    expectHolds(log, records.slice(0, held));
    disk.capacityBytes = 1 << 20;
    log.append(records.slice(held));
    expectHolds(log, records);
  });

  test("a failed sync is final: nothing more is taken, and a reopened log has lost only what was not synced", () => {
    const disk = new SimulatedDisk(3);
    const log = openLog(disk);
    const records = randomRecords(6);
    log.append(records.slice(0, 3));
    log.sync();
    log.append(records.slice(3));
    disk.setFaults({ failAt: 0 });
    expect(() => log.sync()).toThrow(DiskError);
    disk.setFaults({});
    expect(() => log.sync()).toThrow("ESTICKY");
    expect(() => log.append(randomRecords(1, 6))).toThrow("ESTICKY");
    log.close();
    expectHolds(openLog(disk), records.slice(0, 3));
  });

  test("a read that fails is the disk's error, not damage", () => {
    const { disk } = filledLog(10);
    const log = openLog(disk);
    disk.setFaults({ failReadAt: 0 });
    expect(() => log.read(5)).toThrow(DiskError);
    disk.setFaults({});
    expect(log.read(5)).not.toBeNull();
  });
});

function ensureIndexes(disk: SimulatedDisk): number[] {
  return runSteps(ensureIndexSteps(disk, DIRECTORY, IDENTITY, { verifyPages: true }));
}

function recordsOfChain(count: number, life = 0): { records: LogRecord[] } {
  const fixture = new ChainFixture({ life });
  return { records: asLogRecords(fixture.extend(count)) };
}

/** Index files need real records; stale ones of no meaning must not disturb a cut. */
function runStepsForIndexless(disk: SimulatedDisk): void {
  for (const path of segmentPaths(disk)) {
    const first = Number(/(\d{16})\.log$/.exec(path)![1]);
    disk.overwrite(`${DIRECTORY}/${indexFileName(first)}`, new Uint8Array(300).fill(first));
  }
}

/** Offsets of all frames of an intact segment, by their length fields. */
function frameOffsets(content: Uint8Array): number[] {
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  const offsets: number[] = [];
  for (let at = SEGMENT_HEADER_SIZE_BYTES; at < content.length; ) {
    offsets.push(at);
    at += FRAME_HEADER_SIZE_BYTES + view.getUint32(at + 4, true);
  }
  return offsets;
}
