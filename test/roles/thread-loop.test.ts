// The loop of a worker thread: it sleeps on its doorbell and never keeps the events of its thread waiting.

import { expect, test } from "bun:test";
import { Doorbell } from "#base/doorbell.ts";
import { runLoop } from "#roles/threads/thread-loop.ts";

const TURN_COUNT_MAX = 100_000;

test("timers run although the doorbell rings in every turn", async () => {
  const bell = new Doorbell();
  let isHeard = false;
  setTimeout(() => {
    isHeard = true;
  }, 0);
  let turns = 0;
  await runLoop(bell.handle, () => {
    bell.ring();
    turns++;
    return isHeard || turns === TURN_COUNT_MAX ? "stop" : 50;
  });
  expect(isHeard).toBe(true);
});
