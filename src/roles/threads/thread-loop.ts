// The shared frame of every worker thread: sleep on the doorbell, look for work, and turn a thrown error into one message to the
// main thread, which ends the process: a thread that met a bug must not go on.

import { Doorbell, type DoorbellHandle } from "#base/doorbell.ts";
import type { LogEvent } from "#observability/event-table.ts";
import type { LogFields } from "#observability/logger.ts";
import { GarbagePace } from "./garbage-pace.ts";
import type { ThreadPort } from "./thread-protocol.ts";

/** What one look for work found: milliseconds to sleep at most (0 = look again after other events), or "stop". */
export type Turn = number | "stop";

/** Longest sleep of an idle thread, milliseconds: what bounds a lost wake-up. */
export const IDLE_SLEEP_MS = 1_000;

/**
 * Runs `turn` again and again until it says "stop", sleeping on the doorbell between; the event loop runs in every sleep.
 * A turn that returns 0 gives way to timers and messages, then goes on.
 */
export async function runLoop(doorbell: DoorbellHandle, turn: () => Turn | Promise<Turn>): Promise<void> {
  const bell = new Doorbell(doorbell);
  const garbage = new GarbagePace();
  for (;;) {
    const seen = bell.seen();
    garbage.keep();
    const next = await turn();
    if (next === "stop") return;
    // A bell that rings in every turn must not keep timers and messages out.
    if (next === 0 || bell.seen() !== seen) await yieldToEvents();
    else await bell.wait(seen, Math.min(next, IDLE_SLEEP_MS));
  }
}

/** Runs `turn` as {@link runLoop} does and blocks the thread while it sleeps: for threads without an event loop of their own. */
export function runLoopSync(doorbell: DoorbellHandle, turn: () => Turn): void {
  const bell = new Doorbell(doorbell);
  const garbage = new GarbagePace();
  for (;;) {
    const seen = bell.seen();
    garbage.keep();
    const next = turn();
    if (next === "stop") return;
    if (next > 0) bell.waitSync(seen, Math.min(next, IDLE_SLEEP_MS));
  }
}

/** Runs a thread's body; whatever it throws is reported as the end of the node. */
export async function runThread(port: ThreadPort, body: () => void | Promise<void>): Promise<void> {
  try {
    await body();
    port.post({ type: "stopped" });
  } catch (error) {
    port.post({ type: "failed", message: describeError(error) });
  }
}

/** A logger of a worker thread: the main thread writes the line. */
export function logThrough(port: ThreadPort): (event: LogEvent, fields?: LogFields) => void {
  return (event, fields = {}) => port.post({ type: "log", event, fields });
}

/** An error with its name, message and, for bugs, its stack. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error ? `${error.name}: ${error.message}` : (error.stack ?? `${error.name}: ${error.message}`);
}

function yieldToEvents(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
