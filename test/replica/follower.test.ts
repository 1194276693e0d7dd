// The follower on a chain that a sequencer has made: the same state at every version, roll-back to a new term, and when to halt.

import { beforeAll, describe, expect, test } from "bun:test";
import { decodeMiniBlock } from "#formats/wire/mini-block.ts";
import { encodeDurable, encodeTerm } from "#formats/wire/payloads.ts";
import type { ChainRecord } from "#formats/wire/record.ts";
import { signRecord } from "#formats/wire/record.ts";
import { StateVersionGoneError, StateView } from "#state/view.ts";
import { SEQUENCER_KEY } from "../sequencer/producer-fixture.ts";
import { createSequencer, produceChain, type SignedChain, TestReplica } from "./signed-chain.ts";

const SEED = 0x5e9a;
let chain: SignedChain;
beforeAll(async () => {
  chain = await produceChain(SEED);
});

describe("following", () => {
  test("the chain holds what the other tests are about", () => {
    const kinds = new Set(chain.records.map((record) => record.header.type));
    expect([...kinds].sort()).toEqual(["mini", "open", "seal"]);
    const minis = chain.records.filter((record) => record.header.type === "mini").map(decodeMiniBlock);
    const removed = minis.some((mini) => mini.diff.accounts.some((change) => change.account === null));
    const cleared = minis.some((mini) => mini.diff.slots.some((change) => change.value.every((byte) => byte === 0)));
    const failed = minis.some((mini) => mini.receipts.some((receipt) => receipt.status === 0));
    const codes = minis.filter((mini) => mini.diff.codes.length > 0).length;
    expect({ removed, cleared, failed }).toEqual({ removed: true, cleared: true, failed: true });
    expect(codes).toBeGreaterThan(1);
    expect(minis.length).toBeGreaterThan(20);
  });

  test("the table is the sequencer's at every version", () => {
    const replica = new TestReplica(chain.fixture);
    let compared = 0;
    for (const record of chain.records) {
      expect(replica.accept(record.bytes)).toEqual({ kind: "applied" });
      if (record.header.type !== "mini") continue;
      const version = record.header.number + 1;
      expect(replica.table.newest).toBe(version);
      expect(replica.digest(), `version ${version}`).toBe(chain.digests.get(version)!);
      compared++;
    }
    expect(compared).toBe(chain.digests.size - 1);
    expect(replica.log.map((record) => record.bytes)).toEqual(chain.records.map((record) => record.bytes));
    expect(replica.follower.head.toBytes()).toEqual(chain.fixture.producer.head.toBytes());
  });

  test("a destroyed and re-created contract keeps its key index", () => {
    const replica = new TestReplica(chain.fixture).follow(chain.records);
    const index = replica.table.accountIndex(chain.mortal);
    const states: boolean[] = [];
    const again = new TestReplica(chain.fixture);
    for (const record of chain.records) {
      again.accept(record.bytes);
      const now = again.table.accountIndex(chain.mortal);
      if (now < 0) continue;
      expect(now).toBe(index);
      const exists = again.table.account(chain.mortal) !== null;
      if (states[states.length - 1] !== exists) states.push(exists);
    }
    expect(states.length).toBeGreaterThan(4);
    expect(states.slice(0, 3)).toEqual([true, false, true]);
  });

  test("what is held already is a duplicate, near and far", () => {
    const replica = new TestReplica(chain.fixture).follow(chain.records);
    for (const record of chain.records) expect(replica.accept(record.bytes)).toEqual({ kind: "duplicate" });
    expect(replica.log.length).toBe(chain.records.length);
  });

  test("a state that is too small halts and names what is full", () => {
    const replica = new TestReplica(chain.fixture);
    const isMini = (record: ChainRecord) => record.header.type === "mini";
    const mini = chain.records.find((record) => isMini(record) && decodeMiniBlock(record).diff.newKeys.length > 0)!;
    replica.follow(chain.records.slice(0, mini.header.sequence));
    Object.defineProperty(replica.table, "freeRecordCount", { get: () => 0 });
    const outcome = replica.accept(mini.bytes);
    expect(outcome.kind === "halted" && outcome.detail).toContain("--state-memory");
    expect(replica.table.newest).toBe(mini.header.number);
  });
});

/** The sequencer comes back with only the first `kept` records and goes on in a new term. */
async function restartAt(kept: number): Promise<{ records: ChainRecord[]; digests: Map<number, string> }> {
  const { fixture, digests } = await createSequencer(chain.records.slice(0, kept));
  fixture.nowUs = chain.fixture.nowUs + 1_000_000;
  const { nextSequence, nextMiniBlockNumber } = fixture.producer.head;
  fixture.producer.beginTerm({ sequence: nextSequence - 1, version: nextMiniBlockNumber });
  fixture.send(3, { value: 5n });
  await fixture.runFor(120_000);
  return { records: fixture.decodedRecords(), digests };
}

describe("a new term", () => {
  test("rolls back to every kept record, re-created keys included, and goes on", async () => {
    for (const kept of [1, 2, 5, 17, 29, chain.records.length - 1, chain.records.length]) {
      const { records, digests } = await restartAt(kept);
      const replica = new TestReplica(chain.fixture).follow(chain.records);
      const newer = records.slice(kept);
      expect(newer[0]!.header.type).toBe("term");
      const first = replica.accept(newer[0]!.bytes);
      const isBehind = kept < chain.records.length;
      expect(first.kind).toBe(isBehind ? "rolled back" : "applied");
      const { lastKeptVersion } = first.kind === "rolled back" ? first : { lastKeptVersion: replica.table.newest };
      if (isBehind) expect(replica.story).toEqual(["settle", `rollback ${kept - 1} ${lastKeptVersion}`]);
      expect(replica.digest()).toBe(chain.digests.get(lastKeptVersion)!);
      replica.follow(newer.slice(1));
      expect(replica.digest()).toBe(digests.get(replica.table.newest)!);
      expect(replica.log.map((record) => record.header.sequence)).toEqual(
        records.map((record) => record.header.sequence),
      );
      // The same as one who never saw the void records.
      expect(replica.stateDigest()).toBe(new TestReplica(chain.fixture).follow(records).stateDigest());
    }
  });

  test("a reader at a version that is taken back is told so, and nothing newer than the table is published", async () => {
    const { records } = await restartAt(5);
    const replica = new TestReplica(chain.fixture).follow(chain.records);
    const view = new StateView(replica.regions);
    const early = new StateView(replica.regions);
    early.pin(1);
    const before = early.account(chain.mortal);
    expect(replica.accept(records[5]!.bytes).kind).toBe("rolled back");
    expect(replica.table.published).toBe(replica.table.newest);
    expect(() => view.account(chain.mortal)).toThrow(StateVersionGoneError);
    expect(() => view.pin(chain.digests.size - 1)).toThrow(StateVersionGoneError);
    expect(early.account(chain.mortal)).toEqual(before);
  });

  test("records of the old term are refused after it, void or not", async () => {
    const { records } = await restartAt(5);
    const replica = new TestReplica(chain.fixture).follow(chain.records.slice(0, 12)).follow([]);
    for (const record of records.slice(5)) replica.accept(record.bytes);
    const digest = replica.stateDigest();
    for (const record of chain.records.slice(5)) {
      expect(replica.accept(record.bytes), `record ${record.header.sequence}`).toMatchObject({ kind: "refused" });
    }
    expect(replica.accept(chain.records[4]!.bytes)).toEqual({ kind: "duplicate" });
    expect(replica.stateDigest()).toBe(digest);
  });

  test("a new term's records without its term record are out of order, not proof against the sequencer", async () => {
    const { records } = await restartAt(5);
    const replica = new TestReplica(chain.fixture).follow(chain.records);
    expect(replica.accept(records[6]!.bytes)).toMatchObject({ kind: "refused", reason: "order" });
  });

  test("halts when the state cannot go back that far", async () => {
    const { records } = await restartAt(5);
    const replica = new TestReplica(chain.fixture).follow(chain.records);
    const digest = replica.stateDigest();
    Object.defineProperty(replica.table, "rollbackTo", { value: () => false });
    expect(replica.accept(records[5]!.bytes)).toMatchObject({ kind: "halted" });
    expect(replica.stateDigest()).toBe(digest);
  });

  test("halts when the sequencer takes back what it had announced as durable", async () => {
    const { records } = await restartAt(5);
    const replica = new TestReplica(chain.fixture).follow(chain.records);
    const { head } = replica.follower;
    const { nextSequence: sequence, nextMiniBlockNumber: number, parentHash, term } = head;
    const mark = encodeDurable({ sequence: sequence - 1, version: number });
    const header = { type: "durable" as const, term, sequence, number, parentHash };
    const announced = signRecord(chain.fixture.identity, header, [mark], SEQUENCER_KEY);
    expect(replica.accept(announced.bytes)).toEqual({ kind: "applied" });
    const digest = replica.stateDigest();
    const outcome = replica.accept(records[5]!.bytes);
    expect(outcome.kind === "halted" && outcome.detail).toContain("announced as durable");
    expect(replica.stateDigest()).toBe(digest);
  });

  test("halts when the head before the kept record is not known, finds it where it can", async () => {
    const { records } = await restartAt(5);
    const { head } = new TestReplica(chain.fixture).follow(chain.records).follower;
    const late = new TestReplica(chain.fixture, { head });
    expect(late.accept(records[5]!.bytes)).toMatchObject({ kind: "halted" });
  });

  test("a term that names another record than it follows is refused", () => {
    const { identity, producer } = chain.fixture;
    const replica = new TestReplica(chain.fixture).follow(chain.records);
    const kept = chain.records[9]!;
    const header = { type: "term" as const, term: 1, sequence: 10, number: kept.header.number, parentHash: kept.hash };
    for (const [sequence, version] of [
      [8, kept.header.number],
      [9, kept.header.number + 7],
    ] as const) {
      const section = encodeTerm({ lastKeptSequence: sequence, lastKeptVersion: version });
      const record = signRecord(identity, header, [section], SEQUENCER_KEY);
      expect(replica.accept(record.bytes)).toMatchObject({ kind: "refused", reason: "content" });
    }
    expect(replica.follower.head.toBytes()).toEqual(producer.head.toBytes());
  });
});
