// The interpreter, generated from the table of opcodes: one function (frame) → status that runs a frame from its `pc` until it
// ends, halts, or another frame is on top.
//
//   load registers ▸ loop: br_table over the byte at pc ▸ handler: stack, gas, operands, result ▸ loop ...
//                                                              └▸ halts ▸ store registers, account the gas ▸ status
//
// Exact for every opcode: gas and stack are checked one opcode at a time, in the order stack, static gas, the rest.
// @hot bench/evm/interpreter.bench.ts

import { CODE_ENTRY, CODE_FLAG_REFUSED, CONTEXT, FRAME } from "#formats/memory/evm-arena.ts";
import type { ModuleBuilder } from "#wasm/assembler.ts";
import { Code, i32, i64 } from "#wasm/code.ts";
import type { FunctionEmitter, FunctionIndex, GlobalIndex, Label } from "#wasm/function-emitter.ts";
import type { Rules } from "../gas/rules.ts";
import type { Opcode, OpcodeContext, StructuralOpcode } from "../opcodes/opcode.ts";
import { immediateSizeBytes } from "../opcodes/stack.ts";
import { opcodesAt } from "../opcodes/table.ts";
import type { Links } from "../runtime/links.ts";
import {
  ABORTED,
  INVALID_JUMP,
  INVALID_OPCODE,
  OUT_OF_GAS,
  STACK_OVERFLOW,
  STACK_UNDERFLOW,
  TO_ENTRY,
} from "../runtime/status.ts";
import { emitJump, emitJumpDestination, emitJumpIf, markVisited } from "./jump-handlers.ts";
import { HandlerCode, type Labels, loadRegisters, type Registers, storePosition } from "./registers.ts";
import { createContext, emitExitHandler, emitFrameHandler, emitFrameLink, emitWordHandler } from "./row-handlers.ts";
import { emitDup, emitNumber, emitPop, emitPush, emitSwap } from "./stack-handlers.ts";

/** What the interpreter is generated for. */
export type InterpreterOptions = {
  readonly rules: Rules;
  readonly links: Links;
  /** An i32: address of the thread's context record. */
  readonly base: GlobalIndex;
  /** (code entry) → (): told when a code has burnt as much gas as its threshold says. */
  readonly hot: FunctionIndex;
  /** (frame) → whether the frame, which has jumped to a marked place, now names compiled code. */
  readonly enter: FunctionIndex;
};

/**
 * No opcode has a static price above this, so that a floor at least this far below the gas lets any opcode pass that can be
 * paid at all.
 */
const STATIC_GAS_MAX = 65_536n;

/**
 * Defines the interpreter of a fork.
 * @returns a function of type (frame: i32) → status: i32
 */
export function defineInterpreter(module: ModuleBuilder, options: InterpreterOptions): FunctionIndex {
  const account = defineAccount(module, options);
  return module.defineFunction({ params: ["i32"], results: ["i32"] }, (f) => {
    emitBody(f, options, account);
  });
}

/** (frame, gas burnt) → (): adds to the counters of the thread and of the code, and tells of code that became hot. */
function defineAccount(module: ModuleBuilder, options: InterpreterOptions): FunctionIndex {
  return module.defineFunction({ params: ["i32", "i64"], results: [] }, (f) => {
    const code = new Code(f);
    const burnt = code.param(1, "i64");
    const context = code.i32(i32.global(options.base));
    code.store64(context, CONTEXT.gasInterpreted, i64.add(i64.load(context, CONTEXT.gasInterpreted), burnt));
    const entry = code.i32(i32.load(code.param(0, "i32"), FRAME.codeEntry));
    const isRefused = i32.and(i32.load(entry, CODE_ENTRY.flags), CODE_FLAG_REFUSED);
    const uncompilable = i64.select(i32.or(i32.eqz(entry), isRefused), burnt, 0n);
    const total = i64.add(i64.load(context, CONTEXT.gasUncompilable), uncompilable);
    code.store64(context, CONTEXT.gasUncompilable, total);
    code.if(entry, () => {
      const total = code.i64(i64.add(i64.load(entry, CODE_ENTRY.gasInterpreted), burnt));
      code.store64(entry, CODE_ENTRY.gasInterpreted, total);
      code.if(i64.geS(total, i64.load(entry, CODE_ENTRY.gasThreshold)), () => code.call(options.hot, entry));
    });
  });
}

function emitBody(f: FunctionEmitter, options: InterpreterOptions, account: FunctionIndex): void {
  const code = new HandlerCode(f);
  const r = loadRegisters(code, code.param(0, "i32"), options.base);
  code.keepAcrossCalls(r);
  code.scope(() => markVisited(r));
  const leave = f.openBlock();
  const next = f.openLoop();
  emitHalts(r, { next, leave }, options, (labels) => {
    emitHandlers(r, labels, options, account);
  });
  f.end();
  f.end();
  storePosition(r, r.pc);
  code.store64(r.frame, FRAME.gas, r.gas);
  code.callAsIs(account, r.frame, i64.sub(r.gasAtEntry, r.gas));
  code.return(r.status);
}

/** Emits `body` within a block for each way to halt; each block is followed by what it does, innermost first. */
function emitHalts(
  r: Registers,
  outer: Pick<Labels, "next" | "leave">,
  options: Pick<InterpreterOptions, "links" | "enter">,
  body: (labels: Labels) => void,
): void {
  const { code } = r;
  const { f } = code;
  const leaveWith = (status: number) => {
    code.set(r.status, status);
    f.br(outer.leave);
  };
  const enter = f.openBlock();
  const belowFloor = f.openBlock();
  const linkHalt = f.openBlock();
  const stackFailure = f.openBlock();
  const outOfGas = f.openBlock();
  const invalidJump = f.openBlock();
  const invalidOpcode = f.openBlock();
  body({ ...outer, enter, belowFloor, linkHalt, stackFailure, outOfGas, invalidJump, invalidOpcode });
  f.end();
  leaveWith(INVALID_OPCODE);
  f.end();
  leaveWith(INVALID_JUMP);
  f.end();
  leaveWith(OUT_OF_GAS);
  f.end();
  code.set(r.status, i32.select(i32.eq(r.stackTop, r.stackEnd), STACK_OVERFLOW, STACK_UNDERFLOW));
  f.br(outer.leave);
  f.end();
  code.set(r.status, i32.wrap(i64.sub(0n, r.charged)));
  f.br(outer.leave);
  f.end();
  emitBelowFloor(r, outer, options.links, leaveWith);
  f.end();
  emitEnter(r, outer, options.enter);
}

/** Asks whether compiled code takes over where the frame has jumped to; all of its state is in memory then. */
function emitEnter(r: Registers, outer: Pick<Labels, "next" | "leave">, enter: FunctionIndex): void {
  const { code } = r;
  storePosition(r, r.pc);
  code.store64(r.frame, FRAME.gas, r.gas);
  code.callAsIs(enter, r.frame);
  code.pop([r.status]);
  code.set(r.pc, i32.add(r.bytes, i32.load(r.frame, FRAME.pc)));
  code.if(r.status, () => {
    code.set(r.status, TO_ENTRY);
    code.f.br(outer.leave);
  });
  markVisited(r);
  code.f.br(outer.next);
}

/** A static price leaves less than the floor: out of gas, or time to ask whether to go on. The opcode has changed nothing yet. */
function emitBelowFloor(
  r: Registers,
  outer: Pick<Labels, "next" | "leave">,
  links: Links,
  leaveWith: (status: number) => void,
): void {
  const { code } = r;
  code.if(i64.eqz(r.floor), () => leaveWith(OUT_OF_GAS));
  code.set(r.floor, code.call64(links.poll, r.frame, r.gas));
  code.if(i64.ltS(r.floor, 0n), () => leaveWith(ABORTED));
  // The same opcode runs again: it must get past the new floor, or find that it is the gas that lacks.
  code.set(r.charged, i64.sub(r.gas, STATIC_GAS_MAX));
  code.if(i64.ltS(r.charged, r.floor), () => code.set(r.floor, i64.select(i64.ltS(r.charged, 0n), 0n, r.charged)));
  code.store64(r.frame, FRAME.floor, r.floor);
  code.f.br(outer.next);
}

/** The dispatch: one block per row around the `br_table`; behind the end of each comes its handler. */
function emitHandlers(r: Registers, labels: Labels, options: InterpreterOptions, account: FunctionIndex): void {
  const { code } = r;
  const { f } = code;
  const rows = [...opcodesAt(options.rules).values()];
  const context = createContext(r, labels, options.rules, options.links);
  const call = f.openBlock();
  const create = f.openBlock();
  const targets = new Map<number, Label>();
  for (const row of rows.toReversed()) targets.set(row.byte, f.openBlock());
  code.push("i32", i32.load8(r.pc));
  f.brTable(
    Array.from({ length: 256 }, (_, byte) => targets.get(byte) ?? labels.invalidOpcode),
    labels.invalidOpcode,
  );
  for (const row of rows) {
    f.end();
    code.scope(() => emitHandler(r, { ...labels, call, create }, context, row));
  }
  f.end();
  emitFrameLink(r, labels, options.links.create, account);
  f.end();
  emitFrameLink(r, labels, options.links.call, account);
}

type HandlerLabels = Labels & { readonly call: Label; readonly create: Label };

function emitHandler(r: Registers, labels: HandlerLabels, context: OpcodeContext, row: Opcode): void {
  if (row.kind === "word") emitWordHandler(r, labels, context, row);
  else if (row.kind === "exit") emitExitHandler(r, labels, context, row);
  else if (row.kind === "frame") emitFrameHandler(r, { ...labels, link: labels[row.link] }, context, row);
  else STRUCTURAL[row.kind](r, labels, row, row.gas(context.rules));
}

type StructuralHandler = (r: Registers, labels: Labels, row: StructuralOpcode, gas: number) => void;

const STRUCTURAL: Readonly<Record<StructuralOpcode["kind"], StructuralHandler>> = {
  push: (r, labels, row, gas) => emitPush(r, labels, immediateSizeBytes(row.byte), gas),
  dup: (r, labels, row, gas) => emitDup(r, labels, row.inputs, gas),
  swap: (r, labels, row, gas) => emitSwap(r, labels, row.inputs - 1, gas),
  pop: (r, labels, _row, gas) => emitPop(r, labels, gas),
  jump: (r, labels, _row, gas) => emitJump(r, labels, gas),
  jumpi: (r, labels, _row, gas) => emitJumpIf(r, labels, gas),
  jumpdest: (r, labels, _row, gas) => emitJumpDestination(r, labels, gas),
  pc: (r, labels, _row, gas) => emitNumber(r, labels, gas, () => i64.extend(i32.sub(r.pc, r.bytes))),
  gas: (r, labels, _row, gas) => emitNumber(r, labels, gas, () => r.gas),
};
