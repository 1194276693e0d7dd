// The benches of this folder run at smoke size, so that they cannot rot; contenders that disagree fail them.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";

const projectRoot = join(import.meta.dir, "../..");

describe("benches", () => {
  for (const [bench, tableCount] of [
    ["bench/crypto/keccak.bench.ts", 7],
    ["bench/crypto/secp256k1.bench.ts", 2],
    ["bench/crypto/banderwagon.bench.ts", 6],
    ["bench/crypto/crypto.bench.ts", 15],
  ] as const) {
    test(`${bench} --smoke`, () => {
      const result = Bun.spawnSync([process.execPath, bench, "--smoke"], { cwd: projectRoot, stderr: "pipe" });
      expect(result.stderr.toString()).toBe("");
      expect(result.exitCode).toBe(0);
      expect(result.stdout.toString().match(/^ {2}digest [0-9a-f]{64}$/gm)?.length).toBe(tableCount);
    });
  }
});
