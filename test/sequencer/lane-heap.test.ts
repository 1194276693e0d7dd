// The heap against sorting, with members that come, go and change their key.

import { expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { LaneHeap } from "#sequencer/lane-heap.ts";

type Member = { key: number; readonly id: number; readonly positions: Int32Array };

function before(a: Member, b: Member): boolean {
  return a.key !== b.key ? a.key < b.key : a.id < b.id;
}

test("the first member is always the least, whatever was placed, changed and removed", () => {
  const seed = 0x4ea9;
  const random = new SeededRandom(seed);
  const heap = new LaneHeap<Member>(1, before);
  const members = Array.from({ length: 40 }, (_, id) => ({ key: 0, id, positions: new Int32Array(2).fill(-1) }));
  const inside = new Set<Member>();
  for (let step = 0; step < 5_000; step++) {
    const member = random.pick(members);
    if (random.chance(0.6)) {
      member.key = random.below(20);
      heap.place(member);
      inside.add(member);
    } else {
      heap.remove(member);
      inside.delete(member);
    }
    const least = [...inside].sort((a, b) => (before(a, b) ? -1 : 1))[0];
    expect(heap.peek(), `seed ${seed}, step ${step}`).toBe(least);
    expect(heap.size).toBe(inside.size);
    expect(heap.has(member)).toBe(inside.has(member));
    expect(member.positions[0]).toBe(-1); // the other heap's position is not ours to write
  }
  heap.clear();
  expect(heap.peek()).toBeUndefined();
  expect(members.every((member) => !heap.has(member))).toBe(true);
});
