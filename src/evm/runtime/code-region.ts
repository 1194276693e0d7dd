// Byte codes that the thread knows: entries found by hash, each with a padded copy of the code and a map of its jump
// destinations. Entries outlive transactions; the JavaScript side starts the region over when it is nearly full. Within one
// transaction it may fill up: a code that finds no room has no entry, its account knows the size alone, and every frame that
// runs it gets a copy of its own.

import {
  ACCOUNT,
  ACCOUNT_FLAG_CODE_NEW,
  ACCOUNT_FLAG_DIRTY,
  CODE_ENTRY,
  CODE_ENTRY_SIZE_BYTES,
  CODE_PADDING_BYTES,
  CONTEXT,
  JOURNAL_CODE,
} from "#formats/memory/evm-arena.ts";
import { type Code, i32, i64, type Operand32, type Value, type Var } from "#wasm/code.ts";
import { emitJumpMap } from "../bytecode/jump-map.ts";
import type { Core } from "./core.ts";
import { foldLimbs } from "./hashing.ts";
import { appendEntry } from "./journal.ts";
import { copyWord } from "./word-memory.ts";

/** No amount of gas burnt is enough: until the JavaScript side says otherwise, code is never hot. */
const NEVER_HOT = (1n << 63n) - 1n;

/** Defines the functions of this subject. */
export function defineCodeRegion(core: Core): void {
  core.define("analyze", emitJumpMap);
  core.define("findCode", (code) => {
    const hash = code.param(0, "i32");
    code.return(i32.load(emitCodeProbe(core, code, hash)));
  });
  core.define("addCode", (code) => emitAddCode(core, code));
  core.define("deployCode", (code) => emitDeployCode(core, code));
}

/** Bytes that code of a size takes with its padding; a multiple of 8. */
export function paddedCodeSize(size: Operand32): Value<"i32"> {
  return i32.and(i32.add(size, CODE_PADDING_BYTES + 7), -8);
}

/** The entry of the index that names the code, or the free one where it belongs. Half of them are always free. */
function emitCodeProbe(core: Core, code: Code, hash: Var<"i32">): Var<"i32"> {
  const first = code.i64(i64.load(hash));
  const folded = foldLimbs(core, code, first, code.i64(i64.load(hash, 8)), 0);
  const mask = code.i32(core.field(CONTEXT.codeIndexMask));
  const index = code.i32(core.field(CONTEXT.codeIndex));
  const place = code.i32(i32.and(i32.wrap(folded), mask));
  const at = code.i32(i32.add(index, i32.shl(place, 2)));
  const entry = code.i32(i32.load(at));
  code.f.block((found) => {
    code.while(entry, () => {
      const limb = (i: number) => i64.xor(i64.load(entry, CODE_ENTRY.hash + 8 * i), i64.load(hash, 8 * i));
      code.brIf(i64.eqz(i64.or(i64.or(limb(0), limb(1)), i64.or(limb(2), limb(3)))), found);
      code.set(place, i32.and(i32.add(place, 1), mask));
      code.set(at, i32.add(index, i32.shl(place, 2)));
      code.set(entry, i32.load(at));
    });
  });
  return at;
}

function emitAddCode(core: Core, code: Code): void {
  const hash = code.param(0, "i32");
  const size = code.param(1, "i32");
  const entry = code.i32(core.field(CONTEXT.codeEnd));
  const bytes = code.i32(i32.add(entry, CODE_ENTRY_SIZE_BYTES));
  const map = code.i32(i32.add(bytes, paddedCodeSize(size)));
  const end = code.i32(i32.add(map, paddedCodeSize(size)));
  const count = code.i32(core.field(CONTEXT.codeCount));
  const isFull = i32.or(
    i32.gtU(end, core.field(CONTEXT.codeCapacityEnd)),
    i32.gtU(i32.shl(count, 1), core.field(CONTEXT.codeIndexMask)),
  );
  code.if(isFull, () => code.return(0));
  // The bytes of the code come next; what is behind them, and the map, has to be zero.
  code.fill(entry, 0, CODE_ENTRY_SIZE_BYTES);
  const behind = code.i32(i32.add(bytes, size));
  code.fill(behind, 0, i32.sub(end, behind));
  code.store32(entry, CODE_ENTRY.code, bytes);
  code.store32(entry, CODE_ENTRY.size, size);
  code.store32(entry, CODE_ENTRY.map, map);
  code.store64(entry, CODE_ENTRY.gasThreshold, NEVER_HOT);
  code.store32(entry, CODE_ENTRY.id, count);
  copyWord(code, { address: entry, offset: CODE_ENTRY.hash }, { address: hash, offset: 0 });
  code.store32(emitCodeProbe(core, code, hash), 0, entry);
  core.setField(code, CONTEXT.codeEnd, end);
  core.setField(code, CONTEXT.codeCount, i32.add(count, 1));
  code.return(entry);
}

function emitDeployCode(core: Core, code: Code): void {
  const account = code.param(0, "i32");
  const bytes = code.param(1, "i32");
  const size = code.param(2, "i32");
  code.if(i32.eqz(size), () => code.return());
  const codeHash = { address: account, offset: ACCOUNT.codeHash };
  appendEntry(core, code, { kind: JOURNAL_CODE, target: account, small: 0, word: codeHash });
  const hash = code.i32(i32.add(account, ACCOUNT.codeHash));
  core.call(code, "hash", bytes, size, hash);
  core.call(code, "raise", i32.add(account, ACCOUNT.flags), ACCOUNT_FLAG_CODE_NEW | ACCOUNT_FLAG_DIRTY);
  const entry = code.i32(core.call32(code, "findCode", hash));
  code.if(i32.eqz(entry), () => {
    code.set(entry, core.call32(code, "addCode", hash, size));
    code.if(i32.eqz(entry), () => {
      code.store32(account, ACCOUNT.codeSize, size);
      core.call(code, "keepCode", account, bytes, size);
      code.return();
    });
    const copy = code.i32(i32.load(entry, CODE_ENTRY.code));
    code.copy(copy, bytes, size);
    core.call(code, "analyze", copy, size, i32.load(entry, CODE_ENTRY.map));
    core.call(code, "codeDeployed", entry);
  });
  code.store32(account, ACCOUNT.codeEntry, entry);
  code.store32(account, ACCOUNT.codeSize, size);
}
