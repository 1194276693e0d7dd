// The frame inside one compiled function: what of its record is kept in variables, and how the function is left. It is also what
// the opcode emitters see of a compiled function (`OpcodeContext`).
//
//   driver ─▶ entry (frame) ─▶ region (frame, gas, depth) ─▶ routines … ─▶ status, gas

import { assert } from "#base/assert.ts";
import { CONTEXT, EXIT_REASONS, type ExitReason, FRAME } from "#formats/memory/evm-arena.ts";
import { type Code, i32, i64, type Operand32, type Operand64, type Var } from "#wasm/code.ts";
import type { Label } from "#wasm/function-emitter.ts";
import type { Instruction } from "../bytecode/pieces.ts";
import type { Rules } from "../gas/rules.ts";
import type { OpcodeContext } from "../opcodes/opcode.ts";
import type { Links } from "../runtime/links.ts";
import { ABORTED, OUT_OF_GAS, TO_ENTRY, TO_INTERPRETER } from "../runtime/status.ts";
import type { ModuleParts } from "./module-parts.ts";
import type { OperandStack } from "./operand-stack.ts";

/** (frame, gas, depth) → status, gas. A status below zero is the complement of a place in the code to go on at. */
export const REGION_FUNCTION = { params: ["i32", "i64", "i32"], results: ["i32", "i64"] } as const;

/**
 * Adds to the gas that compiled code has burnt: what a function begins with when the driver enters it, and less what it ends with.
 */
export function countGas(code: Code, context: Var<"i32">, amount: Operand64): void {
  code.store64(context, CONTEXT.gasCompiled, i64.add(i64.load(context, CONTEXT.gasCompiled), amount));
}

// A way out to the interpreter in one number below 2^31: a reason and a place in the code.
const EXIT_REASON_SHIFT = 24;
const EXIT_PC_MASK = (1 << EXIT_REASON_SHIFT) - 1;

/** The number of a way out to the interpreter. @param pc where it goes on */
export function exitNumber(pc: number, reason: ExitReason): number {
  assert(pc <= EXIT_PC_MASK, "code is shorter than 16 MiB");
  return (EXIT_REASONS.indexOf(reason) << EXIT_REASON_SHIFT) | pc;
}

/** See the head of the file. */
export class CompiledFrame implements OpcodeContext {
  readonly code: Code;
  readonly rules: Rules;
  readonly links: Links;
  readonly context: Var<"i32">;
  readonly frame: Var<"i32">;
  readonly gas: Var<"i64">;
  readonly memory: Var<"i32">;
  readonly memorySize: Var<"i32">;
  /** Address of the frame's lowest stack word. */
  readonly stack: Var<"i32">;
  /** Native calls of routines around this one. */
  readonly depth: Var<"i32">;
  readonly #status: Var<"i32">;
  #leave: Label | null = null;

  constructor(code: Code, parts: ModuleParts) {
    this.code = code;
    this.rules = parts.rules;
    this.links = parts.links;
    this.frame = code.param(0, "i32");
    this.context = code.i32(i32.global(parts.base));
    this.gas = code.param(1, "i64");
    this.depth = code.param(2, "i32");
    this.memory = code.i32(i32.load(this.frame, FRAME.memory));
    this.memorySize = code.i32(i32.load(this.frame, FRAME.memorySize));
    this.stack = code.i32(i32.load(this.frame, FRAME.stack));
    this.#status = code.i32();
  }

  /** Emits the function's body; inside, `leave` ends it. */
  run(body: () => void): void {
    const { code } = this;
    code.f.block((leave) => {
      this.#leave = leave;
      body();
    });
    code.return(this.#status, this.gas);
  }

  /** Calls a frame opcode's link, with the stack in memory, and ends the function: the driver goes on. */
  callFrameLink(link: "call" | "create", opcode: number): void {
    const { code, context, frame, gas } = this;
    code.store64(frame, FRAME.gas, gas);
    countGas(code, context, i64.sub(0, gas));
    const status = code.i32(code.call32(this.links[link], frame, opcode));
    code.set(gas, i64.load(frame, FRAME.gas));
    countGas(code, context, gas);
    // Without a child the driver goes on at once, in the next compiled function or in the interpreter.
    code.return(i32.select(status, status, TO_ENTRY), gas);
  }

  /** Hands the frame, whose stack is in memory, over to the interpreter. @param exit see {@link exitNumber} */
  leaveByExit(exit: Var<"i32">): void {
    const { code, context, frame } = this;
    code.store32(frame, FRAME.pc, i32.and(exit, EXIT_PC_MASK));
    code.store32(frame, FRAME.entry, 0);
    const counter = code.i32(i32.add(context, i32.shl(i32.shrU(exit, EXIT_REASON_SHIFT), 3)));
    code.store64(counter, CONTEXT.exits, i64.add(i64.load(counter, CONTEXT.exits), 1));
    this.leave(TO_INTERPRETER);
  }

  /** Emits an instruction that neither jumps nor calls a contract. @returns whether the frame goes on behind it */
  emitInstruction(stack: OperandStack, instruction: Instruction): boolean {
    const { opcode } = instruction;
    if (stack.move(instruction)) return true;
    if (opcode.kind === "gas") {
      // The piece ends here, so all static prices before are paid and none behind it.
      stack.words.push([this.code.i64(this.gas), 0n, 0n, 0n]);
    } else if (opcode.kind === "word") {
      const result = opcode.emit(this, stack.take(opcode.inputs));
      if (opcode.outputs === 1) stack.words.push(result!);
    } else {
      assert(opcode.kind === "exit", () => `no way to compile ${opcode.name}`);
      opcode.emit(this, stack.take(opcode.inputs));
      this.leave(opcode.status);
      return false;
    }
    return true;
  }

  /** Charges static prices; when they cannot be paid the gas is as before. @param otherwise leaves the function then */
  chargeAtOnce(cost: number, otherwise: () => void): void {
    const { code, gas } = this;
    if (cost === 0) return;
    code.set(gas, i64.sub(gas, cost));
    code.if(i64.ltS(gas, 0), () => {
      code.set(gas, i64.add(gas, cost));
      otherwise();
    });
  }

  /** Ends the function with a status. */
  leave(status: Operand32): void {
    this.code.set(this.#status, status);
    this.code.f.br(this.#leave!);
  }

  /** Asks the poll when the gas has fallen below the frame's floor; the link moves it. */
  poll(): void {
    const { code, frame, gas } = this;
    code.if(i64.ltS(gas, i64.load(frame, FRAME.floor)), () => {
      this.haltIf(i64.ltS(code.call64(this.links.poll, frame, gas), 0), ABORTED);
    });
  }

  charge(cost: Operand64): void {
    this.code.set(this.gas, i64.sub(this.gas, cost));
    this.haltIf(i64.ltS(this.gas, 0), OUT_OF_GAS);
  }

  callWithGas(name: keyof Links, operands: readonly (Var | bigint | number)[], results: readonly Var<"i64">[]): void {
    const { code, gas } = this;
    code.call(this.links[name], this.frame, gas, ...operands);
    code.pop([gas, ...results]);
    code.if(i64.ltS(gas, 0), () => this.leave(i32.wrap(i64.sub(0, gas))));
  }

  haltIf(condition: Operand32, status: number): void {
    this.code.if(condition, () => this.leave(status));
  }

  reloadMemorySize(): void {
    this.code.set(this.memorySize, i32.load(this.frame, FRAME.memorySize));
  }
}
