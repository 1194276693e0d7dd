// Persistent and transient storage. What a write costs depends on the fork: by the current value alone, net of what the slot
// held when the transaction began, and with warm and cold slots.
// @see yellow paper, EIP-1283, EIP-2200, EIP-2929, EIP-1153

import {
  CONTEXT,
  FRAME,
  FRAME_FLAG_STATIC,
  JOURNAL,
  JOURNAL_WORD,
  SLOT,
  SLOT_FLAG_DIRTY,
  SLOT_FLAG_LOADED,
  SLOT_FLAG_TRANSIENT,
  SLOT_FLAG_WARM,
} from "#formats/memory/evm-arena.ts";
import { type Code, i32, i64, type Operand64, type Value, type Var } from "#wasm/code.ts";
import { loadLimbs, storeLimbs } from "../words/memory.ts";
import type { Word } from "../words/word.ts";
import { returnOnFailure } from "./accounts.ts";
import type { Core } from "./core.ts";
import { charge } from "./evm-memory.ts";
import { OUT_OF_GAS, WRITE_PROTECTION } from "./status.ts";
import { returnHalt, wordBits, wordParam } from "./word-memory.ts";

/** Defines the links of this subject. */
export function defineStorage(core: Core): void {
  core.define("sload", (code) => {
    const frame = code.param(0, "i32");
    const gas = code.param(1, "i64");
    const slot = emitSlot(core, code, frame, wordParam(code, 2));
    emitColdSlot(core, code, { slot, gas, cost: core.rules.gas.coldSload - core.rules.gas.sload, zeroCount: 4 });
    emitEnsureSlot(core, code, slot, 4);
    code.return(gas, ...loadLimbs(code, slot, SLOT.value));
  });
  core.define("sstore", (code) => emitSstore(core, code));
  core.define("tload", (code) => {
    const account = i32.load(code.param(0, "i32"), FRAME.account);
    const slot = code.i32(core.call32(code, "slotOf", account, SLOT_FLAG_TRANSIENT, ...wordParam(code, 1), 0));
    code.if(i32.eqz(slot), () => code.return(0n, 0n, 0n, 0n));
    code.return(...loadLimbs(code, slot, SLOT.value));
  });
  core.define("tstore", (code) => {
    const frame = code.param(0, "i32");
    returnIfStatic(code, frame);
    const account = i32.load(frame, FRAME.account);
    const slot = code.i32(core.call32(code, "slotOf", account, SLOT_FLAG_TRANSIENT, ...wordParam(code, 2), 1));
    core.call(code, "keepWord", i32.add(slot, SLOT.value));
    storeLimbs(code, slot, SLOT.value, wordParam(code, 6));
    returnOnFailure(core, code, 0);
    code.return(code.param(1, "i64"));
  });
}

/** Leaves a function when its frame must not write. */
export function returnIfStatic(code: Code, frame: Var<"i32">): void {
  code.if(i32.and(i32.load(frame, FRAME.flags), FRAME_FLAG_STATIC), () => returnHalt(code, WRITE_PROTECTION));
}

/** The slot of the running account; most often it is the one that was used last. */
function emitSlot(core: Core, code: Code, frame: Var<"i32">, key: Word): Var<"i32"> {
  const account = code.i32(i32.load(frame, FRAME.account));
  const slot = code.i32(core.field(CONTEXT.lastSlot));
  const isAnother = i32.or(i32.ne(i32.load(slot, SLOT.account), account), isDifferent(slot, SLOT.key, key));
  code.if(i32.or(i32.eqz(slot), isAnother), () => {
    code.set(slot, core.call32(code, "slotOf", account, 0, ...key, 1));
    core.setField(code, CONTEXT.lastSlot, slot);
  });
  return slot;
}

function emitColdSlot(
  core: Core,
  code: Code,
  at: { slot: Var<"i32">; gas: Var<"i64">; cost: number; zeroCount: number },
): void {
  if (!core.rules.hasAccessLists) return;
  code.if(i32.eqz(i32.and(i32.load(at.slot, SLOT.flags), SLOT_FLAG_WARM)), () => {
    core.call(code, "raise", i32.add(at.slot, SLOT.flags), SLOT_FLAG_WARM);
    charge(code, at.gas, at.cost, at.zeroCount);
  });
}

function emitEnsureSlot(core: Core, code: Code, slot: Var<"i32">, zeroCount: number): void {
  const flags = i32.load(slot, SLOT.flags);
  code.if(i32.eqz(i32.and(flags, SLOT_FLAG_LOADED)), () => {
    code.store32(slot, SLOT.flags, i32.or(flags, SLOT_FLAG_LOADED));
    core.call(code, "loadSlot", slot);
    returnOnFailure(core, code, zeroCount);
  });
}

function emitSstore(core: Core, code: Code): void {
  const { sstore, sstoreSentry, gas: prices } = core.rules;
  const frame = code.param(0, "i32");
  const gas = code.param(1, "i64");
  const value = wordParam(code, 6);
  returnIfStatic(code, frame);
  if (sstoreSentry > 0) code.if(i64.leS(gas, sstoreSentry), () => returnHalt(code, OUT_OF_GAS));
  const slot = emitSlot(core, code, frame, wordParam(code, 2));
  emitColdSlot(core, code, { slot, gas, cost: prices.coldSload, zeroCount: 0 });
  emitEnsureSlot(core, code, slot, 0);
  if (sstore === "legacy") emitLegacyPrice(core, code, { slot, gas, value });
  else emitNetPrice(core, code, { slot, gas, value });
  code.if(isDifferent(slot, SLOT.value, value), () => {
    code.if(i32.eqz(i32.and(i32.load(slot, SLOT.flags), SLOT_FLAG_DIRTY)), () => {
      core.call(code, "raise", i32.add(slot, SLOT.flags), SLOT_FLAG_DIRTY);
    });
    emitKeepValue(core, code, frame, slot);
    storeLimbs(code, slot, SLOT.value, value);
  });
  returnOnFailure(core, code, 0);
  code.return(gas);
}

/** Remembers a slot's value, unless an entry since the frame began has it: undone back to front, the older one counts. */
function emitKeepValue(core: Core, code: Code, frame: Var<"i32">, slot: Var<"i32">): void {
  const value = code.i32(i32.add(slot, SLOT.value));
  const entry = code.i32(i32.load(slot, SLOT.journaledAt));
  const end = code.i32(core.field(CONTEXT.journalEnd));
  const isOfFrame = i32.and(i32.geU(entry, i32.load(frame, FRAME.journalMark)), i32.ltU(entry, end));
  const isOfSlot = i32.and(
    i32.eq(i32.load(entry, JOURNAL.target), value),
    i32.eq(i32.load(entry, JOURNAL.kind), JOURNAL_WORD),
  );
  code.if(i32.eqz(i32.and(isOfFrame, isOfSlot)), () => {
    code.store32(slot, SLOT.journaledAt, end);
    core.call(code, "keepWord", value);
  });
}

type Write = { slot: Var<"i32">; gas: Var<"i64">; value: Word };

function emitLegacyPrice(core: Core, code: Code, { slot, gas, value }: Write): void {
  const { sstoreSet, sstoreReset, sstoreClearRefund } = core.rules.gas;
  const wasSet = code.i32(i64.ne(wordBits(slot, SLOT.value), 0));
  const isSet = code.i32(i64.ne(bitsOf(value), 0));
  charge(code, gas, i64.select(i32.and(i32.eqz(wasSet), isSet), sstoreSet, sstoreReset));
  code.if(i32.and(wasSet, i32.eqz(isSet)), () => addRefund(core, code, sstoreClearRefund));
}

function emitNetPrice(core: Core, code: Code, { slot, gas, value }: Write): void {
  const { sload: noop, sstoreSet, sstoreReset, sstoreClearRefund } = core.rules.gas;
  const isChange = code.i32(isDifferent(slot, SLOT.value, value));
  const isFresh = code.i32(i32.eqz(slotDiffersFromOriginal(slot)));
  const isOriginalZero = code.i32(i64.eqz(wordBits(slot, SLOT.original)));
  const isCleared = code.i32(i64.eqz(bitsOf(value)));
  const first = i64.select(isOriginalZero, sstoreSet, sstoreReset);
  charge(code, gas, i64.select(i32.and(isChange, isFresh), first, noop));
  code.if(isChange, () => {
    code.if(
      isFresh,
      () => {
        code.if(i32.and(isCleared, i32.eqz(isOriginalZero)), () => addRefund(core, code, sstoreClearRefund));
      },
      () => {
        code.if(i32.eqz(isOriginalZero), () => {
          const wasCleared = i64.eqz(wordBits(slot, SLOT.value));
          code.if(wasCleared, () => addRefund(core, code, -sstoreClearRefund));
          code.if(isCleared, () => addRefund(core, code, sstoreClearRefund));
        });
        code.if(i32.eqz(isDifferent(slot, SLOT.original, value)), () => {
          addRefund(core, code, i64.select(isOriginalZero, sstoreSet - noop, sstoreReset - noop));
        });
      },
    );
  });
}

function addRefund(core: Core, code: Code, amount: Operand64): void {
  core.setField64(code, CONTEXT.refund, i64.add(core.field64(CONTEXT.refund), amount));
}

function isDifferent(slot: Var<"i32">, offset: number, value: Word): Value<"i32"> {
  const limb = (i: number) => i64.xor(i64.load(slot, offset + 8 * i), value[i]!);
  return i64.ne(i64.or(i64.or(limb(0), limb(1)), i64.or(limb(2), limb(3))), 0);
}

function slotDiffersFromOriginal(slot: Var<"i32">): Value<"i32"> {
  const limb = (i: number) => i64.xor(i64.load(slot, SLOT.value + 8 * i), i64.load(slot, SLOT.original + 8 * i));
  return i64.ne(i64.or(i64.or(limb(0), limb(1)), i64.or(limb(2), limb(3))), 0);
}

function bitsOf(value: Word): Value<"i64"> {
  return i64.or(i64.or(value[0], value[1]), i64.or(value[2], value[3]));
}
