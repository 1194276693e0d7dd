// The form of code that cannot be unfolded: each piece once, the stack in memory between pieces, and a jump through a table of
// blocks where its target is not a constant. Slower than regions, faster than the interpreter.
//
//   function k:  loop ▸ br_table over its blocks ▸ block, block, … each falls through, branches ahead, or goes round the loop
//
// A block that lies in another function is reached through the driver: `FRAME.block` says which.

import { assert } from "#base/assert.ts";
import { CODE_ENTRY, CODE_MAP_JUMPDEST, type ExitReason, FRAME, WORD_SIZE_BYTES } from "#formats/memory/evm-arena.ts";
import { Code, i32, i64, type Operand32, type Var } from "#wasm/code.ts";
import type { FunctionEmitter, Label } from "#wasm/function-emitter.ts";
import type { Instruction, Piece, PieceCutter } from "../bytecode/pieces.ts";
import { STACK_WORD_COUNT_MAX } from "../gas/rules.ts";
import { reachOf } from "../opcodes/stack.ts";
import { TO_ENTRY } from "../runtime/status.ts";
import { conditionOf } from "../words/comparison.ts";
import { loadLimbs, storeLimbs } from "../words/memory.ts";
import { constantOf, isZeroFrom, type Word } from "../words/word.ts";
import { CompiledFrame, exitNumber } from "./compiled-frame.ts";
import type { ModuleParts } from "./module-parts.ts";
import { OperandStack } from "./operand-stack.ts";

/** The blocks of a byte code, by pc, and which function each is in. */
export type DispatchPlan = {
  readonly pieces: readonly Piece[];
  /** Block number by pc. */
  readonly numbers: ReadonlyMap<number, number>;
  /** First block of each function. */
  readonly firstBlocks: readonly number[];
};

/** Block numbers are stored in 16 bits, and 0 says "no block". */
const BLOCK_COUNT_MAX = 65_534;

/**
 * Lists the blocks.
 * @param instructionCountMax most instructions in one function
 * @returns null when there are none or too many
 */
export function planDispatch(cutter: PieceCutter, instructionCountMax: number): DispatchPlan | null {
  const found = new Set<number>([0]);
  const pending = [0];
  const add = (pc: number) => {
    if (found.has(pc)) return;
    found.add(pc);
    pending.push(pc);
  };
  for (let pc = 0; pc < cutter.code.length; pc++) {
    if ((cutter.map[pc]! & CODE_MAP_JUMPDEST) !== 0 && cutter.isEntered(pc)) add(pc);
  }
  for (let pc = pending.pop(); pc !== undefined; pc = pending.pop()) {
    const { end } = cutter.pieceAt(pc);
    if (end.kind === "next" || end.kind === "frame") add(end.pc);
    if (end.kind === "jumpi" && cutter.isVisited(end.pc)) add(end.pc);
  }
  const pieces = [...found]
    .sort((a, b) => a - b)
    .map((pc) => cutter.pieceAt(pc))
    .filter((piece) => piece.instructions.length > 0);
  if (pieces[0]?.pc !== 0 || pieces.length > BLOCK_COUNT_MAX) return null;
  return {
    pieces,
    numbers: new Map(pieces.map((piece, number) => [piece.pc, number])),
    firstBlocks: cutFunctions(pieces, instructionCountMax),
  };
}

function cutFunctions(pieces: readonly Piece[], instructionCountMax: number): number[] {
  const firstBlocks = [0];
  let count = 0;
  for (const [number, { instructions }] of pieces.entries()) {
    if (count > 0 && count + instructions.length > instructionCountMax) {
      firstBlocks.push(number);
      count = 0;
    }
    count += instructions.length;
  }
  return firstBlocks;
}

/** The table that `CODE_ENTRY.blocks` points to: for each byte of the code its block number plus one, 0 for none. */
export function blockTable(plan: DispatchPlan, cutter: PieceCutter): Uint16Array {
  const table = new Uint16Array(cutter.code.length);
  for (const [pc, number] of plan.numbers) {
    if (pc < table.length && (cutter.map[pc]! & CODE_MAP_JUMPDEST) !== 0) table[pc] = number + 1;
  }
  return table;
}

/** Which function holds a block. */
export function functionOf({ firstBlocks }: DispatchPlan, block: number): number {
  return firstBlocks.findLastIndex((first) => first <= block);
}

/** Emits function `index` of a plan. */
export function emitDispatchFunction(
  f: FunctionEmitter,
  plan: DispatchPlan,
  index: number,
  parts: ModuleParts,
  cutter: PieceCutter,
  forceExit: ((pc: number) => boolean) | null,
): void {
  new DispatchEmitter(new Code(f), plan, index, parts, cutter, forceExit).emit();
}

class DispatchEmitter {
  readonly #code: Code;
  readonly #frame: CompiledFrame;
  readonly #plan: DispatchPlan;
  readonly #parts: ModuleParts;
  readonly #cutter: PieceCutter;
  readonly #forceExit: ((pc: number) => boolean) | null;
  readonly #first: number;
  readonly #end: number;
  /** Address behind the top word; what a block changes of it is written at its end. */
  readonly #top: Var<"i32">;
  readonly #next: Var<"i32">;
  readonly #exit: Var<"i32">;
  readonly #condition: Var<"i32">;
  readonly #labels: Label[] = [];
  #dispatch: Label | null = null;
  #leave: Label | null = null;

  constructor(
    code: Code,
    plan: DispatchPlan,
    index: number,
    parts: ModuleParts,
    cutter: PieceCutter,
    forceExit: ((pc: number) => boolean) | null,
  ) {
    this.#code = code;
    this.#plan = plan;
    this.#parts = parts;
    this.#cutter = cutter;
    this.#forceExit = forceExit;
    this.#first = plan.firstBlocks[index]!;
    this.#end = plan.firstBlocks[index + 1] ?? plan.pieces.length;
    this.#frame = new CompiledFrame(code, parts);
    this.#top = code.i32(i32.load(this.#frame.frame, FRAME.stackTop));
    this.#next = code.i32(i32.load(this.#frame.frame, FRAME.block));
    this.#exit = code.i32();
    this.#condition = code.i32();
  }

  emit(): void {
    const { f } = this.#code;
    this.#frame.run(() => {
      f.block((leave) => {
        this.#leave = leave;
        f.loop((dispatch) => {
          this.#dispatch = dispatch;
          f.block((elsewhere) => this.#openBlocks(elsewhere));
          this.#goElsewhere();
        });
      });
      this.#leaveByExit();
    });
  }

  /** One label per block, the last outermost; behind each label its code. */
  #openBlocks(elsewhere: Label): void {
    const code = this.#code;
    const { f } = code;
    const count = this.#end - this.#first;
    for (let i = count - 1; i >= 0; i--) this.#labels[i] = f.openBlock();
    code.push("i32", i32.sub(this.#next, this.#first));
    f.brTable(this.#labels, elsewhere);
    for (let i = 0; i < count; i++) {
      f.end();
      this.#emitBlock(this.#first + i);
    }
  }

  #goElsewhere(): void {
    const code = this.#code;
    const { frame } = this.#frame;
    code.store32(frame, FRAME.block, this.#next);
    code.store32(frame, FRAME.stackTop, this.#top);
    code.store32(frame, FRAME.entry, this.#functionOf(this.#next));
    this.#frame.leave(TO_ENTRY);
  }

  /** Place in the function table of the function that holds a block. */
  #functionOf(block: Var<"i32"> | number): Operand32 {
    const { firstBlocks } = this.#plan;
    const base = i32.global(this.#parts.entryBase);
    if (typeof block === "number") return i32.add(base, functionOf(this.#plan, block));
    let place: Operand32 = base;
    for (const first of firstBlocks.slice(1)) place = i32.add(place, i32.geU(block, first));
    return place;
  }

  #leaveByExit(): void {
    this.#code.store32(this.#frame.frame, FRAME.stackTop, this.#top);
    this.#frame.leaveByExit(this.#exit);
  }

  #exitTo(pc: number, reason: ExitReason): void {
    this.#code.set(this.#exit, exitNumber(pc, reason));
    this.#code.f.br(this.#leave!);
  }

  #emitBlock(number: number): void {
    const code = this.#code;
    const piece = this.#plan.pieces[number]!;
    if (this.#forceExit?.(piece.pc) === true) {
      this.#exitTo(piece.pc, "forced");
      return;
    }
    if (piece.instructions[0]!.opcode.kind === "jumpdest") this.#frame.poll();
    this.#checkStack(piece);
    this.#frame.chargeAtOnce(piece.gas, () => this.#exitTo(piece.pc, "gas"));
    const condition = this.#condition;
    code.scope(() => {
      const stack = new OperandStack(this.#loadWords(piece));
      const last = this.#emitInstructions(piece, stack, number);
      if (last !== null) this.#emitJump(piece, stack, last, condition);
    });
  }

  #checkStack({ pc, required, growth }: Piece): void {
    const code = this.#code;
    const { stack } = this.#frame;
    if (required > 0) {
      code.if(i32.ltU(i32.sub(this.#top, stack), required * WORD_SIZE_BYTES), () => this.#exitTo(pc, "stack"));
    }
    if (growth > 0) {
      const highest = (STACK_WORD_COUNT_MAX - growth) * WORD_SIZE_BYTES;
      code.if(i32.gtU(i32.sub(this.#top, stack), highest), () => this.#exitTo(pc, "stack"));
    }
  }

  /** The words that the piece reaches, the deepest first; those that stay where they are need no loading. */
  #loadWords(piece: Piece): Word[] {
    const isUsed = usedSlots(piece);
    return Array.from({ length: piece.required }, (_, slot): Word => {
      if (!isUsed[slot]) return UNTOUCHED;
      return loadLimbs(this.#code, i32.sub(this.#top, (piece.required - slot) * WORD_SIZE_BYTES), 0);
    });
  }

  /** @returns the jump at the end, which is not emitted yet; null when the piece is complete */
  #emitInstructions(piece: Piece, stack: OperandStack, number: number): Instruction | null {
    for (const instruction of piece.instructions) {
      const { opcode } = instruction;
      if (opcode.kind === "jump" || opcode.kind === "jumpi") return instruction;
      if (opcode.kind === "frame") {
        this.#emitFrameOpcode(piece, stack, opcode.byte, opcode.link);
        return null;
      }
      if (!this.#frame.emitInstruction(stack, instruction)) return null;
    }
    this.#settle(piece, stack.words);
    const { end } = piece;
    assert(end.kind === "next" || end.kind === "interpret", "the other ends have an instruction of their own");
    if (end.kind === "interpret") this.#exitTo(end.pc, "opcode");
    else this.#goTo(end.pc, number);
    return null;
  }

  /** Writes the words to the stack in memory and moves its top. */
  #settle(piece: Piece, words: readonly Word[]): void {
    const code = this.#code;
    for (const [slot, word] of words.entries()) {
      if (word === UNTOUCHED) continue;
      const distance = (slot - piece.required) * WORD_SIZE_BYTES;
      if (distance >= 0) storeLimbs(code, this.#top, distance, word);
      else storeLimbs(code, i32.add(this.#top, distance), 0, word);
    }
    const change = (words.length - piece.required) * WORD_SIZE_BYTES;
    if (change !== 0) code.set(this.#top, i32.add(this.#top, change));
  }

  #emitFrameOpcode(piece: Piece, stack: OperandStack, byte: number, link: "call" | "create"): void {
    const code = this.#code;
    const compiled = this.#frame;
    const { frame } = compiled;
    this.#settle(piece, stack.words);
    const { end } = piece;
    assert(end.kind === "frame", "a call ends its piece");
    const block = this.#plan.numbers.get(end.pc);
    code.store32(frame, FRAME.stackTop, this.#top);
    code.store32(frame, FRAME.pc, end.pc);
    code.store32(frame, FRAME.block, block ?? 0);
    code.store32(frame, FRAME.entry, block === undefined ? 0 : this.#functionOf(block));
    compiled.callFrameLink(link, byte);
  }

  /** The jump at the end of a piece. */
  #emitJump(piece: Piece, stack: OperandStack, jump: Instruction, condition: Var<"i32">): void {
    const code = this.#code;
    const operands = stack.take(jump.opcode.inputs);
    const target = operands[0]!;
    const number = this.#plan.numbers.get(piece.pc)!;
    if (operands.length === 2) code.set(condition, conditionOf(code, operands[1]!));
    const constant = constantOf(target);
    if (constant === null) this.#findBlock(piece, stack, operands, jump, condition);
    this.#settle(piece, stack.words);
    const take = () => {
      if (constant === null) code.f.br(this.#dispatch!);
      else this.#goToConstant(piece, jump, constant, operands);
    };
    if (piece.end.kind !== "jumpi") take();
    else {
      code.if(condition, take);
      this.#goTo(piece.end.pc, number);
    }
  }

  /** A constant target that is no block is the interpreter's, which finds out why. */
  #goToConstant(piece: Piece, jump: Instruction, target: bigint, operands: readonly Word[]): void {
    const isDestination = this.#cutter.isJumpDestination(target);
    if (isDestination) {
      this.#goTo(Number(target), this.#plan.numbers.get(piece.pc)!);
      return;
    }
    this.#leaveJump(jump, operands);
  }

  /** Puts the operands of a jump back and lets the interpreter do it; the stack has been settled without them. */
  #leaveJump(jump: Instruction, operands: readonly Word[]): void {
    const code = this.#code;
    const { gas } = this.#frame;
    for (const [i, word] of operands.toReversed().entries()) storeLimbs(code, this.#top, i * WORD_SIZE_BYTES, word);
    code.set(this.#top, i32.add(this.#top, operands.length * WORD_SIZE_BYTES));
    code.set(gas, i64.add(gas, this.#cutter.gasOf(jump)));
    this.#exitTo(jump.pc, "jump");
  }

  /** Sets `next` to the block at the target when the jump is taken, or leaves for the interpreter before the jump. */
  #findBlock(
    piece: Piece,
    stack: OperandStack,
    operands: readonly Word[],
    jump: Instruction,
    condition: Var<"i32">,
  ): void {
    const code = this.#code;
    const { frame } = this.#frame;
    const target = operands[0]!;
    const find = () => {
      const low = code.i64(target[0]);
      const high = isZeroFrom(target, 1) ? 0n : i64.or(i64.or(target[1], target[2]), target[3]);
      const isInside = i32.and(i64.ltU(low, this.#cutter.code.length), i64.eqz(high));
      code.set(this.#next, 0);
      code.if(isInside, () => {
        const blocks = i32.load(i32.load(frame, FRAME.codeEntry), CODE_ENTRY.blocks);
        code.set(this.#next, i32.load16(i32.add(blocks, i32.shl(i32.wrap(low), 1))));
      });
      code.if(i32.eqz(this.#next), () => {
        this.#settle(piece, stack.words);
        this.#leaveJump(jump, operands);
      });
      code.set(this.#next, i32.sub(this.#next, 1));
    };
    if (operands.length === 2) code.if(condition, find);
    else find();
  }

  #goTo(pc: number, from: number): void {
    const { f } = this.#code;
    const target = this.#plan.numbers.get(pc);
    if (target === undefined) {
      this.#exitTo(pc, "unvisited");
      return;
    }
    if (target > from && target < this.#end) f.br(this.#labels[target - this.#first]!);
    else {
      this.#code.set(this.#next, target);
      f.br(this.#dispatch!);
    }
  }
}

/** A word of the entry stack that the piece leaves alone. */
const UNTOUCHED: Word = [0n, 0n, 0n, 0n];

/** Which of the words that a piece requires are read or moved. */
function usedSlots(piece: Piece): boolean[] {
  const used = new Array<boolean>(piece.required).fill(false);
  const stack: number[] = Array.from({ length: piece.required }, (_, slot) => slot);
  const use = (slot: number) => {
    if (slot >= 0) used[slot] = true;
  };
  for (const { opcode } of piece.instructions) {
    if (opcode.kind === "dup") {
      use(stack.at(-reachOf(opcode.byte))!);
      stack.push(-1);
    } else if (opcode.kind === "swap") {
      const top = stack.length - 1;
      const other = top - reachOf(opcode.byte);
      use(stack[top]!);
      use(stack[other]!);
      [stack[other], stack[top]] = [stack[top]!, stack[other]!];
    } else {
      for (let i = 0; i < opcode.inputs; i++) {
        const slot = stack.pop()!;
        if (opcode.kind !== "pop") use(slot);
      }
      for (let i = 0; i < opcode.outputs; i++) stack.push(-1);
    }
  }
  return used;
}
