// Calls that run code take turns on a read worker, in the order in which they came, and wait before they choose their state. So the
// memory of machines is bounded; and, since our engine keeps the thread while it runs, the worker follows the log between two
// calls: one that fell far behind would hold the log up.

/** Calls that run code at a time on one worker. Those of the reference engine let others in, and hold a megabyte or more each. */
export const CODE_CALL_COUNT_MAX = { wasm: 1, reference: 16 } as const;

/** A bounded number of places. */
export class CallSlots {
  #freeCount: number;
  readonly #waiting: (() => void)[] = [];

  /** @param count places */
  constructor(count: number) {
    this.#freeCount = count;
  }

  /** Runs `work` when a place is free. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#freeCount > 0) this.#freeCount--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#freeCount++;
      else next();
    }
  }
}
