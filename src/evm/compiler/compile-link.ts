// Between a thread that runs byte code and whoever compiles it: jobs one way, answers the other. Both are plain data, so that the
// link may be a message port; or the same thread, for tests and tools.

import type { Hardfork } from "#chain/hardforks.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { type CompileJob, type CompileResult, runCompileJob } from "./compile-service.ts";

/** What comes back. Results come to every thread, whoever asked; that a job was dropped, only to the one that did. */
export type CompileAnswer =
  | { readonly kind: "result"; readonly result: CompileResult }
  /** The queue was full, or a newer job for the same code took its place. */
  | { readonly kind: "dropped"; readonly fork: Hardfork; readonly codeHash: Hash32 };

/** See the head of the file. */
export interface CompileLink {
  /** Asks for a code to be compiled. */
  request(job: CompileJob): void;
  /** The next answer; null when there is none yet. Never waits. */
  receive(): CompileAnswer | null;
}

/** Compiles on the thread itself, one job each time an answer is asked for. */
export class OwnThreadLink implements CompileLink {
  readonly #jobs: CompileJob[] = [];

  /** @inheritdoc */
  request(job: CompileJob): void {
    this.#jobs.push(job);
  }

  /** @inheritdoc */
  receive(): CompileAnswer | null {
    const job = this.#jobs.shift();
    if (job === undefined) return null;
    const { bytes: _, ...result } = runCompileJob(job);
    return { kind: "result", result };
  }
}
