// The child's side of the feed: connects, greets with the last record it has, hands on what comes, acknowledges what was taken,
// and reconnects with a growing pause. It verifies nothing itself: the follower does, record by record.

import { FormatError } from "#formats/codec.ts";
import {
  decodeFeedMessage,
  decompressData,
  encodeFeedMessage,
  FEED_DATA_SIZE_BYTES_MAX,
  FEED_VERSION,
  type FeedErrorCode,
  type HelloMessage,
  type SnapshotMessage,
  unpackRecords,
  type WelcomeMessage,
} from "#formats/wire/feed.ts";

/** What the child has when it connects. */
export type FeedPosition = Pick<
  HelloMessage,
  "chainId" | "genesisHash" | "term" | "lastSequence" | "lastHash" | "wantsSnapshot"
>;

/** Whom the client serves. Each promise resolves when the next message may come: that is the child's back-pressure. */
export type FeedClientHandler = {
  /** What to say in the hello; asked at every connection. */
  position(): FeedPosition;
  /** @returns null to go on, or why this parent cannot be followed */
  onWelcome(welcome: WelcomeMessage): Promise<string | null>;
  onSnapshot(snapshot: SnapshotMessage): Promise<string | null>;
  onChunk(index: number, chunk: Uint8Array): Promise<string | null>;
  /** Encoded records in order, not verified. @returns null, or why this parent cannot be followed */
  onRecords(firstSequence: number, records: readonly Uint8Array[]): Promise<string | null>;
  /** Bytes came from the parent, as sent. */
  onReceived?(sizeBytes: number): void;
  /** The connection ended; `refusal` when the parent said why. */
  onDisconnect(reason: string, refusal: FeedErrorCode | null): void;
};

/** Pauses between connections, and when a silent parent counts as gone. */
export type FeedClientOptions = {
  readonly url: string;
  readonly client: string;
  readonly retryMsMin: number;
  readonly retryMsMax: number;
  /** No message for this long: the connection is dropped and made anew. */
  readonly silenceMsMax: number;
  /** Bytes that may wait for the handler; a parent that sends more heeds no acknowledgement. Default two of the largest messages. */
  readonly queueSizeBytesMax?: number;
};

const ACK_SIZE_BYTES = 128 * 1024;
/** Messages that wait for the handler, bytes: far above any window and the one message that may exceed it. */
const QUEUE_SIZE_BYTES_MAX = 2 * FEED_DATA_SIZE_BYTES_MAX;

/** Follows one parent until {@link stop}. */
export class FeedClient {
  readonly #options: FeedClientOptions;
  readonly #handler: FeedClientHandler;
  #socket: WebSocket | null = null;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #working = false;
  #unacknowledgedBytes = 0;
  #retryMs: number;
  #retryTimer: ReturnType<typeof setTimeout> | null = null;
  #silenceTimer: ReturnType<typeof setTimeout> | null = null;
  #refusal: FeedErrorCode | null = null;
  #stopped = false;

  constructor(options: FeedClientOptions, handler: FeedClientHandler) {
    this.#options = options;
    this.#handler = handler;
    this.#retryMs = options.retryMsMin;
  }

  /** Connects now. */
  start(): void {
    this.#connect();
  }

  /** Ends the connection for good. */
  stop(): void {
    this.#stopped = true;
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
    if (this.#silenceTimer !== null) clearTimeout(this.#silenceTimer);
    this.#socket?.close();
    this.#socket = null;
  }

  /**
   * Drops the connection and makes it anew with the handler's present position.
   * @param pauseMsMin for a parent that has sent what cannot be used: do not come back before
   */
  reconnect(reason: string, pauseMsMin = 0): void {
    const socket = this.#socket;
    if (socket === null) return;
    this.#retryMs = Math.max(this.#retryMs, pauseMsMin);
    this.#disconnected(socket, reason);
    socket.close();
  }

  #connect(): void {
    const socket = new WebSocket(this.#options.url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#refusal = null;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#unacknowledgedBytes = 0;
    this.#heard(socket);
    socket.onopen = () => {
      const { client } = this.#options;
      const position = this.#handler.position();
      socket.send(
        encodeFeedMessage({ type: "hello", version: FEED_VERSION, ...position, codecs: ["lz4", "none"], client }),
      );
    };
    socket.onmessage = (event) => {
      this.#heard(socket);
      if (socket !== this.#socket || !(event.data instanceof ArrayBuffer)) return;
      this.#handler.onReceived?.(event.data.byteLength);
      this.#enqueue(socket, new Uint8Array(event.data));
    };
    socket.onclose = (event) => this.#disconnected(socket, event.reason || `connection closed (${event.code})`);
    socket.onerror = () => this.#disconnected(socket, "connection failed");
  }

  #enqueue(socket: WebSocket, bytes: Uint8Array): void {
    this.#queuedBytes += bytes.length;
    if (this.#queuedBytes > (this.#options.queueSizeBytesMax ?? QUEUE_SIZE_BYTES_MAX)) {
      this.#queue = [];
      this.reconnect("the parent sends more than is acknowledged");
      return;
    }
    this.#queue.push(bytes);
    void this.#work(socket);
  }

  async #work(socket: WebSocket): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    try {
      while (this.#queue.length > 0 && socket === this.#socket) {
        const bytes = this.#queue.shift()!;
        this.#queuedBytes -= bytes.length;
        const problem = await this.#handle(bytes);
        if (socket !== this.#socket) return;
        if (problem !== null) {
          this.reconnect(problem);
          return;
        }
        this.#acknowledge(socket, bytes.length);
      }
    } finally {
      this.#working = false;
      if (this.#socket !== null && this.#socket !== socket && this.#queue.length > 0) void this.#work(this.#socket);
    }
  }

  async #handle(bytes: Uint8Array): Promise<string | null> {
    try {
      const message = decodeFeedMessage(bytes);
      switch (message.type) {
        case "welcome":
          return await this.#handler.onWelcome(message);
        case "snapshot":
          return await this.#handler.onSnapshot(message);
        case "chunk":
          return await this.#handler.onChunk(message.index, decompressData(message));
        case "records":
          this.#retryMs = this.#options.retryMsMin;
          return await this.#handler.onRecords(message.firstSequence, unpackRecords(message));
        case "error":
          this.#refusal = message.code;
          return `${message.code}: ${message.message}`;
        default:
          return `unexpected ${message.type}`;
      }
    } catch (error) {
      if (error instanceof FormatError) return `malformed message: ${error.message}`;
      throw error;
    }
  }

  #acknowledge(socket: WebSocket, sizeBytes: number): void {
    this.#unacknowledgedBytes += sizeBytes;
    if (this.#unacknowledgedBytes < ACK_SIZE_BYTES && this.#queue.length > 0) return;
    if (socket.readyState !== WebSocket.OPEN) return;
    socket.send(encodeFeedMessage({ type: "ack", bytes: this.#unacknowledgedBytes }));
    this.#unacknowledgedBytes = 0;
  }

  #heard(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    if (this.#silenceTimer !== null) clearTimeout(this.#silenceTimer);
    this.#silenceTimer = setTimeout(() => {
      if (socket !== this.#socket) return;
      this.reconnect(`no message for ${this.#options.silenceMsMax} ms`);
    }, this.#options.silenceMsMax);
  }

  #disconnected(socket: WebSocket, reason: string): void {
    if (socket !== this.#socket) return;
    this.#socket = null;
    if (this.#silenceTimer !== null) clearTimeout(this.#silenceTimer);
    this.#handler.onDisconnect(reason, this.#refusal);
    if (this.#stopped) return;
    const pauseMs = this.#retryMs * (0.75 + 0.5 * Math.random());
    this.#retryMs = Math.min(this.#retryMs * 2, this.#options.retryMsMax);
    this.#retryTimer = setTimeout(() => this.#connect(), pauseMs);
  }
}
