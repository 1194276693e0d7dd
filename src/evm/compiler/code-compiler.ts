// What the compile thread does, without the thread: takes jobs into its queue, works them off one at a time, warms the modules up and
// publishes them, keeps them on disk, and brings back what an earlier process kept.
//
//   offer ▸ queue ▸ merge what was seen ▸ compile ▸ publish ▸ disk ▸ warm up           disk ▸ publish ▸ warm up, when idle

import { dropOldest } from "#base/maps.ts";
import { HARDFORKS } from "#chain/hardforks.ts";
import type { CompiledCodeFile } from "#formats/disk/compiled-code.ts";
import { DiskError } from "#storage/disk.ts";
import { GENERATOR_VERSION } from "./compile.ts";
import { CompileQueue, compileKey, type QueuedJob } from "./compile-queue.ts";
import { type CompileJob, type CompileResult, type PublishedCode, publish, runCompileJob } from "./compile-service.ts";
import type { CompiledStore } from "./compiled-store.ts";
import type { ModuleWarmer } from "./module-warmer.ts";
import { markSeenPlaces, type SeenPlaces, seenPlacesOf } from "./seen-places.ts";

/** What a compiler works with. */
export type CodeCompilerParts<Source> = {
  readonly queueLengthMax: number;
  /** null keeps nothing. */
  readonly store: CompiledStore | null;
  /** null leaves warming up to whoever runs the code. */
  readonly warmer: ModuleWarmer | null;
  /** A result for all. */
  readonly publish: (result: CompileResult) => void;
  /** A job that will not be done. */
  readonly drop: (dropped: QueuedJob<Source>) => void;
  /** A job ended by an exception, which is a bug; its code stays interpreted. */
  readonly onFailure: (job: CompileJob, error: unknown) => void;
};

/** What was done, counted. */
export type CompilerCounters = {
  compiled: number;
  refused: number;
  failed: number;
  dropped: number;
  /** Taken from disk. */
  loaded: number;
  compileMs: number;
  warmUpMs: number;
  /** Of modules made or loaded. */
  moduleBytes: number;
};

/** Codes of which it is remembered what was seen. */
const SEEN_COUNT_MAX = 4_096;

/** See the head of the file. */
export class CodeCompiler<Source> {
  readonly counters: CompilerCounters = {
    compiled: 0,
    refused: 0,
    failed: 0,
    dropped: 0,
    loaded: 0,
    compileMs: 0,
    warmUpMs: 0,
    moduleBytes: 0,
  };
  readonly #parts: CodeCompilerParts<Source>;
  readonly #queue: CompileQueue<Source>;
  /** The least recently compiled first. */
  readonly #seen = new Map<string, SeenPlaces>();
  #kept: Iterator<CompiledCodeFile> | null;
  #isDiskFailing = false;

  constructor(parts: CodeCompilerParts<Source>) {
    this.#parts = parts;
    this.#queue = new CompileQueue(parts.queueLengthMax);
    this.#kept = parts.store?.open() ?? null;
  }

  /** Jobs that wait. */
  get queueLength(): number {
    return this.#queue.length;
  }

  /** Takes a job in, or drops it or one that it replaces. */
  offer(queued: QueuedJob<Source>): void {
    const dropped = this.#queue.offer(queued);
    if (dropped === null) return;
    this.counters.dropped++;
    this.#parts.drop(dropped);
  }

  /** Does one piece of work: a job, or else one file of the disk. @returns whether there may be more */
  step(): boolean {
    const queued = this.#queue.take();
    if (queued !== null) this.#compile(queued.job);
    else if (this.#kept !== null) this.#loadNext(this.#kept);
    return this.#queue.length > 0 || this.#kept !== null;
  }

  #compile(given: CompileJob): void {
    if (this.#takeKept(given)) return;
    const { job, seen } = this.#withAllSeen(given);
    const { fork, codeHash, attempt } = job;
    try {
      const { bytes, ...result } = runCompileJob(job);
      this.counters.compileMs += result.compileMs;
      this.counters[result.compiled === null ? "refused" : "compiled"]++;
      this.#publish(result);
      if (result.compiled !== null && bytes !== null) this.#keep(job, seen, result.compiled, bytes);
    } catch (error) {
      this.counters.failed++;
      this.#parts.onFailure(job, error);
      this.#parts.publish({ fork, codeHash, attempt, compiled: null, compileMs: 0 });
    }
  }

  #publish(result: CompileResult): void {
    const { compiled, fork } = result;
    if (compiled !== null) this.counters.moduleBytes += compiled.sizeBytes;
    // Before it is warmed up: whoever needs it now warms it up as well.
    this.#parts.publish(result);
    if (compiled === null || this.#parts.warmer === null) return;
    const startMs = performance.now();
    this.#parts.warmer.warm(compiled, fork);
    this.counters.warmUpMs += performance.now() - startMs;
  }

  /** The job with everything that any thread has ever seen of the code, and that. */
  #withAllSeen(job: CompileJob): { readonly job: CompileJob; readonly seen: SeenPlaces } {
    const key = compileKey(job);
    const map = job.map.slice();
    const before = this.#seen.get(key);
    if (before !== undefined) markSeenPlaces(map, before);
    const seen = seenPlacesOf(map);
    this.#remember(key, seen);
    return { job: { ...job, map }, seen };
  }

  #remember(key: string, seen: SeenPlaces): void {
    this.#seen.delete(key);
    this.#seen.set(key, seen);
    dropOldest(this.#seen, SEEN_COUNT_MAX);
  }

  #keep(
    { fork, codeHash }: CompileJob,
    seen: SeenPlaces,
    compiled: PublishedCode,
    module: Uint8Array<ArrayBuffer>,
  ): void {
    const { form, functionCount, blocks } = compiled;
    this.#onDisk(() =>
      this.#parts.store?.put({
        generatorVersion: GENERATOR_VERSION,
        codeHash,
        fork,
        form,
        functionCount,
        blocks: blocks ?? new Uint16Array(0),
        seen,
        module,
      }),
    );
  }

  /** A job for what an earlier process compiled and this one has not seen. @returns whether that answers it */
  #takeKept(job: CompileJob): boolean {
    if (this.#seen.has(compileKey(job))) return false;
    const file = this.#onDisk(() => this.#parts.store?.find(job)) ?? null;
    if (file === null) return false;
    if (job.entryPoints.length === 0) return this.#load(file);
    this.#remember(compileKey(job), file.seen);
    return false;
  }

  #loadNext(files: Iterator<CompiledCodeFile>): void {
    const next = this.#onDisk(() => files.next());
    if (next === undefined || next.done === true) this.#kept = null;
    else this.#load(next.value);
  }

  /** @returns whether it was of use */
  #load({ codeHash, fork: forkName, form, functionCount, blocks, seen, module }: CompiledCodeFile): boolean {
    const fork = HARDFORKS.find((known) => known === forkName);
    if (fork === undefined || this.#seen.has(compileKey({ fork, codeHash }))) return false;
    this.#remember(compileKey({ fork, codeHash }), seen);
    this.counters.loaded++;
    const rest = { form, functionCount, blocks: blocks.length === 0 ? null : blocks, entries: [] };
    this.#publish({ fork, codeHash, attempt: 0, compiled: publish({ bytes: module, ...rest }), compileMs: 0 });
    return true;
  }

  /** The disk is a cache: when it fails, nothing more is kept. */
  #onDisk<T>(work: () => T): T | undefined {
    if (this.#isDiskFailing) return undefined;
    try {
      return work();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.#isDiskFailing = true;
      return undefined;
    }
  }
}
