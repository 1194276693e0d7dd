// Watches how late a thread's timers run and puts the worst recent delay into event_loop_lag_seconds.
// A thread whose lag grows is computing where it should only move bytes.

import type { Metrics } from "./metrics.ts";

const TICK_MS = 100;
const WINDOW_TICKS = 50;

/**
 * Starts watching the calling thread; the timer does not keep the process alive.
 * @returns a function that stops watching
 */
export function watchEventLoop(metrics: Metrics): () => void {
  const gauge = metrics.gauge("event_loop_lag_seconds");
  const delaysMs = new Float64Array(WINDOW_TICKS);
  let tick = 0;
  let dueMs = performance.now() + TICK_MS;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    delaysMs[tick++ % WINDOW_TICKS] = Math.max(0, nowMs - dueMs);
    dueMs = nowMs + TICK_MS;
    gauge.set(Math.max(...delaysMs) / 1_000);
  }, TICK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
