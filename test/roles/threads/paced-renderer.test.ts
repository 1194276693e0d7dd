// Subscriptions that outrun the main thread wait as records, in order, and are closed when they lag too far.

import { describe, expect, test } from "bun:test";
import { PacedRenderer } from "#roles/threads/paced-renderer.ts";
import type { Delivery } from "#rpc/subscription-renderer.ts";
import { ChainFixture } from "../../storage/chain-fixture.ts";

const LIMITS = { unsentCountMax: 2, unsentCharactersMax: 100, lagRecordsMax: 8 };
const records = new ChainFixture({ life: 1 }).extend(40);

/** A renderer that makes one delivery of each record; `posted` is what main has been sent. */
class PaceFixture {
  readonly posted: (number | "lost")[] = [];
  hasTopics = true;
  resultSize = 1;
  isKept = true;
  readonly pace = new PacedRenderer(
    {
      readRecord: (sequence) => (this.isKept ? records[sequence]! : null),
      render: ({ header }) => {
        const results = ["x".repeat(this.resultSize)];
        this.pace.send([{ kind: "results", key: "k", number: header.sequence, results }]);
      },
      hasTopics: () => this.hasTopics,
      post: ([first]: readonly Delivery[]) => {
        this.posted.push(first?.kind === "results" ? first.number : "lost");
      },
    },
    -1,
    LIMITS,
  );
}

describe("paced renderer", () => {
  test("renders as many as main has room for, and goes on with the acknowledgements", () => {
    const fixture = new PaceFixture();
    for (let sequence = 0; sequence < 5; sequence++) fixture.pace.onRecord(sequence);
    expect(fixture.posted).toEqual([0, 1]);
    for (let i = 0; i < 5; i++) fixture.pace.acknowledge();
    expect(fixture.posted).toEqual([0, 1, 2, 3, 4]);
    fixture.pace.onRecord(5);
    expect(fixture.posted).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("a large message fills the room alone", () => {
    const fixture = new PaceFixture();
    fixture.resultSize = LIMITS.unsentCharactersMax;
    fixture.pace.onRecord(0);
    fixture.pace.onRecord(1);
    expect(fixture.posted).toEqual([0]);
    fixture.pace.acknowledge();
    expect(fixture.posted).toEqual([0, 1]);
  });

  test("too far behind, everybody is told once, and it goes on with what comes then", () => {
    const fixture = new PaceFixture();
    for (let sequence = 0; sequence <= 2 + LIMITS.lagRecordsMax; sequence++) fixture.pace.onRecord(sequence);
    expect(fixture.posted).toEqual([0, 1, "lost"]);
    for (let i = 0; i < 3; i++) fixture.pace.acknowledge();
    expect(fixture.posted).toEqual([0, 1, "lost"]);
    fixture.pace.onRecord(11);
    expect(fixture.posted).toEqual([0, 1, "lost", 11]);
  });

  test("a record that is not kept any more is a loss", () => {
    const fixture = new PaceFixture();
    fixture.isKept = false;
    fixture.pace.onRecord(0);
    expect(fixture.posted).toEqual(["lost"]);
  });

  test("without topics nothing is rendered, before or after", () => {
    const fixture = new PaceFixture();
    fixture.hasTopics = false;
    for (let sequence = 0; sequence < 30; sequence++) fixture.pace.onRecord(sequence);
    fixture.hasTopics = true;
    fixture.pace.onRecord(30);
    expect(fixture.posted).toEqual([30]);
  });

  test("a term comes after everything that it voids", () => {
    const fixture = new PaceFixture();
    for (let sequence = 0; sequence < 6; sequence++) fixture.pace.onRecord(sequence);
    expect(fixture.posted).toEqual([0, 1]);
    fixture.pace.onTerm(records[3]!);
    expect(fixture.posted).toEqual([0, 1, 2, 3, 4, 5, 3]);
    for (let i = 0; i < 7; i++) fixture.pace.acknowledge();
    fixture.pace.onRecord(4);
    expect(fixture.posted).toEqual([0, 1, 2, 3, 4, 5, 3, 4]);
  });
});
