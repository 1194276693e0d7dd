// A doorbell wakes one thread: writers of any of its rings touch it, the owner sleeps on it. One shared word per thread.
// The owner reads the word before it looks for work and sleeps only while the word is unchanged, so no wake-up is lost.

/** Shared memory behind a doorbell; posted to other threads as it is. */
export type DoorbellHandle = SharedArrayBuffer;

/** One thread's wake-up word. */
export class Doorbell {
  readonly handle: DoorbellHandle;
  readonly #word: Int32Array<SharedArrayBuffer>;

  /** Attaches to `handle`, or makes a new doorbell. */
  constructor(handle: DoorbellHandle = new SharedArrayBuffer(64)) {
    this.handle = handle;
    this.#word = new Int32Array(handle);
  }

  /** Wakes the owner, or makes its next wait return at once. Any thread. */
  ring(): void {
    Atomics.add(this.#word, 0, 1);
    Atomics.notify(this.#word, 0);
  }

  /** The value to wait on: read it, look for work, and only then wait with it. */
  seen(): number {
    return Atomics.load(this.#word, 0);
  }

  /** Sleeps until a ring after `seen` was read, or for `timeoutMs`; keeps the event loop running. */
  async wait(seen: number, timeoutMs: number): Promise<void> {
    const outcome = Atomics.waitAsync(this.#word, 0, seen, timeoutMs);
    if (outcome.async) await outcome.value;
  }

  /** Sleeps as {@link wait} does and blocks the whole thread; not for the main thread. */
  waitSync(seen: number, timeoutMs: number): void {
    Atomics.wait(this.#word, 0, seen, timeoutMs);
  }
}
