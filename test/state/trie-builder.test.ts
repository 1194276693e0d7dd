// Tries built in one pass against the library's insertion, node by node.

import { expect, test } from "bun:test";
import { createMPT } from "@ethereumjs/mpt";
import { AssertionError } from "#base/assert.ts";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { KECCAK_EMPTY_RLP } from "#crypto/keccak256.ts";
import { buildTrie, type TrieLeaf } from "#state/trie-builder.ts";

test("roots and nodes equal those of insertion by the library, for short keys with embedded nodes too", async () => {
  for (let seed = 51; seed < 91; seed++) {
    const random = new SeededRandom(seed);
    const keySize = random.pick([1, 2, 3, 32]);
    const leaves = new Map<string, TrieLeaf>();
    for (let i = 0; i < 1 + random.below(60); i++) {
      const key = random.bytes(keySize);
      leaves.set(toBareHex(key), { key, value: random.bytes(1 + random.below(random.pick([4, 60]))) });
    }
    const reference = await createMPT();
    for (const { key, value } of leaves.values()) await reference.put(key, value);
    const nodes = new Map<string, Uint8Array>();
    const root = buildTrie([...leaves.values()], (hash, encoded) => nodes.set(toBareHex(hash), encoded));
    expect(toBareHex(root), `seed ${seed}`).toBe(toBareHex(reference.root()));
    // Every node that can be reached is there.
    for (const { key, value } of leaves.values()) expect(await reference.get(key)).toEqual(value);
    for (const [hash, encoded] of nodes) {
      const stored = await reference.database().get(Uint8Array.from(Buffer.from(hash, "hex")));
      expect(stored && toBareHex(stored), `seed ${seed}`).toBe(toBareHex(encoded));
    }
  }
});

test("no leaves make the empty root, repeated keys are a bug", () => {
  expect(buildTrie([], () => {})).toEqual(KECCAK_EMPTY_RLP);
  const leaf = { key: Uint8Array.of(1), value: Uint8Array.of(2) };
  expect(() => buildTrie([leaf, leaf], () => {})).toThrow(AssertionError);
});
