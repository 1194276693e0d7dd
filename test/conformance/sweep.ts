// Runs a whole set of state tests and prints the counts by suite and every failure: `bun test/conformance/sweep.ts FOLDER...`
// Options by environment: MEGAETH_SWEEP_SHARD=i/n takes every n-th file; MEGAETH_SWEEP_SKIP=text leaves out files so named.

import { readFileSync } from "node:fs";
import { relative } from "node:path";
import type { ChainSpec } from "#chain/chain-spec.ts";
import type { Engine } from "#evm/engine.ts";
import { createReferenceEngine } from "#evm/reference/engine.ts";
import { casesOf, runCase } from "./state-tests.ts";
import { jsonFiles, VECTORS_DIRECTORY } from "./vectors.ts";
import { createMemoryWorld } from "./world.ts";

const [shardIndex, shardCount] = (process.env.MEGAETH_SWEEP_SHARD ?? "0/1").split("/").map(Number) as [number, number];
const skipped = process.env.MEGAETH_SWEEP_SKIP?.split(",") ?? [];
const only = process.env.MEGAETH_SWEEP_ONLY;
const engines = new Map<string, Promise<Engine>>();

async function engineOf(spec: ChainSpec): Promise<Engine> {
  const key = `${spec.chainId} ${JSON.stringify(spec.schedule, bigintText)} ${JSON.stringify(spec.blobSchedule, bigintText)}`;
  let engine = engines.get(key);
  if (engine === undefined) engines.set(key, (engine = createReferenceEngine(spec)));
  return engine;
}

function bigintText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

for (const folder of process.argv.slice(2)) {
  const tally = { passed: 0, failed: 0, skippedFiles: 0 };
  const files = jsonFiles(folder).filter((_, i) => i % shardCount === shardIndex);
  for (const file of files) {
    if (skipped.some((text) => file.includes(text))) {
      tally.skippedFiles++;
      continue;
    }
    const start = performance.now();
    const cases = casesOf(readFileSync(file, "utf8"), file.includes("legacy"));
    for (const stateCase of cases) {
      if (only !== undefined && !stateCase.name.includes(only)) continue;
      let verdict: string | null;
      try {
        verdict = await runCase(stateCase, engineOf, createMemoryWorld());
      } catch (error) {
        verdict = `threw ${error instanceof Error ? error.stack : String(error)}`;
      }
      if (verdict === null) tally.passed++;
      else {
        tally.failed++;
        console.log(`FAIL ${relative(VECTORS_DIRECTORY, file)} :: ${stateCase.name} :: ${verdict}`);
      }
    }
    const elapsedMs = performance.now() - start;
    if (elapsedMs > 5000)
      console.log(`SLOW ${relative(VECTORS_DIRECTORY, file)} ${elapsedMs.toFixed(0)} ms, ${cases.length} cases`);
  }
  console.log(`TOTAL ${relative(VECTORS_DIRECTORY, folder)} ${JSON.stringify(tally)}`);
}
