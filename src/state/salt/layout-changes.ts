// Which buckets' own trees get another height by a set of slot changes: metadata slots say so.

import { bucketMetaFromEntry, DEFAULT_BUCKET_META, type SaltEntry } from "#formats/wire/salt-entry.ts";
import { subtreeRootLevel } from "./node-ids.ts";
import { describedBucket, isMetadataBucket } from "./salt-key.ts";
import type { SlotChange } from "./state-updates.ts";

/** A bucket whose top node is at another level of its own tree afterwards, 0 to 4; a lower number is a taller tree. */
export type LayoutChange = { readonly bucket: number; readonly oldRootLevel: number; readonly newRootLevel: number };

/** The buckets whose trees get taller or lower, in the order of the changes. */
export function layoutChanges(slots: readonly SlotChange[]): LayoutChange[] {
  const changes: LayoutChange[] = [];
  for (const change of slots) {
    if (!isMetadataBucket(change.bucket)) continue;
    const [oldRootLevel, newRootLevel] = [rootLevelOf(change.before), rootLevelOf(change.after)];
    if (oldRootLevel === newRootLevel) continue;
    changes.push({ bucket: describedBucket(change.bucket, change.slot), oldRootLevel, newRootLevel });
  }
  return changes;
}

function rootLevelOf(meta: SaltEntry | null): number {
  return subtreeRootLevel((meta === null ? DEFAULT_BUCKET_META : bucketMetaFromEntry(meta)).capacity);
}
