// The order of openings against one built by the rule's letter: two maps from names of nodes to places, names of expanded
// buckets' top nodes with their levels in bits 33 to 35, all arithmetic on numbers of its own.

import { describe, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { bucketRootId, segmentId } from "#state/salt/node-ids.ts";
import { type SaltKey, saltKey } from "#state/salt/salt-key.ts";
import { openedNodeIds, type WitnessOpening, witnessOpenings } from "#state/salt/witness-openings.ts";

const SEED = Number(process.env.MEGAETH_SEED ?? 20_261_135);
console.log(`seed ${SEED}`);
const random = new SeededRandom(SEED);

const START = [0n, 1n, 257n, 65_793n, 16_843_009n];
const LOCAL_MASK = (1n << 40n) - 1n;

type Places = Map<bigint, Set<number>>;

function add(places: Places, id: bigint, place: number): void {
  places.set(id, (places.get(id) ?? new Set()).add(place));
}

function parentAndPlace(id: bigint): { parent: bigint; place: number } {
  const local = id & LOCAL_MASK;
  const level = START.findLastIndex((start) => start <= local);
  const offset = local - START[level]!;
  return { parent: id - local + START[level - 1]! + offset / 256n, place: Number(offset % 256n) };
}

/** Each opening as "node place", in order. */
function naiveOrder(keys: readonly SaltKey[], levels: ReadonlyMap<number, number>): string[] {
  const [internal, leaf]: [Places, Places] = [new Map(), new Map()];
  for (const key of keys) {
    const [bucket, slot] = [key >> 40n, key & LOCAL_MASK];
    const levelCount = levels.get(Number(bucket))!;
    const top = 65_793n + bucket;
    for (let id = top; id !== 0n; ) {
      const { parent, place } = parentAndPlace(id);
      add(internal, parent, place);
      id = parent;
    }
    let id = (bucket << 40n) + START[4]! + slot / 256n;
    add(leaf, levelCount === 1 ? top : id, Number(slot % 256n));
    if (levelCount === 1) continue;
    for (let i = 2; i < levelCount; i++) {
      const { parent, place } = parentAndPlace(id);
      add(internal, parent, place);
      id = parent;
    }
    add(internal, top + (BigInt(levelCount) << 33n), parentAndPlace(id).place);
  }
  const physical = (id: bigint): bigint => (((id >> 33n) & 7n) === 0n ? id : id & ((1n << 33n) - 1n));
  return [internal, leaf].flatMap((places) => {
    const ids = [...places.keys()].sort((a, b) => (a < b ? -1 : 1));
    return ids.flatMap((id) => [...places.get(id)!].sort((a, b) => a - b).map((at) => `${physical(id)} ${at}`));
  });
}

const orderOf = (openings: readonly WitnessOpening[]): string[] => openings.map((o) => `${o.node} ${o.position}`);

function randomLayout(): { keys: SaltKey[]; levels: Map<number, number> } {
  const levels = new Map<number, number>();
  const keys = new Set<SaltKey>();
  for (let i = 0; i < 12; i++) {
    const bucket = random.chance(0.2) ? 256 + random.below(65_280) : 65_536 + random.below(2 ** 24 - 65_536);
    const levelCount = bucket < 65_536 ? 1 : 1 + random.below(5);
    levels.set(bucket, levelCount);
    for (let j = random.below(4); j >= 0; j--) {
      keys.add(saltKey(bucket, Math.floor((random.u32() / 2 ** 32) * Math.min(256 ** levelCount, 2 ** 39))));
    }
  }
  return { keys: [...keys].sort((a, b) => (a < b ? -1 : 1)), levels };
}

describe("openings of a witness", () => {
  test("come in the order that the rule gives, whatever the heights of buckets", () => {
    for (let round = 0; round < 200; round++) {
      const { keys, levels } = randomLayout();
      const openings = witnessOpenings(keys, (bucket) => levels.get(bucket)!);
      expect(orderOf(openings)).toEqual(naiveOrder(keys, levels));
      const nodes = new Set(openings.map(({ node }) => node));
      expect(openedNodeIds(openings)).toEqual([...nodes].sort((a, b) => (a < b ? -1 : 1)));
    }
  });

  test("take a taller bucket after a lower one, though its number is smaller", () => {
    const [tall, low] = [70_000, 90_000];
    const levels = new Map([
      [tall, 3],
      [low, 2],
    ]);
    const keys = [saltKey(tall, 70_000), saltKey(low, 300)];
    const nodes = witnessOpenings(keys, (bucket) => levels.get(bucket)!).map(({ node }) => node);
    expect(nodes.indexOf(bucketRootId(low))).toBeLessThan(nodes.indexOf(bucketRootId(tall)));
    expect(nodes.slice(-2)).toEqual([segmentId(tall, 70_000), segmentId(low, 300)]);
  });
});
