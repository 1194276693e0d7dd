// The execute thread of a sequencer: owns the pool and the state table, and drives the block producer between requests.
//
//   verified rings ─▶ intake ─▶ pool ─▶ producer ─▶ records ring          replies ring ◀─ one answer per request

import { assert, must } from "#base/assert.ts";
import { utf8 } from "#base/bytes.ts";
import { Doorbell } from "#base/doorbell.ts";
import { type RingMessage, RingReader, RingWriter } from "#base/ring.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { ByteReader, ByteWriter } from "#formats/codec.ts";
import { NodeStatus } from "#formats/memory/node-status.ts";
import { decodeTagged, encodeTagged, LogMessage, ReplyMessage, RequestMessage } from "#formats/memory/ring-messages.ts";
import { Intake, type IntakeResult } from "#sequencer/intake.ts";
import { TransactionPool } from "#sequencer/pool.ts";
import { BlockProducer } from "#sequencer/producer.ts";
import { createProducerCounters, DEFAULT_PRODUCER_LIMITS, type ProducerCounters } from "#sequencer/producer-ports.ts";
import { loadSigner } from "#sequencer/signer.ts";
import { ChainStore } from "#storage/chain-store.ts";
import { DiskError } from "#storage/disk.ts";
import { RealDisk } from "#storage/real-disk.ts";
import { SigningLimit } from "#storage/signing-limit.ts";
import { LOG_DIRECTORY } from "../data-layout.ts";
import { type ExecuteMeters, openExecuteMeters } from "./execute-meters.ts";
import { type NodeEngine, openNodeEngine } from "./node-engine.ts";
import { type RestoredNode, restoreNode } from "./restore-phase.ts";
import { IDLE_SLEEP_MS, logThrough, runLoop, runThread, type Turn } from "./thread-loop.ts";
import type { NodeSetup, RootComputed, ThreadPort, ThreadStart } from "./thread-protocol.ts";

/** Requests handled between two steps of the producer. */
const REQUESTS_PER_TURN = 256;
/** A block that waits this many block times for its state root closes the intake until the root is there. */
const STALL_BLOCK_TIMES_MAX = 3;
const EXPIRY_INTERVAL_MS = 1_000;
const DISK_FULL_RETRY_MS = 100;

/** Runs the execute thread until it is told to drain. */
export function runExecuteThread(start: ThreadStart, port: ThreadPort): Promise<void> {
  return runThread(port, async () => {
    const { setup } = start;
    const disk = new RealDisk(setup.dataDirectory);
    const signingLimit = new SigningLimit(disk, ".", setup.identity);
    const node = restoreNode(setup, port, signingLimit);
    const executor = await Executor.create(start, port, node, signingLimit);
    port.onMessage((message) => {
      if (message.type === "root") executor.noteRoot(message.root);
      else if (message.type === "checkpoint") executor.noteCheckpoint(message.checkpoint);
      else if (message.type === "drain") executor.drain();
    });
    port.post({ type: "ready" });
    await runLoop(setup.regions.doorbells.writer, () => executor.turn());
    await executor.finish();
  });
}

class Executor {
  readonly #setup: NodeSetup;
  readonly #readers: readonly RingReader[];
  readonly #replies: RingWriter;
  readonly #records: RingWriter;
  readonly #status: NodeStatus;
  readonly #pool: TransactionPool;
  readonly #counters: ProducerCounters;
  readonly #meters: ExecuteMeters;
  readonly #engine: NodeEngine;
  readonly #signingLimit: SigningLimit;
  readonly #roots = new Map<number, RootComputed>();
  readonly #producer: BlockProducer;
  readonly #intake: Intake;
  #isDraining = false;
  #isDiskFull = false;
  #stalledSinceMs: number | null = null;
  #expiredAtMs = 0;
  #term: number;

  static async create(
    start: ThreadStart,
    port: ThreadPort,
    node: RestoredNode,
    signingLimit: SigningLimit,
  ): Promise<Executor> {
    const range = must(start.setup.regions.evm.execute, "a range for the executor");
    const engine = await openNodeEngine(start, node.genesis.spec, range);
    return new Executor(start, port, node, signingLimit, engine);
  }

  private constructor(
    start: ThreadStart,
    port: ThreadPort,
    node: RestoredNode,
    signingLimit: SigningLimit,
    engine: NodeEngine,
  ) {
    const { setup } = start;
    const { regions, options } = setup;
    const { table, restored, plan, genesis } = node;
    this.#setup = setup;
    this.#engine = engine;
    this.#signingLimit = signingLimit;
    this.#readers = regions.verified.map((ring) => new RingReader(ring, 0));
    this.#replies = new RingWriter(regions.replies);
    this.#records = new RingWriter(regions.records);
    this.#status = new NodeStatus(regions.status);
    this.#counters = createProducerCounters();
    this.#pool = new TransactionPool({
      transactionCountMax: options.poolLimit,
      sizeBytesMax: 256 * 1024 * 1024,
      accountTransactionCountMax: options.poolAccountLimit,
      queuedCountMax: Math.max(1, Math.floor(options.poolLimit / 5)),
      lifetimeMs: options.poolLifetimeMs,
    });
    this.#term = plan.nextTerm;
    const signer = loadSigner(must(options.sequencerKeyFile, "the sequencer's key file"));
    const findHash = blockHashFinder(setup, node);
    this.#producer = new BlockProducer(
      {
        spec: genesis.spec,
        identity: setup.identity,
        genesisStateRoot: setup.genesisStateRoot,
        engine: engine.engine,
        table,
        pool: this.#pool,
        clock: { nowUs: () => Math.floor((performance.timeOrigin + performance.now()) * 1000) },
        privateKey: signer.revealPrivateKey(),
        beneficiary: options.coinbase ?? signer.address,
        limits: {
          ...DEFAULT_PRODUCER_LIMITS,
          replayMiniBlockCountMax: options.checkpointIntervalMiniBlocks,
          miniBlockIntervalUs: options.miniBlockIntervalMs * 1000,
          blockTimeUs: options.blockTimeMs * 1000,
          reservedKeyCount: Math.min(DEFAULT_PRODUCER_LIMITS.reservedKeyCount, Math.floor(table.recordCapacity / 16)),
        },
        counters: this.#counters,
        emit: (record) => this.#emit(record.bytes),
        stateRoot: (blockNumber, version) => this.#rootOf(blockNumber, version),
        blockHash: findHash,
        reserveNumbers: (end) => signingLimit.reserve(this.#term, end),
        randomness: () => crypto.getRandomValues(new Uint8Array(32)),
      },
      restored.head,
      restored.openMiniBlocks,
    );
    this.#producer.noteReplayBase(restored.checkpointVersion);
    if (plan.nextTerm > restored.head.term) this.#openTerm(port, node);
    this.#meters = openExecuteMeters(start, { counters: this.#counters, pool: this.#pool, table });
    this.#intake = new Intake({
      pool: this.#pool,
      source: this.#producer.state,
      rules: () => this.#rules(),
      closedReason: () => this.#closedReason(),
      nowMs: () => Date.now(),
    });
  }

  /** One turn: requests first, then one slice of production. */
  async turn(): Promise<Turn> {
    const handled = this.#handleRequests();
    this.#noteDurable();
    this.#expire();
    this.#meters.update();
    this.#engine.tend();
    if (this.#isDraining) return (await this.#producer.drain()) ? "stop" : 1;
    const sleepMs = await this.#step();
    return handled >= REQUESTS_PER_TURN ? 0 : sleepMs;
  }

  /** A root of the commit thread. */
  noteRoot(root: RootComputed): void {
    this.#roots.set(root.blockNumber, root);
    this.#roots.delete(root.blockNumber - 4);
  }

  /** A checkpoint of the commit thread. */
  noteCheckpoint(checkpoint: Parameters<BlockProducer["noteCheckpoint"]>[0]): void {
    this.#producer.noteCheckpoint(checkpoint);
  }

  /** Takes nothing more; the loop ends when everything is handed over. */
  drain(): void {
    this.#isDraining = true;
    new Doorbell(this.#setup.regions.doorbells.writer).ring();
  }

  /** Ends the log and marks the stop as orderly. */
  async finish(): Promise<void> {
    const { head } = this.#producer;
    this.#records.write(LogMessage.stop, new Uint8Array(0));
    const last = head.nextSequence - 1;
    while (this.#status.get("durableSequence") < last) await Bun.sleep(1);
    if (this.#signingLimit.read() !== null && last >= 0) this.#signingLimit.markClean(last, head.parentHash);
    this.#signingLimit.close();
  }

  #openTerm(port: ThreadPort, { restored }: RestoredNode): void {
    const { head } = restored;
    const lastKept = { sequence: head.nextSequence - 1, version: head.nextMiniBlockNumber };
    this.#producer.beginTerm(lastKept, this.#term);
    logThrough(port)("term_opened", { term: this.#term, lastKeptRecord: lastKept.sequence });
  }

  async #step(): Promise<Turn> {
    try {
      const { sleepUs } = await this.#producer.step();
      this.#isDiskFull = false;
      if (!this.#producer.isStalled) this.#stalledSinceMs = null;
      else this.#stalledSinceMs ??= performance.now();
      this.#status.set("sealedBlock", this.#producer.head.sealed.number);
      return sleepUs === 0 ? 0 : Math.max(1, Math.min(sleepUs / 1000, IDLE_SLEEP_MS));
    } catch (error) {
      if (!(error instanceof DiskError) || !error.isDiskFull) throw error;
      this.#isDiskFull = true;
      return DISK_FULL_RETRY_MS;
    }
  }

  #emit(bytes: Uint8Array): boolean {
    return this.#records.tryWrite(LogMessage.record, bytes);
  }

  #rootOf(blockNumber: number, version: number | null): Hash32 | null {
    const known = this.#roots.get(blockNumber);
    if (known === undefined || (version !== null && known.version !== version)) return null;
    return known.root;
  }

  #rules() {
    const { head } = this.#producer;
    const { spec } = head;
    const { payload } = head.open ?? { payload: null };
    const timestamp = payload?.timestamp ?? Number(head.sealed.header.timestamp) + 1;
    return {
      spec,
      fork: spec.hardforkAt(payload?.blockNumber ?? head.sealed.number + 1, timestamp),
      blockGasLimit: payload?.gasLimit ?? spec.blockGasLimit,
      baseFee: payload?.baseFee ?? head.nextBaseFee(timestamp),
      timestamp,
      allowUnprotected: this.#setup.options.allowUnprotected,
      holdings: this.#pool,
    };
  }

  #closedReason(): string | null {
    if (this.#isDraining) return "the node is shutting down";
    if (this.#isDiskFull || this.#status.get("diskFull") === 1) return "disk full: no transactions are accepted";
    const stallMs = this.#stalledSinceMs === null ? 0 : performance.now() - this.#stalledSinceMs;
    const isBehind = stallMs > STALL_BLOCK_TIMES_MAX * this.#setup.options.blockTimeMs;
    return isBehind ? "state roots are behind: try again" : null;
  }

  #noteDurable(): void {
    const version = this.#status.get("durableVersion");
    const sequence = this.#status.get("durableSequence");
    if (sequence >= 0 && version > this.#producer.head.durable.version)
      this.#producer.noteDurable({ sequence, version });
  }

  #expire(): void {
    const nowMs = Date.now();
    if (nowMs - this.#expiredAtMs < EXPIRY_INTERVAL_MS) return;
    this.#expiredAtMs = nowMs;
    this.#pool.expire(nowMs);
  }

  /** One request of each ring in turn, so that a full ring keeps nobody waiting. */
  #handleRequests(): number {
    let count = 0;
    for (let before = -1; count < REQUESTS_PER_TURN && before !== count; ) {
      before = count;
      for (const reader of this.#readers) {
        const message = reader.tryRead();
        if (message === null) continue;
        this.#handle(message);
        count++;
      }
    }
    return count;
  }

  #handle({ kind, payload }: RingMessage): void {
    const { tag, body } = decodeTagged(payload);
    const reply = (replyKind: number, ...parts: readonly Uint8Array[]) => {
      this.#replies.write(replyKind, encodeTagged(tag, ...parts));
    };
    switch (kind) {
      case RequestMessage.verified:
        replyToSubmit(reply, this.#submit(body));
        break;
      case RequestMessage.unverified:
        this.#meters.rejected("malformed");
        reply(ReplyMessage.rejected, encodeReject("invalid sender", new TextDecoder().decode(body)));
        break;
      case RequestMessage.pendingNonce:
        reply(ReplyMessage.nonce, new ByteWriter(9).integer(this.#intake.pendingNonce(body)).toBytes());
        break;
      case RequestMessage.pendingTransaction: {
        const entry = this.#pool.byHash(body);
        if (entry === null) reply(ReplyMessage.noTransaction);
        else reply(ReplyMessage.transaction, entry.lane.address, entry.raw);
        break;
      }
      default:
        assert(false, `unknown request kind ${kind}`);
    }
  }

  /** Body: u8 require-ready flag, 32 bytes hash, 20 bytes sender, raw bytes. */
  #submit(body: Uint8Array): IntakeResult {
    const reader = new ByteReader(body);
    const requireReady = reader.u8() === 1;
    const [hash, sender] = [reader.raw(32), reader.raw(20)];
    const result = this.#intake.submit({ raw: body.subarray(reader.offset), hash, sender, requireReady });
    if (result.kind === "accepted") this.#meters.admitted();
    else if (result.kind === "rejected") this.#meters.rejected(result.reject.code);
    else this.#meters.rejected(result.kind === "nonceGap" ? "nonce too high" : "overloaded");
    return result;
  }
}

type Reply = (kind: number, ...parts: readonly Uint8Array[]) => void;

function replyToSubmit(reply: Reply, result: IntakeResult): void {
  switch (result.kind) {
    case "accepted":
      reply(ReplyMessage.accepted);
      break;
    case "rejected":
      reply(ReplyMessage.rejected, encodeReject(result.reject.code, result.reject.message));
      break;
    case "nonceGap":
      reply(ReplyMessage.nonceGap, new ByteWriter(9).integer(result.expectedNonce).toBytes());
      break;
    case "notReady":
      reply(ReplyMessage.notReady, utf8(result.reason));
      break;
    case "unavailable":
      reply(ReplyMessage.unavailable, utf8(result.reason));
      break;
  }
}

function encodeReject(code: string, message: string): Uint8Array {
  return new ByteWriter(64).sized(utf8(code)).sized(utf8(message)).toBytes();
}

/** Hashes of blocks sealed before this start, for BLOCKHASH; the store behind it is opened when it is first asked. */
function blockHashFinder(
  setup: NodeSetup,
  { genesisHeader, restored }: RestoredNode,
): (number: number) => Hash32 | null {
  const lastSequence = restored.head.nextSequence - 1;
  let store: ChainStore | null = null;
  return (number) => {
    store ??= ChainStore.open(new RealDisk(setup.dataDirectory), LOG_DIRECTORY, {
      identity: setup.identity,
      genesisHeader,
      lastSequence,
      recentSizeBytes: 0,
    });
    return store.block(number)?.hash ?? null;
  };
}
