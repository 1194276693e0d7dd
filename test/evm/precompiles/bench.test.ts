// The bench of the precompiles runs at smoke size, so that it cannot rot; contenders that disagree fail it.

import { expect, test } from "bun:test";
import { join } from "node:path";

test("bench/evm/precompiles.bench.ts --smoke", () => {
  const command = [process.execPath, "bench/evm/precompiles.bench.ts", "--smoke"];
  const result = Bun.spawnSync(command, { cwd: join(import.meta.dir, "../../.."), stderr: "pipe" });
  expect(result.stderr.toString()).toBe("");
  expect(result.exitCode).toBe(0);
  expect(result.stdout.toString().match(/^ {2}digest [0-9a-f]{64}$/gm)?.length).toBe(45);
}, 60_000);
