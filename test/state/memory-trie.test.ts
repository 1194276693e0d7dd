// The memory trie and the library's trie side by side under random writes and removals, down to empty and up again.

import { expect, test } from "bun:test";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { KECCAK_EMPTY_RLP } from "#crypto/keccak256.ts";
import { createLibraryTrie } from "#state/library-trie.ts";
import { createMemoryTrie } from "#state/memory-trie.ts";

for (const seed of [71, 72, 73, 74]) {
  test(`same roots, nodes and values (seed ${seed})`, async () => {
    const random = new SeededRandom(seed);
    const tries = [await createMemoryTrie(), await createLibraryTrie()] as const;
    const keys = Array.from({ length: 10 + 120 * (seed % 4) }, () => random.bytes(32));
    const held = new Map<string, Uint8Array>();
    for (let round = 0; round < 40; round++) {
      // Phases of growth and of decline.
      const removeChance = round % 20 < 10 ? 0.2 : 0.9;
      const batch = new Map<string, { key: Uint8Array; value: Uint8Array }>();
      for (let i = 0; i < 1 + random.below(40); i++) {
        const key = random.pick(keys);
        const value = random.chance(removeChance) ? new Uint8Array(0) : random.bytes(1 + random.below(40));
        batch.set(toBareHex(key), { key, value });
      }
      for (const trie of tries) await trie.write([...batch.values()]);
      for (const [name, { value }] of batch) {
        if (value.length === 0) held.delete(name);
        else held.set(name, value);
      }
      const hint = `seed ${seed} round ${round}`;
      expect(toBareHex(tries[0].root()), hint).toBe(toBareHex(tries[1].root()));
      expect(tries[0].nodeCount(), hint).toBe(tries[1].nodeCount());
      const probe = random.pick(keys);
      expect(await tries[0].read(probe), hint).toEqual(held.get(toBareHex(probe)) ?? null);
    }
    const removals = keys.map((key) => ({ key, value: new Uint8Array(0) }));
    await tries[0].write(removals);
    expect(tries[0].root()).toEqual(KECCAK_EMPTY_RLP);
    expect(tries[0].nodeCount()).toBe(0);
    expect(await tries[0].read(keys[0]!)).toBeNull();
  });
}

test("writing what is there already changes no root, and a lone short leaf is hashed", async () => {
  const [own, library] = [await createMemoryTrie(), await createLibraryTrie()];
  const leaf = { key: new Uint8Array(32), value: Uint8Array.of(1) };
  await own.write([leaf]);
  await library.write([leaf]);
  expect(own.root()).toEqual(library.root());
  const before = own.root();
  await own.write([leaf]);
  expect(own.root()).toEqual(before);
  await own.write([{ key: new Uint8Array(32).fill(1), value: new Uint8Array(0) }]);
  expect(own.root()).toEqual(before);
});
