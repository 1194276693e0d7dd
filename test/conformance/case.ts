// What all conformance runners have in common: a case is a name, a fork and something to run on an engine.

import type { ChainSpec } from "#chain/chain-spec.ts";
import type { Engine } from "#evm/engine.ts";

/** The engine under test for a chain. */
export type EngineOf = (spec: ChainSpec) => Promise<Engine>;

/** null: passed; otherwise the first difference. */
export type Verdict = string | null;

/** One thing that passes or fails. */
export type ConformanceCase = {
  readonly name: string;
  /** As the fixture spells it. */
  readonly fork: string;
  /** Programs of a kind, by which the share of compiled gas is told. */
  readonly group: string;
  /** Why it cannot be run by any engine of this node; null for almost all. */
  readonly skipReason: string | null;
  /** Runs it on a fresh state. What it throws is a failure too. */
  run(engineOf: EngineOf): Promise<Verdict>;
};

/** A case that is counted as skipped. */
export function skippedCase(name: string, fork: string, group: string, skipReason: string): ConformanceCase {
  return { name, fork, group, skipReason, run: () => Promise.resolve(skipReason) };
}
