// The warm-up of a fork's core: its program runs to its end in every fork, and runs what the fork has.

import { describe, expect, test } from "bun:test";
import { HARDFORKS } from "#chain/hardforks.ts";
import { CoreWarmUp } from "#evm/core-warm-up.ts";
import { rulesOf } from "#evm/gas/rules.ts";
import { immediateSizeBytes } from "#evm/opcodes/stack.ts";
import { opcodesAt } from "#evm/opcodes/table.ts";
import { createRange } from "#evm/runtime/range.ts";
import { warmUpProgram } from "#evm/warm-up-program.ts";
import { releaseMemory } from "#wasm/loader.ts";
import { specOf } from "./fixtures.ts";

/** What the program does without: jumps and what ends a frame are the loop's and the callee's, creations of contracts end the account. */
const LEFT_OUT =
  /^(STOP|JUMP|JUMPI|JUMPDEST|REVERT|INVALID|SELFDESTRUCT|CREATE2|CALLCODE|PREVRANDAO|DIFFICULTY|PUSH\d+|DUP\d+|SWAP\d+)$/;
const CALLEE = new Uint8Array(20).fill(0x44);

describe.each(HARDFORKS.map((fork) => [fork] as const))("%s", (fork) => {
  test("the program runs to its end", async () => {
    const range = createRange(64 << 20);
    const warmUp = await CoreWarmUp.create(specOf(fork), fork, range);
    const { halt, reject, output, logs } = await warmUp.callOpcodes();
    expect([halt, reject, output.length, logs.length]).toEqual([null, null, 64, 5]);
    let steps = 0;
    for (; !warmUp.isDone && steps < 3; steps++) await warmUp.step();
    expect(steps).toBe(3);
    releaseMemory(range.memory);
  });

  test("and runs what there is", () => {
    const rules = rulesOf(fork);
    const code = warmUpProgram(rules, CALLEE);
    const seen = new Set<number>();
    for (let pc = 0; pc < code.length; pc += 1 + immediateSizeBytes(code[pc]!)) seen.add(code[pc]!);
    const missing = [...opcodesAt(rules).values()].filter(({ byte, name }) => !seen.has(byte) && !LEFT_OUT.test(name));
    expect(missing.map(({ name }) => name)).toEqual([]);
  });
});
