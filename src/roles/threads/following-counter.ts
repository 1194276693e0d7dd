// Counter metrics that follow numbers which other code counts for itself, brought up to date a few times a second.

import type { Counter } from "#observability/metrics.ts";

const UPDATE_INTERVAL_MS = 50;

/** A counter metric that follows a number which only grows: call it to bring the metric up to date. */
export function following(counter: Counter, read: () => number): () => void {
  let reported = 0;
  return () => {
    const value = read();
    if (value > reported) counter.add(value - reported);
    reported = value;
  };
}

/** All of some updates, a few times a second however often they are called for. */
export function paced(updates: readonly (() => void)[]): () => void {
  let updatedAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = performance.now();
    if (nowMs - updatedAtMs < UPDATE_INTERVAL_MS) return;
    updatedAtMs = nowMs;
    for (const bringUp of updates) bringUp();
  };
}
