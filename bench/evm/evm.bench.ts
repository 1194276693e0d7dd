// The engine against anvil and @ethereumjs/evm, program by program: bun run bench:evm [NAME...] [--fixtures DIR]
// [--rounds N] [--quick] [--wall] [--json] [--check]. NAMEs select programs that contain them; DIR is any folder of fixtures in the state-test format,
// in place of the vectors. No figure stands without all contenders agreeing on status, gas, output and logs. --check ends with
// code 1 when a floor is missed; a disagreement always does.

import { join } from "node:path";
import { toBareHex } from "#base/hex.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { vectorsFolder } from "#test/vectors.ts";
import { describeMachine, SMOKE } from "../harness.ts";
import { AnvilCalls } from "./anvil-calls.ts";
import { CLOCK, WALL_FLAG } from "./clock.ts";
import { BenchWorld, HAS_WASM_ENGINE, LIBRARY_CONTENDER, LocalEngines, OUR_CONTENDERS } from "./contenders.ts";
import { type ReportRow, renderReport, reportRow } from "./evm-report.ts";
import { fixturePrograms } from "./fixtures.ts";
import { ownPrograms } from "./loops.ts";
import { type Effort, type Measurement, measure } from "./measure.ts";
import { GAS_LIMIT, type Program } from "./program.ts";

type Options = {
  readonly names: readonly string[];
  readonly fixtures: string | null;
  readonly rounds: number | null;
  readonly isQuick: boolean;
  readonly isJson: boolean;
  readonly isChecked: boolean;
};

type Size = Effort & { readonly coldProcesses: number };

const FULL: Size = { rounds: 10, warmUpMs: 400, sampleMs: 5, libraryCapMs: 6_000, coldProcesses: 6 };
const QUICK: Size = { rounds: 4, warmUpMs: 200, sampleMs: 3, libraryCapMs: 1_000, coldProcesses: 2 };
const SMALL: Size = { rounds: 2, warmUpMs: 0, sampleMs: 0.2, libraryCapMs: 1_000, coldProcesses: 1 };

/** Of the vectors, those that take the library little: the smoke run has only them, for their size is not ours to choose. */
const SMOKE_FIXTURES = /weth|counter|fiat_token|eip|seaport|proxy|uniswap|factorial|swap_math/;

const options = parseArguments(process.argv.slice(2).filter((word) => word !== "--smoke" && word !== WALL_FLAG));
const size = sizeOf(options);
const folder = options.fixtures ?? vectorsFolder("evm-bench");
const programs = selectPrograms();
const rows = await measureAll();
const parameters = {
  ...{ rounds: size.rounds, warmUpMs: size.warmUpMs, sampleMs: size.sampleMs, libraryCapMs: size.libraryCapMs },
  ...{
    clock: CLOCK.name,
    coldProcesses: size.coldProcesses,
    gas: String(GAS_LIMIT - 1n),
    engine: HAS_WASM_ENGINE ? "wasm" : "none yet",
  },
};
const digest = toBareHex(keccak256(new TextEncoder().encode(rows.map((row) => row.digest).join(""))));
if (options.isJson)
  console.log(JSON.stringify({ machine: describeMachine(), parameters, digest, programs: rows }, null, 1));
else console.log(`${renderReport(rows, parameters)}\n  digest ${digest}`);
const differs = rows.some(({ mismatch }) => mismatch !== null);
process.exit(differs || (options.isChecked && rows.some(({ belowFloor }) => belowFloor.length > 0)) ? 1 : 0);

async function measureAll(): Promise<ReportRow[]> {
  const world = new BenchWorld();
  const contenders = [LIBRARY_CONTENDER, ...OUR_CONTENDERS].map((contender) => new LocalEngines(contender, world));
  const anvils = new Map<Hardfork, AnvilCalls>();
  const measurements: Measurement[] = [];
  const firstCalls = measureFirstCalls(0, Math.ceil(size.coldProcesses / 2));
  for (const program of programs) {
    const anvil = anvils.get(program.fork) ?? (await AnvilCalls.start(program.fork));
    anvils.set(program.fork, anvil);
    const runs = await Promise.all(contenders.map((contender) => contender.on(program)));
    const found = await measure(program, { anvil, world, runs, effort: size });
    measurements.push(found);
    console.error(`${measurements.length}/${programs.length} ${program.name} ${found.mismatch ?? ""}`.trim());
  }
  const later = measureFirstCalls(firstCalls.length, size.coldProcesses);
  for (const anvil of anvils.values()) anvil.stop();
  for (const contender of contenders) await contender.stop();
  const coldNs = (name: string) => [...firstCalls, ...later].flatMap((figures) => figures[name] ?? []);
  return measurements.map((found) => reportRow(found, coldNs(found.program.name)));
}

/** First calls of all programs, once per process; some processes before the other figures and some after. */
function measureFirstCalls(from: number, to: number): Record<string, number>[] {
  if (!HAS_WASM_ENGINE) return [];
  const names = programs.map(({ name }) => name);
  const flags = [...(SMOKE ? ["--smoke"] : []), ...(CLOCK.name === "wall" ? [WALL_FLAG] : [])];
  return Array.from({ length: to - from }, (_, i) => {
    const script = join(import.meta.dir, "cold-call.ts");
    const words = [script, String(from + i), folder ?? "", ...names, ...flags];
    const child = Bun.spawnSync([process.execPath, ...words], { stderr: "inherit" });
    if (child.exitCode !== 0) throw new Error(`first calls: the process ended with ${child.exitCode}`);
    return JSON.parse(child.stdout.toString()) as Record<string, number>;
  });
}

function selectPrograms(): Program[] {
  const fixtures = folder === null ? [] : fixturePrograms(folder);
  const isSmall = ({ name }: Program) => !SMOKE || options.fixtures !== null || SMOKE_FIXTURES.test(name);
  const all = [...fixtures.filter(isSmall), ...ownPrograms()];
  const { names } = options;
  const selected = names.length === 0 ? all : all.filter(({ name }) => names.some((part) => name.includes(part)));
  if (selected.length === 0) throw new Error(`no program is named like ${names.join(", ")}`);
  return selected;
}

function sizeOf({ isQuick, rounds }: Options): Size {
  const chosen = SMOKE ? SMALL : isQuick ? QUICK : FULL;
  return rounds === null ? chosen : { ...chosen, rounds };
}

function parseArguments(words: readonly string[]): Options {
  const names: string[] = [];
  const values = new Map<string, string>();
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === "--fixtures" || word === "--rounds") values.set(word, words[++i] ?? usage(word));
    else if (["--quick", "--json", "--check"].includes(word)) values.set(word, "");
    else if (word.startsWith("-")) usage(word);
    else names.push(word);
  }
  const rounds = values.get("--rounds");
  return {
    names,
    fixtures: values.get("--fixtures") ?? null,
    rounds: rounds === undefined ? null : Number(rounds),
    isQuick: values.has("--quick"),
    isJson: values.has("--json"),
    isChecked: values.has("--check"),
  };
}

function usage(word: string): never {
  console.error(
    `${word}?  usage: bun run bench:evm [NAME...] [--fixtures DIR] [--rounds N] [--quick] [--wall] [--json] [--check]`,
  );
  process.exit(2);
}
