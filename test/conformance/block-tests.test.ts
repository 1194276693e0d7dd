// Ethereum's blockchain tests on every engine of this build: system calls, requests, withdrawals, blob schedules. A seeded
// sample; the whole of them: `bun run conformance -- blocks DIR`.

import { expect, test } from "bun:test";
import { vectorsFolder } from "#test/vectors.ts";
import { EngineFamily, isModeBuilt, MODES } from "./engines.ts";
import { runSample } from "./sample-run.ts";
import { CONFORMANCE_SEED, conformanceCaseCount } from "./sampling.ts";

const COUNT = conformanceCaseCount(300);
const folder = vectorsFolder("blockchain-tests");

for (const mode of MODES.filter(isModeBuilt)) {
  test.skipIf(folder === null)(
    `${mode}: ${COUNT} chains of blocks (seed ${CONFORMANCE_SEED})`,
    async () => {
      const engines = new EngineFamily(mode);
      const { ran, failures } = await runSample("blocks", folder!, { count: COUNT, perFileMax: 10 }, engines.engineOf);
      expect(ran).toBeGreaterThan(0);
      expect(failures).toEqual([]);
    },
    0,
  );
}
