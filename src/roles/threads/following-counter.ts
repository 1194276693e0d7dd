// Counter metrics that follow numbers which other code counts for itself, brought up to date a few times a second.

import type { Counter } from "#observability/metrics.ts";

/** A counter metric that follows a number which only grows: call it to bring the metric up to date. */
export function following(counter: Counter, read: () => number): () => void {
  let reported = 0;
  return () => {
    const value = read();
    if (value > reported) counter.add(value - reported);
    reported = value;
  };
}
