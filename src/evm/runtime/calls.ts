// CALL, CALLCODE, DELEGATECALL and STATICCALL: prices, value, precompiles, and the frame that runs what is called.
//
//   operands ─▶ memory, access, value, new account, delegation ─▶ gas for the callee ─▶ depth and balance
//            ─▶ transfer ─▶ precompile | no code | frame
//
// @see yellow paper, EIP-150, EIP-161, EIP-2929, EIP-7702

import {
  ACCOUNT,
  ACCOUNT_FLAG_DELEGATED,
  ACCOUNT_FLAG_EXISTS,
  CONTEXT,
  FRAME,
  FRAME_FLAG_STATIC,
  FRAME_SIZE_BYTES,
} from "#formats/memory/evm-arena.ts";
import { type Code, i32, i64, type Var } from "#wasm/code.ts";
import { CALL_DEPTH_MAX } from "../gas/rules.ts";
import { loadLimbs } from "../words/memory.ts";
import { accountAt } from "./access.ts";
import type { Core } from "./core.ts";
import { memoryAbove } from "./frames.ts";
import { CONTINUE, EXHAUSTED, FAILED, OUT_OF_GAS, SWITCHED, WRITE_PROTECTION } from "./status.ts";
import { copyWord, loadSaturated, wordBits } from "./word-memory.ts";
import { accountFlag } from "./world.ts";

const CALL = 0xf1;
const CALLCODE = 0xf2;
const DELEGATECALL = 0xf4;
const STATICCALL = 0xfa;

const WORD = 32;

/** Where size and, behind it, offset lie among the operands. */
const INPUT_RANGE = 2 * WORD;
const OUTPUT_RANGE = 0;

/** What the parts of a call share. */
type Call = {
  readonly core: Core;
  readonly code: Code;
  readonly frame: Var<"i32">;
  readonly opcode: Var<"i32">;
  /** Address behind the operands' first word. */
  readonly top: Var<"i32">;
  /** Address of the value's word: an operand, the frame's own, or zero. */
  readonly value: Var<"i32">;
  /** Whether value is moved. */
  readonly isPaid: Var<"i32">;
  /** Address of the four operands for input and output, the last one first; what is below stays on the stack. */
  readonly ranges: Var<"i32">;
  readonly gas: Var<"i64">;
  readonly target: Var<"i32">;
  /** Whose code runs. */
  readonly codeAccount: Var<"i32">;
  readonly calleeGas: Var<"i64">;
};

/** Defines the link of this subject. */
export function defineCalls(core: Core): void {
  core.define("call", (code) => {
    const call = emitOperands(core, code);
    emitPrices(call);
    emitCalleeGas(call);
    emitRefusals(call);
    emitChild(call);
    emitPrecompile(call);
    emitEntry(call);
  });
}

function emitOperands(core: Core, code: Code): Call {
  const frame = code.param(0, "i32");
  const opcode = code.param(1, "i32");
  const top = code.i32(i32.load(frame, FRAME.stackTop));
  const hasValue = code.i32(i32.leU(opcode, CALLCODE));
  const ranges = code.i32(i32.sub(top, i32.select(hasValue, 7 * WORD, 6 * WORD)));
  const value = code.i32(i32.add(core.context(), CONTEXT.zero));
  code.if(hasValue, () => code.set(value, i32.sub(top, 3 * WORD)));
  const isPaid = code.i32(i64.ne(wordBits(value, 0), 0));
  // The value that a delegate sees is its caller's; nothing is moved.
  code.if(i32.eq(opcode, DELEGATECALL), () => code.set(value, i32.add(frame, FRAME.value)));
  const gas = code.i64(i64.load(frame, FRAME.gas));
  const target = code.i32();
  return {
    core,
    code,
    frame,
    opcode,
    top,
    value,
    isPaid,
    ranges,
    gas,
    target,
    codeAccount: code.i32(),
    calleeGas: code.i64(),
  };
}

function emitPrices(call: Call): void {
  const { core, code, frame, opcode, gas, target, isPaid } = call;
  const { gas: prices, removesEmptyAccounts } = core.rules;
  const isStatic = i32.and(i32.load(frame, FRAME.flags), FRAME_FLAG_STATIC);
  code.if(i32.and(i32.and(i32.eq(opcode, CALL), isPaid), i32.ne(isStatic, 0)), () => code.return(WRITE_PROTECTION));
  for (const range of [INPUT_RANGE, OUTPUT_RANGE]) {
    const offset = loadSaturated(code, call.ranges, range + WORD);
    const size = loadSaturated(code, call.ranges, range);
    code.set(gas, core.call64(code, "expand", frame, gas, offset, size));
    code.if(i64.ltS(gas, 0), () => code.return(i32.wrap(i64.sub(0, gas))));
  }
  code.set(target, accountAt(core, code, code.i32(i32.sub(call.top, 2 * WORD)), 0));
  charge(call, core.call64(code, "coldAccountGas", target));
  code.if(isPaid, () => charge(call, prices.callValue));
  core.call(code, "ensureLoaded", target);
  code.if(i32.eq(opcode, CALL), () => {
    const isNew = removesEmptyAccounts
      ? i32.and(isPaid, core.call32(code, "isEmpty", target))
      : i32.eqz(accountFlag(target, ACCOUNT_FLAG_EXISTS));
    code.if(isNew, () => charge(call, prices.newAccount));
  });
  core.call(code, "ensureCode", target);
  code.set(call.codeAccount, target);
  if (core.rules.hasDelegation) emitDelegation(call);
}

function emitDelegation(call: Call): void {
  const { core, code, target, codeAccount } = call;
  code.if(accountFlag(target, ACCOUNT_FLAG_DELEGATED), () => {
    code.set(codeAccount, accountAt(core, code, target, ACCOUNT.delegate));
    charge(call, core.rules.gas.call);
    charge(call, core.call64(code, "coldAccountGas", codeAccount));
    core.call(code, "ensureLoaded", codeAccount);
    core.call(code, "ensureCode", codeAccount);
  });
}

function charge({ code, gas }: Call, cost: Parameters<typeof i64.sub>[1]): void {
  code.set(gas, i64.sub(gas, cost));
  code.if(i64.ltS(gas, 0), () => code.return(OUT_OF_GAS));
}

function emitCalleeGas({ core, code, frame, top, gas, isPaid, ranges, calleeGas }: Call): void {
  const requested = loadSaturated(code, i32.sub(top, WORD), 0);
  if (core.rules.keepsSixtyFourth) {
    code.set(calleeGas, i64.sub(gas, i64.shrU(gas, 6)));
    code.if(i64.ltU(requested, calleeGas), () => code.set(calleeGas, requested));
  } else {
    code.if(i64.gtU(requested, gas), () => code.return(OUT_OF_GAS));
    code.set(calleeGas, requested);
  }
  code.set(gas, i64.sub(gas, calleeGas));
  code.if(isPaid, () => code.set(calleeGas, i64.add(calleeGas, core.rules.gas.callStipend)));
  code.store64(frame, FRAME.gas, gas);
  code.store32(frame, FRAME.stackTop, ranges);
  core.setField(code, CONTEXT.returnDataSize, 0);
  code.if(core.field(CONTEXT.failure), () => code.return(core.field(CONTEXT.failure)));
}

/** Calls that are not made: nothing is used up, and the caller sees a failure. */
function emitRefusals(call: Call): void {
  const { core, code, frame, value, isPaid } = call;
  const isTooDeep = i32.geU(core.field(CONTEXT.depth), CALL_DEPTH_MAX);
  code.if(isTooDeep, () => endWithoutFrame(call, 0));
  code.if(isPaid, () => {
    const balance = i32.add(i32.load(frame, FRAME.account), ACCOUNT.balance);
    code.if(core.call32(code, "isBelow", balance, value), () => endWithoutFrame(call, 0));
  });
}

function endWithoutFrame({ core, code, frame, gas, calleeGas }: Call, success: number): void {
  code.store64(frame, FRAME.gas, i64.add(gas, calleeGas));
  core.call(code, "pushSmall", frame, success);
  code.return(CONTINUE);
}

/** Fills the record above the frame; it is used by precompiles too, for where their output goes. */
function emitChild(call: Call): void {
  const { core, code, frame, opcode, value, ranges, target, calleeGas } = call;
  const child = code.i32(i32.add(frame, FRAME_SIZE_BYTES));
  core.call(code, "mark", child);
  const memory = code.i32(i32.load(frame, FRAME.memory));
  const range = (index: number) => {
    const size = code.i32(i32.load(ranges, index));
    // Where nothing is read or written, the offset may be anything.
    const offset = code.i32(i32.select(size, i32.load(ranges, index + WORD), 0));
    return { offset, size };
  };
  const input = range(INPUT_RANGE);
  const output = range(OUTPUT_RANGE);
  code.store32(child, FRAME.input, i32.add(memory, input.offset));
  code.store32(child, FRAME.inputSize, input.size);
  code.store32(child, FRAME.returnOffset, output.offset);
  code.store32(child, FRAME.returnSize, output.size);
  code.store64(child, FRAME.gas, calleeGas);
  code.store32(child, FRAME.kind, opcode);
  code.store32(child, FRAME.stack, i32.load(frame, FRAME.stackTop));
  const flags = i32.and(i32.load(frame, FRAME.flags), FRAME_FLAG_STATIC);
  code.store32(child, FRAME.flags, i32.or(flags, i32.select(i32.eq(opcode, STATICCALL), FRAME_FLAG_STATIC, 0)));
  copyWord(code, { address: child, offset: FRAME.value }, { address: value, offset: 0 });
  const isOwn = code.i32(i32.or(i32.eq(opcode, CALL), i32.eq(opcode, STATICCALL)));
  const account = code.i32(i32.select(isOwn, target, i32.load(frame, FRAME.account)));
  code.store32(child, FRAME.account, account);
  copyWord(code, { address: child, offset: FRAME.address }, { address: account, offset: ACCOUNT.address });
  const caller = code.i32(i32.add(frame, i32.select(i32.eq(opcode, DELEGATECALL), FRAME.caller, FRAME.address)));
  copyWord(code, { address: child, offset: FRAME.caller }, { address: caller, offset: 0 });
  code.if(
    i32.eq(opcode, CALL),
    () => core.call(code, "transfer", i32.load(frame, FRAME.account), target, i32.add(child, FRAME.value)),
    () => code.if(i32.eq(opcode, STATICCALL), () => core.call(code, "touch", target)),
  );
}

function emitPrecompile(call: Call): void {
  const { core, code, frame, gas, target, calleeGas } = call;
  const [low, middle, high] = loadLimbs(code, target, ACCOUNT.address);
  const number = code.i32(core.call32(code, "precompileAt", low, middle, high));
  code.if(number, () => {
    const child = code.i32(i32.add(frame, FRAME_SIZE_BYTES));
    const left = code.i64();
    const input = i32.load(child, FRAME.input);
    code.set(left, core.call64(code, "runPrecompile", number, input, i32.load(child, FRAME.inputSize), calleeGas));
    code.if(i64.ltS(left, 0), () => {
      const status = code.i32(i32.wrap(i64.sub(0, left)));
      code.if(i32.or(i32.eq(status, EXHAUSTED), i32.eq(status, FAILED)), () => code.return(status));
      core.call(code, "rollBack", child);
      core.setField(code, CONTEXT.returnDataSize, 0);
      core.call(code, "pushSmall", frame, 0);
      code.return(CONTINUE);
    });
    core.call(code, "deliverReturnData", child);
    code.set(calleeGas, left);
    code.store64(frame, FRAME.gas, i64.add(gas, calleeGas));
    core.call(code, "pushSmall", frame, 1);
    code.return(CONTINUE);
  });
}

function emitEntry(call: Call): void {
  const { core, code, frame, codeAccount } = call;
  code.if(i32.eqz(i32.load(codeAccount, ACCOUNT.codeSize)), () => endWithoutFrame(call, 1));
  const child = code.i32(i32.add(frame, FRAME_SIZE_BYTES));
  core.setField(code, CONTEXT.depth, i32.add(core.field(CONTEXT.depth), 1));
  core.call(code, "enterCode", child, codeAccount, memoryAbove(frame));
  code.return(SWITCHED);
}
