// One life of a sequencer on a simulated disk, with what its threads do on one: recovery, production, the log's pump and
// checkpoints are the product's own code, in an order that a seed draws. Execution is a small engine, state roots are made up.

import { expect } from "bun:test";
import { assert, must } from "#base/assert.ts";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import type { RingMessage } from "#base/ring.ts";
import type { Hash32 } from "#chain/primitives.ts";
import {
  encodeTransaction,
  signTransaction,
  type Transaction,
  transactionHash,
  type UnsignedTransaction,
} from "#chain/transaction.ts";
import { addressFromPrivateKey } from "#crypto/secp256k1.ts";
import type { Engine } from "#evm/engine.ts";
import { LogMessage } from "#formats/memory/ring-messages.ts";
import { type ChainRecord, decodeRecord } from "#formats/wire/record.ts";
import { CHECKPOINT_DIRECTORY, LOG_DIRECTORY } from "#roles/data-layout.ts";
import type { NodeOptions } from "#roles/node-options.ts";
import { CheckpointJob } from "#roles/threads/checkpoint-job.ts";
import { type RestoredNode, restoreNode } from "#roles/threads/restore-phase.ts";
import type { NodeRegions, NodeSetup } from "#roles/threads/thread-protocol.ts";
import { TransactionPool } from "#sequencer/pool.ts";
import { BlockProducer } from "#sequencer/producer.ts";
import { createProducerCounters, DEFAULT_PRODUCER_LIMITS } from "#sequencer/producer-ports.ts";
import { StateTable } from "#state/table.ts";
import { StateView } from "#state/view.ts";
import { ChainHead } from "#storage/chain-head.ts";
import { CheckpointStore } from "#storage/checkpoint-store.ts";
import { LogPump } from "#storage/log-pump.ts";
import { ensureIndexSteps } from "#storage/segment-index.ts";
import { SegmentLog } from "#storage/segment-log.ts";
import { SigningLimit } from "#storage/signing-limit.ts";
import {
  ACCOUNTS,
  allocateSmallState,
  digestOf,
  type Ending,
  GENESIS,
  GENESIS_STATE_ROOT,
  IDENTITY,
  type Replica,
  SEQUENCER_KEY,
  type World,
} from "./crash-campaign-world.ts";
import type { SimulatedDisk } from "./simulated-disk.ts";

/** Mini-blocks between checkpoints at most: what a start may have to replay. */
export const CHECKPOINT_INTERVAL = 32;

const SEGMENT_SIZE_BYTES = 6_000;
const RING_MESSAGE_COUNT = 6;
const FSYNC_INTERVAL_MS = 1_500;
const ROUND_US = 400_000;
const REGIONS = allocateSmallState();
const CONTRACT = new Uint8Array(20).fill(0xc0);

/** Moves value, counts the nonce and writes one slot, which may be new: all that a diff can hold but code. */
const ENGINE: Engine = {
  kind: "reference",
  async applyTransaction(transaction, sender, _, host) {
    host.beginTransaction();
    const account = must(host.account(sender), "a funded account");
    host.setAccount(sender, { ...account, nonce: account.nonce + 1n, balance: account.balance - transaction.value });
    const contract = host.account(CONTRACT) ?? { ...account, nonce: 1n, balance: 0n };
    host.setAccount(CONTRACT, { ...contract, balance: contract.balance + transaction.value });
    const [key = 0, value = 0] = transaction.data;
    if (key === 0xff) host.deleteAccount(CONTRACT);
    else host.setSlot(CONTRACT, new Uint8Array(32).fill(key), new Uint8Array(32).fill(value));
    host.endTransaction();
    const outcome = { status: 1, gasUsed: 30_000n, logs: [], output: new Uint8Array(0), halt: null } as const;
    return { kind: "applied", outcome: { ...outcome, logs: [], contractAddress: null } };
  },
  call: () => Promise.reject(new Error("nobody calls")),
  systemCall: async () => ({
    reject: null,
    gasUsed: 0n,
    gasRefunded: 0n,
    output: new Uint8Array(0),
    halt: null,
    logs: [],
  }),
};

/** A sequencer from its start to its end. Any call may throw `SimulatedCrash`. */
export class SequencerLife {
  readonly #world: World;
  readonly #disk: SimulatedDisk;
  readonly #random: SeededRandom;
  readonly #signing: SigningLimit;
  readonly #node: RestoredNode;
  readonly #producer: BlockProducer;
  readonly #pool = new TransactionPool();
  readonly #log: SegmentLog;
  readonly #pump: LogPump;
  readonly #checkpoints: CheckpointStore;
  readonly #ring: Uint8Array[] = [];
  /** The published log, as followers are served from it. */
  readonly #history: Uint8Array[];
  readonly #followedHead: ChainHead;
  #checkpointedVersion: number;
  #durableSequence: number;
  #job: CheckpointJob | null = null;
  readonly #connected = new Set<Replica>();

  /** Recovers. @param ending how the life before ended on this disk */
  constructor(world: World, disk: SimulatedDisk, ending: Ending, seed: number) {
    const life = ++world.lifeCount;
    this.#world = world;
    this.#disk = disk;
    this.#random = new SeededRandom(seed * 31 + life);
    new StateTable(REGIONS).reset();
    this.#signing = new SigningLimit(disk, ".", IDENTITY);
    this.#node = restoreNode(SETUP, { post: () => {}, onMessage: () => {} }, this.#signing, disk);
    this.#history = this.#readLog();
    this.#checkRecovery(ending);
    this.#producer = this.#createProducer();
    const { plan, restored, table } = this.#node;
    const { head } = restored;
    if (plan.nextTerm > head.term) {
      const lastKept = { sequence: head.nextSequence - 1, version: head.nextMiniBlockNumber };
      this.#producer.beginTerm(lastKept, plan.nextTerm);
    }
    const position = { sequence: plan.lastSequence, version: table.newest };
    this.#log = this.#openLog();
    this.#pump = this.#createPump(position);
    this.#durableSequence = position.sequence;
    this.#checkpoints = new CheckpointStore(disk, CHECKPOINT_DIRECTORY, IDENTITY);
    this.#followedHead = ChainHead.restore(restored.sealedHead.toBytes(), { identity: IDENTITY, spec: GENESIS.spec });
    this.#checkpointedVersion = restored.checkpointVersion;
    this.#beginCheckpointIfDue();
    for (let at = this.#followedHead.nextSequence; at < this.#history.length; at++) this.#follow(this.#history[at]);
  }

  /** State version of everything produced. */
  get version(): number {
    return this.#producer.head.nextMiniBlockNumber;
  }

  /** Digest of the state at {@link version}. */
  get digest(): string {
    return digestOf(REGIONS, this.version);
  }

  /** Produces for a while. */
  async live(roundCount: number): Promise<void> {
    for (let round = 0; round < roundCount; round++) {
      this.#submit(this.#random.below(4));
      await this.#producer.step();
      this.#world.nowUs += this.#random.below(ROUND_US);
      if (this.#random.chance(0.7)) this.#pumpRing();
      if (this.#random.chance(0.7)) this.#commit();
      this.#deliver();
    }
  }

  /** Ends in order: everything is written and durable, and the stop is marked. */
  async stop(): Promise<void> {
    while (!(await this.#producer.drain())) this.#pumpRing();
    this.#pumpRing();
    this.#job?.abort();
    expect(this.#pump.take([{ kind: LogMessage.stop, payload: new Uint8Array(0) }])).toBe("stop");
    const { head } = this.#producer;
    expect(this.#durableSequence).toBe(head.nextSequence - 1);
    if (this.#signing.read() !== null && head.nextSequence > 0) {
      this.#signing.markClean(head.nextSequence - 1, head.parentHash);
    }
    this.#signing.close();
    this.#log.close();
  }

  /** Followers that are connected get everything; those that are not, too. */
  catchUp(): void {
    for (const replica of this.#world.replicas) {
      this.#connect(replica);
      replica.receive(Number.POSITIVE_INFINITY);
      expect(replica.version).toBe(this.version);
    }
  }

  // Recovery

  #checkRecovery(ending: Ending): void {
    const { plan, restored } = this.#node;
    const records = this.#history.map((bytes) => decodeRecord(bytes, IDENTITY));
    for (const record of records) this.#world.checkHeld(record);
    const hashes = records.map(({ hash }) => toBareHex(hash));
    const isClean = plan.nextTerm === plan.term;
    expect(isClean).toBe(plan.isClean);
    this.#world.checkRecovered(ending, { hashes, term: plan.nextTerm, isClean });
    expect(restored.head.nextSequence).toBe(hashes.length);
    expect(restored.replayedMiniBlockCount).toBeLessThanOrEqual(CHECKPOINT_INTERVAL);
    this.#world.replayedMiniBlockCountMax = Math.max(
      this.#world.replayedMiniBlockCountMax,
      restored.replayedMiniBlockCount,
    );
  }

  #readLog(): Uint8Array[] {
    const log = SegmentLog.open(this.#disk, LOG_DIRECTORY, { identity: IDENTITY, repair: false });
    const records = log.lastSequence < 0 ? [] : [...log.scan(0)].map(({ bytes }) => bytes.slice());
    log.close();
    return records;
  }

  #openLog(): SegmentLog {
    return SegmentLog.open(this.#disk, LOG_DIRECTORY, {
      identity: IDENTITY,
      segmentSizeBytes: SEGMENT_SIZE_BYTES,
      repair: true,
    });
  }

  // The execute thread

  #createProducer(): BlockProducer {
    const { table, restored, plan } = this.#node;
    const randomness = this.#random.bytes(32);
    return new BlockProducer(
      {
        spec: GENESIS.spec,
        identity: IDENTITY,
        genesisStateRoot: GENESIS_STATE_ROOT,
        engine: ENGINE,
        table,
        pool: this.#pool,
        clock: { nowUs: () => (this.#world.nowUs += 20) },
        privateKey: SEQUENCER_KEY,
        beneficiary: addressFromPrivateKey(SEQUENCER_KEY),
        limits: {
          ...DEFAULT_PRODUCER_LIMITS,
          miniBlockIntervalUs: 1_000,
          durableMarkIntervalUs: 300_000,
          reservationCount: 24,
          reservedKeyCount: 0,
        },
        counters: createProducerCounters(),
        emit: (record) => this.#emit(record),
        stateRoot: (blockNumber) => new Uint8Array(32).fill(blockNumber),
        blockHash: () => null,
        reserveNumbers: (end) => this.#signing.reserve(plan.nextTerm, end),
        randomness: () => randomness,
      },
      restored.head,
      restored.openMiniBlocks,
    );
  }

  #emit(record: ChainRecord): boolean {
    this.#world.noteSigned(record);
    if (this.#ring.length >= RING_MESSAGE_COUNT) return false;
    this.#ring.push(record.bytes);
    return true;
  }

  #submit(count: number): void {
    for (let i = 0; i < count; i++) {
      const sender = this.#random.below(ACCOUNTS.length);
      const { address } = must(ACCOUNTS[sender], "a sender");
      const accountNonce = this.#producer.state.account(address)?.nonce ?? 0n;
      const nonce = this.#pool.pendingNonce(address) ?? accountNonce;
      const key = this.#random.chance(0.05) ? 0xff : this.#random.below(6);
      const { transaction, raw, hash } = signed(sender, nonce, [key, this.#random.below(3)]);
      const candidate = { transaction, sender: address, raw, hash, nowMs: this.#world.nowUs / 1000, accountNonce };
      expect(this.#pool.add(candidate).kind).toBe("accepted");
    }
  }

  // The log thread

  #createPump(position: { readonly sequence: number; readonly version: number }): LogPump {
    const { table } = this.#node;
    return new LogPump({
      log: this.#log,
      position,
      durability: this.#world.isAlways ? { mode: "always" } : { mode: "interval", intervalMs: FSYNC_INTERVAL_MS },
      clock: { nowMs: () => this.#world.nowUs / 1000, sleep: () => assert(false, "nothing here waits") },
      sink: {
        publish: (version) => table.publish(version),
        forward: (kind, payload) => {
          if (kind === LogMessage.record) this.#onPublished(payload);
        },
        published: () => {},
        durable: (mark) => {
          this.#world.noteDurable(mark);
          this.#durableSequence = mark.sequence;
          this.#producer.noteDurable(mark);
        },
        diskFull: () => assert(false, "the disk is not full"),
        written: () => {},
        synced: () => {},
      },
    });
  }

  #pumpRing(): void {
    const messages: RingMessage[] = this.#ring.splice(0).map((payload) => ({ kind: LogMessage.record, payload }));
    this.#pump.take(messages);
    this.#pump.tick();
  }

  #onPublished(bytes: Uint8Array): void {
    this.#world.notePublished(decodeRecord(bytes, IDENTITY));
    this.#history.push(bytes);
    for (const replica of this.#connected) replica.inTransit.push(bytes);
    this.#follow(bytes);
  }

  // The commit thread

  #follow(bytes: Uint8Array | undefined): void {
    const record = decodeRecord(must(bytes, "a record"), IDENTITY);
    if (record.header.sequence < this.#followedHead.nextSequence) return;
    this.#followedHead.advance(record);
    if (record.header.type === "seal") this.#beginCheckpointIfDue();
  }

  #beginCheckpointIfDue(): void {
    if (this.#job !== null) return;
    const version = this.#followedHead.nextMiniBlockNumber;
    if (version - this.#checkpointedVersion < CHECKPOINT_INTERVAL / 2) return;
    this.#job = new CheckpointJob({
      store: this.#checkpoints,
      view: new StateView(REGIONS),
      head: this.#followedHead,
      durableSequence: () => this.#durableSequence,
    });
  }

  #commit(): void {
    for (let i = 0; i < 3 && this.#job !== null; i++) {
      const outcome = this.#job.step();
      if (outcome.kind === "working" || outcome.kind === "waiting") continue;
      assert(outcome.kind === "done", "the checkpoint is written");
      this.#job = null;
      this.#checkpointedVersion = outcome.checkpoint.version;
      this.#producer.noteCheckpoint(outcome.checkpoint);
    }
    for (const _ of ensureIndexSteps(this.#disk, LOG_DIRECTORY, IDENTITY, { verifyPages: false }));
  }

  // The feed

  #deliver(): void {
    const [near, far] = this.#world.replicas;
    this.#connect(near);
    near.receive(1 + this.#random.below(8));
    if (this.#random.chance(0.2)) this.#connect(far);
    if (this.#random.chance(0.3)) far.receive(this.#random.below(12));
  }

  /** As the feed's server chooses where a follower goes on. */
  #connect(replica: Replica): void {
    if (this.#connected.has(replica)) return;
    const { term, lastSequence, lastHash } = replica.position;
    const records = this.#history.map((bytes) => decodeRecord(bytes, IDENTITY));
    const newer = records.find(({ header }) => header.type === "term" && header.term > term)?.header.sequence ?? null;
    let first = lastSequence + 1;
    if (newer !== null && first > newer) first = newer;
    else if (first > records.length)
      return; // not ready: the sequencer is behind
    else if (lastSequence >= 0) expect(toBareHex(must(records[lastSequence], "held").hash)).toBe(toBareHex(lastHash));
    replica.inTransit.length = 0;
    replica.inTransit.push(...this.#history.slice(first));
    this.#connected.add(replica);
  }
}

/** The parts of a set-up that recovery reads. */
const SETUP = {
  options: { segmentSizeBytes: SEGMENT_SIZE_BYTES } as NodeOptions,
  identity: IDENTITY,
  genesisDocument: GENESIS.document,
  genesisStateRoot: GENESIS_STATE_ROOT,
  sequencer: addressFromPrivateKey(SEQUENCER_KEY),
  dataDirectory: ".",
  clientVersion: "",
  regions: { state: REGIONS } as unknown as NodeRegions,
} satisfies NodeSetup;

type SignedTransaction = { readonly transaction: Transaction; readonly raw: Uint8Array; readonly hash: Hash32 };

const signedTransactions = new Map<string, SignedTransaction>();

/** Signing is the dearest part of a run; the runs share their transactions. */
function signed(sender: number, nonce: bigint, data: readonly [number, number]): SignedTransaction {
  const name = `${sender} ${nonce} ${data}`;
  let entry = signedTransactions.get(name);
  if (entry === undefined) {
    const unsigned: UnsignedTransaction = {
      type: 2,
      chainId: IDENTITY.chainId,
      nonce,
      gasPrice: 2_000_000n,
      maxFeePerGas: 2_000_000n,
      maxPriorityFeePerGas: 1_000n,
      gasLimit: 100_000n,
      to: CONTRACT,
      value: 1n,
      data: Uint8Array.from(data),
      accessList: [],
      authorizationList: [],
      maxFeePerBlobGas: 0n,
      blobVersionedHashes: [],
    };
    const transaction = signTransaction(unsigned, must(ACCOUNTS[sender], "a sender").privateKey);
    const raw = encodeTransaction(transaction);
    entry = { transaction, raw, hash: transactionHash(raw) };
    signedTransactions.set(name, entry);
  }
  return entry;
}
