// The bytes of a checkpoint's head, chunk header and footer.

import { describe, expect, test } from "bun:test";
import { concatBytes, utf8 } from "#base/bytes.ts";
import { FormatError } from "#formats/codec.ts";
import {
  type CheckpointFooter,
  chainChecksum,
  chunkChecksum,
  decodeCheckpointFooter,
  decodeCheckpointHead,
  decodeChunkHeader,
  encodeCheckpointFooter,
  encodeCheckpointHead,
  encodeChunkHeader,
} from "#formats/disk/checkpoint.ts";
import { expectGolden } from "./golden.ts";

const IDENTITY = { chainId: 31337n, genesisHash: new Uint8Array(32).map((_, i) => 255 - i) };
const CHUNK = utf8("a chunk of state");
const FOOTER: CheckpointFooter = {
  version: 123_456,
  sequence: 150_000,
  term: 3,
  recordHash: new Uint8Array(32).fill(7),
  chunkCount: 1,
  contentSizeBytes: CHUNK.length,
  metaOffset: 64 + 16 + CHUNK.length,
  contentChecksum: chainChecksum(0n, decodeChunkHeader(encodeChunkHeader(0, CHUNK)).checksum),
};

describe("checkpoint format", () => {
  test("the bytes are those of the golden file", () => {
    const head = encodeCheckpointHead(IDENTITY);
    const footer = encodeCheckpointFooter(FOOTER, head);
    expectGolden("checkpoint", concatBytes(head, encodeChunkHeader(0, CHUNK), CHUNK, footer));
  });

  test("head and footer read back; a checkpoint of the genesis state has sequence -1", () => {
    const head = encodeCheckpointHead(IDENTITY);
    expect(decodeCheckpointHead(head)).toEqual(IDENTITY);
    for (const footer of [FOOTER, { ...FOOTER, sequence: -1 }]) {
      expect(decodeCheckpointFooter(encodeCheckpointFooter(footer, head), head)).toEqual(footer);
    }
  });

  test("any altered byte of head or footer is refused, and a footer of another head", () => {
    const head = encodeCheckpointHead(IDENTITY);
    const footer = encodeCheckpointFooter(FOOTER, head);
    for (let i = 0; i < head.length; i++) {
      const altered = head.slice();
      altered[i]! ^= 2;
      expect(() => decodeCheckpointHead(altered)).toThrow(FormatError);
      expect(() => decodeCheckpointFooter(footer, altered)).toThrow(FormatError);
    }
    for (let i = 0; i < footer.length; i++) {
      const altered = footer.slice();
      altered[i]! ^= 2;
      expect(() => decodeCheckpointFooter(altered, head)).toThrow(FormatError);
    }
  });

  test("a chunk's checksum covers its place and its bytes", () => {
    const { checksum } = decodeChunkHeader(encodeChunkHeader(0, CHUNK));
    expect(decodeChunkHeader(encodeChunkHeader(1, CHUNK)).checksum).not.toBe(checksum);
    const altered = CHUNK.slice();
    altered[3]! ^= 1;
    expect(chunkChecksum(encodeChunkHeader(0, CHUNK), altered)).not.toBe(checksum);
  });
});
