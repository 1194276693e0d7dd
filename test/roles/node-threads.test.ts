// The worker threads as the main thread holds them, with workers that the test plays: how they start, what is heard from them, how
// they end.

import { describe, expect, test } from "bun:test";
import { must } from "#base/assert.ts";
import { RingReader, RingWriter } from "#base/ring.ts";
import { kernelModules } from "#crypto/thread-kernels.ts";
import { NodeStatus } from "#formats/memory/node-status.ts";
import { createLogger } from "#observability/logger.ts";
import { attachMetrics } from "#observability/metrics.ts";
import type { NodeOptions } from "#roles/node-options.ts";
import { allocateRegions, describeMemory, NodeThreads, untilReady } from "#roles/node-threads.ts";
import type { FromThread, NodeRegions, NodeSetup, ThreadStart, ToThread } from "#roles/threads/thread-protocol.ts";
import { releaseMemory } from "#wasm/loader.ts";

/** A worker of which the test is the thread. */
class FakeWorker {
  onmessage: (event: { data: FromThread }) => void = () => {};
  onerror: (event: { message: string; preventDefault: () => void }) => void = () => {};
  readonly received: (ThreadStart | ToThread)[] = [];
  isTerminated = false;

  postMessage(message: ThreadStart | ToThread): void {
    this.received.push(message);
  }

  terminate(): void {
    this.isTerminated = true;
  }

  /** Speaks as the thread. */
  say(message: FromThread): void {
    this.onmessage({ data: message });
  }
}

function openThreads(jitMode: NodeOptions["jitMode"] = "off") {
  const workers: FakeWorker[] = [];
  const lines: string[] = [];
  const heard: [FromThread["type"], string][] = [];
  const setup = { dataDirectory: "somewhere", options: { engine: "wasm", jitMode } } as NodeSetup;
  const threads = new NodeThreads({
    spawn: () => {
      const worker = new FakeWorker();
      workers.push(worker);
      return worker as unknown as Worker;
    },
    setup,
    core: null,
    logger: createLogger({ level: "debug", format: "json", write: (line) => lines.push(line) }),
    listener: (message, thread) => heard.push([message.type, `${thread.kind} ${thread.index}`]),
  });
  return { threads, workers, lines, heard, setup, worker: (index: number) => must(workers[index], "a worker") };
}

const STOPPED: FromThread = { type: "stopped" };

describe("node threads", () => {
  test("each is told its kind, its place and its metrics block", () => {
    const { threads, workers, setup } = openThreads();
    const rest = {
      type: "start" as const,
      kernels: kernelModules(),
      core: null,
      compilePorts: [],
      setup,
      recovered: null,
    };
    threads.start("execute", 0, null);
    threads.start("read", 0, null);
    threads.start("read", 1, null);
    expect(workers.map(({ received }) => received)).toEqual([
      [{ ...rest, kind: "execute", index: 0, metricsIndex: 1 }],
      [{ ...rest, kind: "read", index: 0, metricsIndex: 2 }],
      [{ ...rest, kind: "read", index: 1, metricsIndex: 3 }],
    ]);
    expect(threads.of("read").map(({ index }) => index)).toEqual([0, 1]);
    expect(threads.the("execute").kind).toBe("execute");
    expect(() => threads.the("commit")).toThrow("commit");
  });

  test("the compile thread has the other ends of the ports of all threads that run byte code", async () => {
    const { threads, workers } = openThreads("on");
    for (const kind of ["execute", "log", "read", "compile"] as const) threads.start(kind, 0, null);
    const ports = workers.map(({ received }) => (received[0] as ThreadStart).compilePorts);
    expect(ports.map(({ length }) => length)).toEqual([1, 0, 1, 2]);
    const [execute, , read, compile] = ports;
    const heard: unknown[] = [];
    for (const [index, port] of compile!.entries()) port.onmessage = ({ data }) => heard.push([index, data]);
    read![0]!.postMessage("from read");
    execute![0]!.postMessage("from execute");
    while (heard.length < 2) await Bun.sleep(1);
    expect(heard).toEqual(
      expect.arrayContaining([
        [0, "from execute"],
        [1, "from read"],
      ]),
    );
    for (const port of ports.flat()) port.close();
  });

  test("the node goes on without a compile thread that failed", async () => {
    const { threads, worker, lines } = openThreads("on");
    for (const kind of ["execute", "compile"] as const) threads.start(kind, 0, null);
    worker(1).say({ type: "failed", message: "no memory" });
    worker(0).say({ type: "failed", message: "EIO" });
    expect((await threads.failed).message).toBe("execute thread: EIO");
    expect(lines.map((line) => JSON.parse(line).thread)).toEqual(["compile 0", "execute 0"]);
  });

  test("messages go to their thread and come back to the listener; log lines are written", () => {
    const { threads, worker, lines, heard } = openThreads();
    threads.start("execute", 0, null);
    threads.start("commit", 0, null);
    threads.the("commit").post({ type: "drain" });
    expect(worker(0).received.length).toBe(1);
    expect(worker(1).received[1]).toEqual({ type: "drain" });
    worker(1).say({ type: "root", root: { blockNumber: 1, version: 2, root: new Uint8Array(32) } });
    worker(0).say({ type: "log", event: "disk_full", fields: {} });
    expect(heard).toEqual([["root", "commit 0"]]);
    expect(lines.map((line) => JSON.parse(line).event)).toEqual(["disk_full"]);
  });

  test("ready when every thread is, or the first failure", async () => {
    const { threads, worker, lines } = openThreads();
    const started = [threads.start("execute", 0, null), threads.start("log", 0, null)];
    const ready = untilReady(
      threads,
      started.map((thread) => thread.ready),
    );
    worker(0).say({ type: "ready" });
    worker(1).say({ type: "ready" });
    await ready;
    const more = threads.start("read", 0, null);
    const failing = untilReady(threads, [more.ready]);
    worker(2).say({ type: "failed", message: "no memory" });
    await expect(failing).rejects.toThrow("read thread: no memory");
    worker(1).onerror({ message: "later", preventDefault: () => {} });
    expect((await threads.failed).message).toBe("read thread: no memory");
    const events = lines.map((line) => JSON.parse(line).event);
    expect(events).toEqual(["thread_started", "thread_started", "thread_failed", "thread_failed"]);
  });

  test("an uncaught error of a worker is its failure", async () => {
    const { threads, worker } = openThreads();
    threads.start("log", 0, null);
    let isPrevented = false;
    worker(0).onerror({ message: "EIO", preventDefault: () => (isPrevented = true) });
    expect((await threads.failed).message).toBe("log thread: EIO");
    expect(isPrevented).toBe(true);
  });

  test("the stop waits for all but the verify and compile threads, then ends every worker", async () => {
    const { threads, workers, worker } = openThreads();
    for (const kind of ["execute", "log", "verify", "compile"] as const) threads.start(kind, 0, null);
    let isOver = false;
    const stop = threads.stop().then(() => {
      isOver = true;
    });
    worker(0).say(STOPPED);
    await Bun.sleep(2);
    expect([isOver, workers.some(({ isTerminated }) => isTerminated)]).toEqual([false, false]);
    worker(1).say(STOPPED);
    await stop;
    expect(workers.every(({ isTerminated }) => isTerminated)).toBe(true);
  });

  test("a thread that fails while it stops is the stop's failure, one that had failed before is not", async () => {
    const { threads, workers, worker } = openThreads();
    for (const kind of ["execute", "log"] as const) threads.start(kind, 0, null);
    const stop = threads.stop();
    worker(1).say({ type: "failed", message: "EIO" });
    await expect(stop).rejects.toThrow("log thread: EIO");
    expect(workers.every(({ isTerminated }) => isTerminated)).toBe(true);
    const other = openThreads();
    other.threads.start("execute", 0, null);
    other.worker(0).say({ type: "failed", message: "EIO" });
    await other.threads.stop();
    expect(other.worker(0).isTerminated).toBe(true);
  });

  test("a start that failed ends every worker", () => {
    const { threads, workers } = openThreads();
    for (const kind of ["execute", "log"] as const) threads.start(kind, 0, null);
    threads.terminateAll();
    expect(workers.every(({ isTerminated }) => isTerminated)).toBe(true);
  });
});

function release({ arena, state }: NodeRegions): void {
  for (const memory of [arena, ...state.segments]) releaseMemory(memory as WebAssembly.Memory);
}

describe("shared memory of a node", () => {
  const options = {
    role: "sequencer",
    verifyWorkerCount: 2,
    readWorkerCount: 3,
    stateMemoryBytes: 64 << 20,
    gasLimit: 30_000_000n,
    callGasLimit: 50_000_000n,
  } as const;

  test("a sequencer's rings connect the threads that the protocol names", () => {
    const regions = allocateRegions(options as NodeOptions);
    expect([regions.requests.length, regions.verified.length]).toEqual([3, 2]);
    expect(regions.published.doorbells).toEqual([
      regions.doorbells.main,
      regions.doorbells.commit,
      ...regions.doorbells.read,
    ]);
    expect(regions.requests.map(({ doorbells }) => doorbells)).toEqual([
      [must(regions.doorbells.verify[0], "a doorbell")],
      [must(regions.doorbells.verify[1], "a doorbell")],
      [must(regions.doorbells.verify[0], "a doorbell")],
    ]);
    const payload = Uint8Array.of(1, 2);
    expect(new RingWriter(regions.published).tryWrite(1, payload)).toBe(true);
    for (let reader = 0; reader < 5; reader++) {
      expect(new RingReader(regions.published, reader).tryRead()).toEqual({ kind: 1, payload });
    }
    expect(new NodeStatus(regions.status).get("publishedSequence")).toBe(-1);
    const threadCount = 1 + 4 + 2 + 3;
    for (let index = 0; index < threadCount; index++) attachMetrics(regions.metrics, index);
    expect(() => attachMetrics(regions.metrics, threadCount)).toThrow();
    release(regions);
  });

  test("a replica has no verify threads: its reads ask the owner of the table", () => {
    const regions = allocateRegions({ ...options, role: "replica" } as NodeOptions);
    expect(regions.verified).toEqual([]);
    for (const { doorbells } of regions.requests) expect(doorbells).toEqual([regions.doorbells.writer]);
    release(regions);
  });

  test("the plan says what the state memory holds", () => {
    const lines = describeMemory(options);
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.join("\n")).toContain("records");
    expect(lines.slice(-3).map((line) => line.trim().split(/ {2,}/)[0])).toEqual(["execute", "each read", "compile"]);
  });
});
