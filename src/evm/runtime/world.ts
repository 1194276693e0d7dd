// The world of one transaction: accounts and slots by key, in records that stay where they are. Open addressing with a secret
// mixed in; an entry of another generation is free, so a new transaction clears nothing. A record knows only its key until
// somebody asks for more: then the Host is asked, once.

import {
  ACCOUNT,
  ACCOUNT_FLAG_DELEGATED,
  ACCOUNT_FLAG_LOADED,
  ACCOUNT_SIZE_BYTES,
  CODE_ENTRY,
  CONTEXT,
  INDEX_ENTRY_SIZE_BYTES,
  SLOT,
  SLOT_FLAG_TRANSIENT,
  SLOT_SIZE_BYTES,
} from "#formats/memory/evm-arena.ts";
import { type Code, i32, i64, type Operand32, type Value, type Var } from "#wasm/code.ts";
import { storeLimbs } from "../words/memory.ts";
import type { Core } from "./core.ts";
import { foldLimbs } from "./hashing.ts";
import { EXHAUSTED } from "./status.ts";
import { copyAddress, wordBits, wordParam } from "./word-memory.ts";

/** Keccak-256 of nothing as the four 64-bit integers that its bytes read as. */
const EMPTY_CODE_HASH = [0x3c23f7860146d2c5n, 0xc003c7dcb27d7e92n, 0x3b2782ca53b600e5n, 0x70a4855d04d8fa7bn] as const;

/** The first three bytes of a designator, read as an integer. @see EIP-7702 */
const DESIGNATOR_PREFIX = 0x0001ef;
const DESIGNATOR_SIZE_BYTES = 23;

/** Defines the functions of this subject. */
export function defineWorld(core: Core): void {
  core.define("accountOf", (code) => emitAccountOf(core, code));
  core.define("slotOf", (code) => emitSlotOf(core, code));
  core.define("ensureLoaded", (code) => {
    const account = code.param(0, "i32");
    const flags = code.i32(i32.load(account, ACCOUNT.flags));
    code.if(i32.eqz(i32.and(flags, ACCOUNT_FLAG_LOADED)), () => {
      code.store32(account, ACCOUNT.flags, i32.or(flags, ACCOUNT_FLAG_LOADED));
      core.call(code, "loadAccount", account);
    });
  });
  core.define("ensureCode", (code) => emitEnsureCode(core, code));
  core.define("isEmpty", (code) => {
    const account = code.param(0, "i32");
    const content = i64.or(i64.load(account, ACCOUNT.nonce), wordBits(account, ACCOUNT.balance));
    code.return(i32.and(i64.eqz(content), i32.eqz(hasCode(account))));
  });
}

/** Whether a loaded account has code. */
export function hasCode(account: Var<"i32">): Value<"i32"> {
  const difference = (i: number) => i64.xor(i64.load(account, ACCOUNT.codeHash + 8 * i), EMPTY_CODE_HASH[i]!);
  return i64.ne(i64.or(i64.or(difference(0), difference(1)), i64.or(difference(2), difference(3))), 0);
}

/** Whether a flag of an account is raised: not zero when it is. */
export function accountFlag(account: Var<"i32">, flag: number): Value<"i32"> {
  return i32.and(i32.load(account, ACCOUNT.flags), flag);
}

function emitAccountOf(core: Core, code: Code): void {
  const [low, middle] = [code.param(0, "i64"), code.param(1, "i64")];
  const high = code.i64(i64.and(code.param(2, "i64"), 0xffff_ffffn));
  const folded = foldLimbs(core, code, low, middle, 0);
  const hash = foldLimbs(core, code, folded, high, 1);
  const record = code.i32();
  const isSame = () =>
    i64.eqz(
      i64.or(
        i64.or(i64.xor(i64.load(record, ACCOUNT.address), low), i64.xor(i64.load(record, ACCOUNT.address + 8), middle)),
        i64.xor(i64.load(record, ACCOUNT.address + 16), high),
      ),
    );
  const entry = emitProbe(core, code, {
    hash,
    record,
    isSame,
    index: CONTEXT.accountIndex,
    mask: CONTEXT.accountIndexMask,
  });
  emitNewRecord(core, code, {
    entry,
    record,
    count: CONTEXT.accountCount,
    records: CONTEXT.accounts,
    capacity: CONTEXT.accountCapacity,
    sizeBytes: ACCOUNT_SIZE_BYTES,
  });
  storeLimbs(code, record, ACCOUNT.address, [low, middle, high, 0n]);
  code.return(record);
}

function emitSlotOf(core: Core, code: Code): void {
  const account = code.param(0, "i32");
  const flags = code.param(1, "i32");
  const key = wordParam(code, 2);
  const create = code.param(6, "i32");
  const first = foldLimbs(core, code, key[0], key[1], 2);
  const second = foldLimbs(core, code, key[2], key[3], 3);
  const owner = code.i64(i64.xor(second, i64.rotl(i64.extend(i32.or(account, flags)), 40)));
  const hash = foldLimbs(core, code, first, owner, 0);
  const record = code.i32();
  const isSame = () => {
    const limb = (i: number) => i64.xor(i64.load(record, SLOT.key + 8 * i), key[i]!);
    const ownerDifference = i32.xor(i32.load(record, SLOT.account), account);
    const kindDifference = i32.xor(i32.and(i32.load(record, SLOT.flags), SLOT_FLAG_TRANSIENT), flags);
    const owners = i64.extend(i32.or(ownerDifference, kindDifference));
    return i64.eqz(i64.or(i64.or(i64.or(limb(0), limb(1)), i64.or(limb(2), limb(3))), owners));
  };
  const entry = emitProbe(core, code, { hash, record, isSame, index: CONTEXT.slotIndex, mask: CONTEXT.slotIndexMask });
  code.if(i32.eqz(create), () => code.return(0));
  emitNewRecord(core, code, {
    entry,
    record,
    count: CONTEXT.slotCount,
    records: CONTEXT.slots,
    capacity: CONTEXT.slotCapacity,
    sizeBytes: SLOT_SIZE_BYTES,
  });
  storeLimbs(code, record, SLOT.key, key);
  code.store32(record, SLOT.account, account);
  code.store32(record, SLOT.flags, flags);
  code.return(record);
}

/** Entries at the start of an index, 64 KB, which the keys of most transactions share: the whole would be a cache miss for each key. */
const NEAR_ENTRY_COUNT = 8192;

/**
 * Returns from the function when the key is known; otherwise the free entry for it. Half of the entries are always free.
 * A key goes to its place in the near part when that is free, and else where a chain over the whole index has room. So a near
 * place that is free now, and always was in this transaction, says that the key is unknown.
 */
function emitProbe(
  core: Core,
  code: Code,
  at: { hash: Var<"i64">; record: Var<"i32">; isSame: () => Operand32; index: number; mask: number },
): Var<"i32"> {
  const mask = code.i32(core.field(at.mask));
  const generation = code.i32(core.field(CONTEXT.generation));
  const index = code.i32(core.field(at.index));
  const place = code.i32();
  const entry = code.i32();
  const locate = (index32: Value<"i32">) => {
    code.set(place, i32.and(index32, mask));
    code.set(entry, i32.add(index, i32.mul(place, INDEX_ENTRY_SIZE_BYTES)));
  };
  const isTaken = () => i32.eq(i32.load(entry), generation);
  const returnIfSame = () => {
    code.set(at.record, i32.load(entry, 4));
    code.if(at.isSame(), () => code.return(at.record));
  };
  // Other bits than those of the place in the whole.
  locate(i32.and(i32.wrap(i64.shrU(at.hash, 40)), NEAR_ENTRY_COUNT - 1));
  code.if(isTaken(), () => {
    returnIfSame();
    locate(i32.wrap(at.hash));
    code.while(isTaken(), () => {
      returnIfSame();
      locate(i32.add(place, 1));
    });
  });
  return entry;
}

/** Takes the next record, zeroed. When there is none the run is lost, and it goes on with the spare one behind the last. */
function emitNewRecord(
  core: Core,
  code: Code,
  at: { entry: Var<"i32">; record: Var<"i32">; count: number; records: number; capacity: number; sizeBytes: number },
): void {
  const count = code.i32(core.field(at.count));
  code.set(at.record, i32.add(core.field(at.records), i32.mul(count, at.sizeBytes)));
  code.if(
    i32.ltU(count, core.field(at.capacity)),
    () => {
      core.setField(code, at.count, i32.add(count, 1));
      code.store32(at.entry, 0, core.field(CONTEXT.generation));
      code.store32(at.entry, 4, at.record);
    },
    () => core.fail(code, EXHAUSTED),
  );
  code.fill(at.record, 0, at.sizeBytes);
}

function emitEnsureCode(core: Core, code: Code): void {
  const account = code.param(0, "i32");
  code.if(i32.load(account, ACCOUNT.codeSize), () => code.return());
  code.if(i32.eqz(hasCode(account)), () => code.return());
  // The Host is asked even where the thread knows the code: it may keep account of what is read.
  core.call(code, "loadCode", account);
  const entry = code.i32(core.call32(code, "findCode", i32.add(account, ACCOUNT.codeHash)));
  // Otherwise there was no room, and the import has filled the record; or it has noted a failure.
  code.if(entry, () => {
    code.store32(account, ACCOUNT.codeEntry, entry);
    code.store32(account, ACCOUNT.codeSize, i32.load(entry, CODE_ENTRY.size));
    if (core.rules.hasDelegation) emitDelegation(code, account, entry);
  });
}

function emitDelegation(code: Code, account: Var<"i32">, entry: Var<"i32">): void {
  const bytes = code.i32(i32.load(entry, CODE_ENTRY.code));
  const isDesignator = i32.eq(i32.and(i32.load(bytes), 0xff_ffff), DESIGNATOR_PREFIX);
  code.if(i32.and(i32.eq(i32.load(entry, CODE_ENTRY.size), DESIGNATOR_SIZE_BYTES), isDesignator), () => {
    code.store32(account, ACCOUNT.flags, i32.or(i32.load(account, ACCOUNT.flags), ACCOUNT_FLAG_DELEGATED));
    copyAddress(code, { address: account, offset: ACCOUNT.delegate }, { address: bytes, offset: 3 });
  });
}
