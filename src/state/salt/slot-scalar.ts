// What a slot counts as in its leaf: 32 bytes, little-endian, not yet reduced modulo the order of the group.

import { concatBytes } from "#base/bytes.ts";
import { blake3 } from "#crypto/blake3.ts";
import type { SaltEntry } from "#formats/wire/salt-entry.ts";

/** Size of a scalar, bytes. */
export const SCALAR_SIZE_BYTES = 32;

/** The scalar of a data slot that is empty. */
const EMPTY: Uint8Array = new Uint8Array(SCALAR_SIZE_BYTES).fill(1);

/** The scalar of a slot; a metadata slot is never empty. */
export function slotScalar(entry: SaltEntry | null): Uint8Array {
  return entry === null ? EMPTY : blake3(concatBytes(entry.key, entry.value));
}

/** One of several scalars that lie one behind the other. */
export function scalarAt(scalars: Uint8Array, index: number): Uint8Array {
  return scalars.subarray(index * SCALAR_SIZE_BYTES, (index + 1) * SCALAR_SIZE_BYTES);
}
