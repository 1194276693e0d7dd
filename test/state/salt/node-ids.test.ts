// Numbers of trie nodes and keys: the boundaries of every level, and random walks up and down that must meet again.

import { expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import {
  bucketOfRootId,
  bucketRootId,
  childOf,
  firstSlotOfSegment,
  LEVEL_START,
  levelOf,
  localNumber,
  logicalRootId,
  MAIN_TRIE_LEVELS,
  type NodeId,
  parentOf,
  positionInParent,
  ROOT_NODE_ID,
  SUBTREE_LEVELS,
  segmentId,
  subtreeBucketOf,
  subtreeLevelCount,
  subtreeNodeId,
  subtreeRootLevel,
} from "#state/salt/node-ids.ts";
import {
  bucketOfSaltKey,
  describedBucket,
  isMetadataBucket,
  metadataBucketOf,
  metadataSlotOf,
  saltKey,
  slotOfSaltKey,
} from "#state/salt/salt-key.ts";

const SEED = 0x1d5;

test("levels start where a full tree of arity 256 has them", () => {
  for (let level = 0; level < SUBTREE_LEVELS; level++) expect(LEVEL_START[level]).toBe((256 ** level - 1) / 255);
  expect(bucketRootId(0)).toBe(65_793n as NodeId);
  expect(bucketRootId(0xffffff)).toBe(16_843_008n as NodeId);
});

test("a capacity needs as many levels as segments of 256 slots call for", () => {
  const cases: readonly (readonly [number, number])[] = [
    [1, 4],
    [256, 4],
    [257, 3],
    [512, 3],
    [65_536, 3],
    [65_537, 2],
    [131_072, 2],
    [2 ** 24, 2],
    [2 ** 24 + 1, 1],
    [2 ** 32, 1],
    [2 ** 32 + 1, 0],
    [2 ** 39, 0],
    [2 ** 40, 0],
  ];
  for (const [capacity, level] of cases) {
    expect(subtreeRootLevel(capacity)).toBe(level);
    expect(subtreeLevelCount(capacity)).toBe(5 - level);
  }
});

test(`going down and up again meets the same nodes (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED);
  for (let round = 0; round < 500; round++) {
    const bucket = 65_536 + random.below(16_711_680);
    const isMain = random.chance(0.5);
    let id = isMain ? ROOT_NODE_ID : subtreeNodeId(bucket, 0);
    let index = 0;
    for (let level = 1; level < (isMain ? MAIN_TRIE_LEVELS : SUBTREE_LEVELS); level++) {
      const position = random.pick([0, 255, random.below(256)]);
      const child = childOf(id, position);
      index = index * 256 + position;
      expect(levelOf(child)).toBe(level);
      expect(localNumber(child)).toBe((256 ** level - 1) / 255 + index);
      expect(subtreeBucketOf(child)).toBe(isMain ? 0 : bucket);
      expect(positionInParent(child)).toBe(position);
      expect(parentOf(child)).toBe(id);
      id = child;
    }
    if (isMain) {
      expect(bucketOfRootId(id)).toBe(index);
      expect(bucketRootId(index)).toBe(id);
    } else {
      expect(firstSlotOfSegment(id)).toBe(256 * index);
      expect(segmentId(bucket, 256 * index + random.below(256))).toBe(id);
      expect(bucketOfRootId(id)).toBeNull();
    }
  }
});

test("the top of a bucket's tree is the first node of its level", () => {
  const bucket = 70_000n;
  for (let level = 0; level < SUBTREE_LEVELS; level++)
    expect(logicalRootId(70_000, level)).toBe(((bucket << 40n) + BigInt(LEVEL_START[level]!)) as NodeId);
  expect(bucketOfRootId(65_792n as NodeId)).toBeNull();
  expect(bucketOfRootId(16_843_009n as NodeId)).toBeNull();
});

test("numbers that cannot be are refused", () => {
  expect(() => parentOf(ROOT_NODE_ID)).toThrow("no parent");
  expect(() => childOf(segmentId(65_536, 0), 0)).toThrow("not child nodes");
  expect(() => childOf(ROOT_NODE_ID, 256)).toThrow("child position");
  expect(() => subtreeNodeId(65_535, 0)).toThrow("data bucket");
  expect(() => bucketRootId(2 ** 24)).toThrow("bucket id");
  expect(() => subtreeRootLevel(2 ** 40 + 1)).toThrow("capacity");
  expect(() => saltKey(2 ** 24, 0)).toThrow("bucket id");
  expect(() => saltKey(0, 2 ** 40)).toThrow("slot");
});

test("a key joins bucket and slot, and metadata has its place", () => {
  for (const [bucket, slot] of [
    [0, 0],
    [65_536, 255],
    [0xffffff, 2 ** 40 - 1],
  ] as const) {
    const key = saltKey(bucket, slot);
    expect([bucketOfSaltKey(key), slotOfSaltKey(key)]).toEqual([bucket, slot]);
  }
  for (const bucket of [65_536, 65_537, 0x123456, 0xffffff]) {
    expect(isMetadataBucket(bucket)).toBe(false);
    expect(metadataBucketOf(bucket)).toBe(bucket >> 8);
    expect(isMetadataBucket(metadataBucketOf(bucket))).toBe(true);
    expect(describedBucket(metadataBucketOf(bucket), metadataSlotOf(bucket))).toBe(bucket);
  }
});
