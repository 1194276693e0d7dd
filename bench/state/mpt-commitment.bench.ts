// What an EVM block costs the Merkle Patricia commitment: random accounts of a large state change their balance, and the
// root is asked for. Our memory trie against @ethereumjs/mpt behind the same interface.

import { bigintToBytes } from "#base/bytes.ts";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { KECCAK_EMPTY } from "#crypto/keccak256.ts";
import type { AccountChange } from "#state/commitment.ts";
import { createLibraryTrie } from "#state/library-trie.ts";
import { createMemoryTrie } from "#state/memory-trie.ts";
import { MptCommitment } from "#state/mpt-commitment.ts";
import { runInterleaved, smokeOr } from "../harness.ts";

const seed = 20_261_123;
const accountCount = smokeOr(100_000, 200);
const changeCount = smokeOr(1000, 20);
const blockCount = 2;

function change(number: number, balance: number): AccountChange {
  const account = { nonce: 1n, balance: BigInt(balance), codeHash: KECCAK_EMPTY };
  return { address: bigintToBytes(BigInt(number), 20), account, slots: [], storageCleared: false };
}

const random = new SeededRandom(seed);
const blocks = Array.from({ length: blockCount }, () => {
  const numbers = new Set<number>();
  while (numbers.size < changeCount) numbers.add(random.below(accountCount));
  return [...numbers];
});
const initial = Array.from({ length: accountCount }, (_, number) => change(number, 0));
const commitments = { own: new MptCommitment(createMemoryTrie), library: new MptCommitment(createLibraryTrie) };
for (const commitment of Object.values(commitments)) await commitment.update(initial);

/** Two blocks and back again, so that every round starts from the same state. */
async function run(commitment: MptCommitment): Promise<string> {
  let digest = "";
  for (const [i, numbers] of blocks.entries()) {
    await commitment.update(numbers.map((number) => change(number, i + 1)));
    digest = toBareHex(await commitment.root()).slice(0, 16);
  }
  for (const numbers of blocks) await commitment.update(numbers.map((number) => change(number, 0)));
  await commitment.root();
  return digest;
}

await runInterleaved({
  name: "state root of an EVM block, per changed account",
  rounds: smokeOr(5, 2),
  warmUpRounds: 1,
  operationCount: 2 * blockCount * changeCount,
  parameters: { seed, accountCount, changeCount, blockCount },
  contenders: {
    "memory trie": () => run(commitments.own),
    "@ethereumjs/mpt": () => run(commitments.library),
  },
});
