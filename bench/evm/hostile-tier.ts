// A process of its own that runs the hostile programs on one engine and prints a line of JSON for each: the time of the
// first call and of a later one, what it did, the memory it left and the most it took, and what an honest program beside it
// took and answered. When it ends early, the last line tells which case it was.
// usage: bun bench/evm/hostile-tier.ts ENGINE FIRST NAME...

import { readFileSync, writeFileSync } from "node:fs";
import { smokeOr } from "../harness.ts";
import { digestOf } from "./answer.ts";
import { CLOCK, WALL_FLAG } from "./clock.ts";
import {
  BenchWorld,
  type Contender,
  LIBRARY_CONTENDER,
  LocalEngines,
  type LocalRun,
  type Tier,
  threadedContender,
  wasmContender,
} from "./contenders.ts";
import { hostilePrograms } from "./hostile-programs.ts";
import { warmUpProgram } from "./loops.ts";
import type { Program } from "./program.ts";

/** One line: everything in nanoseconds and bytes. */
export type HostileLine = {
  readonly index: number;
  readonly name: string;
  readonly gasUsed: string;
  readonly digest: string;
  readonly halt: string | null;
  readonly firstNs: number;
  readonly laterNs: number;
  /** Of the honest program, after this one. */
  readonly honestNs: number;
  readonly honestDigest: string;
  readonly residentBytes: number;
  readonly peakBytes: number;
};

const DEADLINE_MS = 60_000;
/** A case that took this long is not run again. */
const ONCE_MS = 3_000;
const HONEST_CALLS = 5;

const [engine, first, ...names] = process.argv.slice(2).filter((word) => word !== "--smoke" && word !== WALL_FLAG);
const all = hostilePrograms();
const programs = names.length === 0 ? all : all.filter(({ name }) => names.some((part) => name.includes(part)));
const world = new BenchWorld();
const contender = contenderOf(engine as Tier | "ethereumjs");
const engines = new LocalEngines(contender, world);
const honest: Program = { ...warmUpProgram(smokeOr(100_000, 100)), fork: "osaka" };

await runHonest(40);
for (let index = Number(first); index < programs.length; index++) {
  console.log(JSON.stringify({ index, name: programs[index]!.name }));
  console.log(JSON.stringify(await runCase(index, programs[index]!)));
}
process.exit(0);

async function runCase(index: number, program: Program): Promise<HostileLine> {
  world.load(program.alloc);
  const run = await engines.on(program);
  forgetPeak();
  const startedMs = performance.now();
  const startedNs = CLOCK.ownNs();
  const outcome = await run.call(program.message, () => performance.now() - startedMs > DEADLINE_MS);
  const firstNs = CLOCK.ownNs() - startedNs;
  const isSlow = firstNs > ONCE_MS * 1e6;
  const laterNs = isSlow ? firstNs : Math.min(await again(run, program), await again(run, program));
  const memory = memoryBytes();
  const { ns, digest } = await runHonest(HONEST_CALLS);
  return {
    ...{ index, name: program.name, gasUsed: String(outcome.gasUsed), halt: outcome.halt },
    digest: digestOf({ ...outcome, succeeded: outcome.halt === null }),
    ...{ firstNs, laterNs, honestNs: ns, honestDigest: digest, ...memory },
  };
}

function again(run: LocalRun, program: Program): Promise<number> {
  return run.timeNs(program.message, 1);
}

/** The fastest of some calls: what the hostile program before it may not change. */
async function runHonest(calls: number): Promise<{ ns: number; digest: string }> {
  world.load(honest.alloc);
  const run = await engines.on(honest);
  let ns = Number.POSITIVE_INFINITY;
  for (let i = 0; i < calls; i++) ns = Math.min(ns, await run.timeNs(honest.message, 1));
  const outcome = await run.call(honest.message);
  return { ns, digest: digestOf({ ...outcome, succeeded: outcome.halt === null }) };
}

function contenderOf(name: Tier | "ethereumjs"): Contender {
  if (name === "ethereumjs") return LIBRARY_CONTENDER;
  return name === "auto" ? threadedContender("auto") : wasmContender("auto", name);
}

/** Resets the system's mark of the most memory this process had, where there is one. */
function forgetPeak(): void {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {
    // No such system: the peak is then that of the whole run.
  }
}

function memoryBytes(): { residentBytes: number; peakBytes: number } {
  try {
    const status = readFileSync("/proc/self/status", "utf8");
    const kilobytes = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
    return { residentBytes: kilobytes("VmRSS") * 1024, peakBytes: kilobytes("VmHWM") * 1024 };
  } catch {
    const { rss } = process.memoryUsage();
    return { residentBytes: rss, peakBytes: process.resourceUsage().maxRSS * 1024 };
  }
}
