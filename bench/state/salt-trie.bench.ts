// What a block costs the SALT trie on one thread: values of random keys change, and the root is asked for. By the width of the tables'
// windows, which is time against memory. Keys lie in buckets of their own, as those of a chain with few keys a bucket do.

import { bigintToBytes } from "#base/bytes.ts";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { Banderwagon } from "#crypto/banderwagon/banderwagon.ts";
import { SALT_SEED } from "#crypto/banderwagon/bases.ts";
import { BUCKET_CAPACITY_MIN, BUCKET_COUNT, METADATA_BUCKET_COUNT } from "#state/salt/salt-key.ts";
import type { SlotChange } from "#state/salt/state-updates.ts";
import { type CommitmentStore, SaltTrie } from "#state/salt/trie.ts";
import { runInterleaved, SMOKE, smokeOr } from "../harness.ts";

const seed = 20_261_128;
const keyCount = smokeOr(10_000, 50);
const partCount = 10;
const windowWidths = SMOKE ? [4, 5] : [6, 8, 10];

/** Nothing is stored: every block begins on the empty trie. */
const EMPTY: CommitmentStore = { commitment: () => null, capacity: () => BUCKET_CAPACITY_MIN };

const random = new SeededRandom(seed);
const changes = Array.from({ length: keyCount }, (_, i): SlotChange => {
  const bucket = METADATA_BUCKET_COUNT + random.below(BUCKET_COUNT - METADATA_BUCKET_COUNT);
  const key = bigintToBytes(BigInt(i), 20);
  return {
    bucket,
    slot: random.below(BUCKET_CAPACITY_MIN),
    before: null,
    after: { key, value: bigintToBytes(1n, 40) },
  };
});
const first = new Map(changes.map((change) => [`${change.bucket}/${change.slot}`, change]));
const distinct = [...first.values()];

const tries = windowWidths.map((windowBits) => {
  return [windowBits, new SaltTrie(new Banderwagon({ seed: SALT_SEED, protocol: "st", windowBits }), EMPTY)] as const;
});

function run(trie: SaltTrie): string {
  const size = Math.ceil(distinct.length / partCount);
  for (let part = 0; part < partCount; part++) trie.update(distinct.slice(part * size, (part + 1) * size));
  return toBareHex(trie.finish().root).slice(0, 16);
}

await runInterleaved({
  name: "SALT root of an EVM block in ten parts, per changed key",
  rounds: smokeOr(5, 2),
  warmUpRounds: 1,
  operationCount: distinct.length,
  parameters: { seed, keyCount: distinct.length, partCount },
  contenders: Object.fromEntries(tries.map(([windowBits, trie]) => [`windows of ${windowBits} bits`, () => run(trie)])),
});
