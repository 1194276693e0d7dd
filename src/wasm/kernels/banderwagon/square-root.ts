// Square roots in the coordinates' field, whose p - 1 = 2^32 q: one power with the exponent (q - 1) / 2, then the discrete
// logarithm of z^q in the group of order 2^32, eight bits at a time from tables (Tonelli, Shanks, Sarkar).
//
//   w = z^((q-1)/2),  r = z w,  b = r w = z^q = g^e;  z is a square when e is even, and its root is r g^(-e/2)
//
// The digits of e, lowest first, are found by b^(2^24), then by smaller powers of b with the known digits taken out; a
// digit is told by a perfect hash of an element's lowest limb.
//
// @see Sarkar, "Computing square roots faster than the Tonelli-Shanks/Bernstein algorithm"

import { assert } from "#base/assert.ts";
import { Code, i32, i64, type Var } from "../../code.ts";
import type { FunctionIndex } from "../../function-emitter.ts";
import { exponentWindows } from "../exponent-windows.ts";
import { type KernelModule, KernelProgram, type Place, parameterPlaces } from "../kernel-program.ts";
import { montgomeryBytes, type PrimeFieldFunctions } from "../prime-field.ts";
import type { ConstantPool } from "./constant-pool.ts";
import { BASE_FIELD, powerInBaseField } from "./curve.ts";

const SIZE_BYTES = 32;
const TWO_ADICITY = 32;
const DIGIT_BITS = 8;
const DIGIT_COUNT = TWO_ADICITY / DIGIT_BITS;
const DIGIT_VALUES = 1 << DIGIT_BITS;
const HASH_BITS = 13;
const POWER_WINDOW_BITS = 5;
/** The least number that is no square. */
const NON_RESIDUE = 5n;

const p = BASE_FIELD.modulus;
const q = (p - 1n) >> BigInt(TWO_ADICITY);

/** Tables among the kernel's constants. */
export type RootTables = {
  /** g^(-j 2^(8k)) for digits j of places k. */
  readonly powers: Place;
  /** The digit j of g^(j 2^24), by hash. */
  readonly digits: Place;
  readonly multiplier: bigint;
};

/** Makes the tables: 40 KB. */
export function placeRootTables(pool: ConstantPool): RootTables {
  const generator = powerInBaseField(NON_RESIDUE, q);
  const powers = new Uint8Array(DIGIT_COUNT * DIGIT_VALUES * SIZE_BYTES);
  for (let place = 0; place < DIGIT_COUNT; place++) {
    const step = powerInBaseField(generator, p - 1n - (1n << BigInt(DIGIT_BITS * place)));
    fillPowers(powers.subarray(place * DIGIT_VALUES * SIZE_BYTES), step);
  }
  const roots = new Uint8Array(DIGIT_VALUES * SIZE_BYTES);
  fillPowers(roots, powerInBaseField(generator, 1n << BigInt(TWO_ADICITY - DIGIT_BITS)));
  const { multiplier, digits } = findPerfectHash(new BigUint64Array(roots.buffer).filter((_, i) => i % 4 === 0));
  return { powers: pool.bytes(powers), digits: pool.bytes(digits), multiplier };
}

function fillPowers(to: Uint8Array, step: bigint): void {
  let power = 1n;
  for (let j = 0; j < DIGIT_VALUES; j++) {
    to.set(montgomeryBytes(BASE_FIELD, power), j * SIZE_BYTES);
    power = (power * step) % p;
  }
}

function findPerfectHash(limbs: BigUint64Array): { multiplier: bigint; digits: Uint8Array } {
  for (
    let multiplier = 0x9e37_79b9_7f4a_7c15n;
    ;
    multiplier = BigInt.asUintN(64, multiplier * 0xd134_2543_de82_ef95n)
  ) {
    const digits = new Uint8Array(1 << HASH_BITS);
    const taken = new Set<number>();
    limbs.forEach((limb, digit) => {
      const slot = Number(BigInt.asUintN(64, limb * multiplier) >> BigInt(64 - HASH_BITS));
      taken.add(slot);
      digits[slot] = digit;
    });
    if (taken.size === limbs.length) return { multiplier, digits };
  }
}

/**
 * Defines a function (destination, z) that returns 1 and a root of z, or 0 when z is 0 or has no root.
 * @param tables the place of its tables
 */
export function defineSquareRoot(module: KernelModule, field: PrimeFieldFunctions, tables: RootTables): FunctionIndex {
  const power = definePower(module, field, (q - 1n) / 2n);
  const [w, root] = module.reserveEach(2, SIZE_BYTES);
  const powersOfB = module.reserveEach(DIGIT_COUNT, SIZE_BYTES);
  const digitOf = defineDigit(module, tables);
  const { mul, sqrTimes, isZero } = field;
  return module.builder.defineFunction({ params: ["i32", "i32"], results: ["i32"] }, (f) => {
    const program = new KernelProgram(f, module.base);
    const code = new Code(f);
    const [to, z] = parameterPlaces(f, 2);
    program.push(z);
    f.call(isZero);
    f.if(() => code.return(0));
    program.call(power, w, z);
    program.call(mul, root, w, z);
    program.call(mul, powersOfB[0]!, root, w);
    for (let k = 1; k < DIGIT_COUNT; k++) {
      program.push(powersOfB[k]!);
      program.push(powersOfB[k - 1]!);
      f.i32Const(DIGIT_BITS);
      f.call(sqrTimes);
    }
    const exponent = emitLogarithm({ code, program, module, tables, mul, digitOf, powersOfB });
    code.if(i32.and(exponent, 1), () => code.return(0));
    code.set(exponent, i32.shrU(exponent, 1));
    for (let k = 0; k < DIGIT_COUNT; k++) {
      program.push(root);
      program.push(root);
      pushPower(code, module, tables, k, i32.and(i32.shrU(exponent, DIGIT_BITS * k), DIGIT_VALUES - 1));
      f.call(mul);
    }
    program.copy(to, root, SIZE_BYTES);
    code.return(1);
  });
}

type Logarithm = {
  readonly code: Code;
  readonly program: KernelProgram;
  readonly module: KernelModule;
  readonly tables: RootTables;
  readonly mul: FunctionIndex;
  readonly digitOf: FunctionIndex;
  /** b^(2^(8k)); all but the first are spent. */
  readonly powersOfB: readonly Place[];
};

// e = Σ e_k 2^(8k): b^(2^(8 (3 - i))), times g^(-e_j 2^(8 (3 - i + j))) for all j < i, is g^(e_i 2^24).
function emitLogarithm({ code, program, module, tables, mul, digitOf, powersOfB }: Logarithm): Var<"i32"> {
  const digits = powersOfB.map(() => code.i32());
  const exponent = code.i32(0);
  for (let i = 0; i < DIGIT_COUNT; i++) {
    const power = powersOfB[DIGIT_COUNT - 1 - i]!;
    for (let j = 0; j < i; j++) {
      program.push(power);
      program.push(power);
      pushPower(code, module, tables, DIGIT_COUNT - 1 - i + j, digits[j]!);
      code.f.call(mul);
    }
    program.push(power);
    code.f.call(digitOf);
    code.pop([digits[i]!]);
    code.set(exponent, i32.or(exponent, i32.shl(digits[i]!, DIGIT_BITS * i)));
  }
  return exponent;
}

// The address of g^(-digit 2^(8 place)).
function pushPower(
  code: Code,
  module: KernelModule,
  tables: RootTables,
  place: number,
  digit: Parameters<typeof i32.shl>[0],
): void {
  const offset = tables.powers.offset + place * DIGIT_VALUES * SIZE_BYTES;
  code.push("i32", i32.add(i32.add(i32.global(module.base), offset), i32.shl(digit, Math.log2(SIZE_BYTES))));
}

function defineDigit(module: KernelModule, tables: RootTables): FunctionIndex {
  return module.builder.defineFunction({ params: ["i32"], results: ["i32"] }, (f) => {
    const code = new Code(f);
    const hash = i64.shrU(i64.mul(i64.load(code.param(0, "i32")), tables.multiplier), 64 - HASH_BITS);
    code.return(i32.load8(i32.add(i32.global(module.base), i32.wrap(hash)), tables.digits.offset));
  });
}

// a^exponent, an odd one, by sliding windows.
function definePower(
  module: KernelModule,
  { mul, sqr, sqrTimes }: PrimeFieldFunctions,
  exponent: bigint,
): FunctionIndex {
  assert(exponent % 2n === 1n, "windows end with a set bit");
  const odd = module.reserveEach(2 ** (POWER_WINDOW_BITS - 1), SIZE_BYTES);
  const square = module.reserve(SIZE_BYTES);
  return module.program(2, (program, [to, a]) => {
    program.copy(odd[0]!, a, SIZE_BYTES);
    program.call(sqr, square, a);
    for (let i = 1; i < odd.length; i++) program.call(mul, odd[i]!, odd[i - 1]!, square);
    exponentWindows(exponent, POWER_WINDOW_BITS).forEach((window, step) => {
      const power = odd[(window.odd - 1) / 2]!;
      if (step === 0) {
        program.copy(to, power, SIZE_BYTES);
        return;
      }
      program.push(to);
      program.push(to);
      program.f.i32Const(window.squarings);
      program.f.call(sqrTimes);
      program.call(mul, to, to, power);
    });
  });
}
