// CREATE and CREATE2, and what a new contract's code costs. What the first frame and the opcodes share is in functions:
// the address, the check that it is free, the deposit.
// @see yellow paper §7, EIP-2, EIP-150, EIP-161, EIP-170, EIP-684, EIP-1014, EIP-2681, EIP-3541, EIP-3860, EIP-7610

import {
  ACCOUNT,
  ACCOUNT_FLAG_DIRTY,
  ACCOUNT_FLAG_EXISTS,
  ACCOUNT_FLAG_WARM,
  CONTEXT,
  FRAME,
  FRAME_FLAG_STATIC,
  FRAME_SIZE_BYTES,
} from "#formats/memory/evm-arena.ts";
import { type Code, i32, i64, type Operand32, type Var } from "#wasm/code.ts";
import { CALL_DEPTH_MAX } from "../gas/rules.ts";
import { loadBytes, storeLimbs } from "../words/memory.ts";
import { accountAt } from "./access.ts";
import type { Core } from "./core.ts";
import { memoryAbove } from "./frames.ts";
import {
  CODE_STORE_OUT_OF_GAS,
  CONTINUE,
  INVALID_CODE,
  MAX_CODE_SIZE,
  MAX_INIT_CODE_SIZE,
  OUT_OF_GAS,
  RETURNED,
  SWITCHED,
  WRITE_PROTECTION,
} from "./status.ts";
import { copyReversed, copyWord, loadSaturated, wordsOf } from "./word-memory.ts";
import { accountFlag, hasCode } from "./world.ts";

const CREATE2 = 0xf5;
const WORD = 32;
const CODE_PREFIX_REFUSED = 0xef;

/** Where preimages of addresses are built in the scratch, and where the hash goes. */
const PREIMAGE = CONTEXT.scratch + 32;
const HASH = CONTEXT.scratch + 192;

/** Defines the functions of this subject. */
export function defineCreations(core: Core): void {
  core.define("create", (code) => emitCreate(core, code));
  core.define("createAddress", (code) => emitCreateAddress(core, code));
  core.define("create2Address", (code) => emitCreate2Address(core, code));
  core.define("claimAddress", (code) => emitClaimAddress(core, code));
  core.define("deposit", (code) => emitDeposit(core, code));
}

function emitCreate(core: Core, code: Code): void {
  const { rules } = core;
  const frame = code.param(0, "i32");
  const opcode = code.param(1, "i32");
  code.if(i32.and(i32.load(frame, FRAME.flags), FRAME_FLAG_STATIC), () => code.return(WRITE_PROTECTION));
  const isSalted = code.i32(i32.eq(opcode, CREATE2));
  const top = code.i32(i32.load(frame, FRAME.stackTop));
  const value = code.i32(i32.sub(top, WORD));
  const offset = loadSaturated(code, i32.sub(top, 2 * WORD), 0);
  const size = loadSaturated(code, i32.sub(top, 3 * WORD), 0);
  const gas = code.i64(core.call64(code, "expand", frame, i64.load(frame, FRAME.gas), offset, size));
  code.if(i64.ltS(gas, 0), () => code.return(i32.wrap(i64.sub(0, gas))));
  if (rules.initCodeSizeMax > 0) {
    code.if(i64.gtU(size, rules.initCodeSizeMax), () => code.return(MAX_INIT_CODE_SIZE));
  }
  const wordGas = i32.add(rules.gas.initCodeWord, i32.mul(isSalted, rules.gas.keccakWord));
  code.set(gas, i64.sub(gas, i64.mul(wordsOf(size), i64.extend(wordGas))));
  code.if(i64.ltS(gas, 0), () => code.return(OUT_OF_GAS));
  code.store64(frame, FRAME.gas, gas);
  code.store32(frame, FRAME.stackTop, i32.sub(top, i32.select(isSalted, 4 * WORD, 3 * WORD)));
  core.setField(code, CONTEXT.returnDataSize, 0);
  const creator = code.i32(i32.load(frame, FRAME.account));
  emitRefusals(core, code, { frame, creator, value });
  const child = code.i32(i32.add(frame, FRAME_SIZE_BYTES));
  const calleeGas = code.i64(rules.keepsSixtyFourth ? i64.sub(gas, i64.shrU(gas, 6)) : gas);
  code.store64(frame, FRAME.gas, i64.sub(gas, calleeGas));
  code.store64(child, FRAME.gas, calleeGas);
  code.store32(child, FRAME.kind, opcode);
  copyWord(code, { address: child, offset: FRAME.value }, { address: value, offset: 0 });
  copyWord(code, { address: child, offset: FRAME.caller }, { address: frame, offset: FRAME.address });
  code.store32(child, FRAME.stack, i32.load(frame, FRAME.stackTop));
  const start = code.i32(i32.add(i32.load(frame, FRAME.memory), i32.select(i64.eqz(size), 0, i32.wrap(offset))));
  const nonce = code.i64(i64.load(creator, ACCOUNT.nonce));
  code.if(
    isSalted,
    () => core.call(code, "create2Address", child, i32.sub(top, 4 * WORD), start, i32.wrap(size)),
    () => core.call(code, "createAddress", child, nonce),
  );
  emitRaiseNonce(core, code, creator);
  const isTaken = code.i32(core.call32(code, "claimAddress", child));
  code.if(core.field(CONTEXT.failure), () => code.return(core.field(CONTEXT.failure)));
  code.if(isTaken, () => {
    core.call(code, "pushSmall", frame, 0);
    code.return(CONTINUE);
  });
  core.setField(code, CONTEXT.depth, i32.add(core.field(CONTEXT.depth), 1));
  core.call(code, "enterCreation", child, creator, memoryAbove(frame), start, i32.wrap(size));
  code.return(SWITCHED);
}

/** Creations that are not tried: nothing is used up, and the creator sees a failure. */
function emitRefusals(core: Core, code: Code, at: { frame: Var<"i32">; creator: Var<"i32">; value: Var<"i32"> }): void {
  const refuse = () => {
    core.call(code, "pushSmall", at.frame, 0);
    code.return(CONTINUE);
  };
  code.if(i32.geU(core.field(CONTEXT.depth), CALL_DEPTH_MAX), refuse);
  code.if(core.call32(code, "isBelow", i32.add(at.creator, ACCOUNT.balance), at.value), refuse);
  code.if(i64.eq(i64.load(at.creator, ACCOUNT.nonce), -1), refuse);
}

function emitRaiseNonce(core: Core, code: Code, account: Var<"i32">): void {
  core.call(code, "keepSmall", i32.add(account, ACCOUNT.nonce));
  core.call(code, "raise", i32.add(account, ACCOUNT.flags), ACCOUNT_FLAG_DIRTY);
  code.store64(account, ACCOUNT.nonce, i64.add(i64.load(account, ACCOUNT.nonce), 1));
}

function at(core: Core, offset: number): Operand32 {
  return i32.add(core.context(), offset);
}

// rlp([caller, nonce]): at most 1 + 21 + 9 bytes, so the list's head is one byte.
function emitCreateAddress(core: Core, code: Code): void {
  const frame = code.param(0, "i32");
  const nonce = code.param(1, "i64");
  const start = code.i32(at(core, PREIMAGE));
  copyReversed(code, { address: i32.sub(start, 10), offset: 0 }, { address: frame, offset: FRAME.caller });
  code.store8(start, 1, 0x80 + 20);
  const size = code.i32(i32.wrap(i64.shrU(i64.sub(71, i64.clz(nonce)), 3)));
  const listSize = code.i32(22);
  code.if(
    i64.ltU(i64.sub(nonce, 1), 0x7f),
    () => code.store8(start, 22, i32.wrap(nonce)),
    () => {
      code.store8(start, 22, i32.add(0x80, size));
      code.set(listSize, i32.add(22, size));
      const shift = code.i64(0);
      code.while(size, () => {
        code.store8(i32.add(start, size), 22, i32.wrap(i64.shrU(nonce, shift)));
        code.set(shift, i64.add(shift, 8));
        code.set(size, i32.sub(size, 1));
      });
    },
  );
  code.store8(start, 0, i32.add(0xc0, listSize));
  const hash = code.i32(at(core, HASH));
  core.call(code, "hash", start, i32.add(listSize, 1), hash);
  emitAddressFromHash(code, frame, hash);
}

function emitCreate2Address(core: Core, code: Code): void {
  const frame = code.param(0, "i32");
  const start = code.i32(at(core, PREIMAGE));
  copyReversed(code, { address: i32.sub(start, 11), offset: 0 }, { address: frame, offset: FRAME.caller });
  code.store8(start, 0, 0xff);
  copyReversed(code, { address: start, offset: 21 }, { address: code.param(1, "i32"), offset: 0 });
  core.call(code, "hash", code.param(2, "i32"), code.param(3, "i32"), i32.add(start, 53));
  const hash = code.i32(at(core, HASH));
  core.call(code, "hash", start, 85, hash);
  emitAddressFromHash(code, frame, hash);
}

function emitAddressFromHash(code: Code, frame: Var<"i32">, hash: Var<"i32">): void {
  const [low, middle, high] = loadBytes(code, hash, 0);
  storeLimbs(code, frame, FRAME.address, [low, middle, code.i64(i64.and(high, 0xffff_ffffn)), 0n]);
}

function emitClaimAddress(core: Core, code: Code): void {
  const frame = code.param(0, "i32");
  const account = code.i32(accountAt(core, code, frame, FRAME.address));
  code.store32(frame, FRAME.account, account);
  // It stays warm when the creation fails.
  if (core.rules.hasAccessLists) core.call(code, "raise", i32.add(account, ACCOUNT.flags), ACCOUNT_FLAG_WARM);
  core.call(code, "ensureLoaded", account);
  code.if(i64.ne(i64.load(account, ACCOUNT.nonce), 0), () => code.return(1));
  code.if(hasCode(account), () => code.return(1));
  code.if(i32.eqz(accountFlag(account, ACCOUNT_FLAG_EXISTS)), () => code.return(0));
  code.return(core.call32(code, "hasStorage", account));
}

function emitDeposit(core: Core, code: Code): void {
  const { codeSizeMax, refusesEfCode, failsWithoutDeposit, gas: prices } = core.rules;
  const frame = code.param(0, "i32");
  const output = code.i32(i32.load(frame, FRAME.output));
  const size = code.i32(i32.load(frame, FRAME.outputSize));
  if (codeSizeMax > 0) code.if(i32.gtU(size, codeSizeMax), () => code.return(MAX_CODE_SIZE));
  if (refusesEfCode) {
    code.if(size, () => {
      code.if(i32.eq(i32.load8(output), CODE_PREFIX_REFUSED), () => code.return(INVALID_CODE));
    });
  }
  const gas = code.i64(i64.sub(i64.load(frame, FRAME.gas), i64.mul(i64.extend(size), prices.codeDeposit)));
  code.if(i64.ltS(gas, 0), () => {
    if (failsWithoutDeposit) code.return(CODE_STORE_OUT_OF_GAS);
    // Frontier keeps the contract without its code, and the gas.
    code.store32(frame, FRAME.outputSize, 0);
    code.return(RETURNED);
  });
  code.store64(frame, FRAME.gas, gas);
  core.call(code, "deployCode", i32.load(frame, FRAME.account), output, size);
  code.return(RETURNED);
}
