// Opcodes that often follow each other, as one step: it saves a dispatch, and words on their way through the stack. Each is emitted
// within the handler of its first opcode, and does nothing when another opcode follows or when anything at all lacks for one of them
// (words, gas, a destination): then each runs by itself, and halts where it must.
//
// A look at what follows costs two cycles and a step saves five or more, so it pays where more than every third look finds it. In 2.7
// million opcodes of mainnet blocks a jump follows most PUSH2 (10 % of all opcodes), and PUSH2 and JUMPI follow 65 % of ISZERO and half
// of LT and EQ. POP follows a third of SWAP, and of POP: fused, they made loops 5 % faster or 15 % slower.

import { WORD_SIZE_BYTES } from "#formats/memory/evm-arena.ts";
import { i32, i64, type Operand32, type Var } from "#wasm/code.ts";
import type { Label } from "#wasm/function-emitter.ts";
import { STACK_WORD_COUNT_MAX } from "../gas/rules.ts";
import { TIER } from "../opcodes/row.ts";
import { conditionOf } from "../words/comparison.ts";
import { loadLimbs } from "../words/memory.ts";
import { smallImmediate } from "./immediate.ts";
import { arrive, markPushedDestination, markVisited } from "./jump-handlers.ts";
import type { Labels, Registers } from "./registers.ts";

const JUMP = 0x56;
const JUMPI = 0x57;
const PUSH2 = 0x61;

const PUSH2_SIZE_BYTES = 3;

const PUSHED_JUMP_GAS = TIER.veryLow + TIER.mid;
const PUSHED_JUMPI_GAS = TIER.veryLow + TIER.high;

/** PUSH2 and JUMP or JUMPI. */
export function emitPushedJump(r: Registers, labels: Labels): void {
  const { code } = r;
  const jump = code.i32(i32.sub(i32.load8(r.pc, PUSH2_SIZE_BYTES), JUMP));
  code.f.block((apart) => {
    code.brIf(i32.gtU(jump, JUMPI - JUMP), apart);
    const destination = code.i32(smallImmediate(code, r.pc, PUSH2_SIZE_BYTES - 1));
    code.if(jump, () => {
      const base = code.i32(i32.sub(r.stackTop, WORD_SIZE_BYTES));
      code.brIf(i32.geU(i32.sub(base, r.stack), (STACK_WORD_COUNT_MAX - 1) * WORD_SIZE_BYTES), apart);
      const gas = gasAfter(r, PUSHED_JUMPI_GAS, apart);
      const condition = conditionOf(code, loadLimbs(code, base, 0));
      emitConditionalJump(r, labels, { condition, destination, stackTop: base, gas, sizeBytes: 4 }, apart);
    });
    code.brIf(i32.eq(r.stackTop, r.stackEnd), apart);
    const gas = gasAfter(r, PUSHED_JUMP_GAS, apart);
    markPushedDestination(r, destination, apart);
    code.set(r.gas, gas);
    arrive(r, labels, r.stackTop, destination);
  });
}

/** A comparison whose price is paid. */
export type Comparison = {
  /** Words that it took. */
  readonly inputs: number;
  /** 0 or 1; not stored yet. */
  readonly result: Var<"i64">;
  /** The top of the stack without operands and result. */
  readonly stackTop: Var<"i32">;
};

/** PUSH2 and JUMPI behind a comparison. */
export function emitComparedJump(r: Registers, labels: Labels, comparison: Comparison): void {
  const { code } = r;
  const { inputs, result, stackTop } = comparison;
  code.f.block((apart) => {
    const following = code.i32(i32.load(r.pc, 1));
    code.brIf(i32.ne(i32.and(following, 0xff0000ff | 0), (JUMPI << 24) | PUSH2), apart);
    // The result and the destination need room; two operands had it.
    if (inputs === 1) code.brIf(i32.geU(stackTop, i32.sub(r.stackEnd, WORD_SIZE_BYTES)), apart);
    const gas = gasAfter(r, PUSHED_JUMPI_GAS, apart);
    const high = i32.and(following, 0xff00);
    const destination = code.i32(i32.or(high, i32.and(i32.shrU(following, 16), 0xff)));
    emitConditionalJump(r, labels, { condition: i32.wrap(result), destination, stackTop, gas, sizeBytes: 5 }, apart);
  });
}

/** A jump that depends on a condition, as the end of a step. */
type ConditionalJump = {
  readonly condition: Operand32;
  readonly destination: Var<"i32">;
  /** The top of the stack, and the gas, when the step is done. */
  readonly stackTop: Var<"i32">;
  readonly gas: Var<"i64">;
  /** Of all opcodes of the step. */
  readonly sizeBytes: number;
};

function emitConditionalJump(r: Registers, labels: Labels, step: ConditionalJump, apart: Label): void {
  const { code } = r;
  code.if(step.condition, () => {
    markPushedDestination(r, step.destination, apart);
    code.set(r.gas, step.gas);
    arrive(r, labels, step.stackTop, step.destination);
  });
  code.set(r.gas, step.gas);
  code.set(r.stackTop, step.stackTop);
  code.set(r.pc, i32.add(r.pc, step.sizeBytes));
  markVisited(r);
  code.f.br(labels.next);
}

/** The gas that a static price leaves; goes to `apart` when that is below the floor. */
function gasAfter(r: Registers, cost: number, apart: Label): Var<"i64"> {
  const left = r.code.i64(i64.sub(r.gas, cost));
  r.code.brIf(i64.ltS(left, r.floor), apart);
  return left;
}
