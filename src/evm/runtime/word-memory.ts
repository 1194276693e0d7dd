// Small pieces of emitted code over words and byte ranges in memory, as the runtime's functions use them.

import { type Code, i32, i64, type Operand32, type Value, type Var, v128 } from "#wasm/code.ts";
import { loadBytes, loadLimbs, storeBytes, storeLimbs } from "../words/memory.ts";
import { saturate } from "../words/saturate.ts";
import type { Word } from "../words/word.ts";

/** Four consecutive 64-bit parameters. */
export function wordParam(code: Code, index: number): [Var<"i64">, Var<"i64">, Var<"i64">, Var<"i64">] {
  return [
    code.param(index, "i64"),
    code.param(index + 1, "i64"),
    code.param(index + 2, "i64"),
    code.param(index + 3, "i64"),
  ];
}

/** Copies 32 bytes. */
export function copyWord(
  code: Code,
  to: { address: Operand32; offset: number },
  from: { address: Operand32; offset: number },
): void {
  for (const half of [0, 16]) code.store128(to.address, to.offset + half, v128.load(from.address, from.offset + half));
}

/** Writes the 32 bytes at `from`, in natural order, as limbs at `to`, or the other way round. The places may not overlap. */
export function copyReversed(
  code: Code,
  to: { address: Operand32; offset: number },
  from: { address: Operand32; offset: number },
): void {
  code.scope(() => storeLimbs(code, to.address, to.offset, loadBytes(code, from.address, from.offset)));
}

/** Writes an address of 20 natural bytes as a word. Reads 12 bytes before it. */
export function copyAddress(
  code: Code,
  to: { address: Operand32; offset: number },
  from: { address: Var<"i32">; offset: number },
): void {
  code.scope(() => {
    const start = code.i32(i32.sub(from.address, 12 - from.offset));
    const [low, middle, high] = loadBytes(code, start, 0);
    storeLimbs(code, to.address, to.offset, [low, middle, code.i64(i64.and(high as Var<"i64">, 0xffff_ffffn)), 0n]);
  });
}

/** Writes a word in natural byte order. */
export function storeNatural(code: Code, address: Operand32, offset: number, word: Word): void {
  storeBytes(code, address, offset, word);
}

/** Whether the word at an address is other than zero: a 64-bit value that is zero when it is. */
export function wordBits(address: Var<"i32">, offset: number): Value<"i64"> {
  const limb = (index: number) => i64.load(address, offset + 8 * index);
  return i64.or(i64.or(limb(0), limb(1)), i64.or(limb(2), limb(3)));
}

/** The word at an address as an offset or size in EVM memory: 2^63 - 1 when it does not fit below. */
export function loadSaturated(code: Code, address: Operand32, offset: number): Var<"i64"> {
  const result = code.i64();
  code.scope(() => code.set(result, saturate(code, loadLimbs(code, address, offset))));
  return result;
}

/** Number of 32-byte words that a size begins. @param size below 2^63 */
export function wordsOf(size: Var<"i64"> | Value<"i64">): Value<"i64"> {
  return i64.shrU(i64.add(size, 31), 5);
}

/** The address, rounded up to a word. */
export function alignWord(address: Operand32): Value<"i32"> {
  return i32.and(i32.add(address, 31), -32);
}

/** Leaves a function whose first result is gas: minus the status, and zero for `zeroCount` results behind it. */
export function returnHalt(code: Code, status: number, zeroCount = 0): void {
  code.return(-BigInt(status), ...new Array<bigint>(zeroCount).fill(0n));
}
