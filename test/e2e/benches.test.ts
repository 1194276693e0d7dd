// The end-to-end benches run at smoke size, so that they cannot rot: both programs do the same work, or they fail.

import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { foundryBinary, PROJECT_ROOT } from "./node-binary.ts";

const BENCHES = ["bench/end-to-end/throughput.bench.ts", "bench/end-to-end/latency.bench.ts"];

describe("end-to-end benches", () => {
  const isAnvilThere = existsSync(foundryBinary("anvil"));
  for (const bench of BENCHES) {
    test.skipIf(!isAnvilThere)(
      `${bench} --smoke${isAnvilThere ? "" : " (skipped: anvil is not installed for this platform)"}`,
      async () => {
        const run = Bun.spawn([process.execPath, bench, "--smoke"], {
          cwd: PROJECT_ROOT,
          stdout: "pipe",
          stderr: "pipe",
        });
        const [out, error, status] = await Promise.all([
          new Response(run.stdout).text(),
          new Response(run.stderr).text(),
          run.exited,
        ]);
        if (status !== 0) throw new Error(`${bench} ended with ${status}:\n${out}${error}`);
        expect(out.match(/^ {2}digest [0-9a-f]{64}$/gm)?.length).toBe(4);
        expect(out).toContain("--accounts 20");
      },
      120_000,
    );
  }
});
