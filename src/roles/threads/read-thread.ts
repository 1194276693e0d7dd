// A read worker: follows the log with its own chain store and answers the RPC's calls from it, from pinned state, and from the
// pool's thread. Worker 0 also renders the subscriptions.
//
//   published ring ─▶ store ─▶ receipts that are waited for, deliveries (worker 0)
//   calls (main)  ─▶ ReadService ─▶ replies (main)

import { must } from "#base/assert.ts";
import { toBareHex } from "#base/hex.ts";
import { RingReader } from "#base/ring.ts";
import { genesisHeader, parseGenesisDocument } from "#chain/genesis.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import { transactionHash } from "#chain/transaction.ts";
import { NodeStatus } from "#formats/memory/node-status.ts";
import { decodeLogPosition, LogMessage, type LogPosition } from "#formats/memory/ring-messages.ts";
import { type ChainRecord, decodeRecord } from "#formats/wire/record.ts";
import { attachMetrics } from "#observability/metrics.ts";
import type { ReadContext } from "#rpc/context.ts";
import { createRpcMeters } from "#rpc/meters.ts";
import { runsCode } from "#rpc/method-table.ts";
import { ReadService } from "#rpc/read-service.ts";
import { resolveStateChanges } from "#rpc/state-changes.ts";
import { SubscriptionRenderer } from "#rpc/subscription-renderer.ts";
import { StateView } from "#state/view.ts";
import { ChainHead } from "#storage/chain-head.ts";
import { type ChainBase, ChainStore } from "#storage/chain-store.ts";
import { RealDisk } from "#storage/real-disk.ts";
import { LOG_DIRECTORY } from "../data-layout.ts";
import { rpcOptionsOf } from "../rpc-options.ts";
import { CallSlots, CODE_CALL_COUNT_MAX } from "./call-slots.ts";
import { type NodeEngine, openNodeEngine } from "./node-engine.ts";
import { PacedRenderer } from "./paced-renderer.ts";
import { openPoolLink, type PoolLink } from "./pool-link.ts";
import { describeError, IDLE_SLEEP_MS, logThrough, runLoop, runThread, type Turn } from "./thread-loop.ts";
import type { ThreadPort, ThreadStart, ToThread } from "./thread-protocol.ts";

const RECORDS_PER_TURN = 64;
/** Mini-blocks and bytes of one piece of a replay. */
const REPLAY_COUNT_MAX = 64;
const REPLAY_SIZE_BYTES_MAX = 1 << 20;

/** Runs a read worker until the stop message has come through the log. */
export function runReadThread(start: ThreadStart, port: ThreadPort): Promise<void> {
  return runThread(port, async () => {
    const genesis = parseGenesisDocument(start.setup.genesisDocument);
    const { spec } = genesis;
    const header = genesisHeader(genesis, start.setup.genesisStateRoot);
    const recovered = must(start.recovered, "a read worker starts after recovery");
    const head = ChainHead.restore(recovered.baseHead, { identity: start.setup.identity, spec });
    const store = ChainStore.open(new RealDisk(start.setup.dataDirectory), LOG_DIRECTORY, {
      identity: start.setup.identity,
      genesisHeader: header,
      lastSequence: recovered.nextSequence - 1,
      base: head.nextSequence === 0 ? null : baseOf(head),
    });
    const range = must(start.setup.regions.evm.read[start.index], "a range for the worker");
    const engine = await openNodeEngine(start, spec, range);
    const worker = new ReadWorker(start, port, { store, spec, engine });
    port.onMessage((message) => worker.onMessage(message));
    port.post({ type: "ready" });
    await runLoop(must(start.setup.regions.doorbells.read[start.index], "a doorbell"), () => worker.turn());
    store.close();
  });
}

class ReadWorker {
  readonly #start: ThreadStart;
  readonly #port: ThreadPort;
  readonly #store: ChainStore;
  readonly #engine: NodeEngine;
  readonly #reader: RingReader;
  readonly #status: NodeStatus;
  readonly #pool: PoolLink;
  readonly #service: ReadService;
  readonly #renderer: SubscriptionRenderer | null;
  readonly #pace: PacedRenderer | null;
  readonly #codeCalls: CallSlots;
  /** By bare hash: who waits for the receipt. */
  readonly #receiptWaiters = new Map<string, Set<(found: boolean) => void>>();
  #catchUpWaiters: { sequence: number; resolve: () => void }[] = [];
  /** Told by the log, done when the record that explains it comes. */
  #rollback: LogPosition | null = null;

  constructor(
    start: ThreadStart,
    port: ThreadPort,
    parts: { store: ChainStore; spec: ReadContext["spec"]; engine: NodeEngine },
  ) {
    const { setup, index } = start;
    const { regions } = setup;
    this.#start = start;
    this.#port = port;
    this.#store = parts.store;
    this.#engine = parts.engine;
    this.#codeCalls = new CallSlots(CODE_CALL_COUNT_MAX[parts.engine.engine.kind]);
    this.#reader = new RingReader(regions.published, 2 + index);
    this.#status = new NodeStatus(regions.status);
    this.#pool = openPoolLink(start, port);
    const views = new StateView(regions.state);
    this.#renderer =
      index > 0
        ? null
        : new SubscriptionRenderer({
            store: parts.store,
            resolveChanges: (miniBlock) => {
              views.pin();
              return resolveStateChanges(miniBlock, views);
            },
            deliver: (deliveries) => this.#pace?.send(deliveries),
          });
    this.#pace = this.#renderer === null ? null : this.#paceOf(this.#renderer);
    const context: ReadContext = {
      spec: parts.spec,
      engine: parts.engine.engine,
      store: parts.store,
      openView: () => new StateView(regions.state),
      options: rpcOptionsOf(setup.options, parts.spec, setup.clientVersion),
      ports: {
        submit: (raw, options) => this.#pool.submit(raw, options),
        pendingNonce: (address) => this.#pendingNonce(address),
        pendingTransaction: (hash) => this.#pool.pendingTransaction(hash),
        awaitReceipt: (hash, deadlineMs) => this.#awaitReceipt(hash, deadlineMs),
        catchUp: () => this.#catchUp(),
      },
      meters: createRpcMeters(attachMetrics(regions.metrics, start.metricsIndex)),
      nowMs: () => Date.now(),
    };
    this.#service = new ReadService(context, ({ method, error }) => {
      logThrough(port)("method_failed", { method, error: describeError(error) });
    });
  }

  /** A control message of the main thread. */
  onMessage(message: ToThread): void {
    switch (message.type) {
      case "call":
        void this.#answer(message.id, message.call);
        break;
      case "forwarded":
        this.#pool.onForwarded(message.id, message.result);
        break;
      case "openTopic":
        this.#renderer?.open(message.topic);
        break;
      case "closeTopic":
        this.#renderer?.close(message.key);
        break;
      case "delivered":
        this.#pace?.acknowledge();
        break;
      case "replay": {
        const renderer = must(this.#renderer, "only worker 0 replays");
        const chunk = renderer.replay(message.from, REPLAY_COUNT_MAX, REPLAY_SIZE_BYTES_MAX);
        this.#port.post({ type: "replayed", id: message.id, chunk });
        break;
      }
      default:
        break;
    }
  }

  /** One turn: replies of the pool, then some records. */
  turn(): Turn {
    this.#pool.poll();
    this.#engine.tend();
    for (let i = 0; i < RECORDS_PER_TURN; i++) {
      const message = this.#reader.tryRead();
      if (message === null) return IDLE_SLEEP_MS;
      if (message.kind === LogMessage.stop) return "stop";
      if (message.kind === LogMessage.rollback) this.#rollback = decodeLogPosition(message.payload);
      else this.#follow(decodeRecord(message.payload, this.#start.setup.identity));
    }
    return 0;
  }

  async #answer(id: number, call: Extract<ToThread, { type: "call" }>["call"]): Promise<void> {
    const answer = () => this.#service.handle(call);
    const reply = await (runsCode(call.method) ? this.#codeCalls.run(answer) : answer());
    this.#port.post({ type: "reply", id, reply });
  }

  #paceOf(renderer: SubscriptionRenderer): PacedRenderer {
    return new PacedRenderer(
      {
        readRecord: (sequence) => this.#store.record(sequence),
        render: (record) => renderer.onRecord(record),
        hasTopics: () => renderer.topicCount > 0,
        post: (deliveries) => this.#port.post({ type: "deliveries", deliveries }),
      },
      this.#store.lastSequence,
    );
  }

  #follow(record: ChainRecord): void {
    if (record.header.type === "term") this.#pace?.onTerm(record);
    if (this.#rollback !== null) this.#store.rollbackTo(this.#rollback.sequence);
    this.#rollback = null;
    this.#store.follow(record);
    if (record.header.type !== "term") this.#pace?.onRecord(record.header.sequence);
    if (record.header.type === "mini") this.#wakeReceiptWaiters(record.header.number);
    this.#wakeCatchUps();
  }

  /** The pool's answer, and never less than the state's: upstream may be behind or away. */
  async #pendingNonce(address: Address): Promise<bigint> {
    const inPool = await this.#pool.pendingNonce(address);
    const inState = new StateView(this.#start.setup.regions.state).account(address)?.nonce ?? 0n;
    return inPool > inState ? inPool : inState;
  }

  #awaitReceipt(hash: Hash32, deadlineMs: number): Promise<boolean> {
    if (this.#store.transaction(hash) !== null) return Promise.resolve(true);
    const key = toBareHex(hash);
    const resolvers = this.#receiptWaiters.get(key) ?? new Set();
    this.#receiptWaiters.set(key, resolvers);
    return new Promise((resolve) => {
      const finish = (found: boolean) => {
        clearTimeout(timer);
        resolvers.delete(finish);
        if (resolvers.size === 0) this.#receiptWaiters.delete(key);
        resolve(found);
      };
      const timer = setTimeout(() => finish(false), Math.max(0, deadlineMs - Date.now()));
      resolvers.add(finish);
    });
  }

  /** Looks from the transactions to the waiters: asking the store for each waiter would cost a search of every segment. */
  #wakeReceiptWaiters(number: number): void {
    if (this.#receiptWaiters.size === 0) return;
    for (const raw of this.#store.miniBlock(number)?.transactions ?? []) {
      const resolvers = this.#receiptWaiters.get(toBareHex(transactionHash(raw)));
      for (const finish of [...(resolvers ?? [])]) finish(true);
    }
  }

  #catchUp(): Promise<void> {
    const sequence = this.#status.get("publishedSequence");
    if (this.#store.lastSequence >= sequence) return Promise.resolve();
    return new Promise((resolve) => this.#catchUpWaiters.push({ sequence, resolve }));
  }

  #wakeCatchUps(): void {
    if (this.#catchUpWaiters.length === 0) return;
    // After a roll-back the published position is below what was waited for: then that is enough.
    const reached = Math.max(this.#store.lastSequence, 0);
    const published = this.#status.get("publishedSequence");
    const isDone = ({ sequence }: { sequence: number }) => Math.min(sequence, published) <= reached;
    for (const { resolve } of this.#catchUpWaiters.filter(isDone)) resolve();
    this.#catchUpWaiters = this.#catchUpWaiters.filter((waiter) => !isDone(waiter));
  }
}

/** Where a log that does not reach back to genesis begins. */
function baseOf(head: ChainHead): ChainBase {
  const { header, miniBlockOffset, miniBlockCount } = head.sealed;
  return {
    sequence: head.nextSequence - 1,
    version: head.nextMiniBlockNumber,
    header,
    miniBlockOffset,
    miniBlockCount,
    open: null,
  };
}
