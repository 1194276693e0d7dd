// The work of the compile thread without the thread: jobs, what several threads have seen, failures, and the cache on disk, which
// makes a second process warm and is never trusted.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromHex } from "#base/hex.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { CodeCompiler } from "#evm/compiler/code-compiler.ts";
import type { CompileJob, CompileResult } from "#evm/compiler/compile-service.ts";
import { CompiledStore } from "#evm/compiler/compiled-store.ts";
import { ModuleWarmer } from "#evm/compiler/module-warmer.ts";
import { EngineCounters } from "#evm/runtime/counters.ts";
import { createRange } from "#evm/runtime/range.ts";
import { EvmThread } from "#evm/runtime/thread.ts";
import { CODE_MAP_JUMPDEST, CODE_MAP_VISITED, CONTEXT } from "#formats/memory/evm-arena.ts";
import { RealDisk } from "#storage/real-disk.ts";
import { releaseMemory } from "#wasm/loader.ts";
import { assemble } from "../fixtures.ts";

const FOLDER = "compiled";
/** Two branches: which of them was taken, the call data says. */
const BRANCHES = fromHex(assemble("0 CALLDATALOAD @other JUMPI 1 0 SSTORE STOP other: 2 0 SSTORE STOP"));
const OTHER = BRANCHES.lastIndexOf(0x5b);
const BEHIND_JUMPI = BRANCHES.indexOf(0x57) + 1;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "compiled-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function jobFor(code: Uint8Array, visited: readonly number[] = [], attempt = 0): CompileJob {
  const map = new Uint8Array(code.length);
  if (OTHER < code.length) map[OTHER] = CODE_MAP_JUMPDEST;
  for (const pc of visited) map[pc] = map[pc]! | CODE_MAP_VISITED;
  return { fork: "osaka", codeHash: keccak256(code), code, map, attempt, entryPoints: [] };
}

function openCompiler(options: { sizeBytesMax?: number; queueLengthMax?: number } = {}) {
  const results: CompileResult[] = [];
  const dropped: string[] = [];
  const failures: unknown[] = [];
  const { sizeBytesMax = 1 << 20, queueLengthMax = 8 } = options;
  const compiler = new CodeCompiler<string>({
    queueLengthMax,
    store: new CompiledStore(new RealDisk(root), FOLDER, sizeBytesMax),
    warmer: null,
    publish: (result) => results.push(result),
    drop: ({ source }) => dropped.push(source),
    onFailure: (_, error) => failures.push(error),
  });
  const work = () => {
    while (compiler.step());
  };
  return { compiler, results, dropped, failures, work };
}

const files = () => readdirSync(join(root, FOLDER)).map((name) => join(root, FOLDER, name));

describe("jobs", () => {
  test("a result says what became of the code; what is refused is not kept", () => {
    const { compiler, results, work } = openCompiler();
    compiler.offer({ job: jobFor(BRANCHES, [0, BEHIND_JUMPI]), source: "a" });
    compiler.offer({ job: jobFor(Uint8Array.of(0xfe)), source: "a" });
    expect(compiler.queueLength).toBe(2);
    work();
    expect(results.map(({ compiled }) => compiled?.functionCount ?? null)).toEqual([1, null]);
    expect(compiler.counters).toMatchObject({ compiled: 1, refused: 1, failed: 0, loaded: 0 });
    expect(compiler.counters.moduleBytes).toBe(results[0]!.compiled!.sizeBytes);
    expect(files().length).toBe(1);
  });

  test("what one thread has seen is compiled for another one as well", () => {
    const { compiler, results, work } = openCompiler();
    compiler.offer({ job: jobFor(BRANCHES, [0, BEHIND_JUMPI]), source: "a" });
    work();
    compiler.offer({ job: jobFor(BRANCHES, [0, OTHER]), source: "b" });
    work();
    const whole = openCompiler();
    whole.compiler.offer({ job: jobFor(BRANCHES, [0, BEHIND_JUMPI, OTHER], 1), source: "a" });
    rmSync(join(root, FOLDER), { recursive: true });
    whole.work();
    const [one, both] = results.map(({ compiled }) => compiled!.sizeBytes);
    expect(both).toBeGreaterThan(one!);
    expect(whole.results[0]!.compiled!.sizeBytes).toBe(both!);
  });

  test("a full queue tells the one whose job it leaves out", () => {
    const { compiler, dropped } = openCompiler({ queueLengthMax: 1 });
    compiler.offer({ job: jobFor(BRANCHES), source: "a" });
    compiler.offer({ job: jobFor(BRANCHES.slice(1)), source: "b" });
    compiler.offer({ job: jobFor(BRANCHES, [], 1), source: "c" });
    expect([dropped, compiler.counters.dropped]).toEqual([["b", "a"], 2]);
  });

  test("a job that throws is told and counted; its code stays interpreted and the next job is done", () => {
    const { compiler, results, failures, work } = openCompiler();
    const broken = { ...jobFor(BRANCHES.slice(1)), code: null as unknown as Uint8Array };
    compiler.offer({ job: broken, source: "a" });
    compiler.offer({ job: jobFor(BRANCHES), source: "a" });
    work();
    expect([failures.length, compiler.counters.failed]).toEqual([1, 1]);
    expect(results.map(({ compiled }) => compiled === null)).toEqual([true, false]);
  });
});

describe("the cache on disk", () => {
  function fill(): CompileResult {
    const first = openCompiler();
    first.compiler.offer({ job: jobFor(BRANCHES, [0, OTHER]), source: "a" });
    first.work();
    return first.results[0]!;
  }

  test("a second process publishes what the first one compiled, without compiling", () => {
    const kept = fill();
    const second = openCompiler();
    second.work();
    expect(second.compiler.counters).toMatchObject({ loaded: 1, compiled: 0, compileMs: 0 });
    const [{ compiled, codeHash }] = second.results as [CompileResult];
    expect([codeHash, compiled?.sizeBytes]).toEqual([kept.codeHash, kept.compiled!.sizeBytes]);
    expect(WebAssembly.Module.exports(compiled!.module)).toEqual(WebAssembly.Module.exports(kept.compiled!.module));
  });

  test("a job that comes first is answered from it; a later one compiles what both processes have seen", () => {
    const kept = fill();
    const second = openCompiler();
    second.compiler.offer({ job: jobFor(BRANCHES, [0, BEHIND_JUMPI]), source: "a" });
    second.work();
    expect(second.compiler.counters).toMatchObject({ loaded: 1, compiled: 0 });
    second.compiler.offer({ job: jobFor(BRANCHES, [0, BEHIND_JUMPI], 1), source: "a" });
    second.work();
    const sizes = second.results.map(({ compiled }) => compiled!.sizeBytes);
    expect(sizes[0]).toBe(kept.compiled!.sizeBytes);
    expect(sizes[1]).toBeGreaterThan(sizes[0]!);
  });

  test("a damaged, foreign or misnamed file is removed, never used", () => {
    fill();
    const [path] = files() as [string];
    const whole = readFileSync(path);
    const damages: readonly ((bytes: Buffer) => Buffer)[] = [
      (bytes) => bytes.subarray(0, bytes.length - 1),
      (bytes) => Buffer.concat([bytes, Buffer.of(0)]),
      () => Buffer.alloc(0),
      ...[0, 9, 13, 20, 60, whole.length >> 1, whole.length - 1].map((at) => (bytes: Buffer) => {
        bytes[at] = bytes[at]! ^ 1;
        return bytes;
      }),
    ];
    for (const damage of damages) {
      writeFileSync(path, damage(Buffer.from(whole)));
      const next = openCompiler();
      next.work();
      expect([next.results.length, next.compiler.counters.loaded, files()]).toEqual([0, 0, []]);
    }
    writeFileSync(path.replace("osaka", "cancun"), whole);
    const next = openCompiler();
    next.work();
    expect([next.results.length, files()]).toEqual([0, []]);
  });

  test("it stays within its size", () => {
    const sizeBytes = fill().compiled!.sizeBytes;
    const next = openCompiler({ sizeBytesMax: 2 * sizeBytes + 10 });
    next.work();
    for (let i = 1; i < 6; i++) {
      const code = fromHex(assemble(`0 CALLDATALOAD @other JUMPI ${i} 0 SSTORE STOP other: 2 0 SSTORE STOP`));
      next.compiler.offer({ job: jobFor(code, [0, OTHER]), source: "a" });
    }
    next.work();
    expect(next.compiler.counters.compiled).toBe(5);
    expect(files().length).toBe(2);
  });

  test("a disk that fails is no failure of the compiler", () => {
    const { compiler, results, work } = openCompiler();
    writeFileSync(join(root, FOLDER), "a file where the folder should be");
    compiler.offer({ job: jobFor(BRANCHES, [0]), source: "a" });
    work();
    expect(results.map(({ compiled }) => compiled === null)).toEqual([false]);
  });
});

test("warming up runs every function, whatever it begins with, until it lacks gas or ends", () => {
  const range = createRange(32 << 20);
  const thread = new EvmThread(range);
  const warmer = new ModuleWarmer(thread);
  const { compiler, results, work } = openCompiler();
  for (const code of [BRANCHES, fromHex(assemble("5 0 RETURN")), fromHex(assemble("STOP"))]) {
    compiler.offer({ job: jobFor(code, [0, OTHER]), source: "a" });
  }
  work();
  for (const { compiled } of results) warmer.warm(compiled!, "osaka");
  const counters = new EngineCounters();
  thread.setField(CONTEXT.gasCompiled, 1);
  counters.collect(thread.arena);
  expect(counters.exits.gas).toBeGreaterThan(0);
  // Nothing is charged, since nothing can be.
  expect(counters.gasCompiled).toBe(1);
  releaseMemory(range.memory);
});
