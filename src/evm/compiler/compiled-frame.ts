// The frame inside one compiled function: what of its record is kept in variables, and how the function is left. It is also what
// the opcode emitters see of a compiled function (`OpcodeContext`).
//
//   enter: gas, memory, size ▸ variables … leave(status): gas back, gas counted, return

import { CONTEXT, FRAME } from "#formats/memory/evm-arena.ts";
import { type Code, i32, i64, type Operand32, type Operand64, type Var } from "#wasm/code.ts";
import type { Label } from "#wasm/function-emitter.ts";
import type { Rules } from "../gas/rules.ts";
import type { OpcodeContext } from "../opcodes/opcode.ts";
import type { Links } from "../runtime/links.ts";
import { ABORTED, OUT_OF_GAS } from "../runtime/status.ts";
import type { ModuleParts } from "./module-parts.ts";

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
  readonly #gasStart: Var<"i64">;
  readonly #floor: Var<"i64">;
  readonly #status: Var<"i32">;
  #leave: Label | null = null;

  constructor(code: Code, parts: ModuleParts) {
    this.code = code;
    this.rules = parts.rules;
    this.links = parts.links;
    this.frame = code.param(0, "i32");
    this.context = code.i32(i32.global(parts.base));
    this.gas = code.i64(i64.load(this.frame, FRAME.gas));
    this.#gasStart = code.i64(this.gas);
    this.#floor = code.i64(i64.load(this.frame, FRAME.floor));
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
    this.storeGas();
    code.return(this.#status);
  }

  /** Writes the gas back and counts what was burnt. */
  storeGas(): void {
    const { code, context, frame, gas } = this;
    code.store64(frame, FRAME.gas, gas);
    const burnt = i64.sub(this.#gasStart, gas);
    code.store64(context, CONTEXT.gasCompiled, i64.add(i64.load(context, CONTEXT.gasCompiled), burnt));
  }

  /** Ends the function with a status. */
  leave(status: Operand32): void {
    this.code.set(this.#status, status);
    this.code.f.br(this.#leave!);
  }

  /** Asks the poll when the gas has fallen below the frame's floor. */
  poll(): void {
    const { code, frame, gas } = this;
    code.if(i64.ltS(gas, this.#floor), () => {
      code.set(this.#floor, code.call64(this.links.poll, frame, gas));
      this.haltIf(i64.ltS(this.#floor, 0), ABORTED);
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
