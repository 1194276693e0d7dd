// Watches how late a thread's timers run and puts the worst recent delay into event_loop_lag_seconds.
// A thread whose lag grows is computing where it should only move bytes.

import type { Metrics } from "./metrics.ts";

const TICK_MS = 100;
const WINDOW_TICKS = 50;

/** Keeps the delays of the last ticks and knows the worst. */
export class LagWindow {
  readonly #delaysMs: Float64Array;
  #tick = 0;

  /** @param tickCount how many ticks a delay is remembered for */
  constructor(tickCount: number) {
    this.#delaysMs = new Float64Array(tickCount);
  }

  /**
   * Records one tick.
   * @returns the worst delay in the window, milliseconds; a tick that came early counts as 0
   */
  record(dueMs: number, nowMs: number): number {
    this.#delaysMs[this.#tick++ % this.#delaysMs.length] = Math.max(0, nowMs - dueMs);
    return Math.max(...this.#delaysMs);
  }
}

/**
 * Starts watching the calling thread; the timer does not keep the process alive.
 * @returns a function that stops watching
 */
export function watchEventLoop(metrics: Metrics): () => void {
  const gauge = metrics.gauge("event_loop_lag_seconds");
  const window = new LagWindow(WINDOW_TICKS);
  let dueMs = performance.now() + TICK_MS;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    gauge.set(window.record(dueMs, nowMs) / 1_000);
    dueMs = nowMs + TICK_MS;
  }, TICK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
