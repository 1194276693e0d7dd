// Real mainnet blocks on every engine of this build: some of each era. All of them: `bun run conformance -- mainnet DIR`.

import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { vectorsFolder } from "#test/vectors.ts";
import { EngineFamily, isModeBuilt, MODES } from "./engines.ts";
import { mainnetCaseOf } from "./mainnet-blocks.ts";

/** Frontier, Homestead, both sides of two forks, and small blocks of later rules. */
const SAMPLE = ["46147", "930196", "2462997", "2674998", "2675000", "19426587", "19923400", "19934116"];

const folder = vectorsFolder("mainnet-blocks");

describe.skipIf(folder === null)("mainnet blocks", () => {
  const files = SAMPLE.map((name) => join(folder ?? "", name, "block.json")).filter((file) => existsSync(file));
  for (const mode of MODES.filter(isModeBuilt)) {
    const engines = new EngineFamily(mode);
    for (const { name, run } of files.map(mainnetCaseOf)) {
      test(`${name}, ${mode}`, async () => {
        expect(await run(engines.engineOf)).toBeNull();
      }, 0);
    }
  }
});
