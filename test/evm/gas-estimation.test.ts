// Gas estimation against its definition: the answer succeeds, and an exhaustive search finds nothing much smaller.

import { beforeAll, expect, test } from "bun:test";
import { bigintToBytes } from "#base/bytes.ts";
import { fromHex } from "#base/hex.ts";
import type { Engine } from "#evm/engine.ts";
import { estimateGas, type GasEstimationMessage } from "#evm/gas-estimation.ts";
import { createReferenceEngine } from "#evm/reference/engine.ts";
import { ALICE, addressOf, assemble, BASE_FEE, ETHER, environmentOf, fund, messageOf, specOf } from "./fixtures.ts";
import { MemoryHost } from "./memory-host.ts";

const CONTRACT = addressOf(0xc0de);
const env = environmentOf("osaka");
let engine: Engine;

beforeAll(async () => {
  engine = await createReferenceEngine(specOf("osaka"));
});

function estimate(source: string, changes: Partial<GasEstimationMessage> = {}, gasCap = 0n) {
  const host = hostWith(source);
  const message = { ...messageOf({ to: CONTRACT, gas: 0n }), ...changes };
  return estimateGas(message, { engine, env, gasCap, openHost: () => host });
}

function hostWith(source: string): MemoryHost {
  const host = new MemoryHost();
  fund(host, ALICE.address, ETHER);
  if (source !== "") fund(host, CONTRACT, 0n, assemble(source), 1n);
  return host;
}

/** The least gas with which the call succeeds, by plain bisection without any slack. */
async function leastGas(source: string, changes: Partial<GasEstimationMessage>): Promise<bigint> {
  let low = 20_999n;
  let high = 16_000_000n;
  while (low + 1n < high) {
    const gas = (low + high) / 2n;
    const outcome = await engine.call(messageOf({ to: CONTRACT, ...changes, gas }), env, hostWith(source));
    if (outcome.halt === null) high = gas;
    else low = gas;
  }
  return high;
}

const SPENDERS: [name: string, source: string, changes: Partial<GasEstimationMessage>][] = [
  ["a write", "1 0 SSTORE", {}],
  ["a refund", "1 0 SSTORE 0 0 SSTORE", {}],
  ["a call that needs its 63/64", "0 0 0 0 0 abcd GAS CALL @ok JUMPI INVALID ok: 1 0 SSTORE", {}],
  ["a check of the gas left", "61a80 GAS GT @ok JUMPI 0 0 REVERT ok:", {}],
  ["a creation", "", { to: null, data: fromHex(assemble("20 0 RETURN")) }],
  ["calldata", "", { data: new Uint8Array(1000).fill(1) }],
];

for (const [name, source, changes] of SPENDERS) {
  test(`${name}: succeeds, and is at most 1.5 % above the least`, async () => {
    const answer = await estimate(source, changes);
    if (answer.kind !== "estimated")
      throw new Error(JSON.stringify(answer, (_, v) => (typeof v === "bigint" ? `${v}` : v)));
    const message = messageOf({ to: CONTRACT, ...changes, gas: answer.gas });
    expect((await engine.call(message, env, hostWith(source))).halt).toBeNull();
    const least = await leastGas(source, changes);
    expect(answer.gas).toBeGreaterThanOrEqual(least);
    expect(Number(answer.gas)).toBeLessThanOrEqual(Number(least) * 1.0153);
  });
}

test("a plain transfer costs 21000", async () => {
  expect(await estimate("", { value: 1n })).toEqual({ kind: "estimated", gas: 21_000n });
});

test("a revert comes back with its data", async () => {
  const answer = await estimate("aa 0 MSTORE 20 0 REVERT");
  expect(answer).toEqual({ kind: "reverted", output: bigintToBytes(0xaan, 32) });
});

test("other failures are in geth's words", async () => {
  expect(await estimate("loop: @loop JUMP", { gas: 50_000n })).toMatchObject({
    kind: "failed",
    message: "gas required exceeds allowance (50000)",
  });
  expect(await estimate("INVALID")).toMatchObject({ kind: "failed", message: "invalid opcode: INVALID" });
  expect(await estimate("1 0 SSTORE", {}, 30_000n)).toMatchObject({
    message: "gas required exceeds allowance (30000)",
  });
  const poor = { from: addressOf(0x5555), gasPrice: BASE_FEE, value: 1n };
  expect(await estimate("1 0 SSTORE", poor)).toMatchObject({ message: "insufficient funds for transfer" });
  const short = { gasPrice: ETHER / 30_000n };
  expect(await estimate("1 0 SSTORE", short)).toMatchObject({ message: "gas required exceeds allowance (30000)" });
});

test("a deadline ends it", async () => {
  const answer = await estimate("loop: @loop JUMP", { deadline: () => true });
  expect(answer).toMatchObject({ kind: "failed", message: "execution aborted" });
});
