// The engine under test by mode, and what it reports about itself. The one place that knows how a mode makes an engine.
// Engines are kept by chain spec: fixtures of one fork and blob schedule share one.

import type { ChainSpec } from "#chain/chain-spec.ts";
import type { Engine } from "#evm/engine.ts";
import { createReferenceEngine } from "#evm/reference/engine.ts";
import { createWasmEngine, type EngineTier } from "#evm/wasm-engine.ts";
import type { EngineOf } from "./case.ts";

/** How byte code is run: by one tier alone, with forced side exits, or by the independent engine. */
export const MODES = ["interpreter", "compile", "exits", "reference"] as const;

/** One of {@link MODES}. */
export type Mode = (typeof MODES)[number];

/** What every code starts in on a node. */
export const DEFAULT_MODE: Mode = "interpreter";

/** What an engine did since it was made. */
export type EngineUsage = {
  /** Gas charged in compiled code. */
  readonly gasCompiled: bigint;
  /** Gas charged by the interpreter in code that the compiler would take. */
  readonly gasInterpreted: bigint;
  /** Gas charged by the interpreter in code that the compiler refuses. */
  readonly gasUncompilable: bigint;
  /** Side exits from compiled code to the interpreter. */
  readonly exitsTaken: bigint;
};

/** Nothing done yet. */
export const NO_USAGE: EngineUsage = { gasCompiled: 0n, gasInterpreted: 0n, gasUncompilable: 0n, exitsTaken: 0n };

type MeasuredEngine = { readonly engine: Engine; readonly usage: () => EngineUsage };
type EngineMaker = (spec: ChainSpec) => Promise<MeasuredEngine>;

function wasmEngine(tier: EngineTier): EngineMaker {
  return async (spec) => {
    const engine = await createWasmEngine(spec, { tier });
    const usage = () => {
      const { gasInterpreted, gasUncompilable, gasCompiled, exits } = engine.counters;
      return {
        gasCompiled: BigInt(gasCompiled),
        gasInterpreted: BigInt(gasInterpreted - gasUncompilable),
        gasUncompilable: BigInt(gasUncompilable),
        exitsTaken: BigInt(Object.values(exits).reduce((sum, count) => sum + count, 0)),
      };
    };
    return { engine, usage };
  };
}

/** How each mode makes its engine; null: this build has none. */
const MAKERS: Readonly<Record<Mode, EngineMaker | null>> = {
  interpreter: wasmEngine("interpreter"),
  compile: wasmEngine("compile"),
  exits: wasmEngine("exits"),
  reference: async (spec) => ({ engine: await createReferenceEngine(spec), usage: () => NO_USAGE }),
};

/** Whether this build has an engine for the mode. */
export function isModeBuilt(mode: Mode): boolean {
  return MAKERS[mode] !== null;
}

/** The engines of one mode. */
export class EngineFamily {
  readonly #make: EngineMaker;
  readonly #engines = new Map<string, Promise<MeasuredEngine>>();
  readonly #made: MeasuredEngine[] = [];

  /** @throws when this build has no engine for the mode */
  constructor(mode: Mode) {
    const make = MAKERS[mode];
    if (make === null) throw new Error(`mode ${mode} is not built yet`);
    this.#make = make;
  }

  /** The engine of a chain. */
  readonly engineOf: EngineOf = async (spec) => {
    const { chainId, schedule, blobSchedule } = spec;
    const key = JSON.stringify([chainId, schedule, blobSchedule], bigintText);
    let engine = this.#engines.get(key);
    if (engine === undefined) this.#engines.set(key, (engine = this.#create(spec)));
    return (await engine).engine;
  };

  /** What all engines did together since they were made. */
  usage(): EngineUsage {
    return this.#made.map(({ usage }) => usage()).reduce(addUsage, NO_USAGE);
  }

  async #create(spec: ChainSpec): Promise<MeasuredEngine> {
    const made = await this.#make(spec);
    this.#made.push(made);
    return made;
  }
}

/** The sum of two. */
export function addUsage(a: EngineUsage, b: EngineUsage): EngineUsage {
  return {
    gasCompiled: a.gasCompiled + b.gasCompiled,
    gasInterpreted: a.gasInterpreted + b.gasInterpreted,
    gasUncompilable: a.gasUncompilable + b.gasUncompilable,
    exitsTaken: a.exitsTaken + b.exitsTaken,
  };
}

/** What was done between two readings. */
export function usageSince(before: EngineUsage, now: EngineUsage): EngineUsage {
  return {
    gasCompiled: now.gasCompiled - before.gasCompiled,
    gasInterpreted: now.gasInterpreted - before.gasInterpreted,
    gasUncompilable: now.gasUncompilable - before.gasUncompilable,
    exitsTaken: now.exitsTaken - before.exitsTaken,
  };
}

function bigintText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}
