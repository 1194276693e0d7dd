// The driver: enters the first frame of a transaction, and runs whichever frame is on top by compiled code or by the
// interpreter until the first one has ended. No frame is a native call, so depth costs no native stack.

import { ACCOUNT, ACCOUNT_FLAG_DELEGATED, ACCOUNT_FLAG_WARM, CONTEXT, FRAME } from "#formats/memory/evm-arena.ts";
import { type Code, i32, i64, type Var } from "#wasm/code.ts";
import type { FunctionIndex, Label } from "#wasm/function-emitter.ts";
import { loadLimbs } from "../words/memory.ts";
import { accountAt } from "./access.ts";
import type { Core } from "./core.ts";
import { COLLISION, INSUFFICIENT_BALANCE, RETURNED, SWITCHED, TO_ENTRY, TO_INTERPRETER } from "./status.ts";
import { accountFlag } from "./world.ts";

/** Defines the functions of this subject. @param interpret (frame) → status */
export function defineDriver(core: Core, interpret: FunctionIndex): void {
  core.define("start", (code) => emitStart(core, code));
  core.define("run", (code) => emitRun(core, code, interpret));
  core.define("execute", (code) => {
    const status = code.i32(core.call32(code, "start", code.param(0, "i32")));
    code.if(i32.eq(status, SWITCHED), () => code.return(core.call32(code, "run")));
    code.return(status);
  });
  core.define("poll", (code) => {
    code.if(core.call32(code, "hostPoll"), () => code.return(-1n));
    const floor = code.i64(i64.sub(code.param(1, "i64"), core.field64(CONTEXT.pollInterval)));
    code.if(i64.ltS(floor, 0), () => code.set(floor, 0));
    code.store64(code.param(0, "i32"), FRAME.floor, floor);
    code.return(floor);
  });
}

// The JavaScript side has written caller, address, value, gas, input, stack and memory of the first frame.
function emitStart(core: Core, code: Code): void {
  const isCreation = code.param(0, "i32");
  const frame = code.i32(core.field(CONTEXT.frame));
  const caller = code.i32(accountAt(core, code, frame, FRAME.caller));
  core.call(code, "ensureLoaded", caller);
  const value = i32.add(frame, FRAME.value);
  core.call(code, "mark", frame);
  code.if(core.call32(code, "isBelow", i32.add(caller, ACCOUNT.balance), value), () => {
    endAtOnce(core, code, frame, INSUFFICIENT_BALANCE);
  });
  code.if(
    isCreation,
    () => emitStartCreation(core, code, frame, caller),
    () => emitStartCall(core, code, frame, caller),
  );
  code.if(core.field(CONTEXT.failure), () => code.return(core.field(CONTEXT.failure)));
  code.return(SWITCHED);
}

function emitStartCreation(core: Core, code: Code, frame: Var<"i32">, caller: Var<"i32">): void {
  // The caller's nonce is raised already.
  core.call(code, "createAddress", frame, i64.sub(i64.load(caller, ACCOUNT.nonce), 1));
  const isTaken = code.i32(core.call32(code, "claimAddress", frame));
  code.if(isTaken, () => endAtOnce(core, code, frame, COLLISION));
  const [input, size] = [code.i32(i32.load(frame, FRAME.input)), code.i32(i32.load(frame, FRAME.inputSize))];
  core.call(code, "enterCreation", frame, caller, i32.load(frame, FRAME.memory), input, size);
}

function emitStartCall(core: Core, code: Code, frame: Var<"i32">, caller: Var<"i32">): void {
  const target = code.i32(accountAt(core, code, frame, FRAME.address));
  code.store32(frame, FRAME.account, target);
  core.call(code, "ensureLoaded", target);
  core.call(code, "transfer", caller, target, i32.add(frame, FRAME.value));
  const [low, middle, high] = loadLimbs(code, target, ACCOUNT.address);
  const number = code.i32(core.call32(code, "precompileAt", low, middle, high));
  code.if(number, () => emitStartPrecompile(core, code, frame, number));
  core.call(code, "ensureCode", target);
  const codeAccount = code.i32(target);
  if (core.rules.hasDelegation) {
    code.if(accountFlag(target, ACCOUNT_FLAG_DELEGATED), () => {
      code.set(codeAccount, accountAt(core, code, target, ACCOUNT.delegate));
      core.call(code, "raise", i32.add(codeAccount, ACCOUNT.flags), ACCOUNT_FLAG_WARM);
      core.call(code, "ensureLoaded", codeAccount);
      core.call(code, "ensureCode", codeAccount);
    });
  }
  code.if(i32.eqz(i32.load(codeAccount, ACCOUNT.codeSize)), () => endAtOnce(core, code, frame, RETURNED));
  core.call(code, "enterCode", frame, codeAccount, i32.load(frame, FRAME.memory));
}

function emitStartPrecompile(core: Core, code: Code, frame: Var<"i32">, number: Var<"i32">): void {
  const gas = i64.load(frame, FRAME.gas);
  const left = code.i64(
    core.call64(code, "runPrecompile", number, i32.load(frame, FRAME.input), i32.load(frame, FRAME.inputSize), gas),
  );
  code.if(i64.ltS(left, 0), () => {
    const status = code.i32(i32.wrap(i64.sub(0, left)));
    core.call(code, "rollBack", frame);
    code.store64(frame, FRAME.gas, 0);
    endAtOnce(core, code, frame, status);
  });
  code.store64(frame, FRAME.gas, left);
  code.store32(frame, FRAME.output, core.field(CONTEXT.returnData));
  code.store32(frame, FRAME.outputSize, core.field(CONTEXT.returnDataSize));
  endAtOnce(core, code, frame, RETURNED, false);
}

/** Ends the run before any code ran. */
function endAtOnce(
  core: Core,
  code: Code,
  frame: Var<"i32">,
  status: number | Var<"i32">,
  isWithoutOutput = true,
): void {
  if (isWithoutOutput) code.store32(frame, FRAME.outputSize, 0);
  if (status === COLLISION || status === INSUFFICIENT_BALANCE) code.store64(frame, FRAME.gas, 0);
  code.if(core.field(CONTEXT.failure), () => code.return(core.field(CONTEXT.failure)));
  code.return(status);
}

function emitRun(core: Core, code: Code, interpret: FunctionIndex): void {
  const frame = code.i32();
  const status = code.i32();
  const entry = code.i32();
  const type = core.module.type({ params: ["i32"], results: ["i32"] });
  code.f.loop((again) => {
    code.set(frame, core.field(CONTEXT.frame));
    code.set(entry, i32.load(frame, FRAME.entry));
    code.if(
      entry,
      () => {
        code.push("i32", frame);
        code.push("i32", entry);
        code.f.callIndirect(type, core.table);
        code.f.set(status.local);
      },
      () => code.set(status, code.call32(interpret, frame)),
    );
    code.if(core.field(CONTEXT.failure), () => code.return(core.field(CONTEXT.failure)));
    emitNext(core, code, { frame, status, again });
  });
  code.return(status);
}

function emitNext(core: Core, code: Code, at: { frame: Var<"i32">; status: Var<"i32">; again: Label }): void {
  const { frame, status, again } = at;
  code.if(i32.eq(status, TO_INTERPRETER), () => {
    code.store32(frame, FRAME.entry, 0);
    code.f.br(again);
  });
  code.brIf(i32.or(i32.leU(status, SWITCHED), i32.eq(status, TO_ENTRY)), again);
  // Aborted, exhausted or failed: the whole run ends.
  code.if(i32.ltU(status, RETURNED), () => code.return(status));
  const depth = code.i32(core.field(CONTEXT.depth));
  code.set(status, core.call32(code, "finish", frame, status));
  code.if(core.field(CONTEXT.failure), () => code.return(core.field(CONTEXT.failure)));
  code.brIf(depth, again);
}
