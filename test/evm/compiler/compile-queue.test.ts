// The queue of the compile thread: bounded, one job per code and fork, newer ones in the place of older ones.

import { expect, test } from "bun:test";
import { CompileQueue } from "#evm/compiler/compile-queue.ts";
import type { CompileJob } from "#evm/compiler/compile-service.ts";

const NOTHING = new Uint8Array(0);

function job(code: number, attempt = 0, fork: CompileJob["fork"] = "osaka"): CompileJob {
  const codeHash = new Uint8Array(32).fill(code);
  return { fork, codeHash, code: NOTHING, map: NOTHING, attempt, entryPoints: [] };
}

function taken(queue: CompileQueue<string>): (string | null)[] {
  const sources: (string | null)[] = [];
  for (let queued = queue.take(); queued !== null; queued = queue.take()) sources.push(queued.source);
  return sources;
}

test("jobs come out in the order in which they came", () => {
  const queue = new CompileQueue<string>(4);
  for (const [source, code] of [
    ["a", 3],
    ["b", 1],
    ["c", 2],
  ] as const) {
    expect(queue.offer({ job: job(code), source })).toBe(null);
  }
  expect(queue.length).toBe(3);
  expect(taken(queue)).toEqual(["a", "b", "c"]);
  expect([queue.length, queue.take()]).toEqual([0, null]);
});

test("a full queue refuses what is new, and still takes newer jobs for what waits", () => {
  const queue = new CompileQueue<string>(2);
  queue.offer({ job: job(1), source: "a" });
  queue.offer({ job: job(2), source: "b" });
  const late = { job: job(3), source: "c" };
  expect(queue.offer(late)).toBe(late);
  expect(queue.offer({ job: job(1, 1), source: "d" })?.source).toBe("a");
  expect(taken(queue)).toEqual(["d", "b"]);
  expect(queue.offer(late)).toBe(null);
});

test("a job with fewer attempts behind it does not replace; other forks are other jobs", () => {
  const queue = new CompileQueue<string>(4);
  queue.offer({ job: job(1, 2), source: "a" });
  expect(queue.offer({ job: job(1, 1), source: "b" })?.source).toBe("b");
  expect(queue.offer({ job: job(1, 0, "cancun"), source: "c" })).toBe(null);
  expect(taken(queue)).toEqual(["a", "c"]);
});
