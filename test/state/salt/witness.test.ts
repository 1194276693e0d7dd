// Witnesses made and checked: known bytes for MegaETH's parameters, every scheme's witness accepted and every tampered one
// refused, and each rule that a proof does not cover broken once.

import { describe, expect, test } from "bun:test";
import { fromHex, toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { sha256 } from "#crypto/sha256.ts";
import { FormatError } from "#formats/codec.ts";
import { bucketMetaEntry, encodePlainAccount, type SaltEntry } from "#formats/wire/salt-entry.ts";
import { decodeSaltWitness, encodeSaltWitness, type SaltWitness } from "#formats/wire/salt-witness.ts";
import { bucketOfKey, homeSlot } from "#state/salt/key-hash.ts";
import { subtreeLevelCount } from "#state/salt/node-ids.ts";
import { MemoryNodeStore } from "#state/salt/node-store.ts";
import { proveWitness } from "#state/salt/prove-witness.ts";
import { metadataBucketOf, metadataSlotOf, type SaltKey, saltKey } from "#state/salt/salt-key.ts";
import { SaltTrie } from "#state/salt/salt-trie.ts";
import type { SlotChange } from "#state/salt/state-updates.ts";
import type { VectorCommitment } from "#state/salt/vector-commitment.ts";
import { verifyWitness } from "#state/salt/verify-witness.ts";
import { witnessOpenings } from "#state/salt/witness-openings.ts";
import { eachScheme } from "./schemes.ts";

const SEED = Number(process.env.MEGAETH_SEED ?? 20_261_133);
console.log(`seed ${SEED}`);
const random = new SeededRandom(SEED);

const BUCKET = 131_072;
/** The first keys of the bucket. */
const KEYS = [
  "e1f65916535230d5abcc5d022348fced0ebcbd16",
  "bd2369b04dd7db579559851609fb9d47c4c64895",
  "1efa3d6eef22ed3971c3ad2c06743880fe147bda",
].map(fromHex);

type Slots = Map<SaltKey, SaltEntry>;

/** A state with these slots, its root, and its witnesses. */
function openState<Node>(scheme: VectorCommitment<Node>, slots: Slots, capacities: ReadonlyMap<number, number>) {
  const levelCount = (bucket: number) => subtreeLevelCount(capacities.get(bucket) ?? 256);
  const store = new MemoryNodeStore<Node>(levelCount);
  const trie = new SaltTrie<Node>(scheme, new MemoryNodeStore<Node>(() => 1));
  for (const [bucket, capacity] of capacities) {
    const [home, slot] = [metadataBucketOf(bucket), metadataSlotOf(bucket)];
    slots.set(saltKey(home, slot), bucketMetaEntry({ nonce: 0, capacity }));
  }
  const changes = Array.from(slots, ([key, after]): SlotChange => {
    return { bucket: Number(key >> 40n), slot: Number(BigInt.asUintN(40, key)), before: null, after };
  });
  trie.update(changes);
  const { root, nodes } = trie.finalize();
  store.apply(nodes);
  const entryAt = (bucket: number, slot: number) => slots.get(saltKey(bucket, slot)) ?? null;
  const prove = (keys: readonly SaltKey[]) => proveWitness(scheme, { nodes: store, entryAt }, keys);
  return { root, prove };
}

const knownSlots = (capacity: number, count = KEYS.length): Slots =>
  new Map(
    KEYS.slice(0, count).map((key, i) => {
      const value = encodePlainAccount({ nonce: 1n, balance: BigInt(i), codeHash: null });
      return [saltKey(BUCKET, homeSlot(key, 0, capacity)), { key, value }] as const;
    }),
  );

/** A state of random keys in a few buckets, one of them expanded, and slots to show. */
function randomState<Node>(scheme: VectorCommitment<Node>) {
  const capacities = new Map<number, number>();
  const slots: Slots = new Map();
  for (let i = 0; i < 30; i++) {
    const key = random.bytes(random.pick([20, 52]));
    const bucket = bucketOfKey(key);
    if (random.chance(0.3)) capacities.set(bucket, random.pick([512, 1024, 131_072]));
    const value = random.bytes(key.length === 52 ? 32 : random.pick([40, 72]));
    slots.set(saltKey(bucket, homeSlot(key, 0, capacities.get(bucket) ?? 256)), { key, value });
  }
  const state = openState(scheme, slots, capacities);
  const shown = [...slots.keys()].filter(() => random.chance(0.5));
  for (const [bucket, capacity] of capacities) shown.push(saltKey(bucket, random.below(capacity)));
  for (let i = 0; i < 5; i++) shown.push(saltKey(65_536 + random.below(1 << 23), random.below(256)));
  shown.push(saltKey(256 + random.below(1000), random.below(256)));
  return { ...state, shown, slots };
}

eachScheme(<Node>(scheme: VectorCommitment<Node>) => {
  const isRefused = (witness: SaltWitness, root: Uint8Array) => "refused" in verifyWitness(scheme, witness, root);
  const refusal = (witness: SaltWitness, root: Uint8Array): string => {
    const verified = verifyWitness(scheme, witness, root);
    return "refused" in verified ? verified.refused : "accepted";
  };

  describe(`witnesses with ${scheme.name}`, () => {
    test("show what the state holds, absences included", () => {
      for (let round = 0; round < 3; round++) {
        const { root, prove, shown, slots } = randomState(scheme);
        const witness = decodeSaltWitness(encodeSaltWitness(prove(shown)));
        const verified = verifyWitness(scheme, witness, root);
        if ("refused" in verified) throw new Error(verified.refused);
        expect(verified.slots.size).toBe(new Set(shown).size);
        for (const key of shown) {
          const before = key >> 40n < 65_536n ? bucketMetaEntry({ nonce: 0, capacity: 256 }) : null;
          expect(verified.slots.get(key)).toEqual(slots.get(key) ?? before);
        }
        expect(isRefused(witness, random.bytes(32))).toBe(true);
      }
    });

    test("with any one bit changed are refused", () => {
      const { root, prove, shown } = randomState(scheme);
      const bytes = encodeSaltWitness(prove(shown));
      expect(isRefused(decodeSaltWitness(bytes), root)).toBe(false);
      for (let i = 0; i < 150; i++) {
        const forged = bytes.slice();
        forged[random.below(bytes.length)]! ^= 1 << random.below(8);
        let outcome = "accepted";
        try {
          outcome = refusal(decodeSaltWitness(forged), root);
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
          outcome = error.message;
        }
        expect(outcome).not.toBe("accepted");
      }
    });

    test("of an empty slot do not do for an empty slot beside it", () => {
      const { root, prove } = openState(scheme, knownSlots(256, 1), new Map());
      const { slots, proof } = prove([saltKey(BUCKET, 200)]);
      expect(refusal({ slots, proof }, root)).toBe("accepted");
      for (const slot of [201, 208, 255]) {
        expect(refusal({ slots: [{ key: saltKey(BUCKET, slot), entry: null }], proof }, root)).toMatch(/does not hold/);
      }
    });

    test("that break a rule are refused whatever their proof says", () => {
      const { root, prove } = openState(scheme, knownSlots(512), new Map([[BUCKET, 512]]));
      const [home, metaSlot] = [metadataBucketOf(BUCKET), metadataSlotOf(BUCKET)];
      const witness = prove([saltKey(home, metaSlot), ...knownSlots(512).keys()]);
      expect(refusal(witness, root)).toBe("accepted");
      const { slots, proof } = witness;
      const levels = (bucket: number, levelCount: number): SaltWitness => {
        return {
          slots,
          proof: { ...proof, levels: proof.levels.map((l) => (l.bucket === bucket ? { bucket, levelCount } : l)) },
        };
      };
      const withEntry = (entry: SaltEntry | null, at = 1): SaltWitness => {
        return { slots: slots.with(at, { ...slots[at]!, entry }), proof };
      };
      const entry = slots[1]!.entry!;
      const cases: readonly (readonly [RegExp, SaltWitness])[] = [
        [/no slots/, { slots: [], proof: { ...proof, levels: [] } }],
        [/512 slots with 1 levels/, levels(BUCKET, 1)],
        [/512 slots with 3 levels/, levels(BUCKET, 3)],
        [/with 0 levels/, levels(BUCKET, 0)],
        [/with 6 levels/, levels(BUCKET, 6)],
        [/bucket 512 with 2 levels/, levels(home, 2)],
        [/without levels/, { slots, proof: { ...proof, levels: proof.levels.slice(1) } }],
        [/without slots/, { slots: slots.slice(0, 1), proof }],
        [/no bucket/, { slots, proof: { ...proof, levels: [...proof.levels, { bucket: 2 ** 24, levelCount: 1 }] } }],
        [/behind its end/, { slots: [...slots, { key: saltKey(BUCKET, 512), entry: null }], proof }],
        [/describes nothing/, { slots: [{ key: 0n, entry: slots[0]!.entry }, ...slots], proof }],
        [/is empty/, withEntry(null, 0)],
        [/no metadata/, withEntry({ key: random.bytes(12), value: new Uint8Array(0) }, 0)],
        [/neither account nor storage/, withEntry({ key: entry.key, value: random.bytes(41) })],
        [/another bucket/, withEntry({ key: random.bytes(20), value: entry.value })],
        [/two slots/, withEntry(slots[2]!.entry)],
        [/other nodes/, { slots, proof: { ...proof, commitments: proof.commitments.slice(0, -1) } }],
        [
          /other nodes/,
          {
            slots,
            proof: { ...proof, commitments: [...proof.commitments, { id: 2n ** 50n, commitment: random.bytes(32) }] },
          },
        ],
      ];
      for (const [message, forged] of cases) expect(refusal(forged, root)).toMatch(message);
      expect(refusal(witness, new Uint8Array(32))).toMatch(/another state root/);
    });
  });

  if (scheme.name !== "banderwagon") return;
  const sha = (bytes: Uint8Array) => toBareHex(sha256(bytes));

  describe("known witnesses of MegaETH's parameters", () => {
    const cases = [
      {
        name: "a metadata slot of the empty state",
        state: { slots: new Map() as Slots, capacities: new Map<number, number>() },
        keys: [saltKey(0, 0)],
        proof: "84f8c492ae2e9b43f92fb5cb1e557af763f2bbc72b35667a667651b9194c86b1",
        witness: "6eac9457cfea638135a82df8b1192642aeb9c622f254eaad1edd3206313945d0",
      },
      {
        name: "an empty slot of the empty state",
        state: { slots: new Map() as Slots, capacities: new Map<number, number>() },
        keys: [saltKey(BUCKET, 5)],
        proof: "50e17dcbff6eb45fd02f529ca0ec3c64eadf65f259a9300b3d49e7b31415a023",
        witness: "a3b816f86e489272e22c2f30983e26c875fb554103d183feb4411286541d2b8d",
      },
      {
        name: "three keys, a slot beside them and metadata",
        state: { slots: knownSlots(256), capacities: new Map<number, number>() },
        keys: [saltKey(512, 0), ...[0, 59, 73, 253].map((slot) => saltKey(BUCKET, slot))],
        proof: "30ef9df9743f17db42f966bc2253a0b13e0e512559205ab4b637b0be5c687c1f",
        witness: "a46a68c6d627aa21556ac02de14d24a82ac538bfd1bb0b7bca5562464799299e",
      },
      {
        name: "a bucket of three levels",
        state: { slots: knownSlots(131_072), capacities: new Map([[BUCKET, 131_072]]) },
        keys: [saltKey(512, 0), ...[9213, 57_147, 70_000, 130_377].map((slot) => saltKey(BUCKET, slot))],
        proof: "9b195f6950385339f2ea9537679f64618707ff6d0d5d48c82265fd51e2161c54",
        witness: "24a37e7f793670d2f67657ede9253d9725df27e1806a66a74d658bf25da98517",
      },
    ];
    for (const { name, state, keys, proof, witness } of cases) {
      test(name, () => {
        const made = openState(scheme, state.slots, state.capacities).prove(keys);
        expect(sha(made.proof.argument)).toBe(proof);
        expect(sha(encodeSaltWitness(made))).toBe(witness);
      });
    }
  });

  test("openings of the bucket with three levels, by number", () => {
    const keys = [saltKey(512, 0), ...[9213, 57_147, 70_000, 130_377].map((slot) => saltKey(BUCKET, slot))];
    const openings = witnessOpenings(keys, (bucket) => (bucket === BUCKET ? 3 : 1));
    expect(openings.length).toBe(17);
    expect(new Set(openings.map(({ node }) => node)).size).toBe(13);
  });
});
