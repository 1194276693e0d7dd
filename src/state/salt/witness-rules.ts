// What a witness must be before its proof is looked at. A proof ties values to places of nodes, and places come from slot
// numbers and levels that it does not cover; so those are held against metadata and against each other here. No witness of
// an honest node breaks a rule.

import { toBareHex } from "#base/hex.ts";
import { FormatError } from "#formats/codec.ts";
import { bucketMetaFromEntry, isDataEntry, type SaltEntry } from "#formats/wire/salt-entry.ts";
import type { SaltWitness, WitnessSlot } from "#formats/wire/salt-witness.ts";
import { bucketOfKey } from "./key-hash.ts";
import { SUBTREE_LEVELS, subtreeLevelCount } from "./node-ids.ts";
import {
  BUCKET_COUNT,
  bucketOfSaltKey,
  describedBucket,
  isMetadataBucket,
  METADATA_BUCKET_COUNT,
  type SaltKey,
  slotOfSaltKey,
  TRIE_WIDTH,
} from "./salt-key.ts";

/** Levels of each bucket's own tree, and the capacities that a witness shows. */
export type WitnessLayout = {
  readonly levels: ReadonlyMap<number, number>;
  readonly capacities: ReadonlyMap<number, number>;
};

/** The first of the metadata buckets that describe data buckets. */
const FIRST_USED_METADATA_BUCKET = METADATA_BUCKET_COUNT / TRIE_WIDTH;

/** The layout of a witness, or which rule it breaks. */
export function checkWitnessRules({ slots, proof }: SaltWitness): WitnessLayout | { readonly broken: string } {
  if (slots.length === 0) return { broken: "no slots" };
  const levels = new Map(proof.levels.map(({ bucket, levelCount }) => [bucket, levelCount]));
  const capacities = capacitiesOf(slots);
  if (typeof capacities === "string") return { broken: capacities };
  const layout = { levels, capacities };
  const broken = brokenLevels(layout) ?? brokenSlots(slots, layout);
  return broken === null ? layout : { broken };
}

function capacitiesOf(slots: readonly WitnessSlot[]): Map<number, number> | string {
  const capacities = new Map<number, number>();
  for (const { key, entry } of slots) {
    const [bucket, slot] = [bucketOfSaltKey(key as SaltKey), slotOfSaltKey(key as SaltKey)];
    if (!isMetadataBucket(bucket)) continue;
    if (bucket < FIRST_USED_METADATA_BUCKET) return `metadata bucket ${bucket} describes nothing`;
    if (entry === null) return `metadata slot ${slot} of bucket ${bucket} is empty`;
    const capacity = capacityOf(entry);
    if (capacity === null) return `metadata slot ${slot} of bucket ${bucket} holds no metadata`;
    capacities.set(describedBucket(bucket, slot), capacity);
  }
  return capacities;
}

function capacityOf(entry: SaltEntry): number | null {
  try {
    return bucketMetaFromEntry(entry).capacity;
  } catch (error) {
    if (error instanceof FormatError) return null;
    throw error;
  }
}

function brokenLevels({ levels, capacities }: WitnessLayout): string | null {
  for (const [bucket, levelCount] of levels) {
    if (bucket >= BUCKET_COUNT) return `there is no bucket ${bucket}`;
    const levelCountMax = isMetadataBucket(bucket) ? 1 : SUBTREE_LEVELS;
    if (levelCount < 1 || levelCount > levelCountMax) return `bucket ${bucket} with ${levelCount} levels`;
    const capacity = capacities.get(bucket);
    if (capacity !== undefined && subtreeLevelCount(capacity) !== levelCount) {
      return `bucket ${bucket} of ${capacity} slots with ${levelCount} levels`;
    }
  }
  return null;
}

function brokenSlots(slots: readonly WitnessSlot[], { levels, capacities }: WitnessLayout): string | null {
  const buckets = new Set<number>();
  const plainKeys = new Set<string>();
  let heldCount = 0;
  for (const { key, entry } of slots) {
    const [bucket, slot] = [bucketOfSaltKey(key as SaltKey), slotOfSaltKey(key as SaltKey)];
    const levelCount = levels.get(bucket);
    if (levelCount === undefined) return `bucket ${bucket} without levels`;
    buckets.add(bucket);
    const slotCount = capacities.get(bucket) ?? TRIE_WIDTH ** levelCount;
    if (slot >= slotCount) return `slot ${slot} of bucket ${bucket} is behind its end`;
    if (entry === null || isMetadataBucket(bucket)) continue;
    if (!isDataEntry(entry)) return `slot ${slot} of bucket ${bucket} holds neither account nor storage`;
    if (bucketOfKey(entry.key) !== bucket) return `slot ${slot} of bucket ${bucket} holds a key of another bucket`;
    plainKeys.add(toBareHex(entry.key));
    heldCount++;
  }
  if (buckets.size !== levels.size) return "levels of a bucket without slots";
  return plainKeys.size === heldCount ? null : "a key is in two slots";
}
