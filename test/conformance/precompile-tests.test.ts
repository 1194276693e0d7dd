// Every precompile on every engine of this build against go-ethereum's vectors: output, gas, and the inputs that must fail.
// An evenly spread part of each file; the whole of them: `bun run conformance -- precompiles DIR`.

import { describe, expect, test } from "bun:test";
import { vectorsFolder } from "#test/vectors.ts";
import { EngineFamily, isModeBuilt, MODES } from "./engines.ts";
import { SUITES, suiteFiles } from "./suites.ts";

/** Vectors that a file gives. */
const COUNT = 100;

/** Fewer of those that take long on some engine, by file name. */
const SLOW_COUNTS: readonly (readonly [name: RegExp, count: number])[] = [
  [/MultiExp|Pairing|blake2F|blsMapG2/, 4],
  [/blsG[12]Mul|blsMapG1/, 8],
  [/bls/, 20],
];

const folder = vectorsFolder("precompiles");
const suite = SUITES.precompiles!;

describe.skipIf(folder === null)("precompiles", () => {
  for (const { path } of folder === null ? [] : suiteFiles(suite, folder)) {
    for (const mode of MODES.filter(isModeBuilt)) {
      const cases = suite.casesOf(path);
      const [, count] = SLOW_COUNTS.find(([name]) => name.test(path)) ?? [null, COUNT];
      const step = Math.ceil(cases.length / count);
      test(`${cases[0]?.group}, ${mode}`, async () => {
        const engines = new EngineFamily(mode);
        for (let i = 0; i < cases.length; i += step) {
          const { name, run } = cases[i]!;
          expect(`${name}: ${await run(engines.engineOf)}`).toBe(`${name}: null`);
        }
      }, 0);
    }
  }
});
