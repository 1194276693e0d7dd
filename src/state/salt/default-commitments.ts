// Commitments of nodes that nothing was ever written under: they depend on the level alone, and in the main trie on whether the node
// lies over metadata or over data. Computed from their definitions once per scheme.

import { must } from "#base/assert.ts";
import type { Banderwagon } from "#crypto/banderwagon/banderwagon.ts";
import { bucketMetaEntry, DEFAULT_BUCKET_META } from "#formats/wire/salt-entry.ts";
import {
  LEVEL_START,
  levelOf,
  localNumber,
  MAIN_TRIE_LEVELS,
  type NodeId,
  SUBTREE_LEVELS,
  subtreeBucketOf,
} from "./node-ids.ts";
import { METADATA_BUCKET_COUNT, TRIE_WIDTH } from "./salt-key.ts";
import { SCALAR_SIZE_BYTES, slotScalar } from "./slot-scalar.ts";

/** A commitment as a plain point of 64 bytes, and what it counts as in its parent. */
type Commitment = { readonly point: Uint8Array; readonly scalar: Uint8Array };

const BUCKET_ROOT_LEVEL = MAIN_TRIE_LEVELS - 1;

/** See the head of the file. */
export class DefaultCommitments {
  /** By level of a bucket's own tree; all of it lies over data. */
  readonly #subtree: readonly Commitment[];
  /** Of nodes of the main trie over data only, and over metadata only, by level; the root lies over both. */
  readonly #data: readonly Commitment[];
  readonly #metadata: readonly Commitment[];
  readonly #root: Commitment;

  constructor(scheme: Banderwagon) {
    const commit = (children: readonly Uint8Array[]): Commitment => {
      const vector = new Uint8Array(TRIE_WIDTH * SCALAR_SIZE_BYTES);
      for (const [i, scalar] of children.entries()) vector.set(scalar, i * SCALAR_SIZE_BYTES);
      const { points, scalars } = scheme.commit(vector);
      return { point: points, scalar: scalars };
    };
    const alike = (scalar: Uint8Array) => commit(new Array<Uint8Array>(TRIE_WIDTH).fill(scalar));
    const above = (lowest: Commitment, levelCount: number): Commitment[] => {
      const levels = [lowest];
      while (levels.length < levelCount) levels.unshift(alike(levels[0]!.scalar));
      return levels;
    };
    const empty = alike(slotScalar(null));
    this.#subtree = above(empty, SUBTREE_LEVELS);
    // Level 0 is the root's, which is neither.
    this.#data = above(empty, MAIN_TRIE_LEVELS);
    this.#metadata = above(alike(slotScalar(bucketMetaEntry(DEFAULT_BUCKET_META))), MAIN_TRIE_LEVELS);
    const first = must(this.#metadata[1], "a level below the root").scalar;
    const others = new Array<Uint8Array>(TRIE_WIDTH - 1).fill(must(this.#data[1], "a level below the root").scalar);
    this.#root = commit([first, ...others]);
  }

  /** The plain point of a node. */
  pointOf(id: NodeId): Uint8Array {
    return this.#of(id).point;
  }

  #of(id: NodeId): Commitment {
    const level = levelOf(id);
    if (subtreeBucketOf(id) !== 0) return must(this.#subtree[level], "a level of a bucket's tree");
    if (level === 0) return this.#root;
    // Of the nodes of a level, the first 256th part lies over metadata.
    const metadataCount = METADATA_BUCKET_COUNT / TRIE_WIDTH ** (BUCKET_ROOT_LEVEL - level);
    const isMetadata = localNumber(id) - LEVEL_START[level]! < metadataCount;
    return must((isMetadata ? this.#metadata : this.#data)[level], "a level of the main trie");
  }
}
