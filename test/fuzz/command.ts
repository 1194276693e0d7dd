// Differential fuzzing by hand: `bun run fuzz -- [--programs N] [--seed S] [--jobs N] [--engines a,b,c] [--fork F]`.
//
//   --from I       first world of the run: one world alone is `--from I --programs 1` with the seed that was printed
//   --save DIR     writes each difference, shrunk, as a fixed case into DIR (test/fuzz/cases is where the suite looks)
//   --first        ends with the first difference, as it is, not shrunk
//   --coverage     runs the reference engine alone and prints which opcodes ran and how frames ended
//
// Closes with `N programs, N differences`; exit code 1 when there are any.

import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { HARDFORKS, type Hardfork, isHardfork } from "#chain/hardforks.ts";
import { compareEngines } from "./comparison.ts";
import { Coverage } from "./coverage.ts";
import { ENGINE_NAMES, fuzzEngineOf, REFERENCE } from "./engines.ts";
import { namedEngine } from "./faults.ts";
import { type Found, type FuzzPlan, runFuzz, USAGE_NAMES } from "./fuzz-run.ts";
import { generateWorld, worldSeed } from "./world-generator.ts";

const PROGRAMS = 10_000;
const SILENCE_MS_MAX = 120_000;
const PROGRESS_INTERVAL_MS = 5000;

/** What the command line says. */
type FuzzOptions = FuzzPlan & { readonly save: string | null; readonly coverage: boolean };

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args[0] === "--" ? args.slice(1) : args);
  if (typeof options === "string") {
    console.error(`fuzz: ${options}`);
    return 2;
  }
  console.log(`seed ${options.seed}, worlds from ${options.from}, engines ${options.engines.join(", ")}`);
  return options.coverage ? await printCoverage(options) : await run(options);
}

function readOptions(args: readonly string[]): FuzzOptions | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        programs: { type: "string", default: `${PROGRAMS}` },
        seed: { type: "string", default: `${Date.now() % 0x7fff_ffff}` },
        jobs: { type: "string", default: `${cpus().length}` },
        engines: { type: "string", default: ENGINE_NAMES.join(",") },
        fork: { type: "string" },
        from: { type: "string", default: "0" },
        save: { type: "string" },
        first: { type: "boolean", default: false },
        coverage: { type: "boolean", default: false },
      },
    });
    return {
      programCount: count(values.programs, "programs"),
      seed: count(values.seed, "seed"),
      jobCount: Math.max(1, count(values.jobs, "jobs")),
      engines: namesOf(values.engines),
      fork: values.fork === undefined ? null : forkOf(values.fork),
      from: count(values.from, "from"),
      silenceMsMax: SILENCE_MS_MAX,
      endsWithFirst: values.first,
      save: values.save ?? null,
      coverage: values.coverage,
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function count(text: string, name: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`--${name} is no count: ${text}`);
  return number;
}

function namesOf(text: string): string[] {
  const names = text.split(",").filter((name) => name !== "");
  for (const name of names) namedEngine(name);
  return names;
}

function forkOf(text: string): Hardfork {
  if (!isHardfork(text)) throw new Error(`--fork is none of ${HARDFORKS.join(", ")}: ${text}`);
  return text;
}

async function run(options: FuzzOptions): Promise<number> {
  if (options.engines.length < 2) console.log("only one engine: nothing to compare it with");
  const startMs = performance.now();
  let shownMs = startMs;
  const result = await runFuzz(options, {
    done: (done, differences) => {
      const nowMs = performance.now();
      if (nowMs - shownMs < PROGRESS_INTERVAL_MS) return;
      shownMs = nowMs;
      const perSecond = done / ((nowMs - startMs) / 1000);
      console.error(
        `${done} of ${options.programCount}, ${differences} differences, ${perSecond.toFixed(0)} per second`,
      );
    },
    found: (found) => show(found, options),
  });
  for (const [engine, amounts] of result.usage) {
    if (amounts.some((amount) => amount > 0n)) {
      console.log(`${engine}: ${amounts.map((amount, i) => `${USAGE_NAMES[i]} ${amount}`).join(", ")}`);
    }
  }
  console.log(`${result.programCount} programs, ${result.differenceCount} differences (seed ${options.seed})`);
  return result.differenceCount === 0 ? 0 : 1;
}

function show(found: Found, { seed, save, fork }: FuzzOptions): void {
  const { index, engine, what, details, world } = found;
  const again = `--seed ${seed} --from ${index} --programs 1${fork === null ? "" : ` --fork ${fork}`}`;
  console.log(`DIFFERENCE ${engine}, ${what}: ${details}\n  again: bun run fuzz -- ${again}`);
  const text = JSON.stringify({ about: `${what}, found by fuzzing`, world }, null, 2);
  if (save === null) {
    console.log(text);
    return;
  }
  mkdirSync(save, { recursive: true });
  const path = join(save, `${engine}-${what.replaceAll(" ", "-")}-${seed}-${index}.json`);
  writeFileSync(path, `${text}\n`);
  console.log(`  written to ${path}`);
}

async function printCoverage({ seed, fork, from, programCount }: FuzzOptions): Promise<number> {
  const coverage = new Coverage();
  const engine = fuzzEngineOf(REFERENCE, coverage.factory);
  const startMs = performance.now();
  for (let index = from; index < from + programCount; index++) {
    await compareEngines(generateWorld(worldSeed(seed, index), fork), [engine], coverage.observe);
  }
  const elapsedMs = performance.now() - startMs;
  console.log(coverage.report());
  const perProgramUs = (elapsedMs * 1000) / Math.max(programCount, 1);
  console.log(`${(coverage.successShare * 100).toFixed(1)} % succeed, ${perProgramUs.toFixed(0)} us a program`);
  return 0;
}
