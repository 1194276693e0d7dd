// Runs whole folders of reference vectors on an engine, over all cores: `bun run conformance -- SUITE DIR`.
//
//   files ─▶ units (parts of files, slow ones first) ─▶ pool of workers ─▶ failures in order ─▶ counts, exit code
//
// Results go to stdout, progress to stderr.

import { statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { SeededRandom } from "#base/random.ts";
import { type CommandOptions, readCommandOptions, USAGE, UsageError } from "./command-options.ts";
import { type PoolResult, type Remark, runUnits, type Tally, WorkerStartError } from "./pool.ts";
import { isSlowFile } from "./sampling.ts";
import { drawSample, SUITES, type Suite, type SuiteFile, suiteFiles } from "./suites.ts";
import { isNamed, type Unit } from "./unit.ts";
import { reportUsage } from "./usage-report.ts";

/** Bytes of a file that make one unit of work. */
const UNIT_BYTES = 256 * 1024;
/** Units of a file whose cases are slow, be it small. */
const SLOW_PART_COUNT = 16;
const SAMPLE_PER_FILE_MAX = 4;
const CHILD_MEMORY_BYTES_MAX = 1.5 * 2 ** 30;
const PROGRESS_INTERVAL_MS = 10_000;
const PROGRESS_INTERVAL_TTY_MS = 500;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    return await run(readCommandOptions(args[0] === "--" ? args.slice(1) : args));
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`conformance: ${error.message}\n\n${USAGE}`);
      return 2;
    }
    if (error instanceof WorkerStartError) {
      process.stderr.write(`conformance: ${error.message}\n`);
      return 1;
    }
    throw error;
  }
}

async function run(options: CommandOptions): Promise<number> {
  const suite = SUITES[options.suite]!;
  const units = unitsOf(suite, filesOf(suite, options), options);
  const progress = new Progress(units.length);
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupt.abort());
  const { suite: suiteName, mode, folder, only, jobCount, timeoutS } = options;
  try {
    const result = await runUnits(units, {
      command: [process.execPath, join(import.meta.dir, "worker.ts"), suiteName, mode, resolve(folder), only],
      jobCount,
      silenceMsMax: timeoutS * 1000,
      memoryBytesMax: CHILD_MEMORY_BYTES_MAX,
      onProgress: (tally) => progress.update(tally),
      signal: interrupt.signal,
    });
    return report(result, options, interrupt.signal.aborted);
  } finally {
    progress.end();
  }
}

function filesOf(suite: Suite, { folder }: CommandOptions): SuiteFile[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw new UsageError(`no such folder: ${folder}`);
  const files = suiteFiles(suite, resolve(folder));
  if (files.length === 0) throw new UsageError(`no files of this suite in ${folder}`);
  return files;
}

function unitsOf(suite: Suite, files: readonly SuiteFile[], options: CommandOptions): Unit[] {
  const { folder, only, sampleCount, seed } = options;
  if (sampleCount !== null) {
    const isWanted = (path: string, name: string): boolean => {
      return isNamed(only, relative(resolve(folder), path), name);
    };
    const request = { files, count: sampleCount, perFileMax: SAMPLE_PER_FILE_MAX, isWanted };
    return drawSample(suite, request, new SeededRandom(seed)).map(({ path, indices }) => {
      return { file: path, pick: { kind: "list", indices }, from: 0 };
    });
  }
  return [...files].sort(slowFirst).flatMap(({ path, sizeBytes }) => {
    const partCount = Math.max(isSlowFile(path) ? SLOW_PART_COUNT : 1, Math.ceil(sizeBytes / UNIT_BYTES));
    return Array.from({ length: partCount }, (_, part): Unit => {
      return { file: path, pick: { kind: "part", part, partCount }, from: 0 };
    });
  });
}

/** So that no long file is left for the end, where the other cores would have nothing to do. */
function slowFirst(a: SuiteFile, b: SuiteFile): number {
  return Number(isSlowFile(b.path)) - Number(isSlowFile(a.path)) || b.sizeBytes - a.sizeBytes;
}

function report({ tally, remarks, usage }: PoolResult, options: CommandOptions, isInterrupted: boolean): number {
  const { folder, mode, seed, sampleCount } = options;
  for (const remark of remarks) if (remark.kind === "failed") print(`FAIL ${lineOf(remark, folder)}`);
  for (const line of skipLines(remarks, folder)) print(line);
  if (sampleCount !== null) print(`a sample of ${sampleCount} cases, seed ${seed}`);
  const { lines, shortfall } = reportUsage(mode, usage);
  for (const line of lines) print(line);
  if (shortfall !== null) print(`FAIL mode ${mode}: ${shortfall}`);
  if (isInterrupted) print("interrupted: the counts are those until then");
  const { passed, failed, skipped } = tally;
  const hasRun = passed + failed + skipped > 0;
  if (!hasRun) print("no case was selected");
  print(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return failed > 0 || shortfall !== null || isInterrupted ? 1 : hasRun ? 0 : 2;
}

function lineOf({ file, name, fork, text }: Remark, folder: string): string {
  return [relative(resolve(folder), file), name, fork, text].filter((part) => part !== "").join(" :: ");
}

/** A line for each reason, with its count and one example. */
function skipLines(remarks: readonly Remark[], folder: string): string[] {
  const skipped = remarks.filter(({ kind }) => kind === "skipped");
  const byReason = Map.groupBy(skipped, ({ text }) => text);
  return [...byReason].map(([reason, all]) => {
    const { file, name } = all[0]!;
    return `SKIP ${all.length}: ${reason}; for instance ${relative(resolve(folder), file)} :: ${name}`;
  });
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A line on stderr now and then; on a terminal one line that changes. */
class Progress {
  readonly #unitCount: number;
  readonly #startedMs = performance.now();
  readonly #isTerminal = process.stderr.isTTY === true;
  readonly #timer: Timer;
  #tally: Tally | null = null;

  constructor(unitCount: number) {
    this.#unitCount = unitCount;
    const intervalMs = this.#isTerminal ? PROGRESS_INTERVAL_TTY_MS : PROGRESS_INTERVAL_MS;
    this.#timer = setInterval(() => this.#show(), intervalMs);
  }

  update(tally: Tally): void {
    this.#tally = tally;
  }

  end(): void {
    clearInterval(this.#timer);
    process.stderr.write(`${this.#isTerminal ? "\r\x1b[K" : ""}took ${this.#elapsed()}\n`);
  }

  #show(): void {
    const { passed, failed, skipped, unitsDone } = this.#tally ?? { passed: 0, failed: 0, skipped: 0, unitsDone: 0 };
    const counts = `${passed} passed, ${failed} failed, ${skipped} skipped`;
    const text = `${this.#elapsed()}: ${unitsDone} of ${this.#unitCount} units, ${counts}`;
    process.stderr.write(this.#isTerminal ? `\r\x1b[K${text}` : `${text}\n`);
  }

  #elapsed(): string {
    return `${((performance.now() - this.#startedMs) / 1000).toFixed(1)} s`;
  }
}
