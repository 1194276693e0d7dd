// Turns signals into an orderly end: the first SIGINT or SIGTERM asks the node to drain, the second ends the process at once.

/** The part of `process` that carries signals. */
export type SignalSource = {
  on(signal: "SIGINT" | "SIGTERM", listener: () => void): unknown;
  off(signal: "SIGINT" | "SIGTERM", listener: () => void): unknown;
};

/** A watch over the stop signals. */
export type Shutdown = {
  /** Resolves with the name of the first signal. */
  readonly requested: Promise<string>;
  /** Whether the first signal has come. */
  isRequested(): boolean;
  /** Stops watching. */
  dispose(): void;
};

/**
 * Watches for stop signals.
 * @param onFirst called when the first one comes, before `requested` resolves
 * @param onSecond called at any further one; expected to end the process
 */
export function watchShutdown(
  signals: SignalSource,
  handlers: { readonly onFirst: (signal: string) => void; readonly onSecond: (signal: string) => void },
): Shutdown {
  let first = false;
  const { promise, resolve } = Promise.withResolvers<string>();
  const receive = (signal: string) => {
    if (first) {
      handlers.onSecond(signal);
      return;
    }
    first = true;
    handlers.onFirst(signal);
    resolve(signal);
  };
  const onInterrupt = () => receive("SIGINT");
  const onTerminate = () => receive("SIGTERM");
  signals.on("SIGINT", onInterrupt);
  signals.on("SIGTERM", onTerminate);
  return {
    requested: promise,
    isRequested: () => first,
    dispose: () => {
      signals.off("SIGINT", onInterrupt);
      signals.off("SIGTERM", onTerminate);
    },
  };
}
