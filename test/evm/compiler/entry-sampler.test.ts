// Which points a frame can be handed over at: those that come back, with the return labels on the stack and nothing else.

import { expect, test } from "bun:test";
import { fromHex } from "#base/hex.ts";
import { EntrySampler, labelAt, WINDOW_JUMP_COUNT } from "#evm/compiler/entry-sampler.ts";
import { relativePoint } from "#evm/compiler/nodes.ts";
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
  const sampler = new EntrySampler(CODE, jumpMap(CODE), 1);
  expect(sampler.points()).toEqual([]);
  for (let pc = 0; pc < 6; pc++)
    for (let n = 0; n <= pc; n++) sampler.add(pc, stackOf(...new Array<number>(pc).fill(9_999)));
  expect(sampler.points().map(({ pc, height }) => [pc, height])).toEqual([5, 4, 3, 2].map((pc) => [pc, pc]));
  expect([sampler.isWindowFull, sampler.isLastWindow]).toEqual([false, true]);
  while (!sampler.isWindowFull) sampler.add(F, stackOf());
  expect(sampler.points()[0]).toMatchObject({ pc: F, height: 0, labels: [] });
  expect(WINDOW_JUMP_COUNT).toBeGreaterThan(21);
});

test("what comes in several windows is before what comes often in one", () => {
  const sampler = new EntrySampler(CODE, jumpMap(CODE), 3);
  for (let window = 0; window < 3; window++) {
    if (window > 0) sampler.openWindow();
    sampler.add(LOOP, stackOf(1));
    for (let n = 0; n < 20; n++) sampler.add(10 + window, stackOf());
    expect(sampler.isLastWindow).toBe(window === 2);
  }
  expect(sampler.points()[0]).toMatchObject({ pc: LOOP, height: 1, isRelative: false });
});

test("a place that several stacks come to is one point, of any height", () => {
  const sampler = new EntrySampler(CODE, jumpMap(CODE), 1);
  for (const stack of [stackOf(BACK), stackOf(LOOP), stackOf(1, 2)]) sampler.add(F, stack);
  sampler.add(LOOP, stackOf(BACK));
  const [first, second, ...others] = sampler.points();
  expect([first, others]).toEqual([relativePoint(F), []]);
  expect(second).toMatchObject({ pc: LOOP, height: 1, isRelative: false, labels: [[0, BigInt(BACK)]] });
});

test("only what the code pushes and jumps can go to is a label", () => {
  const sampler = new EntrySampler(CODE, jumpMap(CODE), 1);
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
