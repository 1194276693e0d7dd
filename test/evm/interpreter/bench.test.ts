// The bench of the interpreter runs at smoke size; an interpreter that disagrees with the library fails it.

import { expect, test } from "bun:test";
import { join } from "node:path";

test("bench/evm/interpreter.bench.ts --smoke", () => {
  const command = [process.execPath, "bench/evm/interpreter.bench.ts", "--smoke"];
  const result = Bun.spawnSync(command, { cwd: join(import.meta.dir, "../../.."), stderr: "pipe" });
  expect(result.stderr.toString()).toBe("");
  expect(result.exitCode).toBe(0);
  expect(result.stdout.toString().match(/^ {2}digest [0-9a-f]{64}$/gm)?.length).toBe(4);
}, 60_000);
