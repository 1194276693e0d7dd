// The real disk and the simulated one answer the same calls the same way; and the log works on real files.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Disk, DiskError, writeFileAtomically } from "#storage/disk.ts";
import { RealDisk } from "#storage/real-disk.ts";
import { ensureIndexSteps, runSteps } from "#storage/segment-index.ts";
import { SegmentLog } from "#storage/segment-log.ts";
import { SimulatedDisk } from "../simulation/simulated-disk.ts";
import { asLogRecords, ChainFixture, IDENTITY } from "./chain-fixture.ts";

const root = mkdtempSync(join(tmpdir(), "megaeth-disk-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const disks: readonly [string, () => Disk][] = [
  ["real", () => new RealDisk(mkdtempSync(join(root, "case-")))],
  ["simulated", () => new SimulatedDisk(1)],
];

function codeOf(action: () => unknown): string | null {
  try {
    action();
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(DiskError);
    return (error as DiskError).code;
  }
}

for (const [name, makeDisk] of disks) {
  describe(`${name} disk`, () => {
    test("reads what was written, with short reads at the end only", () => {
      const disk = makeDisk();
      disk.makeDirectory("a");
      const file = disk.openFile("a/file", { create: true });
      file.write(0, new Uint8Array([1, 2, 3, 4]));
      file.write(6, new Uint8Array([7]));
      expect(file.size()).toBe(7);
      const target = new Uint8Array(10);
      expect(file.read(1, target)).toBe(6);
      expect([...target.subarray(0, 6)]).toEqual([2, 3, 4, 0, 0, 7]);
      expect(file.read(7, target)).toBe(0);
      file.truncate(2);
      expect(file.size()).toBe(2);
      file.truncate(4);
      expect(file.read(0, target)).toBe(4);
      expect([...target.subarray(0, 4)]).toEqual([1, 2, 0, 0]);
      file.sync();
      file.close();
      file.close();
      expect(codeOf(() => file.size())).toBe("ECLOSED");
    });

    test("folders list, rename replaces, remove removes, and what is missing is ENOENT", () => {
      const disk = makeDisk();
      expect(disk.list("b")).toEqual([]);
      expect(codeOf(() => disk.openFile("b/x"))).toBe("ENOENT");
      disk.makeDirectory("b");
      disk.makeDirectory("b");
      disk.makeDirectory("c/d/e");
      expect(disk.exists("c/d/e")).toBe(true);
      writeFileAtomically(disk, "b", "two", new Uint8Array([2]));
      writeFileAtomically(disk, "b", "one", new Uint8Array([1]));
      writeFileAtomically(disk, "b", "one", new Uint8Array([9]));
      expect(disk.list("b")).toEqual(["one", "two"]);
      disk.rename("b/one", "b/two");
      disk.syncDirectory("b");
      expect(disk.list("b")).toEqual(["two"]);
      const target = new Uint8Array(1);
      disk.openFile("b/two", { readOnly: true }).read(0, target);
      expect(target[0]).toBe(9);
      disk.remove("b/two");
      expect(disk.exists("b/two")).toBe(false);
      expect(codeOf(() => disk.remove("b/two"))).toBe("ENOENT");
      expect(codeOf(() => disk.rename("b/two", "b/three"))).toBe("ENOENT");
    });

    test("the log, its index files and a reopening", () => {
      const disk = makeDisk();
      const options = { identity: IDENTITY, segmentSizeBytes: 8000, repair: true };
      const log = SegmentLog.open(disk, "log", options);
      const records = asLogRecords(new ChainFixture({ life: 1 }).extend(80));
      for (let at = 0; at < 80; at += 5) log.append(records.slice(at, at + 5));
      log.sync();
      log.close();
      expect(runSteps(ensureIndexSteps(disk, "log", IDENTITY, { verifyPages: true })).length).toBeGreaterThan(2);
      const reopened = SegmentLog.open(disk, "log", options);
      expect([...reopened.scan(0)].map(({ bytes }) => bytes)).toEqual(records.map(({ bytes }) => bytes));
      reopened.truncateAfter(31);
      reopened.append(records.slice(32));
      expect(reopened.read(79)).toEqual(records[79]!.bytes);
      reopened.close();
      expect(disk.freeBytes()).toBeGreaterThan(0);
    });
  });
}

describe("real disk", () => {
  test("a read-only file refuses writes, and a full device is ENOSPC", () => {
    const disk = new RealDisk(root);
    writeFileAtomically(disk, root, "plain", new Uint8Array([1]));
    const file = disk.openFile("plain", { readOnly: true });
    expect(() => file.write(0, new Uint8Array([2]))).toThrow(DiskError);
    file.close();
    const full = disk.openFile("/dev/full");
    expect(codeOf(() => full.write(0, new Uint8Array(10)))).toBe("ENOSPC");
    full.close();
  });
});
