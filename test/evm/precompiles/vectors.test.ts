// Every precompile of the table against go-ethereum's vectors: output, gas, and the inputs that must fail. Of the long
// sums of multiples an evenly spread part runs, unless MEGAETH_PRECOMPILE_VECTORS=all.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "#base/assert.ts";
import { fromHex, toBareHex } from "#base/hex.ts";
import { precompilesAt } from "#evm/precompiles/table.ts";
import { vectorsFolder } from "#test/vectors.ts";
import { PRECOMPILE_VECTOR_SETS, type PrecompileVector } from "../precompile-vectors.ts";

const folder = vectorsFolder("precompiles");
const SLOW_STEP = process.env.MEGAETH_PRECOMPILE_VECTORS === "all" ? 1 : 8;

describe.skipIf(folder === null)("precompiles", () => {
  for (const [file, address, fork] of PRECOMPILE_VECTOR_SETS) {
    test(file, () => {
      const vectors = JSON.parse(readFileSync(join(folder!, "geth", `${file}.json`), "utf8")) as PrecompileVector[];
      expect(vectors.length).toBeGreaterThan(0);
      const precompile = must(precompilesAt(fork).get(address), `no precompile ${address}`);
      const step = file.endsWith("MultiExp") && vectors.length > 100 ? SLOW_STEP : 1;
      for (const vector of vectors.filter((_, i) => i % step === 0)) {
        const input = fromHex(vector.Input);
        const kept = input.slice();
        const output = precompile.run(input, fork);
        expect(input).toEqual(kept);
        if (vector.ExpectedError !== undefined) {
          expect(`${vector.Name} ${output}`).toBe(`${vector.Name} null`);
          continue;
        }
        expect(`${vector.Name} ${output && toBareHex(output)}`).toBe(`${vector.Name} ${vector.Expected}`);
        if (vector.Gas !== undefined) {
          expect(`${vector.Name} ${precompile.gas(input, fork)}`).toBe(`${vector.Name} ${vector.Gas}`);
        }
      }
    }, 0);
  }
});
