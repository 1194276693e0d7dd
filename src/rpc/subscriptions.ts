// The main thread's half of subscriptions: ids, sockets, order and pace. It wraps rendered results and sends them; it never
// renders. A subscriber of miniBlocks has a cursor, the number it wants next:
//
//   replay ──(caught up)──▶ live ──(number == cursor)──▶ send, cursor + 1
//     ▲                       │    (number <  cursor)──▶ seen already, skip
//     └──(number > cursor)────┘
//
// so whatever is lost or doubled on the way heals into exactly once and in order. A replay waits for the socket to drain;
// a live subscriber that does not keep up is closed (4008) and counted.

import { randomBytes } from "node:crypto";
import { toHex } from "#base/hex.ts";
import type { SubscriptionPort } from "./dispatcher.ts";
import { invalidParameters, overloaded, prunedHistory, serverError, subscriptionNotFound } from "./errors.ts";
import type { RpcMeters } from "./meters.ts";
import { type OutboundSocket, SLOW_CONSUMER_CODE } from "./outbound-socket.ts";
import type { Delivery, ReplayChunk } from "./subscription-renderer.ts";
import { parseSubscription, parseUnsubscription, type SubscriptionTopic } from "./subscription-topics.ts";

/** The hub's line to the renderer. Messages keep their order, also with respect to deliveries. */
export interface RendererPort {
  open(topic: SubscriptionTopic): void;
  close(key: string): void;
  /** Mini-blocks from `from` on. */
  replay(from: number): Promise<ReplayChunk>;
}

/** Bounds of the hub. */
export type SubscriptionLimits = {
  readonly subscriptionCountMax: number;
  /** A replay sends its next piece when at most this many bytes are unread. */
  readonly replayBacklogBytes: number;
};

/** How far beyond the head a stream may be asked to begin: a follower may lag behind what the client has seen. */
const FUTURE_START_COUNT_MAX = 1_000;
/** Close code of a subscriber whose next mini-block is no longer kept. */
const HISTORY_GONE_CODE = 1011;
/** Pause before asking again when a replay is behind what was delivered live. */
const REPLAY_RETRY_MS = 5;

type Subscriber = {
  readonly id: string;
  readonly topic: SubscriptionTopic;
  readonly socket: OutboundSocket;
  /** miniBlocks: number wanted next; null takes whatever comes first. */
  cursor: number | null;
  isReplaying: boolean;
  isActive: boolean;
};

type Piece = ReplayChunk & { readonly kind: "chunk" };

/** The beginning of a stream, fetched before the subscription is confirmed. */
type FirstChunk = { readonly chunk: Piece; readonly rollbackCount: number };

type TopicState = { readonly topic: SubscriptionTopic; readonly subscribers: Set<Subscriber>; lastNumber: number };

/** All subscriptions of a process. */
export class SubscriptionHub {
  readonly #renderer: RendererPort;
  readonly #limits: SubscriptionLimits;
  readonly #meters: RpcMeters;
  readonly #topics = new Map<string, TopicState>();
  #rollbackCount = 0;

  constructor(renderer: RendererPort, limits: SubscriptionLimits, meters: RpcMeters) {
    this.#renderer = renderer;
    this.#limits = limits;
    this.#meters = meters;
  }

  /** Topics with at least one subscriber. */
  get topicCount(): number {
    return this.#topics.size;
  }

  /** Roll-backs so far: what was rendered before one may be void after it. */
  get rollbackCount(): number {
    return this.#rollbackCount;
  }

  /** The subscriptions of one socket; `release` must be called when it closes. */
  attach(socket: OutboundSocket): SocketSubscriptions {
    return new SocketSubscriptions(this, socket, this.#limits.subscriptionCountMax, this.#meters);
  }

  /** Takes what the renderer made of one record, in order. */
  deliver(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      if (delivery.kind === "rollback") this.#rollBack(delivery.version);
      else if (delivery.kind === "lost") this.#closeAll();
      else this.#deliverResults(delivery);
    }
  }

  /** First piece of a stream that begins in the past. @throws {RpcError} 4444 or -32602 when it cannot begin there */
  async startReplay(from: number): Promise<FirstChunk> {
    const { rollbackCount } = this;
    const chunk = await this.#renderer.replay(from);
    if (chunk.kind === "gone") throw prunedHistory();
    if (from > chunk.head + FUTURE_START_COUNT_MAX) {
      throw invalidParameters(`mini-block ${from} is far beyond the newest one, ${chunk.head - 1}`);
    }
    return { chunk, rollbackCount };
  }

  /** Lets notifications flow to a subscriber. */
  activate(subscriber: Subscriber, firstChunk: FirstChunk | null): void {
    if (subscriber.socket.isClosed) return;
    const { topic } = subscriber;
    let state = this.#topics.get(topic.key);
    if (state === undefined) {
      state = { topic, subscribers: new Set(), lastNumber: -1 };
      this.#topics.set(topic.key, state);
      this.#renderer.open(topic);
    }
    state.subscribers.add(subscriber);
    subscriber.isActive = true;
    this.#meters.subscriptions(topic.kind, 1);
    if (firstChunk === null) return;
    const isVoid = firstChunk.rollbackCount !== this.#rollbackCount;
    void this.#replay(subscriber, state, isVoid ? null : firstChunk.chunk);
  }

  /** Ends a subscription. */
  remove(subscriber: Subscriber): void {
    if (!subscriber.isActive) return;
    subscriber.isActive = false;
    this.#meters.subscriptions(subscriber.topic.kind, -1);
    const state = this.#topics.get(subscriber.topic.key);
    if (state === undefined) return;
    state.subscribers.delete(subscriber);
    if (state.subscribers.size > 0) return;
    this.#topics.delete(subscriber.topic.key);
    this.#renderer.close(subscriber.topic.key);
  }

  #deliverResults({ key, number, results }: Delivery & { kind: "results" }): void {
    const state = this.#topics.get(key);
    if (state === undefined) return;
    state.lastNumber = number;
    for (const subscriber of state.subscribers) {
      if (state.topic.kind === "miniBlocks") this.#deliverNumbered(subscriber, state, number, results);
      else send(subscriber, results);
    }
  }

  #deliverNumbered(subscriber: Subscriber, state: TopicState, number: number, results: readonly string[]): void {
    if (subscriber.isReplaying) return;
    const cursor = subscriber.cursor ?? number;
    if (number < cursor) return;
    if (number > cursor) {
      void this.#replay(subscriber, state, null);
      return;
    }
    subscriber.cursor = number + 1;
    send(subscriber, results);
  }

  /** Sends the past from the cursor on, as fast as the socket drains, until it meets the live stream. */
  async #replay(subscriber: Subscriber, state: TopicState, first: Piece | null): Promise<void> {
    subscriber.isReplaying = true;
    let chunk: ReplayChunk | null = first;
    while (subscriber.isActive && subscriber.cursor !== null) {
      const asked: number = subscriber.cursor;
      chunk ??= await this.#renderer.replay(asked).catch(() => null);
      if (!subscriber.isActive) return;
      if (chunk === null || chunk.kind === "gone") return this.#giveUp(subscriber);
      // A roll-back moved the cursor while the piece was on its way: ask again.
      if (subscriber.cursor === asked) {
        subscriber.cursor = chunk.next;
        send(subscriber, chunk.results);
        // The first piece was rendered before the topic was open: what came in between is known to the next piece only.
        if (chunk !== first && chunk.next >= chunk.head) {
          if (state.lastNumber < chunk.next) break;
          if (chunk.results.length === 0) await Bun.sleep(REPLAY_RETRY_MS);
        }
      }
      chunk = null;
      await subscriber.socket.waitBelow(this.#limits.replayBacklogBytes);
    }
    subscriber.isReplaying = false;
  }

  /** What a subscriber still needs is no longer kept: an explicit end instead of a gap. */
  #giveUp(subscriber: Subscriber): void {
    this.remove(subscriber);
    subscriber.socket.fail(HISTORY_GONE_CODE, "mini-blocks are no longer kept: subscribe again");
  }

  /** This process could not keep up with all of them: an explicit end instead of a gap. */
  #closeAll(): void {
    const subscribers = [...this.#topics.values()].flatMap((state) => [...state.subscribers]);
    for (const subscriber of subscribers) {
      this.remove(subscriber);
      if (subscriber.socket.isClosed) continue;
      this.#meters.slowClosed();
      subscriber.socket.fail(SLOW_CONSUMER_CODE, "subscribers are too far behind: subscribe again");
    }
  }

  #rollBack(version: number): void {
    this.#rollbackCount++;
    for (const state of this.#topics.values()) {
      state.lastNumber = Math.min(state.lastNumber, version - 1);
      for (const subscriber of state.subscribers) {
        if (subscriber.cursor !== null && subscriber.cursor > version) subscriber.cursor = version;
      }
    }
  }
}

/** The subscriptions of one socket. */
export class SocketSubscriptions implements SubscriptionPort {
  readonly #hub: SubscriptionHub;
  readonly #socket: OutboundSocket;
  readonly #countMax: number;
  readonly #meters: RpcMeters;
  readonly #subscribers = new Map<string, Subscriber>();

  constructor(hub: SubscriptionHub, socket: OutboundSocket, countMax: number, meters: RpcMeters) {
    this.#hub = hub;
    this.#socket = socket;
    this.#countMax = countMax;
    this.#meters = meters;
  }

  /** Subscriptions that this socket holds. */
  get count(): number {
    return this.#subscribers.size;
  }

  /** @inheritdoc */
  async subscribe(params: unknown): Promise<{ readonly id: string; readonly activate: () => void }> {
    const { topic, fromMiniBlock } = parseSubscription(params);
    if (this.#subscribers.size >= this.#countMax) {
      this.#meters.limited("subscriptions");
      throw overloaded(`at most ${this.#countMax} subscriptions`);
    }
    const id = toHex(randomBytes(16));
    const subscriber: Subscriber = {
      id,
      topic,
      socket: this.#socket,
      cursor: fromMiniBlock,
      isReplaying: fromMiniBlock !== null,
      isActive: false,
    };
    this.#subscribers.set(id, subscriber);
    try {
      const firstChunk = fromMiniBlock === null ? null : await this.#hub.startReplay(fromMiniBlock);
      if (this.#socket.isClosed) throw serverError("connection closed");
      return { id, activate: () => this.#hub.activate(subscriber, firstChunk) };
    } catch (error) {
      this.#subscribers.delete(id);
      throw error;
    }
  }

  /** @inheritdoc */
  unsubscribe(params: unknown): boolean {
    const id = parseUnsubscription(params);
    const subscriber = this.#subscribers.get(id);
    if (subscriber === undefined) throw subscriptionNotFound();
    this.#subscribers.delete(id);
    this.#hub.remove(subscriber);
    return true;
  }

  /** Ends everything; the socket is gone. */
  release(): void {
    for (const subscriber of this.#subscribers.values()) this.#hub.remove(subscriber);
    this.#subscribers.clear();
  }
}

function send(subscriber: Subscriber, results: readonly string[]): void {
  const head = `{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"${subscriber.id}","result":`;
  for (const result of results) if (!subscriber.socket.send(`${head}${result}}}`)) return;
}
