// BLAKE3 of slots: what both commitment schemes take as the value of an entry, one as it is, one modulo the group's
// order. Key and value are hashed without their sizes: no two kinds of entries have the same length together.

import { concatBytes } from "#base/bytes.ts";
import { blake3 } from "#crypto/blake3.ts";
import type { SaltEntry } from "#formats/wire/salt-entry.ts";
import { EMPTY_SLOT_VALUE, VALUE_SIZE_BYTES } from "./vector-commitment.ts";

/** The digests of entries, 32 bytes each; an empty slot (null) has a fixed one. */
export function slotDigests(entries: readonly (SaltEntry | null)[]): Uint8Array {
  const digests = new Uint8Array(entries.length * VALUE_SIZE_BYTES);
  entries.forEach((entry, i) => {
    const digest = entry === null ? EMPTY_SLOT_VALUE : blake3(concatBytes(entry.key, entry.value));
    digests.set(digest, i * VALUE_SIZE_BYTES);
  });
  return digests;
}
