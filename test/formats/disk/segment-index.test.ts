// The bytes of an index file and the arithmetic of its layout.

import { describe, expect, test } from "bun:test";
import { FormatError } from "#formats/codec.ts";
import {
  decodeIndexedBlock,
  decodeIndexHeader,
  encodeIndex,
  INDEX_BLOCK_SIZE_BYTES,
  INDEX_HEADER_SIZE_BYTES,
  type IndexContent,
  indexLayout,
  indexTableMatches,
} from "#formats/disk/segment-index.ts";
import { expectGolden } from "./golden.ts";

const CONTENT: IndexContent = {
  segmentIdentity: 0x0123456789abcdefn,
  firstSequence: 500,
  endOffset: 4096,
  lastChecksum: 0xfedcba9876543210n,
  firstMiniBlock: 77,
  offsets: [128, 300, 700, 1200],
  miniBlockSequences: [501, 502],
  blocks: [
    { number: 9, openSequence: null, sealSequence: 500, firstMiniBlock: 70, miniBlockCount: 7, hash: filled(0xee) },
    { number: 10, openSequence: 501, sealSequence: 503, firstMiniBlock: 77, miniBlockCount: 2, hash: filled(0x11) },
  ],
  transactions: [
    { hash: filled(0x99), miniBlockNumber: 77, index: 0 },
    { hash: filled(0x22), miniBlockNumber: 77, index: 1 },
    { hash: filled(0x55), miniBlockNumber: 78, index: 0 },
  ],
};

function filled(byte: number): Uint8Array {
  return new Uint8Array(32).map((_, i) => byte ^ i);
}

describe("index format", () => {
  test("the bytes are those of the golden file", () => {
    expectGolden("segment-index", encodeIndex(CONTENT));
  });

  test("header and blocks read back", () => {
    const bytes = encodeIndex(CONTENT);
    const header = decodeIndexHeader(bytes);
    expect(header).toEqual({
      segmentIdentity: CONTENT.segmentIdentity,
      firstSequence: 500,
      recordCount: 4,
      endOffset: 4096,
      lastChecksum: CONTENT.lastChecksum,
      firstMiniBlock: 77,
      miniBlockCount: 2,
      firstBlock: 9,
      blockCount: 2,
      transactionCount: 3,
    });
    const layout = indexLayout(header);
    expect(bytes.length).toBe(layout.bodyOffset + layout.bodySizeBytes);
    expect(indexTableMatches(bytes, bytes.subarray(INDEX_HEADER_SIZE_BYTES, layout.bodyOffset))).toBe(true);
    CONTENT.blocks.forEach((block, i) => {
      const at = layout.bodyOffset + layout.blocksAt + i * INDEX_BLOCK_SIZE_BYTES;
      expect(decodeIndexedBlock(bytes.subarray(at, at + INDEX_BLOCK_SIZE_BYTES), block.number)).toEqual(block);
    });
  });

  test("any altered byte of the header is refused", () => {
    const bytes = encodeIndex(CONTENT);
    for (let i = 0; i < INDEX_HEADER_SIZE_BYTES; i++) {
      const altered = bytes.slice();
      altered[i]! ^= 0x10;
      expect(() => decodeIndexHeader(altered)).toThrow(FormatError);
    }
  });
});
