// Compiled code in a thread's table, with a module made by hand: it runs in place of the interpreter, is replaced, taken away,
// and its slots are used again.

import { afterAll, beforeEach, expect, test } from "bun:test";
import { must } from "#base/assert.ts";
import { bigintToBytes } from "#base/bytes.ts";
import { fromHex, toBareHex } from "#base/hex.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import type { CompiledModule } from "#evm/runtime/code-cache.ts";
import { linkType } from "#evm/runtime/links.ts";
import { createRange } from "#evm/runtime/range.ts";
import { RETURNED, TO_INTERPRETER } from "#evm/runtime/status.ts";
import { createWasmEngine } from "#evm/wasm-engine.ts";
import { CODE_ENTRY, CONTEXT } from "#formats/memory/evm-arena.ts";
import { ModuleBuilder } from "#wasm/assembler.ts";
import { Code, i32 } from "#wasm/code.ts";
import { compileModule, releaseMemory } from "#wasm/loader.ts";
import { addressOf, assemble, environmentOf, fund, messageOf, specOf } from "../fixtures.ts";
import { MemoryHost } from "../memory-host.ts";

const CONTRACT = addressOf(0xc0de);
/** Answers with 5. */
const SOURCE = assemble("5 0 MSTORE 20 0 RETURN");
const HASH = keccak256(fromHex(SOURCE));

const range = createRange(32 * 1024 * 1024);
const engine = await createWasmEngine(specOf("osaka"), { tier: "interpreter", range });
const { codes, arena } = engine.thread;

afterAll(() => releaseMemory(range.memory));

async function answer(): Promise<Uint8Array> {
  const host = new MemoryHost();
  fund(host, CONTRACT, 0n, SOURCE, 1n);
  return (await engine.call(messageOf({ to: CONTRACT }), environmentOf("osaka"), host)).output;
}

/** A module of `functionCount` functions, the first of which answers with the low byte of `word`, or gives up. */
function moduleOf(word: number | "exit", functionCount = 1): CompiledModule {
  const module = new ModuleBuilder();
  const from = (name: string) => ({ module: "env", name });
  module.importMemory(from("memory"), { initialPages: 1, maximumPages: 65_536, shared: true });
  const base = module.importGlobal(from("base"), "i32");
  const entryBase = module.importGlobal(from("entryBase"), "i32");
  const table = module.importTable(from("table"), 1, 10_000_000);
  const output = module.importFunction({ module: "core", name: "output" }, linkType("output"));
  const functions = Array.from({ length: functionCount }, () =>
    module.defineFunction({ params: ["i32"], results: ["i32"] }, (f) => {
      const code = new Code(f);
      if (word === "exit") {
        code.return(TO_INTERPRETER);
        return;
      }
      const frame = code.param(0, "i32");
      code.f.get(frame.local);
      code.pushAll([1000n, 0n, 32n]);
      code.f.call(output);
      code.f.set(code.i64().local);
      code.store8(i32.load(i32.load(i32.global(base), CONTEXT.frame), 48), 31, word);
      code.return(RETURNED);
    }),
  );
  module.addElements(table, { base: entryBase }, functions);
  return { module: compileModule(module.build()), functionCount, blocks: null };
}

function entry(): number {
  const found = codes.entryOf(HASH);
  expect(found).toBeGreaterThan(0);
  return found;
}

const firstOf = (at: number) => arena.words32[(at + CODE_ENTRY.entry) >>> 2]!;

beforeEach(async () => {
  expect(await answer()).toEqual(bigintToBytes(5n, 32));
});

test("a code that the thread has not met has no entry", () => {
  expect(codes.entryOf(keccak256(fromHex("00")))).toBe(0);
});

test("installed code runs, another takes its place, and the interpreter takes over when it is gone", async () => {
  const at = entry();
  expect(codes.install(at, moduleOf(7))).toBe(true);
  expect(await answer()).toEqual(bigintToBytes(7n, 32));
  expect(codes.install(at, moduleOf(8))).toBe(true);
  expect(await answer()).toEqual(bigintToBytes(8n, 32));
  expect(codes.install(at, moduleOf("exit"))).toBe(true);
  expect(await answer()).toEqual(bigintToBytes(5n, 32));
  codes.uninstall(at);
  expect(await answer()).toEqual(bigintToBytes(5n, 32));
});

test("slots that are free are used again, and hold nothing until then", async () => {
  const at = entry();
  codes.install(at, moduleOf(9, 3));
  const first = firstOf(at);
  expect(codes.table.get(first)).not.toBeNull();
  codes.uninstall(at);
  await answer();
  for (let i = 0; i < 3; i++) expect(codes.table.get(first + i)).toBeNull();
  codes.install(at, moduleOf(10, 3));
  expect(firstOf(at)).toBe(first);
  expect(await answer()).toEqual(bigintToBytes(10n, 32));
  codes.uninstall(at);
});

test("the table grows", async () => {
  const at = entry();
  const before = codes.table.length;
  expect(codes.install(at, moduleOf(11, 2000))).toBe(true);
  expect(codes.table.length).toBeGreaterThan(before);
  expect(await answer()).toEqual(bigintToBytes(11n, 32));
  codes.uninstall(at);
});

test("a table of blocks lies in the arena", () => {
  const at = entry();
  const blocks = Uint16Array.from({ length: 7 }, (_, i) => 1000 + i);
  codes.install(at, { ...moduleOf(12), blocks });
  const place = must(arena.words32[(at + CODE_ENTRY.blocks) >>> 2], "the table's address");
  expect(toBareHex(arena.bytes.slice(place, place + 14))).toBe(toBareHex(new Uint8Array(blocks.buffer)));
  codes.uninstall(at);
});

test("when the codes are forgotten, so is what was compiled of them", async () => {
  const at = entry();
  codes.install(at, moduleOf(13));
  codes.clear();
  expect(codes.entryOf(HASH)).toBe(0);
  expect(await answer()).toEqual(bigintToBytes(5n, 32));
});
