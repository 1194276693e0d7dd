// KECCAK256 and its caches: hashes of two words, which name the slots of mappings, and of one, which name those of arrays, are kept with
// their preimages and answered after a full comparison. An ERC-20 transfer between known accounts then hashes nothing.

import { CONTEXT, FRAME, WORD_SIZE_BYTES } from "#formats/memory/evm-arena.ts";
import { type Code, i32, i64, type Var } from "#wasm/code.ts";
import type { FunctionIndex } from "#wasm/function-emitter.ts";
import { loadBytes } from "../words/memory.ts";
import type { Core } from "./core.ts";
import { charge, expandOrReturn } from "./evm-memory.ts";
import { copyWord, wordsOf } from "./word-memory.ts";

/** Words of a preimage that is kept. */
type CachedWordCount = 1 | 2;

/** Size of an entry of a cache: preimage, hash. */
export function keccakEntrySizeBytes(wordCount: CachedWordCount): number {
  return (wordCount + 1) * WORD_SIZE_BYTES;
}

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
  for (const wordCount of [2, 1] as const) {
    code.if(i32.eq(size, wordCount * WORD_SIZE_BYTES), () => {
      const entry = code.i32(cacheEntry(core, code, address, wordCount));
      answerCached(code, { address, entry, output }, wordCount);
      for (let word = 0; word < wordCount; word++) {
        const offset = word * WORD_SIZE_BYTES;
        copyWord(code, { address: entry, offset }, { address, offset });
      }
      code.call(sponge, address, size, output, 0);
      copyWord(code, { address: entry, offset: wordCount * WORD_SIZE_BYTES }, { address: output, offset: 0 });
      code.return();
    });
  }
  code.call(sponge, address, size, output, 0);
}

/** Returns when the entry is that of the preimage at `address`. */
function answerCached(
  code: Code,
  at: { readonly address: Var<"i32">; readonly entry: Var<"i32">; readonly output: Var<"i32"> },
  wordCount: CachedWordCount,
): void {
  const { address, entry, output } = at;
  const hash = wordCount * WORD_SIZE_BYTES;
  let difference = i64.xor(i64.load(address), i64.load(entry));
  for (let offset = 8; offset < hash; offset += 8) {
    difference = i64.or(difference, i64.xor(i64.load(address, offset), i64.load(entry, offset)));
  }
  // An entry that was never written has a hash of zeroes.
  code.if(i32.and(i64.eqz(difference), i64.ne(i64.load(entry, hash), 0)), () => {
    copyWord(code, { address: output, offset: 0 }, { address: entry, offset: hash });
    code.return();
  });
}

function cacheEntry(core: Core, code: Code, address: Var<"i32">, wordCount: CachedWordCount) {
  const pair = (index: 0 | 1 | 2 | 3) => {
    const first = code.i64(i64.load(address, 16 * index));
    return foldLimbs(core, code, first, code.i64(i64.load(address, 16 * index + 8)), index);
  };
  const first = i64.xor(pair(0), pair(1));
  const mixed = wordCount === 1 ? first : i64.xor(first, i64.xor(pair(2), pair(3)));
  const index = i32.and(i32.wrap(mixed), core.field(CONTEXT.keccakMask));
  const entries = core.field(wordCount === 1 ? CONTEXT.keccakWords : CONTEXT.keccakPairs);
  return i32.add(entries, i32.mul(index, keccakEntrySizeBytes(wordCount)));
}
