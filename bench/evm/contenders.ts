// Our own contenders, in one place: every engine behind the Engine interface, over the flat table as the node has it. Each
// call gets an overlay of its own, as eth_call does.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { type ChainSpec, createChainSpec, ETHEREUM_BASE_FEE } from "#chain/chain-spec.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import { ZERO_HASH } from "#chain/primitives.ts";
import type { BlockEnvironment, CallMessage, CallOutcome, Engine } from "#evm/engine.ts";
import { OverlayHost } from "#evm/overlay-host.ts";
import { createReferenceEngine } from "#evm/reference/engine.ts";
import { PortLink } from "#roles/threads/compile-ports.ts";
import { allocateState, planStateMemory } from "#state/memory-plan.ts";
import { type GenesisState, StateTable } from "#state/table.ts";
import { CLOCK } from "./clock.ts";
import { callMessage, environmentOf, GAS_LIMIT, type Program, type ProgramMessage } from "./program.ts";

/** How much of our engine takes part: `createWasmEngine`'s own word. */
export type Tier = "interpreter" | "compile" | "exits" | "auto";

/** An engine under measurement. */
export type Contender = {
  readonly name: ContenderName;
  /** Makes a fresh engine: nothing of what another one compiled is known to it. */
  readonly create: (spec: ChainSpec) => Promise<BenchEngine>;
};

/** An engine, which may hold threads to end. */
export type BenchEngine = Engine & { readonly close?: () => void | Promise<void> };

/** The names in the report. */
export type ContenderName = "ethereumjs" | "interpreter" | "hot" | "cold" | "auto";

type CreateWasmEngine = (
  spec: ChainSpec,
  options: { readonly tier: Tier; readonly link?: PortLink },
) => BenchEngine | Promise<BenchEngine>;

const WASM_ENGINE = join(import.meta.dir, "../../src/evm/wasm-engine.ts");
/** Address space; a sixteenth of it is room for code. */
const STATE_MEMORY_BYTES = 512 << 20;

/** Whether the tree has our engine. */
export const HAS_WASM_ENGINE: boolean = existsSync(WASM_ENGINE);

/** The library, through our adapter, which adds some microseconds a call. */
export const LIBRARY_CONTENDER: Contender = { name: "ethereumjs", create: createReferenceEngine };

/** Our engine's forms that are timed over and over; hot is what tiering leads to. */
export const OUR_CONTENDERS: readonly Contender[] = HAS_WASM_ENGINE
  ? [wasmContender("interpreter", "interpreter"), wasmContender("hot", "auto")]
  : [];

/** What a first user meets: everything starts in the interpreter, and what is compiled is compiled while it runs. */
export const COLD_CONTENDER: Contender = HAS_WASM_ENGINE ? threadedContender("cold") : LIBRARY_CONTENDER;

/** A form of our engine, which compiles on the thread that runs it. */
export function wasmContender(name: ContenderName, tier: Tier): Contender {
  return { name, create: async (spec) => (await wasmEngineModule()).createWasmEngine(spec, { tier }) };
}

/** Our engine with a compile thread, as a node has it. */
export function threadedContender(name: ContenderName): Contender {
  return {
    name,
    create: async (spec) => {
      const { createWasmEngine } = await wasmEngineModule();
      const { link, close } = startCompileWorker();
      return { ...(await createWasmEngine(spec, { tier: "auto", link })), close };
    },
  };
}

async function wasmEngineModule(): Promise<{ createWasmEngine: CreateWasmEngine }> {
  return (await import(WASM_ENGINE)) as { createWasmEngine: CreateWasmEngine };
}

/** A thread that compiles, as a node has it. */
function startCompileWorker(): { readonly link: PortLink; readonly close: () => void } {
  const worker = new Worker(new URL("./compile-worker.ts", import.meta.url).href);
  const { port1, port2 } = new MessageChannel();
  worker.postMessage(port2, [port2]);
  return { link: new PortLink(port1), close: () => worker.terminate() };
}

/** A program's state in the flat table; one table is filled anew for each, since a process has few memories. */
export class BenchWorld {
  readonly #table: StateTable;

  constructor() {
    this.#table = new StateTable(allocateState(planStateMemory({ stateMemoryBytes: STATE_MEMORY_BYTES })));
  }

  /** Forgets the state before and takes this one. */
  load(alloc: readonly GenesisState[]): void {
    this.#table.reset();
    this.#table.loadGenesis(alloc);
  }

  /** The state with nothing written over it. */
  open(): OverlayHost {
    return new OverlayHost(this.#table, () => ZERO_HASH);
  }
}

/** A contender with its engines, one per fork, kept from program to program as a node keeps its engine. */
export class LocalEngines {
  readonly name: ContenderName;
  readonly #contender: Contender;
  readonly #world: BenchWorld;
  readonly #byFork = new Map<Hardfork, BenchEngine>();

  constructor(contender: Contender, world: BenchWorld) {
    this.name = contender.name;
    this.#contender = contender;
    this.#world = world;
  }

  /** The contender at work on a program, whose state the world holds. */
  async on(program: Program): Promise<LocalRun> {
    let engine = this.#byFork.get(program.fork);
    if (engine === undefined) {
      engine = await this.#contender.create(benchSpec(program.fork));
      this.#byFork.set(program.fork, engine);
    }
    return new LocalRun(this.name, engine, this.#world, environmentOf(program));
  }

  /** Ends the engines' threads. */
  async stop(): Promise<void> {
    for (const engine of this.#byFork.values()) await engine.close?.();
  }
}

/** An engine at work on one program. */
export class LocalRun {
  readonly name: ContenderName;
  readonly #engine: BenchEngine;
  readonly #world: BenchWorld;
  readonly #env: BlockEnvironment;

  constructor(name: ContenderName, engine: BenchEngine, world: BenchWorld, env: BlockEnvironment) {
    this.name = name;
    this.#engine = engine;
    this.#world = world;
    this.#env = env;
  }

  /** Makes the call and answers what it did. */
  call(message: ProgramMessage, deadline?: () => boolean): Promise<CallOutcome> {
    return this.#engine.call(callMessage(message, deadline), this.#env, this.#world.open());
  }

  /** Nanoseconds of one call, as the mean of `count` back to back. */
  async timeNs(message: ProgramMessage, count: number): Promise<number> {
    const call: CallMessage = callMessage(message);
    const startedNs = CLOCK.ownNs();
    for (let i = 0; i < count; i++) await this.#engine.call(call, this.#env, this.#world.open());
    return (CLOCK.ownNs() - startedNs) / count;
  }
}

/** A chain that has one fork from its first block on, and no limits that a bench could meet. */
export function benchSpec(fork: Hardfork): ChainSpec {
  return createChainSpec({
    kind: "ethereum",
    chainId: 1n,
    schedule: [{ fork, by: "number", from: 0n }],
    stateRootDelay: 0,
    commitment: "mpt",
    baseFee: ETHEREUM_BASE_FEE,
    blockGasLimit: GAS_LIMIT,
    development: false,
    transactionGasCap: null,
    sequencer: null,
    blobSchedule: [{ from: 0n, target: 6, max: 9, baseFeeUpdateFraction: 5_007_716n }],
  });
}
