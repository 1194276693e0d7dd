// Our own engine: the shared transaction rules over machines that run byte code in WebAssembly. All engines of a thread share its
// arena; a run is synchronous inside, so calls that overlap take turns.

import type { ChainSpec } from "#chain/chain-spec.ts";
import { CONTEXT, EXIT_REASONS } from "#formats/memory/evm-arena.ts";
import type { BlockEnvironment, Engine } from "./engine.ts";
import type { Host } from "./host.ts";
import { readCount } from "./runtime/arena-words.ts";
import { type FallbackReason, WasmMachine } from "./runtime/machine.ts";
import type { ArenaRange } from "./runtime/range.ts";
import { EvmThread, ownThread } from "./runtime/thread.ts";
import { applyTransaction, executeCall, executeSystemCall, type Stage } from "./transition.ts";

/** What runs byte code: the interpreter alone, or compiled code as well. */
export type EngineTier = "interpreter" | "auto" | "compile" | "exits";

/** How to make an engine. */
export type WasmEngineOptions = {
  readonly tier: EngineTier;
  /** Zeroed memory for the thread's arena; a thread that is given none makes its own, once. */
  readonly range?: ArenaRange;
};

/** What all engines of the thread did since it began. */
export type EngineCounters = {
  /** Gas charged by the interpreter. */
  readonly gasInterpreted: number;
  /** Gas charged in compiled code. */
  readonly gasCompiled: number;
  /** Hand-overs from compiled code to the interpreter, by reason. */
  readonly exits: Readonly<Record<(typeof EXIT_REASONS)[number], number>>;
  /** Frames that the reference machine ran instead, by reason. */
  readonly fallbacks: Readonly<Record<FallbackReason, number>>;
};

/** Our engine, and what it did. */
export type WasmEngine = Engine & {
  readonly kind: "wasm";
  readonly thread: EvmThread;
  counters(): EngineCounters;
};

/** An engine for a chain. Core modules are made when a fork is first seen. */
export async function createWasmEngine(spec: ChainSpec, options: WasmEngineOptions): Promise<WasmEngine> {
  const thread = options.range === undefined ? ownThread() : new EvmThread(options.range);
  const machines = new Map<string, WasmMachine>();
  const fallbacks: Record<FallbackReason, number> = { exhausted: 0, oversized: 0 };

  const stageOf = (env: BlockEnvironment, host: Host): Stage => {
    const { fork, chainId } = env;
    const kind = `${fork} ${chainId}`;
    let machine = machines.get(kind);
    if (machine === undefined) {
      const onFallback = (reason: FallbackReason) => void fallbacks[reason]++;
      machines.set(kind, (machine = new WasmMachine({ thread, fork, chainId, onFallback })));
    }
    return { machine, env, host };
  };

  return {
    kind: "wasm",
    thread,
    applyTransaction: (tx, sender, env, host) => applyTransaction(tx, sender, stageOf(env, host), spec),
    call: (message, env, host) => executeCall(message, stageOf(env, host)),
    systemCall: (to, data, env, host) => executeSystemCall(to, data, stageOf(env, host)),
    counters: () => readCounters(thread, fallbacks),
  };
}

function readCounters({ arena }: EvmThread, fallbacks: Readonly<Record<FallbackReason, number>>): EngineCounters {
  const { base } = arena.range;
  const exits = EXIT_REASONS.map((reason, i) => [reason, readCount(arena, base + CONTEXT.exits + 8 * i)] as const);
  return {
    gasInterpreted: readCount(arena, base + CONTEXT.gasInterpreted),
    gasCompiled: readCount(arena, base + CONTEXT.gasCompiled),
    exits: Object.fromEntries(exits) as EngineCounters["exits"],
    fallbacks: { ...fallbacks },
  };
}
