// What outlives every crash of the simulated sequencer: the promises it has made to the outside, and two replicas. Every check
// of the campaign stands here: what may never happen to a signature, to a published record, to a replica's state.

import { expect } from "bun:test";
import { assert, must } from "#base/assert.ts";
import { toBareHex } from "#base/hex.ts";
import { DEVELOPMENT_MNEMONIC, deriveDevelopmentAccounts } from "#chain/development-accounts.ts";
import { developmentGenesis, type Genesis, genesisHeader, genesisIdentity } from "#chain/genesis.ts";
import { type BlockHeader, headerHash } from "#chain/header.ts";
import { addressFromPrivateKey } from "#crypto/secp256k1.ts";
import type { LogPosition } from "#formats/memory/ring-messages.ts";
import { type ChainIdentity, type ChainRecord, decodeRecord } from "#formats/wire/record.ts";
import { Follower, type FollowOutcome } from "#replica/follower.ts";
import { allocateState, createPlainSegment, planStateMemory, type StateRegions } from "#state/memory-plan.ts";
import { stateDigest } from "#state/snapshot.ts";
import { StateTable } from "#state/table.ts";
import { StateView } from "#state/view.ts";
import { ChainHead } from "#storage/chain-head.ts";

/** The sequencer's key. */
export const SEQUENCER_KEY: Uint8Array = new Uint8Array(32).fill(7);
/** Accounts that send. */
export const ACCOUNTS = deriveDevelopmentAccounts(DEVELOPMENT_MNEMONIC, 3);
/** Root of the genesis state, as good as any here. */
export const GENESIS_STATE_ROOT: Uint8Array = new Uint8Array(32).fill(3);
/** The chain. */
export const GENESIS: Genesis = developmentGenesis({
  chainId: 31337n,
  timestamp: 1_700_000_000n,
  sequencer: addressFromPrivateKey(SEQUENCER_KEY),
  accounts: ACCOUNTS.map(({ address }) => ({ address, balance: 10n ** 22n })),
});
/** Header of its block 0. */
export const GENESIS_HEADER: BlockHeader = genesisHeader(GENESIS, GENESIS_STATE_ROOT);
/** What its records are bound to. */
export const IDENTITY: ChainIdentity = {
  chainId: GENESIS.spec.chainId,
  genesisHash: genesisIdentity(GENESIS, headerHash(GENESIS_HEADER)),
};

/** A small table's memory. */
export function allocateSmallState(): StateRegions {
  return allocateState(planStateMemory({ stateMemoryBytes: 1 << 20 }), createPlainSegment);
}

/** Digest of a table's newest version. */
export function digestOf(regions: StateRegions, version: number): string {
  return toBareHex(stateDigest(new StateView(regions), version));
}

// Memory is made once and emptied before each use: making it anew would take longer than the runs.
const REPLICA_STATES = [allocateSmallState(), allocateSmallState()];

/** How a life of the sequencer ended. */
export type Ending = "power failure" | "process died" | "orderly stop";

/** Everything outside the sequencer. */
export class World {
  /** Unix microseconds. */
  nowUs: number = 1_700_000_000_100_000;
  readonly isAlways: boolean;
  readonly replicas: readonly [Replica, Replica];
  /** Numbers used by the lives: each life draws other content. */
  lifeCount = 0;
  /** How often a replica had to go back, over all lives. */
  rollbackCount = 0;
  /** Mini-blocks replayed at most by a start. */
  replayedMiniBlockCountMax = 0;
  readonly #signed = new Map<string, string>();
  #highestTerm = -1;
  /** Since the last start that came through its recovery. */
  #hasLostPower = false;
  /** Hashes of the published records, by sequence. */
  #published: string[] = [];
  #durableSequence = -1;
  /** By term: the last record that nothing may void which the term voids. */
  readonly #promisedBefore = new Map<number, number>();

  constructor(mode: "always" | "interval") {
    this.isAlways = mode === "always";
    this.replicas = [new Replica(this, 0), new Replica(this, 1)];
  }

  /** What was not durable may be gone. */
  notePowerFailure(): void {
    this.#hasLostPower = true;
  }

  /** A record has a signature: from here on no other content may have one under its term and number. */
  noteSigned(record: ChainRecord): void {
    const { term, sequence } = record.header;
    const hash = toBareHex(record.hash);
    const name = `term ${term}, record ${sequence}`;
    const other = this.#signed.get(name);
    if (other !== undefined && other !== hash) throw new Error(`${name} is signed twice: ${other} and ${hash}`);
    this.#signed.set(name, hash);
    this.#highestTerm = Math.max(this.#highestTerm, term);
  }

  /** A record that somebody holds: it must be the one that was signed under its number. */
  checkHeld(record: ChainRecord): void {
    const { term, sequence } = record.header;
    expect(this.#signed.get(`term ${term}, record ${sequence}`)).toBe(toBareHex(record.hash));
  }

  /** A record can be seen by clients and followers. */
  notePublished(record: ChainRecord): void {
    const { sequence } = record.header;
    this.#published.length = sequence;
    this.#published.push(toBareHex(record.hash));
  }

  /** Everything up to here was said to survive power loss. */
  noteDurable({ sequence }: LogPosition): void {
    this.#durableSequence = Math.max(this.#durableSequence, sequence);
  }

  /**
   * A start has found these records and goes on in this term.
   * @param hashes of the recovered log, by sequence
   */
  checkRecovered(ending: Ending, found: { hashes: readonly string[]; term: number; isClean: boolean }): void {
    const { hashes, term } = found;
    const keepsAll = this.isAlways || !this.#hasLostPower;
    this.#hasLostPower = false;
    const keptCount = keepsAll ? this.#published.length : this.#durableSequence + 1;
    expect(hashes.length).toBeGreaterThanOrEqual(keptCount);
    expect(hashes.slice(0, keptCount)).toEqual(this.#published.slice(0, keptCount));
    if (found.isClean) expect(term).toBe(Math.max(0, this.#highestTerm));
    else expect(term).toBeGreaterThan(this.#highestTerm);
    if (ending === "orderly stop") expect(found.isClean).toBe(true);
    if (!found.isClean) this.#promisedBefore.set(term, keptCount - 1);
    // What the disk kept beyond is as good as published: replicas will be served from it.
    this.#published = [...hashes];
    this.#durableSequence = hashes.length - 1;
  }

  /** A replica went back: never over what was promised to stay. */
  checkRolledBack(lastKeptSequence: number, term: number): void {
    this.rollbackCount++;
    expect(this.isAlways).toBe(false);
    expect(lastKeptSequence).toBeGreaterThanOrEqual(must(this.#promisedBefore.get(term), "a term that was opened"));
  }

  /** Forgets nothing but the replicas' memory. */
  close(): void {
    for (const replica of this.replicas) replica.close();
  }
}

/** Follows the sequencer, at its own pace. */
export class Replica {
  readonly regions: StateRegions;
  /** The replica's log. */
  readonly records: ChainRecord[] = [];
  /** Published by the sequencer and still on the way. */
  readonly inTransit: Uint8Array[] = [];
  readonly #world: World;
  readonly #table: StateTable;
  readonly #follower: Follower;

  constructor(world: World, index: number) {
    this.#world = world;
    const regions = REPLICA_STATES[index];
    assert(regions !== undefined, "a replica's state");
    this.regions = regions;
    this.#table = new StateTable(this.regions);
    this.#table.loadGenesis(GENESIS.alloc);
    this.#follower = new Follower({
      sequencer: addressFromPrivateKey(SEQUENCER_KEY),
      table: this.#table,
      head: ChainHead.genesis({ identity: IDENTITY, spec: GENESIS.spec, genesisHeader: GENESIS_HEADER }),
      sink: {
        append: (record) => {
          expect(record.header.sequence).toBe(this.records.length);
          this.records.push(record);
          this.#table.publish(this.#table.newest);
        },
        settle: () => {},
        rollback: (lastKeptSequence) => {
          this.records.length = lastKeptSequence + 1;
        },
      },
    });
  }

  /** State version. */
  get version(): number {
    return this.#follower.head.nextMiniBlockNumber;
  }

  /** Digest of the state at {@link version}. */
  get digest(): string {
    return digestOf(this.regions, this.version);
  }

  /** Where it stands, as it tells an upstream. */
  get position(): { readonly term: number; readonly lastSequence: number; readonly lastHash: Uint8Array } {
    const { term, nextSequence, parentHash } = this.#follower.head;
    return { term, lastSequence: nextSequence - 1, lastHash: parentHash };
  }

  /** Takes up to `count` records off the wire. */
  receive(count: number): void {
    for (const bytes of this.inTransit.splice(0, count)) this.accept(bytes);
  }

  /** Takes one record, which must be acceptable. */
  accept(bytes: Uint8Array): FollowOutcome {
    const { durable } = this.#follower.head;
    const record = decodeRecord(bytes, IDENTITY);
    this.#world.checkHeld(record);
    const outcome = this.#follower.accept(bytes);
    if (outcome.kind === "refused" || outcome.kind === "halted") {
      throw new Error(`a replica ${outcome.kind} record ${record.header.sequence}: ${outcome.detail}`);
    }
    if (outcome.kind === "rolled back") {
      this.#world.checkRolledBack(outcome.lastKeptSequence, record.header.term);
      expect(outcome.lastKeptSequence).toBeGreaterThanOrEqual(durable.version === 0 ? -1 : durable.sequence);
      expect(outcome.lastKeptVersion).toBeGreaterThanOrEqual(durable.version);
    }
    return outcome;
  }

  /** Empties its table for the next world. */
  close(): void {
    this.#table.reset();
  }
}
