// A whole sequencer without threads: real engine, table, pool and signatures, a clock that the test moves, and a log that
// is an array. Records are kept as bytes, as the log would.

import { assert } from "#base/assert.ts";
import { fromHex } from "#base/hex.ts";
import type { ChainSpec } from "#chain/chain-spec.ts";
import { DEVELOPMENT_MNEMONIC, deriveDevelopmentAccounts } from "#chain/development-accounts.ts";
import { developmentGenesis, type Genesis, genesisHeader, genesisIdentity } from "#chain/genesis.ts";
import { headerHash } from "#chain/header.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import type { Reject } from "#chain/reject.ts";
import {
  encodeTransaction,
  recoverSender,
  signTransaction,
  type Transaction,
  transactionHash,
  type UnsignedTransaction,
} from "#chain/transaction.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { addressFromPrivateKey } from "#crypto/secp256k1.ts";
import type { Engine } from "#evm/engine.ts";
import { createReferenceEngine } from "#evm/reference/engine.ts";
import { decodeMiniBlock, type MiniBlock } from "#formats/wire/mini-block.ts";
import { decodeSeal } from "#formats/wire/payloads.ts";
import { type ChainIdentity, type ChainRecord, decodeRecord } from "#formats/wire/record.ts";
import { admit } from "#sequencer/admission.ts";
import { TransactionPool } from "#sequencer/pool.ts";
import { BlockProducer } from "#sequencer/producer.ts";
import {
  createProducerCounters,
  DEFAULT_PRODUCER_LIMITS,
  type ProducerCounters,
  type ProducerLimits,
  type StepResult,
} from "#sequencer/producer-ports.ts";
import { allocateState, createPlainSegment, planStateMemory } from "#state/memory-plan.ts";
import { StateTable } from "#state/table.ts";
import { ChainHead } from "#storage/chain-head.ts";

/** Start of the fixture's time: a whole second. */
export const START_SECONDS = 1_700_000_000;
/** Key of the fixture's sequencer. */
export const SEQUENCER_KEY: Uint8Array = new Uint8Array(32).fill(7);
/** Runtime: sstore(calldata[0], calldata[1]) and a log with calldata[0] as topic. */
export const STORE_AND_LOG_RUNTIME = fromHex("6020355f35555f3560205fa100");
/** Creation code of it. */
export const STORE_AND_LOG_INIT = fromHex("600d8060095f395ff36020355f35555f3560205fa100");

/** The development accounts. */
export const ACCOUNTS = deriveDevelopmentAccounts(DEVELOPMENT_MNEMONIC, 4);

/** What a test may vary. */
export type FixtureOptions = {
  readonly limits?: Partial<ProducerLimits>;
  readonly blockGasLimit?: bigint;
  readonly stateMemoryBytes?: number;
  readonly spec?: Partial<ChainSpec>;
  readonly engine?: Engine;
  readonly log?: FakeLog;
};

/** The parts that survive a restart. */
export type FakeLog = { records: Uint8Array[] };

/** A table that holds the genesis state. */
export function genesisTable(genesis: Genesis, stateMemoryBytes = 4 << 20): StateTable {
  const plan = planStateMemory({ stateMemoryBytes });
  const table = new StateTable(allocateState(plan, createPlainSegment));
  table.loadGenesis(genesis.alloc);
  return table;
}

/** Everything a table holds, key by key: equal for equal states with equal key indices. */
export function tableDigest(table: StateTable): string {
  const lines: unknown[] = [table.keyCount, table.newest];
  for (let index = 0; index < table.keyCount; index++) {
    const name = table.keyName(index);
    lines.push(name, name.kind === "account" ? table.accountAt(index) : table.slotAt(index));
  }
  const text = JSON.stringify(lines, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
  return keccak256(new TextEncoder().encode(text)).toHex();
}

/** The state root that the fixture's commit thread answers for a block. */
export function fakeStateRoot(blockNumber: number): Hash32 {
  return keccak256(Uint8Array.of(1, blockNumber & 0xff, blockNumber >> 8));
}

/** A development account's transaction: 1 wei to the last account, unless told. */
export function signedTransfer(account: number, parts: Partial<UnsignedTransaction>): Transaction {
  return signTransaction(
    {
      type: 2,
      chainId: 31337n,
      nonce: 0n,
      gasPrice: 2_000_000n,
      maxFeePerGas: 2_000_000n,
      maxPriorityFeePerGas: 1_000n,
      gasLimit: 100_000n,
      to: ACCOUNTS[3]!.address,
      value: 1n,
      data: new Uint8Array(0),
      accessList: [],
      authorizationList: [],
      maxFeePerBlobGas: 0n,
      blobVersionedHashes: [],
      ...parts,
    },
    ACCOUNTS[account]!.privateKey,
  );
}

/** A sequencer on one thread. */
export class ProducerFixture {
  readonly genesis: Genesis;
  readonly identity: ChainIdentity;
  /** Hash of block 0; the identity's hash is another one. */
  readonly genesisBlockHash: Hash32;
  readonly genesisStateRoot: Hash32 = new Uint8Array(32).fill(3);
  readonly table: StateTable;
  readonly pool: TransactionPool;
  readonly counters: ProducerCounters = createProducerCounters();
  readonly producer: BlockProducer;
  readonly log: FakeLog;
  readonly reservations: number[] = [];
  /** Unix microseconds; every reading moves it by `tickUs`. */
  nowUs = START_SECONDS * 1e6;
  tickUs = 5;
  /** Whether the log takes records. */
  isLogFull = false;
  /** What reserving numbers throws. */
  reservationFailure: Error | null = null;
  /** Highest block whose state root is known. */
  committedBlock = Number.MAX_SAFE_INTEGER;

  private constructor(options: FixtureOptions, engine: Engine, genesis: Genesis) {
    this.genesis = genesis;
    const { spec } = genesis;
    const header = genesisHeader(genesis, this.genesisStateRoot);
    this.genesisBlockHash = headerHash(header);
    this.identity = { chainId: spec.chainId, genesisHash: genesisIdentity(genesis, this.genesisBlockHash) };
    this.table = genesisTable(genesis, options.stateMemoryBytes);
    this.log = options.log ?? { records: [] };
    const head = ChainHead.genesis({ identity: this.identity, spec, genesisHeader: header });
    const openMiniBlocks = replay(this.decodedRecords(), head, this.table);
    this.pool = new TransactionPool();
    this.producer = new BlockProducer(
      {
        spec,
        identity: this.identity,
        genesisStateRoot: this.genesisStateRoot,
        engine,
        table: this.table,
        pool: this.pool,
        clock: { nowUs: () => (this.nowUs += this.tickUs) },
        privateKey: SEQUENCER_KEY,
        beneficiary: addressFromPrivateKey(SEQUENCER_KEY),
        limits: { ...DEFAULT_PRODUCER_LIMITS, reservedKeyCount: 0, ...options.limits },
        counters: this.counters,
        emit: (record) => this.#emit(record),
        stateRoot: (number) => (number <= this.committedBlock ? fakeStateRoot(number) : null),
        blockHash: (number) => this.#sealedHash(number),
        reserveNumbers: (end) => {
          if (this.reservationFailure !== null) throw this.reservationFailure;
          this.reservations.push(end);
        },
        randomness: () => new Uint8Array(32).fill(9),
      },
      head,
      openMiniBlocks,
    );
  }

  /** Makes a sequencer; with a log that holds records it continues from them. */
  static async create(options: FixtureOptions = {}): Promise<ProducerFixture> {
    const plain = developmentGenesis({
      chainId: 31337n,
      timestamp: BigInt(START_SECONDS),
      sequencer: addressFromPrivateKey(SEQUENCER_KEY),
      accounts: ACCOUNTS.map(({ address }) => ({ address, balance: 10n ** 22n })),
      ...(options.blockGasLimit === undefined ? {} : { blockGasLimit: options.blockGasLimit }),
    });
    const genesis = { ...plain, spec: { ...plain.spec, ...options.spec } };
    const engine = options.engine ?? (await createReferenceEngine(genesis.spec));
    return new ProducerFixture(options, engine, genesis);
  }

  /** The log, decoded. */
  decodedRecords(): ChainRecord[] {
    return this.log.records.map((bytes) => decodeRecord(bytes, this.identity));
  }

  /** The log as words: `open`, `mini 2` (with its transaction count), `seal`. */
  story(): string[] {
    return this.decodedRecords().map((record) => {
      const { type } = record.header;
      return type === "mini" ? `mini ${decodeMiniBlock(record).header.transactionCount}` : type;
    });
  }

  /** The mini-blocks of the log. */
  miniBlocks(): MiniBlock[] {
    return this.decodedRecords()
      .filter((record) => record.header.type === "mini")
      .map(decodeMiniBlock);
  }

  /** A fresh head of the chain, before its first record. */
  freshHead(): ChainHead {
    const header = genesisHeader(this.genesis, this.genesisStateRoot);
    return ChainHead.genesis({ identity: this.identity, spec: this.genesis.spec, genesisHeader: header });
  }

  /** Signs and submits a transaction of a development account; the nonce defaults to the account's next free one. */
  send(account: number, parts: Partial<UnsignedTransaction> = {}): Reject | null {
    const { address } = ACCOUNTS[account]!;
    const inState = this.producer.state.account(address)?.nonce ?? 0n;
    const nonce = this.pool.pendingNonce(address) ?? inState;
    const transaction = signedTransfer(account, { nonce, ...parts });
    const raw = encodeTransaction(transaction);
    const sender = recoverSender(transaction);
    assert(sender !== null, "a signed transaction has a sender");
    const refusal = admit(transaction, sender, this.producer.state, this.rules(), raw.length);
    if (refusal !== null) return refusal;
    const hash = transactionHash(raw);
    const nowMs = this.nowUs / 1000;
    const result = this.pool.add({ transaction, sender, raw, hash, nowMs, accountNonce: inState });
    return result.kind === "accepted" ? null : result.reject;
  }

  /** Admission rules of the open block. */
  rules() {
    const { spec } = this.genesis;
    const { open } = this.producer.head;
    return {
      spec,
      fork: spec.hardforkAt(1, START_SECONDS + 1),
      blockGasLimit: spec.blockGasLimit,
      baseFee: open?.payload.baseFee ?? this.producer.head.nextBaseFee(START_SECONDS + 1),
      timestamp: open?.payload.timestamp ?? START_SECONDS + 1,
      allowUnprotected: false,
      holdings: {
        expenditure: (sender: Address) => this.pool.expenditure(sender),
        costAt: (sender: Address, nonce: bigint) => this.pool.costAt(sender, nonce),
      },
    };
  }

  /** Steps until there is nothing to do now. */
  async settle(): Promise<StepResult> {
    for (let i = 0; i < 10_000; i++) {
      const result = await this.producer.step();
      if (result.sleepUs > 0) return result;
    }
    throw new Error("the producer does not come to rest");
  }

  /** Steps and sleeps as told until the clock has moved by `us`. */
  async runFor(us: number): Promise<void> {
    const end = this.nowUs + us;
    while (this.nowUs < end) {
      const { sleepUs } = await this.producer.step();
      this.nowUs = Math.min(end, this.nowUs + sleepUs);
    }
  }

  #sealedHash(blockNumber: number): Hash32 | null {
    if (blockNumber === 0) return this.genesisBlockHash;
    const seals = this.decodedRecords().filter((record) => record.header.type === "seal");
    const seal = seals[blockNumber - 1];
    return seal === undefined ? null : keccak256(decodeSeal(seal).headerRlp);
  }

  #emit(record: ChainRecord): boolean {
    if (this.isLogFull) return false;
    this.log.records.push(record.bytes.slice());
    return true;
  }
}

/** Follows records as a replica does, checking each; returns the mini-blocks of the block that stays open. */
export function replay(records: readonly ChainRecord[], head: ChainHead, table: StateTable): MiniBlock[] {
  let openMiniBlocks: MiniBlock[] = [];
  for (const record of records) {
    const mini = record.header.type === "mini" ? decodeMiniBlock(record) : undefined;
    const problem = head.check(record, mini);
    assert(problem === null, () => `record ${record.header.sequence} refused: ${problem}`);
    head.advance(record, mini);
    if (mini !== undefined) {
      table.apply(mini.diff, mini.number + 1);
      openMiniBlocks.push(mini);
    }
    if (record.header.type === "seal") openMiniBlocks = [];
  }
  return openMiniBlocks;
}
