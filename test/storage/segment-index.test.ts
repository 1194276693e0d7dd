// Look-ups in an index of many pages, with hashes that begin alike, against plain lists.

import { expect, test } from "bun:test";
import { bytesEqual } from "#base/bytes.ts";
import { SeededRandom } from "#base/random.ts";
import { encodeIndex, type IndexContent, type IndexedBlock } from "#formats/disk/segment-index.ts";
import { IndexDamageError, SegmentIndex } from "#storage/segment-index.ts";

function largeContent(transactionCount: number): IndexContent {
  const random = new SeededRandom(transactionCount);
  const hash = () => {
    const bytes = random.bytes(32);
    // Long runs of equal prefixes, so that they cross pages.
    if (random.chance(0.5)) bytes.fill(random.below(3) * 100, 0, 8);
    return bytes;
  };
  const transactions = Array.from({ length: transactionCount }, (_, i) => {
    return { hash: hash(), miniBlockNumber: 5000 + (i >> 2), index: i & 3 };
  });
  const blocks: IndexedBlock[] = Array.from({ length: 300 }, (_, i) => {
    const openSequence = i === 0 ? null : 1000 + i * 6;
    return {
      number: 70 + i,
      openSequence,
      sealSequence: 1005 + i * 6,
      firstMiniBlock: 5000 + i * 4,
      miniBlockCount: 4,
      hash: hash(),
    };
  });
  return {
    segmentIdentity: 1n,
    firstSequence: 1000,
    endOffset: 1 << 20,
    lastChecksum: 2n,
    firstMiniBlock: 5000,
    offsets: Array.from({ length: 1801 }, (_, i) => 128 + i * 300),
    miniBlockSequences: Array.from({ length: 1201 }, (_, i) => 1001 + i),
    blocks,
    transactions,
  };
}

for (const transactionCount of [0, 1, 255, 256, 257, 4001]) {
  test(`every look-up in an index of ${transactionCount} transactions`, () => {
    const content = largeContent(transactionCount);
    const index = SegmentIndex.fromBytes(encodeIndex(content));
    content.offsets.forEach((offset, i) => void expect(index.offsetOf(1000 + i)).toBe(offset));
    expect([index.offsetOf(999), index.offsetOf(1000 + content.offsets.length)]).toEqual([null, null]);
    content.miniBlockSequences.forEach((sequence, i) => {
      expect(index.sequenceOfMiniBlock(5000 + i)).toBe(sequence);
    });
    expect([index.sequenceOfMiniBlock(4999), index.sequenceOfMiniBlock(6201)]).toEqual([null, null]);
    for (const block of content.blocks) {
      expect(index.block(block.number)).toEqual(block);
      expect(index.blockByHash(block.hash)).toEqual(block);
    }
    expect([index.block(69), index.block(370)]).toEqual([null, null]);
    for (const { hash, miniBlockNumber, index: at } of content.transactions.slice(0, 600)) {
      const found = index.transactionCandidates(hash);
      expect(found).toContainEqual({ miniBlockNumber, index: at });
      const alike = content.transactions.filter((other) => bytesEqual(other.hash.subarray(0, 8), hash.subarray(0, 8)));
      expect(found.length).toBe(alike.length);
    }
    for (const byte of [0, 1, 100, 150, 200, 255]) {
      const absent = new Uint8Array(32).fill(byte).fill(byte ^ 1, 4);
      expect(index.transactionCandidates(absent)).toEqual([]);
      expect(index.blockByHash(absent)).toBeNull();
    }
    expect(index.verify()).toBe(true);
  });
}

test("a damaged page is refused when it is needed, and found by a check of all", () => {
  const bytes = encodeIndex(largeContent(2000));
  bytes[bytes.length - 100]! ^= 1;
  const index = SegmentIndex.fromBytes(bytes);
  expect(index.offsetOf(1000)).toBe(128);
  expect(index.verify()).toBe(false);
  const lookUpAll = () => {
    for (let number = 70; number < 370; number++) index.blockByHash(index.block(number)!.hash);
  };
  expect(lookUpAll).toThrow(IndexDamageError);
});
