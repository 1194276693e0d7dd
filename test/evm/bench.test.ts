// The benches of this folder run at smoke size, so that they cannot rot; contenders that disagree fail them.

import { expect, test } from "bun:test";
import { join } from "node:path";

test("bench/evm/reference.bench.ts --smoke", () => {
  const command = [process.execPath, "bench/evm/reference.bench.ts", "--smoke"];
  const result = Bun.spawnSync(command, { cwd: join(import.meta.dir, "../.."), stderr: "pipe" });
  expect(result.stderr.toString()).toBe("");
  expect(result.exitCode).toBe(0);
  expect(result.stdout.toString().match(/^ {2}digest [0-9a-f]{64}$/gm)?.length).toBe(2);
}, 60_000);
