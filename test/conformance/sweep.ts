// Runs whole folders of state tests and prints the counts and every failure: `bun test/conformance/sweep.ts FOLDER...`
// MEGAETH_SWEEP_SKIP=a,b leaves out files whose path contains a or b; MEGAETH_SWEEP_ONLY=text takes only cases so named;
// MEGAETH_SWEEP_WORLD=memory runs on plain maps instead of the overlay.

import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { listVectorFiles, vectorsRoot } from "#test/vectors.ts";
import { referenceEngineOf } from "./engines.ts";
import { casesOf, runCase, type StateCase } from "./state-tests.ts";
import { createMemoryWorld, createOverlayWorld } from "./world.ts";

const SLOW_FILE_MS = 5000;

const skipped = process.env.MEGAETH_SWEEP_SKIP?.split(",") ?? [];
const only = process.env.MEGAETH_SWEEP_ONLY ?? "";
const createWorld = process.env.MEGAETH_SWEEP_WORLD === "memory" ? createMemoryWorld : createOverlayWorld;

for (const folder of process.argv.slice(2)) {
  const tally = { passed: 0, failed: 0, skippedFiles: 0 };
  for (const file of listVectorFiles(folder, ".json")) {
    if (skipped.some((text) => file.includes(text))) tally.skippedFiles++;
    else await sweepFile(file, tally);
  }
  console.log(`TOTAL ${relative(vectorsRoot(), folder)} ${JSON.stringify(tally)}`);
}

async function sweepFile(file: string, tally: { passed: number; failed: number }): Promise<void> {
  const name = relative(vectorsRoot(), file);
  const startMs = performance.now();
  for (const stateCase of casesOf(readFileSync(file, "utf8"), file.includes("legacy"))) {
    if (!stateCase.name.includes(only)) continue;
    const verdict = await judge(stateCase);
    if (verdict === null) tally.passed++;
    else {
      tally.failed++;
      console.log(`FAIL ${name} :: ${stateCase.name} :: ${verdict}`);
    }
  }
  const elapsedMs = performance.now() - startMs;
  if (elapsedMs > SLOW_FILE_MS) console.log(`SLOW ${name} ${elapsedMs.toFixed(0)} ms`);
}

async function judge(stateCase: StateCase): Promise<string | null> {
  try {
    return await runCase(stateCase, referenceEngineOf, createWorld());
  } catch (error) {
    return `threw ${error instanceof Error ? error.stack : String(error)}`;
  }
}
