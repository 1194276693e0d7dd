// Runs a seeded sample of a suite inside the tests' own process; the command runs whole suites in many.

import { relative } from "node:path";
import { must } from "#base/assert.ts";
import { SeededRandom } from "#base/random.ts";
import type { EngineOf } from "./case.ts";
import { CONFORMANCE_SEED, isSlowFile } from "./sampling.ts";
import { drawSample, SUITES, suiteFiles } from "./suites.ts";

/** Files above this size, in bytes, are left out of samples, as those whose names say that they are slow. */
const SAMPLED_FILE_SIZE_MAX = 1_000_000;

/** How much to draw. */
export type SampleSize = { readonly count: number /** Cases of one file. */; readonly perFileMax: number };

/** What came of it: how many cases ran, and each failure with file, case, fork and the first difference. */
export type SampleResult = { readonly ran: number; readonly failures: readonly string[] };

/** Draws cases of a folder and runs them one after the other. A skipped case counts as a failure: a sample has none. */
export async function runSample(
  suiteName: string,
  folder: string,
  size: SampleSize,
  engineOf: EngineOf,
): Promise<SampleResult> {
  const suite = must(SUITES[suiteName], suiteName);
  const files = suiteFiles(suite, folder).filter(({ path, sizeBytes }) => {
    return !isSlowFile(path) && sizeBytes < SAMPLED_FILE_SIZE_MAX;
  });
  const request = { files, ...size, isWanted: () => true };
  const failures: string[] = [];
  let ran = 0;
  for (const { path, indices } of drawSample(suite, request, new SeededRandom(CONFORMANCE_SEED))) {
    const cases = suite.casesOf(path);
    for (const { name, fork, run } of indices.map((index) => must(cases[index], path))) {
      const verdict = await run(engineOf);
      ran++;
      if (verdict !== null) failures.push(`${relative(folder, path)} :: ${name} :: ${fork} :: ${verdict}`);
    }
  }
  return { ran, failures };
}
