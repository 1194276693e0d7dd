// A harness for word emitters: a module of many exported functions, each made from one emitter and one combination of shapes of
// its operands; operands and results pass through memory, and the expected values are BigInt's.

import { afterAll, beforeAll, expect } from "bun:test";
import type { SeededRandom } from "#base/random.ts";
import type { Links } from "#evm/runtime/links.ts";
import { WORD_FUNCTIONS } from "#evm/runtime/links.ts";
import { defineWordFunction } from "#evm/words/functions.ts";
import { loadLimbs, storeLimbs } from "#evm/words/memory.ts";
import { constantWord, type Limb, type Word } from "#evm/words/word.ts";
import { type FunctionType, ModuleBuilder } from "#wasm/assembler.ts";
import { Code, i32, type Var } from "#wasm/code.ts";
import type { FunctionIndex } from "#wasm/function-emitter.ts";
import { compileModule, createMemory, instantiate, releaseMemory } from "#wasm/loader.ts";

/** Seed of all word tests. */
export const seed = Number(process.env.MEGAETH_TEST_SEED ?? 20_261_127);

/** 2^256. */
export const MODULUS = 1n << 256n;
const U64 = 1n << 64n;

/** How an operand is given: all limbs in variables, only some lowest ones and zeroes above, a constant, or both by turns. */
export type Shape = "variable" | "one limb" | "two limbs" | "constant" | "some constant limbs";

/** Emits the operation under test for operands of the given shapes. */
export type EmitWords = (code: Code, operands: readonly Word[], links: Links) => Word;

/** One operation: its emitter, what it should give, and which values its operands take. */
export type WordCase = {
  readonly name: string;
  readonly arity: number;
  readonly emit: EmitWords;
  readonly expected: (...operands: bigint[]) => bigint;
  /** Random operands; by default of all classes. */
  readonly operands?: (random: SeededRandom) => bigint[];
};

/** The word functions of a module: their indices by link name, and what the module imports for them. */
export type LinkMaker = { readonly define: (module: ModuleBuilder) => Links; readonly imports: WebAssembly.Imports };

const EDGES: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  31n,
  32n,
  255n,
  256n,
  U64 - 1n,
  U64,
  U64 + 1n,
  1n << 63n,
  (1n << 128n) - 1n,
  1n << 128n,
  (1n << 128n) + 1n,
  (1n << 192n) - 1n,
  1n << 192n,
  (1n << 255n) - 1n,
  1n << 255n,
  (1n << 255n) + 1n,
  MODULUS - 1n,
  MODULUS - 2n,
  MODULUS - 32n,
  MODULUS - U64,
  MODULUS - (1n << 128n),
];

/** A word of a random class: an edge, a power of two or near it, a few random limbs of random widths, runs of ones. */
export function randomWord(random: SeededRandom): bigint {
  const kind = random.below(10);
  if (kind < 2) return random.pick(EDGES);
  if (kind === 2) return BigInt.asUintN(256, (1n << BigInt(random.below(256))) + BigInt(random.below(3) - 1));
  if (kind === 3) {
    let value = 0n;
    for (let i = 0; i < 4; i++)
      value = (value << 64n) | random.pick([0n, 1n, U64 - 1n, U64 - 2n, 1n << 63n, U64 >> 1n]);
    return value;
  }
  const value = randomBits(random, 1 + random.below(256));
  return kind === 4 ? BigInt.asUintN(256, -value) : value;
}

/** A random value of up to so many bits. */
export function randomBits(random: SeededRandom, bits: number): bigint {
  let value = 0n;
  for (let i = 0; i < bits; i += 32) value = (value << 32n) | BigInt(random.u32());
  return BigInt.asUintN(bits, value);
}

const MEMORY_PAGES = 64;
const OPERANDS_AT = 64;
const OPERAND_STRIDE_BYTES = 128;
const LIMITS = { initialPages: MEMORY_PAGES, maximumPages: MEMORY_PAGES, shared: false };

/** Opens the memory for the tests of a file. */
export function useWordMemory(): () => WebAssembly.Memory {
  let memory: WebAssembly.Memory | null = null;
  beforeAll(() => {
    memory = createMemory(LIMITS);
  });
  afterAll(() => {
    if (memory !== null) releaseMemory(memory);
  });
  return () => memory!;
}

const SHAPES: readonly Shape[] = ["variable", "one limb", "two limbs", "constant", "some constant limbs"];
// Limbs 0 and 2 are variables where a shape has constants by turns.
const VARIABLE_LIMBS_MASK = (U64 - 1n) | ((U64 - 1n) << 128n);

/** What is checked at once: one operation in one combination of shapes. */
export type ShapedCase = {
  readonly word: WordCase;
  readonly shapes: readonly Shape[];
  readonly constants: readonly bigint[];
};

/** All combinations of shapes for an operation, and several constants for each that has one. */
export function shapedCases(word: WordCase, random: SeededRandom, constantCount: number): ShapedCase[] {
  const cases: ShapedCase[] = [];
  for (let index = 0; index < SHAPES.length ** word.arity; index++) {
    const combination = Array.from(
      { length: word.arity },
      (_, i) => SHAPES[Math.floor(index / SHAPES.length ** i) % SHAPES.length]!,
    );
    const repeats = combination.some((shape) => shape.includes("constant")) ? constantCount : 1;
    for (let i = 0; i < repeats; i++) cases.push({ word, shapes: combination, constants: draw(word, random) });
  }
  return cases;
}

function draw(word: WordCase, random: SeededRandom): bigint[] {
  return word.operands?.(random) ?? Array.from({ length: word.arity }, () => randomWord(random));
}

/** Emits all cases into one module, runs them on random operands, `checksMin` in all, and compares every result. */
export function checkCases(
  memory: WebAssembly.Memory,
  cases: readonly ShapedCase[],
  options: {
    readonly random: SeededRandom;
    readonly checksMin: number;
    readonly links: LinkMaker;
    readonly wide: boolean;
  },
): number {
  const { random } = options;
  const count = Math.ceil(options.checksMin / cases.filter((shaped) => !isConstant(shaped)).length);
  const run = compileCases(memory, cases, options.links, options.wide);
  const words = new BigUint64Array(memory.buffer);
  let checked = 0;
  for (const [index, shaped] of cases.entries()) {
    const rounds = isConstant(shaped) ? 1 : count;
    const operands = Array.from({ length: rounds }, () =>
      draw(shaped.word, random).map((value, i) => shapeValue(value, shaped.shapes[i]!, shaped.constants[i]!)),
    );
    operands.forEach((row, at) => {
      row.forEach((value, i) => {
        writeWord(words, (OPERANDS_AT + at * OPERAND_STRIDE_BYTES + 32 * i) >> 3, value);
      });
    });
    run[`f${index}`]!(OPERANDS_AT, rounds);
    operands.forEach((row, at) => {
      const actual = readWord(words, (OPERANDS_AT + at * OPERAND_STRIDE_BYTES + 96) >> 3);
      const expected = shaped.word.expected(...row);
      const isUntouched = row.every(
        (value, i) => readWord(words, (at * OPERAND_STRIDE_BYTES + OPERANDS_AT + 32 * i) >> 3) === value,
      );
      if (actual !== expected || !isUntouched) {
        const described = row.map((value, i) => `${shaped.shapes[i]} 0x${value.toString(16)}`).join(", ");
        expect(`${shaped.word.name}(${described}) = 0x${actual.toString(16)}, operands kept: ${isUntouched}`).toBe(
          `0x${expected.toString(16)}`,
        );
      }
    });
    checked += rounds;
  }
  return checked;
}

function isConstant(shaped: ShapedCase): boolean {
  return shaped.shapes.every((shape) => shape === "constant");
}

type CaseRunner = Record<string, (address: number, count: number) => void>;

function compileCases(
  memory: WebAssembly.Memory,
  cases: readonly ShapedCase[],
  links: LinkMaker,
  wide: boolean,
): CaseRunner {
  const module = new ModuleBuilder();
  module.importMemory({ module: "env", name: "memory" }, LIMITS);
  const indices = links.define(module);
  for (const [index, shaped] of cases.entries()) {
    const one = module.defineFunction({ params: ["i32"], results: [] }, (f) => {
      const code = new Code(f, wide);
      const address = code.param(0, "i32");
      const operands = shaped.shapes.map((shape, i) => shapedWord(code, address, i, shape, shaped.constants[i]!));
      storeLimbs(code, address, 96, shaped.word.emit(code, operands, indices));
      // Emitters assign no operand: each is as it was loaded.
      operands.forEach((operand, i) => {
        if (shaped.shapes[i] !== "constant") storeLimbs(code, address, 32 * i, operand);
      });
    });
    module.exportFunction(`f${index}`, defineLoop(module, one));
  }
  return instantiate<CaseRunner>(compileModule(module.build()), { env: { memory }, ...links.imports });
}

// Runs a function over a list of operands, so that a call from outside pays for many.
function defineLoop(module: ModuleBuilder, one: FunctionIndex): FunctionIndex {
  const type: FunctionType = { params: ["i32", "i32"], results: [] };
  return module.defineFunction(type, (f) => {
    const code = new Code(f);
    const address: Var<"i32"> = code.param(0, "i32");
    const left: Var<"i32"> = code.param(1, "i32");
    code.while(left, () => {
      code.call(one, address);
      code.set(address, i32.add(address, OPERAND_STRIDE_BYTES));
      code.set(left, i32.sub(left, 1));
    });
  });
}

function shapedWord(code: Code, address: Var<"i32">, index: number, shape: Shape, constant: bigint): Word {
  if (shape === "constant") return constantWord(constant);
  const word = loadLimbs(code, address, 32 * index);
  if (shape === "some constant limbs") return [word[0], constantWord(constant)[1], word[2], constantWord(constant)[3]];
  const kept = shape === "variable" ? 4 : shape === "two limbs" ? 2 : 1;
  return word.map((limb, i): Limb => (i < kept ? limb : 0n)) as unknown as Word;
}

function shapeValue(value: bigint, shape: Shape, constant: bigint): bigint {
  if (shape === "constant") return constant;
  if (shape === "some constant limbs") return (value & VARIABLE_LIMBS_MASK) | (constant & ~VARIABLE_LIMBS_MASK);
  return shape === "variable" ? value : BigInt.asUintN(shape === "one limb" ? 64 : 128, value);
}

function writeWord(words: BigUint64Array, at: number, value: bigint): void {
  for (let i = 0; i < 4; i++) words[at + i] = BigInt.asUintN(64, value >> BigInt(64 * i));
}

function readWord(words: BigUint64Array, at: number): bigint {
  let value = 0n;
  for (let i = 3; i >= 0; i--) value = (value << 64n) | words[at + i]!;
  return value;
}

/** Our own word functions, in the module of the cases. */
export function ownLinks(wide: boolean): LinkMaker {
  const names = Object.keys(WORD_FUNCTIONS) as (keyof typeof WORD_FUNCTIONS)[];
  return {
    define: (module) =>
      Object.fromEntries(names.map((name) => [name, defineWordFunction(module, name, wide)])) as Links,
    imports: {},
  };
}

/** Word functions in JavaScript over `expectations`: what an emitter calls is right, whatever our own functions do. */
export function bigintLinks(expectations: Readonly<Record<string, (...operands: bigint[]) => bigint>>): LinkMaker {
  const names = Object.keys(WORD_FUNCTIONS) as (keyof typeof WORD_FUNCTIONS)[];
  const functions = names.map((name) => {
    const call = (...limbs: bigint[]) => {
      const operands: bigint[] = [];
      for (let i = 0; i < limbs.length; i += 4) operands.push(joinLimbs(limbs.slice(i, i + 4)));
      return constantWord(expectations[name]!(...operands));
    };
    return [name, call] as const;
  });
  return {
    define: (module) => {
      const indices = names.map((name) => [
        name,
        module.importFunction({ module: "words", name }, WORD_FUNCTIONS[name]),
      ]);
      return Object.fromEntries(indices) as Links;
    },
    imports: { words: Object.fromEntries(functions) },
  };
}

function joinLimbs(limbs: readonly bigint[]): bigint {
  return limbs.reduceRight((value, limb) => (value << 64n) | BigInt.asUintN(64, limb), 0n);
}
