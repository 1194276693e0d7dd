// Changes rules of the engine one at a time and asks whether the tests notice: `bun run mutate -- [--only TEXT] [--jobs N]`.
//
//   copy of the tree ─▶ one rule changed ─▶ opcode tests ─▶ known faults ─▶ fuzz sample ─▶ conformance sample ─▶ table
//
// The working tree is never written to: each job has a copy in the temporary folder. A mutation is caught by the first stage
// that fails or does not end in time; the unchanged copy must pass all stages first. Exit code 1 when a mutation survives, or
// no longer fits the source.

import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { MUTATIONS, type Mutation } from "./mutations.ts";

const ROOT = resolve(import.meta.dir, "..");
const COPIED = ["src", "test", "bench", "scripts", "package.json", "tsconfig.json", "bunfig.toml"];
const LINKED = ["node_modules", ".vectors"];
const STAGE_MS_MAX = 600_000;

/** A part of the suite, and how it is run. */
type Stage = { readonly name: string; readonly command: readonly string[] };

/** The stages, those that catch most first. Together they are a fast subset of what `./scripts/test` runs. */
const STAGES: readonly Stage[] = [
  { name: "known faults", command: ["test", "--timeout=600000", "test/fuzz", "-t", "known class"] },
  { name: "opcode tests", command: ["test", "--timeout=600000", "--bail", "test/evm/words", "test/evm/opcodes"] },
  { name: "fuzz sample", command: ["test/fuzz/command.ts", ..."--first --programs 4000 --seed 1 --jobs 1".split(" ")] },
  {
    name: "conformance sample",
    command: [
      ..."test/conformance/command.ts state .vectors/state-tests".split(" "),
      ..."--sample 1200 --jobs 1 --mode interpreter".split(" "),
    ],
  },
];

/** The sweep of known faults runs on one tier: both are made from the same rows, and the fuzz sample runs all. */
const ENVIRONMENT = { ...process.env, MEGAETH_FUZZ_ENGINES: "reference,interpreter" };

/** What became of a mutation. */
type Verdict = {
  readonly mutation: Mutation;
  readonly outcome: string;
  readonly isCaught: boolean;
  readonly seconds: number;
};

/** Children that run; none outlives this process. */
const living = new Set<Bun.Subprocess>();
process.on("exit", () => {
  for (const child of living) child.kill("SIGKILL");
});

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: args[0] === "--" ? args.slice(1) : [...args],
    options: { only: { type: "string", default: "" }, jobs: { type: "string", default: "1" } },
  });
  const mutations = MUTATIONS.filter(({ what, file }) => `${what} ${file}`.includes(values.only));
  const stale = mutations.filter((mutation) => occurrences(mutation) !== 1);
  for (const mutation of stale) {
    console.log(`STALE ${mutation.what}: its text stands ${occurrences(mutation)} times in ${mutation.file}`);
  }
  const copies = Array.from({ length: Math.max(1, Number(values.jobs)) }, makeCopy);
  process.on("exit", () => {
    for (const copy of copies) rmSync(copy, { recursive: true, force: true });
  });
  const broken = await firstFailure(copies[0]!);
  if (broken !== null) {
    console.log(`the unchanged engine fails: ${broken}`);
    return 1;
  }
  const verdicts = await tryAll(
    mutations.filter((mutation) => !stale.includes(mutation)),
    copies,
  );
  const survivors = verdicts.filter(({ isCaught }) => !isCaught).length;
  console.log(
    `${verdicts.length} mutations, ${verdicts.length - survivors} caught, ${survivors} survived, ${stale.length} stale`,
  );
  return survivors + stale.length === 0 ? 0 : 1;
}

function occurrences({ file, find }: Mutation): number {
  const path = join(ROOT, file);
  return existsSync(path) ? readFileSync(path, "utf8").split(find).length - 1 : 0;
}

function makeCopy(): string {
  const copy = mkdtempSync(join(tmpdir(), "megaeth-mutate-"));
  for (const name of COPIED) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  for (const name of LINKED) if (existsSync(join(ROOT, name))) symlinkSync(join(ROOT, name), join(copy, name));
  return copy;
}

async function tryAll(mutations: readonly Mutation[], copies: readonly string[]): Promise<Verdict[]> {
  const rest = [...mutations];
  const verdicts: Verdict[] = [];
  const lane = async (copy: string) => {
    for (let mutation = rest.shift(); mutation !== undefined; mutation = rest.shift()) {
      const verdict = await tryOne(mutation, copy);
      verdicts.push(verdict);
      const mark = verdict.isCaught ? "caught  " : "SURVIVED";
      console.log(
        `${mark} ${verdict.outcome.padEnd(34)} ${verdict.seconds.toFixed(0).padStart(4)} s  ${mutation.what}`,
      );
    }
  };
  await Promise.all(copies.map(lane));
  return verdicts;
}

async function tryOne(mutation: Mutation, copy: string): Promise<Verdict> {
  const path = join(copy, mutation.file);
  const source = readFileSync(path, "utf8");
  const startMs = performance.now();
  try {
    writeFileSync(
      path,
      source.replace(mutation.find, () => mutation.replace),
    );
    const failure = await firstFailure(copy);
    const seconds = (performance.now() - startMs) / 1000;
    return {
      mutation,
      outcome: failure === null ? "by nothing" : `by ${failure}`,
      isCaught: failure !== null,
      seconds,
    };
  } finally {
    writeFileSync(path, source);
  }
}

/** The first stage that does not pass in a copy of the tree; null when all do. */
async function firstFailure(copy: string): Promise<string | null> {
  for (const { name, command } of STAGES) {
    const child = Bun.spawn([process.execPath, ...command], {
      cwd: copy,
      env: ENVIRONMENT,
      stdout: "ignore",
      stderr: "ignore",
    });
    living.add(child);
    const timer = setTimeout(() => child.kill("SIGKILL"), STAGE_MS_MAX);
    const code = await child.exited;
    clearTimeout(timer);
    living.delete(child);
    if (child.signalCode === "SIGKILL") return `${name} (no end in time)`;
    if (code !== 0) return name;
  }
  return null;
}
