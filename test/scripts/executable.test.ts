// The compiled executable is one file: it runs from any folder, with an empty environment and no node_modules,
// and takes nothing from the folder it is started in.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "megaeth-executable-test-"));
const executable = join(folder, "bin/megaeth");
const elsewhere = join(folder, "elsewhere");

function run(...args: string[]) {
  return spawnSync(executable, args, { cwd: elsewhere, env: {}, encoding: "utf8" });
}

beforeAll(() => {
  mkdirSync(elsewhere, { recursive: true });
  mkdirSync(join(folder, "bin"));
  // What a hostile or careless folder may hold: the executable must not read any of it.
  writeFileSync(join(elsewhere, ".env"), "MEGAETH_PORT=nonsense\n");
  writeFileSync(join(elsewhere, "bunfig.toml"), 'preload = ["./absent.ts"]\n');
  const built = spawnSync(process.execPath, ["scripts/build.ts", "--outfile", executable], {
    cwd: ROOT,
    encoding: "utf8",
  });
  if (built.status !== 0) throw new Error(built.stderr);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("executable under an empty environment", () => {
  test("--version tells version and commit", () => {
    const { status, stdout } = run("--version");
    expect([status, /^megaeth \d+\.\d+\.\d+ \(([0-9a-f]{12}(-dirty)?|unknown)\)\n$/.test(stdout)]).toEqual([0, true]);
  });
  test("--dry-run reads its options from nowhere but the command line", () => {
    const { status, stdout, stderr } = run("--dry-run", "--port", "0");
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/\n {2}port +0 {2}\(flag\)\n/);
  });
  test("wrong usage is exit code 2, a role that is not built too", () => {
    expect(run("--port", "x").status).toBe(2);
    expect(run("--role", "da").status).toBe(2);
  });
  test("health of a node that is not there is exit code 1", () => {
    expect(run("health", "--port", "1").status).toBe(1);
  });
});
