// Warm and cold accounts and slots: what the first access in a transaction costs on top. @see EIP-2929

import { ACCOUNT, ACCOUNT_FLAG_WARM, CONTEXT, SLOT, SLOT_FLAG_WARM } from "#formats/memory/evm-arena.ts";
import { type Code, i32, i64, type Operand32, type Value, type Var } from "#wasm/code.ts";
import { precompilesAt } from "../precompiles/table.ts";
import { loadLimbs } from "../words/memory.ts";
import type { Word } from "../words/word.ts";
import type { Core } from "./core.ts";

/** Defines the functions of this subject. */
export function defineAccess(core: Core): void {
  core.define("coldAccountGas", (code) => {
    const account = code.param(0, "i32");
    if (core.rules.hasAccessLists) emitColdAccountGas(core, code, account);
    code.return(0n);
  });
  core.define("precompileAt", (code) => emitPrecompileAt(core, code));
  core.define("warmAddress", (code) => {
    const account = code.i32(accountAt(core, code, code.param(0, "i32"), 0));
    core.call(code, "raise", i32.add(account, ACCOUNT.flags), ACCOUNT_FLAG_WARM);
  });
  core.define("warmSlot", (code) => {
    const account = code.i32(accountAt(core, code, code.param(0, "i32"), 0));
    const key = loadLimbs(code, code.param(1, "i32"), 0);
    const slot = code.i32(core.call32(code, "slotOf", account, 0, ...key, 1));
    core.call(code, "raise", i32.add(slot, SLOT.flags), SLOT_FLAG_WARM);
  });
}

/** The account that the word at an address names. */
export function accountAt(core: Core, code: Code, address: Operand32, offset: number): Value<"i32"> {
  const [low, middle, high] = loadLimbs(code, address, offset);
  return accountNamed(core, code, [low, middle, high, 0n]);
}

/** The account that a word names. */
export function accountNamed(core: Core, code: Code, [low, middle, high]: Word): Value<"i32"> {
  return core.call32(code, "accountOf", low, middle, high);
}

function emitColdAccountGas(core: Core, code: Code, account: Var<"i32">): void {
  const { coldAccount, balance: warmAccount } = core.rules.gas;
  code.if(i32.eqz(i32.and(i32.load(account, ACCOUNT.flags), ACCOUNT_FLAG_WARM)), () => {
    // Precompiles are warm in every transaction.
    const [low, middle, high] = loadLimbs(code, account, ACCOUNT.address);
    code.if(core.call32(code, "precompileAt", low, middle, high), () => code.return(0n));
    core.call(code, "raise", i32.add(account, ACCOUNT.flags), ACCOUNT_FLAG_WARM);
    code.return(BigInt(coldAccount - warmAccount));
  });
}

function emitPrecompileAt(core: Core, code: Code): void {
  const [low, middle, high] = [code.param(0, "i64"), code.param(1, "i64"), code.param(2, "i64")];
  const numbers = [...precompilesAt(core.rules.fork).keys()].sort((a, b) => a - b);
  // They are numbered from 1 without gaps, but for those of layer 2.
  let last = 0;
  while (numbers[last] === last + 1) last++;
  const isNumbered = i64.ltU(i64.sub(low, 1), last);
  let isPrecompile: Value<"i32"> = isNumbered;
  for (const number of numbers.slice(last)) isPrecompile = i32.or(isPrecompile, i64.eq(low, number));
  const upper = i64.or(middle, i64.and(high, 0xffff_ffffn));
  code.return(i32.select(i32.and(isPrecompile, i64.eqz(upper)), i32.wrap(low), 0));
}

/** Address of the context's word that is zero. */
export function zeroWord(core: Core): Value<"i32"> {
  return i32.add(core.context(), CONTEXT.zero);
}
