// The block producer with the real engine, table and signatures under a clock that the test moves.

import { describe, expect, test } from "bun:test";
import { bigintToBytes, concatBytes } from "#base/bytes.ts";
import { fromHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { headerHash } from "#chain/header.ts";
import { orderedTrieRoot } from "#chain/ordered-trie.ts";
import { authorizationHash, contractAddress } from "#chain/transaction.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { addressFromPrivateKey, sign } from "#crypto/secp256k1.ts";
import { encodeDiff } from "#formats/wire/diff.ts";
import type { MiniBlock } from "#formats/wire/mini-block.ts";
import { decodeOpen, decodeSeal, decodeTerm } from "#formats/wire/payloads.ts";
import { verifyRecordSignature } from "#formats/wire/record.ts";
import { addFootprints, BASE_FOOTPRINT, footprintOfGas } from "#sequencer/footprint.ts";
import {
  ACCOUNTS,
  fakeStateRoot,
  genesisTable,
  ProducerFixture,
  replay,
  SEQUENCER_KEY,
  START_SECONDS,
  STORE_AND_LOG_INIT,
  tableDigest,
} from "./producer-fixture.ts";

function word(value: number): Uint8Array {
  return bigintToBytes(BigInt(value), 32);
}

async function deployStore(fixture: ProducerFixture): Promise<Uint8Array> {
  const nonce = fixture.producer.state.account(ACCOUNTS[0]!.address)!.nonce;
  expect(fixture.send(0, { to: null, value: 0n, data: STORE_AND_LOG_INIT })).toBeNull();
  await fixture.settle();
  return contractAddress(ACCOUNTS[0]!.address, nonce);
}

describe("cadence", () => {
  test("an idle chain makes one empty mini-block per EVM block", async () => {
    const fixture = await ProducerFixture.create();
    const result = await fixture.settle();
    expect(result.state).toBe("idle");
    expect(result.sleepUs).toBeGreaterThan(900_000);
    await fixture.runFor(3_100_000);
    expect(fixture.story()).toEqual([
      "open",
      "mini 0",
      "seal",
      "open",
      "mini 0",
      "seal",
      "open",
      "mini 0",
      "seal",
      "open",
    ]);
    expect(fixture.miniBlocks().map((mini) => mini.number)).toEqual([0, 1, 2]);
  });

  test("a lone transaction is sealed at once", async () => {
    const fixture = await ProducerFixture.create();
    await fixture.settle();
    fixture.nowUs += 300_000;
    expect(fixture.send(0)).toBeNull();
    await fixture.settle();
    expect(fixture.story()).toEqual(["open", "mini 1"]);
    expect(fixture.table.newest).toBe(1);
    expect(fixture.table.account(ACCOUNTS[0]!.address)!.nonce).toBe(1n);
  });

  test("under load a mini-block is cut at the interval", async () => {
    const fixture = await ProducerFixture.create({ limits: { miniBlockIntervalUs: 1_000, sliceUs: 100 } });
    await fixture.settle();
    for (let i = 0; i < 60; i++) expect(fixture.send(i % 3)).toBeNull();
    fixture.tickUs = 100;
    await fixture.settle();
    const counts = fixture.miniBlocks().map((mini) => mini.header.transactionCount);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(60);
    expect(counts.length).toBeGreaterThan(3);
    expect(Math.min(...counts)).toBeGreaterThan(1);
    for (const mini of fixture.miniBlocks().slice(0, -1)) expect(mini.header.transactionCount).toBe(counts[0]!);
  });

  test("a block's timestamp is the end of its window and grows without end", async () => {
    const fixture = await ProducerFixture.create({ limits: { blockTimeUs: 250_000 } });
    await fixture.runFor(1_100_000);
    fixture.nowUs -= 5_000_000; // the clock jumps back
    await fixture.runFor(600_000);
    const opens = fixture.decodedRecords().filter((record) => record.header.type === "open");
    const timestamps = opens.map((record) => decodeOpen(record).timestamp);
    expect(timestamps[0]).toBe(START_SECONDS + 1);
    for (let i = 1; i < timestamps.length; i++) expect(timestamps[i]!).toBe(timestamps[i - 1]! + 1);
    const times = fixture.miniBlocks().map((mini) => mini.header.timestampUs);
    expect([...times].sort((a, b) => a - b)).toEqual(times);
  });
});

describe("blocks", () => {
  test("a sealed header commits to its transactions, receipts, roots and parent", async () => {
    const fixture = await ProducerFixture.create();
    const store = await deployStore(fixture);
    for (let i = 0; i < 3; i++) {
      expect(fixture.send(1, { to: store, value: 0n, data: concatBytes(word(i), word(i + 1)) })).toBeNull();
      await fixture.settle();
    }
    await fixture.runFor(2_000_000);
    const minis = fixture.miniBlocks().filter((mini) => mini.header.blockNumber === 1);
    const receipts = minis.flatMap((mini) => mini.receipts);
    expect(receipts.map((receipt) => receipt.status)).toEqual([1, 1, 1, 1]);
    expect(minis.map((mini) => mini.header.firstLogIndex)).toEqual([0, 0, 1, 2]);
    const gasUsed = receipts.reduce((sum, receipt) => sum + receipt.gasUsed, 0);
    expect(receipts.at(-1)!.cumulativeGasUsed).toBe(gasUsed);

    const head = fixture.freshHead();
    const records = fixture.decodedRecords();
    const sealAt = records.findIndex((record) => record.header.type === "seal");
    replay(records.slice(0, sealAt + 1), head, genesisTable(fixture.genesis));
    const { header, hash, miniBlockCount } = head.sealed;
    expect(header.parentHash).toEqual(fixture.genesisBlockHash);
    expect(header.gasUsed).toBe(BigInt(gasUsed));
    expect(header.transactionsRoot).toEqual(orderedTrieRoot(minis.flatMap((mini) => mini.transactions)));
    expect(header.stateRoot).toEqual(fixture.genesisStateRoot); // delay 1: the root after block 0
    expect(header.logsBloom.some((byte) => byte !== 0)).toBe(true);
    expect(hash).toEqual(headerHash(header));
    expect(miniBlockCount).toBe(4);
    expect(fixture.producer.head.sealed.header.stateRoot).toEqual(fakeStateRoot(1));
  });

  test("system calls leave their roots in the first mini-block", async () => {
    const fixture = await ProducerFixture.create();
    await fixture.runFor(1_500_000);
    const history = fixture.genesis.alloc.find(({ address }) => address[2] === 0xf9)!.address;
    expect(fixture.table.slot(history, word(0))).toEqual(fixture.genesisBlockHash);
  });

  test("BLOCKHASH knows the blocks before, also those of before a restart", async () => {
    const first = await ProducerFixture.create();
    await first.settle();
    // sstore(calldata[0], blockhash(calldata[0]))
    expect(first.send(0, { to: null, value: 0n, data: fromHex("60078060095f395ff35f35405f355500") })).toBeNull();
    await first.settle();
    const asker = contractAddress(ACCOUNTS[0]!.address, 0n);
    await first.runFor(2_000_000);
    const second = await ProducerFixture.create({ log: first.log });
    second.nowUs = first.nowUs;
    await second.runFor(1_000_000);
    const hashes = [second.genesisBlockHash];
    for (const record of second.decodedRecords()) {
      if (record.header.type === "seal") hashes.push(keccak256(decodeSeal(record).headerRlp));
    }
    const open = second.producer.head.open!.payload.blockNumber;
    expect(hashes.length).toBe(open);
    expect(open).toBeGreaterThan(3);
    for (let i = 0; i <= open; i++) expect(second.send(1, { to: asker, value: 0n, data: word(i) })).toBeNull();
    await second.settle();
    for (let i = 0; i < open; i++) expect(second.table.slot(asker, word(i))).toEqual(hashes[i]!);
    expect(second.table.slot(asker, word(open))).toEqual(word(0)); // the open block itself
  });

  test("the base fee follows EIP-1559 where the chain says so, and underpriced transactions wait", async () => {
    const baseFee = { kind: "eip1559", elasticity: 2n, denominator: 8n, initial: 1_000_000n } as const;
    const fixture = await ProducerFixture.create({ spec: { baseFee, blockGasLimit: 84_000n } });
    await fixture.settle();
    const first = fixture.producer.head.open!.payload.baseFee;
    expect(fixture.send(0, { gasLimit: 21_000n, maxFeePerGas: first - 1n, maxPriorityFeePerGas: 0n })).toBeNull();
    await fixture.settle();
    expect(fixture.pool.size).toBe(1);
    for (let i = 0; i < 4; i++) expect(fixture.send(1, { gasLimit: 21_000n })).toBeNull();
    await fixture.runFor(1_000_000);
    expect(fixture.producer.head.open!.payload.baseFee).toBe((first * 9n) / 8n); // a full block
    await fixture.runFor(2_000_000);
    expect(fixture.producer.head.open!.payload.baseFee).toBeLessThan(first);
    expect(fixture.pool.size).toBe(0);
    expect(fixture.counters.transactionsIncluded).toBe(5);
  });

  test("a missing state root keeps the block open, and mini-blocks go on", async () => {
    const fixture = await ProducerFixture.create();
    fixture.committedBlock = 0;
    await fixture.runFor(2_500_000); // block 1 needs the genesis root only; block 2 needs block 1's
    expect(fixture.send(0)).toBeNull();
    const result = await fixture.settle();
    expect(result.state).toBe("waiting for state root");
    expect(fixture.producer.isStalled).toBe(true);
    expect(fixture.producer.head.sealed.number).toBe(1);
    expect(fixture.miniBlocks().at(-1)!.header).toMatchObject({ blockNumber: 2, transactionCount: 1 });
    fixture.committedBlock = 10;
    await fixture.settle();
    expect(fixture.producer.head.sealed.number).toBe(2);
    expect(fixture.counters.sealStalls).toBe(1);
    expect(fixture.counters.sealStallUs).toBeGreaterThan(400_000);
  });

  test("without root delay a block is complete before its root is asked for", async () => {
    const fixture = await ProducerFixture.create({ spec: { stateRootDelay: 0 } });
    fixture.committedBlock = 0;
    await fixture.runFor(1_200_000);
    expect(fixture.story()).toEqual(["open", "mini 0"]);
    expect(fixture.send(0)).toBeNull();
    await fixture.settle();
    expect(fixture.story()).toEqual(["open", "mini 0"]);
    fixture.committedBlock = 1;
    await fixture.settle();
    expect(fixture.story()).toEqual(["open", "mini 0", "seal", "open", "mini 1"]);
    expect(fixture.producer.head.sealed.header.stateRoot).toEqual(fakeStateRoot(1));
  });
});

describe("what does not run", () => {
  test("a nonce gap waits, and closes", async () => {
    const fixture = await ProducerFixture.create();
    await fixture.settle();
    expect(fixture.send(0, { nonce: 1n })).toBeNull();
    await fixture.settle();
    expect(fixture.counters.transactionsExecuted).toBe(0);
    expect(fixture.send(0, { nonce: 0n })).toBeNull();
    await fixture.settle();
    expect(fixture.story()).toEqual(["open", "mini 2"]);
  });

  test("a transaction above the block's remaining gas waits for the next block", async () => {
    const fixture = await ProducerFixture.create({ blockGasLimit: 150_000n });
    await fixture.settle();
    for (const gasLimit of [100_000n, 100_000n, 130_000n]) expect(fixture.send(0, { gasLimit })).toBeNull();
    await fixture.settle();
    expect(fixture.story()).toEqual(["open", "mini 2"]);
    expect(fixture.counters.blockGasFull).toBe(1);
    await fixture.runFor(1_000_000);
    expect(fixture.story()).toEqual(["open", "mini 2", "seal", "open", "mini 1"]);
    expect(fixture.send(1, { gasLimit: 150_001n })?.code).toBe("exceeds block gas limit");
  });

  test("a transaction whose funds are gone is dropped, not included", async () => {
    const fixture = await ProducerFixture.create();
    await fixture.settle();
    const key = new Uint8Array(32).fill(0x55);
    expect(fixture.send(0, { to: addressFromPrivateKey(key), value: 10n ** 18n })).toBeNull();
    await fixture.settle();
    const balance = fixture.producer.state.account(ACCOUNTS[1]!.address)!.balance;
    expect(fixture.send(1, { value: balance - 10n ** 15n })).toBeNull();
    // Past admission, as if it had come in before the one above: only execution can tell.
    const candidate = fixture.pool.contentOf(ACCOUNTS[1]!.address)!.pending[0]!;
    const transaction = { ...candidate.transaction, nonce: 1n };
    fixture.pool.add({
      transaction,
      sender: ACCOUNTS[1]!.address,
      raw: new Uint8Array(100),
      hash: word(1),
      nowMs: 0,
      accountNonce: 0n,
    });
    await fixture.settle();
    expect(fixture.story()).toEqual(["open", "mini 1", "mini 1"]);
    expect(fixture.counters.transactionsRejected).toBe(1);
    expect(fixture.pool.size).toBe(0);
  });

  test("a nonce that an authorization used up is dropped, and what follows goes on", async () => {
    const fixture = await ProducerFixture.create();
    await fixture.settle();
    for (let i = 0; i < 2; i++) expect(fixture.send(1)).toBeNull();
    const unsigned = { chainId: 31337n, address: ACCOUNTS[2]!.address, nonce: 0n };
    const authorization = { ...unsigned, ...sign(authorizationHash(unsigned), ACCOUNTS[1]!.privateKey) };
    const tip = { maxPriorityFeePerGas: 500_000n, maxFeePerGas: 3_000_000n };
    expect(fixture.send(0, { type: 4, authorizationList: [authorization], ...tip })).toBeNull();
    await fixture.settle();
    expect(fixture.pool.dropCounts.stale).toBe(1);
    expect(fixture.counters.transactionsIncluded).toBe(2);
    expect(fixture.producer.state.account(ACCOUNTS[1]!.address)!.nonce).toBe(2n);
    expect(fixture.send(1)).toBeNull(); // a delegation may send
    await fixture.settle();
    expect(fixture.counters.transactionsIncluded).toBe(3);
  });

  test("state without room makes state-creating work wait, and nothing else", async () => {
    const fixture = await ProducerFixture.create({ stateMemoryBytes: 1 << 20, limits: { trialCountMax: 3 } });
    const store = await deployStore(fixture);
    await fixture.settle();
    const free = fixture.table.freeRecordCount;
    let next = 0;
    const fill = (count: number) => {
      for (let i = 0; i < count; i++, next++) {
        const data = concatBytes(word(next), word(1));
        expect(fixture.send(1, { to: store, value: 0n, data })).toBeNull();
      }
    };
    while (fixture.table.freeRecordCount > 12) {
      fill(Math.min(400, fixture.table.freeRecordCount - 10));
      await fixture.settle();
    }
    expect(free).toBeGreaterThan(100);
    fill(fixture.table.freeRecordCount + 2);
    await fixture.settle();
    const waiting = fixture.pool.size;
    expect(waiting).toBeGreaterThanOrEqual(2);
    expect(fixture.counters.stateFull).toBeGreaterThan(0);
    expect(fixture.send(0)).toBeNull(); // between known accounts
    await fixture.settle();
    expect(fixture.pool.size).toBe(waiting);
    const failed = fixture.miniBlocks().flatMap((mini) => mini.receipts.filter((receipt) => receipt.status === 0));
    expect(failed.length).toBe(0);
  }, 60_000);

  test("a transaction that no record can hold is dropped", async () => {
    const fixture = await ProducerFixture.create({ limits: { recordSizeBytesMax: 4_000 } });
    await fixture.settle();
    expect(fixture.send(0, { gasLimit: 400_000n, data: new Uint8Array(5_000) })).toBeNull();
    expect(fixture.send(1)).toBeNull();
    await fixture.settle();
    expect(fixture.counters.recordTooLarge).toBe(1);
    expect(fixture.counters.transactionsIncluded).toBe(1);
    expect(fixture.producer.state.account(ACCOUNTS[0]!.address)!.nonce).toBe(0n);
  });
});

describe("the log", () => {
  test("a full log stops the producer and loses nothing", async () => {
    const fixture = await ProducerFixture.create();
    await fixture.settle();
    fixture.isLogFull = true;
    expect(fixture.send(0)).toBeNull();
    expect((await fixture.producer.step()).state).toBe("log full");
    expect(fixture.send(1)).toBeNull();
    expect((await fixture.producer.step()).state).toBe("log full");
    expect(fixture.producer.unsentCount).toBe(1);
    fixture.isLogFull = false;
    await fixture.settle();
    expect(fixture.story()).toEqual(["open", "mini 1", "mini 1"]);
  });

  test("numbers are reserved before they are signed", async () => {
    const fixture = await ProducerFixture.create({ limits: { reservationCount: 24 } });
    const signed: number[] = [];
    for (let i = 0; i < 12; i++) {
      await fixture.runFor(1_000_000);
      signed.push(fixture.producer.head.nextSequence);
      expect(fixture.reservations.at(-1)!).toBeGreaterThan(signed.at(-1)!);
    }
    expect(fixture.reservations.slice(0, 3)).toEqual([24, 37, 49]);
  });

  test("a step whose reservation fails can be repeated", async () => {
    const fixture = await ProducerFixture.create({ limits: { reservationCount: 24 } });
    await fixture.settle();
    fixture.reservationFailure = new Error("disk full");
    expect(fixture.send(0)).toBeNull();
    let failures = 0;
    for (let i = 0; i < 40; i++) {
      fixture.nowUs += 500_000;
      await fixture.producer.step().catch(() => failures++);
    }
    expect(failures).toBeGreaterThan(20);
    fixture.reservationFailure = null;
    expect(fixture.send(0)).toBeNull();
    await fixture.settle();
    const follower = genesisTable(fixture.genesis);
    replay(fixture.decodedRecords(), fixture.freshHead(), follower);
    expect(follower.account(ACCOUNTS[0]!.address)!.nonce).toBe(2n);
  });

  test("durable marks and checkpoints are announced, marks only when the version moved", async () => {
    const fixture = await ProducerFixture.create();
    await fixture.runFor(1_500_000);
    fixture.producer.noteDurable({ sequence: 2, version: 1 });
    fixture.producer.noteCheckpoint({ version: 1, blockNumber: 1, keyCount: 5, sizeBytes: 10, digest: word(4) });
    await fixture.settle();
    fixture.producer.noteDurable({ sequence: 5, version: 1 });
    fixture.nowUs += 200_000;
    await fixture.settle();
    expect(fixture.story().slice(-2)).toEqual(["checkpoint", "durable"]);
    expect(fixture.producer.head.durable.version).toBe(1);
    expect(fixture.producer.head.checkpointVersion).toBe(1);
  });

  test("a start never has to replay more than the limit: production waits for a checkpoint", async () => {
    const fixture = await ProducerFixture.create({ limits: { replayMiniBlockCountMax: 6 } });
    fixture.producer.noteReplayBase(0);
    for (let i = 0; i < 20; i++) {
      fixture.send(0);
      await fixture.runFor(300_000);
    }
    const heldAt = fixture.table.newest;
    expect(heldAt).toBeGreaterThanOrEqual(5);
    expect(heldAt).toBeLessThanOrEqual(6);
    expect(fixture.counters.checkpointWaits).toBeGreaterThan(0);
    const included = fixture.counters.transactionsIncluded;
    expect(included).toBeLessThan(20);
    fixture.producer.noteCheckpoint({ version: 4, blockNumber: 1, keyCount: 5, sizeBytes: 10, digest: word(4) });
    await fixture.runFor(3_000_000);
    expect(fixture.table.newest).toBeGreaterThan(heldAt);
    expect(fixture.table.newest).toBeLessThanOrEqual(10);
    expect(fixture.counters.transactionsIncluded).toBeGreaterThan(included);
  });

  test("drain seals what runs and leaves the block open", async () => {
    const fixture = await ProducerFixture.create({ limits: { sliceUs: 1 } });
    await fixture.settle();
    fixture.tickUs = 1;
    for (let i = 0; i < 3; i++) expect(fixture.send(0)).toBeNull();
    await fixture.producer.step();
    expect(await fixture.producer.drain()).toBe(true);
    const included = fixture.counters.transactionsIncluded;
    expect(included).toBeGreaterThan(0);
    expect(included).toBeLessThan(3);
    expect(fixture.story()).toEqual(["open", `mini ${included}`]);
  });
});

describe("restart", () => {
  test("inside an EVM block the block goes on, and seals over both halves", async () => {
    const first = await ProducerFixture.create();
    const store = await deployStore(first);
    expect(first.send(1, { to: store, value: 0n, data: concatBytes(word(1), word(2)) })).toBeNull();
    await first.settle();

    const second = await ProducerFixture.create({ log: first.log });
    second.nowUs = first.nowUs + 1_000;
    expect(second.producer.head.open?.transactionCount).toBe(2);
    expect(tableDigest(second.table)).toBe(tableDigest(first.table));
    const { sequence } = second.decodedRecords().at(-1)!.header;
    second.producer.beginTerm({ sequence, version: second.table.newest });
    expect(second.send(2, { to: store, value: 0n, data: concatBytes(word(3), word(4)) })).toBeNull();
    await second.runFor(1_500_000);

    expect(second.story()).toEqual(["open", "mini 1", "mini 1", "term", "mini 1", "seal", "open"]);
    const term = second.decodedRecords()[3]!;
    expect(term.header.term).toBe(1);
    expect(decodeTerm(term)).toEqual({ lastKeptSequence: 2, lastKeptVersion: 2 });
    const { header } = second.producer.head.sealed;
    expect(header.transactionsRoot).toEqual(orderedTrieRoot(second.miniBlocks().flatMap((mini) => mini.transactions)));
  });

  test("between the open record and the first mini-block the system calls are made", async () => {
    const first = await ProducerFixture.create();
    await first.settle();
    const second = await ProducerFixture.create({ log: first.log });
    second.nowUs = first.nowUs;
    await second.runFor(1_100_000);
    await first.runFor(1_100_000);
    expect(tableDigest(second.table)).toBe(tableDigest(first.table));
  });
});

test("a follower that only applies diffs reaches the same state, under random work", async () => {
  const seed = 0x5eed;
  const random = new SeededRandom(seed);
  const fixture = await ProducerFixture.create({ limits: { miniBlockIntervalUs: 400, sliceUs: 200 } });
  const store = await deployStore(fixture);
  for (let round = 0; round < 60; round++) {
    const count = random.below(6);
    for (let i = 0; i < count; i++) {
      const account = random.below(3);
      const data = concatBytes(word(random.below(8)), word(random.below(3)));
      const gasLimit = random.chance(0.2) ? 24_000n : 100_000n; // some run out of gas
      const fresh = random.chance(0.3) ? random.bytes(20) : ACCOUNTS[random.below(4)]!.address;
      const refusal = random.chance(0.5)
        ? fixture.send(account, { to: store, value: 0n, data, gasLimit })
        : fixture.send(account, { to: fresh, value: BigInt(random.below(2)) });
      expect(refusal).toBeNull();
    }
    if (random.chance(0.2)) fixture.nowUs += random.below(700_000);
    await fixture.runFor(random.below(3_000));
  }
  await fixture.runFor(1_500_000);
  for (const mini of fixture.miniBlocks()) expectWithinFootprint(mini);
  const records = fixture.decodedRecords();
  const sequencer = addressFromPrivateKey(SEQUENCER_KEY);
  expect(records.every((record) => verifyRecordSignature(record, sequencer))).toBe(true);
  const follower = genesisTable(fixture.genesis);
  const head = fixture.freshHead();
  replay(records, head, follower);
  expect(tableDigest(follower), `seed ${seed}`).toBe(tableDigest(fixture.table));
  expect(head.toBytes()).toEqual(fixture.producer.head.toBytes());
  expect(fixture.counters.blocks).toBeGreaterThan(2);
}, 60_000);

/** What a mini-block wrote is never more than its gas was thought to buy. */
function expectWithinFootprint({ diff, receipts, transactions }: MiniBlock): void {
  let bound = BASE_FOOTPRINT;
  receipts.forEach((receipt, i) => {
    bound = addFootprints(bound, footprintOfGas(receipt.gasUsed, transactions[i]!.length, "osaka"));
  });
  expect(diff.newKeys.length).toBeLessThanOrEqual(bound.keyCount);
  expect(diff.accounts.length + diff.slots.length).toBeLessThanOrEqual(bound.changeCount);
  expect(diff.codes.length).toBeLessThanOrEqual(bound.codeCount);
  expect(encodeDiff(diff).length).toBeLessThanOrEqual(bound.recordBytes);
}
