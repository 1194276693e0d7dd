// Records and sections: golden bytes, round trips, and refusal of everything that is not canonical.

import { describe, expect, test } from "bun:test";
import { fromHex, toHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import type { Receipt } from "#chain/receipt.ts";
import { KECCAK_EMPTY } from "#crypto/keccak256.ts";
import { addressFromPrivateKey } from "#crypto/secp256k1.ts";
import { ByteReader, ByteWriter, FormatError } from "#formats/codec.ts";
import { decodeDiff, encodeDiff, type StateDiff } from "#formats/wire/diff.ts";
import { decodeMiniBlock, encodeMiniBlockSections, type MiniBlock } from "#formats/wire/mini-block.ts";
import * as payloads from "#formats/wire/payloads.ts";
import { decodeRecord, recordHash, signRecord, verifyRecordSignature } from "#formats/wire/record.ts";
import golden from "./records.golden.json";

const KEY = new Uint8Array(32).fill(0x45);
const IDENTITY = { chainId: 31337n, genesisHash: new Uint8Array(32).fill(0x11) };
const PARENT = new Uint8Array(32).fill(0x22);

function sampleDiff(): StateDiff {
  const address = new Uint8Array(20).fill(0xaa);
  const slot = new Uint8Array(32).fill(0x05);
  const value = new Uint8Array(32);
  value.set([0x01, 0x00], 30);
  return {
    firstNewIndex: 300,
    newKeys: [
      { kind: "account", address },
      { kind: "slot", ownerIndex: 300, slot },
    ],
    accounts: [
      { index: 2, account: { nonce: 7n, balance: 10n ** 22n, codeHash: KECCAK_EMPTY } },
      { index: 9, account: null },
      { index: 300, account: { nonce: 1n, balance: 0n, codeHash: new Uint8Array(32).fill(0xcc) } },
    ],
    slots: [
      { index: 17, value: new Uint8Array(32) },
      { index: 301, value },
    ],
    codes: [Uint8Array.of(0x60, 0x00)],
  };
}

function sampleMiniBlock(): MiniBlock {
  const log = { address: new Uint8Array(20).fill(1), topics: [new Uint8Array(32).fill(2)], data: Uint8Array.of(3, 4) };
  const receipts: Receipt[] = [
    { type: 2, status: 1, cumulativeGasUsed: 121_000, gasUsed: 21_000, logs: [log] },
    { type: 0, status: 0, cumulativeGasUsed: 151_000, gasUsed: 30_000, logs: [] },
  ];
  return {
    number: 1234,
    header: {
      blockNumber: 12,
      blockTimestamp: 1_760_000_000,
      index: 3,
      timestampUs: 1_760_000_000_123_456,
      gasUsed: 51_000,
      transactionCount: 2,
      firstTransactionIndex: 5,
      firstLogIndex: 1,
      cumulativeGasBefore: 100_000,
      baseFee: 1_000_000n,
    },
    transactions: [Uint8Array.of(2, 0xc0), Uint8Array.of(0xc1, 0x80)],
    receipts,
    diff: sampleDiff(),
    senders: [new Uint8Array(20).fill(8), new Uint8Array(20).fill(9)],
  };
}

function miniRecord() {
  const header = { type: "mini", term: 1, sequence: 1300, number: 1234, parentHash: PARENT } as const;
  return signRecord(IDENTITY, header, encodeMiniBlockSections(sampleMiniBlock()), KEY);
}

const SAMPLES = {
  open: payloads.encodeOpen({
    blockNumber: 12,
    timestamp: 1_760_000_000,
    baseFee: 1_000_000n,
    gasLimit: 10_000_000_000n,
    randomness: new Uint8Array(32).fill(1),
    beneficiary: new Uint8Array(20).fill(2),
    parentHash: new Uint8Array(32).fill(3),
    parentBeaconBlockRoot: new Uint8Array(32),
  }),
  seal: payloads.encodeSeal({
    headerRlp: Uint8Array.of(0xc2, 0x01, 0x02),
    headerSignature: new Uint8Array(65).fill(4),
    miniBlockCount: 100,
    miniBlockOffset: 1134,
    transactionOffset: 77_000,
    transactionCount: 5,
  }),
  term: payloads.encodeTerm({ lastKeptSequence: 99, lastKeptVersion: 80 }),
  durable: payloads.encodeDurable({ sequence: 90, version: 70 }),
  checkpoint: payloads.encodeCheckpoint({
    version: 80,
    blockNumber: 3,
    keyCount: 40,
    sizeBytes: 5000,
    digest: new Uint8Array(32).fill(5),
  }),
} as const;

describe("golden bytes", () => {
  test("of every record type", () => {
    const actual: Record<string, string> = { mini: toHex(miniRecord().bytes), miniHash: toHex(miniRecord().hash) };
    for (const [type, section] of Object.entries(SAMPLES)) {
      const header = { type: type as keyof typeof SAMPLES, term: 1, sequence: 7, number: 5, parentHash: PARENT };
      actual[type] = toHex(signRecord(IDENTITY, header, [section], KEY).bytes);
    }
    expect(actual).toEqual(golden);
  });
});

describe("round trips", () => {
  test("a mini-block keeps every field", () => {
    const record = decodeRecord(miniRecord().bytes, IDENTITY);
    expect(decodeMiniBlock(record)).toEqual(sampleMiniBlock());
    expect(verifyRecordSignature(record, addressFromPrivateKey(KEY))).toBe(true);
  });

  test("random diffs, seeded", () => {
    const random = new SeededRandom(20261);
    for (let round = 0; round < 300; round++) {
      const diff = randomDiff(random);
      expect(decodeDiff(encodeDiff(diff))).toEqual(diff);
    }
  });
});

describe("refusals", () => {
  test("any flipped byte of a record is not decodable, or has another hash, or another signer", () => {
    const record = miniRecord();
    const signer = addressFromPrivateKey(KEY);
    for (let at = 0; at < record.bytes.length; at++) {
      const bytes = record.bytes.slice();
      bytes[at]! ^= 0x01;
      let accepted = false;
      try {
        accepted = verifyRecordSignature(decodeRecord(bytes, IDENTITY), signer);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
      expect(accepted, `byte ${at}`).toBe(false);
    }
  });

  test("the hash binds the chain", () => {
    const { header, sections, hash } = miniRecord();
    expect(recordHash({ ...IDENTITY, chainId: 1n }, header, sections)).not.toEqual(hash);
    expect(recordHash({ ...IDENTITY, genesisHash: PARENT }, header, sections)).not.toEqual(hash);
  });

  test("a truncated or extended section is not canonical", () => {
    const bytes = encodeDiff(sampleDiff());
    for (let size = 0; size < bytes.length; size++) {
      expect(() => decodeDiff(bytes.subarray(0, size)), `size ${size}`).toThrow(FormatError);
    }
    expect(() => decodeDiff(Uint8Array.of(...bytes, 0))).toThrow(FormatError);
  });

  test("hostile counts do not allocate", () => {
    const hostile = new ByteWriter()
      .varint(0)
      .varint(2 ** 40)
      .toBytes();
    expect(() => decodeDiff(hostile)).toThrow(FormatError);
  });

  test("varints and integers have one encoding", () => {
    expect(() => new ByteReader(fromHex("8000")).varint()).toThrow(FormatError);
    expect(() => new ByteReader(fromHex("ffffffffffffff7f")).varint()).toThrow(FormatError);
    expect(() => new ByteReader(fromHex("020001")).integer(32)).toThrow(FormatError);
    const values = [0, 1, 127, 128, 2 ** 32, Number.MAX_SAFE_INTEGER];
    for (const value of values) expect(new ByteReader(new ByteWriter().varint(value).toBytes()).varint()).toBe(value);
  });
});

function randomDiff(random: SeededRandom): StateDiff {
  const firstNewIndex = random.below(1000) + 1;
  const newKeys: StateDiff["newKeys"] = Array.from({ length: random.below(8) }, (_, i) =>
    random.chance(0.5)
      ? { kind: "account" as const, address: random.bytes(20) }
      : { kind: "slot" as const, ownerIndex: random.below(firstNewIndex + i), slot: random.bytes(32) },
  );
  const indices = (): number[] => {
    const chosen = new Set(
      Array.from({ length: random.below(12) }, () => random.below(firstNewIndex + newKeys.length)),
    );
    return [...chosen].sort((a, b) => a - b);
  };
  const accounts = indices().map((index) => {
    if (random.chance(0.2)) return { index, account: null };
    const codeHash = random.chance(0.5) ? KECCAK_EMPTY : random.bytes(32);
    return { index, account: { nonce: BigInt(random.u32()), balance: BigInt(random.u32()) ** 5n, codeHash } };
  });
  const slots = indices().map((index) => {
    const value = new Uint8Array(32);
    value.set(random.bytes(random.below(33)));
    return { index, value };
  });
  const codes = Array.from({ length: random.below(3) }, () => random.bytes(random.below(100)));
  return { firstNewIndex, newKeys, accounts, slots, codes };
}
