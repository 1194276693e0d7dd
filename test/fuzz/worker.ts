// A process of a fuzz run: takes batches of world numbers as lines of JSON, compares the engines on each, and says what it
// found. A crash of an engine takes this process down alone; the command then learns which world it was.
//
//   {"from":200,"count":200,"isCareful":false,"shrinks":true} ─▶ … {"kind":"difference",…} … {"kind":"done",…}

import type { Hardfork } from "#chain/hardforks.ts";
import { compareEngines } from "./comparison.ts";
import { namedEngine } from "./faults.ts";
import { shrinkWorld } from "./shrinker.ts";
import { worldToJson } from "./world.ts";
import { generateWorld, worldSeed } from "./world-generator.ts";

/** What a worker is told once, as its only argument. */
export type WorkerSetup = {
  readonly seed: number;
  readonly engines: readonly string[];
  readonly fork: Hardfork | null;
};

/** Worlds to run. */
export type Batch = {
  readonly from: number;
  readonly count: number;
  /** Says which world comes next before it runs. */
  readonly isCareful: boolean;
  /** Shrinks what it finds; otherwise the world stays as drawn. */
  readonly shrinks: boolean;
};

/** What a worker says. */
export type Report =
  | { readonly kind: "next"; readonly index: number }
  | {
      readonly kind: "difference";
      readonly index: number;
      readonly engine: string;
      readonly what: string;
      readonly details: string;
      readonly world: Readonly<Record<string, unknown>>;
    }
  | {
      readonly kind: "done";
      /** By engine: gas compiled, interpreted, not compilable, side exits, and runs left to the reference engine. */
      readonly usage: Readonly<Record<string, readonly string[]>>;
      /** What the process holds in memory. */
      readonly sizeBytes: number;
    };

if (import.meta.main) await main(JSON.parse(process.argv[2]!) as WorkerSetup);

async function main(setup: WorkerSetup): Promise<void> {
  const engines = setup.engines.map(namedEngine);
  for await (const line of console) {
    // The end of the input comes as an empty line.
    if (line === "") break;
    const batch = JSON.parse(line) as Batch;
    for (let index = batch.from; index < batch.from + batch.count; index++) {
      if (batch.isCareful) say({ kind: "next", index });
      const world = generateWorld(worldSeed(setup.seed, index), setup.fork);
      const difference = await compareEngines(world, engines);
      if (difference === null) continue;
      const check = (candidate: typeof world) => compareEngines(candidate, engines);
      const found = batch.shrinks ? await shrinkWorld(world, difference, check) : { world, difference };
      const { engine, what, details } = found.difference;
      say({ kind: "difference", index, engine, what, details, world: worldToJson(found.world) });
    }
    const usage = Object.fromEntries(
      engines.map((engine) => {
        const { gasCompiled, gasInterpreted, gasUncompilable, exitsTaken } = engine.usage();
        const counts = [gasCompiled, gasInterpreted, gasUncompilable, exitsTaken, engine.fallbackCount()];
        return [engine.name, counts.map(String)];
      }),
    );
    say({ kind: "done", usage, sizeBytes: process.memoryUsage.rss() });
  }
}

function say(report: Report): void {
  process.stdout.write(`${JSON.stringify(report)}\n`);
}
