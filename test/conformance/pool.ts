// Shares units of work among child processes: each takes the next unit when it is done with one. A child that dies or
// falls silent costs the case it was in, which counts as failed; the rest of its unit goes to another child.
//
//   units ──▶ child ──▶ begin, verdict, begin, verdict, … done ──▶ next unit, or a fresh child when it has grown

import { availableParallelism } from "node:os";
import type { Subprocess } from "bun";
import { addUsage, type EngineUsage, NO_USAGE } from "./engines.ts";
import { UNREADABLE, type Unit, type WorkerMessage } from "./unit.ts";

/** How to run. */
export type PoolOptions = {
  /** Starts a child; the IPC channel is added. */
  readonly command: readonly string[];
  readonly jobCount: number;
  /** A child that says nothing for so long is killed. */
  readonly silenceMsMax: number;
  /** A child that is larger than this after a unit is replaced. */
  readonly memoryBytesMax: number;
  /** Told after every verdict. */
  readonly onProgress: (tally: Tally) => void;
  /** Ends the run early; what is known by then is the result. */
  readonly signal: AbortSignal;
};

/** Counts so far. */
export type Tally = { passed: number; failed: number; skipped: number; unitsDone: number };

/** A case that did not pass. */
export type Remark = {
  readonly file: string;
  readonly index: number;
  readonly name: string;
  readonly fork: string;
  readonly kind: "failed" | "skipped";
  /** The first difference, or why it was skipped. */
  readonly text: string;
};

/** Everything that a run found. */
export type PoolResult = {
  readonly tally: Tally;
  /** In the order of files and of cases in them, whatever the order in which they ran. */
  readonly remarks: readonly Remark[];
  readonly usage: ReadonlyMap<string, EngineUsage>;
};

/** A child process that does not come up: nothing can be run. */
export class WorkerStartError extends Error {
  override readonly name = "WorkerStartError";
}

/** A case of a file. */
type Place = { readonly index: number; readonly name: string; readonly fork: string };

const STDERR_TAIL_LENGTH = 600;

/** Children that run when nothing else is said. */
export const JOB_COUNT_DEFAULT: number = availableParallelism();

/**
 * Runs all units.
 * @throws {WorkerStartError} when a child ends before it is ready
 */
export async function runUnits(units: readonly Unit[], options: PoolOptions): Promise<PoolResult> {
  const pool = new Pool(units, options);
  const lanes = Array.from({ length: Math.min(options.jobCount, units.length) }, () => pool.runLane());
  await Promise.all(lanes);
  pool.remarks.sort((a, b) => (a.file === b.file ? a.index - b.index : a.file < b.file ? -1 : 1));
  return { tally: pool.tally, remarks: pool.remarks, usage: pool.usage };
}

class Pool {
  readonly tally: Tally = { passed: 0, failed: 0, skipped: 0, unitsDone: 0 };
  readonly remarks: Remark[] = [];
  readonly usage = new Map<string, EngineUsage>();
  readonly #queue: Unit[];
  readonly #options: PoolOptions;
  #isBroken = false;

  constructor(units: readonly Unit[], options: PoolOptions) {
    this.#queue = [...units].reverse();
    this.#options = options;
  }

  /** Keeps one child busy until nothing is left to do. */
  async runLane(): Promise<void> {
    let child: Child | null = null;
    try {
      for (let unit = this.#next(); unit !== undefined; unit = this.#next()) {
        child ??= await Child.start(this.#options);
        const rest = await this.#runUnit(child, unit);
        if (rest !== null) this.#queue.push(rest);
        else this.tally.unitsDone++;
        if (!child.isFit()) {
          await child.stop();
          child = null;
        }
      }
    } catch (error) {
      this.#isBroken = true;
      throw error;
    } finally {
      await child?.stop();
    }
  }

  #next(): Unit | undefined {
    return this.#isBroken || this.#options.signal.aborted ? undefined : this.#queue.pop();
  }

  /** Runs a unit; answers what remains of it when the child died. */
  async #runUnit(child: Child, unit: Unit): Promise<Unit | null> {
    let latest: Place = { index: unit.from, name: UNREADABLE, fork: "" };
    let isInCase = false;
    const end = await child.run(unit, (message) => {
      if (message.kind === "begin") latest = message;
      if (message.kind === "verdict") this.#note(unit.file, latest, message);
      if (message.kind === "done") this.#addUsage(message.usage);
      isInCase = message.kind === "begin";
    });
    if (end === null || this.#options.signal.aborted) return null;
    // A child that died outside of a case would die there again.
    const place = isInCase ? latest : { index: latest.index, name: UNREADABLE, fork: "" };
    this.#note(unit.file, place, { difference: end, skipReason: null });
    return isInCase ? { ...unit, from: latest.index + 1 } : null;
  }

  #note(
    file: string,
    { index, name, fork }: Place,
    { difference, skipReason }: { difference: string | null; skipReason: string | null },
  ): void {
    const kind = skipReason !== null ? "skipped" : difference !== null ? "failed" : "passed";
    this.tally[kind]++;
    if (kind !== "passed") this.remarks.push({ file, index, name, fork, kind, text: skipReason ?? difference ?? "" });
    this.#options.onProgress(this.tally);
  }

  #addUsage(usage: Readonly<Record<string, EngineUsage>>): void {
    for (const [group, more] of Object.entries(usage)) {
      this.usage.set(group, addUsage(this.usage.get(group) ?? NO_USAGE, more));
    }
  }
}

/** One child process and what it says. */
class Child {
  readonly #process: Subprocess<"ignore", "ignore", "pipe">;
  readonly #options: PoolOptions;
  #listener: (message: WorkerMessage) => void = () => {};
  #stderrTail = "";
  #memoryBytes = 0;
  #heardAtMs = performance.now();

  private constructor(options: PoolOptions) {
    this.#options = options;
    this.#process = Bun.spawn([...options.command], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
      serialization: "advanced",
      ipc: (message: WorkerMessage) => {
        this.#heardAtMs = performance.now();
        if (message.kind === "done") this.#memoryBytes = message.memoryBytes;
        this.#listener(message);
      },
    });
    void this.#keepStderrTail();
  }

  /** @throws {WorkerStartError} when it ends before it is ready */
  static async start(options: PoolOptions): Promise<Child> {
    const child = new Child(options);
    const isReady = new Promise<true>((resolve) => {
      child.#listener = ({ kind }) => {
        if (kind === "ready") resolve(true);
      };
    });
    const isUp = await Promise.race([isReady, child.#process.exited.then(() => false)]);
    if (!isUp) throw new WorkerStartError(`a child process did not start: ${await child.#lastWords()}`);
    return child;
  }

  /** Whether it lives and has not grown too large. */
  isFit(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null && this.#isSmall();
  }

  /** Runs a unit to its end and passes on what the child says. @returns null, or how the child ended instead */
  async run(unit: Unit, listener: (message: WorkerMessage) => void): Promise<string | null> {
    const isDone = new Promise<null>((resolve) => {
      this.#listener = (message) => {
        listener(message);
        if (message.kind === "done") resolve(null);
      };
    });
    this.#heardAtMs = performance.now();
    this.#process.send(unit);
    const watch = setInterval(() => this.#killWhenSilent(), 200);
    try {
      return await Promise.race([isDone, this.#process.exited.then(() => this.#lastWords())]);
    } finally {
      clearInterval(watch);
    }
  }

  /** Ends the child. */
  async stop(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }

  #isSmall(): boolean {
    return this.#memoryBytes <= this.#options.memoryBytesMax;
  }

  #killWhenSilent(): void {
    const isSilent = performance.now() - this.#heardAtMs > this.#options.silenceMsMax;
    if (!isSilent && !this.#options.signal.aborted) return;
    if (isSilent) this.#stderrTail = `no answer for ${this.#options.silenceMsMax / 1000} s`;
    this.#process.kill("SIGKILL");
  }

  async #lastWords(): Promise<string> {
    const code = await this.#process.exited;
    // What it wrote last may arrive after its end is known.
    await Bun.sleep(20);
    const end = this.#process.signalCode === null ? `exit code ${code}` : `signal ${this.#process.signalCode}`;
    const words = this.#stderrTail.trim().replaceAll(/\s+/g, " ");
    return `the process ended with ${end}${words === "" ? "" : `: ${words}`}`;
  }

  async #keepStderrTail(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#process.stderr) {
      this.#stderrTail = (this.#stderrTail + decoder.decode(chunk, { stream: true })).slice(-STDERR_TAIL_LENGTH);
    }
  }
}
