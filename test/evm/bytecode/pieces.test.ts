// Pieces against what their instructions say one by one: every byte once, gas, the words that they need and leave.

import { describe, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import type { Piece, PieceCutter } from "#evm/bytecode/pieces.ts";
import { opcodesAt } from "#evm/opcodes/table.ts";
import { codeOf, cutterOf, destinationsOf, RULES } from "../compiler/explore.fixture.ts";

const SEED = 20_261_128;
const OPCODES = opcodesAt(RULES);

const names = ({ instructions }: Piece) => instructions.map(({ opcode }) => opcode.name).join(" ");
const pieceOf = (text: string, pc = 0) => cutterOf(codeOf(text)).pieceAt(pc);

describe("where pieces end", () => {
  test.each([
    ["0x01 0x02 ADD STOP 0x03", "exit", "PUSH1 PUSH1 ADD STOP"],
    ["0x04 JUMP 0x03", "jump", "PUSH1 JUMP"],
    ["0x00 0x07 JUMPI 0x03", "jumpi", "PUSH1 PUSH1 JUMPI"],
    ["CALLVALUE GAS POP", "next", "CALLVALUE GAS"],
    ["0x01 0x02 SSTORE STOP", "next", "PUSH1 PUSH1"],
    ["0x00 0x00 0x00 CREATE POP", "next", "PUSH1 PUSH1 PUSH1"],
    ["0x00 INVALID", "interpret", "PUSH1"],
    ["0x00 raw:0c", "interpret", "PUSH1"],
    ["0x00 SELFDESTRUCT", "next", "PUSH1"],
  ])("%s", (text, kind, expected) => {
    const piece = pieceOf(text);
    expect([piece.end.kind as string, names(piece)]).toEqual([kind, expected]);
  });

  test("what must be first in a segment of gas is, and what ends one ends a piece", () => {
    const cutter = cutterOf(codeOf("0x01 0x02 SSTORE 0x03 0x00 0x00 0x00 CREATE POP"));
    expect(names(cutter.pieceAt(4))).toBe("SSTORE");
    expect(cutter.pieceAt(4).end).toEqual({ kind: "next", pc: 5 });
    expect(names(cutter.pieceAt(13))).toBe("CREATE");
    expect(cutter.pieceAt(13).end).toEqual({ kind: "frame", pc: 14 });
  });

  test("code without an end stops behind it, also where a PUSH was cut short", () => {
    expect(names(pieceOf("0x01"))).toBe("PUSH1 STOP");
    const cut = pieceOf("raw:62ff");
    expect(names(cut)).toBe("PUSH3 STOP");
    expect(cut.instructions.map(({ pc, immediate }) => [pc, immediate])).toEqual([
      [0, 0xff0000n],
      [4, 0n],
    ]);
    expect(names(cutterOf(codeOf("0x01")).pieceAt(40))).toBe("STOP");
  });

  test("a long run is cut and goes on", () => {
    const cutter = cutterOf(codeOf("CALLVALUE POP ".repeat(300)));
    const first = cutter.pieceAt(0);
    expect(first.instructions.length).toBe(256);
    expect(first.end).toEqual({ kind: "next", pc: 256 });
    expect(cutter.pieceAt(256).instructions.length).toBe(256);
  });

  test("INVALID is the interpreter's even as the first instruction", () => {
    expect(pieceOf("INVALID")).toMatchObject({ instructions: [], end: { kind: "interpret", pc: 0 }, gas: 0 });
  });
});

describe("jump destinations", () => {
  const code = codeOf("CALLVALUE 1: CALLVALUE @2 JUMP 2: STOP");
  const [unknown, known] = destinationsOf(code) as [number, number];

  test("one that nothing names is an instruction like any other", () => {
    const cutter = cutterOf(code);
    expect(names(cutter.pieceAt(0))).toBe("CALLVALUE JUMPDEST CALLVALUE PUSH2 JUMP");
    expect([cutter.isEntered(unknown), cutter.isEntered(known)]).toEqual([false, true]);
    // What arrives there all the same begins a piece of its own.
    expect(names(cutter.pieceAt(unknown))).toBe("JUMPDEST CALLVALUE PUSH2 JUMP");
  });

  test("of what the interpreter has seen only those that it entered", () => {
    const cutter = cutterOf(code, [unknown]);
    expect(cutter.pieceAt(0).end).toEqual({ kind: "next", pc: unknown });
    expect([cutter.isVisited(unknown), cutter.isVisited(known)]).toEqual([true, false]);
  });

  test("only JUMPDEST bytes inside the code are some, whatever the size of the word", () => {
    const cutter = cutterOf(code);
    for (const pc of [BigInt(unknown) + (1n << 32n), BigInt(unknown) + (1n << 64n), BigInt(code.length), 0n]) {
      expect(cutter.isJumpDestination(pc)).toBe(false);
    }
    expect(cutter.isJumpDestination(BigInt(unknown))).toBe(true);
  });

  test("a place to return to is one that no jump names as its own operand", () => {
    const called = codeOf("@1 @9 JUMP 1: STOP 9: JUMP");
    const [back, routine] = destinationsOf(called) as [number, number];
    const cutter = cutterOf(called);
    expect([cutter.isReturnLabel(BigInt(back)), cutter.isReturnLabel(BigInt(routine))]).toEqual([true, false]);
  });
});

test("gas, words needed and words left are what the instructions say (seeded)", () => {
  const random = new SeededRandom(SEED);
  for (let round = 0; round < 400; round++) {
    const cutter = cutterOf(random.bytes(1 + random.below(200)));
    for (let pc = 0; pc < cutter.code.length; pc = behind(cutter, pc)) check(cutter, cutter.pieceAt(pc));
  }
});

function behind(cutter: PieceCutter, pc: number): number {
  const { instructions } = cutter.pieceAt(pc);
  const last = instructions.at(-1);
  if (last === undefined) return pc + 1;
  return last.pc + 1 + (last.opcode.kind === "push" ? last.opcode.byte - 0x5f : 0);
}

function check(cutter: PieceCutter, piece: Piece): void {
  let height = 1024;
  let [lowest, highest, gas, pc] = [height, height, 0, piece.pc];
  for (const [i, instruction] of piece.instructions.entries()) {
    const opcode = OPCODES.get(cutter.code[pc] ?? 0)!;
    expect([instruction.pc, instruction.opcode]).toEqual([pc, opcode]);
    lowest = Math.min(lowest, height - opcode.inputs);
    height += opcode.outputs - opcode.inputs;
    highest = Math.max(highest, height);
    gas += opcode.gas(RULES);
    if (i > 0 && !["jump", "jumpi"].includes(opcode.kind)) expect(opcode.startsSegment ?? false).toBe(false);
    if (i < piece.instructions.length - 1) expect(opcode.endsSegment ?? false).toBe(false);
    pc += 1 + (opcode.kind === "push" ? opcode.byte - 0x5f : 0);
  }
  const { required, growth, delta } = piece;
  expect([piece.gas, required, growth, delta]).toEqual([gas, 1024 - lowest, highest - 1024, height - 1024]);
}
