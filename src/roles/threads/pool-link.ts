// A read worker's line to the pool: through the rings on a sequencer, through the main thread and upstream on a replica.

import { must } from "#base/assert.ts";
import { RingReader, RingWriter } from "#base/ring.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import type { RejectCode } from "#chain/reject.ts";
import { transactionHash } from "#chain/transaction.ts";
import { ByteReader } from "#formats/codec.ts";
import { decodeTagged, encodeTagged, ReplyMessage, RequestMessage } from "#formats/memory/ring-messages.ts";
import type { PendingTransaction, ReadPorts, SubmitResult } from "#rpc/context.ts";
import type { ForwardRequest, ForwardResult, ThreadPort, ThreadStart } from "./thread-protocol.ts";

/** The pool as a read worker asks it. */
export type PoolLink = Pick<ReadPorts, "submit" | "pendingNonce" | "pendingTransaction"> & {
  /** Takes replies that have arrived. @returns whether there were any */
  poll(): boolean;
  /** An answer from upstream that the main thread passes on. */
  onForwarded(id: number, result: ForwardResult): void;
};

const REQUEST_NUMBER_COUNT = 2 ** 32;
/** Requests of one worker that may wait for the pool's thread at a time. */
const PENDING_REQUEST_COUNT_MAX = 65_536;

/** The link for a role: its own pool, or upstream's. */
export function openPoolLink(start: ThreadStart, port: ThreadPort): PoolLink {
  return start.setup.options.role === "sequencer" ? new RingPoolLink(start) : new ForwardPoolLink(port);
}

type Reply = { readonly kind: number; readonly body: Uint8Array };

class RingPoolLink implements PoolLink {
  readonly #worker: number;
  readonly #requests: RingWriter;
  readonly #replies: RingReader;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #next = 0;

  constructor({ index, setup }: ThreadStart) {
    this.#worker = index;
    this.#requests = new RingWriter(must(setup.regions.requests[index], "a requests ring for each read worker"));
    this.#replies = new RingReader(setup.regions.replies, index);
  }

  async submit(raw: Uint8Array, options: { readonly requireReady: boolean }): Promise<SubmitResult> {
    const flag = Uint8Array.of(options.requireReady ? 1 : 0);
    const reply = await this.#ask(RequestMessage.submit, flag, raw);
    return reply === null ? { kind: "unavailable", reason: "transaction queue is full" } : readSubmitReply(reply, raw);
  }

  async pendingNonce(address: Address): Promise<bigint> {
    const reply = must(await this.#askPatiently(RequestMessage.pendingNonce, address), "a reply");
    return new ByteReader(reply.body).integer(8);
  }

  async pendingTransaction(hash: Hash32): Promise<PendingTransaction | null> {
    const { kind, body } = await this.#askPatiently(RequestMessage.pendingTransaction, hash);
    return kind === ReplyMessage.noTransaction ? null : { sender: body.subarray(0, 20), raw: body.subarray(20) };
  }

  poll(): boolean {
    let any = false;
    for (let message = this.#replies.tryRead(); message !== null; message = this.#replies.tryRead()) {
      const { tag, body } = decodeTagged(message.payload);
      if (tag.worker !== this.#worker) continue;
      any = true;
      const resolve = must(this.#waiting.get(tag.request), "a reply to a request that waits");
      this.#waiting.delete(tag.request);
      resolve({ kind: message.kind, body });
    }
    return any;
  }

  onForwarded(): void {}

  /** Null when the queue to the pool is full. */
  #ask(kind: number, ...parts: readonly Uint8Array[]): Promise<Reply | null> {
    if (this.#waiting.size >= PENDING_REQUEST_COUNT_MAX) return Promise.resolve(null);
    const request = this.#next;
    const payload = encodeTagged({ worker: this.#worker, request }, ...parts);
    if (payload.length > this.#requests.payloadSizeBytesMax || !this.#requests.tryWrite(kind, payload)) {
      return Promise.resolve(null);
    }
    this.#next = (request + 1) % REQUEST_NUMBER_COUNT;
    return new Promise((resolve) => this.#waiting.set(request, resolve));
  }

  async #askPatiently(kind: number, ...parts: readonly Uint8Array[]): Promise<Reply> {
    for (;;) {
      const reply = await this.#ask(kind, ...parts);
      if (reply !== null) return reply;
      await Bun.sleep(1);
    }
  }
}

class ForwardPoolLink implements PoolLink {
  readonly #port: ThreadPort;
  readonly #waiting = new Map<number, (result: ForwardResult) => void>();
  #next = 0;

  constructor(port: ThreadPort) {
    this.#port = port;
  }

  async submit(raw: Uint8Array, { requireReady }: { readonly requireReady: boolean }): Promise<SubmitResult> {
    const result = await this.#ask({ kind: "submit", raw, requireReady });
    if (result.kind === "submit") return result.result;
    return { kind: "unavailable", reason: result.kind === "failed" ? result.reason : "upstream gave no answer" };
  }

  async pendingNonce(address: Address): Promise<bigint> {
    const result = await this.#ask({ kind: "pendingNonce", address });
    return result.kind === "pendingNonce" && result.nonce !== null ? result.nonce : 0n;
  }

  async pendingTransaction(hash: Hash32): Promise<PendingTransaction | null> {
    const result = await this.#ask({ kind: "pendingTransaction", hash });
    return result.kind === "pendingTransaction" ? result.transaction : null;
  }

  poll(): boolean {
    return false;
  }

  onForwarded(id: number, result: ForwardResult): void {
    this.#waiting.get(id)?.(result);
    this.#waiting.delete(id);
  }

  #ask(request: ForwardRequest): Promise<ForwardResult> {
    if (this.#waiting.size >= PENDING_REQUEST_COUNT_MAX) {
      return Promise.resolve({ kind: "failed", reason: "too many requests wait for upstream" });
    }
    const id = this.#next++;
    this.#port.post({ type: "forward", id, request });
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }
}

function readSubmitReply({ kind, body }: Reply, raw: Uint8Array): SubmitResult {
  const reader = new ByteReader(body);
  switch (kind) {
    case ReplyMessage.accepted:
      return { kind: "accepted", hash: transactionHash(raw) };
    case ReplyMessage.nonceGap:
      return { kind: "nonceGap", expectedNonce: reader.integer(8) };
    case ReplyMessage.rejected: {
      const text = new TextDecoder();
      const code = text.decode(reader.sized(1024)) as RejectCode;
      return { kind: "rejected", reject: { code, message: text.decode(reader.sized(1 << 16)) } };
    }
    case ReplyMessage.notReady:
      return { kind: "notReady", reason: new TextDecoder().decode(body) };
    default:
      return { kind: "unavailable", reason: new TextDecoder().decode(body) };
  }
}
