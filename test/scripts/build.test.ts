// What the build and check scripts read from sources and from output.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findWorkerEntries } from "../../scripts/build.ts";
import { readTestCounts } from "../../scripts/check.ts";

const folder = mkdtempSync(join(tmpdir(), "megaeth-build-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("worker entries", () => {
  test("are found in files directly in src/, once each", () => {
    mkdirSync(join(folder, "roles"), { recursive: true });
    writeFileSync(
      join(folder, "workers.ts"),
      'new Worker(new URL("./roles/log-worker.ts", import.meta.url).href);\nnew URL( "./roles/log-worker.ts" , import.meta.url );',
    );
    writeFileSync(join(folder, "roles/log-worker.ts"), "export {};");
    expect(findWorkerEntries(folder)).toEqual(["roles/log-worker.ts"]);
  });
  test("from a deeper file are refused: the compiled address would be wrong", () => {
    writeFileSync(join(folder, "roles/bad.ts"), 'new URL("./log-worker.ts", import.meta.url)');
    expect(() => findWorkerEntries(folder)).toThrow("src/roles/bad.ts names worker");
  });
});

describe("test counts", () => {
  test("are read from the last closing lines", () => {
    const output = " 9 pass\n 9 fail\n\u001b[32m 12 pass\u001b[0m\n 3 skip\n 1 todo\n 0 fail\n 20 expect() calls\n";
    expect(readTestCounts(output)).toEqual({ passed: 12, failed: 0, skipped: 4 });
  });
  test("are 0 when nothing ran", () => {
    expect(readTestCounts("No tests found!")).toEqual({ passed: 0, failed: 0, skipped: 0 });
  });
});
