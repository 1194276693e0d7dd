// Starting from a snapshot: what is signed gets in and gives the sequencer's state, what is not is refused, and a power failure
// anywhere in the replacement leaves the old chain or the new one.

import { beforeAll, describe, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { decodeCheckpoint, decodeSeal, encodeCheckpoint, encodeSeal } from "#formats/wire/payloads.ts";
import { type ChainRecord, signRecord } from "#formats/wire/record.ts";
import { BootstrapReceiver, installBootstrap } from "#replica/bootstrap.ts";
import { Follower } from "#replica/follower.ts";
import { SEQUENCER_KEY } from "../sequencer/producer-fixture.ts";
import { SimulatedCrash, SimulatedDisk, type Survivors } from "../simulation/simulated-disk.ts";
import { SEQUENCER } from "./signed-chain.ts";
import { type CheckpointedChain, FOLDERS, produceCheckpointedChain, reopen, writeNode } from "./source-node.ts";

const SEED = 0xb007;
const OTHER_KEY = new Uint8Array(32).fill(8);
let chain: CheckpointedChain;
beforeAll(async () => {
  chain = await produceCheckpointedChain(SEED);
});

type Announcement = Parameters<typeof BootstrapReceiver.begin>[0]["announcement"];

function announce(changes: Partial<Announcement> = {}): Announcement {
  const { seal, checkpoint, chunks } = chain;
  return { sealRecord: seal.bytes, checkpointRecord: checkpoint.bytes, chunkCount: chunks.length, ...changes };
}

function begin(disk: SimulatedDisk, announcement = announce()): BootstrapReceiver | string {
  const { fixture } = chain;
  const context = { identity: fixture.identity, spec: fixture.genesis.spec };
  return BootstrapReceiver.begin({ disk, folders: FOLDERS, context, sequencer: SEQUENCER, announcement });
}

/** Receives all chunks. @returns null or the refusal */
function receive(disk: SimulatedDisk, chunks = chain.chunks, announcement = announce()): string | null {
  const receiver = begin(disk, announcement);
  if (typeof receiver === "string") return receiver;
  for (const [index, chunk] of chunks.entries()) {
    const problem = receiver.push(index, chunk);
    if (problem !== null) return problem;
  }
  return receiver.finish();
}

/** A replica that holds the first `count` records and no checkpoint. */
function oldReplica(seed: number, count: number): SimulatedDisk {
  const disk = new SimulatedDisk(seed);
  writeNode(disk, chain, chain.records.slice(0, count));
  for (const name of disk.list(FOLDERS.checkpoints)) disk.remove(`${FOLDERS.checkpoints}/${name}`);
  disk.syncDirectory(FOLDERS.checkpoints);
  return disk;
}

describe("from end to end", () => {
  test("an empty replica gets the sequencer's state, and follows from there to the same end", () => {
    const disk = new SimulatedDisk(1);
    expect(receive(disk)).toBeNull();
    expect(installBootstrap(disk, FOLDERS)).toBe(true);
    expect(disk.list(FOLDERS.bootstrap)).toEqual([]);
    const { digest, restored, table } = reopen(disk, chain);
    expect(digest).toBe(decodeCheckpoint(chain.checkpoint).digest.toHex());
    expect(restored.head.nextSequence).toBe(chain.seal.header.sequence + 1);
    expect(restored.openMiniBlocks).toEqual([]);
    const sink = { append: () => {}, settle: () => {}, rollback: () => {} };
    const follower = new Follower({ sequencer: SEQUENCER, table, head: restored.head, sink });
    for (const record of chain.records.slice(chain.seal.header.sequence + 1)) {
      expect(follower.accept(record.bytes), `record ${record.header.sequence}`).toEqual({ kind: "applied" });
    }
    const { term, parentHash, nextMiniBlockNumber, transactionTotal, sealed } = chain.fixture.producer.head;
    const { head } = follower;
    expect(head).toMatchObject({ term, parentHash, nextMiniBlockNumber, transactionTotal, sealed });
    expect(table.newest).toBe(nextMiniBlockNumber);
  });

  test("an old replica's log and checkpoints are replaced", () => {
    const disk = oldReplica(2, 12);
    const { digest: old } = reopen(disk, chain);
    expect(receive(disk)).toBeNull();
    expect(reopen(disk, chain).digest).toBe(old); // nothing counts before it is installed
    expect(installBootstrap(disk, FOLDERS)).toBe(true);
    expect(disk.list(FOLDERS.log)).toEqual([]);
    expect(reopen(disk, chain).digest).toBe(decodeCheckpoint(chain.checkpoint).digest.toHex());
    expect(installBootstrap(disk, FOLDERS)).toBe(false);
  });

  test("what was not finished is gone at the next start, and nothing else", () => {
    const disk = oldReplica(3, 12);
    const { digest: old } = reopen(disk, chain);
    const receiver = begin(disk);
    if (typeof receiver === "string") throw new Error(receiver);
    receiver.push(0, chain.chunks[0]!);
    const next = disk.kill();
    expect(installBootstrap(next, FOLDERS)).toBe(false);
    expect(next.list(FOLDERS.bootstrap)).toEqual([]);
    expect(reopen(next, chain).digest).toBe(old);
  });
});

describe("chunks that are not the signed state", () => {
  test("any byte of any chunk altered", () => {
    const random = new SeededRandom(SEED);
    for (const [index, chunk] of chain.chunks.entries()) {
      for (const offset of [0, 1, chunk.length - 1, random.below(chunk.length), random.below(chunk.length)]) {
        const chunks = [...chain.chunks];
        const altered = chunk.slice();
        altered[offset]! ^= 1 << random.below(8);
        chunks[index] = altered;
        const disk = new SimulatedDisk(1);
        expect(receive(disk, chunks), `seed ${SEED}, chunk ${index}, byte ${offset}`).toBeString();
        expect(installBootstrap(disk, FOLDERS)).toBe(false);
        expect(disk.list(FOLDERS.checkpoints)).toEqual([]);
      }
    }
  });

  test("out of order, repeated, left out, too many, empty, joined", () => {
    const { chunks } = chain;
    const disk = new SimulatedDisk(1);
    const order = begin(disk);
    if (typeof order === "string") throw new Error(order);
    expect(order.push(1, chunks[1]!)).toContain("chunk 1, expected 0");
    expect(receive(disk, [chunks[0]!, chunks[0]!, ...chunks.slice(2)])).toBeString();
    expect(receive(disk, [chunks[0]!, ...chunks.slice(2)], announce({ chunkCount: chunks.length - 1 }))).toBeString();
    expect(receive(disk, chunks.slice(0, -1))).toContain("of");
    expect(receive(disk, [...chunks, chunks[0]!])).toContain("expected");
    expect(receive(disk, [new Uint8Array(0), ...chunks.slice(1)])).toBeString();
    expect(receive(disk, [chunks[0]!, chunks[2]!, chunks[1]!, ...chunks.slice(3)])).toBeString();
    expect(receive(disk, chunks.slice(0, 2), announce({ chunkCount: 2 }))).toBeString();
  });

  test("the same items cut in another way take other bytes than signed", () => {
    const [first, second] = [chain.chunks[1]!, chain.chunks[2]!];
    // Both are chunks of codes or of keys: kind and count in front, items after them.
    if (first[0] !== second[0]) throw new Error("two chunks of one kind");
    const joined = new Uint8Array([first[0]!, first[1]! + second[1]!, ...first.slice(2), ...second.slice(2)]);
    const chunks = [chain.chunks[0]!, joined, ...chain.chunks.slice(3)];
    const refusal = receive(new SimulatedDisk(1), chunks, announce({ chunkCount: chunks.length }));
    expect(refusal).toContain("signed");
  });

  test("a state of another version of the same chain", async () => {
    const other = await produceCheckpointedChain(SEED, 2);
    const refusal = receive(new SimulatedDisk(1), other.chunks, announce({ chunkCount: other.chunks.length }));
    expect(refusal).toBeString();
  });
});

describe("announcements that bind nothing", () => {
  const resigned = (record: ChainRecord, section: Uint8Array, key = SEQUENCER_KEY, header = record.header) => {
    return signRecord(chain.fixture.identity, header, [section], key).bytes;
  };

  test("altered bytes of either record", () => {
    const random = new SeededRandom(SEED + 1);
    for (const name of ["sealRecord", "checkpointRecord"] as const) {
      for (let round = 0; round < 60; round++) {
        const bytes = announce()[name].slice();
        bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
        expect(begin(new SimulatedDisk(1), announce({ [name]: bytes })), `seed ${random.seed}`).toBeString();
      }
      expect(begin(new SimulatedDisk(1), announce({ [name]: new Uint8Array(0) }))).toBeString();
    }
  });

  test("signed by another key, of another type, or swapped", () => {
    const { seal, checkpoint } = chain;
    const disk = new SimulatedDisk(1);
    const forgedSeal = resigned(seal, seal.sections[0]!, OTHER_KEY);
    const forgedCheckpoint = resigned(checkpoint, checkpoint.sections[0]!, OTHER_KEY);
    expect(begin(disk, announce({ sealRecord: forgedSeal }))).toContain("signed");
    expect(begin(disk, announce({ checkpointRecord: forgedCheckpoint }))).toContain("signed");
    expect(begin(disk, announce({ sealRecord: checkpoint.bytes, checkpointRecord: seal.bytes }))).toBeString();
    for (const record of chain.records) {
      if (record.header.sequence === seal.header.sequence) continue;
      expect(begin(disk, announce({ sealRecord: record.bytes })), record.header.type).toBeString();
      if (record.header.type !== "checkpoint") {
        expect(begin(disk, announce({ checkpointRecord: record.bytes })), record.header.type).toBeString();
      }
    }
  });

  test("a pair that the sequencer signed and that does not fit together", () => {
    const { seal, checkpoint } = chain;
    const signed = decodeCheckpoint(checkpoint);
    const disk = new SimulatedDisk(1);
    const cases: [Partial<Announcement>, string][] = [
      [
        { checkpointRecord: resigned(checkpoint, encodeCheckpoint({ ...signed, version: signed.version + 1 })) },
        "version",
      ],
      [{ checkpointRecord: resigned(checkpoint, encodeCheckpoint({ ...signed, blockNumber: 9 })) }, "block"],
      [
        {
          checkpointRecord: resigned(checkpoint, checkpoint.sections[0]!, SEQUENCER_KEY, {
            ...checkpoint.header,
            sequence: 1,
          }),
        },
        "before",
      ],
      [{ sealRecord: resigned(seal, encodeSeal({ ...decodeSeal(seal), miniBlockOffset: 1 })) }, "add up"],
      [{ sealRecord: resigned(seal, encodeSeal({ ...decodeSeal(seal), headerSignature: seal.signature })) }, "header"],
    ];
    for (const [change, word] of cases) expect(begin(disk, announce(change))).toContain(word);
    const older = resigned(seal, seal.sections[0]!, SEQUENCER_KEY, { ...seal.header, term: 5 });
    expect(begin(disk, announce({ sealRecord: older }))).toContain("older term");
  });

  test("more chunks than bytes, or more bytes than the disk has", () => {
    const disk = new SimulatedDisk(1);
    expect(begin(disk, announce({ chunkCount: 10_000_000 }))).toContain("chunks");
    expect(begin(disk, announce({ chunkCount: 0 }))).toContain("chunks");
    disk.capacityBytes = 100;
    expect(begin(disk)).toContain("disk");
  });
});

describe("power failure", () => {
  test("at any call of receiving or installing leaves the old chain or the new one", () => {
    const fresh = oldReplica(4, 12);
    const old = reopen(fresh, chain).digest;
    const newer = decodeCheckpoint(chain.checkpoint).digest.toHex();
    const found = { old: 0, newer: 0 };
    for (const survivors of ["none", "all", "prefix", "random"] as Survivors[]) {
      for (let crashAt = 0; ; crashAt++) {
        const disk = oldReplica(4, 12);
        disk.setFaults({ crashAt });
        let isOver = false;
        try {
          receive(disk);
          installBootstrap(disk, FOLDERS);
          isOver = true;
        } catch (error) {
          if (!(error instanceof SimulatedCrash)) throw error;
        }
        const next = disk.crash(survivors, crashAt);
        const wasInstalled = installBootstrap(next, FOLDERS);
        const { digest } = reopen(next, chain);
        expect([old, newer], `${survivors}, call ${crashAt}, installed ${wasInstalled}`).toContain(digest);
        if (digest === old) found.old++;
        else found.newer++;
        expect(next.list(FOLDERS.bootstrap)).toEqual([]);
        if (isOver) break;
      }
    }
    expect(found.old).toBeGreaterThan(20);
    expect(found.newer).toBeGreaterThan(10);
  });

  test("twice: the second start is cut off while it finishes the first", () => {
    const newer = decodeCheckpoint(chain.checkpoint).digest.toHex();
    for (let crashAt = 0; ; crashAt++) {
      const disk = oldReplica(5, 12);
      receive(disk);
      const first = disk.kill();
      first.setFaults({ crashAt });
      let isOver = false;
      try {
        installBootstrap(first, FOLDERS);
        isOver = true;
      } catch (error) {
        if (!(error instanceof SimulatedCrash)) throw error;
      }
      const second = first.crash("random", crashAt + 100);
      installBootstrap(second, FOLDERS);
      expect(reopen(second, chain).digest, `call ${crashAt}`).toBe(newer);
      if (isOver) break;
    }
  });
});
