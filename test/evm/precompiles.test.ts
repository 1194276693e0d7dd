// Every precompile of the reference engine against go-ethereum's vectors: output, gas, and the inputs that must fail.
// The slow curve operations take an evenly spread part unless MEGAETH_PRECOMPILE_VECTORS=all.

import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromHex, toBareHex } from "#base/hex.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import type { FrameResult } from "#evm/machine.ts";
import { ReferenceMachine } from "#evm/reference/machine.ts";
import { vectorsFolder } from "#test/vectors.ts";
import { ALICE, addressOf, ETHER, environmentOf, fund } from "./fixtures.ts";
import { MemoryHost } from "./memory-host.ts";

type Vector = { Input: string; Expected?: string; Name: string; Gas?: number; ExpectedError?: string };

/** File, address, fork, and how many vectors at most run by default. */
const SETS: readonly (readonly [file: string, address: number, fork: Hardfork, count: number])[] = [
  ["ecRecover", 1, "osaka", 100],
  ["modexp", 5, "byzantium", 100],
  ["modexp_eip2565", 5, "berlin", 100],
  ["modexp_eip7883", 5, "osaka", 100],
  ["bn256Add", 6, "osaka", 100],
  ["bn256ScalarMul", 7, "osaka", 100],
  ["bn256Pairing", 8, "osaka", 5],
  ["blake2F", 9, "osaka", 4],
  ["fail-blake2f", 9, "osaka", 100],
  ["pointEvaluation", 10, "cancun", 100],
  ["blsG1Add", 0x0b, "osaka", 20],
  ["blsG1Mul", 0x0c, "osaka", 10],
  ["blsG1MultiExp", 0x0c, "osaka", 3],
  ["blsG2Add", 0x0d, "osaka", 20],
  ["blsG2Mul", 0x0e, "osaka", 6],
  ["blsG2MultiExp", 0x0e, "osaka", 2],
  ["blsPairing", 0x0f, "osaka", 4],
  ["blsMapG1", 0x10, "osaka", 6],
  ["blsMapG2", 0x11, "osaka", 4],
  ["fail-blsG1Add", 0x0b, "osaka", 100],
  ["fail-blsG1Mul", 0x0c, "osaka", 100],
  ["fail-blsG1MultiExp", 0x0c, "osaka", 100],
  ["fail-blsG2Add", 0x0d, "osaka", 100],
  ["fail-blsG2Mul", 0x0e, "osaka", 100],
  ["fail-blsG2MultiExp", 0x0e, "osaka", 100],
  ["fail-blsPairing", 0x0f, "osaka", 100],
  ["fail-blsMapG1", 0x10, "osaka", 100],
  ["fail-blsMapG2", 0x11, "osaka", 100],
  ["p256Verify", 0x100, "osaka", 200],
];

const folder = vectorsFolder("precompiles");
const runsAll = process.env.MEGAETH_PRECOMPILE_VECTORS === "all";
const machines = new Map<Hardfork, ReferenceMachine>();

beforeAll(async () => {
  for (const [, , fork] of SETS) if (!machines.has(fork)) machines.set(fork, await ReferenceMachine.create(fork, 1n));
});

describe.skipIf(folder === null)("precompiles", () => {
  for (const [file, address, fork, count] of SETS) {
    test(file, async () => {
      const vectors = JSON.parse(readFileSync(join(folder!, "geth", `${file}.json`), "utf8")) as Vector[];
      const step = runsAll ? 1 : Math.max(1, Math.floor(vectors.length / count));
      for (let i = 0; i < vectors.length; i += step) await check(vectors[i]!, address, fork);
    }, 0);
  }
});

async function check(vector: Vector, address: number, fork: Hardfork): Promise<void> {
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

async function run(data: Uint8Array, address: number, fork: Hardfork, gas: bigint): Promise<FrameResult> {
  const host = new MemoryHost();
  fund(host, ALICE.address, ETHER);
  host.beginTransaction();
  const context = {
    origin: ALICE.address,
    gasPrice: 0n,
    blobVersionedHashes: [],
    warmAddresses: [],
    accessList: [],
    deadline: null,
  };
  const frame = { caller: ALICE.address, to: addressOf(address), value: 0n, data, gas };
  return machines.get(fork)!.run(frame, context, environmentOf(fork), host);
}
