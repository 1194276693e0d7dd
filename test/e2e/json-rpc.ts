// JSON-RPC as plain as it goes, over HTTP and WebSocket: what the tests see is what the node sent, with no library between.

/** An error member of a reply. */
export type RpcErrorMember = { readonly code: number; readonly message: string; readonly data?: unknown };

/** A reply, or one element of a batch reply. */
export type RpcReply = { readonly jsonrpc: string; readonly id: unknown; result?: unknown; error?: RpcErrorMember };

/** A call that was answered with an error. */
export class RpcFailure extends Error {
  override readonly name = "RpcFailure";
  readonly code: number;
  readonly data: unknown;

  constructor(method: string, error: RpcErrorMember) {
    super(`${method}: ${error.message} (${error.code})`);
    this.code = error.code;
    this.data = error.data;
  }
}

/** The body of one request. */
export function requestBody(method: string, params: readonly unknown[], id: unknown = 1): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method, params });
}

/** A client of one node over HTTP. */
export class HttpRpc {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** The result of a call. @throws {RpcFailure} */
  async call<T>(method: string, ...params: readonly unknown[]): Promise<T> {
    return resultOf<T>(method, await this.reply(method, ...params));
  }

  /** The whole reply of a call. */
  async reply(method: string, ...params: readonly unknown[]): Promise<RpcReply> {
    return (await this.post(requestBody(method, params))).json() as Promise<RpcReply>;
  }

  /** The error that a call is answered with. @throws {Error} when it succeeds */
  async error(method: string, ...params: readonly unknown[]): Promise<RpcErrorMember> {
    return errorOf(method, await this.reply(method, ...params));
  }

  /** The replies of a batch in the order that they came. */
  async batch(elements: readonly unknown[]): Promise<RpcReply[]> {
    return (await this.post(JSON.stringify(elements))).json() as Promise<RpcReply[]>;
  }

  /** Results of many calls of one method, in the order of `paramsList`, sent as one batch. @throws {RpcFailure} */
  async many<T>(method: string, paramsList: readonly (readonly unknown[])[]): Promise<T[]> {
    const replies = await this.batch(paramsList.map((params, id) => ({ jsonrpc: "2.0", id, method, params })));
    const byId = new Map(replies.map((reply) => [reply.id, reply]));
    return paramsList.map((_, id) => {
      const reply = byId.get(id);
      if (reply === undefined) throw new Error(`${method}: no reply for element ${id}: ${JSON.stringify(replies[0])}`);
      return resultOf<T>(method, reply);
    });
  }

  /** Posts a body as it is. */
  post(body: string, headers: Record<string, string> = { "content-type": "application/json" }): Promise<Response> {
    return fetch(this.url, { method: "POST", body, headers });
  }
}

/** A notification of eth_subscribe, as sent. */
type Notification = { readonly subscription: string; readonly result: unknown };

/** What one subscription has brought so far. */
export class Subscription {
  readonly id: string;
  readonly results: unknown[] = [];
  #wake: (() => void)[] = [];

  constructor(id: string) {
    this.id = id;
  }

  /** Takes one more. */
  push(result: unknown): void {
    this.results.push(result);
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** Resolves once `isEnough` holds of the results. @throws {Error} after `timeoutMs` */
  async until<T>(isEnough: (results: readonly T[]) => boolean, timeoutMs = 20_000): Promise<T[]> {
    const deadlineMs = Date.now() + timeoutMs;
    while (!isEnough(this.results as T[])) {
      const leftMs = deadlineMs - Date.now();
      if (leftMs <= 0) throw new Error(`subscription ${this.id}: ${this.results.length} results are not enough`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake.push(resolve);
      const timer = setTimeout(resolve, leftMs);
      await promise;
      clearTimeout(timer);
    }
    return this.results as T[];
  }

  /** The first `count` results. */
  async take<T>(count: number, timeoutMs?: number): Promise<T[]> {
    return (await this.until<T>((results) => results.length >= count, timeoutMs)).slice(0, count);
  }
}

/** A client of one node over WebSocket. */
export class SocketRpc {
  /** Notifications that came for no known subscription, for instance before the reply that names it. */
  readonly strays: Notification[] = [];
  /** Close code and reason, once closed. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<unknown, (reply: RpcReply) => void>();
  readonly #subscriptions = new Map<string, Subscription>();
  #texts: ((message: unknown) => void)[] = [];
  #nextId = 1;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    const { promise, resolve } = Promise.withResolvers<{ code: number; reason: string }>();
    this.closed = promise;
    socket.onclose = ({ code, reason }) => resolve({ code, reason });
    socket.onmessage = ({ data }) => this.#onMessage(JSON.parse(String(data)));
  }

  /** Connects. */
  static async connect(url: string): Promise<SocketRpc> {
    const socket = new WebSocket(url);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error(`no WebSocket at ${url}`));
    await promise;
    return new SocketRpc(socket);
  }

  /** The result of a call. @throws {RpcFailure} */
  async call<T>(method: string, ...params: readonly unknown[]): Promise<T> {
    return resultOf<T>(method, await this.reply(method, ...params));
  }

  /** The error that a call is answered with. @throws {Error} when it succeeds */
  async error(method: string, ...params: readonly unknown[]): Promise<RpcErrorMember> {
    return errorOf(method, await this.reply(method, ...params));
  }

  /** The whole reply of a call. */
  reply(method: string, ...params: readonly unknown[]): Promise<RpcReply> {
    const id = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<RpcReply>();
    this.#waiting.set(id, resolve);
    this.#socket.send(requestBody(method, params, id));
    void this.closed.then(({ code, reason }) => {
      resolve({ jsonrpc: "2.0", id, error: { code: -1, message: `socket closed: ${code} ${reason}` } });
    });
    return promise;
  }

  /** Subscribes. @throws {RpcFailure} */
  async subscribe(kind: string, ...options: readonly unknown[]): Promise<Subscription> {
    const id = await this.call<string>("eth_subscribe", kind, ...options);
    return this.#subscriptions.get(id) as Subscription;
  }

  /** Sends a text as it is and resolves to the next message that answers no other call. */
  sendText(text: string): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.#texts.push(resolve);
    this.#socket.send(text);
    return promise;
  }

  /** Closes the connection. */
  close(): void {
    this.#socket.close();
  }

  #onMessage(message: unknown): void {
    const { id, method, params } = message as RpcReply & { method?: string; params?: Notification };
    if (method === "eth_subscription" && params !== undefined) {
      const subscription = this.#subscriptions.get(params.subscription);
      if (subscription === undefined) this.strays.push(params);
      else subscription.push(params.result);
      return;
    }
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) {
      this.#texts.shift()?.(message);
      return;
    }
    this.#waiting.delete(id);
    const { result } = message as RpcReply;
    // Known at once, so that a notification in the very next message finds its subscription.
    if (typeof result === "string") this.#subscriptions.set(result, new Subscription(result));
    waiting(message as RpcReply);
  }
}

function resultOf<T>(method: string, reply: RpcReply): T {
  if (reply.error !== undefined) throw new RpcFailure(method, reply.error);
  if (reply.result === undefined) throw new Error(`${method}: neither result nor error: ${JSON.stringify(reply)}`);
  return reply.result as T;
}

function errorOf(method: string, reply: RpcReply): RpcErrorMember {
  if (reply.error === undefined) throw new Error(`${method} was expected to fail: ${JSON.stringify(reply)}`);
  return reply.error;
}
