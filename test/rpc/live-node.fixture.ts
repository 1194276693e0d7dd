// The in-process node behind a real server on a free port: what HTTP and WebSocket tests talk to.

import { detachedMetrics } from "#observability/metrics.ts";
import type { ReadPort } from "#rpc/context.ts";
import { DEFAULT_DISPATCH_LIMITS, Dispatcher, type DispatchLimits } from "#rpc/dispatcher.ts";
import { createRpcMeters, type RpcMeters } from "#rpc/meters.ts";
import { ReadService } from "#rpc/read-service.ts";
import { DEFAULT_SERVER_LIMITS, type FeedHandler, RpcServer, type ServerLimits } from "#rpc/server.ts";
import { SubscriptionHub } from "#rpc/subscriptions.ts";
import { LiveChain, type LiveChainOptions } from "./live-chain.fixture.ts";

/** What a test varies. */
export type LiveNodeOptions = LiveChainOptions & {
  readonly dispatchLimits?: Partial<DispatchLimits>;
  readonly serverLimits?: Partial<ServerLimits>;
  readonly subscriptionCountMax?: number;
  readonly corsOrigins?: "*" | readonly string[];
  readonly feed?: FeedHandler;
};

/** Counts of what the meters were told. */
export type Counts = { slowClosed: number; limited: Record<string, number>; connections: number; answered: number };

/** A node that listens. */
export type LiveNode = {
  readonly chain: LiveChain;
  readonly server: RpcServer;
  readonly dispatcher: Dispatcher;
  readonly hub: SubscriptionHub;
  readonly counts: Counts;
  /** Errors that handlers threw and that are bugs. */
  readonly failures: unknown[];
  isReady: boolean;
  readonly url: string;
  readonly webSocketUrl: string;
  stop(): Promise<void>;
};

/** Starts a node on a free port. */
export async function startLiveNode(options: LiveNodeOptions = {}): Promise<LiveNode> {
  const chain = await LiveChain.create(options);
  const counts: Counts = { slowClosed: 0, limited: {}, connections: 0, answered: 0 };
  const meters = countingMeters(counts);
  const failures: unknown[] = [];
  const onFailure = ({ error }: { error: unknown }): number => failures.push(error);
  const service = new ReadService({ ...chain.read, meters }, onFailure);
  const read: ReadPort = { call: (call) => service.handle(call) };
  const limits = { ...DEFAULT_DISPATCH_LIMITS, ...options.dispatchLimits };
  const dispatcher = new Dispatcher({ main: chain.main, read, limits, meters, onFailure });
  const renderer = {
    open: chain.renderer.open.bind(chain.renderer),
    close: chain.renderer.close.bind(chain.renderer),
    replay: async (from: number) => chain.renderer.replay(from, 16, 1 << 20),
  };
  const subscriptionLimits = { subscriptionCountMax: options.subscriptionCountMax ?? 64, replayBacklogBytes: 1 << 16 };
  const hub = new SubscriptionHub(renderer, subscriptionLimits, meters);
  chain.onDeliveries = (deliveries) => hub.deliver(deliveries);
  const node = { isReady: true };
  const server = new RpcServer({
    host: "127.0.0.1",
    port: 0,
    dispatcher,
    hub,
    limits: { ...DEFAULT_SERVER_LIMITS, ...options.serverLimits },
    meters,
    corsOrigins: options.corsOrigins ?? "*",
    readiness: () => ({ isReady: node.isReady, detail: { headBlock: chain.store.headBlockNumber } }),
    metricsText: () => "megaeth_up 1\n",
    feed: options.feed ?? null,
  });
  return Object.assign(node, {
    chain,
    server,
    dispatcher,
    hub,
    counts,
    failures,
    url: server.url,
    webSocketUrl: server.url.replace("http", "ws"),
    stop: () => server.stop(true),
  });
}

/** A JSON-RPC call over HTTP. @returns the whole reply object */
export async function ask(node: LiveNode, method: string, ...params: unknown[]): Promise<Reply> {
  const response = await fetch(node.url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  return (await response.json()) as Reply;
}

/** A reply of the node. */
export type Reply = {
  readonly id: unknown;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into results of every shape
  readonly result?: any;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
};

/** A WebSocket client that keeps every message in order. */
export class TestSocket {
  readonly messages: Reply[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #socket: WebSocket;
  #wake: (() => void)[] = [];
  #nextId = 1;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = (event) => {
      this.messages.push(JSON.parse(String(event.data)));
      for (const wake of this.#wake.splice(0)) wake();
    };
    this.closed = new Promise((resolve) => {
      socket.onclose = (event) => resolve({ code: event.code, reason: event.reason });
    });
  }

  static async connect(url: string): Promise<TestSocket> {
    const socket = new WebSocket(url);
    const client = new TestSocket(socket);
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onerror = () => reject(new Error(`no connection to ${url}`));
    });
    return client;
  }

  sendText(text: string): void {
    this.#socket.send(text);
  }

  /** Sends a call and waits for its reply. */
  async ask(method: string, ...params: unknown[]): Promise<Reply> {
    const id = this.#nextId++;
    this.sendText(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    await this.until(() => this.messages.some((message) => message.id === id));
    return this.messages.find((message) => message.id === id) as Reply;
  }

  /** Results of one subscription so far, in order. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into results of every shape
  notifications(id: string): any[] {
    // biome-ignore lint/suspicious/noExplicitAny: tests look into results of every shape
    return this.messages.flatMap(({ params }: any) => (params?.subscription === id ? [params.result] : []));
  }

  /** Waits until the condition holds; the test's own time limit ends it otherwise. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  close(): void {
    this.#socket.close();
  }
}

function countingMeters(counts: Counts): RpcMeters {
  const meters = createRpcMeters(detachedMetrics());
  return {
    ...meters,
    answered: () => void counts.answered++,
    limited: (limit) => {
      counts.limited[limit] = (counts.limited[limit] ?? 0) + 1;
      meters.limited(limit);
    },
    connections: (change) => void (counts.connections += change),
    slowClosed: () => void counts.slowClosed++,
  };
}
