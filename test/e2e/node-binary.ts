// The program under test: ./megaeth, built when a source is newer than it, copied into a temporary folder with nothing
// beside it. $MEGAETH_BINARY names another one to test.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdtempSync, readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** The project's root folder. */
export const PROJECT_ROOT = resolve(import.meta.dir, "../..");

const BUILT = join(PROJECT_ROOT, "megaeth");
const INPUTS = ["src", "scripts/build.ts", "package-lock.json"];

/** Reads process ids until its input ends, that is until the test run is gone, then ends those that run from the folder. */
const WATCHER = `
pids=
while read -r pid; do pids="$pids $pid"; done
for pid in $pids; do
  case "$(readlink "/proc/$pid/exe")" in "$1"/*) kill -9 "$pid" ;; esac
done
sleep 0.2
rm -rf "$1"
`;

let scratch: string | null = null;
let watcher: ChildProcess | null = null;
let copied: string | null = null;

/** A folder of this test run that goes when the process ends. */
export function scratchFolder(): string {
  if (scratch === null) {
    const folder = mkdtempSync(join(tmpdir(), "megaeth-e2e-"));
    scratch = folder;
    // A process of its own: exit handlers do not run at the end of every test run.
    watcher = spawn("sh", ["-c", WATCHER, "watcher", folder], { stdio: ["pipe", "ignore", "ignore"], detached: true });
    watcher.unref();
  }
  return scratch;
}

/** Sees to it that a process started from the scratch folder does not outlive the test run, however that ends. */
export function endWithTestRun(child: ChildProcess): void {
  scratchFolder();
  watcher?.stdin?.write(`${child.pid}\n`);
}

/** The path of the copied program. @throws {Error} with the build's output when it does not build */
export function nodeBinary(): string {
  copied ??= copyBinary(process.env.MEGAETH_BINARY ?? builtBinary());
  return copied;
}

/** A native program of an npm package that ships one per platform. */
export function foundryBinary(name: "anvil" | "cast"): string {
  const platform = `${process.platform === "darwin" ? "darwin" : "linux"}-${process.arch === "arm64" ? "arm64" : "amd64"}`;
  return join(PROJECT_ROOT, `node_modules/@foundry-rs/${name}-${platform}/bin/${name}`);
}

function copyBinary(source: string): string {
  const target = join(scratchFolder(), "megaeth");
  copyFileSync(source, target);
  chmodSync(target, 0o755);
  return target;
}

function builtBinary(): string {
  const builtMs = modifiedMs(BUILT);
  if (builtMs >= Math.max(...INPUTS.map((input) => newestMs(join(PROJECT_ROOT, input))))) return BUILT;
  const built = spawnSync(process.execPath, ["scripts/build.ts"], { cwd: PROJECT_ROOT, encoding: "utf8" });
  if (built.status !== 0) throw new Error(`the program does not build:\n${built.stdout}${built.stderr}`);
  return BUILT;
}

function newestMs(path: string): number {
  const own = modifiedMs(path);
  if (!statSync(path).isDirectory()) return own;
  const files = readdirSync(path, { recursive: true, encoding: "utf8" });
  return Math.max(own, ...files.map((file) => modifiedMs(join(path, file))));
}

function modifiedMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
