// Real mainnet blocks on the reference engine: one of each era by default, all by MEGAETH_CONFORMANCE_CASES=all.

import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createReferenceEngine } from "#evm/reference/engine.ts";
import { vectorsFolder } from "#test/vectors.ts";
import { MAINNET_SPEC, runMainnetBlock } from "./mainnet-blocks.ts";
import { conformanceCaseCount } from "./sampling.ts";

/** Frontier, Homestead, both sides of two forks, and small blocks of later rules. */
const SAMPLE = ["46147", "930196", "2462997", "2674998", "2675000", "19426587", "19923400", "19934116"];

const folder = vectorsFolder("mainnet-blocks");
const engine = await createReferenceEngine(MAINNET_SPEC);

describe.skipIf(folder === null)("mainnet blocks", () => {
  const present = folder === null ? [] : readdirSync(folder);
  const runsAll = conformanceCaseCount(SAMPLE.length) >= present.length;
  const blocks = runsAll ? present : present.filter((name) => SAMPLE.includes(name));
  for (const block of blocks) {
    test(block, async () => {
      expect(await runMainnetBlock(join(folder!, block), engine)).toBeNull();
    }, 0);
  }
});
