// A bucket's table built from nothing but its content: from the largest key down, each takes the first free slot from its
// home on. The oracle of all ways that lead to the same content.

import { toBareHex } from "#base/hex.ts";
import type { BucketMeta, SaltEntry } from "#formats/wire/salt-entry.ts";
import { hashWithNonce } from "#state/salt/key-hash.ts";
import type { SaltStore } from "#state/salt/salt-store.ts";

/** Plain values by plain key, both in hex. */
export type NaiveContent = ReadonlyMap<string, string>;

/** Slot → "key value" in hex, of a table with this content. */
export function naiveTable(content: NaiveContent, { nonce, capacity }: BucketMeta): Map<number, string> {
  const table = new Map<number, string>();
  for (const key of [...content.keys()].sort().reverse()) {
    let slot = Number(hashWithNonce(Uint8Array.fromHex(key), nonce) % BigInt(capacity));
    while (table.has(slot)) slot = (slot + 1) % capacity;
    table.set(slot, `${key} ${content.get(key)}`);
  }
  return table;
}

/** The same of what a store, or an overlay, holds in a bucket; slots beyond the capacity are looked at too. */
export function tableOf(
  source: { readonly read: (bucket: number, slot: number) => SaltEntry | null } | SaltStore,
  bucket: number,
  slotCount: number,
): Map<number, string> {
  const table = new Map<number, string>();
  for (let slot = 0; slot < slotCount; slot++) {
    const entry = "read" in source ? source.read(bucket, slot) : source.entryAt(bucket, slot);
    if (entry !== null) table.set(slot, `${toBareHex(entry.key)} ${toBareHex(entry.value)}`);
  }
  return table;
}

/** Maps as sorted lists, so that a comparison tells which slots differ. */
export function sortedSlots(table: ReadonlyMap<number, string>): (readonly [number, string])[] {
  return [...table].sort(([a], [b]) => a - b);
}
