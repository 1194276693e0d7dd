// The benches of this folder run at smoke size, so that they cannot rot; contenders that disagree fail them.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";

const projectRoot = join(import.meta.dir, "../..");

describe("benches", () => {
  test.each([
    ["bench/rpc/envelope.bench.ts", 2],
    ["bench/rpc/fan-out.bench.ts", 1],
  ])("%s --smoke", (bench, tableCount) => {
    const result = Bun.spawnSync([process.execPath, bench, "--smoke"], { cwd: projectRoot, stderr: "pipe" });
    expect(result.stderr.toString()).toBe("");
    expect(result.exitCode).toBe(0);
    expect(result.stdout.toString().match(/^ {2}digest /gm)?.length).toBe(tableCount);
  });
});
