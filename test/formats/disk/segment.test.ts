// The bytes of a segment: header and frames as the golden file has them, and refusal of every altered byte.

import { describe, expect, test } from "bun:test";
import { concatBytes, utf8 } from "#base/bytes.ts";
import { FormatError } from "#formats/codec.ts";
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  FRAME_HEADER_SIZE_BYTES,
  FrameCodec,
  SEGMENT_HEADER_SIZE_BYTES,
  type SegmentHeader,
  segmentIdentity,
} from "#formats/disk/segment.ts";
import { expectGolden } from "./golden.ts";

const HEADER: SegmentHeader = {
  chainId: 31337n,
  genesisHash: new Uint8Array(32).map((_, i) => i),
  firstSequence: 1_000_000,
  previousChecksum: 0x0102030405060708n,
  salt: 0x1122334455667788n,
};
const RECORDS = [utf8("first record"), utf8(""), utf8("third, a longer record".repeat(4))];

function encodeSegment(): Uint8Array {
  const header = encodeSegmentHeader(HEADER);
  const codec = new FrameCodec(segmentIdentity(header));
  const frames: Uint8Array[] = [];
  let previousChecksum = HEADER.previousChecksum;
  RECORDS.forEach((record, sequenceOffset) => {
    const frame = new Uint8Array(FRAME_HEADER_SIZE_BYTES + record.length);
    const syncedOffset = SEGMENT_HEADER_SIZE_BYTES;
    previousChecksum = codec.encode({ sequenceOffset, syncedOffset, previousChecksum }, record, frame, 0);
    frames.push(frame);
  });
  return concatBytes(header, ...frames);
}

describe("segment format", () => {
  test("the bytes are those of the golden file", () => {
    expectGolden("segment", encodeSegment());
  });

  test("the header reads back", () => {
    expect(decodeSegmentHeader(encodeSegmentHeader(HEADER))).toEqual(HEADER);
  });

  test("any altered byte of the header is refused", () => {
    const bytes = encodeSegmentHeader(HEADER);
    for (let i = 0; i < bytes.length; i++) {
      const altered = bytes.slice();
      altered[i]! ^= 0x40;
      expect(() => decodeSegmentHeader(altered)).toThrow(FormatError);
    }
    expect(() => decodeSegmentHeader(bytes.subarray(0, 127))).toThrow(FormatError);
  });

  test("frames read back and any altered byte of one is found", () => {
    const bytes = encodeSegment();
    const codec = new FrameCodec(segmentIdentity(bytes));
    let offset = SEGMENT_HEADER_SIZE_BYTES;
    RECORDS.forEach((record, i) => {
      const end = offset + FRAME_HEADER_SIZE_BYTES + record.length;
      expect(codec.decodeHeader(bytes, offset)).toMatchObject({ length: record.length, sequenceOffset: i });
      expect(codec.matches(bytes, offset, record)).toBe(true);
      for (let at = offset; at < end; at++) {
        const altered = bytes.slice();
        altered[at]! ^= 1;
        const payload = altered.subarray(offset + FRAME_HEADER_SIZE_BYTES, end);
        expect(codec.decodeHeader(altered, offset) !== null && codec.matches(altered, offset, payload)).toBe(false);
      }
      offset = end;
    });
    expect(offset).toBe(bytes.length);
  });

  test("a frame of a segment with another salt is no frame here", () => {
    const other = encodeSegmentHeader({ ...HEADER, salt: HEADER.salt + 1n });
    const codec = new FrameCodec(segmentIdentity(other));
    const bytes = encodeSegment();
    expect(codec.matches(bytes, SEGMENT_HEADER_SIZE_BYTES, RECORDS[0]!)).toBe(false);
    expect(codec.decodeHeader(bytes, SEGMENT_HEADER_SIZE_BYTES)).toBeNull();
  });
});
