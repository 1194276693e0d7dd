// Addresses as people read them: hex whose letter case is a checksum.

import { utf8 } from "#base/bytes.ts";
import { type Hex, toBareHex } from "#base/hex.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import type { Address } from "./primitives.ts";

/** The mixed-case text form. @see EIP-55 */
export function checksumAddress(address: Address): Hex {
  const digits = toBareHex(address);
  const hash = keccak256(utf8(digits));
  let text = "";
  for (let i = 0; i < digits.length; i++) {
    const nibble = (hash[i >> 1]! >> (i % 2 === 0 ? 4 : 0)) & 15;
    text += nibble >= 8 ? digits.charAt(i).toUpperCase() : digits.charAt(i);
  }
  return `0x${text}`;
}
