// Byte code cut into pieces: runs of instructions that are charged at once. A piece begins at a jump destination, behind a branch,
// or where a gas segment must begin; it ends with control going elsewhere. Pieces are cut on demand, from wherever control arrives.
//
//   pc ─▶ instruction … instruction ─▶ end: next | jump | jumpi | exit | frame | interpret

import { CODE_MAP_JUMPDEST } from "#formats/memory/evm-arena.ts";
import type { Rules } from "../gas/rules.ts";
import type { Opcode } from "../opcodes/opcode.ts";
import { INVALID_OPCODE } from "../runtime/status.ts";

/** One instruction. */
export type Instruction = {
  readonly pc: number;
  readonly opcode: Opcode;
  /** Operand of PUSH, else 0. */
  readonly immediate: bigint;
};

/** Where control goes at the end of a piece. */
export type PieceEnd =
  /** On to the piece at `pc`. */
  | { readonly kind: "next"; readonly pc: number }
  /** To the word on top, or also on to `pc`; the last instruction is the jump. */
  | { readonly kind: "jump" }
  | { readonly kind: "jumpi"; readonly pc: number }
  /** The last instruction ends the frame. */
  | { readonly kind: "exit" }
  /** The last instruction may put another frame on top; afterwards at `pc`. */
  | { readonly kind: "frame"; readonly pc: number }
  /** To the interpreter, at `pc`: an opcode that the fork does not have, or a piece that is not worth compiling. */
  | { readonly kind: "interpret"; readonly pc: number };

/** A run of instructions. */
export type Piece = {
  readonly pc: number;
  readonly instructions: readonly Instruction[];
  readonly end: PieceEnd;
  /** Static gas of all instructions. */
  readonly gas: number;
  /** Words that must be on the stack at the start. */
  readonly required: number;
  /** The most words that the stack grows by, and the change at the end. */
  readonly growth: number;
  readonly delta: number;
};

/** Longest piece, instructions: what is longer goes on in the next piece. */
const PIECE_INSTRUCTION_COUNT_MAX = 256;

/** Cuts one byte code into pieces. */
export class PieceCutter {
  /** The byte code and its map of jump destinations; see `CODE_MAP_JUMPDEST`. */
  readonly code: Uint8Array;
  readonly map: Uint8Array;
  readonly #rules: Rules;
  readonly #opcodes: ReadonlyMap<number, Opcode>;
  readonly #pieces = new Map<number, Piece>();

  constructor(code: Uint8Array, map: Uint8Array, rules: Rules, opcodes: ReadonlyMap<number, Opcode>) {
    this.code = code;
    this.map = map;
    this.#rules = rules;
    this.#opcodes = opcodes;
  }

  /** Whether a jump may go there. */
  isJumpDestination(pc: bigint): boolean {
    return pc < BigInt(this.code.length) && (this.map[Number(pc)]! & CODE_MAP_JUMPDEST) !== 0;
  }

  /** The piece that begins at `pc`, which may lie behind the end of the code: there is an implied STOP. */
  pieceAt(pc: number): Piece {
    let piece = this.#pieces.get(pc);
    if (piece === undefined) this.#pieces.set(pc, (piece = this.#cut(pc)));
    return piece;
  }

  /** Static gas of an instruction. */
  gasOf({ opcode }: Instruction): number {
    return opcode.gas(this.#rules);
  }

  #cut(start: number): Piece {
    const instructions: Instruction[] = [];
    let pc = start;
    let end: PieceEnd | null = null;
    while (end === null) {
      const byte = this.code[pc] ?? 0;
      const opcode = this.#opcodes.get(byte);
      if (opcode === undefined || isInvalid(opcode)) end = { kind: "interpret", pc };
      else if (instructions.length > 0 && beginsAnother(opcode)) end = { kind: "next", pc };
      else if (instructions.length === PIECE_INSTRUCTION_COUNT_MAX) end = { kind: "next", pc };
      else {
        const size = pushSize(opcode);
        instructions.push({ pc, opcode, immediate: size > 0 ? this.#immediate(pc + 1, size) : 0n });
        pc += 1 + size;
        end = endBehind(opcode, pc);
      }
    }
    return { pc: start, instructions, end, ...this.#measure(instructions) };
  }

  #immediate(at: number, size: number): bigint {
    let value = 0n;
    for (let i = at; i < at + size; i++) value = (value << 8n) | BigInt(this.code[i] ?? 0);
    return value;
  }

  #measure(instructions: readonly Instruction[]): Pick<Piece, "gas" | "required" | "growth" | "delta"> {
    let gas = 0;
    let height = 0;
    let lowest = 0;
    let highest = 0;
    for (const { opcode } of instructions) {
      gas += opcode.gas(this.#rules);
      lowest = Math.min(lowest, height - opcode.inputs);
      height += opcode.outputs - opcode.inputs;
      highest = Math.max(highest, height);
    }
    return { gas, required: -lowest, growth: highest, delta: height };
  }
}

/** Bytes of operand behind a PUSH; 0 for all others. */
function pushSize(opcode: Opcode): number {
  return opcode.kind === "push" ? opcode.byte - 0x5f : 0;
}

/** INVALID: the interpreter halts there as it does where the fork has no opcode. */
function isInvalid(opcode: Opcode): boolean {
  return opcode.kind === "exit" && opcode.status === INVALID_OPCODE;
}

function beginsAnother(opcode: Opcode): boolean {
  return opcode.kind === "jumpdest" || opcode.startsSegment === true;
}

function endBehind(opcode: Opcode, pc: number): PieceEnd | null {
  if (opcode.kind === "jump") return { kind: "jump" };
  if (opcode.kind === "jumpi") return { kind: "jumpi", pc };
  if (opcode.kind === "exit") return { kind: "exit" };
  if (opcode.kind === "frame") return { kind: "frame", pc };
  return opcode.endsSegment === true ? { kind: "next", pc } : null;
}
