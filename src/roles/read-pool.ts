// The read workers as the RPC sees them: calls go to the one with the fewest waiting, subscriptions to worker 0. A call that runs
// code keeps its worker for as long as it runs. So where there are several workers, the first runs none
// (but to estimate the gas of what the node signs itself), and a call that runs none
// never waits for one that does.

import { must } from "#base/assert.ts";
import type { ReadCall, ReadPort, ReadReply } from "#rpc/context.ts";
import { overloaded } from "#rpc/errors.ts";
import { runsCode } from "#rpc/method-table.ts";
import type { Delivery, ReplayChunk } from "#rpc/subscription-renderer.ts";
import type { SubscriptionTopic } from "#rpc/subscription-topics.ts";
import type { RendererPort } from "#rpc/subscriptions.ts";
import type { NodeThread } from "./node-threads.ts";
import type { FromThread } from "./threads/thread-protocol.ts";

const SHUTTING_DOWN: ReadReply = { ok: false, error: overloaded("the node is shutting down").toObject() };

type Worker = {
  readonly thread: NodeThread;
  waiting: number;
  /** Those of them that run code. */
  waitingCode: number;
};

/** Carries calls to read workers and their answers back. */
export class ReadPool implements ReadPort, RendererPort {
  /** Set by the owner of the subscriptions. */
  onDeliveries: (deliveries: readonly Delivery[]) => void = () => {};
  #workers: Worker[] = [];
  readonly #calls = new Map<number, { worker: Worker; isCode: boolean; resolve: (reply: ReadReply) => void }>();
  readonly #replays = new Map<number, (chunk: ReplayChunk) => void>();
  #nextId = 0;
  #isClosed = false;

  /** The workers to use; once, before the first call. */
  use(threads: readonly NodeThread[]): void {
    this.#workers = threads.map((thread) => ({ thread, waiting: 0, waitingCode: 0 }));
  }

  /** @inheritdoc */
  call(call: ReadCall, route: "any" | "one"): Promise<ReadReply> {
    if (this.#isClosed) return Promise.resolve(SHUTTING_DOWN);
    const isCode = runsCode(call.method);
    const worker = route === "any" ? this.#workerFor(isCode) : must(this.#workers[0], "a read worker");
    const id = this.#nextId++;
    worker.waiting++;
    if (isCode) worker.waitingCode++;
    worker.thread.post({ type: "call", id, call });
    return new Promise((resolve) => this.#calls.set(id, { worker, isCode, resolve }));
  }

  #workerFor(isCode: boolean): Worker {
    const [first, ...others] = this.#workers;
    let worker = must(first, "a read worker");
    if (others.length === 0) return worker;
    if (isCode) worker = must(others[0], "a second read worker");
    for (const other of others) {
      if (other.waiting < worker.waiting && (isCode || other.waitingCode === 0)) worker = other;
    }
    return worker;
  }

  /** @inheritdoc */
  open(topic: SubscriptionTopic): void {
    this.#workers[0]?.thread.post({ type: "openTopic", topic });
  }

  /** @inheritdoc */
  close(key: string): void {
    this.#workers[0]?.thread.post({ type: "closeTopic", key });
  }

  /** @inheritdoc */
  replay(from: number): Promise<ReplayChunk> {
    const id = this.#nextId++;
    must(this.#workers[0], "a read worker").thread.post({ type: "replay", id, from });
    return new Promise((resolve) => this.#replays.set(id, resolve));
  }

  /** The workers end: what waits and what comes is refused with a code that clients retry on. */
  shutDown(): void {
    this.#isClosed = true;
    for (const { resolve } of this.#calls.values()) resolve(SHUTTING_DOWN);
    this.#calls.clear();
  }

  /** Takes a worker's message. @returns whether it was for the RPC */
  onMessage(message: FromThread): boolean {
    switch (message.type) {
      case "reply": {
        const call = this.#calls.get(message.id);
        if (call === undefined) return true; // answered by `shutDown`
        this.#calls.delete(message.id);
        call.worker.waiting--;
        if (call.isCode) call.worker.waitingCode--;
        call.resolve(message.reply);
        return true;
      }
      case "replayed":
        this.#replays.get(message.id)?.(message.chunk);
        this.#replays.delete(message.id);
        return true;
      case "deliveries":
        this.onDeliveries(message.deliveries);
        this.#workers[0]?.thread.post({ type: "delivered" });
        return true;
      default:
        return false;
    }
  }
}
