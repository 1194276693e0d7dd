// A process of its own that makes the first call of every program once and prints the nanoseconds as JSON: what a first user
// sees on a node that has been running other code. The interpreter is warm, the program's code has never been seen; of
// programs with the same code only the first counts, so the order turns from process to process.
// usage: bun bench/evm/cold-call.ts ROTATION FIXTURES NAME...

import { toBareHex } from "#base/hex.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { WALL_FLAG } from "./clock.ts";
import { BenchWorld, COLD_CONTENDER, LocalEngines } from "./contenders.ts";
import { fixturePrograms } from "./fixtures.ts";
import { ownPrograms, warmUpProgram } from "./loops.ts";
import type { Program } from "./program.ts";

const WARM_UP_MS = 300;

const [rotation, folder, ...names] = process.argv.slice(2).filter((word) => word !== "--smoke" && word !== WALL_FLAG);
const programs = [...(folder ? fixturePrograms(folder) : []), ...ownPrograms()].filter(({ name }) =>
  names.includes(name),
);
const at = Math.floor((Number(rotation) * programs.length) / 5) % Math.max(1, programs.length);
const ordered = [...programs.slice(at), ...programs.slice(0, at)];
const world = new BenchWorld();
const engines = new LocalEngines(COLD_CONTENDER, world);
const seen = new Set<string>();
const firstCallNs: Record<string, number> = {};

await warmUp(warmUpProgram());
for (const program of ordered) await callOnce(program);
console.log(JSON.stringify(firstCallNs));
process.exit(0);

async function warmUp(program: Program): Promise<void> {
  world.load(program.alloc);
  const run = await engines.on(program);
  const endMs = performance.now() + WARM_UP_MS;
  while (performance.now() < endMs) await run.call(program.message);
}

async function callOnce(program: Program): Promise<void> {
  const codes = program.alloc.map(({ code }) => toBareHex(keccak256(code)));
  const to = toBareHex(program.message.to);
  const key = codes[program.alloc.findIndex(({ address }) => toBareHex(address) === to)] ?? "";
  if (seen.has(key)) return;
  seen.add(key);
  world.load(program.alloc);
  const run = await engines.on(program);
  firstCallNs[program.name] = await run.timeNs(program.message, 1);
}
