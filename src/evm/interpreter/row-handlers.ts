// Handlers of rows that have an emitter: operands are loaded from the stack in memory, the emitter runs, its result is stored.
// And of rows that put another frame on top, which a link does.

import { FRAME, WORD_SIZE_BYTES } from "#formats/memory/evm-arena.ts";
import { i32, i64, type Var } from "#wasm/code.ts";
import type { FunctionIndex } from "#wasm/function-emitter.ts";
import type { Rules } from "../gas/rules.ts";
import type { ExitOpcode, FrameOpcode, OpcodeContext, WordOpcode } from "../opcodes/opcode.ts";
import type { Links } from "../runtime/links.ts";
import { CONTINUE, REVERTED } from "../runtime/status.ts";
import { loadLimbs, storeLimbs } from "../words/memory.ts";
import type { Word } from "../words/word.ts";
import { emitComparedJump } from "./fused-handlers.ts";
import {
  advance,
  charge,
  chargeStatic,
  type Labels,
  type Registers,
  requireRoom,
  storePosition,
  takeOperands,
} from "./registers.ts";

/** LT to ISZERO. */
const FIRST_COMPARISON = 0x10;
const LAST_COMPARISON = 0x15;

/** What emitters see of the interpreter. */
export function createContext(r: Registers, labels: Labels, rules: Rules, links: Links): OpcodeContext {
  const { code } = r;
  return {
    code,
    rules,
    links,
    context: r.context,
    frame: r.frame,
    gas: r.gas,
    memory: r.memory,
    memorySize: r.memorySize,
    charge: (cost) => charge(r, cost, 0n, labels.outOfGas),
    callWithGas: (name, operands, results) => {
      code.call(links[name], r.frame, r.gas, ...operands);
      code.pop([r.charged, ...results]);
      code.brIf(i64.ltS(r.charged, 0n), labels.linkHalt);
      code.set(r.gas, r.charged);
    },
    haltIf: (condition, status) => {
      code.if(condition, () => {
        code.set(r.status, status);
        code.f.br(labels.leave);
      });
    },
    reloadMemorySize: () => code.set(r.memorySize, i32.load(r.frame, FRAME.memorySize)),
  };
}

/** Operands in, at most one result out. */
export function emitWordHandler(r: Registers, labels: Labels, context: OpcodeContext, row: WordOpcode): void {
  if (row.outputs > row.inputs) requireRoom(r, labels);
  const base = takeOperands(r, labels, row.inputs);
  chargeStatic(r, labels, row.gas(context.rules));
  const result = row.emit(context, loadOperands(r, base, row.inputs));
  if (row.byte >= FIRST_COMPARISON && row.byte <= LAST_COMPARISON && result !== null) {
    emitComparedJump(r, labels, { inputs: row.inputs, result: r.code.i64(result[0]), stackTop: base });
  }
  if (result !== null) storeLimbs(r.code, base, 0, result);
  const top = row.outputs === 0 ? base : i32.add(base, row.outputs * WORD_SIZE_BYTES);
  if (row.inputs !== row.outputs) r.code.set(r.stackTop, top);
  advance(r, labels, 1);
}

/** Ends the frame. */
export function emitExitHandler(r: Registers, labels: Labels, context: OpcodeContext, row: ExitOpcode): void {
  const base = takeOperands(r, labels, row.inputs);
  chargeStatic(r, labels, row.gas(context.rules));
  row.emit(context, loadOperands(r, base, row.inputs));
  r.code.set(r.status, row.status);
  r.code.f.br(labels.leave);
}

/** Checks and charges, then goes to the place that `emitFrameLink` emits. */
export function emitFrameHandler(
  r: Registers,
  labels: Labels & { readonly link: Labels["next"] },
  context: OpcodeContext,
  row: FrameOpcode,
): void {
  takeOperands(r, labels, row.inputs);
  chargeStatic(r, labels, row.gas(context.rules));
  r.code.f.br(labels.link);
}

/** Calls the link of a frame opcode: goes on, or leaves to the driver with the frame as the link left it. */
export function emitFrameLink(r: Registers, labels: Labels, link: FunctionIndex, account: FunctionIndex): void {
  const { code } = r;
  storePosition(r, i32.add(r.pc, 1));
  code.store64(r.frame, FRAME.gas, r.gas);
  // Behind the stores, so that it is not the byte that was dispatched on, kept for here at every opcode.
  const opcode = code.i32(i32.load8(r.pc));
  code.callAsIs(account, r.frame, i64.sub(r.gasAtEntry, r.gas));
  code.callAsIs(link, r.frame, opcode);
  code.pop([r.status]);
  code.if(i32.ne(r.status, CONTINUE), () => {
    code.if(i32.gtU(r.status, REVERTED), () => {
      code.store32(r.frame, FRAME.pc, i32.sub(i32.load(r.frame, FRAME.pc), 1));
      code.store32(r.frame, FRAME.stackTop, r.stackTop);
    });
    code.return(r.status);
  });
  code.set(r.pc, i32.add(r.bytes, i32.load(r.frame, FRAME.pc)));
  code.set(r.gas, i64.load(r.frame, FRAME.gas));
  code.set(r.gasAtEntry, r.gas);
  code.set(r.stackTop, i32.load(r.frame, FRAME.stackTop));
  code.set(r.memorySize, i32.load(r.frame, FRAME.memorySize));
  code.f.br(labels.next);
}

function loadOperands(r: Registers, base: Var<"i32">, inputs: number): Word[] {
  return Array.from({ length: inputs }, (_, index) => loadLimbs(r.code, base, (inputs - 1 - index) * WORD_SIZE_BYTES));
}
