// The interpreter's state of a running frame in local variables, and the few steps that every handler consists of: check the
// stack, charge, advance, dispatch. `pc` is an address here. Until an opcode is done, `pc`, `stackTop` and (until it is charged)
// `gas` are as before it, so that a halt leaves them that way.

import { FRAME, WORD_SIZE_BYTES } from "#formats/memory/evm-arena.ts";
import { Code, i32, i64, type Operand32, type Operand64, type Var } from "#wasm/code.ts";
import type { FunctionIndex, GlobalIndex, Label } from "#wasm/function-emitter.ts";
import { STACK_WORD_COUNT_MAX } from "../gas/rules.ts";

/** Where handlers go to. */
export type Labels = {
  /** The next opcode, at `pc`. */
  readonly next: Label;
  /** Underflow or overflow: which of them, the height of the stack tells. */
  readonly stackFailure: Label;
  /** The static price leaves less than the floor. */
  readonly belowFloor: Label;
  readonly outOfGas: Label;
  /** A link answered minus a halt code; it is in `charged`. */
  readonly linkHalt: Label;
  readonly invalidJump: Label;
  /** A jump has arrived at a marked place, which `pc` and `stackTop` say: the frame may be handed over. */
  readonly enter: Label;
  readonly invalidOpcode: Label;
  /** Leaves the frame with `status`. */
  readonly leave: Label;
};

/** See the head of the file. */
export type Registers = {
  readonly code: HandlerCode;
  readonly frame: Var<"i32">;
  readonly context: Var<"i32">;
  readonly pc: Var<"i32">;
  readonly stackTop: Var<"i32">;
  readonly gas: Var<"i64">;
  readonly floor: Var<"i64">;
  readonly memory: Var<"i32">;
  readonly memorySize: Var<"i32">;
  /** Lowest and highest value of `stackTop`. */
  readonly stack: Var<"i32">;
  readonly stackEnd: Var<"i32">;
  /** First byte of the code and of its map. */
  readonly bytes: Var<"i32">;
  readonly map: Var<"i32">;
  /** Gas when the interpreter took the frame over, or went on with it. */
  readonly gasAtEntry: Var<"i64">;
  /** Gas after a charge that may fail. */
  readonly charged: Var<"i64">;
  readonly status: Var<"i32">;
};

/**
 * Code of handlers, in which `pc` never lives across a call. WebAssembly code has two registers that calls preserve; the top of the
 * stack and the gas have them. With `pc` in memory instead, each dispatch would wait for a store: 1.3 times slower.
 */
export class HandlerCode extends Code {
  #registers: Pick<Registers, "frame" | "pc"> | null = null;

  /** Keeps `pc` in the frame during calls from now on. */
  keepAcrossCalls(registers: Pick<Registers, "frame" | "pc">): void {
    this.#registers = registers;
  }

  /** A call that finds the frame's fields as they are, and may change them. */
  callAsIs(target: FunctionIndex, ...operands: Parameters<Code["pushAll"]>[0]): void {
    super.call(target, ...operands);
  }

  override call(target: FunctionIndex, ...operands: Parameters<Code["pushAll"]>[0]): void {
    const registers = this.#registers;
    if (registers !== null) this.store32(registers.frame, FRAME.pc, registers.pc);
    super.call(target, ...operands);
    if (registers !== null) this.set(registers.pc, i32.load(registers.frame, FRAME.pc));
  }
}

/** Takes the variables and loads them from the frame. */
export function loadRegisters(code: HandlerCode, frame: Var<"i32">, base: GlobalIndex): Registers {
  const stack = code.i32(i32.load(frame, FRAME.stack));
  const bytes = code.i32(i32.load(frame, FRAME.code));
  const gas = code.i64(i64.load(frame, FRAME.gas));
  return {
    code,
    frame,
    context: code.i32(i32.global(base)),
    pc: code.i32(i32.add(bytes, i32.load(frame, FRAME.pc))),
    stackTop: code.i32(i32.load(frame, FRAME.stackTop)),
    gas,
    floor: code.i64(i64.load(frame, FRAME.floor)),
    memory: code.i32(i32.load(frame, FRAME.memory)),
    memorySize: code.i32(i32.load(frame, FRAME.memorySize)),
    stack,
    stackEnd: code.i32(i32.add(stack, STACK_WORD_COUNT_MAX * WORD_SIZE_BYTES)),
    bytes,
    map: code.i32(i32.load(frame, FRAME.codeMap)),
    gasAtEntry: code.i64(gas),
    charged: code.i64(),
    status: code.i32(),
  };
}

/** Writes back where the frame stands. */
export function storePosition(r: Registers, pc: Operand32): void {
  r.code.store32(r.frame, FRAME.pc, i32.sub(pc, r.bytes));
  r.code.store32(r.frame, FRAME.stackTop, r.stackTop);
}

/** Subtracts a static price, or goes to `belowFloor` with `gas` as it was. */
export function chargeStatic(r: Registers, labels: Labels, cost: number): void {
  if (cost === 0) return;
  charge(r, cost, r.floor, labels.belowFloor);
}

/** Subtracts from the gas, or goes to a label when less than `least` would be left, with `gas` as it was. */
export function charge(r: Registers, cost: Operand64, least: Operand64, otherwise: Label): void {
  r.code.set(r.charged, i64.sub(r.gas, cost));
  r.code.brIf(i64.ltS(r.charged, least), otherwise);
  r.code.set(r.gas, r.charged);
}

/**
 * Checks that `inputs` words are there.
 * @returns the address of the deepest of them
 */
export function takeOperands(r: Registers, labels: Labels, inputs: number): Var<"i32"> {
  if (inputs === 0) return r.stackTop;
  const base = r.code.i32(i32.sub(r.stackTop, inputs * WORD_SIZE_BYTES));
  r.code.brIf(i32.ltU(base, r.stack), labels.stackFailure);
  return base;
}

/** Checks that one more word has room. */
export function requireRoom(r: Registers, labels: Labels): void {
  r.code.brIf(i32.eq(r.stackTop, r.stackEnd), labels.stackFailure);
}

/** Goes on behind the opcode and its operand in the code. */
export function advance(r: Registers, labels: Labels, sizeBytes: number): void {
  r.code.set(r.pc, i32.add(r.pc, sizeBytes));
  r.code.f.br(labels.next);
}

/** Moves the top of the stack by words. */
export function moveTop(r: Registers, words: number): void {
  if (words !== 0) r.code.set(r.stackTop, i32.add(r.stackTop, words * WORD_SIZE_BYTES));
}
