// A chain as a sequencer makes it, for those who follow: transfers, storage that is set, cleared and set again, contracts that are
// created, destroyed and created again, creations that revert, empty blocks. With the sequencer's digest at every version.

import { assert } from "#base/assert.ts";
import { fromHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import type { ChainSpec } from "#chain/chain-spec.ts";
import type { Address } from "#chain/primitives.ts";
import { contractAddress, create2Address } from "#chain/transaction.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { addressFromPrivateKey } from "#crypto/secp256k1.ts";
import type { ChainRecord } from "#formats/wire/record.ts";
import { Follower, type FollowOutcome } from "#replica/follower.ts";
import { allocateState, createPlainSegment, planStateMemory, type StateRegions } from "#state/memory-plan.ts";
import { stateDigest } from "#state/snapshot.ts";
import { StateTable } from "#state/table.ts";
import { StateView } from "#state/view.ts";
import type { ChainHead } from "#storage/chain-head.ts";
import {
  ACCOUNTS,
  ProducerFixture,
  SEQUENCER_KEY,
  STORE_AND_LOG_INIT,
  tableDigest,
} from "../sequencer/producer-fixture.ts";

/** Whose signatures the chain carries. */
export const SEQUENCER: Address = addressFromPrivateKey(SEQUENCER_KEY);

/** Without calldata: self-destruct; else sstore(calldata[0], calldata[1]). */
const MORTAL_RUNTIME = "36600657" + "33ff" + "5b" + "6020355f3555" + "00";
const MORTAL_INIT = `600e8060095f395ff3${MORTAL_RUNTIME}`;
/** CREATE2 of the mortal with the salt in calldata[0]. */
const FACTORY_RUNTIME = `6017600e5f39${"5f3560175f5ff500"}${MORTAL_INIT}`;
const FACTORY_INIT = fromHex(`60258060095f395ff3${FACTORY_RUNTIME}`);
/** Writes a slot, then reverts. */
const REVERTING_INIT = fromHex("60016001555f5ffd");

/** The last rules by which a contract can be destroyed after the transaction that made it. */
const MORTAL_SPEC: Partial<ChainSpec> = { hardforkAt: () => "shanghai" };

/** What a sequencer has made. */
export type SignedChain = {
  readonly fixture: ProducerFixture;
  readonly records: readonly ChainRecord[];
  /** The sequencer's table at each state version. */
  readonly digests: ReadonlyMap<number, string>;
  /** The contract that is destroyed and made again. */
  readonly mortal: Address;
};

/** Produces a chain of some 25 mini-blocks in 5 EVM blocks. */
export async function produceChain(seed: number, spec: Partial<ChainSpec> = MORTAL_SPEC): Promise<SignedChain> {
  const { fixture, digests } = await createSequencer([], spec);
  const random = new SeededRandom(seed);
  const store = contractAddress(ACCOUNTS[0]!.address, 0n);
  const factory = contractAddress(ACCOUNTS[1]!.address, 0n);
  const salt = word(1);
  const mortal = create2Address(factory, salt, keccak256(fromHex(MORTAL_INIT)));
  const send = (account: number, to: Address | null, data: Uint8Array, value = 0n) => {
    const refusal = fixture.send(account, { to, data, value, gasLimit: 500_000n });
    assert(refusal === null, () => `refused: ${refusal?.message}`);
  };
  const turn = () => fixture.runFor(10_000);
  send(0, null, STORE_AND_LOG_INIT);
  send(1, null, FACTORY_INIT);
  await turn();
  for (let round = 0; round < 5; round++) {
    send(1, factory, salt); // creates, and creates again after the destruction
    for (let i = 0; i < 6; i++) send(0, store, concat(word(random.below(8)), word(random.below(3))));
    await turn();
    send(2, mortal, concat(word(round), word(round + 1)));
    send(2, null, REVERTING_INIT, 0n);
    send(3, random.bytes(20), new Uint8Array(0), BigInt(random.below(3)));
    await turn();
    send(2, mortal, new Uint8Array(0));
    send(0, store, concat(word(random.below(8)), word(0)));
    await turn();
    if (round % 2 === 0) send(2, mortal, new Uint8Array(0), 7n); // nobody there: value to a plain address
    await turn();
  }
  await fixture.runFor(150_000);
  return { fixture, records: fixture.decodedRecords(), digests, mortal };
}

/** A sequencer that goes on from a log and notes the digest of its table with every record it hands out. */
export async function createSequencer(
  kept: readonly ChainRecord[],
  spec: Partial<ChainSpec> = MORTAL_SPEC,
): Promise<{ fixture: ProducerFixture; digests: Map<number, string> }> {
  const digests = new Map<number, string>();
  const records = kept.map((record) => record.bytes.slice());
  const fixture = await ProducerFixture.create({
    log: { records },
    spec,
    limits: { miniBlockIntervalUs: 10_000, blockTimeUs: 60_000 },
  });
  const note = () => digests.set(fixture.table.newest, tableDigest(fixture.table));
  note();
  records.push = (...added) => {
    note();
    return Array.prototype.push.apply(records, added);
  };
  return { fixture, digests };
}

/** A replica without threads: its log is an array. */
export class TestReplica {
  readonly regions: StateRegions;
  readonly table: StateTable;
  readonly follower: Follower;
  readonly log: ChainRecord[] = [];
  readonly story: string[] = [];

  constructor(
    fixture: ProducerFixture,
    options: { stateMemoryBytes?: number; head?: ChainHead; sequencer?: Address } = {},
  ) {
    const plan = planStateMemory({ stateMemoryBytes: options.stateMemoryBytes ?? 4 << 20 });
    this.regions = allocateState(plan, createPlainSegment);
    this.table = new StateTable(this.regions);
    this.table.loadGenesis(fixture.genesis.alloc);
    this.follower = new Follower({
      sequencer: options.sequencer ?? SEQUENCER,
      table: this.table,
      head: options.head ?? fixture.freshHead(),
      sink: {
        append: (record) => {
          this.log.push({ ...record, bytes: record.bytes.slice() });
          this.table.publish(this.table.newest);
        },
        settle: () => this.story.push("settle"),
        rollback: (sequence, version) => {
          this.story.push(`rollback ${sequence} ${version}`);
          this.log.length = sequence + 1;
        },
      },
    });
  }

  accept(bytes: Uint8Array): FollowOutcome {
    return this.follower.accept(bytes.slice());
  }

  /** Applies records that must all be applied. */
  follow(records: readonly ChainRecord[]): this {
    for (const { bytes, header } of records) {
      const outcome = this.accept(bytes);
      assert(outcome.kind === "applied", () => `record ${header.sequence}: ${JSON.stringify(outcome)}`);
    }
    return this;
  }

  digest(): string {
    return tableDigest(this.table);
  }

  /** The digest that checkpoints carry, of the published version. */
  stateDigest(): string {
    const view = new StateView(this.regions);
    return stateDigest(view, view.pin()).toHex();
  }
}

/** A number as a 32-byte word. */
export function word(value: number): Uint8Array {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(28, value);
  return bytes;
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
