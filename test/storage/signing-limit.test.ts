// The signing limit and the mark of a clean stop: kept over restarts, torn writes and damage, never going back.

import { describe, expect, test } from "bun:test";
import { DiskError } from "#storage/disk.ts";
import { WrongChainError } from "#storage/log-errors.ts";
import { SigningLimit } from "#storage/signing-limit.ts";
import { SimulatedDisk } from "../simulation/simulated-disk.ts";
import { IDENTITY, OTHER_IDENTITY } from "./chain-fixture.ts";

const DATA = "/data";
const PATH = `${DATA}/signing-limit`;
const HASH = new Uint8Array(32).fill(5);

function open(disk: SimulatedDisk): SigningLimit {
  return new SigningLimit(disk, DATA, IDENTITY);
}

describe("signing limit", () => {
  test("nothing was reserved on a fresh disk; each reservation is durable when it returns", () => {
    let disk = new SimulatedDisk(1);
    expect(open(disk).read()).toBeNull();
    for (let i = 1; i < 6; i++) {
      open(disk).reserve(1, i * 1000);
      disk = disk.crash("none", i);
      expect(open(disk).read()).toEqual({ term: 1, limitSequence: i * 1000, cleanStop: null, isDoubtful: false });
    }
  });

  test("the mark of a clean stop is read back, and the next reservation takes it away for good", () => {
    let disk = new SimulatedDisk(1);
    const limit = open(disk);
    limit.reserve(3, 100);
    limit.markClean(57, HASH);
    disk = disk.crash("none", 1);
    expect(open(disk).read()).toEqual({
      term: 3,
      limitSequence: 100,
      cleanStop: { sequence: 57, hash: HASH },
      isDoubtful: false,
    });
    open(disk).reserve(3, 200);
    expect(open(disk.crash("none", 2)).read()?.cleanStop).toBeNull();
  });

  test("never goes back within a term, nor to an older term", () => {
    const limit = open(new SimulatedDisk(1));
    limit.reserve(2, 100);
    expect(() => limit.reserve(2, 99)).toThrow("never goes back");
    expect(() => limit.reserve(1, 1000)).toThrow("term 1 after 2");
    limit.reserve(3, 10);
    expect(limit.read()).toMatchObject({ term: 3, limitSequence: 10 });
  });

  test("a write that fails halfway leaves the state before, and the next reservation works", () => {
    for (let seed = 1; seed < 30; seed++) {
      for (const failAt of [0, 1]) {
        const disk = new SimulatedDisk(seed);
        const limit = open(disk);
        limit.reserve(1, 1000);
        limit.reserve(1, 2000);
        disk.setFaults({ failAt });
        expect(() => limit.reserve(1, 3000)).toThrow(DiskError);
        disk.setFaults({});
        expect(limit.read()).toMatchObject({ limitSequence: 2000 });
        const again = open(disk);
        expect(again.read()).toMatchObject({ term: 1, limitSequence: 2000 });
        again.reserve(1, 4000);
        expect(open(disk.crash("none", seed)).read()).toMatchObject({ limitSequence: 4000, isDoubtful: false });
      }
    }
  });

  test("a damaged newest copy is not taken for the older one's word alone: the state is doubtful", () => {
    const disk = new SimulatedDisk(1);
    const limit = open(disk);
    limit.reserve(1, 1000);
    limit.reserve(2, 2000);
    const whole = disk.content(PATH).slice();
    for (let at = 0; at < whole.length; at += 5) {
      const altered = whole.slice();
      altered[at]! ^= 4;
      disk.overwrite(PATH, altered);
      const state = open(disk).read();
      expect(state?.isDoubtful).toBe(true);
      expect([1000, 2000]).toContain(state!.limitSequence);
    }
    disk.overwrite(PATH, new Uint8Array(1024).fill(1));
    expect(open(disk).read()).toMatchObject({ isDoubtful: true, term: 0 });
  });

  test("another chain's file is refused", () => {
    const disk = new SimulatedDisk(1);
    open(disk).reserve(1, 1);
    expect(() => new SigningLimit(disk, DATA, OTHER_IDENTITY)).toThrow(WrongChainError);
  });
});
