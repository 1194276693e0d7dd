// The nodes of an empty SALT trie: what every node is until something is written below it. Nodes of a level are equal but
// for the part of the main trie that lies over metadata buckets, whose slots hold default metadata instead of nothing.

import { must } from "#base/assert.ts";
import { DEFAULT_BUCKET_META_ENTRY, type SaltEntry } from "#formats/wire/salt-entry.ts";
import { LEVEL_START, levelOf, localNumber, MAIN_TRIE_LEVELS, type NodeId, subtreeBucketOf } from "./node-ids.ts";
import { isMetadataBucket, METADATA_BUCKET_COUNT, TRIE_WIDTH } from "./salt-key.ts";
import { VALUE_SIZE_BYTES, type VectorCommitment, valueAt } from "./vector-commitment.ts";

/** Level of bucket roots in the main trie. */
const BUCKET_ROOT_LEVEL = MAIN_TRIE_LEVELS - 1;

/** The default nodes of a scheme. */
export class DefaultNodes<Node> {
  /** By level of a bucket's own tree, 0 to 4. */
  readonly #subtree: readonly Node[];
  /** By level of the main trie, 1 to 3, wholly over metadata; 0 is the root. */
  readonly #metadata: readonly Node[];
  readonly #scheme: VectorCommitment<Node>;

  constructor(scheme: VectorCommitment<Node>) {
    this.#scheme = scheme;
    const [emptySlot, defaultMeta] = [scheme.slotValues([null]), scheme.slotValues([DEFAULT_BUCKET_META_ENTRY])];
    const subtree = tower(scheme, emptySlot, LEVEL_START.length);
    const metadata = tower(scheme, defaultMeta, BUCKET_ROOT_LEVEL);
    const values = scheme.values([must(metadata[0], "a level"), must(subtree[2], "a level")]);
    const children = repeat(valueAt(values, 1), TRIE_WIDTH);
    children.set(valueAt(values, 0));
    this.#subtree = subtree;
    this.#metadata = [...scheme.commit(children), ...metadata];
  }

  /** The default of a node. */
  of(id: NodeId): Node {
    const level = levelOf(id);
    if (subtreeBucketOf(id) !== 0) return this.ofSubtree(level);
    const bucketsPerNode = TRIE_WIDTH ** (BUCKET_ROOT_LEVEL - level);
    const isMetadata = (localNumber(id) - LEVEL_START[level]!) * bucketsPerNode < METADATA_BUCKET_COUNT;
    return isMetadata ? this.#metadata[level]! : this.ofSubtree(level + 1);
  }

  /** The default of a node at a level, 0 to 4, of a bucket's own tree. */
  ofSubtree(level: number): Node {
    return must(this.#subtree[level], "a level of a bucket's tree");
  }

  /** What a slot holds before anything is written: nothing, or the default metadata. */
  entryOf(bucket: number): SaltEntry | null {
    return isMetadataBucket(bucket) ? DEFAULT_BUCKET_META_ENTRY : null;
  }

  /** The state root of an empty state. */
  root(): Uint8Array {
    return this.#scheme.values([must(this.#metadata[0], "the root")]);
  }
}

// Nodes over equal values, the lowest last.
function tower<Node>(scheme: VectorCommitment<Node>, value: Uint8Array, height: number): Node[] {
  const nodes: Node[] = [];
  for (let child = value; nodes.length < height; child = scheme.values([nodes[0]!])) {
    nodes.unshift(must(scheme.commit(repeat(child, TRIE_WIDTH))[0], "a node"));
  }
  return nodes;
}

function repeat(value: Uint8Array, count: number): Uint8Array {
  const values = new Uint8Array(count * VALUE_SIZE_BYTES);
  for (let i = 0; i < count; i++) values.set(value, i * VALUE_SIZE_BYTES);
  return values;
}
