// Checksums of everything on disk: 64-bit XXH3. They find rot, torn and misplaced writes; against intent there are the record
// hashes and signatures. Bun's seed for this function has 32 bits only, so identities go into the hashed bytes instead.

/** XXH3 of the bytes, as an unsigned 64-bit integer. */
export function checksum64(bytes: Uint8Array): bigint {
  return Bun.hash.xxHash3(bytes);
}

/** The low half of {@link checksum64}, for tables where every byte counts. */
export function checksum32(bytes: Uint8Array): number {
  return Number(Bun.hash.xxHash3(bytes) & 0xffff_ffffn);
}

/** A number that changes with the words that describe a layout; stored in the header of each file of that layout. */
export function layoutHash(description: string): bigint {
  return Bun.hash.xxHash3(description);
}
