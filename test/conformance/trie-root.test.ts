// The conformance harness's own trie against @ethereumjs/mpt, over random worlds.

import { expect, test } from "bun:test";
import { MerklePatriciaTrie } from "@ethereumjs/mpt";
import { toHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { secureRoot } from "./trie-root.ts";

const SEED = 20_261_121;

test(`roots agree with @ethereumjs/mpt (seed ${SEED})`, async () => {
  const random = new SeededRandom(SEED);
  for (const count of [0, 1, 2, 3, 16, 17, 100, 500]) {
    const entries = Array.from(
      { length: count },
      () => [random.bytes(20), random.bytes(1 + random.below(60))] as const,
    );
    const trie = new MerklePatriciaTrie({ useKeyHashing: true });
    for (const [key, value] of entries) await trie.put(key, value);
    expect(`${count} ${toHex(secureRoot(entries))}`).toBe(`${count} ${toHex(trie.root())}`);
  }
});
