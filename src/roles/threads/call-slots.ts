// Calls that run code take turns on a read worker: a bounded number is under way at a time, so that each machine's memory is
// bounded too; the others wait in the order in which they came, before they choose their state.

/** Methods whose time is that of the code they run. */
export const CODE_METHODS: ReadonlySet<string> = new Set(["eth_call", "eth_estimateGas"]);

/** Calls that run code at a time on one worker: each interpreter in use holds a megabyte or more. */
export const CODE_CALL_COUNT_MAX = 16;

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
