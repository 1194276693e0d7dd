// The worker threads of a node as the main thread holds them: shared memory, starting, messages, failure, end.

import { must } from "#base/assert.ts";
import { Doorbell } from "#base/doorbell.ts";
import { allocateRing } from "#base/ring.ts";
import { kernelModules } from "#crypto/thread-kernels.ts";
import { allocateNodeStatus } from "#formats/memory/node-status.ts";
import type { Logger } from "#observability/logger.ts";
import { createMetricsRegion } from "#observability/metrics.ts";
import { allocateState, describePlan, planStateMemory } from "#state/memory-plan.ts";
import { StateTable } from "#state/table.ts";
import { createMemory } from "#wasm/loader.ts";
import type { NodeOptions } from "./node-options.ts";
import { type ArenaPlan, planArena } from "./threads/arena-plan.ts";
import type {
  FromThread,
  NodeRegions,
  NodeSetup,
  Recovered,
  SharedCore,
  ThreadKind,
  ThreadStart,
  ToThread,
} from "./threads/thread-protocol.ts";

/** Makes a worker whose entry is `workers.ts`; `main.ts` knows where that is. */
export type SpawnWorker = () => Worker;

const MEBIBYTE = 1 << 20;
/** Records on their way to the log and from it: some seconds of a loaded chain. */
const RECORDS_RING_SIZE_BYTES = 64 * MEBIBYTE;
const REQUEST_RING_SIZE_BYTES = 8 * MEBIBYTE;
/** Longest wait for a thread to say that it is ready or has ended; replay of a long log takes the most. */
const STOP_MS_MAX = 20_000;

/** What outlives a node that is started again in the same process: large memory, and counters that only grow. */
export type KeptRegions = Pick<NodeRegions, "state" | "metrics" | "arena">;

/**
 * Allocates everything that threads share.
 * @param kept of a node with the same options whose threads have ended; its state is emptied
 */
export function allocateRegions(options: NodeOptions, kept: KeptRegions | null = null): NodeRegions {
  if (kept !== null) new StateTable(kept.state).reset();
  const isSequencer = options.role === "sequencer";
  const verifyCount = isSequencer ? options.verifyWorkerCount : 0;
  const readCount = options.readWorkerCount;
  const bell = () => new Doorbell().handle;
  const doorbells = {
    main: bell(),
    log: bell(),
    commit: bell(),
    writer: bell(),
    verify: Array.from({ length: verifyCount }, bell),
    read: Array.from({ length: readCount }, bell),
  };
  const ring = (capacityBytes: number, ...readers: SharedArrayBuffer[]) => allocateRing({ capacityBytes, readers });
  const threadCount = threadCountOf(options);
  const arena = planNodeArena(options);
  return {
    state: kept?.state ?? allocateState(planStateMemory({ stateMemoryBytes: options.stateMemoryBytes })),
    status: allocateNodeStatus(),
    metrics: kept?.metrics ?? createMetricsRegion(threadCount),
    records: ring(RECORDS_RING_SIZE_BYTES, doorbells.log),
    published: ring(RECORDS_RING_SIZE_BYTES, doorbells.main, doorbells.commit, ...doorbells.read),
    requests: doorbells.read.map((_, worker) => {
      return ring(REQUEST_RING_SIZE_BYTES, doorbells.verify[worker % Math.max(1, verifyCount)] ?? doorbells.writer);
    }),
    verified: doorbells.verify.map(() => ring(REQUEST_RING_SIZE_BYTES, doorbells.writer)),
    replies: ring(REQUEST_RING_SIZE_BYTES, ...doorbells.read),
    feed: ring(RECORDS_RING_SIZE_BYTES, doorbells.writer),
    arena: kept?.arena ?? createArena(arena),
    evm: arena.evm,
    doorbells,
  };
}

/** What the sizes of a node's shared memory depend on. */
export type MemoryOptions = Pick<
  NodeOptions,
  "role" | "verifyWorkerCount" | "readWorkerCount" | "stateMemoryBytes" | "gasLimit" | "callGasLimit"
>;

/** The memory plan as lines for people. */
export function describeMemory(options: MemoryOptions): readonly string[] {
  const { execute, read, compile } = planNodeArena(options).evm;
  const mebibytes = (sizeBytes: number) => `${Math.floor(sizeBytes / MEBIBYTE)} MiB`;
  const ranges = [
    ...(execute === null ? [] : [`  execute     ${mebibytes(execute.sizeBytes)}`]),
    `  each read   ${mebibytes(must(read[0], "a read worker's range").sizeBytes)}`,
    `  compile     ${mebibytes(compile.sizeBytes)}`,
  ];
  return [
    ...describePlan(planStateMemory({ stateMemoryBytes: options.stateMemoryBytes })).split("\n"),
    "EVM ranges, taken as they are used:",
    ...ranges,
  ];
}

function threadCountOf(options: MemoryOptions): number {
  const verifyCount = options.role === "sequencer" ? options.verifyWorkerCount : 0;
  // Besides them: the main thread, the table's owner, log, commit and compile.
  return 1 + 4 + verifyCount + options.readWorkerCount;
}

function planNodeArena(options: MemoryOptions): ArenaPlan {
  return planArena({
    threadCount: threadCountOf(options),
    readCount: options.readWorkerCount,
    transactionGasMax: options.role === "sequencer" ? options.gasLimit : null,
    callGasMax: options.callGasLimit,
  });
}

function createArena({ pageCount }: ArenaPlan): WebAssembly.Memory {
  return createMemory({ initialPages: pageCount, maximumPages: pageCount, shared: true });
}

/** A thread has met what it cannot go on from; the message is the thread's own, with its stack when that was a bug. */
export class ThreadFailedError extends Error {
  override readonly name = "ThreadFailedError";
  readonly code = "THREAD_FAILED";
}

/** Threads had to be ended by force: the stop counts as unclean, and the next start opens a new term. */
export class ThreadsLateError extends Error {
  override readonly name = "ThreadsLateError";
  readonly code = "THREADS_LATE";
}

/** Threads that run byte code. */
const RUNS_CODE: ReadonlySet<ThreadKind> = new Set<ThreadKind>(["execute", "read"]);

/** Whether byte code is compiled on a thread of its own. */
export function hasCompileThread({ engine, jitMode }: Pick<NodeOptions, "engine" | "jitMode">): boolean {
  return engine === "wasm" && jitMode === "on";
}

/** Threads that are ended without being asked: they leave nothing unfinished. */
const ENDED_AT_ONCE: ReadonlySet<ThreadKind> = new Set<ThreadKind>(["verify", "compile"]);

/** Hears what threads say, apart from start and end. */
export type ThreadListener = (message: FromThread, thread: NodeThread) => void;

/** All threads of a node. */
export class NodeThreads {
  /** Rejects never; resolves with the first failure of any thread. */
  readonly failed: Promise<Error>;
  readonly #spawn: SpawnWorker;
  readonly #setup: NodeSetup;
  readonly #logger: Logger;
  readonly #listener: ThreadListener;
  readonly #core: SharedCore | null;
  readonly #threads: NodeThread[] = [];
  /** Ends of the compile thread's ports, until it is started. */
  #compilePorts: MessagePort[] = [];
  #idle: Worker[] = [];
  #reportFailure: (error: Error) => void = () => {};
  #isFailed = false;

  /** @param parts `core` null: the threads do not run our engine, or each makes its own core module */
  constructor(parts: {
    spawn: SpawnWorker;
    setup: NodeSetup;
    logger: Logger;
    listener: ThreadListener;
    core: SharedCore | null;
  }) {
    this.#spawn = parts.spawn;
    this.#setup = parts.setup;
    this.#core = parts.core;
    this.#logger = parts.logger;
    this.#listener = parts.listener;
    this.failed = new Promise((resolve) => {
      this.#reportFailure = resolve;
    });
  }

  /** Reports a failure of the main thread as if it were one of these. */
  fail(error: Error): void {
    this.#isFailed = true;
    this.#reportFailure(error);
  }

  /** Makes workers that {@link start} will take, so that they load while the state is restored: a fifth of the time to start. */
  prepare(count: number): void {
    for (let i = 0; i < count; i++) this.#idle.push(this.#spawn());
  }

  /** Starts one thread; the compile thread behind all that run byte code. */
  start(kind: ThreadKind, index: number, recovered: Recovered | null): NodeThread {
    const metricsIndex = this.#threads.length + 1;
    const thread = new NodeThread(this.#idle.shift() ?? this.#spawn(), {
      type: "start",
      kind,
      index,
      metricsIndex,
      kernels: kernelModules(),
      core: this.#core,
      compilePorts: this.#compilePortsFor(kind),
      setup: this.#setup,
      recovered,
    });
    this.#threads.push(thread);
    thread.onMessage = (message) => this.#hear(thread, message);
    void thread.ready.then(() => this.#logger.log("thread_started", { thread: `${kind} ${index}` }));
    return thread;
  }

  #compilePortsFor(kind: ThreadKind): MessagePort[] {
    if (kind === "compile") return this.#compilePorts.splice(0);
    if (!RUNS_CODE.has(kind) || !hasCompileThread(this.#setup.options)) return [];
    const { port1, port2 } = new MessageChannel();
    this.#compilePorts.push(port2);
    return [port1];
  }

  /** The threads of one kind. */
  of(kind: ThreadKind): readonly NodeThread[] {
    return this.#threads.filter((thread) => thread.kind === kind);
  }

  /** The only thread of a kind. */
  the(kind: ThreadKind): NodeThread {
    return must(this.of(kind)[0], `the ${kind} thread`);
  }

  /**
   * Waits until every thread but the verify and compile threads has ended, then ends those; what does not end in time is ended.
   * @throws {ThreadFailedError} when a thread fails only now
   * @throws {ThreadsLateError} when threads had to be ended by force
   */
  async stop(): Promise<void> {
    const wasFailed = this.#isFailed;
    const ending = this.#threads.filter((thread) => !ENDED_AT_ONCE.has(thread.kind));
    const { promise: late, resolve } = Promise.withResolvers<"late">();
    const timer = setTimeout(() => resolve("late"), STOP_MS_MAX);
    const ended = Promise.all(ending.map((thread) => thread.stopped)).then(() => "ended" as const);
    const outcome = await Promise.race([ended, late, this.failed]);
    clearTimeout(timer);
    const running = ending.filter((thread) => !thread.isStopped).map(({ kind, index }) => `${kind} ${index}`);
    this.terminateAll();
    if (outcome === "late")
      throw new ThreadsLateError(`ended by force, since they did not stop: ${running.join(", ")}`);
    if (outcome !== "ended" && !wasFailed) throw outcome;
  }

  /** Ends every thread wherever it is. */
  terminateAll(): void {
    for (const thread of this.#threads) thread.terminate();
    for (const worker of this.#idle.splice(0)) worker.terminate();
  }

  #hear(thread: NodeThread, message: FromThread): void {
    switch (message.type) {
      case "failed": {
        this.#logger.log("thread_failed", { thread: `${thread.kind} ${thread.index}`, error: message.message });
        // Without it, byte code that is not compiled yet stays interpreted.
        if (thread.kind === "compile") break;
        this.fail(new ThreadFailedError(`${thread.kind} thread: ${message.message}`));
        break;
      }
      case "log":
        this.#logger.log(message.event, message.fields);
        break;
      default:
        this.#listener(message, thread);
    }
  }
}

/** One worker thread. */
export class NodeThread {
  readonly kind: ThreadKind;
  readonly index: number;
  /** Resolves when the thread can be used. */
  readonly ready: Promise<void>;
  /** Resolves when the thread has ended in order. */
  readonly stopped: Promise<void>;
  onMessage: (message: FromThread) => void = () => {};
  readonly #worker: Worker;
  #isStopped = false;

  constructor(worker: Worker, start: ThreadStart) {
    this.kind = start.kind;
    this.index = start.index;
    this.#worker = worker;
    let becomeReady = () => {};
    let becomeStopped = () => {};
    this.ready = new Promise((resolve) => {
      becomeReady = resolve;
    });
    this.stopped = new Promise((resolve) => {
      becomeStopped = resolve;
    });
    worker.onmessage = ({ data }: MessageEvent<FromThread>) => {
      if (data.type === "ready") becomeReady();
      if (data.type === "stopped") {
        this.#isStopped = true;
        becomeStopped();
      }
      this.onMessage(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.onMessage({ type: "failed", message: event.message });
    };
    worker.postMessage(start, [...start.compilePorts]);
  }

  /** Whether the thread has ended in order. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Sends a control message. */
  post(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  /** Ends the thread wherever it is. */
  terminate(): void {
    this.#worker.terminate();
  }
}

/** Waits for threads, or throws the failure that came first. */
export async function untilReady(threads: NodeThreads, ready: readonly Promise<unknown>[]): Promise<void> {
  const failure = await Promise.race([Promise.all(ready).then(() => null), threads.failed]);
  if (failure !== null) throw failure;
}
