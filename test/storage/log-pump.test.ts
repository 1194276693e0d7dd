// The pump between the records ring and the log: what is written, published, durable and handed on, and in which order; what a
// full disk does; what a roll-back does.

import { describe, expect, test } from "bun:test";
import type { RingMessage } from "#base/ring.ts";
import { encodeLogPosition, LogMessage } from "#formats/memory/ring-messages.ts";
import { type ChainRecord, peekRecord } from "#formats/wire/record.ts";
import { DiskError } from "#storage/disk.ts";
import { type Durability, LogPump } from "#storage/log-pump.ts";
import { SegmentLog } from "#storage/segment-log.ts";
import { SimulatedDisk } from "../simulation/simulated-disk.ts";
import { ChainFixture, IDENTITY } from "./chain-fixture.ts";

const DIRECTORY = "/data/log";

/** A pump over a log on a simulated disk; `story` tells what its sink heard, in order. */
class PumpFixture {
  readonly disk = new SimulatedDisk(1);
  readonly log = SegmentLog.open(this.disk, DIRECTORY, { identity: IDENTITY, repair: true, drawSalt: () => 1n });
  readonly story: string[] = [];
  readonly forwarded: RingMessage[] = [];
  readonly pump: LogPump;
  writtenSizeBytes = 0;
  nowMs = 1_000;
  /** Runs in every sleep of the pump. */
  onSleep: () => void = () => {
    throw new Error("the pump sleeps");
  };

  constructor(durability: Durability) {
    this.pump = new LogPump({
      log: this.log,
      durability,
      position: { sequence: -1, version: 0 },
      clock: {
        nowMs: () => this.nowMs,
        sleep: (ms) => {
          this.nowMs += ms;
          this.onSleep();
        },
      },
      sink: {
        publish: (version) => this.#tell(`publish ${version}`),
        forward: (kind, payload) => {
          this.forwarded.push({ kind, payload });
          const isRecord = kind === LogMessage.record;
          this.#tell(isRecord ? `forward ${peekRecord(payload).sequence}` : `forward kind ${kind}`);
        },
        published: ({ sequence, version }) => this.#tell(`published ${sequence} at ${version}`),
        durable: ({ sequence, version }) => this.#tell(`durable ${sequence} at ${version}`),
        diskFull: (isFull) => this.#tell(isFull ? "disk full" : "disk has room"),
        written: (sizeBytes) => {
          this.writtenSizeBytes += sizeBytes;
        },
        synced: () => {},
      },
    });
  }

  /** What the sink has heard since the last call. */
  heard(): string[] {
    return this.story.splice(0);
  }

  /** The records that the log would have after power loss now, none of the unsynced writes surviving. */
  survivors(): number {
    const log = SegmentLog.open(this.disk.crash("none", 5), DIRECTORY, { identity: IDENTITY, repair: true });
    return log.lastSequence + 1;
  }

  #tell(what: string): void {
    this.story.push(what);
  }
}

function messages(records: readonly ChainRecord[]): RingMessage[] {
  return records.map(({ bytes }) => ({ kind: LogMessage.record, payload: bytes }));
}

const STOP: RingMessage = { kind: LogMessage.stop, payload: new Uint8Array(0) };
const ALWAYS: Durability = { mode: "always" };
const INTERVAL: Durability = { mode: "interval", intervalMs: 100 };

describe("log pump", () => {
  test("always: a batch is durable, then published, then handed on in order", () => {
    const fixture = new PumpFixture(ALWAYS);
    const records = new ChainFixture({ life: 1 }).extend(3); // open, mini 0, mini 1
    expect(fixture.pump.take(messages(records))).toBe("go on");
    expect(fixture.heard()).toEqual([
      "durable 2 at 2",
      "publish 2",
      "published 2 at 2",
      "forward 0",
      "forward 1",
      "forward 2",
    ]);
    expect(fixture.forwarded.map(({ payload }) => payload)).toEqual(records.map(({ bytes }) => bytes));
    expect(fixture.writtenSizeBytes).toBe(records.reduce((sum, { bytes }) => sum + bytes.length, 0));
    expect(fixture.pump.tick()).toBeNull();
    expect(fixture.survivors()).toBe(3);
  });

  test("always: a record is on the disk when its version is published", () => {
    const fixture = new PumpFixture(ALWAYS);
    for (const record of new ChainFixture({ life: 1 }).extend(12)) {
      fixture.pump.take(messages([record]));
      const { sequence } = record.header;
      const story = fixture.heard();
      const version = record.header.number + (record.header.type === "mini" ? 1 : 0);
      expect(story).toEqual([
        `durable ${sequence} at ${version}`,
        `publish ${version}`,
        `published ${sequence} at ${version}`,
        `forward ${sequence}`,
      ]);
    }
    expect(fixture.survivors()).toBe(12);
  });

  test("interval: published when written, durable when the time is up, measured from the first unsynced record", () => {
    const fixture = new PumpFixture(INTERVAL);
    const chain = new ChainFixture({ life: 1 });
    expect(fixture.pump.tick()).toBeNull();
    fixture.pump.take(messages(chain.extend(2)));
    expect(fixture.heard()).toEqual(["publish 1", "published 1 at 1", "forward 0", "forward 1"]);
    expect(fixture.pump.tick()).toBe(100);
    fixture.nowMs += 60;
    fixture.pump.take(messages(chain.extend(1)));
    expect(fixture.heard()).not.toContain("durable 2 at 2");
    expect(fixture.pump.tick()).toBe(40);
    fixture.nowMs += 40;
    expect(fixture.pump.tick()).toBeNull();
    expect(fixture.heard()).toEqual(["durable 2 at 2"]);
    expect(fixture.pump.tick()).toBeNull();
    expect(fixture.heard()).toEqual([]);
    fixture.pump.take(messages(chain.extend(1)));
    expect(fixture.survivors()).toBe(3);
  });

  test("the stop makes everything before it durable and goes on to the followers last", () => {
    const fixture = new PumpFixture(INTERVAL);
    const records = new ChainFixture({ life: 1 }).extend(2);
    expect(fixture.pump.take([...messages(records), STOP])).toBe("stop");
    expect(fixture.heard()).toEqual([
      "publish 1",
      "published 1 at 1",
      "forward 0",
      "forward 1",
      "durable 1 at 1",
      `forward kind ${LogMessage.stop}`,
    ]);
    expect(fixture.survivors()).toBe(2);
  });

  test("nothing to do: nothing is said", () => {
    const fixture = new PumpFixture(ALWAYS);
    expect(fixture.pump.take([])).toBe("go on");
    expect(fixture.heard()).toEqual([]);
    expect(fixture.disk.changeCount).toBe(0);
  });
});

describe("log pump on a full disk", () => {
  test("waits, tells once, goes on when there is room, and nothing is lost or doubled", () => {
    const fixture = new PumpFixture(ALWAYS);
    const chain = new ChainFixture({ life: 1 });
    const records = chain.extend(4);
    fixture.pump.take(messages(records));
    fixture.heard();
    fixture.disk.capacityBytes = fixture.disk.content(`${DIRECTORY}/${fixture.disk.list(DIRECTORY)[0]}`).length;
    let sleepCount = 0;
    fixture.onSleep = () => {
      expect(fixture.heard()).toEqual(sleepCount === 0 ? ["disk full"] : []);
      if (++sleepCount === 3) fixture.disk.capacityBytes = Number.POSITIVE_INFINITY;
    };
    const more = chain.extend(3);
    expect(fixture.pump.take(messages(more))).toBe("go on");
    expect(sleepCount).toBe(3);
    expect(fixture.heard()).toEqual([
      "disk has room",
      "durable 6 at 4",
      "publish 4",
      "published 6 at 4",
      "forward 4",
      "forward 5",
      "forward 6",
    ]);
    expect([...fixture.log.scan(0)].map(({ bytes }) => bytes)).toEqual([...records, ...more].map(({ bytes }) => bytes));
    expect(fixture.survivors()).toBe(7);
  });

  test("nothing is published or handed on while it is full", () => {
    const fixture = new PumpFixture(INTERVAL);
    fixture.disk.capacityBytes = 0;
    class StopWaiting extends Error {}
    fixture.onSleep = () => {
      throw new StopWaiting();
    };
    expect(() => fixture.pump.take(messages(new ChainFixture({ life: 1 }).extend(2)))).toThrow(StopWaiting);
    expect(fixture.heard()).toEqual(["disk full"]);
    expect(fixture.forwarded).toEqual([]);
  });

  test("any other failure ends it", () => {
    for (const failCode of ["EIO", "EROFS", "EACCES"] as const) {
      const fixture = new PumpFixture(ALWAYS);
      fixture.disk.setFaults({ failAt: 0, failCode, failForever: true });
      expect(() => fixture.pump.take(messages(new ChainFixture({ life: 1 }).extend(1)))).toThrow(DiskError);
      expect(fixture.heard()).toEqual([]);
    }
  });
});

describe("log pump on a replica that goes back", () => {
  test("cuts the log, durably, and tells readers and followers before the new records", () => {
    const fixture = new PumpFixture(INTERVAL);
    const old = new ChainFixture({ life: 1 }).extend(8);
    fixture.pump.take(messages(old));
    fixture.heard();
    const target = { sequence: 3, version: 3 };
    const instead = old.slice(0, 4).concat(new ChainFixture({ life: 1 }).extend(5).slice(4));
    const rollback: RingMessage = { kind: LogMessage.rollback, payload: encodeLogPosition(target) };
    fixture.pump.take([rollback, ...messages(instead.slice(4))]);
    expect(fixture.heard()).toEqual([
      "publish 3",
      "published 3 at 3",
      "durable 3 at 3",
      `forward kind ${LogMessage.rollback}`,
      "publish 3",
      "published 4 at 3",
      "forward 4",
    ]);
    expect(fixture.log.lastSequence).toBe(4);
    expect(fixture.survivors()).toBe(4);
  });

  test("records before the roll-back in one batch are written first", () => {
    const fixture = new PumpFixture(ALWAYS);
    const [first, second, third] = new ChainFixture({ life: 1 }).extend(3) as [ChainRecord, ChainRecord, ChainRecord];
    const rollback = { kind: LogMessage.rollback, payload: encodeLogPosition({ sequence: 0, version: 0 }) };
    fixture.pump.take([...messages([first, second]), rollback, ...messages([second, third])]);
    expect(fixture.forwarded.map(({ kind }) => kind)).toEqual([1, 1, 2, 1, 1]);
    expect(fixture.log.lastSequence).toBe(2);
  });

  test("back to before the first record", () => {
    const fixture = new PumpFixture(INTERVAL);
    const records = new ChainFixture({ life: 1 }).extend(3);
    const nothing = { kind: LogMessage.rollback, payload: encodeLogPosition({ sequence: -1, version: 0 }) };
    fixture.pump.take([...messages(records), nothing]);
    expect(fixture.heard().slice(-4)).toEqual([
      "publish 0",
      "published -1 at 0",
      "durable -1 at 0",
      `forward kind ${LogMessage.rollback}`,
    ]);
    expect(fixture.log.lastSequence).toBe(-1);
    fixture.pump.take(messages(records));
    expect(fixture.log.lastSequence).toBe(2);
  });

  test("a roll-back waits for a disk with room", () => {
    const fixture = new PumpFixture(ALWAYS);
    fixture.pump.take(messages(new ChainFixture({ life: 1 }).extend(3)));
    fixture.heard();
    let hasSlept = false;
    fixture.disk.setFaults({ failAt: 0, failCode: "ENOSPC" });
    fixture.onSleep = () => {
      hasSlept = true;
    };
    fixture.pump.take([{ kind: LogMessage.rollback, payload: encodeLogPosition({ sequence: 1, version: 1 }) }]);
    expect(hasSlept).toBe(true);
    expect(fixture.heard().slice(0, 3)).toEqual(["disk full", "disk has room", "publish 1"]);
    expect(fixture.log.lastSequence).toBe(1);
  });
});
