// Engines by chain spec, kept: fixtures of one fork and blob schedule share one.

import type { ChainSpec } from "#chain/chain-spec.ts";
import type { Engine } from "#evm/engine.ts";
import { createReferenceEngine } from "#evm/reference/engine.ts";

const engines = new Map<string, Promise<Engine>>();

/** The reference engine of a chain. */
export function referenceEngineOf(spec: ChainSpec): Promise<Engine> {
  const { chainId, schedule, blobSchedule } = spec;
  const key = JSON.stringify([chainId, schedule, blobSchedule], bigintText);
  let engine = engines.get(key);
  if (engine === undefined) engines.set(key, (engine = createReferenceEngine(spec)));
  return engine;
}

function bigintText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}
