// Every inline emitter against BigInt: all shapes of operands, with native wide products and without.

import { describe, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import * as arithmetic from "#evm/words/arithmetic.ts";
import * as bitwise from "#evm/words/bitwise.ts";
import * as comparison from "#evm/words/comparison.ts";
import { saturate } from "#evm/words/saturate.ts";
import * as signedDivision from "#evm/words/signed-division.ts";
import { type Limb, narrowWord, type Word } from "#evm/words/word.ts";
import { type Code, i64, type Operand64 } from "#wasm/code.ts";
import { wasmFeatures } from "#wasm/features.ts";
import { EXPECTED } from "./operations.ts";
import {
  bigintLinks,
  checkCases,
  type EmitWords,
  randomBits,
  randomWord,
  seed,
  shapedCases,
  useWordMemory,
  type WordCase,
} from "./word-cases.ts";

const CHECKS_MIN = 20_000;
const memory = useWordMemory();
const links = bigintLinks(EXPECTED);

// A shift, index or byte number is mostly in its range, else any word; the value follows.
function positioned(limit: number): (random: SeededRandom) => bigint[] {
  return (random) => [random.chance(0.8) ? BigInt(random.below(limit)) : randomWord(random), randomWord(random)];
}

// Operands that are often equal, or differ in one limb.
function related(random: SeededRandom): bigint[] {
  const a = randomWord(random);
  if (random.chance(0.5)) return [a, randomWord(random)];
  return [a, random.chance(0.3) ? a : a ^ (randomBits(random, 2) << BigInt(64 * random.below(4)))];
}

function limbOf(code: Code, operand: Operand64): Limb {
  return typeof operand === "bigint" ? operand : code.i64(operand);
}

const unary =
  (emit: (code: Code, a: Word) => Word): EmitWords =>
  (code, [a]) =>
    emit(code, a!);
const binary =
  (emit: (code: Code, a: Word, b: Word) => Word): EmitWords =>
  (code, [a, b]) =>
    emit(code, a!, b!);
const linked =
  (emit: (code: Code, links: Parameters<EmitWords>[2], a: Word, b: Word) => Word): EmitWords =>
  (code, [a, b], links) =>
    emit(code, links, a!, b!);
const ternary =
  (emit: typeof arithmetic.addModWords): EmitWords =>
  (code, [a, b, c], links) =>
    emit(code, links, a!, b!, c!);

const conditionWord = unary((code, a) => narrowWord(code.i64(i64.extend(comparison.conditionOf(code, a)))));
const saturated = unary((code, a) => narrowWord(limbOf(code, saturate(code, a))));
const byteCount = unary((code, a) => narrowWord(limbOf(code, arithmetic.exponentByteCount(code, a))));

const CASES: readonly WordCase[] = [
  { name: "add", arity: 2, emit: binary(arithmetic.addWords), expected: EXPECTED.add },
  { name: "sub", arity: 2, emit: binary(arithmetic.subWords), expected: EXPECTED.sub },
  { name: "mul", arity: 2, emit: linked(arithmetic.mulWords), expected: EXPECTED.mul },
  { name: "div", arity: 2, emit: linked(arithmetic.divWords), expected: EXPECTED.div },
  { name: "mod", arity: 2, emit: linked(arithmetic.modWords), expected: EXPECTED.mod },
  { name: "sdiv", arity: 2, emit: linked(signedDivision.sdivWords), expected: EXPECTED.sdiv },
  { name: "smod", arity: 2, emit: linked(signedDivision.smodWords), expected: EXPECTED.smod },
  { name: "addmod", arity: 3, emit: ternary(arithmetic.addModWords), expected: EXPECTED.addmod },
  { name: "mulmod", arity: 3, emit: ternary(arithmetic.mulModWords), expected: EXPECTED.mulmod },
  { name: "exp", arity: 2, emit: linked(arithmetic.expWords), expected: EXPECTED.exp, operands: powers },
  {
    name: "exponent bytes",
    arity: 1,
    emit: byteCount,
    expected: (a) => BigInt(Math.ceil((a.toString(2).length - Number(a === 0n)) / 8)),
  },
  { name: "lt", arity: 2, emit: binary(comparison.ltWords), expected: EXPECTED.lt, operands: related },
  { name: "gt", arity: 2, emit: binary(comparison.gtWords), expected: EXPECTED.gt, operands: related },
  { name: "slt", arity: 2, emit: binary(comparison.sltWords), expected: EXPECTED.slt, operands: related },
  { name: "sgt", arity: 2, emit: binary(comparison.sgtWords), expected: EXPECTED.sgt, operands: related },
  { name: "eq", arity: 2, emit: binary(comparison.eqWords), expected: EXPECTED.eq, operands: related },
  { name: "iszero", arity: 1, emit: unary(comparison.isZeroWord), expected: EXPECTED.iszero },
  { name: "condition", arity: 1, emit: conditionWord, expected: (a) => (a === 0n ? 0n : 1n) },
  { name: "and", arity: 2, emit: binary(bitwise.andWords), expected: EXPECTED.and },
  { name: "or", arity: 2, emit: binary(bitwise.orWords), expected: EXPECTED.or },
  { name: "xor", arity: 2, emit: binary(bitwise.xorWords), expected: EXPECTED.xor },
  { name: "not", arity: 1, emit: unary(bitwise.notWord), expected: EXPECTED.not },
  { name: "byte", arity: 2, emit: linked(bitwise.byteWord), expected: EXPECTED.byte, operands: positioned(33) },
  { name: "shl", arity: 2, emit: linked(bitwise.shlWords), expected: EXPECTED.shl, operands: positioned(258) },
  { name: "shr", arity: 2, emit: linked(bitwise.shrWords), expected: EXPECTED.shr, operands: positioned(258) },
  { name: "sar", arity: 2, emit: linked(bitwise.sarWords), expected: EXPECTED.sar, operands: positioned(258) },
  {
    name: "signextend",
    arity: 2,
    emit: linked(bitwise.signExtendWord),
    expected: EXPECTED.signextend,
    operands: positioned(33),
  },
  { name: "clz", arity: 1, emit: unary(bitwise.clzWord), expected: EXPECTED.clz },
  { name: "saturate", arity: 1, emit: saturated, expected: (a) => (a < 1n << 63n ? a : (1n << 63n) - 1n) },
];

// Bases that are powers of two as often as not; exponents that are mostly small, since large ones give zero or are slow here.
function powers(random: SeededRandom): bigint[] {
  const base = random.chance(0.5) ? 1n << BigInt(random.below(256)) : randomWord(random);
  return [base, random.chance(0.8) ? BigInt(random.below(300)) : randomWord(random)];
}

const CONSTANTS_BY_ARITY = [0, 60, 20, 3];

for (const wide of wasmFeatures().wideArithmetic ? [true, false] : [false]) {
  describe(`emitters ${wide ? "with" : "without"} wide arithmetic, seed ${seed}`, () => {
    for (const word of CASES) {
      test(word.name, () => {
        const random = new SeededRandom(seed);
        const cases = shapedCases(word, random, CONSTANTS_BY_ARITY[word.arity]!);
        const checksMin = wide ? CHECKS_MIN : CHECKS_MIN / 4;
        const checked = checkCases(memory(), cases, { random, checksMin, links, wide });
        expect(checked).toBeGreaterThanOrEqual(checksMin);
      });
    }
  });
}
