// The chain store against the records it was built from: recent and old, with and without index files, over rollbacks, a restart
// inside a block and a log that begins at a bootstrap.

import { describe, expect, test } from "bun:test";
import { toBareHex } from "#base/hex.ts";
import { blockNumber } from "#chain/primitives.ts";
import { encodeRlp } from "#chain/rlp.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { decodeMiniBlock } from "#formats/wire/mini-block.ts";
import { decodeOpen, decodeSeal } from "#formats/wire/payloads.ts";
import type { ChainRecord } from "#formats/wire/record.ts";
import { type ChainBase, ChainStore } from "#storage/chain-store.ts";
import { decodeSealedHeader } from "#storage/record-facts.ts";
import { ensureIndexSteps, indexFileName, runSteps } from "#storage/segment-index.ts";
import { SegmentLog } from "#storage/segment-log.ts";
import { SimulatedDisk } from "../simulation/simulated-disk.ts";
import { asLogRecords, ChainFixture, GENESIS_HEADER, IDENTITY } from "./chain-fixture.ts";

const DIRECTORY = "/log";

function openLog(disk: SimulatedDisk): SegmentLog {
  return SegmentLog.open(disk, DIRECTORY, { identity: IDENTITY, segmentSizeBytes: 6000, repair: true });
}

function openStore(disk: SimulatedDisk, lastSequence: number, base: ChainBase | null = null): ChainStore {
  const recentSizeBytes = 5000;
  const options = { identity: IDENTITY, genesisHeader: GENESIS_HEADER, lastSequence, base, recentSizeBytes };
  return ChainStore.open(disk, DIRECTORY, { ...options, decodedCountMax: 10 });
}

function ensureIndexes(disk: SimulatedDisk): number[] {
  return runSteps(ensureIndexSteps(disk, DIRECTORY, IDENTITY, { verifyPages: true }));
}

/** Asks the store for everything that the records hold and compares. */
function expectAnswers(store: ChainStore, records: readonly ChainRecord[]): void {
  let version = 0;
  let head = 0;
  let open: ChainRecord | null = null;
  for (const record of records) {
    expect(toBareHex(store.record(record.header.sequence)!.bytes)).toBe(toBareHex(record.bytes));
    if (record.header.type === "open") open = record;
    if (record.header.type === "mini") {
      expectMiniBlock(store, record);
      version = record.header.number + 1;
    }
    if (record.header.type === "seal") {
      head = expectBlock(store, record, open, records);
      open = null;
    }
  }
  expect(store.headVersion).toBe(version);
  expect(store.headBlockNumber).toBe(head);
  expect(store.openBlock).toEqual(open === null ? null : decodeOpen(open));
  expect(store.lastSequence).toBe(records.at(-1)?.header.sequence ?? -1);
  expect(store.miniBlock(version)).toBeNull();
  expect(store.block(head + 1)).toBeNull();
  expect(store.record(store.lastSequence + 1)).toBeNull();
  if (open !== null) {
    const first = (store.stateVersionAfterBlock(head) as number) ?? 0;
    expect(store.miniBlocksOfBlock(head + 1)).toEqual({ first, count: version - first });
  }
}

function expectMiniBlock(store: ChainStore, record: ChainRecord): void {
  const expected = decodeMiniBlock(record);
  expect(store.miniBlock(expected.number)).toEqual(expected);
  expect(toBareHex(store.miniBlockRecord(expected.number)!.hash)).toBe(toBareHex(record.hash));
  expected.transactions.forEach((transaction, index) => {
    expect(store.transaction(keccak256(transaction))).toEqual({
      miniBlockNumber: expected.number,
      index,
      blockNumber: expected.header.blockNumber,
      transactionIndex: expected.header.firstTransactionIndex + index,
    });
  });
}

function expectBlock(
  store: ChainStore,
  record: ChainRecord,
  open: ChainRecord | null,
  records: readonly ChainRecord[],
): number {
  const seal = decodeSeal(record);
  const header = decodeSealedHeader(seal.headerRlp);
  const hash = keccak256(seal.headerRlp);
  const block = store.block(header.number)!;
  expect(block.header).toEqual(header);
  expect(block.seal).toEqual(seal);
  expect(block.open).toEqual(open === null ? null : decodeOpen(open));
  expect(toBareHex(store.blockByHash(hash)!.hash)).toBe(toBareHex(hash));
  expect(store.miniBlocksOfBlock(header.number)).toEqual({ first: seal.miniBlockOffset, count: seal.miniBlockCount });
  expect(store.stateVersionAfterBlock(header.number)).toBe(seal.miniBlockOffset + seal.miniBlockCount);
  expect(block.size).toBe(ethereumBlockSize(header.number, seal.headerRlp, records));
  return header.number;
}

/** The size by building the block's RLP. The header is replaced by a byte string of the same content length. */
function ethereumBlockSize(number: number, headerRlp: Uint8Array, records: readonly ChainRecord[]): number {
  const transactions: Uint8Array[] = [];
  let transactionsSize = 0;
  for (const record of records) {
    if (record.header.type !== "mini") continue;
    const miniBlock = decodeMiniBlock(record);
    if (miniBlock.header.blockNumber !== number) continue;
    for (const transaction of miniBlock.transactions) {
      transactions.push(transaction);
      transactionsSize += transaction[0]! >= 0xc0 ? transaction.length : encodeRlp(transaction).length;
    }
  }
  const listHeader = (size: number) => encodeRlp(new Uint8Array(size).fill(0xff)).length - size;
  const content = headerRlp.length + listHeader(transactionsSize) + transactionsSize + 2;
  return listHeader(content) + content;
}

describe("chain store", () => {
  test("follows from genesis and answers everything, old and recent, while index files come in late", () => {
    const disk = new SimulatedDisk(1);
    const log = openLog(disk);
    const store = openStore(disk, -1);
    const fixture = new ChainFixture({ life: 1 });
    expectAnswers(store, []);
    expect(store.block(0)!.header).toEqual(GENESIS_HEADER);
    expect(store.stateVersionAfterBlock(0)).toBe(0);
    expect(store.blockByHash(IDENTITY.genesisHash)!.header.number).toBe(blockNumber(0));
    for (let round = 0; round < 12; round++) {
      for (const record of fixture.extend(15)) {
        log.append(asLogRecords([record]));
        store.follow(record);
      }
      expectAnswers(store, fixture.records);
      if (round % 3 === 2) {
        ensureIndexes(disk);
        store.adoptIndexFiles();
        expectAnswers(store, fixture.records);
      }
    }
    expect(store.usage.recentSizeBytes).toBeLessThanOrEqual(5000);
    expect(store.usage.decodedCount).toBeLessThanOrEqual(10);
    expect(log.segments.length).toBeGreaterThan(5);
  });

  test("decoded mini-blocks are bounded by the size of their records, not by their number alone", () => {
    const disk = new SimulatedDisk(1);
    const log = openLog(disk);
    const records = new ChainFixture({ life: 1 }).extend(80);
    log.append(asLogRecords(records));
    const largest = Math.max(...records.map(({ bytes }) => bytes.length));
    const options = { identity: IDENTITY, genesisHeader: GENESIS_HEADER, lastSequence: -1 };
    const store = ChainStore.open(disk, DIRECTORY, {
      ...options,
      recentSizeBytes: 5000,
      decodedSizeBytes: 3 * largest,
    });
    for (const record of records) {
      store.follow(record);
      expect(store.usage.decodedSizeBytes).toBeLessThanOrEqual(3 * largest);
    }
    expectAnswers(store, records);
    expect(store.usage.decodedSizeBytes).toBeLessThanOrEqual(3 * largest);
    expect(store.usage.decodedCount).toBeGreaterThan(1);
    store.rollbackTo(20);
    expectAnswers(store, records.slice(0, 21));
    expect(store.usage.decodedSizeBytes).toBeLessThanOrEqual(3 * largest);
  });

  test("opened at any record it answers the same, with index files, without, and with damaged ones", () => {
    const disk = new SimulatedDisk(1);
    const log = openLog(disk);
    const fixture = new ChainFixture({ life: 1 });
    log.append(asLogRecords(fixture.extend(120)));
    for (const state of ["without", "with", "damaged"] as const) {
      if (state === "with") expect(ensureIndexes(disk).length).toBe(log.segments.length - 1);
      if (state === "damaged") {
        for (const first of log.segments.slice(0, -1)) {
          const path = `${DIRECTORY}/${indexFileName(first)}`;
          const altered = disk.content(path).slice();
          altered[altered.length - 1 - (first % 90)]! ^= 1;
          disk.overwrite(path, altered);
        }
      }
      for (let last = 119; last >= 0; last -= 17) {
        const store = openStore(disk, last);
        expectAnswers(store, fixture.records.slice(0, last + 1));
        store.close();
      }
      const store = openStore(disk, 119);
      expectAnswers(store, fixture.records);
      if (state === "damaged") expect(store.usage.damagedIndexCount).toBeGreaterThan(0);
    }
    expect(ensureIndexes(disk).length).toBe(log.segments.length - 1);
    expect(ensureIndexes(disk)).toEqual([]);
  });

  test("rolls back to any record and follows another history from there", () => {
    for (let keep = 3; keep < 90; keep += 9) {
      const disk = new SimulatedDisk(1);
      const log = openLog(disk);
      const fixture = new ChainFixture({ life: 1 });
      log.append(asLogRecords(fixture.extend(90)));
      if (keep % 2 === 0) ensureIndexes(disk);
      const store = openStore(disk, 89);
      const dropped = fixture.records[89]!;
      const isStoreFirst = keep % 4 < 2;
      if (isStoreFirst) store.rollbackTo(keep);
      log.truncateAfter(keep);
      if (!isStoreFirst) store.rollbackTo(keep);
      expectAnswers(store, fixture.records.slice(0, keep + 1));
      expect(store.record(dropped.header.sequence)).toBeNull();
      const other = new ChainFixture({ life: 1 });
      other.extend(keep + 1);
      const term = other.term();
      const history = [...other.records];
      for (const record of [term, ...other.extend(30)]) {
        log.append(asLogRecords([record]));
        store.follow(record);
      }
      history.push(...other.records.slice(history.length));
      expectAnswers(store, history);
    }
  });

  test("a log that begins after a bootstrap, inside a block, goes on from the checkpoint's head", () => {
    const fixture = new ChainFixture({ life: 1 });
    const records = fixture.extend(100);
    for (let first = 20; first < 32; first++) {
      const disk = new SimulatedDisk(1);
      const log = openLog(disk);
      const base = baseBefore(records, first);
      const store = openStore(disk, first - 1, base);
      expect(store.headVersion).toBe(base.version);
      expect(store.headBlockNumber).toBe(base.header.number);
      for (const record of records.slice(first)) {
        log.append(asLogRecords([record]));
        store.follow(record);
      }
      for (const again of [store, openStore(disk, 99, base)]) {
        expect(again.headVersion).toBe(records.findLast((record) => record.header.type === "mini")!.header.number + 1);
        for (const record of records.slice(first)) if (record.header.type === "mini") expectMiniBlock(again, record);
        expect(again.block(base.header.number)?.header).toEqual(base.header);
        expect(again.stateVersionAfterBlock(base.header.number)).toBe(base.miniBlockOffset + base.miniBlockCount);
        expect(again.block(base.header.number + 1)?.open?.blockNumber).toBe(base.header.number + 1);
        expect(again.block(base.header.number - 1)).toBeNull();
        expect(again.miniBlock(base.version - 1)).toBeNull();
        expect(again.firstSequence).toBe(first);
        expect(again.recordsFrom(first - 1, 1000)).toEqual([]);
      }
    }
  });

  test("streams records from any sequence within a size", () => {
    const disk = new SimulatedDisk(1);
    const log = openLog(disk);
    const records = new ChainFixture({ life: 1 }).extend(60);
    log.append(asLogRecords(records));
    const store = openStore(disk, 59);
    for (let from = 0; from < 60; from += 11) {
      const found = store.recordsFrom(from, 3000);
      const expected = records.slice(from, from + found.length);
      expect(found.map(({ hash }) => toBareHex(hash))).toEqual(expected.map(({ hash }) => toBareHex(hash)));
      const size = (list: readonly ChainRecord[]) => list.reduce((sum, { bytes }) => sum + bytes.length, 0);
      expect(size(found)).toBeLessThanOrEqual(3000);
      const next = records[from + found.length];
      if (next !== undefined) expect(size(found) + next.bytes.length).toBeGreaterThan(3000);
    }
    expect(store.recordsFrom(5, 1).length).toBe(1);
    expect(store.recordsFrom(60, 1000)).toEqual([]);
  });

  test("an unknown hash is not found, and a record out of turn is a bug", () => {
    const disk = new SimulatedDisk(1);
    const log = openLog(disk);
    const records = new ChainFixture({ life: 1 }).extend(30);
    log.append(asLogRecords(records));
    ensureIndexes(disk);
    const store = openStore(disk, 20);
    expect(store.transaction(new Uint8Array(32).fill(9))).toBeNull();
    expect(store.blockByHash(new Uint8Array(32).fill(9))).toBeNull();
    expect(() => store.follow(records[22]!)).toThrow("record 22 followed where 21 belongs");
  });
});

function baseBefore(records: readonly ChainRecord[], first: number): ChainBase {
  const before = records.slice(0, first);
  const seal = decodeSeal(before.findLast((record) => record.header.type === "seal")!);
  const lastOpen = before.findLast((record) => record.header.type === "open" || record.header.type === "seal")!;
  const last = before.at(-1)!.header;
  return {
    sequence: first - 1,
    version: last.type === "mini" ? last.number + 1 : last.number,
    header: decodeSealedHeader(seal.headerRlp),
    miniBlockOffset: seal.miniBlockOffset,
    miniBlockCount: seal.miniBlockCount,
    open: lastOpen.header.type === "open" ? decodeOpen(lastOpen) : null,
  };
}
