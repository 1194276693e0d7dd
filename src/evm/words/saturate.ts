// Words as offsets and sizes in EVM memory: 64 bits, where what does not fit becomes so large that nobody can pay for it.

import { type Code, i32, i64, type Operand64 } from "#wasm/code.ts";
import { highLimbs, orAll } from "./limbs.ts";
import { constantOf, type Word } from "./word.ts";

/** What stands for a word of 2^63 or more. */
export const SATURATED = (1n << 63n) - 1n;

/** The value when it is below 2^63, else `SATURATED`: a constant or a new variable. */
export function saturate(code: Code, word: Word): Operand64 {
  const constant = constantOf(word);
  if (constant !== null) return constant < SATURATED ? constant : SATURATED;
  const high = highLimbs([word]);
  if (high === null) return SATURATED;
  const low = word[0];
  const isLarge = i64.ltS(low, 0);
  return code.i64(i64.select(high.length === 0 ? isLarge : i32.or(isLarge, i64.ne(orAll(high), 0)), SATURATED, low));
}
