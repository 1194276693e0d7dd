// Whole modules: which form a code gets, what is not compiled, how much is done for the worst codes, where frames may enter, and
// that whatever comes round asks the poll.

import { afterAll, describe, expect, test } from "bun:test";
import { EMPTY_BYTES } from "#base/bytes.ts";
import { toBareHex } from "#base/hex.ts";
import { type CompileOptions, compileCode } from "#evm/compiler/compile.ts";
import type { Point } from "#evm/compiler/nodes.ts";
import type { CallMessage } from "#evm/engine.ts";
import { HALT_ABORTED } from "#evm/halt.ts";
import { createWasmEngine } from "#evm/wasm-engine.ts";
import { ALICE, addressOf, environmentOf, fund, specOf } from "../fixtures.ts";
import { MemoryHost } from "../memory-host.ts";
import { CompilerEngines } from "./engines.fixture.ts";
import { codeOf, destinationsOf, mapOf, RULES } from "./explore.fixture.ts";

const MODULE_SIZE_BYTES_MAX = 1_000_000;
const NO_LIMIT = 3_600_000;

const engines = new CompilerEngines();
afterAll(() => engines.release());

const PAD = "0x01 POP ".repeat(10);

const CALL: CallMessage = {
  ...{ from: ALICE.address, to: null, gas: 0n, gasPrice: 0n, value: 0n, data: EMPTY_BYTES, accessList: [] },
  ...{ authorizationList: [], blobVersionedHashes: [], checks: "call" },
};

const many = (count: number, text: (i: number) => string) => Array.from({ length: count }, (_, i) => text(i)).join(" ");

function compile(code: Uint8Array, options: Partial<CompileOptions> = {}) {
  const whole = { visitedOnly: false, forceExit: null, entryPoints: [], ...options };
  const compiled = compileCode(code, mapOf(code, options.visitedOnly ? destinationsOf(code) : []), RULES, whole);
  if (compiled !== null) expect(WebAssembly.validate(compiled.bytes)).toBe(true);
  return compiled;
}

/** Blocks that each may go on at a block far away. */
function web(blockCount: number): string {
  return many(blockCount, (i) => `${1000 + i}: CALLVALUE @${1000 + ((i * 7919 + 13) % blockCount)} JUMPI`);
}

describe("forms", () => {
  test.each([
    ["a loop", "0x05 1: 0x01 SWAP1 SUB DUP1 @1 JUMPI STOP", "regions"],
    [
      "recursion",
      `@1 0x05 @9 JUMP 1: STOP 9: ${PAD} DUP1 ISZERO @2 JUMPI @3 0x01 DUP3 SUB @9 JUMP 3: 2: POP JUMP`,
      "regions",
    ],
    ["a loop with two heads", "CALLVALUE @2 JUMPI 1: CALLVALUE POP 2: CALLVALUE @1 JUMPI STOP", "dispatch"],
    ["a stack that is too high for variables", "CALLVALUE ".repeat(300), "dispatch"],
    ["a web of blocks beneath a high stack", `${"CALLVALUE ".repeat(200)} ${web(700)}`, "dispatch"],
  ])("%s", (_, text, form) => {
    expect(compile(codeOf(text))?.form).toBe(form as "regions");
    expect(compile(codeOf(text), { form: "dispatch" })?.form).toBe("dispatch");
  });

  test.each([
    ["no code", EMPTY_BYTES],
    ["code that begins with what no fork has", Uint8Array.of(0x0c)],
    ["code that begins with INVALID", Uint8Array.of(0xfe)],
    ["more of what is long than is worth it", codeOf("CALLVALUE DUP1 MOD POP ".repeat(11_000))],
    ["a module of more than a megabyte", codeOf("CALLVALUE MLOAD POP ".repeat(9_000))],
  ])("none for %s", (_, code) => expect(compile(code)).toBeNull());

  test("the same code gives the same bytes", () => {
    const code = codeOf(web(50));
    expect(compile(code)!.bytes).toEqual(compile(code)!.bytes);
  });
});

describe("where frames enter", () => {
  const code = codeOf("0x05 1: 0x01 SWAP1 SUB DUP1 @1 JUMPI STOP");
  const pc = destinationsOf(code)[0]!;
  const point: Point = { pc, height: 1, isRelative: false, labels: [] };

  test("regions: a function of its own for each point that was asked for", () => {
    const compiled = compile(code, { entryPoints: [point] })!;
    expect(compiled.entries).toEqual([{ ...point, function: 1, block: 0, anyHeight: false }]);
    expect(compiled.functionCount).toBe(2);
  });

  test("dispatch: the block, with a stack of any height", () => {
    const compiled = compile(code, { entryPoints: [point], form: "dispatch" })!;
    expect(compiled.entries).toEqual([{ ...point, function: 0, block: 1, anyHeight: true }]);
    expect([...compiled.blocks!.entries()].filter(([, block]) => block !== 0)).toEqual([[pc, 2]]);
  });

  test("not where there is no block, nor where the stack is too low", () => {
    const entryPoints = [
      { ...point, pc: 1 },
      { ...point, height: 0 },
    ];
    expect(compile(code, { entryPoints })!.entries.map(({ height }) => height)).toEqual([]);
  });
});

describe("codes that are made to be costly", () => {
  const chain = many(
    60,
    (i) => `${1000 + i}: ${PAD} @${2000 + i} @${1000 + ((i + 1) % 60)} JUMP
    ${2000 + i}: @${3000 + i} @1000 JUMP ${3000 + i}: JUMP`,
  );
  const codes: readonly (readonly [string, string])[] = [
    ["all JUMPDEST", "1: ".repeat(24_576)],
    ["24 KB of PUSH and POP", "0x01 POP ".repeat(8_192)],
    ["deep SWAPs", `${"CALLVALUE ".repeat(17)} ${many(24_000, (i) => `SWAP${1 + (i % 16)}`)}`],
    ["a web of blocks", web(2_500)],
    ["a web beneath 240 words", `${"CALLVALUE ".repeat(240)} ${web(1_500)}`],
    ["a web beneath 200 labels", `${many(200, (i) => `@${1000 + i}`)} ${web(1_500)}`],
    ["routines that each call the next one and the first", `@1 @1000 JUMP 1: STOP ${chain}`],
    [
      "a chain of 1200 routines",
      `@1 @1000 JUMP 1: STOP ${many(1_200, (i) => `${1000 + i}: @${4000 + i} @${1001 + i} JUMP ${4000 + i}: JUMP`)}`,
    ],
    [
      "800 routines that share their end",
      `${many(800, (i) => `CALLVALUE @${9000 + i} JUMPI @${5000 + i} @${1000 + i} JUMP ${5000 + i}: ${9000 + i}:`)}
      STOP ${many(800, (i) => `${1000 + i}: 0x01 POP`)} JUMP`,
    ],
    [
      "a ladder of branches back and forth",
      many(1_500, (i) => `${1000 + i}: CALLVALUE @${1000 + Math.max(0, i - 1)} JUMPI CALLVALUE @${1002 + i} JUMPI`),
    ],
  ];

  for (const visitedOnly of [false, true]) {
    test.each(codes)(
      `%s: a bounded module or none${visitedOnly ? ", of what was seen" : ""}`,
      (_, text) => {
        const compiled = compile(codeOf(text), { visitedOnly });
        expect(compiled?.bytes.length ?? 0).toBeLessThan(MODULE_SIZE_BYTES_MAX * 1.1);
        expect(compiled?.functionCount ?? 0).toBeLessThanOrEqual(256);
      },
      NO_LIMIT,
    );
  }

  test("512 KB of blocks are not looked into", () => expect(compile(codeOf(web(58_000)))).toBeNull());
});

describe("the poll is asked by whatever comes round", () => {
  test.each([
    ["a loop", "1: @1 JUMP"],
    [
      "two calls inside each call",
      `@1 0x28 @9 JUMP 1: STOP 9: DUP1 DUP1 0x02 GT @2 JUMPI POP ${PAD}
      @3 0x01 DUP3 SUB @9 JUMP 3: @4 0x02 DUP4 SUB @9 JUMP 4: ADD 2: SWAP1 POP SWAP1 JUMP`,
    ],
    [
      "a loop that is cut into several functions",
      `1: ${"CALLVALUE CALLVALUE MUL 0x03 CALLVALUE DUP1 ADDMOD POP POP CALLVALUE @8 JUMPI ".repeat(120)} @1 JUMP 8: STOP`,
    ],
    ["a loop of calls of a contract", "1: 0x00 0x00 0x00 0x00 0x04 GAS STATICCALL POP @1 JUMP"],
    ["a loop of computed jumps", "1: @1 0x40 MSTORE 0x40 MLOAD JUMP"],
    ["a loop with two heads", "CALLVALUE @2 JUMPI 1: CALLVALUE POP 2: @1 JUMP"],
  ])("%s", async (_, text) => {
    const engine = await createWasmEngine(specOf("osaka"), { tier: "compile" });
    const host = new MemoryHost();
    const to = addressOf(0x77);
    fund(host, to, 0n, toBareHex(codeOf(text)));
    let askedCount = 0;
    const message = { ...CALL, to, gas: 300_000_000n, deadline: () => ++askedCount === 5 };
    const outcome = await engine.call(message, environmentOf("osaka"), host);
    expect([outcome.halt, askedCount]).toEqual([HALT_ABORTED, 5]);
  });
});

test("where gas runs out, compiled code has asked the world what the interpreter asks", async () => {
  const text = `0x1234 BALANCE POP ${PAD} 0x05 SLOAD POP ${PAD} 0x1235 EXTCODESIZE 0x1236 EXTCODEHASH ${PAD}
    0x20 0x00 0x00 0x1237 EXTCODECOPY 0x08 BLOCKHASH ${PAD} 0x07 SLOAD ${PAD.repeat(10)}`;
  const to = addressOf(0x77);
  const asked: string[] = [];
  const host = new MemoryHost();
  fund(host, to, 0n, toBareHex(codeOf(text)));
  const noting = new Proxy(host, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return (...operands: unknown[]) => {
        const keys = operands.filter((each) => each instanceof Uint8Array && each.length <= 32);
        asked.push(`${String(name)} ${keys.map((each) => toBareHex(each as Uint8Array)).join(" ")}`);
        return Reflect.apply(value, target, operands);
      };
    },
  });
  const pair = await Promise.all(
    (["compile", "interpreter"] as const).map((tier) => createWasmEngine(specOf("osaka"), { tier })),
  );
  const counts = new Set<number>();
  for (let gas = 21_000n; gas < 37_000n; gas += 173n) {
    const answers: string[][] = [];
    for (const engine of pair) {
      await engine.call({ ...CALL, to, gas }, environmentOf("osaka"), noting);
      answers.push(asked.splice(0));
    }
    expect(answers[0]).toEqual(answers[1]!);
    counts.add(answers[0]!.length);
  }
  // From nothing to everything.
  expect(counts.size).toBeGreaterThan(6);
});

describe("all engines agree", () => {
  const GAS = [1_000_000, 0, 3, 9, 30, 90, 270, 800, 2_400, 7_000, 23_000];

  test.each([
    ["at the implied end behind a PUSH that was cut short", "0x01 0x00 SSTORE raw:7f"],
    ["when the code is one JUMPDEST", "1:"],
    ["when a loop begins at the start of the code", "1: 0x00 SLOAD 0x01 ADD DUP1 0x00 SSTORE 0x08 GT @1 JUMPI STOP"],
    [
      "on constant conditions, with and without a destination",
      "0x01 @1 JUMPI INVALID 1: 0x00 0xffff JUMPI 0x01 0xffff JUMPI",
    ],
    [
      "on jumps to JUMPDESTs that nothing names",
      "CALLVALUE 1: PC 0x08 ADD JUMP INVALID INVALID INVALID 2: 0x01 0x00 SSTORE",
    ],
    ["on a jump into the middle of a run", "@1+1 JUMP 1: 2: 0x01 0x00 SSTORE"],
    ["when a halt waits behind a dynamic price", "0x01 0xffff MSTORE 0x00 0xffff JUMP"],
    ["when RETURNDATACOPY fails behind memory", "0x01 0x40 MSTORE 0x01 0x00 0x00 RETURNDATACOPY"],
    ["with 1024 words, and one more", `${"CALLVALUE ".repeat(1023)} GAS ${"CALLVALUE ".repeat(1)}`],
    ["when a loop fills the stack", "1: CALLVALUE CALLVALUE @1 JUMP"],
    ["when a loop empties it", `${"0x02 ".repeat(100)} 1: POP @1 JUMP`],
    [
      "on swaps through the deepest words in a loop",
      `${many(17, (i) => `0x${(10 + i).toString()}`)} 0x05 1:
      SWAP16 SWAP3 SWAP16 0x01 ADD SWAP16 SWAP3 SWAP16 0x01 SWAP1 SUB DUP1 @1 JUMPI ${"XOR ".repeat(17)} 0x00 SSTORE`,
    ],
    [
      "when words that were stored for a call change in a loop",
      `0x05 0x07 1: 0x00 0x00 0x00 0x00 0x04 GAS STATICCALL ADD SWAP1
      0x01 SWAP1 SUB SWAP1 DUP2 @1 JUMPI 0x00 SSTORE`,
    ],
    [
      "when only one branch stores",
      `0x05 0x07 CALLVALUE ISZERO @2 JUMPI SWAP1 2: 0x00 0x00 0x00 0x00 0x04 GAS STATICCALL POP
      SUB 0x00 SSTORE`,
    ],
    [
      "when a call comes back above a word that was swapped back",
      `0x05 0x07 SWAP1 SWAP1 0x00 0x00 0x00 0x00 0x04 GAS STATICCALL
      SWAP1 SWAP2 SUB SUB 0x00 SSTORE`,
    ],
    [
      "on a label that was stored for a call",
      "@1 0x00 0x00 0x00 0x00 0x04 GAS STATICCALL POP JUMP 1: 0x01 0x00 SSTORE",
    ],
    ["on a jump table", `CALLDATASIZE 0x03 AND 0x06 MUL @1 ADD JUMP 1: 0x01 @8 JUMP 2: 0x02 @8 JUMP 8: 0x00 SSTORE`],
  ])("%s", async (_, program) => expect(await engines.differenceOf(program, GAS)).toBeNull(), NO_LIMIT);
});
