// The main thread of a node, whatever its role: starts the threads in order, moves bytes between sockets and threads, and serves
// RPC, subscriptions and the feed. It computes nothing that grows with the chain.
//
//   sockets ─▶ dispatcher ─▶ read workers ─▶ sockets         published ring ─▶ feed children, head metrics

import { writeFileSync } from "node:fs";
import { RingReader } from "#base/ring.ts";
import type { Genesis } from "#chain/genesis.ts";
import { coreModuleOf } from "#evm/runtime/core-module.ts";
import { NodeStatus } from "#formats/memory/node-status.ts";
import { decodeLogPosition, LogMessage } from "#formats/memory/ring-messages.ts";
import { FeedServer } from "#net/feed-server.ts";
import { LogFeedSource } from "#net/log-feed-source.ts";
import { watchEventLoop } from "#observability/event-loop.ts";
import type { Logger } from "#observability/logger.ts";
import { attachMetrics, type Metrics, renderMetrics } from "#observability/metrics.ts";
import type { RpcOptions, SyncProgress } from "#rpc/context.ts";
import { DEFAULT_DISPATCH_LIMITS, Dispatcher } from "#rpc/dispatcher.ts";
import { createRpcMeters } from "#rpc/meters.ts";
import { type Readiness, RpcServer } from "#rpc/server.ts";
import { SubscriptionHub } from "#rpc/subscriptions.ts";
import type { IdentifiedGenesis } from "./chain-identity.ts";
import { PORT_FILE } from "./data-layout.ts";
import type { NodeOptions } from "./node-options.ts";
import {
  allocateRegions,
  hasCompileThread,
  type KeptRegions,
  type NodeThread,
  NodeThreads,
  type SpawnWorker,
  untilReady,
} from "./node-threads.ts";
import { PublishedWatch } from "./published-watch.ts";
import { ReadPool } from "./read-pool.ts";
import { rpcOptionsOf, SEND_WAIT_MS_MAX } from "./rpc-options.ts";
import { runLoop } from "./threads/thread-loop.ts";
import type { FromThread, NodeRegions, Recovered, SharedCore, ThreadKind } from "./threads/thread-protocol.ts";

/** What a role is started with. */
export type NodeContext = {
  readonly version: string;
  readonly commit: string;
  readonly dataDirectory: string;
  readonly logger: Logger;
  readonly spawn: SpawnWorker;
};

/** What differs between the roles. */
export type RoleParts = {
  /** The thread that owns the state table. */
  readonly writer: Extract<ThreadKind, "execute" | "apply">;
  readonly chain: IdentifiedGenesis;
  readonly sequencer: Uint8Array;
  /** @param headBlock number of the newest sealed EVM block */
  readonly syncProgress: (headBlock: number) => SyncProgress | null;
  /** Null when ready, else why not; the node adds its own reasons. */
  readonly unreadyReason: () => string | null;
  /** Messages that only this role understands. */
  readonly onThreadMessage: (message: FromThread, thread: NodeThread) => void;
};

/** How long a child may leave bytes unacknowledged, milliseconds. */
const FEED_ACK_TIMEOUT_MS = 10_000;
const FEED_WINDOW_SIZE_BYTES = 16 << 20;
const FEED_RECENT_SIZE_BYTES = 32 << 20;
const FEED_TICK_MS = 1_000;
const REPLAY_BACKLOG_BYTES = 1 << 20;

/** A node that serves. */
export class Node {
  readonly options: NodeOptions;
  readonly context: NodeContext;
  readonly genesis: Genesis;
  readonly regions: NodeRegions;
  readonly threads: NodeThreads;
  readonly status: NodeStatus;
  readonly metrics: Metrics;
  readonly recovered: Recovered;
  readonly rpcOptions: RpcOptions;
  readonly server: RpcServer;
  readonly #reads: ReadPool;
  readonly #feed: FeedServer;
  readonly #cleanups: (() => void)[] = [];
  readonly #watching: Promise<void>;

  private constructor(
    options: NodeOptions,
    context: NodeContext,
    role: RoleParts,
    started: { regions: NodeRegions; threads: NodeThreads; reads: ReadPool; recovered: Recovered },
  ) {
    const { regions, threads, reads, recovered } = started;
    this.options = options;
    this.context = context;
    this.genesis = role.chain.genesis;
    this.regions = regions;
    this.threads = threads;
    this.recovered = recovered;
    this.rpcOptions = rpcOptionsOf(options, role.chain.genesis.spec, clientVersionOf(context));
    this.#reads = reads;
    this.status = new NodeStatus(regions.status);
    this.metrics = attachMetrics(regions.metrics, 0);
    this.#cleanups.push(watchEventLoop(this.metrics));
    const watch = new PublishedWatch(this.metrics, recovered);
    const source = LogFeedSource.open({
      dataDirectory: context.dataDirectory,
      identity: role.chain.identity,
      genesisDocument: role.chain.genesis.document,
      sequencer: role.sequencer,
      lastSequence: this.status.get("publishedSequence"),
      recentSizeBytes: FEED_RECENT_SIZE_BYTES,
      onDamage: (error) => context.logger.log("log_damaged", { error: error.message }),
    });
    this.#feed = this.#openFeed(source);
    this.server = this.#listen(role, watch);
    writeFileSync(`${context.dataDirectory}/${PORT_FILE}`, `${this.server.port}\n`);
    this.#watching = this.#watchPublished(source, watch).catch((error: unknown) => {
      threads.fail(error instanceof Error ? error : new Error(String(error)));
    });
  }

  /**
   * Starts threads in order (state first, then log, then followers), then listens.
   * @param kept memory of a stopped node with the same options
   */
  static async start(
    options: NodeOptions,
    context: NodeContext,
    role: RoleParts,
    kept: KeptRegions | null = null,
  ): Promise<Node> {
    const regions = allocateRegions(options, kept);
    const reads = new ReadPool();
    const { identity, genesis, stateRoot } = role.chain;
    const setup = {
      options,
      identity,
      genesisDocument: genesis.document,
      genesisStateRoot: stateRoot,
      sequencer: role.sequencer,
      dataDirectory: context.dataDirectory,
      clientVersion: clientVersionOf(context),
      regions,
    };
    let announceRecovery: (recovered: Recovered) => void = () => {};
    const recovery = new Promise<Recovered>((resolve) => {
      announceRecovery = resolve;
    });
    const { spawn, logger } = context;
    const threads: NodeThreads = new NodeThreads({
      spawn,
      setup,
      core: options.engine === "wasm" ? sharedCoreOf(genesis) : null,
      logger,
      listener: (message, thread) => {
        if (message.type === "recovered") announceRecovery(message.recovered);
        else if (message.type === "root" || message.type === "checkpoint") threads.the(role.writer).post(message);
        else if (!reads.onMessage(message)) role.onThreadMessage(message, thread);
      },
    });
    try {
      const writer = threads.start(role.writer, 0, null);
      threads.prepare(2 + options.readWorkerCount + regions.verified.length);
      await untilReady(threads, [recovery]);
      const recovered = await recovery;
      reportRecovery(logger, recovered);
      const log = threads.start("log", 0, recovered);
      await untilReady(threads, [log.ready]);
      const others = [threads.start("commit", 0, recovered)];
      for (let i = 0; i < options.readWorkerCount; i++) others.push(threads.start("read", i, recovered));
      for (let i = 0; i < regions.verified.length; i++) others.push(threads.start("verify", i, recovered));
      // What is sent to a worker that is still loading waits there: the first one is enough to serve.
      const needed = others.filter(({ kind, index }) => kind !== "read" || index === 0);
      await untilReady(threads, [writer.ready, ...needed.map((thread) => thread.ready)]);
      reads.use(threads.of("read"));
      // Nobody waits for it: until it is there, everything is interpreted.
      if (hasCompileThread(options)) threads.start("compile", 0, null);
    } catch (error) {
      threads.terminateAll();
      throw error;
    }
    try {
      const node = new Node(options, context, role, { regions, threads, reads, recovered: await recovery });
      logger.log("node_started", { port: node.server.port });
      return node;
    } catch (error) {
      threads.the(role.writer).post({ type: "drain" }); // the port is taken, say: what runs already stops in order
      await threads.stop().catch(() => {}); // why it could not start is what counts
      throw error;
    }
  }

  /** Stops serving, lets every thread finish, and ends them. @throws what `NodeThreads.stop` throws */
  async stop(): Promise<void> {
    this.status.set("draining", 1);
    await this.server.stop(false);
    this.#feed.closeAll();
    this.threads.the(this.threads.of("execute").length > 0 ? "execute" : "apply").post({ type: "drain" });
    try {
      await this.threads.stop();
    } finally {
      this.#reads.shutDown();
      await this.server.stop(true);
      for (const cleanup of this.#cleanups) cleanup();
    }
  }

  /** Resolves when the main thread has followed the log to its end. */
  get watching(): Promise<void> {
    return this.#watching;
  }

  #openFeed(source: LogFeedSource): FeedServer {
    const { options, metrics } = this;
    const children = metrics.gauge("feed_children");
    const slowClosed = metrics.counter("feed_slow_closed_total");
    const snapshots = metrics.counter("snapshots_served_total");
    const bytes = metrics.counter("feed_bytes_total");
    const feed = new FeedServer(
      source,
      {
        childCountMax: options.feedChildCount,
        windowSizeBytes: FEED_WINDOW_SIZE_BYTES,
        ackTimeoutMs: FEED_ACK_TIMEOUT_MS,
        bootstrapDistance: options.bootstrapDistance,
      },
      {
        children: (count) => children.set(count),
        snapshot: () => snapshots.add(1),
        slowClosed: () => slowClosed.add(1),
        sent: (sizeBytes) => bytes.add(sizeBytes),
      },
    );
    const timer = setInterval(() => feed.tick(performance.now()), FEED_TICK_MS);
    this.#cleanups.push(() => clearInterval(timer));
    return feed;
  }

  #listen(role: RoleParts, watch: PublishedWatch): RpcServer {
    const { options, context, metrics } = this;
    const meters = createRpcMeters(metrics);
    const dispatcher = new Dispatcher({
      main: {
        chainId: this.genesis.spec.chainId,
        options: this.rpcOptions,
        syncProgress: () => role.syncProgress(watch.sealedBlock),
      },
      read: this.#reads,
      limits: {
        ...DEFAULT_DISPATCH_LIMITS,
        batchItemsMax: options.batchItemsMax,
        responseBytesMax: options.responseBytesMax,
      },
      meters,
      onFailure: ({ method, error }) => context.logger.log("method_failed", { method, error: String(error) }),
    });
    const hub = new SubscriptionHub(
      this.#reads,
      { subscriptionCountMax: options.subscriptionCountMax, replayBacklogBytes: REPLAY_BACKLOG_BYTES },
      meters,
    );
    this.#reads.onDeliveries = (deliveries) => hub.deliver(deliveries);
    const info = { version: context.version, commit: context.commit, role: options.role };
    return new RpcServer({
      host: options.host,
      port: options.port,
      dispatcher,
      hub,
      limits: {
        bodyBytesMax: options.bodyBytesMax,
        connectionCountMax: options.connectionCountMax,
        websocketBacklogBytes: options.websocketBacklogBytes,
        answerMsMax: SEND_WAIT_MS_MAX,
      },
      meters,
      corsOrigins: corsOriginsOf(options, this.genesis.spec.development),
      readiness: () => this.#readiness(role, watch),
      metricsText: () => {
        metrics.gauge("log_durable_mini_block").set(this.status.get("durableVersion") - 1);
        return renderMetrics(this.regions.metrics, info);
      },
      feed: this.#feed,
    });
  }

  #readiness(role: RoleParts, watch: PublishedWatch): Readiness {
    const isDiskFull = this.status.get("diskFull") === 1;
    const reason = isDiskFull ? "disk full" : role.unreadyReason();
    const detail = {
      role: this.options.role,
      ...(reason === null ? {} : { reason }),
      block: watch.sealedBlock,
      miniBlock: watch.nextMiniBlock - 1,
      record: this.status.get("publishedSequence"),
      durableRecord: this.status.get("durableSequence"),
    };
    return { isReady: reason === null, detail };
  }

  async #watchPublished(source: LogFeedSource, watch: PublishedWatch): Promise<void> {
    const reader = new RingReader(this.regions.published, 0);
    await runLoop(this.regions.doorbells.main, () => {
      for (let i = 0; i < 256; i++) {
        const message = reader.tryRead();
        if (message === null) return 1_000;
        if (message.kind === LogMessage.stop) return "stop";
        if (message.kind === LogMessage.rollback) {
          const { sequence, version } = decodeLogPosition(message.payload);
          source.onRollback(sequence);
          this.#feed.onRollback(sequence);
          watch.onRollback(version);
          continue;
        }
        const sequence = source.onRecord(message.payload);
        this.#feed.onRecord(sequence, message.payload);
        watch.onRecord(message.payload);
      }
      return 0;
    });
  }
}

/** The core module of the newest fork that the chain knows: nearly always the one in force. */
function sharedCoreOf({ spec }: Genesis): SharedCore {
  const fork = spec.hardforkAt(BigInt(Number.MAX_SAFE_INTEGER), BigInt(Number.MAX_SAFE_INTEGER));
  return { fork, module: coreModuleOf(fork) };
}

function reportRecovery(logger: Logger, recovered: Recovered): void {
  const { checkpointVersion, replayedMiniBlockCount, version, nextSequence, term, sealedBlock } = recovered;
  logger.log("log_replayed", {
    checkpoint: checkpointVersion,
    replayedMiniBlocks: replayedMiniBlockCount,
    miniBlocks: version,
    records: nextSequence,
    block: sealedBlock,
    term,
  });
}

function corsOriginsOf(options: NodeOptions, isDevelopment: boolean): "*" | readonly string[] {
  const origins = options.corsOrigins;
  if (origins === null) return isDevelopment ? "*" : [];
  return origins.includes("*") ? "*" : origins;
}

/** Name and version as clients and peers see them. */
function clientVersionOf({ version }: NodeContext): string {
  return `megaeth/${version}/bun-${Bun.version}`;
}
