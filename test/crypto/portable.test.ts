// The same answers everywhere: in this process, in a thread, with portable implementations, and in a compiled
// executable that runs in another folder, without environment and without the packages it was built from.

import { afterAll, describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Answers, computeAnswers } from "./answers.fixture.ts";

const projectRoot = join(import.meta.dir, "../..");
const fixture = join(import.meta.dir, "answers.fixture.ts");
const folder = mkdtempSync(join(tmpdir(), "megaeth-crypto-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function runAndParse(command: string[], options: { cwd: string; env: Record<string, string> }) {
  const result = Bun.spawnSync(command, { ...options, stdout: "pipe", stderr: "pipe" });
  expect(result.stderr.toString()).toBe("");
  expect(result.exitCode).toBe(0);
  return JSON.parse(result.stdout.toString()) as { main: Answers; worker: Answers };
}

const fast = { keccak: "wasm", secp256k1: "native", recovery: "wasm", blake3: "native", lz4: "native" } as const;
const native = { ...fast, recovery: "native" } as const;
const kernels = { ...fast, secp256k1: "noble", blake3: "noble" } as const;
const portable = { ...kernels, keccak: "noble", recovery: "noble" } as const;

describe("answers are the same", () => {
  const expected = computeAnswers();

  test("in threads, and with any implementations ruled out", () => {
    for (const [env, backends] of [
      [{}, fast],
      [{ MEGAETH_CRYPTO: "native" }, native],
      [{ MEGAETH_CRYPTO: "kernels" }, kernels],
      [{ MEGAETH_CRYPTO: "portable" }, portable],
    ] as const) {
      const { main, worker } = runAndParse([process.execPath, fixture], { cwd: projectRoot, env });
      expect(main.backends).toEqual(backends);
      expect(worker.backends).toEqual(backends);
      expect(main.lines).toEqual(expected.lines);
      expect(worker.digest).toBe(expected.digest);
      expect(main.digest).toBe(expected.digest);
    }
  });

  test("in a compiled executable without its packages, elsewhere and without environment", () => {
    const source = join(folder, "source");
    const packages = [
      "secp256k1",
      "@napi-rs/blake-hash-linux-x64-gnu",
      "@antoniomuso/lz4-napi-linux-x64-gnu",
      "@noble/hashes",
      "@noble/curves",
    ].map((name) => `node_modules/${name}`);
    const folders = ["src/base", "src/wasm", "src/crypto", "test/crypto"];
    for (const path of ["package.json", "tsconfig.json", ...folders, ...packages]) {
      cpSync(join(projectRoot, path), join(source, path), { recursive: true });
    }
    const binary = join(folder, "answers");
    const entry = join(source, "test/crypto/answers.fixture.ts");
    const build = Bun.spawnSync([process.execPath, "build", "--compile", "--minify", entry, "--outfile", binary], {
      cwd: join(source, "test/crypto"),
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(build.exitCode, build.stderr.toString()).toBe(0);
    rmSync(source, { recursive: true });
    const elsewhere = join(folder, "elsewhere");
    mkdirSync(elsewhere);
    const { main, worker } = runAndParse(["/usr/bin/env", "-i", binary], { cwd: elsewhere, env: {} });
    expect(main.backends).toEqual(fast);
    expect(worker.backends).toEqual(fast);
    expect(main.digest).toBe(expected.digest);
    expect(worker.digest).toBe(expected.digest);
  }, 60_000);
});
