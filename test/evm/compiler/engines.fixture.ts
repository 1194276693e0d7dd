// The engines that programs of the compiler's tests run on: all modes of the conformance suite, and the dispatch form wherever
// there is one, which the compiler itself takes for a few codes only.

import { EagerCompiler, type EagerOptions } from "#evm/compiler/eager-compiler.ts";
import { type ArenaRange, createRange } from "#evm/runtime/range.ts";
import { createWasmEngine } from "#evm/wasm-engine.ts";
import { compareEngines } from "#test/fuzz/comparison.ts";
import { type EngineFactory, type FuzzEngine, fuzzEngine, fuzzEngineOf } from "#test/fuzz/engines.ts";
import { knownWorld } from "#test/fuzz/known-cases.ts";
import { releaseMemory } from "#wasm/loader.ts";

const RANGE_SIZE_BYTES = 64 * 1024 * 1024;

/** See the head of the file. */
export class CompilerEngines {
  readonly #ranges: ArenaRange[] = [];
  readonly #engines: readonly FuzzEngine[] = [
    ...["reference", "interpreter", "compile", "exits"].map(fuzzEngine),
    fuzzEngineOf("dispatch", this.#eager({ forcesExits: false, form: "dispatch" })),
    fuzzEngineOf("dispatch with exits", this.#eager({ forcesExits: true, form: "dispatch" })),
  ];

  /**
   * Runs a program, as text, with each gas limit on all engines.
   * @returns the first difference, as text; null when they agree
   */
  async differenceOf(program: string, gasLimits: readonly number[]): Promise<string | null> {
    for (const gas of gasLimits) {
      const world = knownWorld({ about: "", a: program }, "osaka", BigInt(gas));
      const difference = await compareEngines(world, this.#engines);
      if (difference !== null) return `gas ${gas}: ${JSON.stringify(difference)}`;
    }
    return null;
  }

  /** Gives their memories back, since a test run is one process. */
  release(): void {
    for (const { memory } of this.#ranges.splice(0)) releaseMemory(memory);
  }

  #eager(options: EagerOptions): EngineFactory {
    return async (spec) => {
      const range = createRange(RANGE_SIZE_BYTES);
      this.#ranges.push(range);
      const engine = await createWasmEngine(spec, { tier: "compile", range });
      engine.thread.bridge.listener = new EagerCompiler(engine.thread, options);
      return engine;
    };
  }
}
