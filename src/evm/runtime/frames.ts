// Frames: how one is entered over a prepared record, and how its end reaches the frame below. The frame that is prepared lies
// right above the running one; nothing of it counts before `CONTEXT.frame` names it.

import {
  ACCOUNT,
  ACCOUNT_FLAG_CREATED,
  ACCOUNT_FLAG_DIRTY,
  ACCOUNT_FLAG_EXISTS,
  CODE_ENTRY,
  CONTEXT,
  FRAME,
  FRAME_FLAG_CREATE,
  FRAME_SIZE_BYTES,
  WORD_SIZE_BYTES,
} from "#formats/memory/evm-arena.ts";
import { type Code, i32, i64, type Operand32, type Var } from "#wasm/code.ts";
import { STACK_WORD_COUNT_MAX } from "../gas/rules.ts";
import { storeLimbs } from "../words/memory.ts";
import { paddedCodeSize } from "./code-region.ts";
import type { Core } from "./core.ts";
import { EXHAUSTED, RETURNED, REVERTED } from "./status.ts";
import { alignWord, copyWord } from "./word-memory.ts";

/** Defines the functions of this subject. */
export function defineFrames(core: Core): void {
  core.define("enterCode", (code) => emitEnterCode(core, code));
  core.define("enterCreation", (code) => emitEnterCreation(core, code));
  core.define("pushSmall", (code) => {
    const frame = code.param(0, "i32");
    const top = code.i32(i32.load(frame, FRAME.stackTop));
    storeLimbs(code, top, 0, [code.i64(i64.extend(code.param(1, "i32"))), 0n, 0n, 0n]);
    code.store32(frame, FRAME.stackTop, i32.add(top, WORD_SIZE_BYTES));
  });
  core.define("finish", (code) => emitFinish(core, code));
}

/** Where the memory of the frame above `frame` may begin. */
export function memoryAbove(frame: Var<"i32">) {
  return alignWord(i32.add(i32.load(frame, FRAME.memory), i32.load(frame, FRAME.memorySize)));
}

function emitEnterCode(core: Core, code: Code): void {
  const frame = code.param(0, "i32");
  const account = code.param(1, "i32");
  const memory = code.param(2, "i32");
  const entry = code.i32(i32.load(account, ACCOUNT.codeEntry));
  code.store32(frame, FRAME.codeSize, i32.load(account, ACCOUNT.codeSize));
  code.if(
    entry,
    () => {
      code.store32(frame, FRAME.code, i32.load(entry, CODE_ENTRY.code));
      code.store32(frame, FRAME.codeMap, i32.load(entry, CODE_ENTRY.map));
      code.store32(frame, FRAME.codeEntry, entry);
      code.store32(frame, FRAME.entry, i32.load(entry, CODE_ENTRY.entry));
    },
    () => emitOwnCode(core, code, { frame, memory, copy: (bytes) => core.call(code, "placeCode", account, bytes) }),
  );
  emitEnter(core, code, frame, memory);
}

/**
 * Gives a frame code of its own, with padding and map, at `memory`, which then begins behind it. `FRAME.codeSize` is set.
 * @param at.copy emits how the bytes come to an address
 */
function emitOwnCode(
  core: Core,
  code: Code,
  at: { frame: Var<"i32">; memory: Var<"i32">; copy: (bytes: Var<"i32">) => void },
): void {
  const { frame, memory } = at;
  const size = code.i32(i32.load(frame, FRAME.codeSize));
  const bytes = code.i32(memory);
  const map = code.i32(i32.add(bytes, paddedCodeSize(size)));
  code.set(memory, alignWord(i32.add(map, paddedCodeSize(size))));
  code.if(
    i32.gtU(memory, core.field(CONTEXT.memoriesEnd)),
    () => core.fail(code, EXHAUSTED),
    () => {
      at.copy(bytes);
      const end = i32.add(bytes, size);
      code.fill(end, 0, i32.sub(memory, end));
      core.call(code, "analyze", bytes, size, map);
    },
  );
  code.store32(frame, FRAME.code, bytes);
  code.store32(frame, FRAME.codeMap, map);
  code.store32(frame, FRAME.codeEntry, 0);
  code.store32(frame, FRAME.entry, 0);
}

// What is the same for every frame. Its stack begins where that of the frame below ends.
function emitEnter(core: Core, code: Code, frame: Var<"i32">, memory: Operand32): void {
  code.store32(frame, FRAME.memory, memory);
  for (const field of [FRAME.memorySize, FRAME.pc, FRAME.block, FRAME.output, FRAME.outputSize]) {
    code.store32(frame, field, 0);
  }
  code.store32(frame, FRAME.stackTop, i32.load(frame, FRAME.stack));
  const gas = i64.load(frame, FRAME.gas);
  code.store64(frame, FRAME.gasStart, gas);
  const interval = code.i64(core.field64(CONTEXT.pollInterval));
  const floor = code.i64(i64.sub(gas, interval));
  code.store64(frame, FRAME.floor, i64.select(i32.or(i64.eqz(interval), i64.ltS(floor, 0)), 0, floor));
  const stackEnd = i32.add(i32.load(frame, FRAME.stack), STACK_WORD_COUNT_MAX * WORD_SIZE_BYTES);
  const isFull = i32.or(
    i32.gtU(stackEnd, core.field(CONTEXT.stacksEnd)),
    i32.gtU(memory, core.field(CONTEXT.memoriesEnd)),
  );
  code.if(isFull, () => core.fail(code, EXHAUSTED));
  core.setField(code, CONTEXT.returnDataSize, 0);
  core.setField(code, CONTEXT.frame, frame);
}

function emitEnterCreation(core: Core, code: Code): void {
  const frame = code.param(0, "i32");
  const creator = code.param(1, "i32");
  const from = code.param(3, "i32");
  const size = code.param(4, "i32");
  const account = code.i32(i32.load(frame, FRAME.account));
  core.call(code, "mark", frame);
  core.call(
    code,
    "raise",
    i32.add(account, ACCOUNT.flags),
    ACCOUNT_FLAG_EXISTS | ACCOUNT_FLAG_CREATED | ACCOUNT_FLAG_DIRTY,
  );
  if (core.rules.contractNonce > 0) {
    core.call(code, "keepSmall", i32.add(account, ACCOUNT.nonce));
    code.store64(account, ACCOUNT.nonce, core.rules.contractNonce);
  }
  core.call(code, "transfer", creator, account, i32.add(frame, FRAME.value));
  const memory = code.param(2, "i32");
  code.store32(frame, FRAME.codeSize, size);
  emitOwnCode(core, code, { frame, memory, copy: (bytes) => code.copy(bytes, from, size) });
  code.store32(frame, FRAME.flags, FRAME_FLAG_CREATE);
  code.store32(frame, FRAME.inputSize, 0);
  code.store32(frame, FRAME.returnSize, 0);
  emitEnter(core, code, frame, memory);
}

// The result of the first frame stays in its record: gas left, output.
function emitFinish(core: Core, code: Code): void {
  const frame = code.param(0, "i32");
  const status = code.param(1, "i32");
  const isCreation = code.i32(i32.and(i32.load(frame, FRAME.flags), FRAME_FLAG_CREATE));
  code.if(i32.and(i32.eq(status, RETURNED), i32.ne(isCreation, 0)), () => {
    code.set(status, core.call32(code, "deposit", frame));
  });
  code.if(i32.ne(status, RETURNED), () => core.call(code, "rollBack", frame));
  code.if(i32.gtU(status, REVERTED), () => {
    code.store64(frame, FRAME.gas, 0);
    code.store32(frame, FRAME.outputSize, 0);
  });
  code.if(i32.eqz(core.field(CONTEXT.depth)), () => code.return(status));
  const below = code.i32(i32.sub(frame, FRAME_SIZE_BYTES));
  core.setField(code, CONTEXT.depth, i32.sub(core.field(CONTEXT.depth), 1));
  core.setField(code, CONTEXT.frame, below);
  code.store64(below, FRAME.gas, i64.add(i64.load(below, FRAME.gas), i64.load(frame, FRAME.gas)));
  core.setField(code, CONTEXT.returnDataSize, 0);
  // A creation that succeeded gives no data back, only its address.
  code.if(
    i32.and(i32.ne(isCreation, 0), i32.eq(status, RETURNED)),
    () => {
      const top = code.i32(i32.load(below, FRAME.stackTop));
      copyWord(code, { address: top, offset: 0 }, { address: frame, offset: FRAME.address });
      code.store32(below, FRAME.stackTop, i32.add(top, WORD_SIZE_BYTES));
    },
    () => {
      code.if(i32.load(frame, FRAME.outputSize), () => {
        const output = core.call32(
          code,
          "setReturnData",
          i32.load(frame, FRAME.output),
          i32.load(frame, FRAME.outputSize),
        );
        code.if(output, () => core.call(code, "deliverReturnData", frame));
      });
      core.call(code, "pushSmall", below, i32.eq(status, RETURNED));
    },
  );
  code.return(status);
}
