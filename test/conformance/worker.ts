// A child process of the conformance command: runs the cases it is told to, one unit after the other, and reports each
// before and after, so that the parent knows what ran when a child dies.   arguments: SUITE MODE FOLDER ONLY

import { relative } from "node:path";
import { must } from "#base/assert.ts";
import type { ConformanceCase } from "./case.ts";
import { addUsage, EngineFamily, type EngineUsage, type Mode, NO_USAGE, usageSince } from "./engines.ts";
import { SUITES } from "./suites.ts";
import { isNamed, isPicked, UNREADABLE, type Unit, type WorkerMessage } from "./unit.ts";

const [suiteName = "", mode = "", folder = "", only = ""] = process.argv.slice(2);
const suite = must(SUITES[suiteName], `suite ${suiteName}`);
const engines = new EngineFamily(mode as Mode);

/** The last file, since its parts come one after the other. */
let parsed: { readonly file: string; readonly cases: readonly ConformanceCase[] } | null = null;

process.on("message", (unit: Unit) => void runUnit(unit));
process.on("disconnect", () => process.exit(0));
send({ kind: "ready" });

async function runUnit(unit: Unit): Promise<void> {
  const usage: Record<string, EngineUsage> = {};
  for (const [index, one] of casesOf(unit.file).entries()) {
    if (index < unit.from || !isPicked(unit.pick, index) || !isNamed(only, relative(folder, unit.file), one.name))
      continue;
    const { name, fork, group } = one;
    send({ kind: "begin", index, name, fork });
    const before = engines.usage();
    const difference = one.skipReason === null ? await judge(one) : null;
    usage[group] = addUsage(usage[group] ?? NO_USAGE, usageSince(before, engines.usage()));
    send({ kind: "verdict", index, difference, skipReason: one.skipReason });
  }
  send({ kind: "done", usage, memoryBytes: process.memoryUsage.rss() });
}

function casesOf(file: string): readonly ConformanceCase[] {
  if (parsed?.file === file) return parsed.cases;
  parsed = null;
  let cases: readonly ConformanceCase[];
  try {
    cases = suite.casesOf(file);
  } catch (error) {
    cases = [unreadable(error)];
  }
  parsed = { file, cases };
  return cases;
}

/** A file that cannot be read is one failed case. */
function unreadable(error: unknown): ConformanceCase {
  const run = (): Promise<string> => Promise.resolve(`not read: ${describe(error)}`);
  return { name: UNREADABLE, fork: "", group: "", skipReason: null, run };
}

async function judge(one: ConformanceCase): Promise<string | null> {
  try {
    return await one.run(engines.engineOf);
  } catch (error) {
    return `threw ${describe(error)}`;
  }
}

function describe(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return text
    .split("\n")
    .slice(0, 4)
    .map((line) => line.trim())
    .join(" | ");
}

function send(message: WorkerMessage): void {
  process.send?.(message);
}
