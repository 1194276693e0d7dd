// Which points a frame can be handed over at: those that come back, with the return labels on the stack and nothing else.

import { expect, test } from "bun:test";
import { fromHex } from "#base/hex.ts";
import { EntrySampler, labelAt, SAMPLED_JUMP_COUNT } from "#evm/compiler/entry-sampler.ts";
import { assemble } from "../fixtures.ts";
import { jumpMap } from "../interpreter/frame.fixture.ts";

const CODE = fromHex(assemble("@loop JUMP loop: @back @f JUMP back: @loop JUMP f: JUMP STOP: 20"));
const [LOOP, BACK, F, NEVER] = [...jumpMap(CODE).entries()].filter(([, flags]) => flags !== 0).map(([pc]) => pc) as [
  number,
  number,
  number,
  number,
];

function stackOf(...words: readonly number[]): Uint32Array {
  const stack = new Uint32Array(8 * words.length);
  for (const [i, word] of words.entries()) stack[8 * i] = word;
  return stack;
}

test("points that come most often come first, at most four of them", () => {
  const sampler = new EntrySampler(CODE, jumpMap(CODE));
  expect(sampler.points()).toEqual([]);
  for (let i = 0; i < 6; i++)
    for (let n = 0; n <= i; n++) sampler.add(LOOP, stackOf(...new Array<number>(i).fill(9_999)));
  expect(sampler.points().map(({ pc, height }) => [pc, height])).toEqual([5, 4, 3, 2].map((height) => [LOOP, height]));
  while (!sampler.isDone) sampler.add(F, stackOf());
  expect(sampler.points()[0]).toMatchObject({ pc: F, height: 0, labels: [] });
  expect(SAMPLED_JUMP_COUNT).toBeGreaterThan(21);
});

test("only what the code pushes and jumps can go to is a label", () => {
  const sampler = new EntrySampler(CODE, jumpMap(CODE));
  const large = stackOf(BACK);
  large[7] = 1;
  const stack = new Uint32Array([...stackOf(BACK, NEVER, 0, 1, LOOP), ...large]);
  sampler.add(F, stack);
  const labels = [
    [0, BigInt(BACK)],
    [4, BigInt(LOOP)],
  ];
  expect(sampler.points()).toMatchObject([{ pc: F, height: 6, labels }] as never);
  expect([labelAt(stack, 0), labelAt(stack, 8 * 5)]).toEqual([BACK, null]);
});
