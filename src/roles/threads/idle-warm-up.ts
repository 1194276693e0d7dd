// A warm-up in the idle time of a thread with an event loop: one step at a time, each after a pause in which the thread did no work of
// its own. A thread that is never idle needs none: it has warmed up what it uses.

/** Milliseconds before the first warm-ups: the rest of the node starts first, since it needs the cores more. */
export const WARM_UP_DELAY_MS = 500;

/** What is warmed up. */
export type WarmUp = {
  readonly isDone: boolean;
  step(): void;
};

/** When steps are taken. */
export type WarmUpPace = {
  /** Before the first look. */
  readonly delayMs: number;
  /** Between two looks; a step is taken when no work was done since the last one. */
  readonly pauseMs: number;
};

/**
 * Takes all steps of a warm-up, if ever there is time.
 * @param workCount how much work the thread has done so far
 * @returns when it is done
 */
export async function warmUpWhenIdle(warmUp: WarmUp, workCount: () => number, pace: WarmUpPace): Promise<void> {
  await pause(pace.delayMs);
  for (let seen = workCount(); !warmUp.isDone; ) {
    await pause(pace.pauseMs);
    const count = workCount();
    if (count === seen) warmUp.step();
    seen = count;
  }
}

// Keeps no thread from ending.
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
