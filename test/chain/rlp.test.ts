// RLP on the official vectors, against @ethereumjs/rlp on random and damaged input, and its error texts.

import { describe, expect, test } from "bun:test";
import { RLP } from "@ethereumjs/rlp";
import { utf8 } from "#base/bytes.ts";
import { fromHex, toHex } from "#base/hex.ts";
import type { SeededRandom } from "#base/random.ts";
import {
  decodeRlp,
  decodeRlpPrefix,
  encodeRlp,
  RLP_DEPTH_MAX,
  RlpError,
  type RlpItem,
  rlpInteger,
} from "#chain/rlp.ts";
import { vectorsFolder } from "#test/vectors.ts";
import { randomList, testSeed, withSeed } from "./random-values.ts";
import { vectorFiles } from "./vectors.ts";

type RlpVectors = Readonly<Record<string, { readonly in: unknown; readonly out: string }>>;

const folder = vectorsFolder("rlp-tests");

describe.skipIf(folder === null)("official vectors", () => {
  test("every valid encoding both ways, every invalid one refused", async () => {
    let count = 0;
    for await (const { file, json } of vectorFiles<RlpVectors>(folder as string)) {
      for (const [name, vector] of Object.entries(json)) {
        const bytes = fromHex(vector.out);
        count++;
        if (vector.in === "INVALID") {
          expect(() => decodeRlp(bytes), `${file} ${name}`).toThrow(RlpError);
        } else if (vector.in === "VALID") {
          expect(toHex(encodeRlp(decodeRlp(bytes))), name).toBe(toHex(bytes));
        } else {
          expect(toHex(encodeRlp(itemOf(vector.in))), name).toBe(toHex(bytes));
          expect(hexTree(decodeRlp(bytes)), name).toEqual(hexTree(itemOf(vector.in)));
        }
      }
    }
    expect(count).toBeGreaterThan(0);
  });
});

describe("against an independent implementation", () => {
  test("random items encode to the same bytes and decode again", async () => {
    await withSeed(testSeed(1), (random) => {
      for (let i = 0; i < 2000; i++) {
        const item = randomItem(random, 4);
        const bytes = encodeRlp(item);
        expect(toHex(bytes)).toBe(toHex(RLP.encode(item as never)));
        expect(hexTree(decodeRlp(bytes))).toEqual(hexTree(item));
      }
    });
  });

  test("whatever decodes from damaged input is what the other one decodes, and encodes to the same input", async () => {
    await withSeed(testSeed(2), (random) => {
      let accepted = 0;
      for (let i = 0; i < 20_000; i++) {
        const bytes = damaged(random, encodeRlp(randomItem(random, 3)));
        let item: RlpItem;
        try {
          item = decodeRlp(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(RlpError);
          continue;
        }
        accepted++;
        expect(toHex(encodeRlp(item))).toBe(toHex(bytes));
        expect(hexTree(RLP.decode(bytes) as RlpItem)).toEqual(hexTree(item));
      }
      expect(accepted).toBeGreaterThan(1000);
    });
  });
});

describe("strictness", () => {
  const refused: readonly (readonly [string, string, string])[] = [
    ["", "nothing", "EOF"],
    ["8100", "a short byte with a prefix", "rlp: non-canonical size information"],
    ["b800", "long form of a short string", "rlp: non-canonical size information"],
    ["b90001ff", "length with a leading zero", "rlp: non-canonical size information"],
    ["83ffff", "payload cut", "rlp: value size exceeds available input length"],
    ["c283ff", "element beyond its list", "rlp: element is larger than containing list"],
    ["0000", "a second value", "rlp: input contains more than one value"],
    ["bf0f00000000000000", "a length above 2^48", "rlp: value size exceeds available input length"],
    ["b9ff", "length cut", "unexpected EOF"],
  ];
  for (const [hex, what, message] of refused) {
    test(`${what} is refused`, () => expect(() => decodeRlp(fromHex(hex))).toThrow(message));
  }

  test("nesting is bounded", () => {
    let item: RlpItem = [];
    for (let depth = 1; depth < RLP_DEPTH_MAX; depth++) item = [item];
    expect(toHex(encodeRlp(decodeRlp(encodeRlp(item))))).toBe(toHex(encodeRlp(item)));
    expect(() => decodeRlp(encodeRlp([item]))).toThrow("nested deeper");
  });

  test("a prefix is read where it starts and says where it ends", () => {
    const bytes = fromHex("83646f67c0820400");
    expect(decodeRlpPrefix(bytes, 4)).toEqual({ item: [], end: 5 });
    expect(decodeRlpPrefix(bytes, 5)).toEqual({ item: fromHex("0400"), end: 8 });
  });

  test("integers are minimal", () => {
    expect([0, 1, 127, 128, 256, 2 ** 40].map((n) => toHex(rlpInteger(n)))).toEqual([
      "0x",
      "0x01",
      "0x7f",
      "0x80",
      "0x0100",
      "0x010000000000",
    ]);
    expect(toHex(rlpInteger(2n ** 64n))).toBe("0x010000000000000000");
  });
});

function itemOf(value: unknown): RlpItem {
  if (Array.isArray(value)) return value.map(itemOf);
  if (typeof value === "number") return rlpInteger(value);
  const text = String(value);
  return text.startsWith("#") ? rlpInteger(BigInt(text.slice(1))) : utf8(text);
}

function hexTree(item: RlpItem): unknown {
  return item instanceof Uint8Array ? toHex(item) : item.map(hexTree);
}

function randomItem(random: SeededRandom, depthMax: number): RlpItem {
  if (depthMax > 0 && random.below(3) === 0) return randomList(random, 6, () => randomItem(random, depthMax - 1));
  return random.bytes(random.pick([0, 1, 1, 2, 20, 32, 54, 55, 56, 57, 255, 256, 300]));
}

function damaged(random: SeededRandom, bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice(0, random.below(8) === 0 ? random.below(bytes.length + 1) : bytes.length);
  for (let i = random.below(3); i > 0 && copy.length > 0; i--) copy[random.below(copy.length)] = random.below(256);
  return copy;
}
