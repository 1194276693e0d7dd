// Hostile code on every tier of the engine, with anvil beside it: bun run bench:hostile [NAME...] [--engine NAME]... [--wall]
// [--json].
// For each case nanoseconds per gas of the first call (compilation, if any, included) and of a later one, the most memory
// the process took, and whether an honest program beside it still answers the same in the same time. Every tier runs in a
// process of its own; one that dies (or is silent for minutes) is said to have died, and the rest of the cases runs in the next. Ends with code 1 when a
// process died or an answer differs from anvil's.

import { join } from "node:path";
import { must } from "#base/assert.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import { describeMachine, SMOKE } from "../harness.ts";
import { digestOf } from "./answer.ts";
import { AnvilCalls } from "./anvil-calls.ts";
import { CLOCK, WALL_FLAG } from "./clock.ts";
import { HAS_WASM_ENGINE } from "./contenders.ts";
import { HOSTILE_GAS, hostilePrograms } from "./hostile-programs.ts";
import { type AnvilFigure, type EngineFigures, renderHostileReport } from "./hostile-report.ts";
import type { HostileLine } from "./hostile-tier.ts";
import type { Program } from "./program.ts";

type Options = { readonly names: readonly string[]; readonly engines: readonly string[]; readonly isJson: boolean };

const DEATHS_MAX = 20;
const SILENCE_MAX_MS = 180_000;
const TIERS = HAS_WASM_ENGINE ? ["interpreter", "compile", "auto"] : ["ethereumjs"];

const options = parseArguments(process.argv.slice(2).filter((word) => word !== "--smoke" && word !== WALL_FLAG));
const programs = hostilePrograms().filter(({ name }) => isSelected(name));
const anvil = await measureAnvil();
const engines: EngineFigures[] = [];
for (const engine of options.engines) engines.push(await measureEngine(engine));
const parameters = {
  gas: String(HOSTILE_GAS),
  clock: CLOCK.name,
  cases: programs.length,
  engines: options.engines.join(","),
};
if (options.isJson) console.log(JSON.stringify({ machine: describeMachine(), parameters, anvil, engines }, null, 1));
else console.log(renderHostileReport(anvil, engines, parameters));
process.exit(engines.some(({ died, lines }) => died.length > 0 || lines.some(differs)) ? 1 : 0);

function differs(line: HostileLine): boolean {
  return anvil.some(({ name, digest }) => name === line.name && digest !== null && digest !== line.digest);
}

async function measureAnvil(): Promise<AnvilFigure[]> {
  const processes = new Map<Hardfork, AnvilCalls>();
  const figures: AnvilFigure[] = [];
  for (const [at, program] of programs.entries()) {
    if (!SMOKE) console.error(`anvil ${at + 1}/${programs.length} ${program.name}`);
    const calls = processes.get(program.fork) ?? (await AnvilCalls.start(program.fork));
    processes.set(program.fork, calls);
    figures.push(await anvilFigure(calls, program));
  }
  for (const calls of processes.values()) calls.stop();
  return figures;
}

async function anvilFigure(calls: AnvilCalls, program: Program): Promise<AnvilFigure> {
  const { name, message } = program;
  await calls.load(program.alloc);
  const once = async () => (await calls.timeCallNs(program, message)) - (await calls.timeNothingNs());
  const ns = Math.min(await once(), await once());
  try {
    const answer = await calls.answer(program, message);
    return { name, ns, gasUsed: String(answer.gasUsed), digest: digestOf(answer) };
  } catch (error) {
    console.error(`${name}: ${String(error).slice(0, 200)}`);
    return { name, ns, gasUsed: "0", digest: null };
  }
}

/** All cases, in as many processes as it takes. */
async function measureEngine(engine: string): Promise<EngineFigures> {
  const lines: HostileLine[] = [];
  const died: string[] = [];
  let index = 0;
  while (index < programs.length && died.length < DEATHS_MAX) {
    const words = [join(import.meta.dir, "hostile-tier.ts"), engine, String(index), ...options.names];
    const flags = [...(SMOKE ? ["--smoke"] : []), ...(CLOCK.name === "wall" ? [WALL_FLAG] : [])];
    const child = Bun.spawn([process.execPath, ...words, ...flags], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    const found = readLines(await readWhileAlive(child));
    await child.exited;
    lines.push(...found.done);
    if (found.begun < 0) return { engine, lines, died: [...died, "before the first case"] };
    if (found.done.at(-1)?.index !== found.begun) died.push(must(programs[found.begun], "the case").name);
    index = found.begun + 1;
  }
  return { engine, lines, died };
}

/** All that the process prints; it is ended when it is silent for longer than any case may take. */
async function readWhileAlive(child: Bun.Subprocess<"ignore", "pipe", "inherit">): Promise<string> {
  let text = "";
  let watchdog = setTimeout(() => child.kill("SIGKILL"), SILENCE_MAX_MS);
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => child.kill("SIGKILL"), SILENCE_MAX_MS);
    text += decoder.decode(chunk, { stream: true });
  }
  clearTimeout(watchdog);
  return text;
}

/** A case is announced by its index and name, and then told in full. */
function readLines(text: string): { readonly done: HostileLine[]; readonly begun: number } {
  const done: HostileLine[] = [];
  let begun = -1;
  for (const line of text.split("\n").filter((part) => part.startsWith("{"))) {
    const parsed = JSON.parse(line) as HostileLine;
    begun = parsed.index;
    if (parsed.digest !== undefined) done.push(parsed);
  }
  return { done, begun };
}

function isSelected(name: string): boolean {
  return options.names.length === 0 || options.names.some((part) => name.includes(part));
}

function parseArguments(words: readonly string[]): Options {
  const names: string[] = [];
  const engines: string[] = [];
  let isJson = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === "--engine") engines.push(words[++i] ?? usage(word));
    else if (word === "--json") isJson = true;
    else if (word.startsWith("-")) usage(word);
    else names.push(word);
  }
  return { names, engines: engines.length > 0 ? engines : TIERS, isJson };
}

function usage(word: string): never {
  console.error(
    `${word}?  usage: bun run bench:hostile [NAME...] [--engine interpreter|compile|auto|ethereumjs]... [--wall] [--json]`,
  );
  process.exit(2);
}
