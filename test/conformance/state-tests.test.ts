// Ethereum's state tests and classic VM tests on every engine of this build: a seeded sample of files and of their cases.
// The whole of them: `bun run conformance -- state DIR`.

import { expect, test } from "bun:test";
import { vectorsFolder } from "#test/vectors.ts";
import { EngineFamily, isModeBuilt, MODES } from "./engines.ts";
import { runSample } from "./sample-run.ts";
import { CONFORMANCE_SEED, conformanceCaseCount } from "./sampling.ts";

/** Cases of each folder of `state-tests`. */
const COUNTS = { eest: 600, "legacy-cancun": 600, vm: 100 };

for (const [set, usual] of Object.entries(COUNTS)) {
  const folder = vectorsFolder(`state-tests/${set}`);
  const count = conformanceCaseCount(usual);
  for (const mode of MODES.filter(isModeBuilt)) {
    test.skipIf(folder === null)(
      `${set}, ${mode}: ${count} cases (seed ${CONFORMANCE_SEED})`,
      async () => {
        const engines = new EngineFamily(mode);
        const { ran, failures } = await runSample("state", folder!, { count, perFileMax: 4 }, engines.engineOf);
        expect(ran).toBeGreaterThan(0);
        expect(failures).toEqual([]);
      },
      0,
    );
  }
}
