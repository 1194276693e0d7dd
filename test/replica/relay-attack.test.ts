// A relay that holds valid records and changes them: bytes of every section and offset class, sections swapped between records,
// replays, other orders, truncation, other signatures. Whatever it does is refused, and the state does not move.

import { beforeAll, describe, expect, test } from "bun:test";
import { bigintFromBytes, bigintToBytes } from "#base/bytes.ts";
import { SeededRandom } from "#base/random.ts";
import { decodeSignature, encodeSignature, SECP256K1_N, sign } from "#crypto/secp256k1.ts";
import {
  type ChainRecord,
  decodeRecord,
  RECORD_HEADER_SIZE_BYTES,
  RECORD_SIGNATURE_OFFSET,
  signRecord,
} from "#formats/wire/record.ts";
import { SEQUENCER_KEY } from "../sequencer/producer-fixture.ts";
import { produceChain, SEQUENCER, type SignedChain, TestReplica } from "./signed-chain.ts";

const SEED = 0xa77ac4;
const OTHER_KEY = new Uint8Array(32).fill(8);
let chain: SignedChain;
beforeAll(async () => {
  chain = await produceChain(SEED);
});

/** Offset classes of an encoded record: every header field, the signature's parts, each size, each section at three places. */
function offsetClasses(record: ChainRecord, random: SeededRandom): Map<string, number> {
  const within = (from: number, size: number) => from + random.below(size);
  const classes = new Map<string, number>([
    ["version", 0],
    ["type", 1],
    ["section count", within(2, 2)],
    ["term", within(4, 4)],
    ["sequence", within(8, 8)],
    ["number", within(16, 8)],
    ["parent hash", within(24, 32)],
    ["signature r", within(RECORD_SIGNATURE_OFFSET, 32)],
    ["signature s", within(RECORD_SIGNATURE_OFFSET + 32, 32)],
    ["signature parity", RECORD_SIGNATURE_OFFSET + 64],
  ]);
  let offset = RECORD_HEADER_SIZE_BYTES + 4 * record.sections.length;
  for (const [i, section] of record.sections.entries()) {
    classes.set(`size of section ${i}`, within(RECORD_HEADER_SIZE_BYTES + 4 * i, 4));
    if (section.length > 0) {
      classes.set(`section ${i} first byte`, offset);
      classes.set(`section ${i} inside`, within(offset, section.length));
      classes.set(`section ${i} last byte`, offset + section.length - 1);
    }
    offset += section.length;
  }
  return classes;
}

/** Tries to pass altered records off on a replica that stands right before `record`, and checks that nothing of it moves. */
class Target {
  readonly replica: TestReplica;
  readonly #digest: string;
  readonly #head: Uint8Array;

  constructor(position: number) {
    this.replica = new TestReplica(chain.fixture).follow(chain.records.slice(0, position));
    this.#digest = this.replica.stateDigest();
    this.#head = this.replica.follower.head.toBytes();
  }

  /** @param reasons the refusals that are right for this attack */
  attack(
    what: string,
    bytes: Uint8Array,
    reasons = ["malformed", "signature", "order", "content", "equivocation"],
  ): void {
    const outcome = this.replica.accept(bytes);
    expect(outcome.kind, what).toBe("refused");
    if (outcome.kind === "refused") expect(reasons, what).toContain(outcome.reason);
  }

  /** After the attacks: nothing has moved, and the true record is still welcome. */
  expectUnmoved(next: ChainRecord): void {
    expect(this.replica.stateDigest()).toBe(this.#digest);
    expect(this.replica.follower.head.toBytes()).toEqual(this.#head);
    expect(this.replica.story).toEqual([]);
    expect(this.replica.log.length).toBe(next.header.sequence);
    expect(this.replica.accept(next.bytes)).toEqual({ kind: "applied" });
  }
}

/** Positions of a seeded sample with every record type in it, the largest mini-blocks first. */
function samplePositions(random: SeededRandom): number[] {
  const positions = new Set<number>();
  for (const type of ["open", "mini", "seal"] as const) {
    const all = chain.records.filter((record) => record.header.type === type);
    all.sort((a, b) => b.bytes.length - a.bytes.length);
    positions.add(all[0]!.header.sequence).add(all[random.below(all.length)]!.header.sequence);
  }
  while (positions.size < 14) positions.add(random.below(chain.records.length));
  return [...positions];
}

describe("altered bytes", () => {
  test("of every section and offset class", () => {
    const random = new SeededRandom(SEED);
    const seen = new Set<string>();
    for (const position of samplePositions(random)) {
      const record = chain.records[position]!;
      const target = new Target(position);
      for (let round = 0; round < 4; round++) {
        for (const [name, offset] of offsetClasses(record, random)) {
          const altered = record.bytes.slice();
          altered[offset]! ^= 1 << random.below(8);
          target.attack(`seed ${SEED}, record ${position}, ${name} at byte ${offset}`, altered, [
            "malformed",
            "signature",
          ]);
          seen.add(name);
        }
      }
      target.expectUnmoved(record);
    }
    // header, signature, and five sections of a mini-block with their sizes
    for (let i = 0; i < 5; i++) expect(seen.has(`section ${i} inside`) || i === 4, `section ${i}`).toBe(true);
    expect(seen.size).toBeGreaterThan(25);
  });

  test("every single byte of one mini-block", () => {
    const minis = chain.records.filter((record) => record.header.type === "mini");
    const record = minis.reduce((largest, other) => (other.bytes.length > largest.bytes.length ? other : largest));
    expect(record.sections[3]!.length).toBeGreaterThan(50);
    const target = new Target(record.header.sequence);
    for (let offset = 0; offset < record.bytes.length; offset++) {
      const altered = record.bytes.slice();
      altered[offset]! ^= 0x01;
      target.attack(`byte ${offset}`, altered, ["malformed", "signature"]);
    }
    target.expectUnmoved(record);
  });

  test("truncated, or with bytes added", () => {
    const random = new SeededRandom(SEED + 1);
    for (const position of samplePositions(random)) {
      const record = chain.records[position]!;
      const target = new Target(position);
      const size = record.bytes.length;
      for (const cut of [0, 1, RECORD_HEADER_SIZE_BYTES - 1, RECORD_HEADER_SIZE_BYTES, size - 1, random.below(size)]) {
        target.attack(`seed ${random.seed}, cut to ${cut}`, record.bytes.subarray(0, cut), ["malformed"]);
      }
      target.attack("a byte more", new Uint8Array([...record.bytes, 0]), ["malformed"]);
      target.expectUnmoved(record);
    }
  });
});

describe("pieces of valid records put together", () => {
  test("sections of one record in another", () => {
    const random = new SeededRandom(SEED + 2);
    const minis = chain.records.filter((record) => record.header.type === "mini");
    for (let round = 0; round < 8; round++) {
      const record = minis[random.below(minis.length)]!;
      const target = new Target(record.header.sequence);
      for (let i = 0; i < record.sections.length; i++) {
        for (const other of minis) {
          if (Buffer.compare(other.sections[i]!, record.sections[i]!) === 0) continue;
          const sections = record.sections.map((section, at) => (at === i ? other.sections[i]! : section));
          target.attack(`seed ${random.seed}, section ${i}`, withSections(record, sections), [
            "malformed",
            "signature",
          ]);
        }
      }
      target.attack("sections in another order", withSections(record, [...record.sections].reverse()));
      target.attack("a section less", withSections(record, record.sections.slice(0, -1)));
      target.attack("a section more", withSections(record, [...record.sections, new Uint8Array(0)]));
      target.expectUnmoved(record);
    }
  });

  test("the signature of one record on another", () => {
    const target = new Target(10);
    const record = chain.records[10]!;
    for (const other of chain.records) {
      if (other === record) continue;
      target.attack("other signature", withSignature(record, other.signature), ["signature"]);
    }
    target.expectUnmoved(record);
  });
});

describe("valid records at the wrong time", () => {
  test("later ones before their turn; earlier ones again change nothing", () => {
    for (const position of [0, 3, 11, 20]) {
      const target = new Target(position);
      for (const record of chain.records) {
        const { sequence } = record.header;
        if (sequence > position) target.attack(`record ${sequence} at ${position}`, record.bytes, ["order"]);
        else if (sequence < position) expect(target.replica.accept(record.bytes)).toEqual({ kind: "duplicate" });
      }
      target.expectUnmoved(chain.records[position]!);
    }
  });

  test("in an order that a seed draws, only the true order gets through", () => {
    const random = new SeededRandom(SEED + 3);
    const replica = new TestReplica(chain.fixture);
    for (let round = 0; round < 3000 && replica.log.length < chain.records.length; round++) {
      const next = replica.log.length;
      const sequence = random.below(3) === 0 ? next : random.below(chain.records.length);
      const outcome = replica.accept(chain.records[sequence]!.bytes);
      expect(outcome.kind).toBe(sequence === next ? "applied" : sequence < next ? "duplicate" : "refused");
    }
    expect(replica.digest()).toBe(chain.digests.get(chain.digests.size - 1)!);
  });

  test("a record of another chain with the same sequencer", () => {
    const target = new Target(4);
    const record = chain.records[4]!;
    const { identity } = chain.fixture;
    for (const other of [
      { ...identity, chainId: identity.chainId + 1n },
      { ...identity, genesisHash: new Uint8Array(32).fill(1) },
    ]) {
      const foreign = signRecord(other, record.header, record.sections, SEQUENCER_KEY);
      target.attack("another chain", foreign.bytes, ["signature"]);
    }
    target.expectUnmoved(record);
  });
});

describe("signatures", () => {
  test("of another key", () => {
    for (const position of [0, 1, 9, chain.records.length - 1]) {
      const record = chain.records[position]!;
      const target = new Target(position);
      const forged = signRecord(chain.fixture.identity, record.header, record.sections, OTHER_KEY);
      target.attack("another key", forged.bytes, ["signature"]);
      target.expectUnmoved(record);
    }
  });

  test("with high s, or with r and s out of range", () => {
    const record = chain.records[7]!;
    const target = new Target(7);
    const { r, s, yParity } = decodeSignature(record.signature)!;
    const highS = bigintToBytes(SECP256K1_N - bigintFromBytes(s), 32);
    const twin = encodeSignature({ r, s: highS, yParity: yParity === 0 ? 1 : 0 });
    target.attack("high s", withSignature(record, twin), ["signature"]);
    for (const value of [new Uint8Array(32), bigintToBytes(SECP256K1_N, 32), new Uint8Array(32).fill(0xff)]) {
      for (const at of [0, 32]) {
        const signature = record.signature.slice();
        signature.set(value, at);
        target.attack("out of range", withSignature(record, signature), ["signature"]);
      }
    }
    target.expectUnmoved(record);
  });

  test("a second record of the sequencer for the same place is equivocation, and changes nothing", () => {
    const target = new Target(12);
    const held = chain.records[11]!;
    const hash = decodeRecord(held.bytes, chain.fixture.identity).hash;
    const again = held.bytes.slice();
    again.set(encodeSignature(sign(hash, SEQUENCER_KEY)), RECORD_SIGNATURE_OFFSET);
    expect(target.replica.accept(again)).toEqual({ kind: "duplicate" });
    const open = chain.records[0]!;
    const other = signRecord(
      chain.fixture.identity,
      { ...open.header, number: open.header.number },
      [new Uint8Array([...open.sections[0]!.subarray(0, -1), 0xee])],
      SEQUENCER_KEY,
    );
    target.attack("equivocation", other.bytes, ["equivocation"]);
    target.expectUnmoved(chain.records[12]!);
  });

  test("the sequencer is the one that was trusted, not the one that signs", () => {
    const stranger = new TestReplica(chain.fixture, { sequencer: new Uint8Array(20).fill(1) });
    expect(stranger.accept(chain.records[0]!.bytes)).toMatchObject({ kind: "refused", reason: "signature" });
    expect(SEQUENCER.length).toBe(20);
  });
});

function withSections(record: ChainRecord, sections: readonly Uint8Array[]): Uint8Array {
  const size = sections.reduce((sum, section) => sum + 4 + section.length, RECORD_HEADER_SIZE_BYTES);
  const bytes = new Uint8Array(size);
  bytes.set(record.bytes.subarray(0, RECORD_HEADER_SIZE_BYTES));
  const view = new DataView(bytes.buffer);
  view.setUint16(2, sections.length, true);
  let offset = RECORD_HEADER_SIZE_BYTES + 4 * sections.length;
  for (const [i, section] of sections.entries()) {
    view.setUint32(RECORD_HEADER_SIZE_BYTES + 4 * i, section.length, true);
    bytes.set(section, offset);
    offset += section.length;
  }
  return bytes;
}

function withSignature(record: ChainRecord, signature: Uint8Array): Uint8Array {
  const bytes = record.bytes.slice();
  bytes.set(signature, RECORD_SIGNATURE_OFFSET);
  return bytes;
}
