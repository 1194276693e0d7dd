// The map of jump destinations against a walk opcode by opcode, on random codes, dense ones, and at every edge of a chunk.

import { afterAll, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { emitJumpMap } from "#evm/bytecode/jump-map.ts";
import { CODE_PADDING_BYTES } from "#formats/memory/evm-arena.ts";
import { ModuleBuilder } from "#wasm/assembler.ts";
import { Code } from "#wasm/code.ts";
import { compileModule, createMemory, instantiate, releaseMemory } from "#wasm/loader.ts";
import { jumpMap } from "../interpreter/frame.fixture.ts";

const seed = Number(process.env.MEGAETH_TEST_SEED ?? 20_261_127);
const CODE_AT = 1024;
const MAP_AT = 32_768 + 7;

const PAGES = { initialPages: 1, maximumPages: 1, shared: true } as const;
const memory = createMemory(PAGES);
const bytes = new Uint8Array(memory.buffer as unknown as SharedArrayBuffer);
const module = new ModuleBuilder();
module.importMemory({ module: "env", name: "memory" }, PAGES);
const type = { params: ["i32", "i32", "i32"], results: [] } as const;
module.exportFunction(
  "analyze",
  module.defineFunction(type, (f) => emitJumpMap(new Code(f))),
);
type Exports = { analyze: (code: number, size: number, map: number) => void };
const { analyze } = instantiate<Exports>(compileModule(module.build()), { env: { memory } });

afterAll(() => releaseMemory(memory));

function mapOf(code: Uint8Array): Uint8Array {
  bytes.fill(0, CODE_AT, CODE_AT + code.length + CODE_PADDING_BYTES);
  bytes.set(code, CODE_AT);
  bytes.fill(0, MAP_AT, MAP_AT + code.length + CODE_PADDING_BYTES);
  analyze(CODE_AT, code.length, MAP_AT);
  expect(bytes.subarray(MAP_AT + code.length, MAP_AT + code.length + CODE_PADDING_BYTES).every((b) => b === 0)).toBe(
    true,
  );
  return bytes.slice(MAP_AT, MAP_AT + code.length);
}

test("PUSH1 to PUSH32 at every place of two chunks hide what they cover and no more", () => {
  for (let opcode = 0x5f; opcode <= 0x80; opcode++) {
    for (let place = 0; place < 130; place++) {
      const code = new Uint8Array(200).fill(0x5b);
      code[place] = opcode;
      expect([opcode, place, mapOf(code)]).toEqual([opcode, place, jumpMap(code)]);
    }
  }
});

test("random codes of few kinds of bytes", () => {
  const random = new SeededRandom(seed);
  for (let round = 0; round < 3000; round++) {
    const kinds = [0x5b, 0x60, 0x7f, 0x60 + random.below(32), random.below(256)];
    const code = Uint8Array.from({ length: random.below(300) }, () => random.pick(kinds));
    expect([seed, round, code, mapOf(code)]).toEqual([seed, round, code, jumpMap(code)]);
  }
});

test("random bytes", () => {
  const random = new SeededRandom(seed + 1);
  for (let round = 0; round < 500; round++) {
    const code = random.bytes(random.below(2000));
    expect([seed, round, mapOf(code)]).toEqual([seed, round, jumpMap(code)]);
  }
});
