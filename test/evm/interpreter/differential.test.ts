// Random programs of opcodes that need no state, through the interpreter and through @ethereumjs/evm: status, gas and stack at the
// end must be the same. Jumps mostly go somewhere, so that loops run until the gas ends.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Common, Mainnet } from "@ethereumjs/common";
import { createEVM, type EVM } from "@ethereumjs/evm";
import { toHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import { rulesOf } from "#evm/gas/rules.ts";
import { immediateSizeBytes } from "#evm/opcodes/stack.ts";
import { opcodesAt } from "#evm/opcodes/table.ts";
import * as status from "#evm/runtime/status.ts";
import { randomWord } from "../words/word-cases.ts";
import { FrameBench } from "./frame.fixture.ts";

const seed = Number(process.env.MEGAETH_TEST_SEED ?? 20_261_127);
const PROGRAM_COUNT = 400;
const GAS = 3000n;
const GROUPS = { arithmetic: [0x01, 0x1e], memory: [0x51, 0x53], stack: [0x56, 0x9f] } as const;
const STATE = new Set([0x5c, 0x5d, 0x5e]);

/** Status by the library's words. */
const STATUS: Readonly<Record<string, number>> = {
  "stack underflow": status.STACK_UNDERFLOW,
  "stack overflow": status.STACK_OVERFLOW,
  "out of gas": status.OUT_OF_GAS,
  "invalid opcode": status.INVALID_OPCODE,
};

describe.each([["frontier"], ["constantinople"], ["osaka"]] as const)("%s", (fork: Hardfork) => {
  let library: EVM;
  let bench: FrameBench;

  beforeAll(async () => {
    const hardfork = fork === "frontier" ? "chainstart" : fork;
    library = (await createEVM({ common: new Common({ chain: Mainnet, hardfork }) })) as EVM;
    bench = new FrameBench(fork);
  });
  afterAll(() => bench.close());

  test(`${PROGRAM_COUNT} programs of seed ${seed}`, async () => {
    const random = new SeededRandom(seed);
    const bytes = [...opcodesAt(rulesOf(fork)).keys()].filter(
      (byte) => !STATE.has(byte) && Object.values(GROUPS).some(([first, last]) => byte >= first && byte <= last),
    );
    const ends = new Map<number, number>();
    for (let index = 0; index < PROGRAM_COUNT; index++) {
      const code = randomProgram(random, bytes);
      const found = bench.run({ code, gas: GAS });
      const { exceptionError, runState, executionGasUsed } = await library.runCode({ code, gasLimit: GAS });
      const error = exceptionError?.error ?? null;
      const expected = error === null ? status.RETURNED : (STATUS[error] ?? status.INVALID_JUMP);
      ends.set(expected, (ends.get(expected) ?? 0) + 1);
      const where = { seed, index, code: toHex(code), error };
      expect({ ...where, status: found.status }).toEqual({ ...where, status: expected });
      if (error !== null) continue;
      const stack = [...runState!.stack.getStack()];
      expect({ ...where, gas: GAS - found.gas, stack: found.stack }).toEqual({
        ...where,
        gas: executionGasUsed,
        stack,
      });
    }
    expect(ends.get(status.RETURNED)).toBeGreaterThan(PROGRAM_COUNT / 10);
    expect(ends.get(status.OUT_OF_GAS)).toBeGreaterThan(PROGRAM_COUNT / 20);
    expect(ends.get(status.STACK_UNDERFLOW)).toBeGreaterThan(0);
    expect(ends.get(status.INVALID_JUMP)).toBeGreaterThan(0);
  });
});

/** Words first, then opcodes; every eighth place is a JUMPDEST, and what is pushed before a jump is one of them. */
function randomProgram(random: SeededRandom, bytes: readonly number[]): Uint8Array {
  const code: number[] = [];
  const push = (value: bigint) => {
    const hex = value.toString(16);
    const digits = hex.length % 2 === 0 ? hex : `0${hex}`;
    code.push(0x5f + digits.length / 2, ...Buffer.from(digits, "hex"));
  };
  for (let count = random.below(12) + 4; count > 0; count--) push(randomWord(random));
  const destinations: number[] = [];
  for (let count = random.below(60); count > 0; count--) {
    if (random.chance(0.12)) {
      destinations.push(code.length);
      code.push(0x5b);
    }
    const byte = random.pick(bytes);
    if (byte === 0x56 || byte === 0x57) {
      if (destinations.length > 0 && random.chance(0.9)) push(BigInt(random.pick(destinations)));
    } else if (byte >= 0x51 && byte <= 0x53) {
      push(BigInt(random.below(200)));
    }
    code.push(byte, ...random.bytes(immediateSizeBytes(byte)));
  }
  return Uint8Array.from(code);
}
