// What the block producer is given and what it reports: its dependencies as interfaces, its limits, its counters.

import type { ChainSpec } from "#chain/chain-spec.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import type { Engine } from "#evm/engine.ts";
import type { ChainIdentity, ChainRecord } from "#formats/wire/record.ts";
import type { StateTable } from "#state/table.ts";
import type { TransactionPool } from "./pool.ts";

/** Wall-clock time, Unix microseconds. It may jump; the producer copes. */
export type ProducerClock = { readonly nowUs: () => number };

/** Times and sizes. */
export type ProducerLimits = {
  /** Time between mini-blocks while there is work, microseconds. */
  readonly miniBlockIntervalUs: number;
  /** Time between EVM blocks, microseconds. */
  readonly blockTimeUs: number;
  /** Longest stretch of execution in one step, microseconds. */
  readonly sliceUs: number;
  /** Least time between two durable marks in the log, microseconds. */
  readonly durableMarkIntervalUs: number;
  /** Largest record that the log's ring takes, bytes. */
  readonly recordSizeBytesMax: number;
  /** State records kept back for what the protocol itself writes at each block. */
  readonly reservedKeyCount: number;
  /** Transactions per EVM block that are run in vain because their writes have no room. */
  readonly trialCountMax: number;
  /** Mini-blocks that a start may have to replay: production waits for a checkpoint rather than exceed it. At least 4. */
  readonly replayMiniBlockCountMax: number;
  /** Sequence numbers reserved ahead in one go. */
  readonly reservationCount: number;
};

/** The limits of a node that was told nothing else. */
export const DEFAULT_PRODUCER_LIMITS: ProducerLimits = {
  miniBlockIntervalUs: 10_000,
  blockTimeUs: 1_000_000,
  sliceUs: 2_000,
  durableMarkIntervalUs: 100_000,
  recordSizeBytesMax: 32 * 1024 * 1024,
  reservedKeyCount: 32_768,
  trialCountMax: 64,
  replayMiniBlockCountMax: Number.MAX_SAFE_INTEGER,
  reservationCount: 1_000,
};

/** Everything around the producer. */
export type ProducerDependencies = {
  readonly spec: ChainSpec;
  readonly identity: ChainIdentity;
  /** State root of the genesis block. */
  readonly genesisStateRoot: Hash32;
  readonly engine: Engine;
  /** The live state; its newest version must be the chain head's next mini-block number. */
  readonly table: StateTable;
  readonly pool: TransactionPool;
  readonly clock: ProducerClock;
  /** The sequencer's 32-byte key. */
  readonly privateKey: Uint8Array;
  /** Receives tips. */
  readonly beneficiary: Address;
  readonly limits: ProducerLimits;
  /** Plain numbers that the producer adds to. */
  readonly counters: ProducerCounters;
  /** Hands a record to the log thread; false = its ring is full, the producer keeps the record and tries again. */
  readonly emit: (record: ChainRecord) => boolean;
  /**
   * The state root after an EVM block, or null while it is being computed.
   * @param unsealedVersion state version after the block, given when the block is complete but not sealed yet (root delay 0)
   */
  readonly stateRoot: (blockNumber: number, unsealedVersion: number | null) => Hash32 | null;
  /** Hash of a sealed block that was sealed before this producer started; null when not known. */
  readonly blockHash: (blockNumber: number) => Hash32 | null;
  /** Makes durable that sequence numbers below `end` may have been signed; returns when it is. May throw a disk error. */
  readonly reserveNumbers: (end: number) => void;
  /** 32 fresh bytes for PREVRANDAO of the next block. */
  readonly randomness: () => Hash32;
};

/** What the producer has done; every number only grows. */
export type ProducerCounters = {
  transactionsExecuted: number;
  transactionsIncluded: number;
  /** Transactions that the engine refused: dropped, deferred or put back behind a gap. */
  transactionsRejected: number;
  gasUsed: number;
  miniBlocks: number;
  blocks: number;
  /** Time from the end of a block's window until its state root was there, microseconds. */
  sealStallUs: number;
  /** Blocks that stalled. */
  sealStalls: number;
  /** Steps that waited for a checkpoint. */
  checkpointWaits: number;
  /** Steps that found the log's ring full. */
  logFull: number;
  /** Transactions put off because the block's gas was used up. */
  blockGasFull: number;
  /** Transactions put off because state or code memory had no room for their writes. */
  stateFull: number;
  /** Transactions dropped because one record cannot hold what they do. */
  recordTooLarge: number;
  executionUs: number;
};

/** Counters at zero. */
export function createProducerCounters(): ProducerCounters {
  return {
    transactionsExecuted: 0,
    transactionsIncluded: 0,
    transactionsRejected: 0,
    gasUsed: 0,
    miniBlocks: 0,
    blocks: 0,
    sealStallUs: 0,
    sealStalls: 0,
    checkpointWaits: 0,
    logFull: 0,
    blockGasFull: 0,
    stateFull: 0,
    recordTooLarge: 0,
    executionUs: 0,
  };
}

/** What a step found: how long its caller may sleep if nothing new arrives, and why. */
export type StepResult = {
  /** Microseconds; 0 = call again at once. */
  readonly sleepUs: number;
  readonly state: "working" | "idle" | "waiting for state root" | "waiting for checkpoint" | "log full" | "drained";
};
