// The nodes of a SALT trie in memory: those that were ever written, by id.

import type { NodeId } from "./node-ids.ts";
import type { NodeSource, NodeUpdate } from "./salt-trie.ts";

/** A store of nodes. */
export class MemoryNodeStore<Node> implements NodeSource<Node> {
  readonly #nodes = new Map<NodeId, Node>();
  readonly #levelCountOf: (bucket: number) => number;

  /** @param levelCountOf levels of a bucket's own tree, 1 to 5: the slots' store knows its capacity */
  constructor(levelCountOf: (bucket: number) => number) {
    this.#levelCountOf = levelCountOf;
  }

  node(id: NodeId): Node | null {
    return this.#nodes.get(id) ?? null;
  }

  levelCount(bucket: number): number {
    return this.#levelCountOf(bucket);
  }

  /** Takes in what a block did. */
  apply(updates: ReadonlyMap<NodeId, NodeUpdate<Node>>): void {
    for (const [id, update] of updates) this.#nodes.set(id, update.new);
  }

  /** The ids of all nodes in the store. */
  ids(): IterableIterator<NodeId> {
    return this.#nodes.keys();
  }
}
