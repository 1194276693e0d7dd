// Products of long unsigned integers in 64-bit digits, by the schoolbook: a row of products is added per digit.

import { type Code, i64, type Var } from "#wasm/code.ts";
import type { Limb } from "./word.ts";

/** a · b modulo 2^(64 · count), in new variables. */
export function multiplyDigits(
  code: Code,
  a: readonly Limb[],
  b: readonly Limb[],
  count = a.length + b.length,
): Var<"i64">[] {
  const product: Var<"i64">[] = [];
  a.forEach((left, i) => {
    let carry: Limb = 0n;
    for (let j = 0; j < b.length && i + j < count; j++) {
      const before: Limb = product[i + j] ?? 0n;
      if (i + j === count - 1) {
        // Nothing above the last digit is wanted.
        product[i + j] = code.i64(i64.add(i64.add(i64.mul(left, b[j]!), before), carry));
      } else {
        const [low, high]: [Var<"i64">, Var<"i64">] = code.mulAdd(left, b[j]!, before, carry);
        product[i + j] = low;
        carry = high;
      }
    }
    if (i + b.length < count) product[i + b.length] = carry as Var<"i64">;
  });
  return product;
}
