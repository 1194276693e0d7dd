// Ethereum's state tests on the reference engine over the overlay: a seeded sample of files and of their cases.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { SeededRandom } from "#base/random.ts";
import { listVectorFiles, vectorsFolder } from "#test/vectors.ts";
import { referenceEngineOf } from "./engines.ts";
import { CONFORMANCE_SEED, conformanceCaseCount, draw } from "./sampling.ts";
import { casesOf, runCase } from "./state-tests.ts";
import { createOverlayWorld } from "./world.ts";

const COUNT = conformanceCaseCount(600);

/** Cases that a file may give to a sample, so that no single rule fills it. */
const CASES_PER_FILE_MAX = 4;

/** Files above this size, in bytes, and these folders and names, hold cases of many seconds each: left out of samples. */
const SAMPLED_FILE_SIZE_MAX = 1_000_000;
const SLOW = ["stTimeConsuming", "stQuadraticComplexity", "vmPerformance", "50000", "stAttackTest", "loop", "Loop"];

for (const [suite, isLegacy] of [
  ["eest", false],
  ["legacy-cancun", true],
] as const) {
  const folder = vectorsFolder(`state-tests/${suite}`);
  test.skipIf(folder === null)(
    `${suite}: ${COUNT} cases (seed ${CONFORMANCE_SEED})`,
    async () => {
      const failures: string[] = [];
      let count = 0;
      for (const file of filesOf(folder!)) {
        const cases = casesOf(readFileSync(file, "utf8"), isLegacy);
        const quota = COUNT === Number.POSITIVE_INFINITY ? cases.length : Math.min(CASES_PER_FILE_MAX, COUNT - count);
        for (const stateCase of draw(cases, new SeededRandom(CONFORMANCE_SEED + count), quota)) {
          const verdict = await runCase(stateCase, referenceEngineOf, createOverlayWorld());
          count++;
          if (verdict !== null) failures.push(`${relative(folder!, file)} ${stateCase.name}: ${verdict}`);
        }
        if (count >= COUNT) break;
      }
      expect(count).toBeGreaterThan(0);
      expect(failures).toEqual([]);
    },
    0,
  );
}

function filesOf(folder: string): string[] {
  const files = listVectorFiles(folder, ".json");
  if (COUNT === Number.POSITIVE_INFINITY) return files;
  const quick = files.filter((file) => {
    return !SLOW.some((text) => file.includes(text)) && Bun.file(file).size < SAMPLED_FILE_SIZE_MAX;
  });
  return draw(quick, new SeededRandom(CONFORMANCE_SEED), quick.length);
}
