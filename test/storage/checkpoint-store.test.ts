// Checkpoints: written whole or not at all, two kept, a damaged one passed over with a report.

import { describe, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { CheckpointDamageError, type CheckpointReader, CheckpointStore } from "#storage/checkpoint-store.ts";
import { WrongChainError } from "#storage/log-errors.ts";
import { SimulatedDisk } from "../simulation/simulated-disk.ts";
import { IDENTITY, OTHER_IDENTITY } from "./chain-fixture.ts";

const DIRECTORY = "/checkpoints";
const META = new Uint8Array(50).fill(3);

function mark(version: number) {
  return { version, sequence: version * 2, term: 1, recordHash: new Uint8Array(32).fill(version) };
}

function chunksOf(version: number): Uint8Array[] {
  const random = new SeededRandom(version);
  return Array.from({ length: 4 }, () => random.bytes(1 + random.below(2000)));
}

function write(store: CheckpointStore, version: number): void {
  const writer = store.begin(mark(version));
  for (const chunk of chunksOf(version)) writer.push(chunk);
  writer.finish(META);
}

function expectIntact(reader: CheckpointReader | null, version: number): void {
  expect(reader?.mark).toEqual(mark(version));
  expect(reader!.meta).toEqual(META);
  expect([...reader!.chunks()]).toEqual(chunksOf(version));
  expect(reader!.verify()).toBeNull();
}

function filled(): { disk: SimulatedDisk; store: CheckpointStore } {
  const disk = new SimulatedDisk(1);
  const store = new CheckpointStore(disk, DIRECTORY, IDENTITY);
  expect(store.latest()).toBeNull();
  for (const version of [10, 20, 30]) write(store, version);
  return { disk, store };
}

describe("checkpoint store", () => {
  test("the newest two are kept, whole, and survive power failure", () => {
    const { disk, store } = filled();
    expect(store.versions()).toEqual([20, 30]);
    expectIntact(store.latest(), 30);
    const again = new CheckpointStore(disk.crash("none", 1), DIRECTORY, IDENTITY);
    expectIntact(again.latest(), 30);
  });

  test("one that was not finished is not there, and its file goes", () => {
    const { disk, store } = filled();
    const writer = store.begin(mark(40));
    writer.push(chunksOf(40)[0]!);
    expectIntact(store.latest(), 30);
    const again = new CheckpointStore(disk, DIRECTORY, IDENTITY);
    expectIntact(again.latest(), 30);
    expect(disk.list(DIRECTORY).length).toBe(2);
  });

  test("an observer passes over one that the owner removes while it looks", () => {
    const { disk, store } = filled();
    const observer = new CheckpointStore(disk, DIRECTORY, IDENTITY, "observe");
    const readers = observer.readers();
    expectIntact(readers.next().value as CheckpointReader, 30);
    write(store, 40);
    expect(store.versions()).toEqual([30, 40]);
    expect(readers.next().done).toBe(true);
    expect(observer.skipped).toEqual([]);
  });

  test("abort and a failing disk leave what was there", () => {
    for (let failAt = 0; failAt < 16; failAt++) {
      const { disk, store } = filled();
      disk.setFaults({ failAt, failCode: "ENOSPC" });
      let hasFailed = false;
      try {
        write(store, 40);
      } catch (error) {
        hasFailed = true;
        expect(error).toMatchObject({ code: "ENOSPC" });
      }
      disk.setFaults({});
      if (!hasFailed) continue;
      expect(store.latest()?.mark.version).toBeGreaterThanOrEqual(30);
      write(store, 50);
      expectIntact(store.latest(), 50);
    }
    const { disk, store } = filled();
    const writer = store.begin(mark(40));
    writer.abort();
    expect(disk.list(DIRECTORY).length).toBe(2);
  });

  test("any altered or missing byte is found, at opening or while reading; the store falls back to the one before", () => {
    const { disk, store } = filled();
    const path = store.latest()!.path;
    const whole = disk.content(path).slice();
    for (let at = 0; at < whole.length; at += 7) {
      const altered = whole.slice();
      altered[at]! ^= 1 << (at % 8);
      disk.overwrite(path, altered);
      const reader = new CheckpointStore(disk, DIRECTORY, IDENTITY).latest()!;
      if (reader.mark.version === 30) {
        expect(reader.verify()).toContain("damaged checkpoint");
        expect(() => [...reader.chunks()]).toThrow(CheckpointDamageError);
      } else {
        expectIntact(reader, 20);
      }
    }
    for (const size of [0, 10, 63, 200, whole.length - 1]) {
      disk.overwrite(path, whole.slice(0, size));
      const damaged = new CheckpointStore(disk, DIRECTORY, IDENTITY);
      expectIntact(damaged.latest(), 20);
      expect(damaged.skipped.map(({ file }) => file)).toEqual([path]);
    }
  });

  test("chunks swapped between two checkpoints, and a file under another's name, are found", () => {
    const { disk, store } = filled();
    const [newest, older] = [...store.readers()];
    const stale = disk.content(older!.path).slice();
    disk.overwrite(newest!.path, stale);
    const again = new CheckpointStore(disk, DIRECTORY, IDENTITY);
    expectIntact(again.latest(), 20);
    expect(again.skipped[0]!.reason).toContain("it holds version 20");
  });

  test("another chain's checkpoint is refused; those above a version can be removed", () => {
    const { disk, store } = filled();
    expect(() => new CheckpointStore(disk, DIRECTORY, OTHER_IDENTITY).latest()).toThrow(WrongChainError);
    store.removeAbove(20);
    expectIntact(new CheckpointStore(disk.crash("none", 1), DIRECTORY, IDENTITY).latest(), 20);
  });
});
