// KECCAK256 and its cache: hashes of 64 bytes, which name the slots of mappings, are kept with their preimages and answered
// after a full comparison. An ERC-20 transfer between known accounts then hashes nothing.

import { CONTEXT, FRAME } from "#formats/memory/evm-arena.ts";
import { type Code, i32, i64, type Var } from "#wasm/code.ts";
import type { FunctionIndex } from "#wasm/function-emitter.ts";
import { loadBytes } from "../words/memory.ts";
import type { Core } from "./core.ts";
import { charge, expandOrReturn } from "./evm-memory.ts";
import { copyWord, wordsOf } from "./word-memory.ts";

/** Size of an entry of the cache: preimage, hash. */
export const KECCAK_CACHE_ENTRY_SIZE_BYTES = 96;

const PREIMAGE_SIZE_BYTES = 64;

/** Odd constants without pattern, for mixing. */
const MIXERS = [0x9e3779b97f4a7c15n, 0xbf58476d1ce4e5b9n, 0x94d049bb133111ebn, 0xd6e8feb86659fd93n] as const;

/** Defines the links of this subject. @param sponge (address, size, output, mode) */
export function defineHashing(core: Core, sponge: FunctionIndex): void {
  core.define("hash", (code) => emitHash(core, code, sponge));
  core.define("keccak", (code) => emitKeccak(core, code));
}

/** Two limbs as one that depends on all bits of both and on the process's secret. */
export function foldLimbs(core: Core, code: Code, a: Var<"i64">, b: Var<"i64">, mixer: 0 | 1 | 2 | 3): Var<"i64"> {
  const seed = core.field64(CONTEXT.hashSeed);
  const result = code.i64();
  code.scope(() => {
    const [low, high] = code.mulWide(i64.xor(a, seed), i64.xor(b, i64.xor(i64.rotl(seed, 23), MIXERS[mixer])));
    code.set(result, i64.xor(low, high));
  });
  return result;
}

function emitKeccak(core: Core, code: Code): void {
  const frame = code.param(0, "i32");
  const gas = code.param(1, "i64");
  const offset = code.param(2, "i64");
  const size = code.param(3, "i64");
  charge(code, gas, i64.mul(wordsOf(size), core.rules.gas.keccakWord), 4);
  expandOrReturn(core, code, { frame, gas, offset, size }, 4);
  const start = code.i32(i32.load(frame, FRAME.memory));
  code.if(i64.ne(size, 0), () => code.set(start, i32.add(start, i32.wrap(offset))));
  const output = code.i32(i32.add(core.context(), CONTEXT.scratch));
  core.call(code, "hash", start, i32.wrap(size), output);
  code.return(gas, ...loadBytes(code, output, 0));
}

function emitHash(core: Core, code: Code, sponge: FunctionIndex): void {
  const address = code.param(0, "i32");
  const size = code.param(1, "i32");
  const output = code.param(2, "i32");
  code.if(i32.ne(size, PREIMAGE_SIZE_BYTES), () => {
    code.call(sponge, address, size, output, 0);
    code.return();
  });
  const entry = code.i32(cacheEntry(core, code, address));
  const limb = (at: Var<"i32">, index: number) => i64.load(at, 8 * index);
  let difference = i64.xor(limb(address, 0), limb(entry, 0));
  for (let i = 1; i < 8; i++) difference = i64.or(difference, i64.xor(limb(address, i), limb(entry, i)));
  // An entry that was never written has a hash of zeroes.
  code.if(i32.and(i64.eqz(difference), i64.ne(limb(entry, 8), 0)), () => {
    copyWord(code, { address: output, offset: 0 }, { address: entry, offset: PREIMAGE_SIZE_BYTES });
    code.return();
  });
  for (const half of [0, 32]) copyWord(code, { address: entry, offset: half }, { address, offset: half });
  code.call(sponge, address, size, output, 0);
  copyWord(code, { address: entry, offset: PREIMAGE_SIZE_BYTES }, { address: output, offset: 0 });
}

function cacheEntry(core: Core, code: Code, address: Var<"i32">) {
  const pair = (index: 0 | 1 | 2 | 3) => {
    const first = code.i64(i64.load(address, 16 * index));
    return foldLimbs(core, code, first, code.i64(i64.load(address, 16 * index + 8)), index);
  };
  const mixed = i64.xor(i64.xor(pair(0), pair(1)), i64.xor(pair(2), pair(3)));
  const index = i32.and(i32.wrap(mixed), core.field(CONTEXT.keccakCacheMask));
  return i32.add(core.field(CONTEXT.keccakCache), i32.mul(index, KECCAK_CACHE_ENTRY_SIZE_BYTES));
}
