// The suites of the conformance command: which files of a folder each takes, and the cases in such a file.

import { readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import type { SeededRandom } from "#base/random.ts";
import type { ConformanceCase } from "./case.ts";
import { fixtureCasesOf } from "./fixture-file.ts";
import { mainnetCaseOf } from "./mainnet-blocks.ts";
import { precompileCasesOf } from "./precompile-tests.ts";
import { isSaltFile, saltCasesOf } from "./salt-witnesses.ts";
import { draw } from "./sampling.ts";
import { UNREADABLE } from "./unit.ts";

/** One kind of reference vectors. */
export type Suite = {
  /** Whether a file belongs to it, by its name alone. */
  readonly takes: (fileName: string) => boolean;
  /** The cases of a file, in an order that never changes. */
  readonly casesOf: (file: string) => ConformanceCase[];
};

const takesJson = (name: string): boolean => name.endsWith(".json");
const FIXTURES: Suite = { takes: takesJson, casesOf: fixtureCasesOf };

/** By the name that the command takes. Fixtures are told apart by content, so their three names take the same files. */
export const SUITES: Readonly<Record<string, Suite>> = {
  state: FIXTURES,
  blocks: FIXTURES,
  vm: FIXTURES,
  mainnet: { takes: (name) => name === "block.json", casesOf: (file) => [mainnetCaseOf(file)] },
  precompiles: { takes: takesJson, casesOf: precompileCasesOf },
  salt: { takes: isSaltFile, casesOf: saltCasesOf },
};

/** A file of a suite. */
export type SuiteFile = { readonly path: string; readonly sizeBytes: number };

/** The files of a suite under a folder, sorted by path; folders whose name begins with a dot are left out. */
export function suiteFiles(suite: Suite, folder: string): SuiteFile[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => suite.takes(basename(name)) && !/(^|\/)\./.test(name))
    .map((name) => join(folder, name))
    .sort()
    .map((path) => ({ path, sizeBytes: statSync(path).size }));
}

/** Some cases of a file, by their place among all of it. */
export type SampledFile = { readonly path: string; readonly indices: readonly number[] };

/** What a sample is drawn from, and how much. */
export type SampleRequest = {
  readonly files: readonly SuiteFile[];
  readonly count: number;
  /** Cases that one file may give, so that no single rule fills the sample. */
  readonly perFileMax: number;
  readonly isWanted: (path: string, name: string) => boolean;
};

/** A sample that the generator's seed decides; files are read only until it is full. */
export function drawSample(suite: Suite, request: SampleRequest, random: SeededRandom): SampledFile[] {
  const { files, count, perFileMax, isWanted } = request;
  const sampled: SampledFile[] = [];
  let drawn = 0;
  for (const { path } of draw(files, random, files.length)) {
    const wanted = namesIn(suite, path).flatMap((name, i) => (isWanted(path, name) ? [i] : []));
    const indices = draw(wanted, random, Math.min(perFileMax, count - drawn)).sort((a, b) => a - b);
    if (indices.length > 0) sampled.push({ path, indices });
    drawn += indices.length;
    if (drawn >= count) break;
  }
  return sampled;
}

/** A file that cannot be read takes part as one case, which will fail. */
function namesIn(suite: Suite, path: string): readonly string[] {
  try {
    return suite.casesOf(path).map(({ name }) => name);
  } catch {
    return [UNREADABLE];
  }
}
