// Steps are taken between pauses without work, and all of them in the end.

import { expect, test } from "bun:test";
import { warmUpWhenIdle } from "#roles/threads/idle-warm-up.ts";

test("waits while there is work", async () => {
  const log: string[] = [];
  let left = 3;
  let lookCount = 0;
  let workCount = 0;
  const warmUp = {
    get isDone() {
      return left === 0;
    },
    step: () => {
      left--;
      log.push(`step after ${workCount}`);
    },
  };
  // Busy in looks 2 to 4 and 6, idle in all others.
  const look = () => {
    lookCount++;
    if ((lookCount >= 2 && lookCount <= 4) || lookCount === 6) workCount++;
    log.push("look");
    return workCount;
  };
  // A timer that keeps the test's process alive: the warm-up's do not.
  const alive = setInterval(() => {}, 1000);
  await warmUpWhenIdle(warmUp, look, { delayMs: 1, pauseMs: 1 });
  clearInterval(alive);
  const [l, s3, s4] = ["look", "step after 3", "step after 4"];
  expect(log).toEqual([l, l, l, l, l, s3, l, l, s4, l, s4]);
});

test("ends at once when there is nothing to do", async () => {
  const warmUp = {
    isDone: true,
    step: () => {
      throw new Error("a step too many");
    },
  };
  await warmUpWhenIdle(warmUp, () => 0, { delayMs: 0, pauseMs: 0 });
});
