// What a frame did to the world, so that it can be undone: one entry for each write, with what was there before. Flags are only
// ever raised, so their entries hold the bits that were new.

import {
  ACCOUNT,
  CONTEXT,
  FRAME,
  JOURNAL,
  JOURNAL_CODE,
  JOURNAL_FLAGS,
  JOURNAL_SIZE_BYTES,
  JOURNAL_SMALL,
  JOURNAL_WORD,
} from "#formats/memory/evm-arena.ts";
import { type Code, i32, i64, type Operand32, type Operand64, type Var } from "#wasm/code.ts";
import type { Core } from "./core.ts";
import { EXHAUSTED } from "./status.ts";
import { copyWord } from "./word-memory.ts";

/** Defines the functions of this subject. */
export function defineJournal(core: Core): void {
  core.define("raise", (code) => {
    const address = code.param(0, "i32");
    const bits = code.param(1, "i32");
    const flags = code.i32(i32.load(address));
    const raised = code.i32(i32.and(bits, i32.xor(flags, -1)));
    code.if(raised, () => {
      appendEntry(core, code, { kind: JOURNAL_FLAGS, target: address, small: i64.extend(raised), word: null });
      code.store32(address, 0, i32.or(flags, raised));
    });
  });
  core.define("keepWord", (code) => {
    const address = code.param(0, "i32");
    appendEntry(core, code, { kind: JOURNAL_WORD, target: address, small: 0, word: { address, offset: 0 } });
  });
  core.define("keepSmall", (code) => {
    const address = code.param(0, "i32");
    appendEntry(core, code, { kind: JOURNAL_SMALL, target: address, small: i64.load(address), word: null });
  });
  core.define("undo", (code) => emitUndo(core, code));
  core.define("mark", (code) => {
    const frame = code.param(0, "i32");
    code.store32(frame, FRAME.journalMark, core.field(CONTEXT.journalEnd));
    code.store32(frame, FRAME.logsMark, core.field(CONTEXT.logsEnd));
    code.store32(frame, FRAME.logCountMark, core.field(CONTEXT.logCount));
    code.store64(frame, FRAME.refundMark, core.field64(CONTEXT.refund));
  });
  core.define("rollBack", (code) => {
    const frame = code.param(0, "i32");
    core.call(code, "undo", i32.load(frame, FRAME.journalMark));
    core.setField(code, CONTEXT.logsEnd, i32.load(frame, FRAME.logsMark));
    core.setField(code, CONTEXT.logCount, i32.load(frame, FRAME.logCountMark));
    core.setField64(code, CONTEXT.refund, i64.load(frame, FRAME.refundMark));
  });
}

/** Appends an entry. When the journal is full the run is lost, and the entry with it. */
export function appendEntry(
  core: Core,
  code: Code,
  entry: {
    kind: number;
    target: Var<"i32">;
    small: Operand64;
    word: { address: Operand32; offset: number } | null;
  },
): void {
  code.scope(() => {
    const at = code.i32(core.field(CONTEXT.journalEnd));
    const end = code.i32(i32.add(at, JOURNAL_SIZE_BYTES));
    code.if(
      i32.gtU(end, core.field(CONTEXT.journalCapacityEnd)),
      () => core.fail(code, EXHAUSTED),
      () => {
        core.setField(code, CONTEXT.journalEnd, end);
        code.store32(at, JOURNAL.kind, entry.kind);
        code.store32(at, JOURNAL.target, entry.target);
        code.store64(at, JOURNAL.small, entry.small);
        if (entry.word !== null) copyWord(code, { address: at, offset: JOURNAL.word }, entry.word);
      },
    );
  });
}

function emitUndo(core: Core, code: Code): void {
  const mark = code.param(0, "i32");
  const at = code.i32(core.field(CONTEXT.journalEnd));
  const kind = code.i32();
  const target = code.i32();
  code.while(i32.gtU(at, mark), () => {
    code.set(at, i32.sub(at, JOURNAL_SIZE_BYTES));
    code.set(kind, i32.load(at, JOURNAL.kind));
    code.set(target, i32.load(at, JOURNAL.target));
    const small = i64.load(at, JOURNAL.small);
    code.if(i32.eq(kind, JOURNAL_FLAGS), () => {
      code.store32(target, 0, i32.and(i32.load(target), i32.xor(i32.wrap(small), -1)));
    });
    code.if(i32.eq(kind, JOURNAL_WORD), () => {
      copyWord(code, { address: target, offset: 0 }, { address: at, offset: JOURNAL.word });
    });
    code.if(i32.eq(kind, JOURNAL_SMALL), () => code.store64(target, 0, small));
    code.if(i32.eq(kind, JOURNAL_CODE), () => {
      copyWord(code, { address: target, offset: ACCOUNT.codeHash }, { address: at, offset: JOURNAL.word });
      code.store32(target, ACCOUNT.codeEntry, 0);
      code.store32(target, ACCOUNT.codeSize, 0);
    });
  });
  core.setField(code, CONTEXT.journalEnd, mark);
}
