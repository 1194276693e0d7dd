// Makes ./megaeth: one executable with every worker, WASM module and native add-on inside.
// usage: bun scripts/build.ts [--outfile PATH]
//
// A worker is compiled in when it is an entry point of its own and is started by its path from src/, that is from a file that
// lies directly in src/: `new Worker(new URL("./roles/execute-worker.ts", import.meta.url))`. From a deeper file the address
// would resolve against the wrong folder inside the executable (measured on Bun 1.4.5), so the build refuses that.

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

/** The project's root folder. */
const ROOT = resolve(import.meta.dir, "..");
const SOURCE = join(ROOT, "src");
const WORKER_ADDRESS = /new\s+URL\(\s*["'](\.[^"']+\.ts)["']\s*,\s*import\.meta\.url\s*\)/g;

/**
 * The worker entry points that the sources under `sourceFolder` start, as paths relative to it.
 * @throws {Error} when a worker is named from a file that does not lie directly in the folder
 */
export function findWorkerEntries(sourceFolder: string): string[] {
  const entries = new Set<string>();
  for (const file of readdirSync(sourceFolder, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts")) continue;
    for (const match of readFileSync(join(sourceFolder, file), "utf8").matchAll(WORKER_ADDRESS)) {
      if (dirname(file) !== ".")
        throw new Error(`src/${file} names worker ${match[1]}: only files directly in src/ may`);
      entries.add(relative(sourceFolder, resolve(sourceFolder, match[1] ?? "")));
    }
  }
  return [...entries].sort();
}

/** $MEGAETH_BUILD_COMMIT, else the short commit of the checkout, with `-dirty` when it has been changed; "unknown" without git. */
function readCommit(): string {
  const told = process.env.MEGAETH_BUILD_COMMIT;
  if (told !== undefined && told !== "") return told;
  const git = (...args: string[]) => spawnSync("git", args, { cwd: ROOT, encoding: "utf8" });
  const head = git("rev-parse", "--short=12", "HEAD");
  if (head.status !== 0) return "unknown";
  const changed = git(
    "status",
    "--porcelain",
    "--untracked-files=no",
    "--",
    "src",
    "package.json",
    "package-lock.json",
  );
  return head.stdout.trim() + (changed.stdout.trim() === "" ? "" : "-dirty");
}

function build(outfile: string): void {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  // Built aside and renamed: whoever starts ./megaeth meanwhile gets the whole old one or the whole new one.
  const scratch = join(dirname(outfile), ".build", String(process.pid));
  const partial = join(scratch, "megaeth");
  mkdirSync(scratch, { recursive: true });
  const workers = findWorkerEntries(SOURCE).map((entry) => join(SOURCE, entry));
  const args = [
    "build",
    "--compile",
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    "--sourcemap=none",
    "--root",
    SOURCE,
    "--define",
    `MEGAETH_BUILD_VERSION=${JSON.stringify(version)}`,
    "--define",
    `MEGAETH_BUILD_COMMIT=${JSON.stringify(readCommit())}`,
    join(SOURCE, "main.ts"),
    ...workers,
    "--outfile",
    partial,
  ];
  const result = spawnSync(process.execPath, args, { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] });
  if (result.status === 0) renameSync(partial, outfile);
  rmSync(scratch, { recursive: true, force: true });
  if (result.status !== 0) {
    throw new Error(`bun build ended with ${result.status ?? result.signal}`);
  }
  console.log(`${relative(ROOT, outfile)}: main and ${workers.length} workers`);
}

if (import.meta.main) {
  const position = process.argv.indexOf("--outfile");
  build(position < 0 ? join(ROOT, "megaeth") : resolve(process.argv[position + 1] ?? "megaeth"));
}
