// 256-bit instructions as chains of dependent operations in one WebAssembly loop, against BigInt. `x = operation(x, y, m) ^ z`
// keeps the operand long where the operation makes it short; the loop and the exclusive or are part of the figures ("nothing").
// Operands are variables, so nothing is folded; a name that ends in "constant" gives y to the emitter as a constant.

import { SeededRandom } from "#base/random.ts";
import type { Links } from "#evm/runtime/links.ts";
import { WORD_FUNCTIONS } from "#evm/runtime/links.ts";
import * as arithmetic from "#evm/words/arithmetic.ts";
import * as bitwise from "#evm/words/bitwise.ts";
import * as comparison from "#evm/words/comparison.ts";
import { defineWordFunction } from "#evm/words/functions.ts";
import { loadBytes, loadLimbs, storeBytes, storeLimbs } from "#evm/words/memory.ts";
import * as signedDivision from "#evm/words/signed-division.ts";
import { constantOf, constantWord, type Word } from "#evm/words/word.ts";
import { ModuleBuilder } from "#wasm/assembler.ts";
import { Code, i32, i64, type Var } from "#wasm/code.ts";
import { compileModule, createMemory, instantiate } from "#wasm/loader.ts";
import { runInterleaved, smokeOr } from "../harness.ts";

type Emit = (code: Code, links: Links, x: Word, y: Word, m: Word) => Word;
type Expected = (x: bigint, y: bigint, m: bigint) => bigint;
type Program = {
  readonly name: string;
  readonly emit: Emit;
  readonly expected: Expected;
  readonly y: bigint;
  readonly m?: bigint;
  /** Exclusive or after each operation. */
  readonly z?: bigint;
};

const seed = 20_261_127;
const random = new SeededRandom(seed);
const only = process.argv.slice(2).filter((word) => !word.startsWith("--"));

const unsigned = (value: bigint) => BigInt.asUintN(256, value);
const signed = (value: bigint) => BigInt.asIntN(256, value);

// A value of exactly so many bits.
function bits(count: number): bigint {
  let value = 1n;
  while (value < 1n << BigInt(count - 1)) value = (value << 1n) | BigInt(random.below(2));
  return value;
}

const first = bits(256);
const mask = bits(255);

const PROGRAMS: readonly Program[] = [
  { name: "nothing", y: 0n, emit: (_code, _links, x) => x, expected: (x) => x },
  {
    name: "ADD",
    y: bits(256),
    emit: (code, _links, x, y) => arithmetic.addWords(code, x, y),
    expected: (x, y) => unsigned(x + y),
  },
  {
    name: "SUB",
    y: bits(256),
    emit: (code, _links, x, y) => arithmetic.subWords(code, x, y),
    expected: (x, y) => unsigned(x - y),
  },
  {
    name: "LT",
    y: bits(256),
    emit: (code, _links, x, y) => comparison.ltWords(code, x, y),
    expected: (x, y) => BigInt(x < y),
  },
  {
    name: "MUL",
    y: bits(256),
    emit: (code, links, x, y) => arithmetic.mulWords(code, links, x, y),
    expected: (x, y) => unsigned(x * y),
  },
  ...[255, 192, 128, 127, 60].flatMap((size) => divisions(size)),
  {
    ...division("DIV 256 / 60 constant", bits(60)),
    emit: (code, links, x, y) => arithmetic.divWords(code, links, x, known(y)),
  },
  {
    name: "SDIV 256 / 100",
    y: bits(100),
    emit: (code, links, x, y) => signedDivision.sdivWords(code, links, x, y),
    expected: (x, y) => unsigned(signed(x) / signed(y)),
  },
  {
    name: "ADDMOD, reduced",
    y: bits(253),
    m: bits(254),
    emit: addMod,
    expected: (x, y, m) => (unsigned(x >> 3n) + y) % m,
  },
  {
    name: "ADDMOD, any",
    y: bits(256),
    m: bits(254),
    emit: (code, links, x, y, m) => arithmetic.addModWords(code, links, x, y, m),
    expected: (x, y, m) => (x + y) % m,
  },
  ...[256, 254, 190, 128, 64].map((size) => mulMod(`MULMOD ${size}`, size)),
  {
    name: "MULMOD 254, any factors",
    y: bits(256),
    m: bits(254),
    emit: (code, links, x, y, m) => arithmetic.mulModWords(code, links, x, y, m),
    expected: (x, y, m) => (x * y) % m,
  },
  {
    name: "MULMOD 254, the modulus changes",
    y: bits(256),
    m: bits(254),
    emit: (code, links, x, y, m) =>
      arithmetic.mulModWords(code, links, x, y, [m[0], m[1], code.i64(i64.xor(m[2], x[0])), m[3]]),
    expected: (x, y, m) => (x * y) % (m ^ (BigInt.asUintN(64, x) << 128n)),
  },
  {
    name: "EXP, 10 to the y",
    y: 18n,
    emit: (code, links, x, y) => arithmetic.expWords(code, links, x, y),
    expected: (x, y) => power(x, y),
  },
  {
    name: "SHL",
    y: 77n,
    emit: (code, links, x, y) => bitwise.shlWords(code, links, y, x),
    expected: (x, y) => unsigned(x << y),
  },
  {
    name: "SAR",
    y: 77n,
    emit: (code, links, x, y) => bitwise.sarWords(code, links, y, x),
    expected: (x, y) => unsigned(signed(x) >> y),
  },
  {
    name: "BYTE",
    y: 9n,
    emit: (code, links, x, y) => bitwise.byteWord(code, links, y, x),
    expected: (x, y) => (x >> (248n - 8n * y)) & 0xffn,
  },
  {
    name: "SIGNEXTEND",
    y: 9n,
    emit: (code, links, x, y) => bitwise.signExtendWord(code, links, y, x),
    expected: (x, y) => unsigned(BigInt.asIntN(8 * (Number(y) + 1), x)),
  },
  {
    name: "CLZ",
    y: 0n,
    emit: (code, _links, x) => bitwise.clzWord(code, x),
    expected: (x) => (x === 0n ? 256n : BigInt(256 - x.toString(2).length)),
  },
  { name: "bytes to memory and back", y: 0n, emit: throughMemory, expected: (x) => x },
];

function divisions(size: number): Program[] {
  const y = bits(size);
  return [
    division(`DIV 256 / ${size}`, y),
    {
      name: `MOD 256 / ${size}`,
      y,
      emit: (code, links, x, y) => arithmetic.modWords(code, links, x, y),
      expected: (x, y) => x % y,
    },
  ];
}

function division(name: string, y: bigint): Program {
  return { name, y, emit: (code, links, x, y) => arithmetic.divWords(code, links, x, y), expected: (x, y) => x / y };
}

// Chains of reduced factors, as programs over a field have them: the mask is too short to lift x above the modulus.
function mulMod(name: string, size: number): Program {
  const m = bits(size);
  return {
    name,
    z: bits(size - 20),
    y: bits(size - 1),
    m,
    emit: (code, links, x, y, m) => arithmetic.mulModWords(code, links, x, y, m),
    expected: (x, y, m) => (x * y) % m,
  };
}

function addMod(code: Code, links: Links, x: Word, y: Word, m: Word): Word {
  return arithmetic.addModWords(code, links, bitwise.shrConstant(code, 3, x), y, m);
}

function throughMemory(code: Code, _links: Links, x: Word): Word {
  storeBytes(code, 512, 0, x);
  return loadBytes(code, 512, 0);
}

function known(word: Word): Word {
  return constantOf(word) === null ? constantWord(PROGRAMS.find(({ name }) => name.endsWith("60 constant"))!.y) : word;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let i = 0n; i < exponent; i++) result = unsigned(result * base);
  return result;
}

const memory = createMemory({ initialPages: 1, maximumPages: 1, shared: false });
const words = new BigUint64Array(memory.buffer);

function writeWord(address: number, value: bigint): void {
  for (let i = 0; i < 4; i++) words[address / 8 + i] = BigInt.asUintN(64, value >> BigInt(64 * i));
}

function readWord(address: number): bigint {
  return [3, 2, 1, 0].reduce((value, i) => (value << 64n) | words[address / 8 + i]!, 0n);
}

// x at 0, y at 32, m at 64, z at 96.
function compile(program: Program): (count: number) => void {
  const module = new ModuleBuilder();
  module.importMemory({ module: "env", name: "memory" }, { initialPages: 1, maximumPages: 1, shared: false });
  const links: Partial<Record<string, number>> = {};
  for (const name of Object.keys(WORD_FUNCTIONS) as (keyof typeof WORD_FUNCTIONS)[])
    links[name] = defineWordFunction(module, name);
  const run = module.defineFunction({ params: ["i32"], results: [] }, (f) => {
    const code = new Code(f);
    const left = code.param(0, "i32");
    const [x, y, m, z] = [0, 32, 64, 96].map((at) => loadLimbs(code, 0, at)) as [Word, Word, Word, Word];
    code.while(left, () => {
      const result = bitwise.xorWords(code, program.emit(code, links as unknown as Links, x, y, m), z);
      result.forEach((limb, i) => {
        code.set(x[i] as Var<"i64">, limb);
      });
      code.set(left, i32.sub(left, 1));
    });
    storeLimbs(code, 0, 0, x);
  });
  module.exportFunction("run", run);
  return instantiate<{ run: (count: number) => void }>(compileModule(module.build()), { env: { memory } }).run;
}

function digestOf(value: bigint): string {
  return value.toString(16).padStart(64, "0");
}

const count = smokeOr(20_000, 50);
for (const program of PROGRAMS) {
  if (only.length > 0 && !only.some((word) => program.name.includes(word))) continue;
  const run = compile(program);
  // The top tier is reached by work, and is compiled beside it.
  for (let i = 0; i < smokeOr(150, 1); i++) run(count);
  const m = program.m ?? 0n;
  const z = program.z ?? mask;
  await runInterleaved({
    name: program.name,
    rounds: smokeOr(9, 2),
    warmUpRounds: smokeOr(3, 1),
    operationCount: count,
    parameters: { seed },
    contenders: {
      "WebAssembly words": () => {
        for (const [at, value] of [
          [0, first],
          [32, program.y],
          [64, m],
          [96, z],
        ] as const)
          writeWord(at, value);
        run(count);
        return digestOf(readWord(0));
      },
      BigInt: () => {
        let x = first;
        for (let i = 0; i < count; i++) x = program.expected(x, program.y, m) ^ z;
        return digestOf(x);
      },
    },
  });
}
