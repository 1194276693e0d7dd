// The compile thread: takes jobs from the threads that run byte code and gives each of them every result.
//
//   jobs (one port per thread) ─▶ queue ─▶ CodeCompiler ─▶ results (all ports), files

import { must } from "#base/assert.ts";
import { toHex } from "#base/hex.ts";
import { parseGenesisDocument } from "#chain/genesis.ts";
import { CodeCompiler } from "#evm/compiler/code-compiler.ts";
import type { CompileAnswer } from "#evm/compiler/compile-link.ts";
import type { CompileJob, CompileResult } from "#evm/compiler/compile-service.ts";
import { CompiledStore } from "#evm/compiler/compiled-store.ts";
import { ModuleWarmer } from "#evm/compiler/module-warmer.ts";
import { CoreWarmUp } from "#evm/core-warm-up.ts";
import { attachMetrics } from "#observability/metrics.ts";
import { RealDisk } from "#storage/real-disk.ts";
import { COMPILED_DIRECTORY } from "../data-layout.ts";
import { adoptCore } from "./adopt-core.ts";
import { following } from "./following-counter.ts";
import { WARM_UP_DELAY_MS } from "./idle-warm-up.ts";
import { describeError, logThrough } from "./thread-loop.ts";
import type { ThreadPort, ThreadStart } from "./thread-protocol.ts";

/** Runs the compile thread; it ends with the process. Whatever happens to it, byte code goes on in the interpreter. */
export async function runCompileThread(start: ThreadStart, port: ThreadPort): Promise<void> {
  adoptCore(start);
  const { spec } = parseGenesisDocument(start.setup.genesisDocument);
  const { fork } = must(start.core, "the engine's core module");
  const { regions } = start.setup;
  const warmUp = await CoreWarmUp.create(spec, fork, { memory: regions.arena, ...regions.evm.compile });
  const thread = new CompileThread(start, port, warmUp);
  for (const [source, jobs] of start.compilePorts.entries()) {
    jobs.onmessage = ({ data }: MessageEvent<CompileJob>) => thread.offer(data, source);
  }
  port.post({ type: "ready" });
  setTimeout(() => thread.wake(), WARM_UP_DELAY_MS);
}

class CompileThread {
  readonly #ports: readonly MessagePort[];
  readonly #compiler: CodeCompiler<number>;
  readonly #warmUp: CoreWarmUp;
  readonly #meters: (() => void)[];
  #isAwake = false;

  constructor(start: ThreadStart, port: ThreadPort, warmUp: CoreWarmUp) {
    const { options, regions, dataDirectory } = start.setup;
    const metrics = attachMetrics(regions.metrics, start.metricsIndex);
    this.#ports = start.compilePorts;
    this.#warmUp = warmUp;
    const store = new CompiledStore(new RealDisk(dataDirectory), COMPILED_DIRECTORY, options.jitCacheBytes);
    this.#compiler = new CodeCompiler<number>({
      queueLengthMax: options.jitQueueLimit,
      store: options.ephemeral ? null : store,
      warmer: new ModuleWarmer(warmUp.thread),
      publish: (result) => this.#publish(result),
      drop: ({ job: { fork, codeHash }, source }) => this.#answer(source, { kind: "dropped", fork, codeHash }),
      onFailure: ({ codeHash }, error) => {
        logThrough(port)("compile_failed", { code: toHex(codeHash), error: describeError(error) });
      },
    });
    const { counters } = this.#compiler;
    const total = (result: "compiled" | "refused" | "failed" | "dropped" | "loaded") =>
      following(metrics.counter("compile_jobs_total", { result }), () => counters[result]);
    const queue = metrics.gauge("compile_queue_length");
    this.#meters = [
      total("compiled"),
      total("refused"),
      total("failed"),
      total("dropped"),
      total("loaded"),
      following(metrics.counter("compile_seconds_total"), () => counters.compileMs / 1e3),
      following(metrics.counter("compile_warm_up_seconds_total"), () => counters.warmUpMs / 1e3),
      following(metrics.counter("compiled_bytes_total"), () => counters.moduleBytes),
      () => queue.set(this.#compiler.queueLength),
    ];
  }

  /** A job of one of the threads. */
  offer(job: CompileJob, source: number): void {
    this.#compiler.offer({ job, source });
    this.wake();
  }

  /** Works as long as there is something to do, and lets messages in between two pieces of work. */
  wake(): void {
    if (this.#isAwake) return;
    this.#isAwake = true;
    setImmediate(() => void this.#work());
  }

  async #work(): Promise<void> {
    while (await this.#step()) await new Promise((resolve) => setImmediate(resolve));
    this.#isAwake = false;
  }

  /** Jobs first, then the interpreter, then what is on disk. @returns whether there may be more to do */
  async #step(): Promise<boolean> {
    const warms = this.#compiler.queueLength === 0 && !this.#warmUp.isDone;
    if (warms) await this.#warmUp.step();
    const isMore = warms || this.#compiler.step();
    for (const bringUp of this.#meters) bringUp();
    return isMore;
  }

  #publish(result: CompileResult): void {
    for (const source of this.#ports.keys()) this.#answer(source, { kind: "result", result });
  }

  #answer(source: number, answer: CompileAnswer): void {
    this.#ports[source]?.postMessage(answer);
  }
}
