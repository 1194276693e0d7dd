// Powers by sliding windows: an exponent that is known beforehand is cut into windows that begin and end with a set bit, so
// that only odd powers are needed; the zeroes between them are squarings alone.
//
// @see Menezes, van Oorschot, Vanstone, "Handbook of Applied Cryptography", 14.85

/** A step of a power: so many squarings, then a product with an odd power, or none where `odd` is 0. */
export type ExponentWindow = { readonly squarings: number; readonly odd: number };

/**
 * Cuts an exponent, highest bits first. Only the last window of an even one has no product.
 * @param windowBits widest window; odd powers stay below 2^windowBits
 */
export function exponentWindows(exponent: bigint, windowBits: number): ExponentWindow[] {
  const bits = exponent.toString(2);
  const windows: ExponentWindow[] = [];
  let pending = 0;
  for (let i = 0; i < bits.length; ) {
    if (bits[i] === "0") {
      pending++;
      i++;
      continue;
    }
    let size = Math.min(windowBits, bits.length - i);
    while (bits[i + size - 1] === "0") size--;
    windows.push({ squarings: pending + size, odd: Number.parseInt(bits.slice(i, i + size), 2) });
    pending = 0;
    i += size;
  }
  if (pending > 0) windows.push({ squarings: pending, odd: 0 });
  return windows;
}
