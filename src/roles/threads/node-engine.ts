// The engine of a thread that runs byte code, as the node's options ask for it, and what it did as metrics.

import type { ChainSpec } from "#chain/chain-spec.ts";
import { DEFAULT_TIERING } from "#evm/compiler/tiered-compiler.ts";
import type { Engine } from "#evm/engine.ts";
import { PrecompileWarmUp } from "#evm/precompiles/warm-up.ts";
import { createWasmEngine, type WasmEngine, type WasmEngineOptions } from "#evm/wasm-engine.ts";
import { EXIT_REASONS } from "#formats/memory/evm-arena.ts";
import { attachMetrics, type Metrics } from "#observability/metrics.ts";
import { adoptCore } from "./adopt-core.ts";
import type { ArenaRange } from "./arena-plan.ts";
import { PortLink } from "./compile-ports.ts";
import { following, paced } from "./following-counter.ts";
import { warmUpWhenIdle } from "./idle-warm-up.ts";
import type { ThreadStart } from "./thread-protocol.ts";

/** An engine, and its metrics. */
export type NodeEngine = {
  readonly engine: Engine;
  /** What is to be done between runs: takes compiled code in, brings the metrics up to date. Cheap when called too often. */
  tend(): void;
};

/** Later than the interpreter and the recovery of senders, which every transaction needs. */
const WARM_UP_PACE = { delayMs: 1_500, pauseMs: 50 } as const;
/** Calls of each precompile: the first makes its kernel, and a few more the next tier's code. About 200 ms in all. */
const WARM_UP_ROUNDS = 5;

/** Makes the engine of a thread. @param range where its byte code runs */
export async function openNodeEngine(start: ThreadStart, spec: ChainSpec, range: ArenaRange): Promise<NodeEngine> {
  const { options, regions } = start.setup;
  const metrics = attachMetrics(regions.metrics, start.metricsIndex);
  if (options.engine === "reference") {
    // Our own engine loads the library only when it falls back to it.
    const { createReferenceEngine } = await import("#evm/reference/engine.ts");
    const counted = countRuns(await createReferenceEngine(spec));
    const used = metrics.counter("engine_used_total", { kind: "reference" });
    return { engine: counted.engine, tend: paced([following(used, counted.runCount)]) };
  }
  adoptCore(start);
  const engine = await createWasmEngine(spec, {
    ...tieringOf(start),
    range: { memory: regions.arena, ...range },
  });
  if (start.core !== null && runsCalls(start)) {
    const warmUp = new PrecompileWarmUp(start.core.fork, WARM_UP_ROUNDS);
    void warmUpWhenIdle(warmUp, () => engine.counters.runs, WARM_UP_PACE);
  }
  const updateMeters = paced(followEngine(engine, metrics));
  const tend = () => {
    engine.tiering?.takeAnswers();
    updateMeters();
  };
  return { engine, tend };
}

// Of several read workers the first leaves code to the others.
function runsCalls({ kind, index, setup }: ThreadStart): boolean {
  return kind !== "read" || index > 0 || setup.regions.evm.read.length === 1;
}

function tieringOf({ setup, compilePorts }: ThreadStart): Omit<WasmEngineOptions, "range"> {
  const { jitMode, jitThreshold, jitCacheBytes, jitCodeBytesMax } = setup.options;
  const [port] = compilePorts;
  if (jitMode === "force") return { tier: "compile" };
  if (jitMode === "off" || port === undefined) return { tier: "interpreter" };
  const tiering = {
    ...DEFAULT_TIERING,
    gasPerByte: jitThreshold,
    cacheSizeBytes: jitCacheBytes,
    codeSizeBytesMax: jitCodeBytesMax,
  };
  return { tier: "auto", link: new PortLink(port), tiering };
}

function followEngine({ counters, tiering }: WasmEngine, metrics: Metrics): (() => void)[] {
  const { fallbacks } = counters;
  const keptBytes = metrics.gauge("compiled_code_bytes");
  const fallbackCount = () => fallbacks.exhausted + fallbacks.oversized;
  return [
    () => keptBytes.set(tiering?.sizeBytes ?? 0),
    following(metrics.counter("engine_handovers_total"), () => tiering?.counters.handovers ?? 0),
    following(metrics.counter("engine_used_total", { kind: "wasm" }), () => counters.runs - fallbackCount()),
    following(metrics.counter("engine_used_total", { kind: "reference" }), fallbackCount),
    following(metrics.counter("engine_fallbacks_total", { reason: "exhausted" }), () => fallbacks.exhausted),
    following(metrics.counter("engine_fallbacks_total", { reason: "oversized" }), () => fallbacks.oversized),
    following(metrics.counter("engine_gas_total", { tier: "interpreted" }), () => counters.gasInterpreted),
    following(metrics.counter("engine_gas_total", { tier: "compiled" }), () => counters.gasCompiled),
    ...EXIT_REASONS.map((reason) =>
      following(metrics.counter("engine_exits_total", { reason }), () => counters.exits[reason]),
    ),
  ];
}

function countRuns(engine: Engine): { readonly engine: Engine; readonly runCount: () => number } {
  let count = 0;
  const counted: Engine = {
    kind: engine.kind,
    applyTransaction: (...args) => {
      count++;
      return engine.applyTransaction(...args);
    },
    call: (...args) => {
      count++;
      return engine.call(...args);
    },
    systemCall: (...args) => {
      count++;
      return engine.systemCall(...args);
    },
  };
  return { engine: counted, runCount: () => count };
}
