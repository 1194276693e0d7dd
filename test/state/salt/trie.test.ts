// The trie against its definition: whatever the order and the cutting of changes, and whatever buckets grow and shrink, all commitments
// are those of a trie that is made from scratch, by committing to all 256 children of each node.

import { afterAll, describe, expect, test } from "bun:test";
import { bigintToBytes } from "#base/bytes.ts";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { Banderwagon } from "#crypto/banderwagon/banderwagon.ts";
import { SALT_SEED } from "#crypto/banderwagon/bases.ts";
import { bucketMetaEntry, DEFAULT_BUCKET_META, type SaltEntry } from "#formats/wire/salt-entry.ts";
import { DefaultCommitments } from "#state/salt/default-commitments.ts";
import {
  bucketRootId,
  logicalRootId,
  type NodeId,
  parentOf,
  positionInParent,
  ROOT_NODE_ID,
  SUBTREE_LEVELS,
  segmentId,
  subtreeLevelCount,
  subtreeNodeId,
} from "#state/salt/node-ids.ts";
import { isMetadataBucket, metadataBucketOf, metadataSlotOf, TRIE_WIDTH } from "#state/salt/salt-key.ts";
import { slotScalar } from "#state/salt/slot-scalar.ts";
import type { SlotChange } from "#state/salt/state-updates.ts";
import { type CommitmentStore, SaltTrie } from "#state/salt/trie.ts";

const SEED = Number(process.env.MEGAETH_SEED ?? 20_261_128);
const EMPTY_ROOT = "9d7218471640948ac51ad7ea7f589af28c19605bd96faaaf1204b5da36a09201";

const scheme = new Banderwagon({ seed: SALT_SEED, protocol: "st", windowBits: 5 });
const defaults = new DefaultCommitments(scheme);
afterAll(() => scheme.release());

/** Slots and capacities, and the commitments that the trie has told of. */
class Model implements CommitmentStore {
  readonly slots = new Map<number, Map<number, SaltEntry>>();
  readonly capacities = new Map<number, number>();
  readonly nodes = new Map<NodeId, Uint8Array>();

  commitment(id: NodeId): Uint8Array | null {
    return this.nodes.get(id) ?? null;
  }

  /** What the store knew when the block began. */
  stored = new Map<number, number>();

  capacity(bucket: number): number {
    return this.stored.get(bucket) ?? TRIE_WIDTH;
  }

  capacityNow(bucket: number): number {
    return this.capacities.get(bucket) ?? TRIE_WIDTH;
  }

  write(bucket: number, slot: number, after: SaltEntry | null): SlotChange {
    let slots = this.slots.get(bucket);
    if (slots === undefined) this.slots.set(bucket, (slots = new Map()));
    const empty = isMetadataBucket(bucket) ? bucketMetaEntry(DEFAULT_BUCKET_META) : null;
    const before = slots.get(slot) ?? empty;
    if (after === null) slots.delete(slot);
    else slots.set(slot, after);
    return { bucket, slot, before, after };
  }

  /** Another capacity: what lies beyond it moves to the first free slots. */
  *resize(bucket: number, capacity: number): Generator<SlotChange> {
    const slots = this.slots.get(bucket) ?? new Map<number, SaltEntry>();
    for (const [slot, entry] of [...slots].filter(([at]) => at >= capacity)) {
      yield this.write(bucket, slot, null);
      const free = Array.from({ length: capacity }, (_, at) => at).find((at) => !slots.has(at));
      if (free !== undefined) yield this.write(bucket, free, entry);
    }
    this.capacities.set(bucket, capacity);
    const meta = bucketMetaEntry({ nonce: 0, capacity });
    yield this.write(metadataBucketOf(bucket), metadataSlotOf(bucket), meta);
  }
}

/** All commitments that are not the default, by definition, and the root. */
function fromScratch(model: Model): { readonly nodes: Map<NodeId, string>; readonly root: string } {
  let level = new Map<NodeId, Map<number, Uint8Array>>();
  const put = (id: NodeId, child: number, scalar: Uint8Array) => {
    const children = level.get(id) ?? new Map<number, Uint8Array>();
    level.set(id, children.set(child, scalar));
  };
  const nodes = new Map<NodeId, string>();
  const tops: [NodeId, Uint8Array][] = [];
  const settle = (id: NodeId, point: Uint8Array) => {
    if (toBareHex(point) !== toBareHex(defaults.pointOf(id))) nodes.set(id, toBareHex(point));
  };
  for (const bucket of new Set([...model.slots.keys(), ...model.capacities.keys()])) {
    const slots = model.slots.get(bucket) ?? new Map<number, SaltEntry>();
    level = new Map();
    const levels = isMetadataBucket(bucket) ? 1 : subtreeLevelCount(model.capacityNow(bucket));
    for (const [slot, entry] of slots) {
      put(levels === 1 ? bucketRootId(bucket) : segmentId(bucket, slot), slot % TRIE_WIDTH, slotScalar(entry));
    }
    const emptyScalar = slotScalar(isMetadataBucket(bucket) ? bucketMetaEntry(DEFAULT_BUCKET_META) : null);
    let points = commitAll(level, () => emptyScalar);
    for (let depth = SUBTREE_LEVELS - 1; depth > SUBTREE_LEVELS - levels; depth--) {
      level = new Map();
      for (const [id, point] of points) {
        settle(id, point);
        put(parentOf(id), positionInParent(id), scheme.mapToScalars(point));
      }
      const child = subtreeNodeId(bucket, [0, 1, 257, 65_793, 16_843_009][depth]!);
      points = commitAll(level, () => scheme.mapToScalars(defaults.pointOf(child)));
    }
    const top = levels === 1 ? bucketRootId(bucket) : logicalRootId(bucket, SUBTREE_LEVELS - levels);
    // An empty bucket of several levels is another than one of one level.
    tops.push([bucketRootId(bucket), points.get(top) ?? defaults.pointOf(top)]);
  }
  let points = new Map(tops);
  for (let depth = 3; depth > 0; depth--) {
    level = new Map();
    for (const [id, point] of points) {
      settle(id, point);
      put(parentOf(id), positionInParent(id), scheme.mapToScalars(point));
    }
    points = commitAll(level, (id, child) => scheme.mapToScalars(defaults.pointOf(childId(id, child))));
  }
  const root = points.get(ROOT_NODE_ID) ?? defaults.pointOf(ROOT_NODE_ID);
  settle(ROOT_NODE_ID, root);
  return { nodes, root: toBareHex(scheme.mapToScalars(root)) };
}

function childId(id: NodeId, child: number): NodeId {
  const starts = [0, 1, 257, 65_793];
  const level = starts.findLastIndex((start) => BigInt(start) <= id);
  return BigInt(starts[level + 1]! + (Number(id) - starts[level]!) * TRIE_WIDTH + child) as NodeId;
}

function commitAll(
  level: ReadonlyMap<NodeId, ReadonlyMap<number, Uint8Array>>,
  absent: (id: NodeId, child: number) => Uint8Array,
): Map<NodeId, Uint8Array> {
  return new Map(
    Array.from(level, ([id, children]) => {
      const vector = new Uint8Array(TRIE_WIDTH * 32);
      const cached = new Map<string, Uint8Array>();
      for (let child = 0; child < TRIE_WIDTH; child++) {
        const key = id === ROOT_NODE_ID ? String(child === 0) : "all";
        if (!cached.has(key)) cached.set(key, absent(id, child));
        vector.set(children.get(child) ?? cached.get(key)!, child * 32);
      }
      return [id, scheme.commit(vector).points] as const;
    }),
  );
}

function entryOf(random: SeededRandom): SaltEntry {
  return {
    key: bigintToBytes(BigInt(random.below(2 ** 31)), 20),
    value: bigintToBytes(BigInt(random.below(2 ** 31)), 40),
  };
}

describe("defaults", () => {
  test.each([
    ["a metadata bucket", 65_793n, "1a6764ce242526cb8940fdef233c3b0cfca9c3e8e62b9923db2dee345cb27de0"],
    ["a data bucket", 65_793n + 65_536n, "4e7193506964e11bbeeef57bd3ce46e0e78ab9c312994fd365b236cc630826da"],
    ["level 2 over metadata", 512n, "1831b9f8524d7c3836cdc7fd20186ebf6b1e218471a7d5053ce907e5e027d59e"],
    ["level 2 over data", 513n, "6132379e8359b609daffc0f3fbd2718df38a29a897c499ff80f10fb6bc818d1d"],
    ["level 1 over metadata", 1n, "10738b66f8b05eef80a390ab43cc899c4811e10ce134b5cfaeaafa80b4bf44b7"],
    ["level 1 over data", 2n, "327874a8f5e98f069e973a08e3824ec59aaf917bff5d293d238eea49d10f6b86"],
    ["the root", 0n, "6787d16de6be79896bcfeda3ee6ff650e516d67f41c469a8eb3b3b57bb1cf1a2"],
    ["a segment", (70_000n << 40n) + 16_843_009n, "4e7193506964e11bbeeef57bd3ce46e0e78ab9c312994fd365b236cc630826da"],
    [
      "level 3 of a bucket",
      (70_000n << 40n) + 65_793n,
      "6132379e8359b609daffc0f3fbd2718df38a29a897c499ff80f10fb6bc818d1d",
    ],
    [
      "level 2 of a bucket",
      (70_000n << 40n) + 257n,
      "327874a8f5e98f069e973a08e3824ec59aaf917bff5d293d238eea49d10f6b86",
    ],
    ["level 1 of a bucket", (70_000n << 40n) + 1n, "2f0c6fd8cd870002466917678b5a130c95031b055ca19f75cd89427537841cdb"],
    ["level 0 of a bucket", 70_000n << 40n, "1c30d795919d2951d73fe8f21971b64b09adad75f892d79fbb2fadf3dca7bba7"],
  ])("%s", (_, id, compressed) => {
    expect(toBareHex(scheme.compress(defaults.pointOf(id as NodeId)))).toBe(compressed);
  });

  test("the state root of nothing", () => {
    const { root, nodes } = new SaltTrie(scheme, new Model()).finish();
    expect([toBareHex(root), nodes.length]).toEqual([EMPTY_ROOT, 0]);
  });
});

describe(`random changes, seed ${SEED}`, () => {
  const BUCKETS = [65_536, 70_000, 70_001, 16_777_215];
  const CAPACITIES = [256, 512, 65_536, 131_072, 2 ** 25];
  for (let run = 0; run < 3; run++) {
    test(`blocks that write, grow and shrink buckets (${run})`, () => {
      const random = new SeededRandom(SEED + run);
      const model = new Model();
      const trie = new SaltTrie(scheme, model);
      for (let block = 0; block < 6; block++) {
        const partCount = 1 + random.below(3);
        for (let part = 0; part < partCount; part++) trie.update(net([...changesOf(model, random)]));
        const { root, nodes } = trie.finish();
        for (const { id, before, after } of nodes) {
          expect(toBareHex(before)).toBe(toBareHex(model.commitment(id) ?? defaults.pointOf(id)));
          model.nodes.set(id, after);
        }
        model.stored = new Map(model.capacities);
        const expected = fromScratch(model);
        expect(toBareHex(root)).toBe(expected.root);
        const kept = [...model.nodes].filter(([id, point]) => toBareHex(point) !== toBareHex(defaults.pointOf(id)));
        expect(new Map(kept.map(([id, point]) => [id, toBareHex(point)]))).toEqual(expected.nodes);
      }
    }, 120_000);
  }

  function* changesOf(model: Model, random: SeededRandom): Generator<SlotChange> {
    for (let i = 0; i < 8; i++) {
      const bucket = BUCKETS[random.below(BUCKETS.length)]!;
      if (random.below(4) === 0) yield* model.resize(bucket, CAPACITIES[random.below(CAPACITIES.length)]!);
      else {
        const slot = random.below(random.below(2) === 0 ? 256 : model.capacityNow(bucket));
        yield model.write(bucket, slot, random.below(4) === 0 ? null : entryOf(random));
      }
    }
  }

  /** A slot's changes as one. */
  function net(changes: readonly SlotChange[]): SlotChange[] {
    const merged = new Map<string, SlotChange>();
    for (const change of changes) {
      const name = `${change.bucket}/${change.slot}`;
      merged.set(name, { ...change, before: merged.get(name)?.before ?? (merged.has(name) ? null : change.before) });
    }
    return [...merged.values()];
  }
});

test("the same changes in one part or in many, in any order, give the same root", () => {
  const random = new SeededRandom(SEED);
  const changes = Array.from({ length: 60 }, (_, i): SlotChange => {
    return { bucket: 65_536 + (i % 7) * 1_000, slot: i, before: null, after: entryOf(random) };
  });
  const whole = new SaltTrie(scheme, new Model());
  whole.update(changes);
  const parts = new SaltTrie(scheme, new Model());
  for (const change of changes.toReversed()) parts.update([change]);
  expect(parts.finish().root).toEqual(whole.finish().root);
});
