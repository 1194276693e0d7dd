// The benches of this folder run at smoke size, so that they cannot rot; contenders that disagree fail them.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vectorsFolder } from "#test/vectors.ts";

const hasVectors = vectorsFolder("evm-bench") !== null;

function runBench(file: string, ...words: readonly string[]): { exitCode: number; output: string; errors: string } {
  const command = [process.execPath, `bench/evm/${file}`, "--smoke", ...words];
  const result = Bun.spawnSync(command, { cwd: join(import.meta.dir, "../.."), stderr: "pipe" });
  return { exitCode: result.exitCode, output: result.stdout.toString(), errors: result.stderr.toString() };
}

for (const file of ["reference.bench.ts", "machine.bench.ts"]) {
  test(`bench/evm/${file} --smoke`, () => {
    const { exitCode, output, errors } = runBench(file);
    expect(errors).toBe("");
    expect(exitCode).toBe(0);
    expect(output.match(/^ {2}digest [0-9a-f]{64}$/gm)?.length).toBe(2);
  }, 60_000);
}

describe("bench/evm/evm.bench.ts --smoke", () => {
  test("programs of our own and of the vectors", () => {
    const { exitCode, output, errors } = runBench("evm.bench.ts", "--json");
    expect(exitCode, errors).toBe(0);
    const report = JSON.parse(output) as { digest: string; programs: Record<string, unknown>[] };
    expect(report.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(report.programs.filter(({ mismatch }) => mismatch !== null)).toEqual([]);
    expect(report.programs.length).toBe(hasVectors ? 28 : 15);
    for (const { times } of report.programs) expect(Object.keys(times as object)).toContain("anvil");
  }, 120_000);

  test("fixtures from any folder, selected by name", () => {
    const folder = mkdtempSync(join(tmpdir(), "megaeth-bench-"));
    const account = { balance: "0x0", nonce: "0x0", code: "0x", storage: {} };
    // Adds calldata and a slot, and answers the sum.
    const code = "0x5f355f54015f5260205ff3";
    const fixture = {
      env: { currentNumber: "0x2", currentTimestamp: "0x3", currentCoinbase: `0x${"00".repeat(20)}` },
      pre: {
        [`0x${"0a".repeat(20)}`]: account,
        [`0x${"0b".repeat(20)}`]: { ...account, code, storage: { "0x0": "0x5" } },
      },
      transaction: {
        sender: `0x${"0a".repeat(20)}`,
        to: `0x${"0b".repeat(20)}`,
        data: ["0x01", "0x02"],
        value: ["0x00"],
      },
    };
    writeFileSync(join(folder, "sum.json"), JSON.stringify({ sum: fixture }));
    writeFileSync(join(folder, "index.json"), JSON.stringify({ contents: ["sum.json"] }));
    try {
      const { exitCode, output, errors } = runBench("evm.bench.ts", "sum", "--fixtures", folder);
      expect(exitCode, errors).toBe(0);
      expect(output).toContain("sum/0^");
      expect(output).toContain("sum/1^");
      expect(output).toContain("2 programs, 0 differ");
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);
});

test("bench/evm/hostile.bench.ts --smoke", () => {
  const cases = ["block/mod", "jumps/", "memory/", "recursion/call", "crowd/", "state/", "create/selfdestruct"];
  const { exitCode, output, errors } = runBench("hostile.bench.ts", ...cases);
  expect(exitCode, `${errors}${output}`).toBe(0);
  expect(output).toContain("0 answers differ from anvil's");
  expect(output).toContain("always the same answer");
}, 120_000);
