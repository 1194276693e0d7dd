// The same answers everywhere: on kernels and libraries, in a thread, over shared memory, and in a compiled executable.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Answers } from "./answers.fixture.ts";

const projectRoot = join(import.meta.dir, "../../..");
const fixture = join(import.meta.dir, "answers.fixture.ts");
const folder = mkdtempSync(join(tmpdir(), "megaeth-precompiles-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(command: readonly string[], env: Record<string, string> = {}): Answers {
  const result = Bun.spawnSync([...command], { cwd: projectRoot, env, stderr: "pipe" });
  expect(result.stderr.toString()).toBe("");
  expect(result.exitCode).toBe(0);
  return JSON.parse(result.stdout.toString()) as Answers;
}

test("answers are the same", () => {
  const expected = run([process.execPath, fixture]);
  expect(expected.backend).toBe("wasm");
  expect(expected.lines.length).toBe(17);
  // The precompiles' own, and keccak's where it was used.
  expect(expected.memoryCount).toBeLessThanOrEqual(2);
  const portable = run([process.execPath, fixture], { MEGAETH_CRYPTO: "portable" });
  expect(portable.backend).toBe("noble");
  expect(portable.lines).toEqual(expected.lines);
  expect(run([process.execPath, fixture, "shared"]).lines).toEqual(expected.lines);
  expect(run([process.execPath, fixture, "worker"]).lines).toEqual(expected.lines);

  const executable = join(folder, "answers");
  const build = [process.execPath, "build", "--compile", fixture, "--outfile", executable];
  const built = Bun.spawnSync(build, { cwd: projectRoot, stderr: "pipe" });
  expect(built.exitCode, built.stderr.toString()).toBe(0);
  const compiled = run([executable]);
  expect(compiled.backend).toBe("wasm");
  expect(compiled.lines).toEqual(expected.lines);
}, 60_000);
