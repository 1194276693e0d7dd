// Words in memory: as four little-endian limbs (stacks, records) or as 32 bytes in EVM order (EVM memory, call data). The order
// of the bytes is turned by vector shuffles, 16 bytes at a time, so that a word that was stored just before is forwarded to
// the load.

import { type Code, i64, type Operand32, type Var, v128 } from "#wasm/code.ts";
import { mapWord } from "./limbs.ts";
import type { Limb, Word } from "./word.ts";

const REVERSED = Array.from({ length: 16 }, (_, i) => 15 - i);

/** Loads four limbs. */
export function loadLimbs(code: Code, address: Operand32, offset: number): Word {
  return code.scope(() => {
    const base = reusable(code, address);
    return mapWord((i) => {
      const limb = code.i64(i64.load(base, offset + 8 * i));
      code.keep(limb);
      return limb;
    });
  });
}

/** Stores four limbs. */
export function storeLimbs(code: Code, address: Operand32, offset: number, word: Word): void {
  code.scope(() => {
    const base = reusable(code, address);
    word.forEach((limb, i) => {
      code.store64(base, offset + 8 * i, limb);
    });
  });
}

/** Loads 32 bytes in EVM order. */
export function loadBytes(code: Code, address: Operand32, offset: number): Word {
  const limbs = [code.i64(), code.i64(), code.i64(), code.i64()] as const;
  code.scope(() => {
    const base = reusable(code, address);
    for (const at of [16, 0]) {
      const bytes = code.v128(v128.load(base, offset + at));
      const half = code.v128(v128.shuffle(bytes, bytes, REVERSED));
      code.set(limbs[at === 0 ? 2 : 0], v128.lane64(half, 0));
      code.set(limbs[at === 0 ? 3 : 1], v128.lane64(half, 1));
    }
  });
  return limbs;
}

/** Stores 32 bytes in EVM order. */
export function storeBytes(code: Code, address: Operand32, offset: number, word: Word): void {
  code.scope(() => {
    const base = reusable(code, address);
    storeHalf(code, base, offset, word[2], word[3]);
    storeHalf(code, base, offset + 16, word[0], word[1]);
  });
}

function storeHalf(code: Code, base: Var<"i32"> | number, offset: number, low: Limb, high: Limb): void {
  if (low === 0n && high === 0n) {
    code.store128(base, offset, v128.splat64(0));
  } else if (typeof low === "bigint" && typeof high === "bigint") {
    const bytes = new Uint8Array(16);
    new DataView(bytes.buffer).setBigUint64(0, high);
    new DataView(bytes.buffer).setBigUint64(8, low);
    code.store128(base, offset, v128.constant(bytes));
  } else {
    const half = code.v128(v128.make64(low, high));
    code.store128(base, offset, v128.shuffle(half, half, REVERSED));
  }
}

// An operand that may be emitted more than once.
function reusable(code: Code, address: Operand32): Var<"i32"> | number {
  return typeof address === "number" || "local" in address ? address : code.i32(address);
}
