// The engines that a fuzz run compares, by name: the modes of the conformance suite. One engine serves all worlds of a fork.

import type { ChainSpec } from "#chain/chain-spec.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import type { Engine } from "#evm/engine.ts";
import type { WasmEngine } from "#evm/wasm-engine.ts";
import { EngineFamily, type EngineUsage, isModeBuilt, MODES, NO_USAGE } from "#test/conformance/engines.ts";
import { specOfWorld, type World } from "./world.ts";

/** Makes an engine for a chain. */
export type EngineFactory = (spec: ChainSpec) => Promise<Engine>;

/** An engine under comparison. */
export type FuzzEngine = {
  readonly name: string;
  /** The engine of a world's chain; the same one each time. */
  readonly of: (world: World) => Promise<Engine>;
  /** What all of them did so far. */
  readonly usage: () => EngineUsage;
  /** Runs that the reference engine had to take over, and in which nothing was compared. */
  readonly fallbackCount: () => number;
};

/** Name of the independent opinion. */
export const REFERENCE = "reference";

/** Names of all engines that are built, the independent opinion first. */
export const ENGINE_NAMES: readonly string[] = [
  REFERENCE,
  ...MODES.filter((mode) => mode !== REFERENCE && isModeBuilt(mode)),
];

/**
 * The engine of a name.
 * @throws {Error} when no engine has it
 */
export function fuzzEngine(name: string): FuzzEngine {
  const mode = MODES.find((known) => known === name && isModeBuilt(known));
  if (mode === undefined) throw new Error(`no engine is called ${name}; there are ${ENGINE_NAMES.join(", ")}`);
  const family = new EngineFamily(mode);
  return { ...fuzzEngineOf(name, family.engineOf), usage: () => family.usage() };
}

/** An engine by its factory. */
export function fuzzEngineOf(name: string, factory: EngineFactory): FuzzEngine {
  const engines = new Map<Hardfork, Promise<Engine>>();
  const made: Engine[] = [];
  const make = async (spec: ChainSpec) => {
    const engine = await factory(spec);
    made.push(engine);
    return engine;
  };
  return {
    name,
    of: (world) => {
      let engine = engines.get(world.fork);
      if (engine === undefined) engines.set(world.fork, (engine = make(specOfWorld(world))));
      return engine;
    },
    usage: () => NO_USAGE,
    fallbackCount: () => made.reduce((count, engine) => count + fallbacksOf(engine), 0),
  };
}

function fallbacksOf(engine: Engine): number {
  if (engine.kind !== "wasm") return 0;
  const { fallbacks } = (engine as WasmEngine).counters;
  return Object.values(fallbacks).reduce((sum, count) => sum + count, 0);
}
