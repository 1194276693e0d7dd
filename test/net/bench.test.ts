// The benches of this folder run at smoke size, so that they cannot rot; contenders that disagree fail them.

import { expect, test } from "bun:test";
import { join } from "node:path";

const projectRoot = join(import.meta.dir, "../..");

test.each([
  ["bench/net/socket-writes.bench.ts", 3],
  ["bench/net/feed-messages.bench.ts", 1],
] as const)("%s --smoke", (bench, tableCount) => {
  const result = Bun.spawnSync([process.execPath, bench, "--smoke"], { cwd: projectRoot, stderr: "pipe" });
  expect(result.stderr.toString()).toBe("");
  expect(result.exitCode).toBe(0);
  expect(result.stdout.toString().match(/^ {2}digest /gm)?.length).toBe(tableCount);
});
