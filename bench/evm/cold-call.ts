// A process of its own that makes the first call of every program once and prints the nanoseconds as JSON: what a first user
// sees on a node that is busy with other code. The engine and what surrounds it are warm, the program's code has never been seen; of
// programs with the same code only the first counts, so the order turns from process to process.
// usage: bun bench/evm/cold-call.ts ROTATION FIXTURES NAME...

import { toBareHex } from "#base/hex.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { coreModuleOf } from "#evm/runtime/core-module.ts";
import { SMOKE, smokeOr } from "../harness.ts";
import { WALL_FLAG } from "./clock.ts";
import { BenchWorld, COLD_CONTENDER, LocalEngines } from "./contenders.ts";
import type { CoreToWarmUp } from "./core-warm-up-worker.ts";
import { fixturePrograms } from "./fixtures.ts";
import { ownPrograms, warmUpCrowd, warmUpProgram } from "./loops.ts";
import { type Program, sortAlloc } from "./program.ts";

const WARM_UP_MS = 300;
/** Short calls of other code right before each first call. */
const CALLS_BEFORE = 50;
const NEW_CODE_COUNT = smokeOr(1000, 10);

const [rotation, folder, ...names] = process.argv.slice(2).filter((word) => word !== "--smoke" && word !== WALL_FLAG);
const all = [...(folder ? fixturePrograms(folder) : []), ...ownPrograms()];
const programs = all.filter(({ name }) => names.includes(name));
const at = Math.floor((Number(rotation) * programs.length) / 5) % Math.max(1, programs.length);
const turned = [...programs.slice(at), ...programs.slice(0, at)];
const ordered = Number(rotation) % 2 === 0 ? turned : turned.reverse();
const world = new BenchWorld();
const engines = new LocalEngines(COLD_CONTENDER, world);
const short = warmUpProgram(10);
const seen = new Set<string>();
const firstCallNs: Record<string, number> = {};

// Each fork has an interpreter of its own, which a node warms up when it starts.
for (const fork of new Set(programs.map((program) => program.fork))) {
  await warmUpCore(fork);
  for (const program of [warmUpProgram(smokeOr(100_000, 100)), short]) await warmUp({ ...program, fork });
  await meetNewCode(warmUpCrowd(NEW_CODE_COUNT).map((program) => ({ ...program, fork })));
}
for (const program of ordered) await callOnce(program);
console.log(JSON.stringify(firstCallNs));
process.exit(0);

/** On another thread, as in a node. */
async function warmUpCore(fork: Hardfork): Promise<void> {
  if (SMOKE) return;
  const worker = new Worker(new URL("./core-warm-up-worker.ts", import.meta.url).href);
  await new Promise<void>((resolve, reject) => {
    worker.onmessage = () => resolve();
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage({ fork, module: coreModuleOf(fork) } satisfies CoreToWarmUp);
  });
  worker.terminate();
}

/** Long calls for the loops of the interpreter, short ones for what surrounds a call. */
async function warmUp(program: Program): Promise<void> {
  world.load(program.alloc);
  const run = await engines.on(program);
  const endMs = performance.now() + WARM_UP_MS;
  while (performance.now() < endMs) await run.call(program.message);
}

/** First calls of other code, since meeting new code takes paths of its own. */
async function meetNewCode(crowd: readonly Program[]): Promise<void> {
  world.load(crowd[0]!.alloc);
  for (const program of crowd) await (await engines.on(program)).call(program.message);
}

async function callOnce(program: Program): Promise<void> {
  const key = toBareHex(keccak256(codeOf(program)));
  if (seen.has(key)) return;
  seen.add(key);
  world.load(sortAlloc([...program.alloc, ...short.alloc]));
  const run = await engines.on(program);
  // Timed like the one that counts, so that the measuring is warm too.
  for (let i = 0; i < CALLS_BEFORE; i++) await run.timeNs(short.message, 1);
  firstCallNs[program.name] = await run.timeNs(program.message, 1);
}

function codeOf({ alloc, message }: Program): Uint8Array {
  const to = toBareHex(message.to);
  return alloc.find(({ address }) => toBareHex(address) === to)?.code ?? new Uint8Array(0);
}
