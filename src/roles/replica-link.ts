// A replica's line to upstream, on the main thread: moves what comes from the feed to the apply thread, receives snapshots, says how
// far behind it is, and carries requests of the read workers upstream.
//
//   upstream ─▶ FeedClient ─▶ feed ring ─▶ apply thread ─▶ "applied", "refused"
//                  └─ snapshot ─▶ bootstrap folder ─▶ rebootstrap()

import { bytesEqual } from "#base/bytes.ts";
import { toHex } from "#base/hex.ts";
import { type RingHandle, RingWriter } from "#base/ring.ts";
import type { Address } from "#chain/primitives.ts";
import { FeedRingMessage } from "#formats/memory/ring-messages.ts";
import type { FeedErrorCode, SnapshotMessage, WelcomeMessage } from "#formats/wire/feed.ts";
import { FeedClient, type FeedClientHandler, type FeedPosition } from "#net/feed-client.ts";
import { rpcUrlOf, UpstreamRpc } from "#net/upstream-rpc.ts";
import type { Logger } from "#observability/logger.ts";
import type { Counter, Metrics } from "#observability/metrics.ts";
import { BootstrapReceiver } from "#replica/bootstrap.ts";
import type { ChainHeadContext } from "#storage/chain-head.ts";
import { type Disk, DiskError } from "#storage/disk.ts";
import { BOOTSTRAP_FOLDERS } from "./data-layout.ts";
import { FollowProgress } from "./follow-progress.ts";
import type {
  AppliedPosition,
  ForwardRequest,
  ForwardResult,
  FromThread,
  ToThread,
} from "./threads/thread-protocol.ts";

/** What a link is made of. */
export type ReplicaLinkParts = {
  readonly upstreamUrl: string;
  /** Silence after which the replica is not ready, milliseconds. */
  readonly staleAfterMs: number;
  readonly context: ChainHeadContext;
  readonly sequencer: Address;
  /** Software name and version, for upstream's operator. */
  readonly client: string;
  /** The data directory. */
  readonly disk: Disk;
  readonly feed: RingHandle;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Where the replica's log stands. */
  readonly position: AppliedPosition;
  /** Whether it has just begun from a snapshot: the next one would come before there is any use of this one. */
  readonly isFromSnapshot: boolean;
  /** A snapshot lies ready: stop all threads, install it, start again. Called once; the link is stopped then. */
  readonly rebootstrap: () => void;
};

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 5_000;
/** Pause after the first refusal; doubles while refusals follow each other without progress. */
const REFUSAL_PAUSE_MS_MIN = 250;
const REFUSAL_PAUSE_MS_MAX = 30_000;
const RING_FULL_SLEEP_MS = 1;
const METRICS_INTERVAL_MS = 250;
const SILENCE_MS_MIN = 2_000;
const FORWARD_TIMEOUT_MS = 10_000;
const FORWARD_COUNT_MAX = 16_384;

/** Follows upstream until {@link stop}. */
export class ReplicaLink {
  readonly #parts: ReplicaLinkParts;
  readonly #client: FeedClient;
  readonly #upstream: UpstreamRpc;
  readonly #progress: FollowProgress;
  #receiver: BootstrapReceiver | null = null;
  #refusalCount = 0;
  #timer: ReturnType<typeof setInterval> | null = null;
  #isStopped = false;

  constructor(parts: ReplicaLinkParts) {
    this.#parts = parts;
    this.#progress = new FollowProgress(parts.position, parts.staleAfterMs);
    this.#client = new FeedClient(
      {
        url: parts.upstreamUrl,
        client: parts.client,
        retryMsMin: RETRY_MS_MIN,
        retryMsMax: RETRY_MS_MAX,
        silenceMsMax: Math.max(SILENCE_MS_MIN, 2 * parts.staleAfterMs),
      },
      this.#createHandler(new FeedInlet(parts.feed, () => this.#isStopped)),
    );
    this.#upstream = new UpstreamRpc({
      url: rpcUrlOf(parts.upstreamUrl),
      timeoutMs: FORWARD_TIMEOUT_MS,
      inFlightCountMax: FORWARD_COUNT_MAX,
      retryMsMin: RETRY_MS_MIN,
      retryMsMax: RETRY_MS_MAX,
    });
  }

  /** Connects. */
  start(): void {
    const lag = this.#parts.metrics.gauge("replica_lag_mini_blocks");
    const age = this.#parts.metrics.gauge("replica_last_message_age_seconds");
    this.#timer = setInterval(() => {
      lag.set(this.#progress.lagMiniBlocks);
      age.set(this.#progress.silenceMs(performance.now()) / 1000);
    }, METRICS_INTERVAL_MS);
    this.#client.start();
  }

  /** Leaves upstream; records on their way to the apply thread still arrive. */
  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#client.stop();
    this.#upstream.stop();
    this.#receiver?.abort();
    this.#receiver = null;
  }

  /** Null when the replica is close to upstream and hears it, else why not. */
  unreadyReason(): string | null {
    if (this.#receiver !== null) return "loading a snapshot";
    return this.#progress.unreadyReason(performance.now());
  }

  /** Mini-blocks that upstream has announced and that are not applied here. */
  get lagMiniBlocks(): number {
    return this.#progress.lagMiniBlocks;
  }

  /** Takes what a thread says to its replica. @returns whether it was for the link */
  onThreadMessage(message: FromThread, thread: { post(message: ToThread): void }): boolean {
    switch (message.type) {
      case "applied":
        this.#onApplied(message.position);
        return true;
      case "refused":
        this.#onRefused(message.reason, message.detail);
        return true;
      case "forward":
        void this.#forward(message.request).then((result) =>
          thread.post({ type: "forwarded", id: message.id, result }),
        );
        return true;
      default:
        return false;
    }
  }

  #onApplied(position: AppliedPosition): void {
    if (position.sequence > this.#progress.applied.sequence) this.#refusalCount = 0;
    this.#progress.onApplied(position);
  }

  /** What upstream sent cannot be applied: leave it, and come back later each time. */
  #onRefused(reason: string, detail: string): void {
    this.#parts.logger.log("feed_refused", { reason, detail, upstream: this.#parts.upstreamUrl });
    this.#progress.onDisconnect();
    const pauseMs = Math.min(REFUSAL_PAUSE_MS_MIN * 2 ** this.#refusalCount, REFUSAL_PAUSE_MS_MAX);
    this.#refusalCount++;
    this.#client.reconnect(`refused: ${reason}`, pauseMs);
  }

  #createHandler(inlet: FeedInlet): FeedClientHandler {
    const { metrics } = this.#parts;
    const received = metrics.counter("feed_received_bytes_total");
    const reconnects = metrics.counter("feed_reconnects_total");
    return {
      position: () => this.#position(),
      onReceived: (sizeBytes) => {
        received.add(sizeBytes);
        this.#progress.onHeard(performance.now());
      },
      onWelcome: async (welcome) => {
        const problem = this.#checkWelcome(welcome);
        if (problem !== null) return this.#refuseTransport(problem);
        this.#progress.onWelcome(welcome.headSequence);
        this.#parts.logger.log("feed_connected", { upstream: this.#parts.upstreamUrl, start: welcome.start });
        await inlet.write(FeedRingMessage.begin, new Uint8Array(0));
        return null;
      },
      onSnapshot: async (snapshot) => this.#unlessDiskFails(() => this.#onSnapshot(snapshot)),
      onChunk: async (index, chunk) => this.#unlessDiskFails(() => this.#onChunk(index, chunk)),
      onRecords: async (_, records) => {
        if (this.#receiver !== null) return this.#refuseTransport("records in the middle of a snapshot");
        for (const bytes of records) {
          const problem = this.#progress.onRecord(bytes);
          if (problem !== null) return this.#refuseTransport(problem);
          await inlet.writeRecord(bytes);
        }
        return null;
      },
      onDisconnect: (reason, refusal) => this.#onDisconnect(reason, refusal, reconnects),
    };
  }

  #position(): FeedPosition {
    const { identity } = this.#parts.context;
    const { sequence, term, hash } = this.#progress.applied;
    return {
      chainId: identity.chainId.toString(),
      genesisHash: identity.genesisHash,
      term,
      lastSequence: sequence,
      lastHash: sequence < 0 ? null : hash,
      wantsSnapshot: !this.#parts.isFromSnapshot || this.#progress.hasCaughtUp,
    };
  }

  #checkWelcome(welcome: WelcomeMessage): string | null {
    const { context, sequencer } = this.#parts;
    if (welcome.chainId !== context.identity.chainId.toString()) return `upstream is on chain ${welcome.chainId}`;
    if (!bytesEqual(welcome.genesisHash, context.identity.genesisHash)) return "upstream has another genesis";
    if (bytesEqual(welcome.sequencer, sequencer)) return null;
    return `upstream follows the sequencer ${toHex(welcome.sequencer)}, trusted is ${toHex(sequencer)}`;
  }

  /** Refused before the follower saw it. */
  #refuseTransport(problem: string): string {
    this.#parts.metrics.counter("frames_refused_total", { reason: "transport" }).add(1);
    this.#parts.logger.log("feed_refused", { reason: "transport", detail: problem, upstream: this.#parts.upstreamUrl });
    return problem;
  }

  #onDisconnect(reason: string, refusal: FeedErrorCode | null, reconnects: Counter): void {
    this.#receiver?.abort();
    this.#receiver = null;
    this.#progress.onDisconnect();
    if (this.#isStopped) return;
    reconnects.add(1);
    this.#parts.logger.log("feed_disconnected", { reason, ...(refusal === null ? {} : { refusal }) });
  }

  // Snapshots

  /** A disk that takes no snapshot, full say, ends this attempt; the next connection tries again. */
  #unlessDiskFails(receive: () => string | null): string | null {
    try {
      return receive();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#receiver?.abort();
      this.#receiver = null;
      return this.#refuseTransport(`snapshot: ${error.message}`);
    }
  }

  #onSnapshot(announcement: SnapshotMessage): string | null {
    const { disk, context, sequencer } = this.#parts;
    if (this.#receiver !== null) return this.#refuseTransport("a snapshot in the middle of another");
    const receiver = BootstrapReceiver.begin({ disk, folders: BOOTSTRAP_FOLDERS, context, sequencer, announcement });
    if (typeof receiver === "string") return this.#refuseTransport(`snapshot: ${receiver}`);
    const { seal, checkpoint } = receiver.bound;
    const { applied } = this.#progress;
    if (seal.header.sequence <= applied.sequence && seal.header.term <= applied.term) {
      receiver.abort();
      return this.#refuseTransport("snapshot: it is not newer than what is here");
    }
    this.#receiver = receiver;
    const { version, blockNumber, sizeBytes } = checkpoint;
    this.#parts.logger.log("snapshot_loading", { version, block: blockNumber, bytes: sizeBytes });
    return null;
  }

  #onChunk(index: number, chunk: Uint8Array): string | null {
    const receiver = this.#receiver;
    if (receiver === null) return this.#refuseTransport("a chunk without a snapshot");
    const problem = receiver.push(index, chunk) ?? (receiver.isComplete ? receiver.finish() : null);
    if (problem !== null) {
      this.#receiver = null;
      return this.#refuseTransport(`snapshot: ${problem}`);
    }
    if (!receiver.isComplete) return null;
    this.#parts.logger.log("snapshot_loaded", { version: receiver.bound.checkpoint.version });
    this.stop();
    this.#parts.rebootstrap();
    return null;
  }

  async #forward(request: ForwardRequest): Promise<ForwardResult> {
    switch (request.kind) {
      case "submit":
        return { kind: "submit", result: await this.#upstream.submit(request.raw, request.requireReady) };
      case "pendingNonce":
        return { kind: "pendingNonce", nonce: await this.#upstream.pendingNonce(request.address) };
      case "pendingTransaction":
        return { kind: "pendingTransaction", transaction: await this.#upstream.pendingTransaction(request.hash) };
    }
  }
}

/** The writing end of the feed ring for a thread that must not block: it waits in the event loop, and acknowledgements with it. */
class FeedInlet {
  readonly #ring: RingWriter;
  readonly #isOver: () => boolean;

  constructor(handle: RingHandle, isOver: () => boolean) {
    this.#ring = new RingWriter(handle);
    this.#isOver = isOver;
  }

  async write(kind: number, payload: Uint8Array): Promise<void> {
    while (!this.#isOver() && !this.#ring.tryWrite(kind, payload)) await Bun.sleep(RING_FULL_SLEEP_MS);
  }

  async writeRecord(bytes: Uint8Array): Promise<void> {
    const partSizeBytes = this.#ring.payloadSizeBytesMax;
    let rest = bytes;
    for (; rest.length > partSizeBytes; rest = rest.subarray(partSizeBytes)) {
      await this.write(FeedRingMessage.part, rest.subarray(0, partSizeBytes));
    }
    await this.write(FeedRingMessage.record, rest);
  }
}
