// Handlers of what moves words: PUSH, DUP, SWAP, POP, and the words that the interpreter itself knows (PC, GAS).

import { WORD_SIZE_BYTES } from "#formats/memory/evm-arena.ts";
import { i32, i64, type Operand64, type Value, v128 } from "#wasm/code.ts";
import { STACK_WORD_COUNT_MAX } from "../gas/rules.ts";
import { loadLimbs, storeLimbs } from "../words/memory.ts";
import { narrowWord } from "../words/word.ts";
import { emitPushedJump } from "./fused-handlers.ts";
import { smallImmediate } from "./immediate.ts";
import { advance, chargeStatic, type Labels, moveTop, type Registers, requireRoom, takeOperands } from "./registers.ts";

const HALF_SIZE_BYTES = 16;
const LIMB_BITS = 64;
const REVERSED = Array.from({ length: HALF_SIZE_BYTES }, (_, index) => HALF_SIZE_BYTES - 1 - index);

/** PUSH0 to PUSH32. */
export function emitPush(r: Registers, labels: Labels, sizeBytes: number, gas: number): void {
  // Most jumps of contracts are preceded by a PUSH2.
  if (sizeBytes === 2) emitPushedJump(r, labels);
  requireRoom(r, labels);
  chargeStatic(r, labels, gas);
  storeImmediate(r, sizeBytes);
  moveTop(r, 1);
  advance(r, labels, 1 + sizeBytes);
}

/** DUP1 to DUP16: one look tells whether the operand is there and a word more has room. */
export function emitDup(r: Registers, labels: Labels, depth: number, gas: number): void {
  const { code } = r;
  const source = code.i32(i32.sub(r.stackTop, depth * WORD_SIZE_BYTES));
  const room = (STACK_WORD_COUNT_MAX - depth) * WORD_SIZE_BYTES;
  const height = i32.sub(r.stackTop, r.stack);
  code.brIf(i32.geU(i32.sub(height, depth * WORD_SIZE_BYTES), room), labels.stackFailure);
  chargeStatic(r, labels, gas);
  storeLimbs(code, r.stackTop, 0, loadLimbs(code, source, 0));
  moveTop(r, 1);
  advance(r, labels, 1);
}

/** SWAP1 to SWAP16. */
export function emitSwap(r: Registers, labels: Labels, depth: number, gas: number): void {
  const { code } = r;
  const base = takeOperands(r, labels, depth + 1);
  chargeStatic(r, labels, gas);
  const top = depth * WORD_SIZE_BYTES;
  const deep = loadLimbs(code, base, 0);
  const high = loadLimbs(code, base, top);
  storeLimbs(code, base, 0, high);
  storeLimbs(code, base, top, deep);
  advance(r, labels, 1);
}

/** POP. */
export function emitPop(r: Registers, labels: Labels, gas: number): void {
  const base = takeOperands(r, labels, 1);
  chargeStatic(r, labels, gas);
  r.code.set(r.stackTop, base);
  advance(r, labels, 1);
}

/** An opcode that pushes one number below 2^64 which is known only after its own price is paid. */
export function emitNumber(r: Registers, labels: Labels, gas: number, number: () => Operand64): void {
  requireRoom(r, labels);
  chargeStatic(r, labels, gas);
  storeLimbs(r.code, r.stackTop, 0, narrowWord(r.code.i64(number())));
  moveTop(r, 1);
  advance(r, labels, 1);
}

/**
 * Stores the operand that follows the opcode as a new top word. Code is followed by zero bytes, so it may be cut short. The bytes
 * are read so that they end where the operand does, and what was read before it is cut off: shuffles that drop bytes would each
 * need a constant of its own, which the optimizing tier loads on every entry into the function.
 */
function storeImmediate(r: Registers, sizeBytes: number): void {
  const { code } = r;
  if (sizeBytes <= 4) {
    const low = sizeBytes === 0 ? 0n : code.i64(i64.extend(smallImmediate(code, r.pc, sizeBytes)));
    storeLimbs(code, r.stackTop, 0, narrowWord(low));
    return;
  }
  storeHalf(r, 0, sizeBytes, Math.min(sizeBytes, HALF_SIZE_BYTES));
  storeHalf(r, HALF_SIZE_BYTES, sizeBytes - HALF_SIZE_BYTES, sizeBytes - HALF_SIZE_BYTES);
}

/** Stores 128 bits whose lowest `sizeBytes` bytes end `end` bytes behind the opcode; all zero when there are none. */
function storeHalf(r: Registers, offset: number, end: number, sizeBytes: number): void {
  const { code } = r;
  if (sizeBytes <= 0) {
    code.store128(r.stackTop, offset, v128.splat64(0));
    return;
  }
  const bytes = code.v128(v128.load(code.i32(i32.add(r.pc, 1 + end - HALF_SIZE_BYTES))));
  const half = code.v128(v128.shuffle(bytes, bytes, REVERSED));
  if (sizeBytes === HALF_SIZE_BYTES) {
    code.store128(r.stackTop, offset, half);
    return;
  }
  for (const lane of [0, 1] as const) {
    const limb = lowBits(v128.lane64(half, lane), 8 * sizeBytes - LIMB_BITS * lane);
    code.store64(r.stackTop, offset + 8 * lane, limb);
  }
}

function lowBits(limb: Value<"i64">, bits: number): Operand64 {
  if (bits <= 0) return 0n;
  return bits >= LIMB_BITS ? limb : i64.shrU(i64.shl(limb, LIMB_BITS - bits), LIMB_BITS - bits);
}
