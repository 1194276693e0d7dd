// Every check in one go: types, lint and format, the executable, then the tests. Closes with one line
// `N passed, N failed, N skipped`, in which the first three count as one each. Words on the command line go to `bun test`.

import { spawn } from "node:child_process";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "..");
const TEST_TIMEOUT_MS = 60_000;

type Outcome = { readonly status: number; readonly output: string };

/** What `bun test` counted, read from its closing lines. */
export type TestCounts = { readonly passed: number; readonly failed: number; readonly skipped: number };

/** Reads the counts from the output of `bun test`; a missing line counts as 0. */
export function readTestCounts(output: string): TestCounts {
  const plain = Bun.stripANSI(output);
  const count = (word: string) =>
    Number([...plain.matchAll(new RegExp(`^\\s*(\\d+) ${word}$`, "gm"))].at(-1)?.[1] ?? 0);
  return { passed: count("pass"), failed: count("fail"), skipped: count("skip") + count("todo") };
}

function run(command: string, args: readonly string[]): Promise<Outcome> {
  return new Promise((settle) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const show = (chunk: Buffer) => {
      output += chunk.toString();
      process.stdout.write(chunk);
    };
    child.stdout.on("data", show);
    child.stderr.on("data", show);
    child.on("close", (status) => settle({ status: status ?? 1, output }));
    child.on("error", (error) => settle({ status: 1, output: String(error) }));
  });
}

async function main(args: readonly string[]): Promise<number> {
  const bin = join(ROOT, "node_modules/.bin");
  let passed = 0;
  let failed = 0;
  for (const [name, command, commandArgs] of [
    ["types", join(bin, "tsc"), ["--noEmit", "-p", "."]],
    ["lint and format", join(bin, "biome"), ["check", "--error-on-warnings"]],
    ["build", process.execPath, ["scripts/build.ts"]],
  ] as const) {
    console.log(`== ${name}`);
    if ((await run(command, commandArgs)).status === 0) passed++;
    else failed++;
  }
  console.log("== tests");
  const tests = await run(process.execPath, ["test", `--timeout=${TEST_TIMEOUT_MS}`, ...args]);
  const counts = readTestCounts(tests.output);
  if (tests.status !== 0 && counts.failed === 0) failed++;
  const total = { passed: passed + counts.passed, failed: failed + counts.failed };
  console.log(`${total.passed} passed, ${total.failed} failed, ${counts.skipped} skipped`);
  return total.failed === 0 && tests.status === 0 ? 0 : 1;
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
