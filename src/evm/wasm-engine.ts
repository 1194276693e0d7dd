// Our own engine: the shared transaction rules over machines that run byte code in WebAssembly. All engines of a thread share its
// arena; a run is synchronous inside, so calls that overlap take turns.

import type { ChainSpec } from "#chain/chain-spec.ts";
import { type CompileLink, OwnThreadLink } from "./compiler/compile-link.ts";
import { EagerCompiler } from "./compiler/eager-compiler.ts";
import { DEFAULT_TIERING, TieredCompiler, type TieringOptions } from "./compiler/tiered-compiler.ts";
import type { BlockEnvironment, Engine } from "./engine.ts";
import type { Host } from "./host.ts";
import { EngineCounters } from "./runtime/counters.ts";
import { WasmMachine } from "./runtime/machine.ts";
import type { ArenaRange } from "./runtime/range.ts";
import { EvmThread, ownThread } from "./runtime/thread.ts";
import { applyTransaction, executeCall, executeSystemCall, type Stage } from "./transition.ts";

/**
 * What runs byte code: the interpreter alone; compiled code where it is worth it; compiled code wherever there can be any; the
 * same with exits to the interpreter that have no reason.
 */
export type EngineTier = "interpreter" | "auto" | "compile" | "exits";

/** How to make an engine. */
export type WasmEngineOptions = {
  readonly tier: EngineTier;
  /** Zeroed memory for the thread's arena; a thread that is given none makes its own, once. */
  readonly range?: ArenaRange;
  /** For the tier "auto": who compiles; the thread itself unless told. */
  readonly link?: CompileLink;
  readonly tiering?: TieringOptions;
};

/** Our engine, and what it did. */
export type WasmEngine = Engine & {
  readonly kind: "wasm";
  readonly thread: EvmThread;
  readonly counters: EngineCounters;
  /** null for the other tiers than "auto". */
  readonly tiering: TieredCompiler | null;
};

/** An engine for a chain. Core modules are made when a fork is first seen. */
export async function createWasmEngine(spec: ChainSpec, options: WasmEngineOptions): Promise<WasmEngine> {
  const { tier } = options;
  const thread = options.range === undefined ? ownThread(tier) : new EvmThread(options.range);
  if (tier === "compile" || tier === "exits") {
    thread.bridge.listener ??= new EagerCompiler(thread, { forcesExits: tier === "exits" });
  }
  if (tier === "auto") {
    thread.bridge.listener ??= new TieredCompiler(
      thread,
      options.link ?? new OwnThreadLink(),
      options.tiering ?? DEFAULT_TIERING,
    );
  }
  const tiering = thread.bridge.listener instanceof TieredCompiler ? thread.bridge.listener : null;
  const machines = new Map<string, WasmMachine>();
  const counters = new EngineCounters();

  const machineOf = ({ fork, chainId }: BlockEnvironment): WasmMachine => {
    const kind = `${fork} ${chainId}`;
    let machine = machines.get(kind);
    if (machine === undefined) machines.set(kind, (machine = new WasmMachine({ thread, fork, chainId, counters })));
    return machine;
  };
  // Transactions of a block come with the same environment: naming its machine in text takes 300 ns.
  let last: { readonly env: BlockEnvironment; readonly machine: WasmMachine } | null = null;
  const stageOf = (env: BlockEnvironment, host: Host): Stage => {
    if (last === null || last.env !== env) last = { env, machine: machineOf(env) };
    return { machine: last.machine, env, host };
  };

  return {
    kind: "wasm",
    thread,
    applyTransaction: (tx, sender, env, host) => applyTransaction(tx, sender, stageOf(env, host), spec),
    call: (message, env, host) => executeCall(message, stageOf(env, host)),
    systemCall: (to, data, env, host) => executeSystemCall(to, data, stageOf(env, host)),
    counters,
    tiering,
  };
}
