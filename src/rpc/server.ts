// HTTP and WebSocket on one port: JSON-RPC on `/` (and `/ws`), health and metrics, and the peers' `/feed`.
// Runs on the main thread and moves bytes; every answer comes from the dispatcher. Status codes are geth's.
//
//   POST /       JSON-RPC            GET /        200, empty (load balancers)     GET /livez /readyz /metrics
//   WS / and /ws JSON-RPC + events   WS /feed     binary records for followers

import { Hono } from "hono";
import { cors } from "hono/cors";
import type { Dispatcher, Session } from "./dispatcher.ts";
import type { RpcMeters } from "./meters.ts";
import { OutboundSocket } from "./outbound-socket.ts";
import type { SocketSubscriptions, SubscriptionHub } from "./subscriptions.ts";

/** One follower's socket, as the feed needs it. */
export type FeedSocket = {
  sendBinary(bytes: Uint8Array): number;
  getBufferedAmount(): number;
  close(code: number, reason: string): void;
};

/** What answers on `/feed`. */
export interface FeedHandler {
  onOpen(socket: FeedSocket): void;
  onMessage(socket: FeedSocket, bytes: Uint8Array): void;
  onDrain(socket: FeedSocket): void;
  onClose(socket: FeedSocket): void;
}

/** Whether the node may be sent traffic, with the reasons as JSON. */
export type Readiness = { readonly isReady: boolean; readonly detail: { readonly [key: string]: unknown } };

/** Bounds of the server. */
export type ServerLimits = {
  /** Largest request, over HTTP and WebSocket alike. */
  readonly bodyBytesMax: number;
  /** WebSocket connections at a time, the feed's included. */
  readonly connectionCountMax: number;
  /** Unread bytes at which a slow WebSocket reader is closed. */
  readonly websocketBacklogBytes: number;
  /** Longest time that a call may take to be answered, milliseconds: synchronous sends set it. */
  readonly answerMsMax: number;
};

/** What the server is made of. */
export type RpcServerParts = {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly dispatcher: Dispatcher;
  readonly hub: SubscriptionHub;
  readonly limits: ServerLimits;
  readonly meters: RpcMeters;
  /** Web origins that may call; empty for none. */
  readonly corsOrigins: "*" | readonly string[];
  readonly readiness: () => Readiness;
  /** Prometheus text. */
  readonly metricsText: () => string;
  /** null: this node serves no followers. */
  readonly feed: FeedHandler | null;
};

/** Values for everything that a caller does not care about. */
export const DEFAULT_SERVER_LIMITS: ServerLimits = {
  bodyBytesMax: 15_000_000,
  connectionCountMax: 2_000,
  websocketBacklogBytes: 16_000_000,
  answerMsMax: 60_000,
};

type RpcSocketData = { readonly kind: "rpc"; client: Client | null };
type FeedSocketData = { readonly kind: "feed" };
type SocketData = RpcSocketData | FeedSocketData;
type Socket = Bun.ServerWebSocket<SocketData>;
type Client = {
  readonly outbound: OutboundSocket;
  readonly subscriptions: SocketSubscriptions;
  readonly session: Session;
};

const JSON_HEADERS = { "content-type": "application/json" };
const JSON_TYPES: readonly string[] = ["application/json", "application/json-rpc", "application/jsonrequest"];
/** Records are batched well below this; hello and acknowledgements are tiny. */
const FEED_MESSAGE_BYTES_MAX = 1 << 20;
/** Close code of a client whose message is larger than the limit. @see RFC 6455, section 7.4.1 */
const TOO_BIG_CODE = 1009;
/** Seconds without any traffic after which a WebSocket is closed; the server pings before that. */
const WEBSOCKET_IDLE_S = 120;

/** A running server. */
export class RpcServer {
  readonly #parts: RpcServerParts;
  readonly #server: Bun.Server<SocketData>;
  readonly #sockets = new Set<Socket>();

  /**
   * Starts listening.
   * @throws {Error} with code EADDRINUSE and the like, from the operating system
   */
  constructor(parts: RpcServerParts) {
    this.#parts = parts;
    const app = createHttpApp(parts);
    const { limits } = parts;
    this.#server = Bun.serve<SocketData>({
      hostname: parts.host,
      port: parts.port,
      // Out of the way: the limit is kept, worded and counted where the body is read; what is not read is not held.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      idleTimeout: Math.min(255, Math.ceil(limits.answerMsMax / 1_000) + 10),
      fetch: (request, server) => {
        const isUpgrade = request.headers.get("upgrade")?.toLowerCase() === "websocket";
        return isUpgrade ? this.#upgrade(request, server) : app.fetch(request);
      },
      error: () => new Response("internal server error", { status: 500 }),
      websocket: {
        maxPayloadLength: Math.max(limits.bodyBytesMax, FEED_MESSAGE_BYTES_MAX),
        // Our own accounting closes first; Bun's limit would drop messages without a word.
        backpressureLimit: 0x7fff_ffff,
        closeOnBackpressureLimit: false,
        idleTimeout: WEBSOCKET_IDLE_S,
        sendPings: true,
        perMessageDeflate: false,
        open: (socket) => this.#onOpen(socket),
        message: (socket, message) => void this.#onMessage(socket, message),
        drain: (socket) => this.#onDrain(socket),
        close: (socket) => this.#onClose(socket),
      },
    });
  }

  /** The port it listens on. */
  get port(): number {
    return this.#server.port ?? 0;
  }

  /** `http://host:port`. */
  get url(): string {
    const { host } = this.#parts;
    return `http://${host.includes(":") ? `[${host}]` : host}:${this.port}`;
  }

  /** Open WebSocket connections. */
  get connectionCount(): number {
    return this.#sockets.size;
  }

  /**
   * Stops listening.
   * @param closeActive also ends what is open (WebSockets with code 1001) and waits until it is; without it, returns at once
   */
  async stop(closeActive: boolean): Promise<void> {
    const stopped = this.#server.stop(closeActive);
    if (closeActive) await stopped;
  }

  #upgrade(request: Request, server: Bun.Server<SocketData>): Response | undefined {
    const { pathname } = new URL(request.url);
    const { feed, limits, meters, corsOrigins } = this.#parts;
    const isFeed = pathname === "/feed" && feed !== null;
    if (!isFeed && pathname !== "/" && pathname !== "/ws") return new Response("not found", { status: 404 });
    if (!isAllowedOrigin(request.headers.get("origin"), corsOrigins)) {
      return new Response("origin not allowed", { status: 403 });
    }
    if (this.#sockets.size >= limits.connectionCountMax) {
      meters.limited("connections");
      return new Response("too many connections", { status: 503, headers: { "retry-after": "1" } });
    }
    const data: SocketData = isFeed ? { kind: "feed" } : { kind: "rpc", client: null };
    return server.upgrade(request, { data }) ? undefined : new Response("upgrade failed", { status: 400 });
  }

  #onOpen(socket: Socket): void {
    const { feed, hub, limits, meters } = this.#parts;
    this.#sockets.add(socket);
    meters.connections(1);
    if (socket.data.kind === "feed") {
      feed?.onOpen(socket);
      return;
    }
    const outbound = new OutboundSocket(socket, { backlogBytesMax: limits.websocketBacklogBytes, meters });
    const subscriptions = hub.attach(outbound);
    const session: Session = { transport: "websocket", subscriptions, inFlightCount: 0 };
    socket.data.client = { outbound, subscriptions, session };
  }

  async #onMessage(socket: Socket, message: string | Buffer): Promise<void> {
    if (socket.data.kind === "feed") {
      const bytes = typeof message === "string" ? new TextEncoder().encode(message) : message;
      this.#parts.feed?.onMessage(socket, bytes);
      return;
    }
    const { client } = socket.data;
    if (client === null || client.outbound.isClosed) return;
    if (message.length > this.#parts.limits.bodyBytesMax) {
      this.#parts.meters.limited("body");
      client.outbound.fail(TOO_BIG_CODE, "message too big");
      return;
    }
    const text = typeof message === "string" ? message : new TextDecoder().decode(message);
    const { text: reply, afterSend } = await this.#parts.dispatcher.handle(text, client.session);
    if (reply !== null && !client.outbound.send(reply)) return;
    for (const run of afterSend) run();
  }

  #onDrain(socket: Socket): void {
    if (socket.data.kind === "feed") this.#parts.feed?.onDrain(socket);
    else socket.data.client?.outbound.onDrain();
  }

  #onClose(socket: Socket): void {
    if (!this.#sockets.delete(socket)) return;
    this.#parts.meters.connections(-1);
    if (socket.data.kind === "feed") {
      this.#parts.feed?.onClose(socket);
      return;
    }
    socket.data.client?.outbound.onClose();
    socket.data.client?.subscriptions.release();
  }
}

/** Browsers send an origin; other programs send none and are let in. */
function isAllowedOrigin(origin: string | null, allowed: "*" | readonly string[]): boolean {
  return origin === null || allowed === "*" || allowed.includes(origin);
}

function createHttpApp(parts: RpcServerParts): Hono {
  const { corsOrigins, readiness, metricsText } = parts;
  const app = new Hono();
  app.onError(() => new Response("internal server error", { status: 500 }));
  if (corsOrigins === "*" || corsOrigins.length > 0) {
    const origin = corsOrigins === "*" ? "*" : [...corsOrigins];
    app.use(
      "*",
      cors({ origin, allowMethods: ["GET", "POST", "OPTIONS"], allowHeaders: ["content-type"], maxAge: 600 }),
    );
  }
  app.get("/", (context) => context.body("", 200));
  app.options("*", (context) => context.body(null, 200));
  app.post("/", (context) => answerPost(context.req.raw, parts));
  app.get("/livez", (context) => context.text("ok"));
  app.get("/readyz", (context) => {
    const { isReady, detail } = readiness();
    return context.json({ ready: isReady, ...detail }, isReady ? 200 : 503);
  });
  app.get("/metrics", (context) => {
    return context.body(metricsText(), 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
  });
  app.notFound((context) => context.text("not found", 404));
  app.all("/", (context) => context.text("method not allowed", 405));
  return app;
}

async function answerPost(request: Request, { dispatcher, limits, meters }: RpcServerParts): Promise<Response> {
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > limits.bodyBytesMax) {
    meters.limited("body");
    return new Response(`content length too large (${declared}>${limits.bodyBytesMax})`, { status: 413 });
  }
  const mediaType = (request.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  if (!JSON_TYPES.includes(mediaType)) {
    return new Response("invalid content type, only application/json is supported", { status: 415 });
  }
  const session: Session = { transport: "http", subscriptions: null, inFlightCount: 0 };
  const body = await readBody(request, limits.bodyBytesMax);
  if (body === null) {
    meters.limited("body");
    return new Response(`content length too large (>${limits.bodyBytesMax})`, { status: 413 });
  }
  const { text } = await dispatcher.handle(body, session);
  return text === null ? new Response(null, { status: 204 }) : new Response(text, { headers: JSON_HEADERS });
}

/** The body as text; null when it is larger than the limit. @throws when the connection breaks */
async function readBody(request: Request, bytesMax: number): Promise<string | null> {
  // With a length told, which has been checked, the parser of the server holds the client to it.
  if (request.headers.has("content-length")) return request.text();
  if (request.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of request.body) {
    bytes += chunk.length;
    if (bytes > bytesMax) return null;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
