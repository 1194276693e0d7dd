// The ranges that r and s of a transaction signature must lie in, compared byte by byte: no big integers on the way in.

import { compareBytes, isZeroBytes } from "#base/bytes.ts";
import { fromHex } from "#base/hex.ts";

const GROUP_ORDER = fromHex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
const HALF_GROUP_ORDER = fromHex("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0");

/** Whether a 32-byte `s` is in the lower half of the group order: the one of two valid forms allowed since Homestead (EIP-2). */
export function isLowS(s: Uint8Array): boolean {
  return compareBytes(s, HALF_GROUP_ORDER) <= 0;
}

/**
 * Whether 32-byte `r` and `s` are in 1..n-1, and `s` in its lower half when `lowS` is asked for.
 * @see yellow paper, appendix F; EIP-2
 */
export function areSignatureValuesValid(r: Uint8Array, s: Uint8Array, rule: { readonly lowS: boolean }): boolean {
  if (isZeroBytes(r) || isZeroBytes(s)) return false;
  if (compareBytes(r, GROUP_ORDER) >= 0 || compareBytes(s, GROUP_ORDER) >= 0) return false;
  return !rule.lowS || isLowS(s);
}
