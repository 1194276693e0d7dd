// A lasting JSON-RPC connection over WebSocket: many calls in flight, each with a time limit, and a connection that comes back.
// A call is sent once; whoever made it decides whether to make it again.

/** What became of a call. */
export type CallOutcome =
  | { readonly kind: "result"; readonly value: unknown }
  | { readonly kind: "error"; readonly code: number; readonly message: string; readonly data: unknown }
  /** No answer: not connected, too many calls, too slow, or the connection broke. */
  | { readonly kind: "failed"; readonly reason: string };

/** Bounds of a connection. */
export type JsonRpcSocketOptions = {
  readonly url: string;
  /** A call without an answer for this long has failed; so has one that found no connection. */
  readonly timeoutMs: number;
  readonly inFlightCountMax: number;
  readonly retryMsMin: number;
  readonly retryMsMax: number;
};

type Call = {
  readonly text: string;
  readonly resolve: (outcome: CallOutcome) => void;
  readonly timer: ReturnType<typeof setTimeout>;
  isSent: boolean;
};

/** Connects at the first call and stays connected until {@link stop}. */
export class JsonRpcSocket {
  readonly #options: JsonRpcSocketOptions;
  readonly #calls = new Map<number, Call>();
  #socket: WebSocket | null = null;
  #retryMs: number;
  #retryTimer: ReturnType<typeof setTimeout> | null = null;
  #nextId = 1;
  #isStopped = false;

  constructor(options: JsonRpcSocketOptions) {
    this.#options = options;
    this.#retryMs = options.retryMsMin;
  }

  /** Calls that wait for an answer. */
  get inFlightCount(): number {
    return this.#calls.size;
  }

  /** Makes one call; the promise never rejects. While the connection is being made the call waits for it. */
  call(method: string, params: readonly unknown[]): Promise<CallOutcome> {
    const { inFlightCountMax, timeoutMs } = this.#options;
    if (this.#isStopped) return failed("the node is stopping");
    if (this.#calls.size >= inFlightCountMax) return failed("too many requests wait for upstream");
    if (this.#retryTimer !== null) return failed("upstream cannot be reached");
    if (this.#socket === null) this.#connect();
    const id = this.#nextId++;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#settle(id, { kind: "failed", reason: `no answer from upstream in ${timeoutMs} ms` });
      }, timeoutMs);
      const text = JSON.stringify({ jsonrpc: "2.0", id, method, params });
      this.#calls.set(id, { text, resolve, timer, isSent: false });
      this.#flush();
    });
  }

  /** Ends the connection; what is in flight fails. */
  stop(): void {
    this.#isStopped = true;
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#failAll("the node is stopping");
  }

  #connect(): void {
    const socket = new WebSocket(this.#options.url);
    this.#socket = socket;
    socket.onopen = () => {
      this.#retryMs = this.#options.retryMsMin;
      this.#flush();
    };
    socket.onmessage = (event) => this.#onMessage(event.data);
    socket.onclose = () => this.#onLost(socket);
    socket.onerror = () => this.#onLost(socket);
  }

  #flush(): void {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return;
    for (const call of this.#calls.values()) {
      if (call.isSent) continue;
      call.isSent = true;
      socket.send(call.text);
    }
  }

  #onMessage(data: unknown): void {
    const reply = typeof data === "string" ? tryParse(data) : null;
    if (reply === null || typeof reply.id !== "number") return;
    const { id, error } = reply;
    if (typeof error !== "object" || error === null) {
      this.#settle(id, { kind: "result", value: reply.result });
      return;
    }
    const { code, message, data: details } = error as Record<string, unknown>;
    const words = typeof message === "string" ? message : "upstream gave an error without words";
    this.#settle(id, { kind: "error", code: typeof code === "number" ? code : 0, message: words, data: details });
  }

  #onLost(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    this.#socket = null;
    socket.close();
    this.#failAll("the connection to upstream was lost");
    const pauseMs = this.#retryMs * (0.75 + 0.5 * Math.random());
    this.#retryMs = Math.min(this.#retryMs * 2, this.#options.retryMsMax);
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = null;
      this.#connect();
    }, pauseMs);
  }

  #failAll(reason: string): void {
    for (const id of [...this.#calls.keys()]) this.#settle(id, { kind: "failed", reason });
  }

  #settle(id: number, outcome: CallOutcome): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    this.#calls.delete(id);
    clearTimeout(call.timer);
    call.resolve(outcome);
  }
}

function failed(reason: string): Promise<CallOutcome> {
  return Promise.resolve({ kind: "failed", reason });
}

function tryParse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
