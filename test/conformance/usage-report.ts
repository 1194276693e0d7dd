// What a mode has to show besides cases that pass: `compile`, that the gas was spent in compiled code; `exits`, that side
// exits were taken. Told by class of programs, which is the folder of the fixtures.

import { addUsage, type EngineUsage, type Mode, NO_USAGE } from "./engines.ts";

/** Share of the compilable gas that must be spent in compiled code under `compile`, per cent. */
const COMPILED_SHARE_MIN = 90;

/** What to print, and why the run failed at what its mode is about; null: it did not. */
export type UsageReport = { readonly lines: readonly string[]; readonly shortfall: string | null };

/** The report of one run. @param usage by class of programs */
export function reportUsage(mode: Mode, usage: ReadonlyMap<string, EngineUsage>): UsageReport {
  const total = [...usage.values()].reduce(addUsage, NO_USAGE);
  if (mode === "compile") return reportCompiled(usage, total);
  if (mode !== "exits") return { lines: [], shortfall: null };
  const shortfall = total.exitsTaken === 0n ? "no side exit was taken" : null;
  return { lines: [`${total.exitsTaken} side exits taken`], shortfall };
}

function reportCompiled(usage: ReadonlyMap<string, EngineUsage>, total: EngineUsage): UsageReport {
  const classes = [...usage].sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = [
    "gas spent in compiled code, of what is compilable, by class of programs:",
    ...[...classes, ["all", total] as const].map(([name, one]) => `  ${shareLine(name, one)}`),
  ];
  const share = compiledShare(total);
  if (share === null) return { lines, shortfall: "no compilable code ran" };
  const isEnough = share >= COMPILED_SHARE_MIN;
  return { lines, shortfall: isEnough ? null : `${share.toFixed(2)} % is less than ${COMPILED_SHARE_MIN} %` };
}

function shareLine(name: string, usage: EngineUsage): string {
  const share = compiledShare(usage);
  const percent = share === null ? "       –" : `${share.toFixed(2).padStart(6)} %`;
  const { gasCompiled, gasInterpreted, gasUncompilable } = usage;
  return `${percent}  ${name}: ${gasCompiled} compiled, ${gasInterpreted} interpreted, ${gasUncompilable} not compilable`;
}

/** Per cent, rounded down to hundredths; null when no compilable code ran. */
function compiledShare({ gasCompiled, gasInterpreted }: EngineUsage): number | null {
  const gas = gasCompiled + gasInterpreted;
  return gas === 0n ? null : Number((gasCompiled * 10_000n) / gas) / 100;
}
