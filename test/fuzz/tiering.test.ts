// Tiering under the fuzz's programs, as eager as it can be: everything that runs twice is compiled, every frame that lives for some
// hundred gas is looked at and handed over, modules are forgotten and made again. The interpreter alone is the opinion.
//   MEGAETH_FUZZ_SEED=n, MEGAETH_TIERING_PROGRAMS=n     another sample

import { expect, test } from "bun:test";
import { DEFAULT_TIERING } from "#evm/compiler/tiered-compiler.ts";
import { createRange } from "#evm/runtime/range.ts";
import { createWasmEngine, type WasmEngine } from "#evm/wasm-engine.ts";
import { releaseMemory } from "#wasm/loader.ts";
import { compareEngines } from "./comparison.ts";
import { fuzzEngine, fuzzEngineOf } from "./engines.ts";
import { generateWorld, worldSeed } from "./world-generator.ts";

const SEED = Number(process.env.MEGAETH_FUZZ_SEED ?? 20_261_128);
const PROGRAMS = Number(process.env.MEGAETH_TIERING_PROGRAMS ?? 400);
/** Worlds that have shown a fault: a jump to a computed place, in a module that a later one without such places had replaced. */
const KNOWN_SEEDS = [702_425_576];
/** Each run meets what was compiled of those before. */
const RUN_COUNT = 4;
const EAGER = { ...DEFAULT_TIERING, gasPerByte: 0.001, cacheSizeBytes: 1 << 18, pollIntervalGas: 200 };

test(`a thread that hands over at every turn has the interpreter's outcomes (seed ${SEED})`, async () => {
  console.log(`  seed ${SEED}, ${PROGRAMS} programs`);
  const range = createRange(64 << 20);
  let tiered: WasmEngine | null = null;
  const eager = fuzzEngineOf("tiering", async (spec) => {
    // One thread for all forks: its codes are cleared whenever the fork changes.
    tiered ??= await createWasmEngine(spec, { tier: "auto", range, tiering: EAGER });
    return tiered;
  });
  const engines = [fuzzEngine("interpreter"), eager];
  for (const seed of [...KNOWN_SEEDS, ...Array.from({ length: PROGRAMS }, (_, index) => worldSeed(SEED, index))]) {
    const world = generateWorld(seed, "osaka");
    for (let run = 0; run < RUN_COUNT; run++) {
      const difference = await compareEngines(world, engines);
      if (difference !== null) throw new Error(`seed ${seed}, run ${run}: ${JSON.stringify(difference)}`);
    }
  }
  const { counters, tiering } = tiered as unknown as WasmEngine;
  expect(counters.gasCompiled).toBeGreaterThan(0);
  expect(tiering!.counters.handovers).toBeGreaterThan(0);
  console.log(`  ${tiering!.counters.handovers} hand-overs, ${tiering!.counters.installs} modules`);
  expect(tiering!.counters.installs).toBeGreaterThan(PROGRAMS / 4);
  releaseMemory(range.memory);
}, 600_000);
