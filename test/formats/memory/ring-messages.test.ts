// Payloads of the rings: positions and tags come back as they went in, and their bytes are fixed.

import { describe, expect, test } from "bun:test";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { FormatError } from "#formats/codec.ts";
import {
  decodeLogPosition,
  decodeTagged,
  encodeLogPosition,
  encodeTagged,
  FeedRingMessage,
  LogMessage,
  ReplyMessage,
  RequestMessage,
} from "#formats/memory/ring-messages.ts";

describe("log positions", () => {
  test("come back as they went in, nothing kept included", () => {
    for (const position of [
      { sequence: -1, version: 0 },
      { sequence: 0, version: 0 },
      { sequence: 0, version: 1 },
      { sequence: 2 ** 53 - 1, version: 2 ** 40 },
    ]) {
      expect(decodeLogPosition(encodeLogPosition(position))).toEqual(position);
    }
  });

  test("bytes", () => {
    expect(toBareHex(encodeLogPosition({ sequence: 258, version: 3 }))).toBe("0201000000000000030000000000000000");
    expect(toBareHex(encodeLogPosition({ sequence: -1, version: 0 }))).toBe(`${"00".repeat(16)}01`);
  });

  test("a cut payload is refused", () => {
    const payload = encodeLogPosition({ sequence: 7, version: 8 });
    for (let size = 0; size < payload.length; size++) {
      expect(() => decodeLogPosition(payload.subarray(0, size))).toThrow(FormatError);
    }
  });
});

describe("tags", () => {
  test("any number of parts comes back as one body (seed 5)", () => {
    const random = new SeededRandom(5);
    for (let round = 0; round < 200; round++) {
      const tag = { worker: random.below(256), request: random.u32() };
      const parts = Array.from({ length: random.below(4) }, () => random.bytes(random.below(40)));
      const payload = encodeTagged(tag, ...parts);
      const decoded = decodeTagged(payload);
      expect(decoded.tag).toEqual(tag);
      expect(toBareHex(decoded.body)).toBe(parts.map(toBareHex).join(""));
    }
  });

  test("bytes", () => {
    expect(toBareHex(encodeTagged({ worker: 2, request: 0x01020304 }, Uint8Array.of(9)))).toBe("020403020109");
    expect(() => decodeTagged(Uint8Array.of(1, 2, 3, 4))).toThrow(FormatError);
  });
});

test("no two kinds of one ring share a number", () => {
  for (const kinds of [LogMessage, RequestMessage, ReplyMessage, FeedRingMessage]) {
    const numbers = Object.values(kinds);
    expect(new Set(numbers).size).toBe(numbers.length);
  }
});
