// The pool with children that misbehave on purpose: none of it may go unnoticed or stop the rest.

import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type PoolOptions, type PoolResult, runUnits, WorkerStartError } from "./pool.ts";
import type { Unit } from "./unit.ts";

const folder = mkdtempSync(join(tmpdir(), "conformance-pool-"));
setDefaultTimeout(120_000);
afterAll(() => rmSync(folder, { recursive: true }));

/** A child with five cases in every file; `misdeed` is a statement that sees `unit.file` and the case's index `i`. */
function childThat(misdeed: string): readonly string[] {
  const path = join(folder, `child-${Bun.hash(misdeed)}.js`);
  writeFileSync(
    path,
    `process.on("disconnect", () => process.exit(0));
    process.on("message", async (unit) => {
      for (let i = unit.from; i < 5; i++) {
        process.send({ kind: "begin", index: i, name: "case " + i, fork: "any" });
        ${misdeed}
        process.send({ kind: "verdict", index: i, difference: null, skipReason: null });
      }
      process.send({ kind: "done", usage: {}, memoryBytes: 1 });
    });
    process.send({ kind: "ready" });`,
  );
  return [process.execPath, path];
}

function run(command: readonly string[], options: Partial<PoolOptions> = {}): Promise<PoolResult> {
  const units = ["a", "b", "c"].map((file): Unit => {
    return { file, pick: { kind: "part", part: 0, partCount: 1 }, from: 0 };
  });
  return runUnits(units, {
    command,
    jobCount: 2,
    silenceMsMax: 60_000,
    memoryBytesMax: 2,
    onProgress: () => {},
    signal: new AbortController().signal,
    ...options,
  });
}

test("a child that dies costs the case it was in", async () => {
  const { tally, remarks } = await run(
    childThat('if (unit.file === "b" && i === 2) { console.error("oh"); process.exit(7); }'),
  );
  expect(tally).toEqual({ passed: 14, failed: 1, skipped: 0, unitsDone: 3 });
  const text = "the process ended with exit code 7: oh";
  expect(remarks).toEqual([{ file: "b", index: 2, name: "case 2", fork: "any", kind: "failed", text }]);
});

test("a child that falls silent is killed", async () => {
  const hang = childThat('if (unit.file === "c" && i === 4) for (;;);');
  const { tally, remarks } = await run(hang, { silenceMsMax: 1500 });
  expect(tally).toEqual({ passed: 14, failed: 1, skipped: 0, unitsDone: 3 });
  expect(remarks.map(({ file, index, text }) => [file, index, text])).toEqual([
    ["c", 4, "the process ended with signal SIGKILL: no answer for 1.5 s"],
  ]);
});

test("a child that grows is replaced", async () => {
  const pids = childThat(
    "if (process.started !== undefined && process.started !== unit.file) process.exit(3); process.started = unit.file;",
  );
  expect((await run(pids, { memoryBytesMax: 0, jobCount: 1 })).tally.failed).toBe(0);
  expect((await run(pids, { memoryBytesMax: 2, jobCount: 1 })).tally.failed).toBe(2);
});

test("children that do not start end the run", async () => {
  const path = join(folder, "broken.js");
  writeFileSync(path, 'throw new Error("no engine");');
  const failed = run([process.execPath, path]);
  expect(failed).rejects.toThrow(WorkerStartError);
  expect(failed).rejects.toThrow("no engine");
  await failed.catch(() => {});
});

test("an aborted run gives what is known", async () => {
  const abort = new AbortController();
  const wait = childThat("if (i === 3) await new Promise(() => {});");
  let verdictCount = 0;
  const onProgress = (): void => {
    verdictCount++;
    if (verdictCount === 6) abort.abort();
  };
  const { tally } = await run(wait, { onProgress, signal: abort.signal });
  expect(tally).toEqual({ passed: 6, failed: 0, skipped: 0, unitsDone: tally.unitsDone });
});
