// The incremental trie against the trie built from scratch, and against known roots: random changes of slots in any order
// and batching, through growing and shrinking buckets, for every commitment scheme.

import { describe, expect, test } from "bun:test";
import { bytesEqual } from "#base/bytes.ts";
import { fromHex, toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { bucketMetaEntry, DEFAULT_BUCKET_META, encodePlainAccount, type SaltEntry } from "#formats/wire/salt-entry.ts";
import { DefaultNodes } from "#state/salt/default-nodes.ts";
import { homeSlot } from "#state/salt/key-hash.ts";
import { bucketRootId, type NodeId, ROOT_NODE_ID, subtreeLevelCount } from "#state/salt/node-ids.ts";
import { MemoryNodeStore } from "#state/salt/node-store.ts";
import { metadataBucketOf, metadataSlotOf } from "#state/salt/salt-key.ts";
import { SaltTrie, type TrieUpdates } from "#state/salt/salt-trie.ts";
import type { SlotChange } from "#state/salt/state-updates.ts";
import type { VectorCommitment } from "#state/salt/vector-commitment.ts";
import { type NaiveState, NaiveTrie } from "./naive-trie.ts";
import { eachScheme } from "./schemes.ts";

const SEED = Number(process.env.MEGAETH_SEED ?? 20_261_131);
console.log(`seed ${SEED}`);
const random = new SeededRandom(SEED);

/** Slots that a state may differ in, and how they come to differ. */
class StateModel {
  readonly state: NaiveState = new Map();
  #changes = new Map<string, SlotChange>();

  capacity(bucket: number): number {
    return this.state.get(bucket)?.capacity ?? 256;
  }

  write(bucket: number, slot: number, entry: SaltEntry | null): void {
    const { slots } = this.#bucket(bucket);
    this.#record(bucket, slot, slots.get(slot) ?? null, entry);
    if (entry === null) slots.delete(slot);
    else slots.set(slot, entry);
  }

  /** Gives a bucket another capacity; what lies outside is dropped. */
  resize(bucket: number, capacity: number, nonce = 0): void {
    const of = this.#bucket(bucket);
    for (const slot of [...of.slots.keys()]) if (slot >= capacity) this.write(bucket, slot, null);
    const [old, now] = [of, { nonce, capacity }].map((meta) => bucketMetaEntry(meta));
    this.#record(metadataBucketOf(bucket), metadataSlotOf(bucket), old!, now!);
    Object.assign(of, { capacity, nonce });
  }

  /** The changes since the last call, in a random order. */
  takeChanges(): SlotChange[] {
    const changes = [...this.#changes.values()];
    this.#changes = new Map();
    for (let i = changes.length - 1; i > 0; i--) {
      const k = random.below(i + 1);
      [changes[i], changes[k]] = [changes[k]!, changes[i]!];
    }
    return changes;
  }

  #bucket(bucket: number) {
    const known = this.state.get(bucket) ?? { ...DEFAULT_BUCKET_META, slots: new Map<number, SaltEntry>() };
    this.state.set(bucket, known);
    return known;
  }

  #record(bucket: number, slot: number, old: SaltEntry | null, now: SaltEntry | null): void {
    const key = `${bucket}:${slot}`;
    const known = this.#changes.get(key);
    this.#changes.set(key, { bucket, slot, before: known === undefined ? old : known.before, after: now });
  }
}

/** The first keys of bucket 131,072. */
const KEYS = [
  "e1f65916535230d5abcc5d022348fced0ebcbd16",
  "bd2369b04dd7db579559851609fb9d47c4c64895",
  "1efa3d6eef22ed3971c3ad2c06743880fe147bda",
].map(fromHex);
const BUCKET = 131_072;

/** Keys 0 to count - 1 with balances of their numbers, at their home slots. */
function knownModel(count: number, capacity = 256, nonce = 0): StateModel {
  const model = new StateModel();
  if (capacity !== 256 || nonce !== 0) model.resize(BUCKET, capacity, nonce);
  KEYS.slice(0, count).forEach((key, i) => {
    const value = encodePlainAccount({ nonce: 1n, balance: BigInt(i), codeHash: null });
    model.write(BUCKET, homeSlot(key, nonce, capacity), { key, value });
  });
  return model;
}

const CAPACITIES = [256, 512, 1024, 65_536, 131_072, 2 ** 25];
const BUCKETS = [65_536, 65_537, 65_800, BUCKET, 9_000_000, 2 ** 24 - 1];

function changeAtRandom(model: StateModel): void {
  const bucket = random.pick(BUCKETS);
  const capacity = model.capacity(bucket);
  const used = [...(model.state.get(bucket)?.slots.keys() ?? [])];
  if (random.chance(0.08)) model.resize(bucket, random.pick(CAPACITIES), random.below(3));
  else if (used.length > 0 && random.chance(0.3)) model.write(bucket, random.pick(used), null);
  else model.write(bucket, random.below(capacity), { key: random.bytes(20), value: random.bytes(40) });
}

eachScheme(<Node>(scheme: VectorCommitment<Node>) => {
  const open = (deferredLevelCount = 1) => {
    const model = new StateModel();
    const levels = new Map<number, number>();
    const store = new MemoryNodeStore<Node>((bucket) => levels.get(bucket) ?? 1);
    const trie = new SaltTrie<Node>(scheme, store, deferredLevelCount);
    const finish = (): TrieUpdates<Node> => {
      const updates = trie.finalize();
      store.apply(updates.nodes);
      for (const [bucket, { capacity }] of model.state) levels.set(bucket, subtreeLevelCount(capacity));
      return updates;
    };
    return { model, store, trie, finish };
  };
  const rootOf = (model: StateModel): string => {
    const trie = new SaltTrie<Node>(scheme, new MemoryNodeStore<Node>(() => 1));
    trie.update(model.takeChanges());
    return toBareHex(trie.finalize().root);
  };
  const naive = new NaiveTrie(scheme);
  const naiveRoot = (model: StateModel) => toBareHex(naive.root(model.state));

  describe(`the trie with ${scheme.name}`, () => {
    test("a block without changes has the root of the one before", () => {
      const { model, trie, finish } = open();
      expect(toBareHex(finish().root)).toBe(naiveRoot(model));
      model.write(BUCKET, 7, { key: random.bytes(20), value: random.bytes(40) });
      trie.update(model.takeChanges());
      const { root } = finish();
      expect(toBareHex(root)).toBe(naiveRoot(model));
      const next = finish();
      expect(next.nodes.size).toBe(0);
      expect(next.root).toEqual(root);
    });

    for (const deferredLevelCount of [1, 2, 3]) {
      test(`random blocks, ${deferredLevelCount} deferred: roots as from scratch`, () => {
        const { model, trie, finish } = open(deferredLevelCount);
        for (let block = 0; block < 4; block++) {
          for (let part = 1 + random.below(3); part > 0; part--) {
            for (let i = random.below(25); i > 0; i--) changeAtRandom(model);
            trie.update(model.takeChanges());
          }
          expect(toBareHex(finish().root)).toBe(naiveRoot(model));
        }
      });
    }

    test("what is undone leaves the empty state, and every node its default", () => {
      const { model, trie, store, finish } = open();
      for (const capacity of CAPACITIES) {
        model.resize(BUCKET, capacity);
        for (let i = 0; i < 5; i++)
          model.write(BUCKET, random.below(capacity), { key: KEYS[0]!, value: random.bytes(40) });
        trie.update(model.takeChanges());
        finish();
      }
      model.resize(BUCKET, 256);
      for (const slot of [...model.state.get(BUCKET)!.slots.keys()]) model.write(BUCKET, slot, null);
      trie.update(model.takeChanges());
      const { root } = finish();
      const defaults = new DefaultNodes(scheme);
      expect(root).toEqual(defaults.root());
      const ids: NodeId[] = [ROOT_NODE_ID, bucketRootId(BUCKET), ...store.ids()];
      const differing = ids.filter((id) => {
        return !bytesEqual(scheme.values([store.node(id) ?? defaults.of(id)]), scheme.values([defaults.of(id)]));
      });
      expect(differing).toEqual([]);
    });

    test("buckets grow and shrink in one call", () => {
      const { model, trie, finish } = open();
      model.resize(BUCKET, 2 ** 25);
      for (let i = 0; i < 10; i++)
        model.write(BUCKET, random.below(2 ** 25), { key: KEYS[1]!, value: random.bytes(40) });
      trie.update(model.takeChanges());
      expect(toBareHex(finish().root)).toBe(naiveRoot(model));
      model.resize(BUCKET, 512);
      model.write(BUCKET, 300, { key: KEYS[2]!, value: random.bytes(40) });
      model.resize(65_800, 65_536);
      model.write(65_800, 65_535, { key: KEYS[2]!, value: random.bytes(40) });
      trie.update(model.takeChanges());
      expect(toBareHex(finish().root)).toBe(naiveRoot(model));
    });

    test("updates keep the first old and the last new node", () => {
      const { model, trie, store, finish } = open();
      model.write(BUCKET, 1, { key: KEYS[0]!, value: random.bytes(40) });
      trie.update(model.takeChanges());
      finish();
      const before = store.node(bucketRootId(BUCKET))!;
      for (let i = 0; i < 3; i++) {
        model.write(BUCKET, i, { key: KEYS[1]!, value: random.bytes(40) });
        trie.update(model.takeChanges());
      }
      const update = finish().nodes.get(bucketRootId(BUCKET))!;
      expect(scheme.values([update.old])).toEqual(scheme.values([before]));
      expect(scheme.values([update.new])).toEqual(scheme.values([store.node(bucketRootId(BUCKET))!]));
    });
  });

  if (scheme.name !== "banderwagon") return;
  test("known roots of bucket 131,072", () => {
    expect(rootOf(new StateModel())).toBe("9d7218471640948ac51ad7ea7f589af28c19605bd96faaaf1204b5da36a09201");
    expect(rootOf(knownModel(1))).toBe("d6ed640cd3b769dea741ed5332c4e87619561378b6928649fcbcc30369b22c18");
    expect(rootOf(knownModel(3))).toBe("0e45ceaf8c91fc9c9216c1b9611ed9060a360d1cf98c4f2c56a2f3839d76a513");
    expect(rootOf(knownModel(3, 256, 7))).toBe("6b9123fe91254873377fdc5e20aabac66bd7a260b44ff8eb3044018b7f52790d");
    expect(rootOf(knownModel(3, 131_072))).toBe("b5f5162394bc3e264d804c18b4407c39c3d80d39a99a3adcb160f1ad47e0d617");
  });
});
