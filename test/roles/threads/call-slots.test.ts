// Calls that run code: a bounded number at a time, in order, whatever becomes of each.

import { expect, test } from "bun:test";
import { CallSlots } from "#roles/threads/call-slots.ts";

test("at most so many run at a time, the others in the order in which they came", async () => {
  const slots = new CallSlots(2);
  const started: number[] = [];
  const ends: (() => void)[] = [];
  const calls = [0, 1, 2, 3, 4].map((id) =>
    slots.run(async () => {
      started.push(id);
      await new Promise<void>((resolve) => {
        ends[id] = resolve;
      });
      if (id === 1) throw new Error("reverted");
      return id;
    }),
  );
  const outcomes = Promise.allSettled(calls);
  expect(started).toEqual([0, 1]);
  ends[1]!();
  await Bun.sleep(0);
  expect(started).toEqual([0, 1, 2]);
  ends[0]!();
  ends[2]!();
  await Bun.sleep(0);
  expect(started).toEqual([0, 1, 2, 3, 4]);
  ends[3]!();
  ends[4]!();
  expect((await outcomes).map(({ status }) => status)).toEqual(
    [0, 1, 2, 3, 4].map((id) => (id === 1 ? "rejected" : "fulfilled")),
  );
  expect(await slots.run(async () => "free")).toBe("free");
});
