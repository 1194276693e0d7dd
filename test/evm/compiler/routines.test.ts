// What callers are told of routines, and that it holds: by cases, and by whole programs on all engines.

import { afterAll, describe, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { type RoutineAnswer, Work } from "#evm/compiler/nodes.ts";
import { CompilerEngines } from "./engines.fixture.ts";
import { codeOf, cutterOf, destinationsOf, MUCH_WORK, routinesOf } from "./explore.fixture.ts";
import { structuredProgram } from "./structured-programs.fixture.ts";

const SEED = 20_261_128;
const PROGRAM_COUNT = 250;
const ENOUGH_GAS = 1_000_000;
const NO_LIMIT = 3_600_000;

const engines = new CompilerEngines();
afterAll(() => engines.release());

/** More instructions than a routine that is cloned may have. */
const PAD = "0x01 POP ".repeat(10);

/** The answer about the destination with this number among the code's, from 0. */
function answerOf(text: string, index: number): RoutineAnswer {
  const code = codeOf(text);
  return routinesOf(cutterOf(code)).at(destinationsOf(code)[index]!);
}

describe("what is told", () => {
  test("of a routine that returns at once", () => {
    expect(answerOf("1: JUMP", 0)).toMatchObject({
      ...{ delta: -1, labelDepth: 1, changedCount: 1, resultDepths: [], isLeaf: true, instructionCount: 1 },
    });
  });

  test("of arguments and results: the change, the depth of the label, words that were only moved", () => {
    // (label, x, y) to (y, x + y).
    expect(answerOf("1: DUP1 SWAP2 ADD SWAP2 SWAP1 SWAP2 SWAP1 JUMP", 0)).toMatchObject({ delta: -1, labelDepth: 3 });
    // (label, x, y) to (x, y).
    expect(answerOf("1: SWAP2 SWAP1 SWAP2 SWAP1 JUMP", 0)).toMatchObject({
      ...{ delta: -1, labelDepth: 3, changedCount: 3, resultDepths: [2, 1] },
    });
  });

  test("of a label between the arguments and a word deep down that is replaced", () => {
    // (a, label, x): a + x stays, beneath it nothing else.
    expect(answerOf("1: SWAP1 SWAP2 ADD SWAP1 JUMP", 0)).toMatchObject({ delta: -2, labelDepth: 2, resultDepths: [0] });
    // Words that are only read are not changed.
    expect(answerOf("1: DUP9 0x00 MSTORE JUMP", 0)).toMatchObject({ delta: -1, labelDepth: 1, changedCount: 1 });
  });

  test.each([
    ["one that returns with two heights", "1: CALLVALUE @2 JUMPI JUMP 2: POP JUMP"],
    ["one that returns to two places", "1: CALLVALUE @2 JUMPI SWAP1 JUMP 2: SWAP2 SWAP1 POP JUMP"],
    ["one that never returns", "1: STOP"],
    ["one that jumps to a place that it loads", "1: 0x00 MLOAD JUMP"],
    ["one that calls a contract", "1: 0x00 0x00 0x00 0x00 CALLVALUE GAS STATICCALL POP JUMP"],
    ["one that always calls itself", `1: ${PAD} @2 @1 JUMP 2: JUMP`],
  ])("of %s: none", (_, text) => expect(answerOf(text, 0)).toBe("none"));
});

describe("routines that call each other", () => {
  test("of a recursive one what all depths have in common", () => {
    const text = `1: DUP1 @2 JUMPI ${PAD} POP JUMP 2: 0x01 SWAP1 SUB @3 SWAP1 @1 JUMP 3: JUMP`;
    expect(answerOf(text, 0)).toMatchObject({ delta: -2, labelDepth: 2, resultDepths: [], isLeaf: false });
  });

  test("a word that only the shallow calls return unchanged is not taken for it", () => {
    const answer = answerOf(DECEIVER.slice(DECEIVER.indexOf("9:")), 0);
    expect(answer).toMatchObject({ delta: -2, labelDepth: 4, resultDepths: [0, 0] });
  });

  test("the answers do not depend on the order of the questions (seeded)", () => {
    for (let seed = SEED; seed < SEED + 60; seed++) {
      const code = codeOf(structuredProgram(new SeededRandom(seed)));
      const cutter = cutterOf(code);
      const places = destinationsOf(code).filter((pc) => !cutter.isReturnLabel(BigInt(pc)));
      const [up, down] = [routinesOf(cutter), routinesOf(cutter)];
      const forwards = places.map((pc) => up.at(pc));
      const backwards = places.toReversed().map((pc) => down.at(pc));
      expect(forwards).toEqual(backwards.toReversed());
      // A second question has the same answer.
      expect(places.map((pc) => up.at(pc))).toEqual(forwards);
    }
  });
});

describe("work is bounded", () => {
  const label = (i: number) => 1000 + i;
  const many = (count: number, text: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => text(i)).join(" ");

  test("in chains where each calls the next one and the first", () => {
    const chain = (count: number) =>
      many(
        count,
        (i) => `${label(i)}: CALLVALUE @${4000 + i} JUMPI ${PAD} @${2000 + i} @${label((i + 1) % count)} JUMP
        ${2000 + i}: @${3000 + i} @${label(0)} JUMP ${3000 + i}: ${4000 + i}: JUMP`,
      );
    const workFor = (count: number) => {
      const work = new Work(MUCH_WORK);
      routinesOf(cutterOf(codeOf(chain(count))), work).at(0);
      return work.done;
    };
    // Twice as many routines: no more than a few times the work, where it was squared before.
    expect(workFor(24)).toBeLessThan(6 * workFor(12));
  });

  test("in a chain that is deeper than the native stack", () => {
    const text = many(2500, (i) => `${label(i)}: @${5000 + i} @${label(i + 1)} JUMP ${5000 + i}: JUMP`);
    expect(routinesOf(cutterOf(codeOf(text))).at(0)).toBe("none");
  });

  test("when it is over everything else is none", () => {
    const text = many(200, (i) => `${label(i)}: ${PAD} JUMP`);
    const code = codeOf(text);
    const work = new Work(500);
    const routines = routinesOf(cutterOf(code), work);
    const answers = destinationsOf(code).map((pc) => routines.at(pc));
    expect(answers[0]).not.toBe("none");
    expect(answers.at(-1)).toBe("none");
    expect(work.done).toBeLessThan(600);
  });
});

/**
 * (place to return to, x, y, n), two places to jump to back. With n = 0 they are x and y; else the second is what the call with
 * y, x and n - 1 gave as the first, and the first one is read from memory. So the second is y up to n = 1, and not above.
 */
const DECEIVER = `@5 0x40 MSTORE @1 0x77 @4 0x03 @9 JUMP 1: JUMP 4: 0x01 0x00 SSTORE STOP 5: 0x02 0x00 SSTORE STOP
  9: DUP1 @2 JUMPI ${PAD} POP SWAP2 SWAP1 SWAP2 SWAP1 JUMP
  2: 0x01 SWAP1 SUB @3 SWAP3 SWAP1 @9 JUMP
  3: POP 0x40 MLOAD SWAP2 JUMP`;

const FIBONACCI = (n: string) => `@1 ${n} @9 JUMP 1: 0x00 MSTORE 0x20 0x00 RETURN
  9: DUP1 DUP1 0x02 GT @2 JUMPI POP ${PAD} @3 0x01 DUP3 SUB @9 JUMP 3: @4 0x02 DUP4 SUB @9 JUMP 4: ADD
  2: SWAP1 POP SWAP1 JUMP`;

describe("all engines agree", () => {
  test.each([
    ["when recursion moves what it returns", DECEIVER],
    [
      "when a routine leaves more words than its caller ever has",
      `@1 @9 JUMP 1: POP POP POP POP 9: ${PAD} CALLVALUE DUP1 DUP1 SWAP3 JUMP`,
    ],
    ["on two calls inside each call", FIBONACCI("0x0a")],
    [
      "on recursion deeper than native calls go",
      `@1 0x00ff @9 JUMP 1: 0x00 SSTORE STOP
      9: ${PAD} DUP1 ISZERO @2 JUMPI @3 0x01 DUP3 SUB @9 JUMP 3: ADD 2: SWAP1 JUMP`,
    ],
    ["on recursion that fills the stack", `@1 @9 JUMP 1: STOP 9: ${PAD} CALLVALUE @2 @9 JUMP 2: POP JUMP`],
    [
      "when a routine changes words beneath its label",
      `0x05 0x06 @1 @9 JUMP 1: 0x00 SSTORE 0x01 SSTORE STOP
      9: ${PAD} SWAP2 0x07 MUL SWAP2 JUMP`,
    ],
    [
      "when a routine goes back to another place than its caller's",
      `@8 @1 @9 JUMP 1: STOP 8: 0x01 0x00 SSTORE STOP
      9: ${PAD} CALLVALUE ISZERO @2 JUMPI JUMP 2: POP JUMP`,
    ],
    [
      "when a routine grows memory",
      `@1 @9 JUMP 1: MSIZE 0x00 SSTORE 0x40 MLOAD STOP 9: ${PAD} CALLVALUE 0x0800 MSTORE JUMP`,
    ],
    [
      "when a routine ends the frame",
      `0x11 @1 @9 JUMP 1: STOP 9: ${PAD} 0x0102 0x00 MSTORE GAS @2 JUMPI JUMP 2: 0x20 0x00 REVERT`,
    ],
    ["when a routine fails", `0x11 @1 @9 JUMP 1: STOP 9: ${PAD} GAS @2 JUMPI JUMP 2: POP POP POP POP`],
    ["when a routine reaches below what its caller made", `@1 @9 JUMP 1: STOP 9: ${PAD} SWAP4 JUMP`],
    [
      "in a loop around a routine",
      `0x10 5: 0x01 SWAP1 SUB @1 DUP2 @9 JUMP 1: DUP1 0x00 MSTORE POP DUP1 @5 JUMPI 0x20 0x00 RETURN
      9: ${PAD} DUP1 MUL SWAP1 JUMP`,
    ],
  ])(
    "%s",
    async (_, program) => {
      expect(await engines.differenceOf(program, [ENOUGH_GAS, 0, 60, 200, 500, 1200, 3000, 20_000, 23_000])).toBeNull();
    },
    NO_LIMIT,
  );

  test(
    `on ${PROGRAM_COUNT} programs of functions (seed ${SEED})`,
    async () => {
      const found: string[] = [];
      for (let seed = SEED; seed < SEED + PROGRAM_COUNT && found.length < 3; seed++) {
        const random = new SeededRandom(seed);
        const program = structuredProgram(random);
        const difference = await engines.differenceOf(program, [ENOUGH_GAS, random.below(4000)]);
        if (difference !== null) found.push(`seed ${seed}: ${difference}\n${program}`);
      }
      expect(found).toEqual([]);
    },
    NO_LIMIT,
  );
});
