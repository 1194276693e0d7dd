// Logs of the transaction, one behind the other in a region; a frame that reverts takes its logs back.

import { CONTEXT, FRAME, LOG, WORD_SIZE_BYTES } from "#formats/memory/evm-arena.ts";
import { type Code, i32, i64, type Var } from "#wasm/code.ts";
import type { Core } from "./core.ts";
import { charge, expandOrReturn } from "./evm-memory.ts";
import { EXHAUSTED } from "./status.ts";
import { returnIfStatic } from "./storage.ts";
import { copyReversed, copyWord, returnHalt } from "./word-memory.ts";

/** Defines the link of this subject. */
export function defineLogs(core: Core): void {
  core.define("log", (code) => emitLog(core, code));
}

function emitLog(core: Core, code: Code): void {
  const frame = code.param(0, "i32");
  const gas = code.param(1, "i64");
  const offset = code.param(2, "i64");
  const size = code.param(3, "i64");
  const topicCount = code.param(4, "i32");
  returnIfStatic(code, frame);
  // A size that overflows here has no payable memory either.
  expandOrReturn(core, code, { frame, gas, offset, size });
  charge(code, gas, i64.mul(size, core.rules.gas.logByte));
  const at = code.i32(core.field(CONTEXT.logsEnd));
  const dataAt = code.i32(i32.add(i32.add(at, LOG.topics), i32.shl(topicCount, 5)));
  const end = code.i32(logEnd(dataAt, i32.wrap(size)));
  code.if(i32.gtU(end, core.field(CONTEXT.logsCapacityEnd)), () => {
    core.fail(code, EXHAUSTED);
    returnHalt(code, EXHAUSTED);
  });
  copyWord(code, { address: at, offset: LOG.address }, { address: frame, offset: FRAME.address });
  code.store32(at, LOG.topicCount, topicCount);
  code.store32(at, LOG.dataSize, i32.wrap(size));
  emitTopics(core, code, at, topicCount);
  code.if(i64.ne(size, 0), () => {
    code.copy(dataAt, i32.add(i32.load(frame, FRAME.memory), i32.wrap(offset)), i32.wrap(size));
  });
  core.setField(code, CONTEXT.logsEnd, end);
  core.setField(code, CONTEXT.logCount, i32.add(core.field(CONTEXT.logCount), 1));
  code.return(gas);
}

/** Records begin at multiples of 8. */
function logEnd(dataAt: Var<"i32">, size: ReturnType<typeof i32.wrap>) {
  return i32.and(i32.add(i32.add(dataAt, size), 7), -8);
}

function emitTopics(core: Core, code: Code, at: Var<"i32">, topicCount: Var<"i32">): void {
  const rest = code.i32(topicCount);
  const from = code.i32(i32.add(core.context(), CONTEXT.logTopics));
  const to = code.i32(i32.add(at, LOG.topics));
  code.while(rest, () => {
    copyReversed(code, { address: to, offset: 0 }, { address: from, offset: 0 });
    code.set(from, i32.add(from, WORD_SIZE_BYTES));
    code.set(to, i32.add(to, WORD_SIZE_BYTES));
    code.set(rest, i32.sub(rest, 1));
  });
}
