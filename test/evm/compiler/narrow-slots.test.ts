// Numbers that the compiler takes for small ones: which slots of a loop, and that programs whose numbers are not small go like elsewhere.

import { afterAll, describe, expect, test } from "bun:test";
import { EMPTY_BYTES } from "#base/bytes.ts";
import { toBareHex } from "#base/hex.ts";
import { analyzeFlow } from "#evm/compiler/flow.ts";
import { narrowSlots } from "#evm/compiler/narrow-slots.ts";
import { createWasmEngine } from "#evm/wasm-engine.ts";
import { addressOf, environmentOf, fund, messageOf, specOf } from "../fixtures.ts";
import { MemoryHost } from "../memory-host.ts";
import { CompilerEngines } from "./engines.fixture.ts";
import { codeOf, cutterOf, explore } from "./explore.fixture.ts";

const GAS_LIMITS = [1_000_000, 90, 270, 300, 330, 800, 2_400];
const TIMEOUT_MS = 600_000;

const engines = new CompilerEngines();
afterAll(() => engines.release());

/** The slots of the only loop of a program. */
function slotsOf(text: string): number[] {
  const flow = analyzeFlow(explore(cutterOf(codeOf(text))))!;
  const heads = flow.nodes.filter(({ isLoopHeader }) => isLoopHeader);
  expect(heads.length).toBe(1);
  return [...(narrowSlots(flow).get(heads[0]!) ?? [])];
}

describe("slots that are taken for small numbers", () => {
  test.each([
    ["a counter and its bound", "CALLVALUE 0x00 1: DUP2 DUP2 LT ISZERO @2 JUMPI 0x01 ADD @1 JUMP 2: STOP", [0, 1]],
    ["a place in memory, and not what lies there", "0x07 0x00 1: DUP1 MLOAD SWAP2 POP 0x20 ADD @1 JUMP", [1]],
    ["an index that is scaled", "0x00 1: DUP1 0x05 SHL 0x80 ADD MLOAD POP 0x01 ADD @1 JUMP", [0]],
    ["a number that only sums", "0x01 0x01 1: DUP2 ADD SWAP1 @1 JUMP", []],
    ["a sum that is hashed", "0x00 1: 0x01 ADD DUP1 0x00 MSTORE 0x20 0x00 KECCAK256 ADD DUP1 MLOAD POP @1 JUMP", []],
    ["a number with a sign", "0x00 1: DUP1 0x02 SWAP1 SDIV POP 0x01 ADD DUP1 MLOAD POP @1 JUMP", []],
    ["an address", "CALLER 1: DUP1 MLOAD POP 0x01 ADD @1 JUMP", []],
  ])("%s", (_, text, slots) => expect(slotsOf(text)).toEqual(slots));
});

describe("all engines agree", () => {
  const NEAR = `0x${(2n ** 64n - 3n).toString(16)}`;
  const MINUS_TWO = `0x${(2n ** 256n - 2n).toString(16)}`;
  test.each([
    [
      "a counter that goes beyond 2^64",
      `${NEAR} 0x00 1: 0x01 ADD SWAP1 0x01 ADD DUP1 DUP3 GT POP SWAP1 DUP1 0x09 GT @1 JUMPI SSTORE`,
    ],
    [
      "a counter below zero",
      "0x03 0x09 1: SWAP1 0x01 SWAP1 SUB DUP1 0x07 LT POP SWAP1 0x01 SWAP1 SUB DUP1 @1 JUMPI SSTORE",
    ],
    [
      "a counter that begins below zero",
      `${MINUS_TWO} 1: DUP1 0x05 LT DUP2 SSTORE 0x01 ADD DUP1 0x04 EQ ISZERO @1 JUMPI STOP`,
    ],
    [
      "steps of 2^62",
      "0x00 0x00 1: 0x01 ADD SWAP1 0x4000000000000000 ADD DUP1 0x07 GT DUP2 SSTORE SWAP1 DUP1 0x08 GT @1 JUMPI STOP",
    ],
    ["a bound beyond 2^64", `${MINUS_TWO} 0x00 1: DUP2 DUP2 LT DUP2 SSTORE 0x01 ADD DUP1 0x05 GT @1 JUMPI STOP`],
    ["a place in memory that is none", `${NEAR} 0x00 1: DUP1 MLOAD POP DUP2 ADD @1 JUMP`],
    [
      "loops inside each other that both come to large numbers",
      `${NEAR} 0x00 1: 0x00 2: 0x01 ADD SWAP2 0x01 ADD DUP1 DUP3 LT POP SWAP2 DUP1 0x04 GT @2 JUMPI POP
      0x01 ADD DUP1 0x04 GT @1 JUMPI SSTORE`,
    ],
  ])("%s", async (_, text) => expect(await engines.differenceOf(text, GAS_LIMITS)).toBeNull(), TIMEOUT_MS);
});

test("a wrong guess is made once", async () => {
  // From the number in the call data up, a thousand times.
  const text = `0x00 CALLDATALOAD 0x00 1: 0x01 ADD SWAP1 0x01 ADD DUP1 0x03 GT POP SWAP1 DUP1 0x03e8 GT @1 JUMPI
    POP 0x00 MSTORE 0x20 0x00 RETURN`;
  const to = addressOf(0x77);
  const host = new MemoryHost();
  fund(host, to, 0n, toBareHex(codeOf(text)));
  const engine = await createWasmEngine(specOf("osaka"), { tier: "compile" });
  const call = async (data: Uint8Array) => {
    const before = engine.counters.exits.wide;
    const { output } = await engine.call(messageOf({ to, data, gas: 1_000_000n }), environmentOf("osaka"), host);
    return [toBareHex(output), engine.counters.exits.wide - before];
  };
  const small = `${"0".repeat(61)}3e8`;
  expect(await call(EMPTY_BYTES)).toEqual([small, 0]);
  const large = new Uint8Array(32).fill(0xff, 0, 1);
  const result = `ff${"0".repeat(59)}3e8`;
  expect(await call(large)).toEqual([result, 1]);
  expect(await call(large)).toEqual([result, 0]);
  expect(await call(EMPTY_BYTES)).toEqual([small, 0]);
});
