// SELFDESTRUCT: the balance goes to the beneficiary; the account goes at the end of the transaction, always before Cancun and
// only when the transaction created it since.
// @see EIP-150, EIP-161, EIP-2929, EIP-3529, EIP-6780

import {
  ACCOUNT,
  ACCOUNT_FLAG_CREATED,
  ACCOUNT_FLAG_DESTROYED,
  ACCOUNT_FLAG_DIRTY,
  ACCOUNT_FLAG_EXISTS,
  CONTEXT,
  FRAME,
} from "#formats/memory/evm-arena.ts";
import { type Code, i32, i64, type Var } from "#wasm/code.ts";
import { storeLimbs } from "../words/memory.ts";
import { accountNamed } from "./access.ts";
import { returnOnFailure } from "./accounts.ts";
import type { Core } from "./core.ts";
import { charge } from "./evm-memory.ts";
import { returnIfStatic } from "./storage.ts";
import { wordBits, wordParam } from "./word-memory.ts";
import { accountFlag } from "./world.ts";

/** Defines the link of this subject. */
export function defineSelfDestruct(core: Core): void {
  core.define("selfDestruct", (code) => emitSelfDestruct(core, code));
}

function emitSelfDestruct(core: Core, code: Code): void {
  const { rules } = core;
  const frame = code.param(0, "i32");
  const gas = code.param(1, "i64");
  returnIfStatic(code, frame);
  const own = code.i32(i32.load(frame, FRAME.account));
  const beneficiary = code.i32(accountNamed(core, code, wordParam(code, 2)));
  if (rules.hasAccessLists) {
    // There is no price of a warm access here, so a cold one costs the whole.
    const cold = code.i64(core.call64(code, "coldAccountGas", beneficiary));
    code.if(i64.ne(cold, 0), () => charge(code, gas, rules.gas.coldAccount));
  }
  core.call(code, "ensureLoaded", beneficiary);
  returnOnFailure(core, code, 0);
  emitNewAccountGas(core, code, { own, beneficiary, gas });
  const isFirst = code.i32(i32.eqz(accountFlag(own, ACCOUNT_FLAG_DESTROYED)));
  if (rules.gas.selfDestructRefund > 0) {
    code.if(isFirst, () => {
      core.setField64(code, CONTEXT.refund, i64.add(core.field64(CONTEXT.refund), rules.gas.selfDestructRefund));
    });
  }
  core.call(code, "transfer", own, beneficiary, i32.add(own, ACCOUNT.balance));
  if (rules.destroysOnlyCreated) {
    code.if(accountFlag(own, ACCOUNT_FLAG_CREATED), () => emitDestroy(core, code, own));
  } else {
    emitDestroy(core, code, own);
  }
  code.store32(frame, FRAME.outputSize, 0);
  returnOnFailure(core, code, 0);
  code.return(gas);
}

function emitNewAccountGas(
  core: Core,
  code: Code,
  at: { own: Var<"i32">; beneficiary: Var<"i32">; gas: Var<"i64"> },
): void {
  const { rules } = core;
  // Before EIP-150 it cost nothing at all.
  if (!rules.keepsSixtyFourth) return;
  const isNew = rules.removesEmptyAccounts
    ? i32.and(i64.ne(wordBits(at.own, ACCOUNT.balance), 0), core.call32(code, "isEmpty", at.beneficiary))
    : i32.eqz(accountFlag(at.beneficiary, ACCOUNT_FLAG_EXISTS));
  code.if(isNew, () => charge(code, at.gas, rules.gas.newAccount));
}

function emitDestroy(core: Core, code: Code, own: Var<"i32">): void {
  // What the account sent to itself is lost.
  core.call(code, "keepWord", i32.add(own, ACCOUNT.balance));
  storeLimbs(code, own, ACCOUNT.balance, [0n, 0n, 0n, 0n]);
  core.call(code, "raise", i32.add(own, ACCOUNT.flags), ACCOUNT_FLAG_DESTROYED | ACCOUNT_FLAG_DIRTY);
}
