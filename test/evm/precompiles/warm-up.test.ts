// The warm-up's inputs are valid for every precompile of every fork, or they would warm up nothing.

import { expect, test } from "bun:test";
import { HARDFORKS } from "#chain/hardforks.ts";
import { precompilesAt } from "#evm/precompiles/table.ts";
import { warmUpPrecompiles } from "#evm/precompiles/warm-up.ts";

test("runs every precompile of a fork", () => {
  for (const fork of HARDFORKS) expect(warmUpPrecompiles(fork, 1)).toBe(precompilesAt(fork).size);
});
