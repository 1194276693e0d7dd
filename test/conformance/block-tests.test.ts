// Ethereum's blockchain tests on the reference engine: system calls, requests, withdrawals, blob schedules.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { SeededRandom } from "#base/random.ts";
import { listVectorFiles, vectorsFolder } from "#test/vectors.ts";
import { blockCasesOf, runBlockCase } from "./block-tests.ts";
import { referenceEngineOf } from "./engines.ts";
import { CONFORMANCE_SEED, conformanceCaseCount, draw } from "./sampling.ts";

const COUNT = conformanceCaseCount(300);
const folder = vectorsFolder("blockchain-tests");

test.skipIf(folder === null)(
  `${COUNT} chains of blocks (seed ${CONFORMANCE_SEED})`,
  async () => {
    const cases = listVectorFiles(folder!, ".json").flatMap((file) => blockCasesOf(readFileSync(file, "utf8")));
    const failures: string[] = [];
    const taken = draw(cases, new SeededRandom(CONFORMANCE_SEED), COUNT);
    for (const blockCase of taken) {
      const verdict = await runBlockCase(blockCase, referenceEngineOf);
      if (verdict !== null) failures.push(`${blockCase.name}: ${verdict}`);
    }
    expect(taken.length).toBeGreaterThan(0);
    expect(failures).toEqual([]);
  },
  0,
);
