// The node's few facts that every thread looks at: how far the log is written, durable and published, and whether it can be
// written at all. One 64-bit word each; every word has one writer thread, named beside it.

import { assert } from "#base/assert.ts";

/** Position of each fact and its writer thread. */
const WORDS = {
  /** Log: sequence of the last published record; -1 before the first. */
  publishedSequence: 0,
  /** Log: sequence up to which everything survives power loss; -1 for nothing. */
  durableSequence: 1,
  /** Log: state version up to which everything survives power loss. */
  durableVersion: 2,
  /** Log: 1 while records cannot be written for want of space. */
  diskFull: 3,
  /** Commit: number of the last EVM block whose state root is known; -1 before the first. */
  committedBlock: 4,
  /** Execute or apply: number of the last sealed EVM block. */
  sealedBlock: 5,
  /** Log: Unix milliseconds of the last publication. */
  publishedAtMs: 6,
  /** Main: 1 when every thread shall finish what it has and end. */
  draining: 7,
} as const;

/** One of the facts. */
export type StatusField = keyof typeof WORDS;

/** Shared memory of the facts; posted to workers as it is. */
export type NodeStatusHandle = SharedArrayBuffer;

const SIZE_BYTES = 128;

/** Makes the facts of a node that has published nothing. */
export function allocateNodeStatus(): NodeStatusHandle {
  const handle = new SharedArrayBuffer(SIZE_BYTES);
  const status = new NodeStatus(handle);
  for (const field of ["publishedSequence", "durableSequence", "committedBlock"] as const) status.set(field, -1);
  return handle;
}

/** Reads and writes the facts; any thread may read, a fact's own thread writes. */
export class NodeStatus {
  readonly #words: BigInt64Array<SharedArrayBuffer>;

  constructor(handle: NodeStatusHandle) {
    this.#words = new BigInt64Array(handle);
  }

  /** The present value. */
  get(field: StatusField): number {
    return Number(Atomics.load(this.#words, WORDS[field]));
  }

  /** Stores a value; safe integers only. */
  set(field: StatusField, value: number): void {
    assert(Number.isSafeInteger(value), "node status holds integers");
    Atomics.store(this.#words, WORDS[field], BigInt(value));
  }
}
