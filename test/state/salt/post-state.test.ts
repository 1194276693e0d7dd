// Blocks proven and replayed without the state: the witness of random reads and changes gives the root that the whole state
// gives, and what it does not show is an error, in every scheme.

import { describe, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { decodeSaltWitness, encodeSaltWitness } from "#formats/wire/salt-witness.ts";
import { type PlainChange, plainValueOf, upsertEntry } from "#state/salt/bucket-table.ts";
import { DefaultNodes } from "#state/salt/default-nodes.ts";
import { bucketOfKey } from "#state/salt/key-hash.ts";
import { MemorySaltStore } from "#state/salt/memory-store.ts";
import { bucketRootId, type NodeId, subtreeLevelCount, subtreeNodeId } from "#state/salt/node-ids.ts";
import { MemoryNodeStore } from "#state/salt/node-store.ts";
import { changedSlots, computePostState } from "#state/salt/post-state.ts";
import { proveWitness } from "#state/salt/prove-witness.ts";
import { metadataBucketOf, metadataSlotOf, type SaltKey, saltKey } from "#state/salt/salt-key.ts";
import { SaltOverlay } from "#state/salt/salt-overlay.ts";
import { UnwitnessedError } from "#state/salt/salt-store.ts";
import { SaltTrie } from "#state/salt/salt-trie.ts";
import type { StateUpdates } from "#state/salt/state-updates.ts";
import type { VectorCommitment } from "#state/salt/vector-commitment.ts";
import { type VerifiedWitness, verifyWitness } from "#state/salt/verify-witness.ts";
import { witnessKeys } from "#state/salt/witness-keys.ts";
import { UnwitnessedNodeError, WitnessState } from "#state/salt/witness-state.ts";
import { eachScheme } from "./schemes.ts";

const SEED = Number(process.env.MEGAETH_SEED ?? 20_261_134);
console.log(`seed ${SEED}`);
const random = new SeededRandom(SEED);

const randomKey = () => random.bytes(random.pick([20, 52]));
const valueFor = (key: Uint8Array) => random.bytes(key.length === 52 ? 32 : random.pick([40, 72]));

/** A whole state, block after block. */
class FullState<Node> {
  readonly store = new MemorySaltStore();
  readonly nodes: MemoryNodeStore<Node>;
  readonly #trie: SaltTrie<Node>;
  root: Uint8Array;

  constructor(scheme: VectorCommitment<Node>) {
    this.nodes = new MemoryNodeStore<Node>((bucket) => subtreeLevelCount(this.store.metadata(bucket).capacity));
    this.#trie = new SaltTrie<Node>(scheme, this.nodes);
    this.root = new DefaultNodes(scheme).root();
  }

  apply(slots: StateUpdates): void {
    this.#trie.update([...slots]);
    const { root, nodes } = this.#trie.finalize();
    this.nodes.apply(nodes);
    this.store.apply(slots);
    this.root = root;
  }

  get source() {
    return { nodes: this.nodes, entryAt: (bucket: number, slot: number) => this.store.entryAt(bucket, slot) };
  }
}

eachScheme(<Node>(scheme: VectorCommitment<Node>) => {
  const verify = (full: FullState<Node>, keys: ReturnType<typeof witnessKeys>): VerifiedWitness<Node> => {
    const witness = decodeSaltWitness(encodeSaltWitness(proveWitness(scheme, full.source, keys)));
    const verified = verifyWitness(scheme, witness, full.root);
    if ("refused" in verified) throw new Error(verified.refused);
    return verified;
  };

  describe(`replaying blocks with ${scheme.name}`, () => {
    test("a witness gives reads, absences and the root after the block", () => {
      const full = new FullState(scheme);
      const known: Uint8Array[] = [];
      for (let block = 0; block < 4; block++) {
        const isKept = known.map(() => random.chance(0.6));
        const changes: PlainChange[] = [
          ...known
            .filter((_, i) => !isKept[i])
            .map((key) => ({ key, value: random.chance(0.4) ? null : valueFor(key) })),
          ...Array.from({ length: 12 }, randomKey).map((key) => ({ key, value: valueFor(key) })),
        ];
        const reads = [...known.filter(() => random.chance(0.2)), ...Array.from({ length: 5 }, randomKey)];
        const buckets = reads.slice(0, 2).map(bucketOfKey);
        const state = new WitnessState(verify(full, witnessKeys(full.store, { buckets, reads, changes })));
        const before = new SaltOverlay(full.store);
        for (const key of reads) {
          expect(plainValueOf(new SaltOverlay(state), key)).toEqual(plainValueOf(before, key));
        }
        for (const bucket of buckets) expect(state.metadata(bucket)).toEqual(full.store.metadata(bucket));
        const { root } = computePostState(scheme, state, changes);
        full.apply(changedSlots(full.store, changes));
        expect(root).toEqual(full.root);
        known.push(...changes.flatMap(({ key, value }) => (value === null || known.includes(key) ? [] : [key])));
      }
    });

    test("what is not shown is an error", () => {
      const full = new FullState(scheme);
      const [shown, other] = [randomKey(), randomKey()] as const;
      const both = [shown, other].map((key) => ({ key, value: valueFor(key) }));
      full.apply(changedSlots(full.store, both));
      const state = new WitnessState(
        verify(full, witnessKeys(full.store, { buckets: [], reads: [shown], changes: [] })),
      );
      expect(plainValueOf(new SaltOverlay(state), shown)).toEqual(both[0]!.value);
      expect(() => plainValueOf(new SaltOverlay(state), other)).toThrow(UnwitnessedError);
      expect(() => computePostState(scheme, state, [{ key: other, value: null }])).toThrow(UnwitnessedError);
      expect(() => state.node(bucketRootId(bucketOfKey(other)))).toThrow(UnwitnessedNodeError);
      expect(() => state.levelCount(bucketOfKey(other))).toThrow(UnwitnessedError);
    });

    // Keys of one bucket are too rare to draw, so the table is told the bucket; the rules for witnesses would not be.
    test("a bucket that grows within a witness has the root that it has in the whole state", () => {
      const bucket = 131_072;
      const full = new FullState(scheme);
      const fill = (overlay: SaltOverlay, count: number) => {
        for (let i = 0; i < count; i++) {
          const key = random.bytes(20);
          upsertEntry(overlay, bucket, { key, value: valueFor(key) });
        }
      };
      const first = new SaltOverlay(full.store);
      fill(first, 200);
      full.apply(first.updates);
      const recorder = new SaltOverlay(full.store, { reads: "kept" });
      fill(recorder, 10);
      expect(recorder.metadata(bucket).capacity).toBe(512);
      const all = Array.from({ length: 256 }, (_, slot) => saltKey(bucket, slot));
      const keys = [...all, saltKey(metadataBucketOf(bucket), metadataSlotOf(bucket))];
      const { slots, proof } = proveWitness(scheme, full.source, keys);
      const state = new WitnessState<Node>({
        slots: new Map(slots.map(({ key, entry }) => [key as SaltKey, entry])),
        nodes: new Map(proof.commitments.map(({ id }) => [id as NodeId, full.nodes.node(id as NodeId)!])),
        levels: new Map(proof.levels.map((levels) => [levels.bucket, levels.levelCount])),
        capacities: new Map([[bucket, 256]]),
      });
      expect(state.usedSlots(bucket)).toBe(200);
      expect(state.node(subtreeNodeId(bucket, 16_843_010))).toBeNull();
      const trie = new SaltTrie<Node>(scheme, state);
      trie.update([...recorder.updates]);
      const { root } = trie.finalize();
      full.apply(recorder.updates);
      expect(root).toEqual(full.root);
    });
  });
});
