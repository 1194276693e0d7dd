// The window of timer delays behind event_loop_lag_seconds.

import { expect, test } from "bun:test";
import { LagWindow } from "#observability/event-loop.ts";

test("the worst delay counts until its tick leaves the window", () => {
  const window = new LagWindow(3);
  expect(window.record(100, 99)).toBe(0);
  expect(window.record(200, 240)).toBe(40);
  expect([window.record(300, 301), window.record(400, 402), window.record(500, 500)]).toEqual([40, 40, 2]);
});
