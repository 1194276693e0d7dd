// Opcodes that run as one step against the same opcodes one by one, each in a code where STOP follows it: with every amount of gas
// up to what they cost, with too few words and with a full stack, taken and not, to a destination and to none.

import { afterAll, expect, test } from "bun:test";
import { fromHex } from "#base/hex.ts";
import { immediateSizeBytes } from "#evm/opcodes/stack.ts";
import { RETURNED } from "#evm/runtime/status.ts";
import { FrameBench, type FrameEnd } from "./frame.fixture.ts";

const STOP = 0x00;
const JUMP = 0x56;
const JUMPI = 0x57;
const WORD_LIMIT = 1024;
const MAX = (1n << 256n) - 1n;
/** More than any of the steps costs, with what comes behind the jump. */
const GAS_MAX = 24n;

const bench = new FrameBench("osaka");
afterAll(() => bench.close());

const COMPARISONS = { LT: "10", GT: "11", SLT: "12", SGT: "13", EQ: "14", ISZERO: "15" } as const;
/** The end of each code: a JUMPDEST, and an opcode that tells whether the end was reached. */
const TAIL = "5b58";
/** The JUMPDEST, the byte before it, and a place behind the code. */
const DESTINATIONS = ["0008", "0007", "0108"] as const;

const cases = [
  ...Object.entries(COMPARISONS).flatMap(([name, byte]) =>
    DESTINATIONS.map((to) => [`${name} PUSH2 ${to} JUMPI`, `${byte}61${to}57000000${TAIL}`] as const),
  ),
  ...DESTINATIONS.map((to) => [`PUSH2 ${to} JUMPI`, `61${to}5700000000${TAIL}`] as const),
  ...DESTINATIONS.map((to) => [`PUSH2 ${to} JUMP`, `61${to}5600000000${TAIL}`] as const),
  ["ISZERO PUSH2 JUMPI to the byte behind JUMPI", `1561000557${TAIL}`],
  ["ISZERO PUSH2 JUMPI at the end of the code", "1561000057"],
  ["ISZERO PUSH2, cut short", "156100"],
  ["ISZERO PUSH1 JUMPI", `1560085700000000${TAIL}`],
  ["ISZERO PUSH3 JUMPI", `15620000085700${TAIL}`],
  ["PUSH2 JUMPDEST", `61000857${TAIL}`.replace("57", "5b")],
] as const;

const stacks: readonly (readonly bigint[])[] = [
  [],
  [0n],
  [1n],
  [1n << 255n],
  [0n, 0n],
  [5n, 7n],
  [7n, 5n],
  [MAX, 1n],
  [1n, MAX],
  [1n, 7n, 7n],
  ...[WORD_LIMIT - 1, WORD_LIMIT].flatMap((height) =>
    [0n, 1n].map((top) => [...new Array<bigint>(height - 1).fill(1n), top]),
  ),
];

test.each(cases)("%s ends as it does opcode by opcode", (_, hex) => {
  const code = fromHex(hex);
  for (const stack of stacks) {
    for (const floor of [0n, 10n]) {
      for (let gas = stack.length > 3 ? GAS_MAX : 0n; gas <= GAS_MAX; gas++) {
        const found = summarize(bench.run({ code, stack, gas, floor }));
        const given = { stack, floor, gas };
        expect({ given, ...found }).toEqual({ given, ...oneByOne(code, stack, gas) });
      }
    }
  }
});

test("both ways out of a step are marked", () => {
  const code = fromHex(`1561000857000000${TAIL}`);
  expect(bench.run({ code, stack: [0n] }).visited).toEqual([0, 8]);
  expect(bench.run({ code, stack: [1n] }).visited).toEqual([0, 5]);
});

type Summary = Pick<FrameEnd, "status" | "gas" | "pc" | "stack">;

function summarize({ status, gas, pc, stack }: FrameEnd): Summary {
  return { status, gas, pc, stack };
}

function oneByOne(code: Uint8Array, stack: readonly bigint[], gas: bigint): Summary {
  let state: Summary = { status: RETURNED, gas, pc: 0, stack: [...stack] };
  for (;;) {
    const { pc } = state;
    const byte = code[pc] ?? STOP;
    const next = pc + 1 + immediateSizeBytes(byte);
    const alone = code.slice();
    if (byte !== JUMP && byte !== JUMPI && next < code.length) alone[next] = STOP;
    state = summarize(bench.run({ ...state, code: alone }));
    if (state.status !== RETURNED || state.pc === pc || byte === JUMP || byte === JUMPI) return state;
  }
}
