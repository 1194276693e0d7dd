// What code learns about accounts, and how value moves between them.

import {
  ACCOUNT,
  ACCOUNT_FLAG_DIRTY,
  ACCOUNT_FLAG_EXISTS,
  ACCOUNT_FLAG_TOUCHED,
  CODE_ENTRY,
  CONTEXT,
  FRAME,
} from "#formats/memory/evm-arena.ts";
import { type Code, i32, i64, type Var } from "#wasm/code.ts";
import { addLimbs, subLimbs } from "../words/limbs.ts";
import { loadBytes, loadLimbs, storeLimbs } from "../words/memory.ts";
import type { Limb, Word } from "../words/word.ts";
import { accountNamed } from "./access.ts";
import type { Core, CoreFunction } from "./core.ts";
import { charge, expandOrReturn } from "./evm-memory.ts";
import { memoryAbove } from "./frames.ts";
import { EXHAUSTED } from "./status.ts";
import { returnHalt, wordBits, wordParam, wordsOf } from "./word-memory.ts";
import { hasCode } from "./world.ts";

/** The precompile whose touch outlives a revert. @see EIP-161, mainnet block 2,675,119 */
const RIPEMD_PRECOMPILE = 3;

/** Blocks whose hashes are known. */
const BLOCK_HASH_COUNT = 256;

/** Defines the functions of this subject. */
export function defineAccounts(core: Core): void {
  defineAccountReader(core, "balance", (code, account) => loadLimbs(code, account, ACCOUNT.balance));
  defineAccountReader(core, "extCodeSize", (code, account) => {
    const size = code.i32(i32.load(account, ACCOUNT.codeSize));
    code.if(i32.eqz(size), () => emitToldCodeSize(core, code, account, size));
    return [code.i64(i64.extend(size)), 0n, 0n, 0n];
  });
  defineAccountReader(core, "extCodeHash", (code, account) => {
    const gas = code.param(1, "i64");
    code.if(core.call32(code, "isEmpty", account), () => code.return(gas, 0n, 0n, 0n, 0n));
    return loadBytes(code, account, ACCOUNT.codeHash);
  });
  core.define("extCodeCopy", (code) => emitExtCodeCopy(core, code));
  core.define("selfBalance", (code) => {
    const account = code.i32(i32.load(code.param(0, "i32"), FRAME.account));
    code.return(...loadLimbs(code, account, ACCOUNT.balance));
  });
  core.define("touch", (code) => emitTouch(core, code));
  core.define("transfer", (code) => emitTransfer(core, code));
  core.define("isBelow", (code) => {
    const a = loadLimbs(code, code.param(0, "i32"), 0);
    const b = loadLimbs(code, code.param(1, "i32"), 0);
    let borrow: Limb = 0n;
    for (let i = 0; i < 4; i++) borrow = subLimbs(code, a[i]!, b[i]!, borrow).carry;
    code.return(i32.wrap(borrow));
  });
  core.define("blockHash", (code) => emitBlockHash(core, code));
  core.define("blobHash", (code) => {
    const [low, ...high] = wordParam(code, 1);
    const isBeyond = i64.ne(i64.or(i64.or(high[0]!, high[1]!), high[2]!), 0);
    const count = i64.extend(core.field(CONTEXT.blobHashCount));
    code.if(i32.or(isBeyond, i64.geU(low, count)), () => code.return(0n, 0n, 0n, 0n));
    const at = code.i32(i32.add(core.field(CONTEXT.blobHashes), i32.shl(i32.wrap(low), 5)));
    code.return(...loadLimbs(code, at, 0));
  });
}

/** Leaves a function with the failure that the JavaScript side noted, when there is one. */
export function returnOnFailure(core: Core, code: Code, zeroCount: number): void {
  code.if(core.field(CONTEXT.failure), () => {
    code.return(i64.sub(0, i64.extend(core.field(CONTEXT.failure))), ...new Array<bigint>(zeroCount).fill(0n));
  });
}

/** (frame, gas, address) → gas, word: pays for a cold access, loads the account, and reads from it. */
function defineAccountReader(core: Core, name: CoreFunction, read: (code: Code, account: Var<"i32">) => Word): void {
  core.define(name, (code) => {
    const gas = code.param(1, "i64");
    const account = code.i32(accountNamed(core, code, wordParam(code, 2)));
    charge(code, gas, core.call64(code, "coldAccountGas", account), 4);
    core.call(code, "ensureLoaded", account);
    const word = read(code, account);
    returnOnFailure(core, code, 4);
    code.return(gas, ...word);
  });
}

/** The size alone: the Host tells it without the code. */
function emitToldCodeSize(core: Core, code: Code, account: Var<"i32">, size: Var<"i32">): void {
  code.if(hasCode(account), () => {
    code.if(i32.eqz(i32.load(account, ACCOUNT.toldCodeSize)), () => core.call(code, "loadCodeSize", account));
    code.set(size, i32.load(account, ACCOUNT.toldCodeSize));
  });
}

function emitExtCodeCopy(core: Core, code: Code): void {
  const frame = code.param(0, "i32");
  const gas = code.param(1, "i64");
  const destination = code.param(6, "i64");
  const offset = code.param(7, "i64");
  const size = code.param(8, "i64");
  const account = code.i32(accountNamed(core, code, wordParam(code, 2)));
  charge(code, gas, core.call64(code, "coldAccountGas", account));
  charge(code, gas, i64.mul(wordsOf(size), core.rules.gas.copyWord));
  expandOrReturn(core, code, { frame, gas, offset: destination, size });
  core.call(code, "ensureLoaded", account);
  core.call(code, "ensureCode", account);
  returnOnFailure(core, code, 0);
  code.if(i64.ne(size, 0), () => {
    const target = i32.add(i32.load(frame, FRAME.memory), i32.wrap(destination));
    const codeSize = code.i32(i32.load(account, ACCOUNT.codeSize));
    const entry = code.i32(i32.load(account, ACCOUNT.codeEntry));
    const bytes = code.i32(memoryAbove(frame));
    code.if(
      entry,
      () => code.set(bytes, i32.load(entry, CODE_ENTRY.code)),
      () => emitPlaceCode(core, code, { account, size: codeSize, bytes }),
    );
    core.call(code, "copyPadded", target, bytes, codeSize, offset, i32.wrap(size));
  });
  code.return(gas);
}

/** Puts a code that has no entry above the frame's memory, for the moment. */
function emitPlaceCode(core: Core, code: Code, at: { account: Var<"i32">; size: Var<"i32">; bytes: Var<"i32"> }): void {
  code.if(at.size, () => {
    code.if(i32.gtU(i32.add(at.bytes, at.size), core.field(CONTEXT.memoriesEnd)), () => {
      core.fail(code, EXHAUSTED);
      returnHalt(code, EXHAUSTED);
    });
    core.call(code, "placeCode", at.account, at.bytes);
  });
}

function emitTouch(core: Core, code: Code): void {
  const account = code.param(0, "i32");
  if (!core.rules.removesEmptyAccounts) return;
  const address = (limb: number) => i64.load(account, ACCOUNT.address + 8 * limb);
  const isRipemd = i64.eqz(i64.or(i64.or(i64.xor(address(0), RIPEMD_PRECOMPILE), address(1)), address(2)));
  code.if(
    isRipemd,
    () => code.store32(account, ACCOUNT.flags, i32.or(i32.load(account, ACCOUNT.flags), ACCOUNT_FLAG_TOUCHED)),
    () => core.call(code, "raise", i32.add(account, ACCOUNT.flags), ACCOUNT_FLAG_TOUCHED),
  );
}

function emitTransfer(core: Core, code: Code): void {
  const from = code.param(0, "i32");
  const to = code.param(1, "i32");
  const amount = code.param(2, "i32");
  core.call(code, "touch", to);
  const flags = i32.add(to, ACCOUNT.flags);
  // Before EIP-161 a call brings its target into being even without value.
  if (!core.rules.removesEmptyAccounts) {
    code.if(i32.eqz(i32.and(i32.load(to, ACCOUNT.flags), ACCOUNT_FLAG_EXISTS)), () => {
      core.call(code, "raise", flags, ACCOUNT_FLAG_EXISTS | ACCOUNT_FLAG_DIRTY);
    });
  }
  code.if(i64.eqz(wordBits(amount, 0)), () => code.return());
  core.call(code, "raise", i32.add(from, ACCOUNT.flags), ACCOUNT_FLAG_DIRTY);
  core.call(code, "raise", flags, ACCOUNT_FLAG_EXISTS | ACCOUNT_FLAG_DIRTY);
  // Read once, since it may be the sender's own balance.
  const value = loadLimbs(code, amount, 0);
  const move = (account: Var<"i32">, combine: typeof addLimbs) =>
    code.scope(() => {
      core.call(code, "keepWord", i32.add(account, ACCOUNT.balance));
      const balance = loadLimbs(code, account, ACCOUNT.balance);
      let carry: Limb = 0n;
      const limbs = balance.map((limb, i) => {
        const result = combine(code, limb, value[i]!, carry, i === 3);
        carry = result.carry;
        return result.limb;
      });
      storeLimbs(code, account, ACCOUNT.balance, limbs as unknown as Word);
    });
  move(from, subLimbs);
  move(to, addLimbs);
}

function emitBlockHash(core: Core, code: Code): void {
  const [low, ...high] = wordParam(code, 1);
  const current = code.i64(core.field64(CONTEXT.number));
  const isBeyond = i64.ne(i64.or(i64.or(high[0]!, high[1]!), high[2]!), 0);
  const isFuture = i64.geU(low, current);
  code.if(i32.or(isBeyond, isFuture), () => code.return(0n, 0n, 0n, 0n));
  code.if(i64.gtU(i64.sub(current, low), BLOCK_HASH_COUNT), () => code.return(0n, 0n, 0n, 0n));
  const number = code.i32(i32.add(core.context(), CONTEXT.scratch));
  code.store64(number, 0, low);
  const hash = code.i32(i32.add(number, 32));
  core.call(code, "hostBlockHash", number, hash);
  code.return(...loadBytes(code, hash, 0));
}
