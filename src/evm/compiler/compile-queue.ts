// The jobs that wait for the compile thread: bounded, at most one per byte code and fork, in the order in which they came.

import { toBareHex } from "#base/hex.ts";
import type { CompileJob } from "./compile-service.ts";

/** A job, and who asked. */
export type QueuedJob<Source> = { readonly job: CompileJob; readonly source: Source };

/** See the head of the file. */
export class CompileQueue<Source> {
  readonly #jobs = new Map<string, QueuedJob<Source>>();
  readonly #lengthMax: number;

  /** @param lengthMax jobs; at least 1 */
  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax;
  }

  get length(): number {
    return this.#jobs.size;
  }

  /**
   * Takes a job in. One with as many attempts behind it, or more, replaces the waiting one for the same code, in its place.
   * @returns the job that is not going to be done: the replaced one, or this one; null when all are
   */
  offer(queued: QueuedJob<Source>): QueuedJob<Source> | null {
    const key = compileKey(queued.job);
    const waiting = this.#jobs.get(key);
    if (waiting === undefined && this.#jobs.size >= this.#lengthMax) return queued;
    if (waiting !== undefined && waiting.job.attempt > queued.job.attempt) return queued;
    this.#jobs.set(key, queued);
    return waiting ?? null;
  }

  /** The oldest job, which is then no longer in the queue; null when there is none. */
  take(): QueuedJob<Source> | null {
    for (const [key, queued] of this.#jobs) {
      this.#jobs.delete(key);
      return queued;
    }
    return null;
  }
}

/** Names a byte code under the rules of a fork. */
export function compileKey({ fork, codeHash }: Pick<CompileJob, "fork" | "codeHash">): string {
  return `${fork} ${toBareHex(codeHash)}`;
}
