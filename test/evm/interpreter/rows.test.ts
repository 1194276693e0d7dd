// Every row of the table through the interpreter: results against BigInt, gas to the unit, stack limits, and the order in which
// failures are found.

import { afterAll, describe, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { HARDFORKS } from "#chain/hardforks.ts";
import { rulesOf } from "#evm/gas/rules.ts";
import type { Opcode } from "#evm/opcodes/opcode.ts";
import { immediateSizeBytes } from "#evm/opcodes/stack.ts";
import { opcodesAt } from "#evm/opcodes/table.ts";
import { INVALID_OPCODE, OUT_OF_GAS, RETURNED, STACK_OVERFLOW, STACK_UNDERFLOW } from "#evm/runtime/status.ts";
import { CONTEXT, FRAME } from "#formats/memory/evm-arena.ts";
import { EXPECTED } from "../words/operations.ts";
import { randomWord } from "../words/word-cases.ts";
import { FrameBench } from "./frame.fixture.ts";

const seed = Number(process.env.MEGAETH_TEST_SEED ?? 20_261_127);
const STACK_LIMIT = 1024;
const GAS = 100_000n;

const bench = new FrameBench("osaka");
const rules = rulesOf("osaka");
const rows = [...opcodesAt(rules).values()];

afterAll(() => bench.close());

/** The row alone, followed by STOP. */
function codeOf(row: Opcode): Uint8Array {
  return Uint8Array.from([row.byte, ...new Uint8Array(immediateSizeBytes(row.byte))]);
}

function rowOf(name: string): Opcode {
  return rows.find((row) => row.name === name)!;
}

describe("pure rows", () => {
  const names = rows.map((row) => row.name).filter((name) => name.toLowerCase() in EXPECTED);

  test("are all of arithmetic, comparison and logic", () => {
    expect(names.length).toBe(26);
  });

  test.each(names.map((name) => [name] as const))("%s answers as BigInt does", (name) => {
    const random = new SeededRandom(seed);
    const row = rowOf(name);
    const expected = EXPECTED[name.toLowerCase() as keyof typeof EXPECTED] as (...operands: bigint[]) => bigint;
    for (let round = 0; round < 200; round++) {
      const operands = Array.from({ length: row.inputs }, () => randomWord(random));
      const below = randomWord(random);
      const end = bench.run({ code: codeOf(row), stack: [below, ...operands.toReversed()] });
      const found = { seed, operands, status: end.status, stack: end.stack };
      expect(found).toEqual({ seed, operands, status: RETURNED, stack: [below, expected(...operands)] });
    }
  });

  test("EXP charges each byte of the exponent", () => {
    for (const [exponent, byteCount] of [
      [0n, 0n],
      [1n, 1n],
      [255n, 1n],
      [256n, 2n],
      [1n << 64n, 9n],
      [1n << 255n, 32n],
    ] as const) {
      const start = { code: codeOf(rowOf("EXP")), stack: [exponent, 3n] };
      const price = 10n + 50n * byteCount;
      expect(bench.run({ ...start, gas: price })).toMatchObject({ status: RETURNED, gas: 0n });
      expect(bench.run({ ...start, gas: price - 1n })).toMatchObject({ status: OUT_OF_GAS, pc: 0 });
    }
  });
});

describe("every row", () => {
  const taking = rows.filter((row) => row.inputs > 0);
  const growing = rows.filter((row) => row.outputs > row.inputs);
  const priced = rows.filter((row) => row.gas(rules) > 0);

  test("halts where words lack, before any gas is asked for, and leaves the frame as it was", () => {
    for (const row of taking) {
      for (const height of [0, row.inputs - 1]) {
        const stack = Array.from({ length: height }, (_, index) => BigInt(index + 7));
        const end = bench.run({ code: codeOf(row), stack, gas: 0n });
        expect([row.name, end.status, end.pc, end.stack]).toEqual([row.name, STACK_UNDERFLOW, 0, stack]);
      }
    }
  });

  test("halts where one word more has no room, before any gas is asked for", () => {
    expect(growing.length).toBeGreaterThan(60);
    const full = Array.from({ length: STACK_LIMIT }, (_, index) => BigInt(index));
    for (const row of growing) {
      const end = bench.run({ code: codeOf(row), stack: full, gas: 0n });
      expect([row.name, end.status, end.pc, end.stack.length]).toEqual([row.name, STACK_OVERFLOW, 0, STACK_LIMIT]);
      const fitting = bench.run({ code: codeOf(row), stack: full.slice(1) });
      expect([row.name, fitting.status, fitting.stack.length]).toEqual([row.name, RETURNED, STACK_LIMIT]);
    }
  });

  test("runs on a full stack where it takes as many words as it leaves", () => {
    const full = Array.from({ length: STACK_LIMIT }, () => 0n);
    for (const row of rows.filter(({ kind, inputs, outputs }) => kind !== "dup" && inputs >= outputs)) {
      const { status } = bench.run({ code: codeOf(row), stack: full });
      expect([row.name, [STACK_OVERFLOW, STACK_UNDERFLOW].includes(status)]).toEqual([row.name, false]);
    }
  });

  test("costs its static price to the unit", () => {
    for (const row of priced) {
      const price = BigInt(row.gas(rules));
      const stack = Array.from({ length: row.inputs }, () => 0n);
      const short = bench.run({ code: codeOf(row), stack, gas: price - 1n });
      expect([row.name, short.status, short.pc, short.stack]).toEqual([row.name, OUT_OF_GAS, 0, stack]);
      if (["MLOAD", "MSTORE", "MSTORE8"].includes(row.name)) continue;
      const end = bench.run({ code: codeOf(row), stack, gas: price, memory: new Uint8Array(32) });
      expect([row.name, end.status === OUT_OF_GAS, end.gas]).toEqual([row.name, false, 0n]);
    }
  });
});

test("a byte without a row halts as an invalid opcode, whatever the stack and the gas", () => {
  const known = new Set(rows.map((row) => row.byte));
  for (let byte = 0; byte < 256; byte++) {
    if (known.has(byte) && byte !== 0xfe) continue;
    const end = bench.run({ code: Uint8Array.from([0x5b, byte]), gas: 1n });
    expect([byte, end.status, end.pc]).toEqual([byte, INVALID_OPCODE, 1]);
  }
});

describe("forks", () => {
  test.each(HARDFORKS.filter((fork) => fork !== "osaka").map((fork) => [fork] as const))(
    "%s lacks what came later and has its own prices",
    (fork) => {
      const forkBench = new FrameBench(fork);
      const forkRules = rulesOf(fork);
      const forkRows = opcodesAt(forkRules);
      for (const row of rows) {
        const stack = Array.from({ length: row.inputs }, () => 0n);
        const start = { code: codeOf(row), stack, memory: new Uint8Array(32) };
        const end = forkBench.run(start);
        if (forkRows.has(row.byte) && row.byte !== 0xfe) {
          const price = BigInt(forkRows.get(row.byte)!.gas(forkRules));
          expect([row.name, end.status === INVALID_OPCODE, 1_000_000n - end.gas]).toEqual([row.name, false, price]);
        } else {
          expect([row.name, end.status]).toEqual([row.name, INVALID_OPCODE]);
        }
      }
      forkBench.close();
    },
  );
});

describe("environment", () => {
  const value = (1n << 250n) + (5n << 128n) + (7n << 64n) + 11n;

  test.each([
    ["ADDRESS", "frame", FRAME.address],
    ["CALLER", "frame", FRAME.caller],
    ["CALLVALUE", "frame", FRAME.value],
    ["ORIGIN", "context", CONTEXT.origin],
    ["GASPRICE", "context", CONTEXT.gasPrice],
    ["COINBASE", "context", CONTEXT.coinbase],
    ["TIMESTAMP", "context", CONTEXT.timestamp],
    ["NUMBER", "context", CONTEXT.number],
    ["DIFFICULTY", "context", CONTEXT.difficulty],
    ["GASLIMIT", "context", CONTEXT.gasLimit],
    ["CHAINID", "context", CONTEXT.chainId],
    ["BASEFEE", "context", CONTEXT.baseFee],
    ["BLOBBASEFEE", "context", CONTEXT.blobBaseFee],
  ] as const)("%s reads its field", (name, record, offset) => {
    bench.setWord(record, offset, value);
    expect(bench.run({ code: codeOf(rowOf(name)) }).stack).toEqual([value]);
  });

  test("sizes and places are numbers", () => {
    bench.setField("context", CONTEXT.returnDataSize, 0x8000_0001);
    const start = { code: codeOf(rowOf("RETURNDATASIZE")), input: new Uint8Array(77), memory: new Uint8Array(96) };
    expect(bench.run(start).stack).toEqual([0x8000_0001n]);
    expect(bench.run({ ...start, code: codeOf(rowOf("CALLDATASIZE")) }).stack).toEqual([77n]);
    expect(bench.run({ ...start, code: codeOf(rowOf("CODESIZE")) }).stack).toEqual([1n]);
    expect(bench.run({ ...start, code: codeOf(rowOf("MSIZE")) }).stack).toEqual([96n]);
    expect(bench.run({ ...start, code: Uint8Array.from([0x5b, 0x58]) }).stack).toEqual([1n]);
    expect(bench.run({ ...start, code: codeOf(rowOf("GAS")), gas: GAS }).stack).toEqual([GAS - 2n]);
    bench.setField("context", CONTEXT.returnDataSize, 0);
  });
});
