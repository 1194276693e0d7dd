// How the driver enters a compiled module: one small function per region, (frame) → status, in the thread's function table. It hands
// the gas to the region, writes back what is left, and finds where to go on when the region ended with a jump to an unknown place.

import { CODE_ENTRY, CONTEXT, EXIT_REASONS, type ExitReason, FRAME } from "#formats/memory/evm-arena.ts";
import { Code, i32, i64, type Operand32, type Var } from "#wasm/code.ts";
import type { FunctionIndex } from "#wasm/function-emitter.ts";
import { ABORTED, TO_ENTRY, TO_INTERPRETER } from "../runtime/status.ts";
import { countGas } from "./compiled-frame.ts";
import type { ModuleParts } from "./module-parts.ts";

/** Type of the functions in the table: the frame's address in, a status out. */
export const ENTRY_FUNCTION = { params: ["i32"], results: ["i32"] } as const;

/** Defines the entry of a region function. @param hasBlocks whether `CODE_ENTRY.blocks` names regions by place in the code */
export function defineEntry(parts: ModuleParts, region: FunctionIndex, hasBlocks: boolean): FunctionIndex {
  return parts.module.defineFunction(ENTRY_FUNCTION, (f) => {
    const code = new Code(f);
    const frame = code.param(0, "i32");
    const context = code.i32(i32.global(parts.base));
    const status = code.i32();
    const gas = code.i64(i64.load(frame, FRAME.gas));
    countGas(code, context, gas);
    code.call(region, frame, gas, 0);
    code.pop([status, gas]);
    code.store64(frame, FRAME.gas, gas);
    countGas(code, context, i64.sub(0, gas));
    code.if(i32.ltS(status, 0), () => emitJump(code, parts, { frame, context, status, gas }, hasBlocks));
    code.return(status);
  });
}

/** Leaves a frame, whose state is whole in memory, to the interpreter. */
export function leaveToInterpreter(
  code: Code,
  at: { readonly frame: Var<"i32">; readonly context: Var<"i32"> },
  pc: Operand32,
  reason: ExitReason,
): void {
  code.store32(at.frame, FRAME.pc, pc);
  code.store32(at.frame, FRAME.entry, 0);
  countExit(code, at.context, reason);
}

function countExit(code: Code, context: Var<"i32">, reason: ExitReason): void {
  const counter = CONTEXT.exits + 8 * EXIT_REASONS.indexOf(reason);
  code.store64(context, counter, i64.add(i64.load(context, counter), 1));
}

function emitJump(
  code: Code,
  parts: ModuleParts,
  at: {
    readonly frame: Var<"i32">;
    readonly context: Var<"i32">;
    readonly status: Var<"i32">;
    readonly gas: Var<"i64">;
  },
  hasBlocks: boolean,
): void {
  const { frame, status, gas } = at;
  const pc = code.i32(i32.xor(status, -1));
  if (hasBlocks) {
    // Such jumps may make a loop that no function sees. The poll may install a later module than this: what follows is that one's.
    code.if(i64.ltS(gas, i64.load(frame, FRAME.floor)), () => {
      code.if(i64.ltS(code.call64(parts.links.poll, frame, gas), 0), () => code.return(ABORTED));
    });
    const codeEntry = code.i32(i32.load(frame, FRAME.codeEntry));
    const blocks = code.i32(i32.load(codeEntry, CODE_ENTRY.blocks));
    const region = code.i32(0);
    code.if(blocks, () => code.set(region, i32.load16(i32.add(blocks, i32.shl(pc, 1)))));
    code.if(region, () => {
      code.store32(frame, FRAME.entry, i32.add(i32.load(codeEntry, CODE_ENTRY.entry), i32.sub(region, 1)));
      code.return(TO_ENTRY);
    });
  }
  leaveToInterpreter(code, at, pc, "jump");
  code.return(TO_INTERPRETER);
}
