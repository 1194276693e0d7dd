// The JSON-RPC envelope: single calls, batches, notifications, junk. Runs on the main thread, where it answers O(1)
// methods and sends the rest to the read workers; what comes back is spliced into the reply without being parsed again.
//
//   text ─▶ parse ─▶ element ─▶ main method ──────────▶ reply text
//                          ├──▶ ReadPort ─▶ worker ───▶
//                          └──▶ eth_subscribe (sockets) ▶ reply, and only then the first notification

import type { MainContext, ReadPort } from "./context.ts";
import {
  batchTooLarge,
  emptyBatch,
  internalError,
  invalidRequest,
  methodNameTooLong,
  methodNotFound,
  notificationsUnsupported,
  overloaded,
  parseError,
  RpcError,
  type RpcErrorObject,
  responseTooLarge,
} from "./errors.ts";
import type { RpcMeters, Transport } from "./meters.ts";
import { findMethod, type ReadMethod } from "./method-table.ts";
import { isJsonObject, parseArguments } from "./parameters.ts";
import type { FailureSink } from "./read-service.ts";

/** Subscriptions of one socket, as far as the dispatcher needs them. */
export type SubscriptionPort = {
  /**
   * Registers a subscription without starting it.
   * @returns its id, and the function that lets notifications flow, to be called once the reply is on its way
   * @throws {RpcError} for a kind or options that do not exist, or one too many
   */
  subscribe(params: unknown): Promise<{ readonly id: string; readonly activate: () => void }>;
  /** @throws {RpcError} when the id is not held here */
  unsubscribe(params: unknown): boolean;
};

/** Where a message came from. */
export type Session = {
  readonly transport: Transport;
  /** null on a transport that cannot carry notifications. */
  readonly subscriptions: SubscriptionPort | null;
  /** Calls of this session that wait for read workers; kept by the dispatcher. */
  inFlightCount: number;
};

/** What to send, and what to do once it is sent. */
export type DispatchResult = {
  /** null when nothing is to be answered: notifications only. */
  readonly text: string | null;
  readonly afterSend: readonly (() => void)[];
};

/** Bounds of the envelope. */
export type DispatchLimits = {
  readonly batchItemsMax: number;
  /** Bytes of all results of one message, single or batch. */
  readonly responseBytesMax: number;
  /** Calls that may wait for read workers at a time; more are refused with a code that clients retry on. */
  readonly inFlightMax: number;
  /** As `inFlightMax`, for one session, so that no client takes all of it. */
  readonly sessionInFlightMax: number;
  /** Calls of one batch that run at a time. */
  readonly batchConcurrency: number;
};

/** Values for everything that a caller does not care about. */
export const DEFAULT_DISPATCH_LIMITS: DispatchLimits = {
  batchItemsMax: 1_000,
  responseBytesMax: 50_000_000,
  inFlightMax: 16_384,
  sessionInFlightMax: 2_048,
  batchConcurrency: 64,
};

/** What the dispatcher is made of. */
export type DispatcherParts = {
  readonly main: MainContext;
  readonly read: ReadPort;
  readonly limits: DispatchLimits;
  readonly meters: RpcMeters;
  readonly onFailure: FailureSink;
};

const METHOD_NAME_LENGTH_MAX = 2_048;

/** Answers JSON-RPC messages. One per process; calls overlap. */
export class Dispatcher {
  readonly #parts: DispatcherParts;
  #inFlightCount = 0;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
  }

  /** Calls that wait for read workers. */
  get inFlightCount(): number {
    return this.#inFlightCount;
  }

  /** Answers one message. Never rejects. */
  async handle(text: string, session: Session): Promise<DispatchResult> {
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      return { text: errorReply(null, parseError()), afterSend: [] };
    }
    const afterSend: (() => void)[] = [];
    const reply = Array.isArray(message)
      ? await this.#batch(message, session, afterSend)
      : await this.#element(message, session, afterSend);
    return { text: reply, afterSend };
  }

  async #batch(elements: readonly unknown[], session: Session, afterSend: (() => void)[]): Promise<string | null> {
    const { limits, meters } = this.#parts;
    if (elements.length === 0) return errorReply(null, emptyBatch());
    if (elements.length > limits.batchItemsMax) {
      meters.limited("batch");
      return errorReply(null, batchTooLarge());
    }
    const replies: (string | null)[] = new Array(elements.length).fill(null);
    let bytesLeft = limits.responseBytesMax;
    let next = 0;
    const runLane = async (): Promise<void> => {
      while (next < elements.length) {
        const index = next++;
        const element = elements[index];
        if (bytesLeft < 0) {
          if (needsReply(element)) replies[index] = errorReply(replyId(element), responseTooLarge());
          continue;
        }
        const reply = await this.#element(element, session, afterSend);
        bytesLeft -= reply?.length ?? 0;
        if (bytesLeft < 0 && reply !== null) meters.limited("response");
        replies[index] = bytesLeft < 0 && reply !== null ? errorReply(replyId(element), responseTooLarge()) : reply;
      }
    };
    const laneCount = Math.min(limits.batchConcurrency, elements.length);
    await Promise.all(Array.from({ length: laneCount }, runLane));
    const answered = replies.filter((reply) => reply !== null);
    return answered.length === 0 ? null : `[${answered.join(",")}]`;
  }

  /** Answers one call; null for a notification. */
  async #element(element: unknown, session: Session, afterSend: (() => void)[]): Promise<string | null> {
    const startMs = performance.now();
    const id = replyId(element);
    let reply: string;
    let failed = false;
    try {
      const call = readEnvelope(element);
      reply = `{"jsonrpc":"2.0","id":${id},"result":${await this.#run(call, session, afterSend)}}`;
    } catch (error) {
      failed = true;
      reply = errorReply(id, this.#toRpcError(error, element));
    }
    this.#parts.meters.answered(session.transport, (performance.now() - startMs) / 1000, failed);
    return needsReply(element) ? reply : null;
  }

  async #run(call: Call, session: Session, afterSend: (() => void)[]): Promise<string> {
    if (call.method === "eth_subscribe" || call.method === "eth_unsubscribe") {
      return this.#subscription(call, session, afterSend);
    }
    const method = findMethod(call.method);
    if (method === undefined) throw methodNotFound(call.method);
    if (method.where === "read") return this.#read(method, call, session);
    const values = parseArguments(method.parameters, call.params);
    return JSON.stringify((await method.run(this.#parts.main, ...values)) ?? null);
  }

  async #subscription(call: Call, session: Session, afterSend: (() => void)[]): Promise<string> {
    const { subscriptions } = session;
    if (subscriptions === null) throw notificationsUnsupported();
    if (call.method === "eth_unsubscribe") return JSON.stringify(subscriptions.unsubscribe(call.params));
    // Without an id there is nobody who could learn the subscription's name.
    if (!call.isAnswered) throw invalidRequest();
    const { id, activate } = await subscriptions.subscribe(call.params);
    afterSend.push(activate);
    return JSON.stringify(id);
  }

  async #read(method: ReadMethod, call: Call, session: Session): Promise<string> {
    const { limits, read, meters } = this.#parts;
    if (this.#inFlightCount >= limits.inFlightMax || session.inFlightCount >= limits.sessionInFlightMax) {
      meters.limited("queue");
      throw overloaded("too many requests in flight");
    }
    this.#inFlightCount++;
    session.inFlightCount++;
    try {
      const reply = await read.call({ method: method.name, params: call.params ?? [] }, method.route);
      if (!reply.ok) throw new RpcError(reply.error.code, reply.error.message, reply.error.data);
      return reply.json;
    } finally {
      this.#inFlightCount--;
      session.inFlightCount--;
    }
  }

  #toRpcError(error: unknown, element: unknown): RpcError {
    if (error instanceof RpcError) return error;
    const method = isJsonObject(element) ? String(element.method) : "";
    this.#parts.onFailure({ method, error });
    return internalError();
  }
}

type Call = { readonly method: string; readonly params: unknown; readonly isAnswered: boolean };

/** Checks one envelope. @throws {RpcError} -32600 */
function readEnvelope(element: unknown): Call {
  if (!isJsonObject(element)) throw invalidRequest();
  const { jsonrpc, method, params, id } = element;
  if (jsonrpc !== "2.0" || typeof method !== "string" || method === "" || !isValidId(id)) throw invalidRequest();
  if (method.length > METHOD_NAME_LENGTH_MAX) throw methodNameTooLong(method.length, METHOD_NAME_LENGTH_MAX);
  return { method, params, isAnswered: id !== undefined };
}

/** An id may be absent, null, a string, a number or a boolean, as in geth. */
function isValidId(id: unknown): boolean {
  return id === null || typeof id !== "object";
}

/** Whether the element gets a reply: everything but a well-formed call without an id. `id: null` is answered. */
function needsReply(element: unknown): boolean {
  if (!isJsonObject(element)) return true;
  const { jsonrpc, method, id } = element;
  return id !== undefined || jsonrpc !== "2.0" || typeof method !== "string" || method === "";
}

/** The id of a reply as JSON text; null for an element without a usable one. */
function replyId(element: unknown): string {
  const id = isJsonObject(element) ? element.id : null;
  return id === undefined || !isValidId(id) ? "null" : JSON.stringify(id);
}

function errorReply(id: string | null, error: RpcError): string {
  const body: RpcErrorObject = error.toObject();
  return `{"jsonrpc":"2.0","id":${id ?? "null"},"error":${JSON.stringify(body)}}`;
}
