// The root of a block's transactions: our streaming one against building a trie with @ethereumjs/mpt.

import { MerklePatriciaTrie } from "@ethereumjs/mpt";
import { RLP } from "@ethereumjs/rlp";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { orderedTrieRoot } from "#chain/ordered-trie.ts";
import { runInterleaved, smokeOr } from "../harness.ts";

const seed = 20_261_122;
const valueSizeBytes = 116;

for (const count of [smokeOr(100, 10), smokeOr(2000, 40)]) {
  const random = new SeededRandom(seed);
  const values = Array.from({ length: count }, () => random.bytes(valueSizeBytes));
  await runInterleaved({
    name: `root over ${count} values`,
    rounds: smokeOr(7, 2),
    operationCount: count,
    parameters: { seed, valueSizeBytes },
    contenders: {
      ours: () => toBareHex(orderedTrieRoot(values)),
      "@ethereumjs/mpt": async () => {
        const trie = new MerklePatriciaTrie();
        for (let i = 0; i < count; i++) await trie.put(RLP.encode(i), values[i]!);
        return toBareHex(trie.root());
      },
    },
  });
}
