// The streaming trie root against a trie that is really built.

import { describe, expect, test } from "bun:test";
import { createMPT, MerklePatriciaTrie } from "@ethereumjs/mpt";
import { RLP } from "@ethereumjs/rlp";
import { toHex } from "#base/hex.ts";
import type { SeededRandom } from "#base/random.ts";
import { EMPTY_TRIE_ROOT } from "#chain/header.ts";
import { orderedTrieRoot } from "#chain/ordered-trie.ts";
import { testSeed, withSeed } from "./random-values.ts";

describe("the root agrees with a real trie", () => {
  test("for every size up to 300", async () => {
    await withSeed(testSeed(1), async (random) => {
      // One trie grows by a value at a time: its root at each size is the oracle for that size.
      const trie = await createMPT();
      const values: Uint8Array[] = [];
      for (let size = 0; size <= 300; size++) {
        expect(toHex(orderedTrieRoot(values)), `size ${size}`).toBe(toHex(trie.root()));
        const value = randomValue(random);
        await trie.put(RLP.encode(size), value);
        values.push(value);
      }
    });
  });

  for (const size of [1000, 4097]) {
    test(`for ${size} values`, async () => {
      await withSeed(testSeed(size), async (random) => {
        const trie = new MerklePatriciaTrie();
        const values = Array.from({ length: size }, () => randomValue(random));
        for (let i = 0; i < size; i++) await trie.put(RLP.encode(i), values[i]!);
        expect(toHex(orderedTrieRoot(values))).toBe(toHex(trie.root()));
      });
    });
  }

  test("for 66,000 values, whose last keys have three bytes", () => {
    // The root that @ethereumjs/mpt gives; building that trie takes eleven seconds.
    const values = Array.from({ length: 66_000 }, (_, i) => new Uint8Array(1 + (i % 40)).fill((i % 255) + 1));
    expect(toHex(orderedTrieRoot(values))).toBe("0x155983071f8b72da68d0cc421addb3a8a06343c5b37a87b85fddfb874d1a2777");
  });

  test("when all values are so short that nodes are held inside their parents", async () => {
    await withSeed(testSeed(2), async (random) => {
      for (const size of [1, 2, 3, 16, 17, 127, 128, 129, 200]) {
        const trie = await createMPT();
        const values = Array.from({ length: size }, () => random.bytes(1 + random.below(2)));
        for (let i = 0; i < size; i++) await trie.put(RLP.encode(i), values[i]!);
        expect(toHex(orderedTrieRoot(values)), `size ${size}`).toBe(toHex(trie.root()));
      }
    });
  });
});

test("the root of nothing is the empty root, in memory of its own", () => {
  const root = orderedTrieRoot([]);
  expect(toHex(root)).toBe(toHex(EMPTY_TRIE_ROOT));
  expect(root).not.toBe(EMPTY_TRIE_ROOT);
});

test("an empty value is a bug of the caller", () => {
  expect(() => orderedTrieRoot([new Uint8Array(0)])).toThrow("no empty values");
});

function randomValue(random: SeededRandom): Uint8Array {
  return random.bytes(random.pick([1, 1, 5, 20, 28, 29, 30, 31, 32, 33, 55, 56, 110, 250, 600]));
}
