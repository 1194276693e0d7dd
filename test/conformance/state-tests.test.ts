// Ethereum's state tests on the reference engine over the overlay: a seeded sample of files and of their cases.
// MEGAETH_CONFORMANCE_CASES=n takes n cases of each suite (default 800, "all" for everything: about an hour);
// MEGAETH_CONFORMANCE_SEED=n draws another sample.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { SeededRandom } from "#base/random.ts";
import { listVectorFiles, vectorsFolder } from "#test/vectors.ts";
import { referenceEngineOf } from "./engines.ts";
import { casesOf, runCase } from "./state-tests.ts";
import { createOverlayWorld } from "./world.ts";

const SEED = Number(process.env.MEGAETH_CONFORMANCE_SEED ?? 20_261_121);
const SIZE = process.env.MEGAETH_CONFORMANCE_CASES ?? "800";
const CASE_COUNT = SIZE === "all" ? Number.POSITIVE_INFINITY : Number(SIZE);

/** Cases that a file may give to a sample, so that no single rule fills it. */
const CASES_PER_FILE_MAX = 4;

/** Files above this size, in bytes, and these folders, hold cases of many seconds each: left out of samples. */
const SAMPLED_FILE_SIZE_MAX = 1_000_000;
const SLOW = ["stTimeConsuming", "stQuadraticComplexity", "vmPerformance", "50000", "stAttackTest", "loop", "Loop"];

for (const [suite, isLegacy] of [
  ["eest", false],
  ["legacy-cancun", true],
] as const) {
  const folder = vectorsFolder(`state-tests/${suite}`);
  test.skipIf(folder === null)(
    `${suite}: ${SIZE} cases (seed ${SEED})`,
    async () => {
      const failures: string[] = [];
      let count = 0;
      for (const file of sampleFiles(folder!)) {
        const cases = casesOf(readFileSync(file, "utf8"), isLegacy);
        const random = new SeededRandom(SEED + count);
        const quota = CASE_COUNT === Number.POSITIVE_INFINITY ? cases.length : CASES_PER_FILE_MAX;
        for (const stateCase of draw(cases, random, Math.min(quota, CASE_COUNT - count))) {
          const verdict = await runCase(stateCase, referenceEngineOf, createOverlayWorld());
          count++;
          if (verdict !== null) failures.push(`${relative(folder!, file)} ${stateCase.name}: ${verdict}`);
        }
        if (count >= CASE_COUNT) break;
      }
      expect(count).toBeGreaterThan(0);
      expect(failures).toEqual([]);
    },
    0,
  );
}

function sampleFiles(folder: string): string[] {
  const files = listVectorFiles(folder, ".json");
  if (CASE_COUNT === Number.POSITIVE_INFINITY) return files;
  const quick = files.filter(
    (file) => !SLOW.some((text) => file.includes(text)) && sizeOf(file) < SAMPLED_FILE_SIZE_MAX,
  );
  return draw(quick, new SeededRandom(SEED), quick.length);
}

function sizeOf(file: string): number {
  return Bun.file(file).size;
}

/** `count` items in an order that the generator decides. */
function draw<T>(items: readonly T[], random: SeededRandom, count: number): T[] {
  const rest = [...items];
  const drawn: T[] = [];
  while (drawn.length < count && rest.length > 0) {
    const at = random.below(rest.length);
    drawn.push(rest[at]!);
    rest[at] = rest[rest.length - 1]!;
    rest.pop();
  }
  return drawn;
}
