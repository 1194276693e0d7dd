// Every precompile of the reference engine against go-ethereum's vectors: output, gas, and the inputs that must fail.
// The slow curve operations take an evenly spread part unless MEGAETH_PRECOMPILE_VECTORS=all.

import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "#base/assert.ts";
import { fromHex, toBareHex } from "#base/hex.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import type { FrameResult } from "#evm/machine.ts";
import { ReferenceMachine } from "#evm/reference/machine.ts";
import { vectorsFolder } from "#test/vectors.ts";
import { callPrecompile } from "./precompile-call.ts";
import { PRECOMPILE_VECTOR_SETS, type PrecompileVector } from "./precompile-vectors.ts";

const folder = vectorsFolder("precompiles");
const runsAll = process.env.MEGAETH_PRECOMPILE_VECTORS === "all";
const machines = new Map<Hardfork, ReferenceMachine>();

beforeAll(async () => {
  for (const [, , fork] of PRECOMPILE_VECTOR_SETS)
    if (!machines.has(fork)) machines.set(fork, await ReferenceMachine.create(fork, 1n));
});

describe.skipIf(folder === null)("precompiles", () => {
  for (const [file, address, fork, count] of PRECOMPILE_VECTOR_SETS) {
    test(file, async () => {
      const vectors = JSON.parse(readFileSync(join(folder!, "geth", `${file}.json`), "utf8")) as PrecompileVector[];
      const step = runsAll ? 1 : Math.max(1, Math.floor(vectors.length / count));
      for (let i = 0; i < vectors.length; i += step) await check(vectors[i]!, address, fork);
    }, 0);
  }
});

async function check(vector: PrecompileVector, address: number, fork: Hardfork): Promise<void> {
  const result = await run(fromHex(vector.Input), address, fork, 1_000_000_000n);
  if (vector.ExpectedError !== undefined) {
    expect(`${vector.Name} ${result.halt === null}`).toBe(`${vector.Name} false`);
    return;
  }
  expect(`${vector.Name} ${result.halt} ${toBareHex(result.output)}`).toBe(`${vector.Name} null ${vector.Expected}`);
  if (vector.Gas === undefined) return;
  expect(`${vector.Name} ${result.gasUsed}`).toBe(`${vector.Name} ${vector.Gas}`);
  if (vector.Gas === 0) return;
  const short = await run(fromHex(vector.Input), address, fork, BigInt(vector.Gas) - 1n);
  expect(`${vector.Name} ${short.halt}`).toBe(`${vector.Name} out of gas`);
}

function run(input: Uint8Array, address: number, fork: Hardfork, gas: bigint): Promise<FrameResult> {
  return callPrecompile({ machine: must(machines.get(fork), fork), fork, address, input, gas });
}
