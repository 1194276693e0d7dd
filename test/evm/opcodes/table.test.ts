// The table of opcodes against the tables and the behaviour of @ethereumjs/evm, fork by fork: which opcodes there are, their names
// and static prices, how many words each takes and leaves.

import { beforeAll, describe, expect, test } from "bun:test";
import { Common, Mainnet } from "@ethereumjs/common";
import { createEVM, type EVM } from "@ethereumjs/evm";
import { createAccount, createAddressFromString, createZeroAddress } from "@ethereumjs/util";
import { HARDFORKS, type Hardfork, isAtLeast } from "#chain/hardforks.ts";
import { rulesOf } from "#evm/gas/rules.ts";
import type { Opcode } from "#evm/opcodes/opcode.ts";
import { immediateSizeBytes } from "#evm/opcodes/stack.ts";
import { OPCODES, opcodesAt } from "#evm/opcodes/table.ts";

const PUSH1 = 0x60;
/** Rows whose price the library charges as a whole in its dynamic part since EIP-2929; ours is the price of a warm access. */
const WARM_IN_DYNAMIC = new Set(["BALANCE", "EXTCODESIZE", "EXTCODECOPY", "EXTCODEHASH", "SLOAD"]);
const CONTRACT = createAddressFromString(`0x${"c0".repeat(20)}`);
/** What opcodes read of a block. */
const BLOCK = {
  header: {
    number: 1n,
    coinbase: createZeroAddress(),
    timestamp: 1n,
    difficulty: 0n,
    prevRandao: new Uint8Array(32),
    gasLimit: 30_000_000n,
    baseFeePerGas: 7n,
    getBlobGasPrice: () => 1n,
  },
} as never;
const CALLS = new Set(["CALL", "CALLCODE", "DELEGATECALL", "STATICCALL"]);

async function createLibrary(fork: Hardfork): Promise<EVM> {
  const hardfork = fork === "frontier" ? "chainstart" : fork;
  const library = (await createEVM({ common: new Common({ chain: Mainnet, hardfork }) })) as EVM;
  await library.stateManager.putAccount(CONTRACT, createAccount({ balance: 1n }));
  return library;
}

describe.each(HARDFORKS.map((fork) => [fork] as const))("%s", (fork) => {
  const rules = rulesOf(fork);
  const rows = opcodesAt(rules);
  let library: EVM;

  beforeAll(async () => {
    library = await createLibrary(fork);
  });

  test("has the same opcodes under the same names and static prices", () => {
    const ours = [...rows.values()].map((row) => `${row.byte} ${row.name} ${row.gas(rules)}`);
    const theirs = [...library.getActiveOpcodes().values()].map((opcode) => {
      // The name of 0x44 in the words of a halt is geth's, in every fork.
      const name = opcode.fullName === "PREVRANDAO" ? "DIFFICULTY" : opcode.fullName;
      const isWarm = isAtLeast(fork, "berlin") && (WARM_IN_DYNAMIC.has(name) || CALLS.has(name));
      const topics = opcode.code >= 0xa0 && opcode.code <= 0xa4 ? 375 * (opcode.code - 0xa0) : 0;
      return `${opcode.code} ${name} ${Number(opcode.feeBigInt) + (isWarm ? 100 : 0) + topics}`;
    });
    expect(ours).toEqual(theirs);
  });

  test("takes and leaves as many words", async () => {
    for (const row of rows.values()) {
      const enough = await run(library, row, row.inputs);
      expect([row.name, enough.error]).not.toEqual([row.name, "stack underflow"]);
      if (hasResultHeight(row)) expect([row.name, enough.height]).toEqual([row.name, row.outputs]);
      if (row.inputs === 0) continue;
      const short = await run(library, row, row.inputs - 1);
      expect([row.name, short.error]).toEqual([row.name, "stack underflow"]);
    }
  });
});

test("rows are sorted by byte, and no byte has two", () => {
  const bytes = OPCODES.map((row) => row.byte);
  expect(bytes).toEqual([...new Set(bytes)].sort((a, b) => a - b));
});

test("all but exits and jumps that can halt for reasons of their own start a segment", () => {
  const names = OPCODES.filter((row) => row.startsSegment === true).map((row) => row.name);
  expect(names).toEqual(
    ["RETURNDATACOPY", "SSTORE", "JUMP", "JUMPI", "TSTORE", "LOG0", "LOG1", "LOG2", "LOG3", "LOG4"].concat([
      "CREATE",
      "CALL",
      "CALLCODE",
      "DELEGATECALL",
      "CREATE2",
      "STATICCALL",
      "INVALID",
      "SELFDESTRUCT",
    ]),
  );
});

test("immediates belong to PUSH1 to PUSH32 alone", () => {
  for (let byte = 0; byte < 256; byte++) {
    const name = OPCODES.find((row) => row.byte === byte)?.name ?? "";
    expect(immediateSizeBytes(byte)).toBe(name.startsWith("PUSH") ? Number(name.slice(4)) : 0);
  }
});

// Of what ends the frame or jumps, the library keeps no stack to look at.
function hasResultHeight(row: Opcode): boolean {
  return row.kind !== "exit" && row.kind !== "jump" && row.kind !== "jumpi";
}

async function run(library: EVM, row: Opcode, wordCount: number): Promise<{ error: string | null; height: number }> {
  const code = Uint8Array.from([...Array.from({ length: wordCount }, () => [PUSH1, 0]).flat(), row.byte]);
  await library.stateManager.putCode!(CONTRACT, code);
  const { execResult: result } = await library.runCall({ to: CONTRACT, gasLimit: 10_000_000n, block: BLOCK });
  return { error: result.exceptionError?.error ?? null, height: result.runState?.stack.length ?? -1 };
}
