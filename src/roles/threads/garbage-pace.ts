// Collects a thread's garbage in time. The engine counts every shared region as memory of each thread that sees it, and lets
// garbage grow in proportion to that: with gigabytes of shared state, each thread would keep gigabytes of dead records.
// So each loop has young objects collected now and then, and all of them when too many outlive that.

import { edenGC, fullGC, heapSize } from "bun:jsc";

/** Time between two collections of young objects in a thread that works, milliseconds; one takes 1 to 3 ms. */
const YOUNG_INTERVAL_MS = 500;
/** Turns that a thread must have taken since then: an idle one makes no garbage. */
const YOUNG_TURN_COUNT = 16;
/** Growth that outlives such collections, after which everything is collected, bytes; that takes 5 to 40 ms. */
const WHOLE_GROWTH_BYTES = 128 << 20;

/** The pace of one thread. */
export class GarbagePace {
  #collectedAtMs = performance.now();
  #turnCount = 0;
  #wholeBase = heapSize();

  /** Called in every turn of a thread's loop. */
  keep(): void {
    if (++this.#turnCount < YOUNG_TURN_COUNT) return;
    const nowMs = performance.now();
    if (nowMs - this.#collectedAtMs < YOUNG_INTERVAL_MS) return;
    // Between collections the engine does not know the size of large arrays, so there is nothing to measure before.
    edenGC();
    if (heapSize() - this.#wholeBase > WHOLE_GROWTH_BYTES) {
      fullGC();
      this.#wholeBase = heapSize();
    }
    this.#wholeBase = Math.min(this.#wholeBase, heapSize());
    this.#collectedAtMs = performance.now();
    this.#turnCount = 0;
  }
}
