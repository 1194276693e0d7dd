// The head of the log accepts what a producer emits, refuses every record in which one field was changed, and survives
// being written down at every place.

import { beforeAll, describe, expect, test } from "bun:test";
import { must } from "#base/assert.ts";
import { concatBytes } from "#base/bytes.ts";
import { SeededRandom } from "#base/random.ts";
import { type BlockHeader, decodeHeader, encodeHeader } from "#chain/header.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { encodeSignature, sign } from "#crypto/secp256k1.ts";
import { decodeMiniBlock, encodeMiniBlockSections, type MiniBlock } from "#formats/wire/mini-block.ts";
import {
  decodeCheckpoint,
  decodeDurable,
  decodeOpen,
  decodeSeal,
  decodeTerm,
  encodeCheckpoint,
  encodeDurable,
  encodeOpen,
  encodeSeal,
  encodeTerm,
} from "#formats/wire/payloads.ts";
import { type ChainRecord, type RecordHeader, type RecordTypeName, signRecord } from "#formats/wire/record.ts";
import { ChainHead } from "#storage/chain-head.ts";
import { ProducerFixture, SEQUENCER_KEY } from "#test/sequencer/producer-fixture.ts";

const SEED = 0xc4a1;

let fixture: ProducerFixture;
let records: ChainRecord[];

// A log with every type of record, two EVM blocks and mini-blocks with and without transactions.
beforeAll(async () => {
  const first = await ProducerFixture.create();
  await first.settle();
  for (let i = 0; i < 4; i++) {
    first.send(i % 3);
    await first.settle();
  }
  await first.runFor(1_200_000);
  first.producer.noteCheckpoint({
    version: 3,
    blockNumber: 1,
    keyCount: 9,
    sizeBytes: 700,
    digest: keccak256(SEQUENCER_KEY),
  });
  first.producer.noteDurable({ sequence: 3, version: 2 });
  await first.settle();
  fixture = await ProducerFixture.create({ log: first.log });
  fixture.nowUs = first.nowUs;
  const { nextSequence } = fixture.producer.head;
  fixture.producer.beginTerm({ sequence: nextSequence - 1, version: fixture.table.newest });
  fixture.send(0);
  await fixture.runFor(1_500_000);
  records = fixture.decodedRecords();
});

/** The head after the first `count` records. */
function headAfter(count: number): ChainHead {
  const head = fixture.freshHead();
  for (const record of records.slice(0, count)) head.advance(record);
  return head;
}

/** Positions of all records of a type. */
function positionsOf(type: RecordTypeName): number[] {
  const found = records.flatMap((record, i) => (record.header.type === type ? [i] : []));
  expect(found.length, type).toBeGreaterThan(0);
  return found;
}

function checkSections(position: number, sections: readonly Uint8Array[]): string | null {
  const record = signRecord(fixture.identity, records[position]!.header, sections, SEQUENCER_KEY);
  return headAfter(position).check(record);
}

/** Every field changed in turn: integers by one either way, byte strings in one bit. */
function* mutations<T extends object>(value: T, random: SeededRandom): Generator<{ field: string; value: T }> {
  for (const [field, old] of Object.entries(value)) {
    for (const changed of changedValues(old, random)) yield { field, value: { ...value, [field]: changed } };
  }
}

function changedValues(old: unknown, random: SeededRandom): unknown[] {
  if (typeof old === "number") return old > 0 ? [old - 1, old + 1] : [old + 1];
  if (typeof old === "bigint") return old > 0n ? [old - 1n, old + 1n] : [old + 1n];
  if (!(old instanceof Uint8Array)) return [];
  if (old.length === 0) return [Uint8Array.of(1)];
  const flipped = old.slice();
  flipped[random.below(old.length)]! ^= 1 << random.below(8);
  return [flipped];
}

describe("what a producer emits", () => {
  test("is accepted record by record, and the head can be written down anywhere", () => {
    const types = new Set(records.map((record) => record.header.type));
    expect(types.size).toBe(6);
    const head = fixture.freshHead();
    for (const record of records) {
      const mini = record.header.type === "mini" ? decodeMiniBlock(record) : undefined;
      expect(head.check(record, mini)).toBeNull();
      expect(head.check(record)).toBeNull();
      head.advance(record, mini);
      const restored = ChainHead.restore(head.toBytes(), { identity: fixture.identity, spec: fixture.genesis.spec });
      expect(restored.toBytes()).toEqual(head.toBytes());
      expect(restored.open).toEqual(head.open);
      expect(restored.sealed).toEqual(head.sealed);
      expect(restored.nextHeader("mini")).toEqual(head.nextHeader("mini"));
    }
    expect(head.term).toBe(1);
    expect(head.nextSequence).toBe(records.length);
    expect(head.transactionTotal).toBe(5);
    expect(head.nextMiniBlockNumber).toBe(fixture.miniBlocks().length);
  });

  test("is refused one record too early or too late", () => {
    for (let i = 1; i < records.length; i++) {
      expect(headAfter(i - 1).check(records[i]!), `record ${i}`).not.toBeNull();
      expect(headAfter(i).check(records[i - 1]!), `record ${i - 1}`).not.toBeNull();
    }
  });
});

test("a record whose header differs in one field is refused", () => {
  const random = new SeededRandom(SEED);
  for (let i = 0; i < records.length; i++) {
    const { header, sections } = records[i]!;
    for (const { field, value } of mutations<RecordHeader>(header, random)) {
      const record = signRecord(fixture.identity, value, sections, SEQUENCER_KEY);
      if (value.type === "term" && value.term > header.term) continue; // terms may be skipped
      expect(headAfter(i).check(record), `seed ${SEED}, record ${i}, ${field}`).not.toBeNull();
    }
  }
});

describe("a record whose content differs in one field is refused", () => {
  // Free in an `open`: randomness and beneficiary. They and the timestamp are held to by what follows.
  test("open", () => {
    const random = new SeededRandom(SEED);
    const free = new Set(["randomness", "beneficiary", "parentBeaconBlockRoot"]);
    for (const position of positionsOf("open")) {
      for (const { field, value } of mutations(decodeOpen(records[position]!), random)) {
        if (free.has(field)) continue;
        const isLater = field === "timestamp" && value.timestamp > decodeOpen(records[position]!).timestamp;
        const problem = checkSections(position, [encodeOpen(value)]);
        if (isLater) expect(problem).toBeNull();
        else expect(problem, `${field} at ${position}`).not.toBeNull();
      }
    }
  });

  test("mini", () => {
    const random = new SeededRandom(SEED);
    for (const position of positionsOf("mini")) {
      const mini = decodeMiniBlock(records[position]!);
      for (const { field, value } of mutations(mini.header, random)) {
        if (field === "timestampUs" && value.timestampUs >= headAfter(position).timestampUs) continue;
        const { header } = records[position]!;
        const sections = encodeMiniBlockSections({ ...mini, ...resized(mini, value.transactionCount), header: value });
        const record = signRecord(fixture.identity, header, sections, SEQUENCER_KEY);
        const problem = headAfter(position).check(record, { ...mini, header: value });
        expect(problem, `${field} at ${position}`).not.toBeNull();
      }
    }
  });

  test("seal", () => {
    const random = new SeededRandom(SEED);
    for (const position of positionsOf("seal")) {
      for (const { field, value } of mutations(decodeSeal(records[position]!), random)) {
        expect(checkSections(position, [encodeSeal(value)]), `${field} at ${position}`).not.toBeNull();
      }
    }
  });

  test("the sealed header, signed again", () => {
    const random = new SeededRandom(SEED);
    const results = new Set(["stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom"]);
    const fields = new Set<string>();
    for (const position of positionsOf("seal")) {
      const seal = decodeSeal(records[position]!);
      for (const { field, value } of mutations<BlockHeader>(decodeHeader(seal.headerRlp), random)) {
        fields.add(field);
        const headerRlp = encodeHeader(value);
        const headerSignature = encodeSignature(sign(keccak256(headerRlp), SEQUENCER_KEY));
        const problem = checkSections(position, [encodeSeal({ ...seal, headerRlp, headerSignature })]);
        if (results.has(field)) expect(problem).toBeNull();
        else expect(problem, field).toContain(field);
      }
    }
    expect(fields.size).toBe(21);
  });

  test("a header that another key signed, or with a byte too many", () => {
    const position = positionsOf("seal")[0]!;
    const seal = decodeSeal(records[position]!);
    const stranger = new Uint8Array(32).fill(8);
    const headerSignature = encodeSignature(sign(keccak256(seal.headerRlp), stranger));
    expect(checkSections(position, [encodeSeal({ ...seal, headerSignature })])).toContain(
      "not signed by the sequencer",
    );
    const headerRlp = concatBytes(seal.headerRlp, Uint8Array.of(0));
    expect(checkSections(position, [encodeSeal({ ...seal, headerRlp })])).not.toBeNull();
  });

  test("term", () => {
    const position = positionsOf("term")[0]!;
    for (const { field, value } of mutations(decodeTerm(records[position]!), new SeededRandom(SEED))) {
      expect(checkSections(position, [encodeTerm(value)]), field).not.toBeNull();
    }
  });

  test("durable: beyond the log, or running backwards", () => {
    const position = positionsOf("durable")[0]!;
    const mark = decodeDurable(records[position]!);
    const head = headAfter(position);
    const marks = [
      { ...mark, sequence: head.nextSequence },
      { ...mark, version: head.nextMiniBlockNumber + 1 },
    ];
    for (const wrong of marks) expect(checkSections(position, [encodeDurable(wrong)])).not.toBeNull();
    head.advance(records[position]!);
    for (const wrong of [
      { ...mark, sequence: mark.sequence - 1 },
      { ...mark, version: mark.version - 1 },
    ]) {
      const record = signRecord(fixture.identity, head.nextHeader("durable"), [encodeDurable(wrong)], SEQUENCER_KEY);
      expect(head.check(record)).toBe("durable mark runs backwards");
    }
  });

  test("checkpoint: beyond the state or the chain, or running backwards", () => {
    const position = positionsOf("checkpoint")[0]!;
    const checkpoint = decodeCheckpoint(records[position]!);
    const head = headAfter(position);
    for (const wrong of [
      { ...checkpoint, version: head.nextMiniBlockNumber + 1 },
      { ...checkpoint, blockNumber: head.sealed.number + 1 },
    ]) {
      expect(checkSections(position, [encodeCheckpoint(wrong)])).not.toBeNull();
    }
    head.advance(records[position]!);
    const older = encodeCheckpoint({ ...checkpoint, version: checkpoint.version - 1 });
    const record = signRecord(fixture.identity, head.nextHeader("checkpoint"), [older], SEQUENCER_KEY);
    expect(head.check(record)).toBe("checkpoint version runs backwards");
  });
});

describe("order", () => {
  function sign1(head: ChainHead, type: RecordTypeName, section: Uint8Array): string | null {
    return head.check(signRecord(fixture.identity, head.nextHeader(type), [section], SEQUENCER_KEY));
  }

  test("no block inside a block, nothing of a block outside one, no block without a mini-block", () => {
    const open = records[0]!;
    const seal = records[positionsOf("seal")[0]!]!;
    const mini = records[positionsOf("mini")[0]!]!;
    const fresh = fixture.freshHead();
    expect(sign1(fresh, "seal", seal.sections[0]!)).toBe("seal outside a block");
    const miniRecord = signRecord(fixture.identity, fresh.nextHeader("mini"), mini.sections, SEQUENCER_KEY);
    expect(fresh.check(miniRecord)).toBe("mini-block outside a block");
    const opened = headAfter(1);
    expect(sign1(opened, "open", open.sections[0]!)).toBe("block 1 is still open");
    expect(sign1(opened, "seal", seal.sections[0]!)).toBe("seal of a block without a mini-block");
  });

  test("an empty log may begin a term", () => {
    const fresh = fixture.freshHead();
    expect(sign1(fresh, "term", encodeTerm({ lastKeptSequence: 0, lastKeptVersion: 0 }))).toBeNull();
    expect(sign1(fresh, "term", encodeTerm({ lastKeptSequence: 1, lastKeptVersion: 0 }))).not.toBeNull();
  });

  test("a term may be skipped, never repeated", () => {
    const fresh = fixture.freshHead();
    const section = encodeTerm({ lastKeptSequence: 0, lastKeptVersion: 0 });
    for (const [term, isFine] of [
      [0, false],
      [1, true],
      [5, true],
    ] as const) {
      const record = signRecord(fixture.identity, { ...fresh.nextHeader("term"), term }, [section], SEQUENCER_KEY);
      expect(fresh.check(record) === null).toBe(isFine);
    }
  });

  test("the gas of a block is bounded by its limit", () => {
    const position = positionsOf("mini")[0]!;
    const mini = decodeMiniBlock(records[position]!);
    const head = headAfter(position);
    const limit = Number(must(head.open, "open block").payload.gasLimit);
    const over = { ...mini.header, gasUsed: limit + 1 };
    const sections = encodeMiniBlockSections({ ...mini, header: over });
    const record = signRecord(fixture.identity, head.nextHeader("mini"), sections, SEQUENCER_KEY);
    expect(head.check(record)).toBe("block gas limit exceeded");
  });

  test("a serialized head with a byte cut or added is refused", () => {
    const context = { identity: fixture.identity, spec: fixture.genesis.spec };
    const bytes = headAfter(records.length).toBytes();
    expect(() => ChainHead.restore(bytes.subarray(0, bytes.length - 1), context)).toThrow();
    expect(() => ChainHead.restore(concatBytes(bytes, Uint8Array.of(0)), context)).toThrow();
    expect(() => ChainHead.restore(concatBytes(Uint8Array.of(9), bytes.subarray(1)), context)).toThrow();
  });
});

/** Lists that fit a changed transaction count, so that only the header is wrong. */
function resized(mini: MiniBlock, count: number): Pick<MiniBlock, "transactions" | "receipts" | "senders"> {
  const resize = <T>(items: readonly T[], filler: T): T[] =>
    Array.from({ length: count }, (_, i) => items[i] ?? filler);
  return {
    transactions: resize(mini.transactions, Uint8Array.of(1)),
    receipts: resize(mini.receipts, { type: 2, status: 1, cumulativeGasUsed: 0, gasUsed: 0, logs: [] }),
    senders: resize(mini.senders, new Uint8Array(20)),
  };
}
