// SALT's trie from scratch, as its definition says: every node is a commitment to all 256 values below it. Nothing of the
// incremental trie is used, only a scheme's `commit`, `values` and `slotValues`.

import { bucketMetaEntry, type SaltEntry } from "#formats/wire/salt-entry.ts";
import type { VectorCommitment } from "#state/salt/vector-commitment.ts";

const WIDTH = 256;
const METADATA_BUCKETS = 65_536;

/** What a bucket holds. */
export type NaiveBucket = { capacity: number; nonce: number; readonly slots: Map<number, SaltEntry> };

/** The state by data bucket. */
export type NaiveState = Map<number, NaiveBucket>;

/** Computes state roots from nothing but the state. */
export class NaiveTrie<Node> {
  readonly #scheme: VectorCommitment<Node>;
  readonly #memo = new Map<string, Uint8Array>();

  constructor(scheme: VectorCommitment<Node>) {
    this.#scheme = scheme;
  }

  /** The state root. */
  root(state: NaiveState): Uint8Array {
    const emptySlot = this.#scheme.slotValues([null]);
    const defaultMeta = this.#scheme.slotValues([bucketMetaEntry({ nonce: 0, capacity: 256 })]);
    const leaves = new Map<number, Uint8Array>();
    const metadata = new Map<number, Map<number, Uint8Array>>();
    for (const [bucket, { capacity, nonce, slots }] of state) {
      leaves.set(bucket, this.#bucket(slots, capacity, emptySlot));
      const [home, slot] = [Math.floor(bucket / WIDTH), bucket % WIDTH];
      const values = metadata.get(home) ?? new Map<number, Uint8Array>();
      metadata.set(home, values.set(slot, this.#scheme.slotValues([bucketMetaEntry({ nonce, capacity })])));
    }
    for (const [bucket, values] of metadata)
      leaves.set(
        bucket,
        this.#node(values, () => defaultMeta),
      );
    const emptyData = [this.#uniform(emptySlot)];
    const emptyMeta = [this.#uniform(defaultMeta)];
    for (let i = 0; i < 2; i++) {
      emptyData.push(this.#uniform(emptyData[i]!));
      emptyMeta.push(this.#uniform(emptyMeta[i]!));
    }
    let nodes = leaves;
    for (let height = 0; height < 3; height++) {
      const isMeta = (index: number) => index * WIDTH ** height < METADATA_BUCKETS;
      nodes = this.#level(nodes, (index) => (isMeta(index) ? emptyMeta : emptyData)[height]!);
    }
    return nodes.get(0) ?? this.#node(new Map(), (index) => (index === 0 ? emptyMeta : emptyData)[2]!);
  }

  #bucket(slots: ReadonlyMap<number, SaltEntry>, capacity: number, emptySlot: Uint8Array): Uint8Array {
    let values = new Map([...slots].map(([slot, entry]) => [slot, this.#scheme.slotValues([entry])] as const));
    let empty = emptySlot;
    let width = capacity;
    do {
      const filler = empty;
      values = this.#level(values, () => filler);
      empty = this.#uniform(empty);
      width = Math.ceil(width / WIDTH);
    } while (width > 1);
    return values.get(0) ?? empty;
  }

  #level(children: ReadonlyMap<number, Uint8Array>, fill: (index: number) => Uint8Array): Map<number, Uint8Array> {
    const groups = Map.groupBy(children, ([index]) => Math.floor(index / WIDTH));
    return new Map(
      Array.from(groups, ([node, group]) => {
        const known = new Map(group.map(([index, value]) => [index % WIDTH, value] as const));
        return [node, this.#node(known, (position) => fill(node * WIDTH + position))] as const;
      }),
    );
  }

  #uniform(value: Uint8Array): Uint8Array {
    const key = value.toHex();
    const known = this.#memo.get(key) ?? this.#node(new Map(), () => value);
    this.#memo.set(key, known);
    return known;
  }

  #node(known: ReadonlyMap<number, Uint8Array>, fill: (position: number) => Uint8Array): Uint8Array {
    const vector = new Uint8Array(32 * WIDTH);
    for (let i = 0; i < WIDTH; i++) vector.set(known.get(i) ?? fill(i), 32 * i);
    return this.#scheme.values(this.#scheme.commit(vector));
  }
}
