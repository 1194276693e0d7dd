// The warm-up's inputs are valid for every precompile of every fork, or they would warm up nothing.

import { expect, test } from "bun:test";
import { HARDFORKS } from "#chain/hardforks.ts";
import { precompilesAt } from "#evm/precompiles/table.ts";
import { PrecompileWarmUp } from "#evm/precompiles/warm-up.ts";

test("calls every precompile of a fork in each round", () => {
  for (const fork of HARDFORKS) {
    const warmUp = new PrecompileWarmUp(fork, 2);
    let answeredCount = 0;
    while (!warmUp.isDone) if (warmUp.step()) answeredCount++;
    expect(`${fork} ${answeredCount}`).toBe(`${fork} ${2 * precompilesAt(fork).size}`);
  }
});
