// Byte code cut into pieces: runs of instructions that are charged at once. A piece begins at a jump destination, behind a branch,
// or where a gas segment must begin; it ends with control going elsewhere. Pieces are cut on demand, from wherever control arrives.
//
//   pc ─▶ instruction … instruction ─▶ end: next | jump | jumpi | exit | frame | interpret

import { CODE_MAP_JUMPDEST, CODE_MAP_VISITED } from "#formats/memory/evm-arena.ts";
import type { Rules } from "../gas/rules.ts";
import type { Opcode } from "../opcodes/opcode.ts";
import { immediateSizeBytes } from "../opcodes/stack.ts";
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
  /** Bytes of WebAssembly that the instructions take, by estimate. */
  readonly sizeBytes: number;
};

/** Arithmetic with cases, memory, and what passes many operands: MUL to EXP, SIGNEXTEND, shifts, KECCAK256, copies, MLOAD, MSTORE, logs. */
const LONG_OPCODES: ReadonlySet<number> = new Set([
  0x02, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x1b, 0x1c, 0x1d, 0x20, 0x37, 0x39, 0x3c, 0x3e, 0x51, 0x52,
  0x53, 0x55, 0x5e, 0xa1, 0xa2, 0xa3, 0xa4,
]);

const AND = 0x16;
const JUMP = 0x56;
const JUMPI = 0x57;
const PUSH0 = 0x5f;
const PUSH_SIZE_MAX = 32;

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
  readonly #pushed: PushedConstants;
  readonly #visitedOnly: boolean;

  /** @param options.visitedOnly take only blocks that the interpreter has entered by a jump for destinations */
  constructor(
    code: Uint8Array,
    map: Uint8Array,
    options: {
      readonly rules: Rules;
      readonly opcodes: ReadonlyMap<number, Opcode>;
      readonly visitedOnly: boolean;
    },
  ) {
    const { rules, opcodes, visitedOnly } = options;
    this.#visitedOnly = visitedOnly;
    this.code = code;
    this.map = map;
    this.#rules = rules;
    this.#opcodes = opcodes;
    this.#pushed = pushedConstants(code);
  }

  /** Whether a jump may go there. */
  isJumpDestination(pc: bigint): boolean {
    return pc < BigInt(this.code.length) && (this.map[Number(pc)]! & CODE_MAP_JUMPDEST) !== 0;
  }

  /** Whether a destination looks like a place that a call inside the code returns to: no jump names it as its own operand. */
  isReturnLabel(pc: bigint): boolean {
    return this.isJumpDestination(pc) && !this.#pushed.jumpedTo.has(Number(pc));
  }

  /** Whether the interpreter has entered a block here, as far as that counts. */
  isVisited(pc: number): boolean {
    return !this.#visitedOnly || ((this.map[pc] ?? 0) & CODE_MAP_VISITED) !== 0;
  }

  /**
   * Whether a piece begins at a JUMPDEST: one that no jump is known to go to is an instruction like any other. A jump that
   * goes there all the same is the interpreter's.
   */
  isEntered(pc: number): boolean {
    return this.#visitedOnly ? this.isVisited(pc) : this.#pushed.all.has(pc);
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
      else if (instructions.length > 0 && this.#beginsAnother(opcode, pc)) end = { kind: "next", pc };
      else if (instructions.length === PIECE_INSTRUCTION_COUNT_MAX) end = { kind: "next", pc };
      else {
        const size = immediateSizeBytes(opcode.byte);
        instructions.push({ pc, opcode, immediate: size > 0 ? this.#immediate(pc + 1, size) : 0n });
        pc += 1 + size;
        end = endBehind(opcode, pc);
      }
    }
    return { pc: start, instructions, end, ...this.#measure(instructions) };
  }

  #beginsAnother(opcode: Opcode, pc: number): boolean {
    if (opcode.kind === "jumpdest") return this.isEntered(pc);
    // A jump is the last of its piece: when gas fails before, it would have failed at the jump's own price at the latest.
    return opcode.startsSegment === true && opcode.kind !== "jump" && opcode.kind !== "jumpi";
  }

  #immediate(at: number, size: number): bigint {
    let value = 0n;
    for (let i = at; i < at + size; i++) value = (value << 8n) | BigInt(this.code[i] ?? 0);
    return value;
  }

  #measure(instructions: readonly Instruction[]): Pick<Piece, "gas" | "required" | "growth" | "delta" | "sizeBytes"> {
    let gas = 0;
    let height = 0;
    let lowest = 0;
    let highest = 0;
    let sizeBytes = 0;
    for (const { opcode } of instructions) {
      sizeBytes += sizeOf(opcode);
      gas += opcode.gas(this.#rules);
      lowest = Math.min(lowest, height - opcode.inputs);
      height += opcode.outputs - opcode.inputs;
      highest = Math.max(highest, height);
    }
    return { gas, required: 0 - lowest, growth: highest, delta: height, sizeBytes };
  }
}

type PushedConstants = {
  /** Operands of all PUSHes, as far as they could be destinations. */
  readonly all: ReadonlySet<number>;
  /** Those that a jump follows at once, or behind a mask. */
  readonly jumpedTo: ReadonlySet<number>;
};

function pushedConstants(code: Uint8Array): PushedConstants {
  const all = new Set<number>();
  const jumpedTo = new Set<number>();
  for (let pc = 0; pc < code.length; pc++) {
    const size = code[pc]! - PUSH0;
    if (size < 0 || size > PUSH_SIZE_MAX) continue;
    let value = 0;
    for (let i = 1; i <= size; i++) value = 256 * value + (code[pc + i] ?? 0);
    pc += size;
    if (value >= code.length) continue;
    all.add(value);
    const next = code[pc + 1] === AND ? code[pc + 2] : code[pc + 1];
    if (next === JUMP || next === JUMPI) jumpedTo.add(value);
  }
  return { all, jumpedTo };
}

/** What the WebAssembly of an opcode takes, roughly: measured over the contracts of the benches. */
function sizeOf({ kind, byte, inputs }: Opcode): number {
  if (kind === "frame") return 400;
  if (kind === "exit") return 60;
  if (kind !== "word") return 3;
  if (LONG_OPCODES.has(byte)) return 180;
  return inputs > 0 ? 50 : 30;
}

/** INVALID: the interpreter halts there as it does where the fork has no opcode. */
function isInvalid(opcode: Opcode): boolean {
  return opcode.kind === "exit" && opcode.status === INVALID_OPCODE;
}

function endBehind(opcode: Opcode, pc: number): PieceEnd | null {
  if (opcode.kind === "jump") return { kind: "jump" };
  if (opcode.kind === "jumpi") return { kind: "jumpi", pc };
  if (opcode.kind === "exit") return { kind: "exit" };
  if (opcode.kind === "frame") return { kind: "frame", pc };
  return opcode.endsSegment === true ? { kind: "next", pc } : null;
}
