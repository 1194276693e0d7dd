// Handlers of JUMP, JUMPI and JUMPDEST. A jump marks where it arrives in the code's map, and a JUMPI that does not jump marks the
// block that begins behind it: the compiler translates what was marked.

import {
  CODE_MAP_ENTER,
  CODE_MAP_JUMPDEST,
  CODE_MAP_VISITED,
  FRAME,
  WORD_SIZE_BYTES,
} from "#formats/memory/evm-arena.ts";
import { i32, i64, type Operand32, type Var } from "#wasm/code.ts";
import type { Label } from "#wasm/function-emitter.ts";
import { conditionOf } from "../words/comparison.ts";
import { loadLimbs } from "../words/memory.ts";
import type { Word } from "../words/word.ts";
import { advance, chargeStatic, type Labels, type Registers, takeOperands } from "./registers.ts";

/** JUMP. */
export function emitJump(r: Registers, labels: Labels, gas: number): void {
  const base = takeOperands(r, labels, 1);
  chargeStatic(r, labels, gas);
  const destination = checkDestination(r, labels, base, loadLimbs(r.code, base, 0));
  arrive(r, labels, base, destination);
}

/** JUMPI. */
export function emitJumpIf(r: Registers, labels: Labels, gas: number): void {
  const { code } = r;
  const base = takeOperands(r, labels, 2);
  chargeStatic(r, labels, gas);
  code.if(conditionOf(code, loadLimbs(code, base, 0)), () => {
    const destination = checkDestination(r, labels, base, loadLimbs(code, base, WORD_SIZE_BYTES));
    arrive(r, labels, base, destination);
  });
  code.set(r.stackTop, base);
  code.set(r.pc, i32.add(r.pc, 1));
  markVisited(r);
  code.f.br(labels.next);
}

/** JUMPDEST. */
export function emitJumpDestination(r: Registers, labels: Labels, gas: number): void {
  chargeStatic(r, labels, gas);
  advance(r, labels, 1);
}

/** Marks the block at `pc`, which may lie behind the code's end. */
export function markVisited(r: Registers): void {
  const { code } = r;
  const offset = code.i32(i32.sub(r.pc, r.bytes));
  code.if(i32.ltU(offset, i32.load(r.frame, FRAME.codeSize)), () => {
    const entry = code.i32(i32.add(r.map, offset));
    code.store8(entry, 0, i32.or(i32.load8(entry), CODE_MAP_VISITED));
  });
}

/**
 * The offset in the code that a word names, marked as visited; a halt when no JUMPDEST is there. Where the frame may be handed
 * over it goes there at once. @param stackTop of the frame behind the jump
 */
function checkDestination(r: Registers, labels: Labels, stackTop: Var<"i32">, word: Word): Var<"i32"> {
  const { code } = r;
  const otherwise = labels.invalidJump;
  const [low, ...high] = word as readonly Var<"i64">[];
  code.brIf(i64.ne(i64.or(i64.or(high[0]!, high[1]!), high[2]!), 0n), otherwise);
  code.brIf(i64.geU(low!, i64.load32(r.frame, FRAME.codeSize)), otherwise);
  const destination = code.i32(i32.wrap(low!));
  const entry = code.i32(i32.add(r.map, destination));
  const flags = code.i32(i32.load8(entry));
  code.if(isUnusual(flags), () => {
    code.brIf(i32.eqz(i32.and(flags, CODE_MAP_JUMPDEST)), otherwise);
    code.set(r.stackTop, stackTop);
    code.set(r.pc, i32.add(r.bytes, destination));
    code.f.br(labels.enter);
  });
  code.store8(entry, 0, i32.or(flags, CODE_MAP_VISITED));
  return destination;
}

/** Marks the place that a PUSH before a jump names; goes to `otherwise` when no JUMPDEST is there. */
export function markPushedDestination(r: Registers, destination: Operand32, otherwise: Label): void {
  r.code.brIf(i32.geU(destination, i32.load(r.frame, FRAME.codeSize)), otherwise);
  markDestination(r, destination, otherwise);
}

/** Whether a jump cannot just go on where the map says this: no JUMPDEST, or a place where the frame may be handed over. */
function isUnusual(flags: Var<"i32">) {
  return i32.ne(i32.and(flags, CODE_MAP_JUMPDEST | CODE_MAP_ENTER), CODE_MAP_JUMPDEST);
}

/** Marks a place within the code; goes to `otherwise` when it is no JUMPDEST or an unusual one. */
function markDestination(r: Registers, destination: Operand32, otherwise: Label): void {
  const { code } = r;
  const entry = code.i32(i32.add(r.map, destination));
  const flags = code.i32(i32.load8(entry));
  code.brIf(isUnusual(flags), otherwise);
  code.store8(entry, 0, i32.or(flags, CODE_MAP_VISITED));
}

/** Goes on at a destination, and behind its JUMPDEST where the gas for it is there. */
export function arrive(r: Registers, labels: Labels, stackTop: Operand32, destination: Operand32): void {
  const { code } = r;
  code.set(r.stackTop, stackTop);
  code.set(r.pc, i32.add(r.bytes, destination));
  code.set(r.charged, i64.sub(r.gas, 1n));
  code.brIf(i64.ltS(r.charged, r.floor), labels.next);
  code.set(r.gas, r.charged);
  advance(r, labels, 1);
}
