// What a row of the opcode table says, and what its emitter may use. The interpreter and the compiler are both generated from the
// rows: the interpreter hands an emitter operands that it loaded from the frame's stack in memory, the compiler operands that are
// constants or variables of the moment. An emitter cannot tell which of them runs it.

import type { Code, Operand32, Operand64, Var } from "#wasm/code.ts";
import type { Rules } from "../gas/rules.ts";
import type { Links } from "../runtime/links.ts";
import type { Word } from "../words/word.ts";

/** What an emitter works with. */
export interface OpcodeContext {
  readonly code: Code;
  readonly rules: Rules;
  readonly links: Links;
  /** Address of the thread's context record (`CONTEXT`). */
  readonly context: Var<"i32">;
  /** Address of the frame record (`FRAME`). */
  readonly frame: Var<"i32">;
  /** Gas left after static prices; signed. Emitters pass it to links and assign what comes back. */
  readonly gas: Var<"i64">;
  /** Address of the frame's EVM memory. */
  readonly memory: Var<"i32">;
  /** Its size in bytes; read again from the frame after a link that may grow it (`reloadMemorySize`). */
  readonly memorySize: Var<"i32">;

  /** Charges a dynamic price: subtracts it and halts with OUT_OF_GAS below zero. @param cost below 2^62 */
  charge(cost: Operand64): void;
  /**
   * Calls a link of type (frame, gas, ...) → (gas, ...): assigns `gas` and the results, and halts when the gas is minus a halt
   * code. `operands` are those behind frame and gas, which it passes itself.
   */
  callWithGas(name: keyof Links, operands: readonly (Var | bigint | number)[], results: readonly Var<"i64">[]): void;
  /** Leaves the frame with a halt code when the condition holds. */
  haltIf(condition: Operand32, status: number): void;
  /** Reads `memorySize` from the frame again. */
  reloadMemorySize(): void;
}

/** Static price of an opcode under the rules of a fork. */
export type StaticGas = (rules: Rules) => number;

type OpcodeBase = {
  readonly byte: number;
  /** As in the yellow paper and the EIPs. */
  readonly name: string;
  /** Words taken from and put onto the stack. */
  readonly inputs: number;
  readonly outputs: number;
  /** Whether the fork has it. */
  readonly exists: (rules: Rules) => boolean;
  readonly gas: StaticGas;
  /**
   * It can halt for another reason than gas or the stack. A segment of gas that is charged at once must not hold it behind
   * its first place, or a charge that fails early would name the wrong reason.
   */
  readonly startsSegment?: boolean;
  /**
   * The segment ends behind it: it looks at or changes the gas left, or it asks the world, which notes what it was asked. Prices
   * of what follows must not keep it from asking what it can pay for.
   */
  readonly endsSegment?: boolean;
};

/** Operands in (top of the stack first), at most one result out. */
export type WordOpcode = OpcodeBase & {
  readonly kind: "word";
  /** Emits the semantics; returns the result, or null when `outputs` is 0. Operand variables are not assigned. */
  readonly emit: (c: OpcodeContext, operands: readonly Word[]) => Word | null;
};

/** Ends the frame. */
export type ExitOpcode = OpcodeBase & {
  readonly kind: "exit";
  /** Emits what comes before the end. */
  readonly emit: (c: OpcodeContext, operands: readonly Word[]) => void;
  /** The status that the frame ends with. */
  readonly status: number;
};

/** Works on the stack in memory and may put another frame on top: a link of type (frame, opcode) → status. */
export type FrameOpcode = OpcodeBase & { readonly kind: "frame"; readonly link: "call" | "create" };

/** Moves operands or control; interpreter and compiler each have their own way. */
export type StructuralOpcode = OpcodeBase & {
  readonly kind: "push" | "dup" | "swap" | "pop" | "jump" | "jumpi" | "jumpdest" | "pc" | "gas";
};

/** A row of the table. */
export type Opcode = WordOpcode | ExitOpcode | FrameOpcode | StructuralOpcode;
