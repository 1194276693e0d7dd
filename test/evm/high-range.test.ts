// Our own engine in ranges whose addresses, as WebAssembly hands them out, are negative numbers: around 2 GiB and up to 4 GiB.

import { afterAll } from "bun:test";
import { createWasmEngine } from "#evm/wasm-engine.ts";
import { createMemory, releaseMemory } from "#wasm/loader.ts";
import { testEngine } from "./engine-cases.ts";

const MEBIBYTE = 2 ** 20;
const SIZE_BYTES = 64 * MEBIBYTE;
const PAGES = 65_535;
const memory = createMemory({ initialPages: PAGES, maximumPages: PAGES, shared: true });

afterAll(() => releaseMemory(memory));

/** The first lies across the middle, the last ends with the memory. */
const bases = [2_048 - 32, 2_112, 2_560, 3_072, 3_584].map((base) => base * MEBIBYTE);
bases.push(memory.buffer.byteLength - SIZE_BYTES);
let used = 0;

testEngine((spec) => {
  const base = bases[used++ % bases.length]!;
  return createWasmEngine(spec, {
    tier: used % 2 === 0 ? "interpreter" : "compile",
    range: { memory, base, sizeBytes: SIZE_BYTES },
  });
});
