// base ^ exponent mod modulus over byte strings of any length.

import { bigintFromBytes, bigintToBytes } from "#base/bytes.ts";

/**
 * Raises a number to a power in a residue ring.
 * @param base big-endian, any length
 * @param exponent big-endian, any length
 * @param modulus big-endian, any length; 0 gives 0
 * @returns the result, as long as the modulus
 */
export function modularPower(base: Uint8Array, exponent: Uint8Array, modulus: Uint8Array): Uint8Array {
  const m = bigintFromBytes(modulus);
  if (m <= 1n) return new Uint8Array(modulus.length);
  let result = 1n;
  const b = bigintFromBytes(base) % m;
  for (const byte of exponent) {
    for (let bit = 7; bit >= 0; bit--) {
      result = (result * result) % m;
      if (((byte >> bit) & 1) === 1) result = (result * b) % m;
    }
  }
  return bigintToBytes(result, modulus.length);
}
