// A run over many worlds in parallel processes. Batches are small, a process that dies or falls silent is replaced, and its
// batch runs again world by world, so that every crash has the number of the world that caused it.

import { join } from "node:path";
import type { Batch, Report, WorkerSetup } from "./worker.ts";
import { worldToJson } from "./world.ts";
import { generateWorld, worldSeed } from "./world-generator.ts";

/** What to run. */
export type FuzzPlan = WorkerSetup & {
  readonly from: number;
  readonly programCount: number;
  readonly jobCount: number;
  /** Silence after which a process counts as hanging, milliseconds. */
  readonly silenceMsMax: number;
  /** Takes no further batches once something was found, and does not shrink it. */
  readonly endsWithFirst?: boolean;
};

/** A difference, or a crash, with the world that shows it. */
export type Found = Omit<Extract<Report, { kind: "difference" }>, "kind">;

/** What is counted by engine. */
export const USAGE_NAMES = ["gas compiled", "interpreted", "not compilable", "side exits", "left to the reference"];

/** What came of a run. */
export type FuzzResult = {
  readonly programCount: number;
  readonly differenceCount: number;
  /** Sums over all processes by engine, in the order of `USAGE_NAMES`. */
  readonly usage: ReadonlyMap<string, readonly bigint[]>;
};

const BATCH_SIZE = 100;
/** Differences that are shrunk; a broken engine differs everywhere, and a few cases say as much. */
const SHRUNK_MAX = 12;
/** A process above this size is replaced. */
const WORKER_SIZE_BYTES_MAX = 1.5 * 2 ** 30;

/** Runs the plan. @param progress called with the worlds done so far, and with each difference */
export async function runFuzz(
  plan: FuzzPlan,
  progress: { readonly done: (count: number, differences: number) => void; readonly found: (found: Found) => void },
): Promise<FuzzResult> {
  const run = new FuzzRun(plan, progress);
  await Promise.all(Array.from({ length: Math.max(1, plan.jobCount) }, () => run.lane()));
  return run.result();
}

class FuzzRun {
  readonly #plan: FuzzPlan;
  readonly #progress: Parameters<typeof runFuzz>[1];
  readonly #usage = new Map<string, bigint[]>();
  #next: number;
  #done = 0;
  #differences = 0;

  constructor(plan: FuzzPlan, progress: Parameters<typeof runFuzz>[1]) {
    this.#plan = plan;
    this.#progress = progress;
    this.#next = plan.from;
  }

  result(): FuzzResult {
    return { programCount: this.#done, differenceCount: this.#differences, usage: this.#usage };
  }

  /** One process after another, until no batch is left. */
  async lane(): Promise<void> {
    let worker = new Worker(this.#plan);
    for (;;) {
      const batch = this.#take();
      if (batch === null) break;
      const lost = await this.#runBatch(worker, batch);
      if (lost === null && worker.sizeBytes < WORKER_SIZE_BYTES_MAX) continue;
      await this.#retire(worker);
      worker = lost === null ? new Worker(this.#plan) : await this.#runCarefully(batch);
    }
    await this.#retire(worker);
  }

  #take(): Batch | null {
    const end = this.#plan.from + this.#plan.programCount;
    const endsEarly = this.#plan.endsWithFirst === true;
    if (this.#next >= end || (endsEarly && this.#differences > 0)) return null;
    const from = this.#next;
    const count = Math.min(BATCH_SIZE, end - from);
    this.#next += count;
    return { from, count, isCareful: false, shrinks: !endsEarly && this.#differences < SHRUNK_MAX };
  }

  /** @returns null when the batch is through, else the world at which the process was lost and why */
  async #runBatch(worker: Worker, batch: Batch): Promise<{ readonly index: number; readonly why: string } | null> {
    const found: Found[] = [];
    let index = batch.from;
    const lost = await worker.run(batch, (report) => {
      if (report.kind === "next") index = report.index;
      else if (report.kind === "difference") found.push(report);
    });
    if (lost !== null && !batch.isCareful) return { index, why: lost };
    for (const one of found) this.#note(one);
    if (lost !== null) return { index, why: lost };
    this.#count(batch.count);
    return null;
  }

  async #runCarefully(batch: Batch): Promise<Worker> {
    const end = batch.from + batch.count;
    let worker = new Worker(this.#plan);
    let from = batch.from;
    while (from < end) {
      const lost = await this.#runBatch(worker, { ...batch, from, count: end - from, isCareful: true });
      if (lost === null) break;
      await this.#retire(worker);
      worker = new Worker(this.#plan);
      const world = worldToJson(generateWorld(worldSeed(this.#plan.seed, lost.index), this.#plan.fork));
      this.#note({ index: lost.index, engine: "unknown", what: "crash", details: lost.why, world });
      this.#count(lost.index + 1 - from);
      from = lost.index + 1;
    }
    return worker;
  }

  #note(found: Found): void {
    this.#differences++;
    this.#progress.found(found);
  }

  #count(count: number): void {
    this.#done += count;
    this.#progress.done(this.#done, this.#differences);
  }

  async #retire(worker: Worker): Promise<void> {
    for (const [engine, amounts] of Object.entries(worker.usage)) {
      const before = this.#usage.get(engine);
      this.#usage.set(
        engine,
        amounts.map((amount, i) => (before?.[i] ?? 0n) + BigInt(amount)),
      );
    }
    await worker.end();
  }
}

/** Children that run; none outlives this process. */
const living = new Set<Bun.Subprocess>();
process.on("exit", () => {
  for (const child of living) child.kill("SIGKILL");
});

/** A child process that runs batches. */
class Worker {
  usage: Readonly<Record<string, readonly string[]>> = {};
  sizeBytes = 0;
  readonly #process: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #lines: AsyncIterator<string>;
  readonly #silenceMsMax: number;

  constructor({ seed, engines, fork, silenceMsMax }: FuzzPlan) {
    this.#silenceMsMax = silenceMsMax;
    this.#process = Bun.spawn(
      [process.execPath, join(import.meta.dir, "worker.ts"), JSON.stringify({ seed, engines, fork })],
      {
        stdin: "pipe",
        stdout: "pipe",
        stderr: "inherit",
      },
    );
    this.#lines = linesOf(this.#process.stdout);
    living.add(this.#process);
    void this.#process.exited.then(() => living.delete(this.#process));
  }

  /** @returns null when the batch is done, else why the process is lost */
  async run(batch: Batch, take: (report: Report) => void): Promise<string | null> {
    try {
      this.#process.stdin.write(`${JSON.stringify(batch)}\n`);
      await this.#process.stdin.flush();
    } catch {
      return this.#deathWords();
    }
    for (;;) {
      const line = await this.#nextLine();
      if (line === "silent") {
        this.#process.kill("SIGKILL");
        await this.#process.exited;
        return `no answer for ${this.#silenceMsMax} ms`;
      }
      if (line === null) return this.#deathWords();
      const report = JSON.parse(line) as Report;
      if (report.kind !== "done") {
        take(report);
        continue;
      }
      this.usage = report.usage;
      this.sizeBytes = report.sizeBytes;
      return null;
    }
  }

  /** Lets the process go. */
  async end(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }

  async #nextLine(): Promise<string | "silent" | null> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const silence = new Promise<"silent">((resolve) => {
      timer = setTimeout(() => resolve("silent"), this.#silenceMsMax);
    });
    const line = this.#lines.next().then((next) => (next.done === true ? null : next.value));
    try {
      return await Promise.race([line, silence]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #deathWords(): Promise<string> {
    await this.#process.exited;
    return `the process ended: ${this.#process.signalCode ?? `exit code ${this.#process.exitCode}`}`;
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
