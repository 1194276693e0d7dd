// A binary heap of pool lanes that knows where each lane stands, so that a lane whose key changed moves in O(log n).
// The pool keeps two of them: lanes by what their first transaction pays, and lanes by what evicting their last one costs.

import { assert } from "#base/assert.ts";

/** What a heap needs of its members: a place to write the member's position, -1 while it is not in the heap. */
export type HeapMember = { readonly positions: Int32Array };

/** Min-heap under `before`; `slot` says which of the member's positions belongs to this heap. */
export class LaneHeap<T extends HeapMember> {
  readonly #members: T[] = [];
  readonly #before: (a: T, b: T) => boolean;
  readonly #slot: number;

  constructor(slot: number, before: (a: T, b: T) => boolean) {
    this.#slot = slot;
    this.#before = before;
  }

  /** Members in the heap. */
  get size(): number {
    return this.#members.length;
  }

  /** The first member, or undefined when empty. */
  peek(): T | undefined {
    return this.#members[0];
  }

  /** Whether `member` is in this heap. */
  has(member: T): boolean {
    return member.positions[this.#slot]! >= 0;
  }

  /** Inserts `member`, or moves it to where its changed key belongs. */
  place(member: T): void {
    if (!this.has(member)) {
      this.#members.push(member);
      member.positions[this.#slot] = this.#members.length - 1;
    }
    const position = member.positions[this.#slot]!;
    if (this.#siftUp(member, position) === position) this.#siftDown(member, position);
  }

  /** Takes `member` out; nothing happens when it is not in. */
  remove(member: T): void {
    const position = member.positions[this.#slot]!;
    if (position < 0) return;
    const last = this.#members.pop();
    assert(last !== undefined, "a member with a position in an empty heap");
    member.positions[this.#slot] = -1;
    if (last === member) return;
    this.#members[position] = last;
    last.positions[this.#slot] = position;
    this.place(last);
  }

  /** Empties the heap. */
  clear(): void {
    for (const member of this.#members) member.positions[this.#slot] = -1;
    this.#members.length = 0;
  }

  /** @hot bench/sequencer/pool.bench.ts */
  #siftUp(member: T, start: number): number {
    const members = this.#members;
    const slot = this.#slot;
    let position = start;
    while (position > 0) {
      const parentPosition = (position - 1) >> 1;
      const parent = members[parentPosition]!;
      if (!this.#before(member, parent)) break;
      members[position] = parent;
      parent.positions[slot] = position;
      position = parentPosition;
    }
    members[position] = member;
    member.positions[slot] = position;
    return position;
  }

  /** @hot bench/sequencer/pool.bench.ts */
  #siftDown(member: T, start: number): void {
    const members = this.#members;
    const slot = this.#slot;
    const size = members.length;
    let position = start;
    for (let childPosition = 2 * position + 1; childPosition < size; childPosition = 2 * position + 1) {
      const right = childPosition + 1;
      if (right < size && this.#before(members[right]!, members[childPosition]!)) childPosition = right;
      const child = members[childPosition]!;
      if (!this.#before(child, member)) break;
      members[position] = child;
      child.positions[slot] = position;
      position = childPosition;
    }
    members[position] = member;
    member.positions[slot] = position;
  }
}
