// The arguments of the conformance command.

import { parseArgs } from "node:util";
import { DEFAULT_MODE, isModeBuilt, MODES, type Mode } from "./engines.ts";
import { JOB_COUNT_DEFAULT } from "./pool.ts";
import { CONFORMANCE_SEED } from "./sampling.ts";
import { SUITES } from "./suites.ts";

/** What to run and how. */
export type CommandOptions = {
  /** A key of SUITES. */
  readonly suite: string;
  readonly folder: string;
  readonly mode: Mode;
  /** Part of a file's path or of a case's name; empty: all. */
  readonly only: string;
  /** Cases to draw; null: all. */
  readonly sampleCount: number | null;
  readonly seed: number;
  readonly jobCount: number;
  /** Seconds that one case may take. */
  readonly timeoutS: number;
};

/** How the command is used. */
export const USAGE = `usage: bun run conformance -- SUITE DIR [options]

  SUITE  ${Object.keys(SUITES).join(", ")}
  DIR    a folder of reference vectors, whole or in part

  --mode MODE      ${MODES.join(", ")} (default: ${DEFAULT_MODE}, in which every code starts)
  --only TEXT      only files whose path, and cases whose name, contains TEXT
  --sample N       N cases that the seed decides, at most 4 of a file
  --seed S         another sample (default: ${CONFORMANCE_SEED})
  --jobs N         child processes (default: one for each core)
  --timeout S      seconds that one case may take (default: 1800)

Ends with "N passed, N failed, N skipped". Exit code 0: none failed; 1: some failed; 2: wrong usage.
`;

/** Wrong usage; the message says what is wrong. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * Reads the arguments.
 * @throws {UsageError} when they are not as {@link USAGE} says
 */
export function readCommandOptions(args: readonly string[]): CommandOptions {
  const { values, positionals } = parse(args);
  const [suite, folder, ...rest] = positionals;
  if (suite === undefined || folder === undefined) throw new UsageError("a suite and a folder are needed");
  if (rest.length > 0) throw new UsageError(`unexpected: ${rest.join(" ")}`);
  if (!Object.hasOwn(SUITES, suite)) throw new UsageError(`unknown suite: ${suite}`);
  return {
    suite,
    folder,
    mode: modeOf(values.mode ?? DEFAULT_MODE),
    only: values.only ?? "",
    sampleCount: values.sample === undefined ? null : integer("sample", values.sample, 1),
    seed: integer("seed", values.seed ?? String(CONFORMANCE_SEED), 0),
    jobCount: integer("jobs", values.jobs ?? String(JOB_COUNT_DEFAULT), 1),
    timeoutS: integer("timeout", values.timeout ?? "1800", 1),
  };
}

function parse(args: readonly string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { mode: text, only: text, sample: text, seed: text, jobs: text, timeout: text },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function modeOf(text: string): Mode {
  const mode = MODES.find((name) => name === text);
  if (mode === undefined) throw new UsageError(`unknown mode: ${text}`);
  if (!isModeBuilt(mode)) throw new UsageError(`mode ${mode} is not built yet`);
  return mode;
}

function integer(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least) throw new UsageError(`--${name} takes a whole number from ${least}`);
  return value;
}
