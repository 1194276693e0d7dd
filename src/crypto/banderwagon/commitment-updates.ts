// New commitments from changes of children: C' = C + Σ delta_i G_i. Changes are sorted by node, so that the terms of a
// node lie one behind the other; many nodes go through the tables side by side.

import { assert } from "#base/assert.ts";
import { AFFINE_SIZE_BYTES } from "#wasm/kernels/banderwagon/affine-sums.ts";
import { PLAIN_SIZE_BYTES, WORD_SIZE_BYTES } from "#wasm/kernels/banderwagon/conversions.ts";
import type { CommitmentKey } from "./commitment-key.ts";
import { DOMAIN_SIZE } from "./evaluation-domain.ts";
import type { Address } from "./kernel-workspace.ts";
import { sumGroups } from "./point-sums.ts";

/** Changes of children of some nodes, in any order. */
export type DeltaBatch = {
  /** Plain commitments of the nodes, 64 bytes each. */
  readonly commitments: Uint8Array;
  /** For each change the index of its node; a node has at most 1024. */
  readonly nodes: Uint32Array;
  /** For each change the index of the child, below 256. */
  readonly children: Uint8Array;
  /** For each change the new scalar less the old one, 32 bytes. */
  readonly deltas: Uint8Array;
};

/** Commitments as plain points, 64 bytes each, and what each counts as in its parent, 32 bytes each. */
export type Commitments = { readonly points: Uint8Array<ArrayBuffer>; readonly scalars: Uint8Array<ArrayBuffer> };

/** The most changes, and nodes, that go side by side: what they touch stays in the cache. */
const CHANGE_COUNT_MAX = 1024;

/**
 * The commitments after the changes, and their scalars; those of nodes without a change stay as they are.
 * @throws {AssertionError} when the arrays do not fit each other, or a node has too many changes
 */
export function applyDeltas(key: CommitmentKey, batch: DeltaBatch): Commitments {
  const nodeCount = batch.commitments.length / PLAIN_SIZE_BYTES;
  assert(Number.isInteger(nodeCount), "commitments of 64 bytes");
  assert(batch.children.length === batch.nodes.length, "a child for each change");
  assert(batch.deltas.length === batch.nodes.length * WORD_SIZE_BYTES, "a delta of 32 bytes for each change");
  const result = {
    points: new Uint8Array(batch.commitments),
    scalars: new Uint8Array(nodeCount * WORD_SIZE_BYTES),
  };
  const sorted = sortByNode(batch.nodes, nodeCount);
  for (let first = 0; first < nodeCount; ) {
    let end = first + 1;
    while (end < nodeCount && fits(sorted.starts, first, end + 1)) end++;
    assert(fits(sorted.starts, first, end), "a node has too many changes");
    key.kernel.scope(() => applyToNodes(key, batch, sorted, { first, end }, result));
    first = end;
  }
  return result;
}

/**
 * Commitments to vectors.
 * @param vectors 256 scalars each, one behind the other
 */
export function commitVectors(key: CommitmentKey, vectors: Uint8Array): Commitments {
  const changeCount = vectors.length / WORD_SIZE_BYTES;
  assert(changeCount % DOMAIN_SIZE === 0, "vectors of 256 scalars");
  const nodes = new Uint32Array(changeCount);
  const children = new Uint8Array(changeCount);
  for (let i = 0; i < changeCount; i++) {
    nodes[i] = Math.floor(i / DOMAIN_SIZE);
    children[i] = i % DOMAIN_SIZE;
  }
  const commitments = new Uint8Array((changeCount / DOMAIN_SIZE) * PLAIN_SIZE_BYTES);
  return applyDeltas(key, { commitments, nodes, children, deltas: vectors });
}

type Sorted = {
  /** Where each node's changes begin in `order`, and behind the last node their count. */
  readonly starts: Uint32Array;
  /** Indices of the changes, by node; null when they come in this order. */
  readonly order: Uint32Array | null;
};

function fits(starts: Uint32Array, first: number, end: number): boolean {
  return starts[end]! - starts[first]! <= CHANGE_COUNT_MAX && end - first <= CHANGE_COUNT_MAX;
}

function sortByNode(nodes: Uint32Array, nodeCount: number): Sorted {
  const starts = new Uint32Array(nodeCount + 1);
  let isSorted = true;
  for (let i = 0, before = 0; i < nodes.length; i++) {
    const node = nodes[i]!;
    assert(node < nodeCount, "a change is of a node that the batch has");
    isSorted &&= before <= node;
    before = node;
    starts[node + 1]!++;
  }
  for (let node = 0; node < nodeCount; node++) starts[node + 1]! += starts[node]!;
  if (isSorted) return { starts, order: null };
  const next = starts.slice();
  const order = new Uint32Array(nodes.length);
  for (let i = 0; i < nodes.length; i++) order[next[nodes[i]!]!++] = i;
  return { starts, order };
}

type Range = { readonly first: number; readonly end: number };

// Nodes from `first` to before `end`.
function applyToNodes(key: CommitmentKey, batch: DeltaBatch, sorted: Sorted, range: Range, result: Commitments): void {
  const { kernel, list } = key;
  const { first, end } = range;
  const { calls, bytes } = kernel;
  const nodeCount = end - first;
  const firstChange = sorted.starts[first]!;
  const groups = sorted.starts.subarray(first, end + 1).map((start) => start - firstChange);
  const points = multiplyDeltas(key, batch, sorted.order, { first: firstChange, end: sorted.starts[end]! });
  sumGroups(list, points, groups);
  const nodes = kernel.take(nodeCount * AFFINE_SIZE_BYTES);
  const scalars = kernel.take(nodeCount * WORD_SIZE_BYTES);
  const plain = kernel.put(batch.commitments.subarray(first * PLAIN_SIZE_BYTES, end * PLAIN_SIZE_BYTES));
  calls.lift(nodes, plain, nodeCount);
  for (let node = 0; node < nodeCount; node++) {
    if (groups[node] === groups[node + 1]) continue;
    const at = nodes + node * AFFINE_SIZE_BYTES;
    list.push(at, at, points + AFFINE_SIZE_BYTES * groups[node]!);
  }
  list.flush();
  calls.drop(plain, scalars, nodes, nodeCount);
  result.points.set(bytes.subarray(plain, plain + nodeCount * PLAIN_SIZE_BYTES), first * PLAIN_SIZE_BYTES);
  result.scalars.set(bytes.subarray(scalars, scalars + nodeCount * WORD_SIZE_BYTES), first * WORD_SIZE_BYTES);
}

// The changes' multiples of their bases: affine points, one behind the other.
function multiplyDeltas(key: CommitmentKey, batch: DeltaBatch, order: Uint32Array | null, range: Range): Address {
  const { kernel, list, tables } = key;
  const { first, end } = range;
  const count = end - first;
  const scalars = kernel.take((count + 1) * WORD_SIZE_BYTES);
  const indices = kernel.take(count * 4);
  const points = kernel.take(count * AFFINE_SIZE_BYTES);
  const delta = (change: number, changeCount: number) =>
    batch.deltas.subarray(change * WORD_SIZE_BYTES, (change + changeCount) * WORD_SIZE_BYTES);
  if (order === null) {
    kernel.bytes.set(delta(first, count), scalars);
    kernel.words.set(batch.children.subarray(first, end), indices >>> 2);
  } else {
    for (let i = 0; i < count; i++) {
      const change = order[first + i]!;
      kernel.bytes.set(delta(change, 1), scalars + i * WORD_SIZE_BYTES);
      kernel.words[(indices >>> 2) + i] = batch.children[change]!;
    }
  }
  kernel.calls.scalarsRead(scalars, scalars, count);
  kernel.calls.scalarsWrite(scalars, scalars, count);
  tables.multiply({ points, scalars, indices, count, list });
  return points;
}
