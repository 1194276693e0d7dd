// Whether a witness holds against a state root: its proof, and what a proof alone does not say, so that a slot that is shown is one
// that the state has, where the state keeps it, and a slot that is shown empty is.
//
//   structure ▸ commitments are points ▸ the root's is the state root ▸ openings ▸ the argument
// @see https://github.com/megaeth-labs/salt

import { bytesEqual } from "#base/bytes.ts";
import { toBareHex } from "#base/hex.ts";
import type { Banderwagon } from "#crypto/banderwagon/banderwagon.ts";
import { FormatError } from "#formats/codec.ts";
import { bucketMetaFromEntry, isDataEntry, type SaltEntry } from "#formats/wire/salt-entry.ts";
import type { SaltWitness } from "#formats/wire/salt-witness.ts";
import { bucketOfKey } from "./key-hash.ts";
import { subtreeLevelCount } from "./node-ids.ts";
import {
  bucketOfSaltKey,
  describedBucket,
  isMetadataBucket,
  METADATA_BUCKET_COUNT,
  type SaltKey,
  slotOfSaltKey,
  TRIE_WIDTH,
} from "./salt-key.ts";
import { SCALAR_SIZE_BYTES, scalarAt, slotScalar } from "./slot-scalar.ts";
import { type Opening, witnessOpenings } from "./witness-openings.ts";

/** Metadata buckets below this would describe metadata buckets. */
const DESCRIBING_BUCKET_MIN = METADATA_BUCKET_COUNT / TRIE_WIDTH;
/** Most levels of a bucket's own tree. */
const LEVEL_COUNT_MAX = 5;

/**
 * Checks a witness.
 * @param stateRoot of the block before, 32 bytes as in its header
 * @returns null when it holds, else what is wrong
 */
export function verifyWitness(scheme: Banderwagon, witness: SaltWitness, stateRoot: Uint8Array): string | null {
  const problem = structureProblem(witness);
  if (problem !== null) return problem;
  const { slots, proof } = witness;
  const { points, badIndex } = scheme.decompress(proof.commitments);
  if (badIndex !== null) return `the commitment of node ${proof.nodeIds[badIndex]} is no point of the group`;
  const scalars = scheme.mapToScalars(points);
  const places = new Map(proof.nodeIds.map((id, index) => [id, index]));
  const root = places.get(0n);
  if (root === undefined) return "there is no commitment of the root";
  if (!bytesEqual(scalarAt(scalars, root), stateRoot)) {
    return `the state root is ${toBareHex(scalarAt(scalars, root))}, expected ${toBareHex(stateRoot)}`;
  }
  const openings = witnessOpenings(slots, proof.levels);
  const missing = nodesProblem(openings, places);
  if (missing !== null) return missing;
  const values = new Uint8Array(openings.length * SCALAR_SIZE_BYTES);
  for (const [i, { child }] of openings.entries()) {
    const value =
      child.kind === "node" ? scalarAt(scalars, places.get(child.id)!) : slotScalar(slots[child.index]!.entry);
    values.set(value, i * SCALAR_SIZE_BYTES);
  }
  const holds = scheme.verifyMultipoint(
    {
      commitments: points,
      commitmentOf: Uint32Array.from(openings, ({ node }) => places.get(node)!),
      points: Uint8Array.from(openings, ({ position }) => position),
      values: scheme.subtractScalars(values, new Uint8Array(values.length)),
    },
    proof.argument,
  );
  return holds ? null : "the proof does not hold";
}

/** The nodes with commitments are those that are opened or shown, and no others. */
function nodesProblem(openings: readonly Opening[], places: ReadonlyMap<bigint, number>): string | null {
  const needed = new Set<bigint>(openings.map(({ node }) => node));
  for (const { child } of openings) {
    if (child.kind === "node" && !places.has(child.id)) return `there is no commitment of node ${child.id}`;
  }
  for (const id of needed) if (!places.has(id)) return `there is no commitment of node ${id}`;
  for (const id of places.keys()) if (!needed.has(id)) return `the commitment of node ${id} is not needed`;
  return null;
}

function structureProblem({ slots, proof }: SaltWitness): string | null {
  if (slots.length === 0) return "a witness of nothing";
  const levels = new Map(proof.levels.map(({ bucket, levels: count }) => [bucket, count]));
  const buckets = new Set(slots.map(({ key }) => bucketOfSaltKey(key as SaltKey)));
  for (const bucket of levels.keys()) if (!buckets.has(bucket)) return `levels of bucket ${bucket}, which has no slot`;
  const keys = new Set<string>();
  for (const { key, entry } of slots) {
    const [bucket, slot] = [bucketOfSaltKey(key as SaltKey), slotOfSaltKey(key as SaltKey)];
    const levelCount = levels.get(bucket);
    const where = `slot ${slot} of bucket ${bucket}`;
    if (levelCount === undefined) return `no levels of bucket ${bucket}`;
    if (levelCount < 1 || levelCount > LEVEL_COUNT_MAX) return `${levelCount} levels of bucket ${bucket}`;
    if (slot >= TRIE_WIDTH ** levelCount) return `${where} is beyond its ${levelCount} levels`;
    const problem = isMetadataBucket(bucket)
      ? metadataProblem(entry, bucket, slot, levels)
      : dataProblem(entry, bucket, keys);
    if (problem !== null) return `${where} ${problem}`;
  }
  return capacityProblem({ slots, proof });
}

function metadataProblem(
  entry: SaltEntry | null,
  bucket: number,
  slot: number,
  levels: ReadonlyMap<number, number>,
): string | null {
  if (bucket < DESCRIBING_BUCKET_MIN) return "describes metadata";
  if (levels.get(bucket) !== 1) return "is in a metadata bucket of several levels";
  if (entry === null) return "holds no metadata";
  try {
    const { capacity } = bucketMetaFromEntry(entry);
    const known = levels.get(describedBucket(bucket, slot));
    return known === undefined || known === subtreeLevelCount(capacity) ? null : "has another capacity than levels";
  } catch (error) {
    if (error instanceof FormatError) return `holds no metadata: ${error.message}`;
    throw error;
  }
}

function dataProblem(entry: SaltEntry | null, bucket: number, keys: Set<string>): string | null {
  if (entry === null) return null;
  if (!isDataEntry(entry)) return "holds neither an account nor a slot of storage";
  if (bucketOfKey(entry.key) !== bucket) return "holds a key of another bucket";
  const name = toBareHex(entry.key);
  if (keys.has(name)) return "holds a key that another slot holds";
  keys.add(name);
  return null;
}

/** Slots lie below the capacity of their bucket, where that is shown. */
function capacityProblem({ slots }: SaltWitness): string | null {
  const capacities = new Map<number, number>();
  for (const { key, entry } of slots) {
    const [bucket, slot] = [bucketOfSaltKey(key as SaltKey), slotOfSaltKey(key as SaltKey)];
    if (!isMetadataBucket(bucket) || entry === null) continue;
    capacities.set(describedBucket(bucket, slot), bucketMetaFromEntry(entry).capacity);
  }
  for (const { key } of slots) {
    const [bucket, slot] = [bucketOfSaltKey(key as SaltKey), slotOfSaltKey(key as SaltKey)];
    if (slot >= (capacities.get(bucket) ?? Number.POSITIVE_INFINITY))
      return `slot ${slot} of bucket ${bucket} is beyond its capacity`;
  }
  return null;
}
