// The engines that a fuzz run compares, by name. One engine of a name serves all worlds of a fork.

import type { ChainSpec } from "#chain/chain-spec.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import type { Engine } from "#evm/engine.ts";
import { createReferenceEngine } from "#evm/reference/engine.ts";
import { specOfWorld, type World } from "./world.ts";

/** Makes an engine for a chain. */
export type EngineFactory = (spec: ChainSpec) => Promise<Engine>;

/** An engine under comparison. */
export type FuzzEngine = {
  readonly name: string;
  /** The engine of a world's chain; the same one each time. */
  readonly of: (world: World) => Promise<Engine>;
};

const FACTORIES: Readonly<Record<string, EngineFactory>> = {
  reference: createReferenceEngine,
};

/** Names of all engines, the independent opinion first. */
export const ENGINE_NAMES: readonly string[] = Object.keys(FACTORIES);

/**
 * The engine of a name.
 * @throws {Error} when no engine has it
 */
export function fuzzEngine(name: string): FuzzEngine {
  const factory = FACTORIES[name];
  if (factory === undefined) throw new Error(`no engine is called ${name}; there are ${ENGINE_NAMES.join(", ")}`);
  return fuzzEngineOf(name, factory);
}

/** An engine by its factory. */
export function fuzzEngineOf(name: string, factory: EngineFactory): FuzzEngine {
  const engines = new Map<Hardfork, Promise<Engine>>();
  return {
    name,
    of: (world) => {
      let engine = engines.get(world.fork);
      if (engine === undefined) engines.set(world.fork, (engine = factory(specOfWorld(world))));
      return engine;
    },
  };
}
