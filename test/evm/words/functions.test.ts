// The word functions out of line against BigInt: all classes of operands, quotients whose digits are hard to estimate, moduli that
// repeat and that change, with native wide products and without.

import { describe, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { WORD_FUNCTIONS } from "#evm/runtime/links.ts";
import { callWord } from "#evm/words/limbs.ts";
import { wasmFeatures } from "#wasm/features.ts";
import { EXPECTED } from "./operations.ts";
import {
  checkCases,
  MODULUS,
  ownLinks,
  randomBits,
  randomWord,
  type ShapedCase,
  seed,
  useWordMemory,
  type WordCase,
} from "./word-cases.ts";

const CHECKS_MIN = 20_000;
const memory = useWordMemory();

type Name = keyof typeof WORD_FUNCTIONS;

// The last divisor stays for a while, as contracts have it.
let lastDivisor = 1n;

function divisor(random: SeededRandom): bigint {
  if (!random.chance(0.3))
    lastDivisor = random.chance(0.5) ? randomWord(random) : randomBits(random, 1 + random.below(256));
  return lastDivisor;
}

// A dividend near a multiple of the divisor, near the divisor shifted by limbs (digits of the quotient that are all ones), or any.
function dividend(random: SeededRandom, b: bigint): bigint {
  const kind = random.below(4);
  const near = BigInt(random.below(5) - 2);
  if (kind === 0) return BigInt.asUintN(256, b * randomWord(random) + near);
  if (kind === 1) return BigInt.asUintN(256, (b << BigInt(64 * random.below(4))) + near);
  if (kind === 2)
    return BigInt.asUintN(256, (b << BigInt(random.below(200))) - randomBits(random, 1 + random.below(200)));
  return randomWord(random);
}

function division(random: SeededRandom): bigint[] {
  const b = divisor(random);
  return [dividend(random, b), b];
}

function signedDivision(random: SeededRandom): bigint[] {
  return division(random).map((value) => (random.chance(0.5) ? BigInt.asUintN(256, -value) : value));
}

// Factors and summands below the modulus, just below it, or any.
function modular(random: SeededRandom): bigint[] {
  const m = divisor(random);
  const operand = () => {
    const kind = random.below(4);
    if (kind === 0 || m === 0n) return randomWord(random);
    if (kind === 1) return BigInt.asUintN(256, m - BigInt(1 + random.below(3)));
    return kind === 2 ? randomWord(random) % m : dividend(random, m);
  };
  return [operand(), operand(), m];
}

function power(random: SeededRandom): bigint[] {
  return [randomWord(random), random.chance(0.7) ? BigInt(random.below(300)) : randomWord(random)];
}

function positioned(limit: number): (random: SeededRandom) => bigint[] {
  return (random) => [random.chance(0.8) ? BigInt(random.below(limit)) : randomWord(random), randomWord(random)];
}

const OPERANDS: Partial<Record<Name, (random: SeededRandom) => bigint[]>> = {
  div: division,
  mod: division,
  sdiv: signedDivision,
  smod: signedDivision,
  addmod: modular,
  mulmod: modular,
  exp: power,
  byte: positioned(33),
  signextend: positioned(33),
  shl: positioned(258),
  shr: positioned(258),
  sar: positioned(258),
};

function caseOf(name: Name): ShapedCase {
  const arity = WORD_FUNCTIONS[name].params.length / 4;
  const operands = OPERANDS[name];
  const word: WordCase = {
    name,
    arity,
    emit: (code, operands, links) => callWord(code, links[name], operands),
    expected: EXPECTED[name] as WordCase["expected"],
    ...(operands === undefined ? {} : { operands }),
  };
  return { word, shapes: Array.from({ length: arity }, () => "variable" as const), constants: [] };
}

for (const wide of wasmFeatures().wideArithmetic ? [true, false] : [false]) {
  describe(`word functions ${wide ? "with" : "without"} wide arithmetic, seed ${seed}`, () => {
    for (const name of Object.keys(WORD_FUNCTIONS) as Name[]) {
      test(name, () => {
        const random = new SeededRandom(seed);
        const options = { random, checksMin: CHECKS_MIN, links: ownLinks(wide), wide };
        expect(checkCases(memory(), [caseOf(name)], options)).toBe(CHECKS_MIN);
      });
    }
  });
}

describe("hard digits", () => {
  // The two highest digits of the dividend's window equal those of the divisor.
  test("quotient digits of all ones", () => {
    const random = new SeededRandom(seed);
    const rows: bigint[][] = [];
    for (let i = 0; i < 2_000; i++) {
      const top = (1n << 191n) | randomBits(random, 191) | 1n;
      const b = random.chance(0.5) ? top : (top << 63n) | randomBits(random, 63);
      const q = (1n << 64n) - 1n - (random.chance(0.5) ? 0n : randomBits(random, 3));
      const a = b * q + BigInt(random.below(3));
      rows.push([a < MODULUS ? a : BigInt.asUintN(256, b << 1n), b]);
    }
    for (const name of ["div", "mod"] as const) {
      let next = 0;
      const shaped = caseOf(name);
      const word = { ...shaped.word, operands: () => rows[next++ % rows.length]! };
      const options = { random, checksMin: rows.length, links: ownLinks(true), wide: true };
      expect(checkCases(memory(), [{ ...shaped, word }], options)).toBe(rows.length);
    }
  });
});
