// Word functions out of line: what emitters call when the operands decide nothing while code is made. Each module that needs one
// has its own copy, with its own memory of the last divisor.

import type { ModuleBuilder } from "#wasm/assembler.ts";
import { Code, i32, i64, type Operand64, type Var } from "#wasm/code.ts";
import { wasmFeatures } from "#wasm/features.ts";
import type { FunctionIndex } from "#wasm/function-emitter.ts";
import { type Links, WORD_FUNCTIONS } from "../runtime/links.ts";
import { divWords, modWords } from "./arithmetic.ts";
import { clzWord } from "./bitwise.ts";
import {
  type DivisionParts,
  defineDivisionParts,
  type MakeCode,
  shiftedLeft,
  shiftedRight,
  subDigits,
} from "./division.ts";
import { orAll } from "./limbs.ts";
import { emitAddMod, emitMulMod } from "./modular.ts";
import { multiplyDigits } from "./product.ts";
import { emitQuotient, emitRemainder } from "./quotient.ts";
import { defineModulusMemory } from "./repeated-modulus.ts";
import type { Limb, Word } from "./word.ts";

/** A word function by name. */
export type WordFunctionName = keyof typeof WORD_FUNCTIONS;

/** Functions that are worth a copy in each compiled module: a call from another module costs as much as they do. */
export const SMALL_WORD_FUNCTIONS = ["mul", "byte", "shl", "shr", "sar", "signextend", "clz"] as const;

type WordModule = {
  readonly module: ModuleBuilder;
  readonly makeCode: MakeCode;
  readonly defined: Map<WordFunctionName, FunctionIndex>;
  divisionParts: DivisionParts | null;
};

const modules = new WeakMap<ModuleBuilder, WordModule>();

/**
 * The index of a word function of the module; it is emitted when it is first asked for. The module's imports are complete by
 * then. @param wideArithmetic what the engine has, unless told; the first call decides for the module
 */
export function defineWordFunction(
  module: ModuleBuilder,
  name: WordFunctionName,
  wideArithmetic: boolean = wasmFeatures().wideArithmetic,
): FunctionIndex {
  let words = modules.get(module);
  if (words === undefined) {
    words = { module, makeCode: (f) => new Code(f, wideArithmetic), defined: new Map(), divisionParts: null };
    modules.set(module, words);
  }
  return define(words, name);
}

function define(words: WordModule, name: WordFunctionName): FunctionIndex {
  const known = words.defined.get(name);
  if (known !== undefined) return known;
  const index = words.module.declareFunction(WORD_FUNCTIONS[name]);
  words.defined.set(name, index);
  words.module.defineBody(index, (f) => {
    const code = words.makeCode(f);
    const operands: Word[] = [];
    for (let i = 0; i < f.params.length; i += 4) operands.push(wordParameter(code, i));
    EMITTERS[name](code, operands, words);
  });
  return index;
}

function wordParameter(code: Code, first: number): Word {
  const limb = (i: number) => code.param(first + i, "i64");
  return [limb(0), limb(1), limb(2), limb(3)];
}

type WordFunctionEmitter = (code: Code, operands: readonly Word[], words: WordModule) => void;

const EMITTERS: Readonly<Record<WordFunctionName, WordFunctionEmitter>> = {
  mul: (code, [a, b]) => code.pushAll(multiplyDigits(code, a!, b!, 4)),
  div: (code, [a, b], words) => emitQuotient(code, divisionParts(words), a!, b!),
  mod: (code, [a, b], words) => emitRemainder(code, divisionParts(words), a!, b!),
  sdiv: (code, [a, b], words) =>
    emitSigned(code, a!, b!, i64.xor(a![3], b![3]), (x, y) => divWords(code, linksOf(words, "div"), x, y)),
  smod: (code, [a, b], words) => emitSigned(code, a!, b!, a![3], (x, y) => modWords(code, linksOf(words, "mod"), x, y)),
  addmod: (code, [a, b, m], words) => emitAddMod(code, divisionParts(words), define(words, "mod"), [a!, b!, m!]),
  mulmod: (code, [a, b, m], words) =>
    emitMulMod(code, divisionParts(words), defineModulusMemory(words.module), define(words, "mod"), [a!, b!, m!]),
  exp: (code, [base, exponent], words) => emitPower(code, define(words, "mul"), base!, exponent!),
  signextend: (code, [byteNumber, value]) => emitSignExtend(code, byteNumber!, value!),
  byte: (code, [index, value]) => emitByte(code, index!, value!),
  shl: (code, [shift, value]) => emitShift(code, shift!, value!, "left"),
  shr: (code, [shift, value]) => emitShift(code, shift!, value!, "right"),
  sar: (code, [shift, value]) => emitShift(code, shift!, value!, "signed right"),
  clz: (code, [value]) => code.pushAll(clzWord(code, value!)),
};

function divisionParts(words: WordModule): DivisionParts {
  words.divisionParts ??= defineDivisionParts(words.module, words.makeCode);
  return words.divisionParts;
}

// Only the function that the emitter calls.
function linksOf(words: WordModule, name: WordFunctionName): Links {
  return { [name]: define(words, name) } as Partial<Links> as Links;
}

// Divides magnitudes; the result is negative when the sign limb is.
function emitSigned(code: Code, a: Word, b: Word, sign: Operand64, divide: (a: Word, b: Word) => Word): void {
  const isNegative = code.i64(i64.shrS(sign, 63));
  const result = divide(magnitude(code, a), magnitude(code, b)).map((limb) => code.i64(limb));
  negateIf(code, result, isNegative);
  code.pushAll(result);
}

function magnitude(code: Code, a: Word): Word {
  const digits = a.map((limb) => code.i64(limb));
  code.scope(() => negateIf(code, digits, code.i64(i64.shrS(a[3], 63))));
  return digits as unknown as Word;
}

// -x is the complement of x, less the mask of ones.
function negateIf(code: Code, digits: readonly Var<"i64">[], mask: Var<"i64">): void {
  for (const digit of digits) code.set(digit, i64.xor(digit, mask));
  subDigits(code, digits, [mask, mask, mask, mask]);
}

// Square and multiply from the lowest bit.
function emitPower(code: Code, multiply: FunctionIndex, base: Word, exponent: Word): void {
  const result = [1n, 0n, 0n, 0n].map((limb) => code.i64(limb));
  const square = base as readonly Var<"i64">[];
  const bits = exponent as readonly Var<"i64">[];
  code.while(i64.ne(orAll(bits), 0), () => {
    code.if(i32.wrap(i64.and(bits[0]!, 1)), () => {
      code.call(multiply, ...result, ...square);
      code.pop(result);
    });
    bits.forEach((limb, i) => {
      const above = bits[i + 1];
      code.set(limb, above === undefined ? i64.shrU(limb, 1) : i64.or(i64.shrU(limb, 1), i64.shl(above, 63)));
    });
    code.if(i64.ne(orAll(bits), 0), () => {
      code.call(multiply, ...square, ...square);
      code.pop(square);
    });
  });
  code.pushAll(result);
}

function emitSignExtend(code: Code, byteNumber: Word, value: Word): void {
  const number = byteNumber[0];
  code.if(i32.or(i64.geU(number, 31), i64.ne(orAll(byteNumber.slice(1)), 0)), () => code.return(...value));
  const limbIndex = code.i64(i64.shrU(number, 3));
  const unused = code.i64(i64.sub(56, i64.shl(i64.and(number, 7), 3)));
  const signed = code.i64(i64.shrS(i64.shl(selectLimb(code, limbIndex, value), unused), unused));
  const sign = code.i64(i64.shrS(signed, 63));
  code.pushAll(
    value.map((limb, i) => i64.select(i64.gtU(limbIndex, i), limb, i64.select(i64.eq(limbIndex, i), signed, sign))),
  );
}

function emitByte(code: Code, index: Word, value: Word): void {
  const position = index[0];
  code.if(i32.or(i64.geU(position, 32), i64.ne(orAll(index.slice(1)), 0)), () => code.return(0n, 0n, 0n, 0n));
  const limb = selectLimb(code, i64.sub(3, i64.shrU(position, 3)), value);
  // Counted from the top of its limb, so that the shift is 56 less eight times the rest.
  const shift = i64.shl(i64.xor(i64.and(position, 7), 7), 3);
  code.pushAll([i64.and(i64.shrU(limb, shift), 0xff), 0n, 0n, 0n]);
}

// value[index], index below 4.
function selectLimb(code: Code, index: Operand64, value: Word): Var<"i64"> {
  const at = code.i64(index);
  const isOdd = code.i32(i32.wrap(i64.and(at, 1)));
  const low = i64.select(isOdd, value[1], value[0]);
  const high = i64.select(isOdd, value[3], value[2]);
  return code.i64(i64.select(i64.gtU(at, 1), high, low));
}

type Direction = "left" | "right" | "signed right";

function emitShift(code: Code, shift: Word, value: Word, direction: Direction): void {
  const amount = shift[0];
  const fill: Limb = direction === "signed right" ? code.i64(i64.shrS(value[3], 63)) : 0n;
  code.if(i32.or(i64.gtU(amount, 255), i64.ne(orAll(shift.slice(1)), 0)), () => code.return(fill, fill, fill, fill));
  const bits = code.i64(i64.and(amount, 63));
  const rest = code.i64(i64.xor(bits, 63));
  // Whole limbs first: by two, then by one. The limbs are counted from the end that moves away.
  const fromEnd = direction === "left" ? [...value] : [...value].reverse();
  for (const [step, bit] of [
    [2, 128],
    [1, 64],
  ] as const) {
    const isMoved = code.i32(i64.ne(i64.and(amount, bit), 0));
    for (let i = 3; i >= 0; i--) fromEnd[i] = code.i64(i64.select(isMoved, fromEnd[i - step] ?? fill, fromEnd[i]!));
  }
  const limbs = direction === "left" ? fromEnd : fromEnd.reverse();
  code.pushAll(limbs.map((limb, i) => shiftedLimb(code, limbs, limb, i, { direction, bits, rest, fill })));
}

type BitShift = {
  readonly direction: Direction;
  readonly bits: Var<"i64">;
  readonly rest: Var<"i64">;
  readonly fill: Limb;
};

function shiftedLimb(code: Code, limbs: readonly Limb[], limb: Limb, i: number, shift: BitShift): Var<"i64"> {
  const { bits, rest } = shift;
  if (shift.direction === "left") return code.i64(shiftedLeft(limb, limbs[i - 1] ?? 0n, bits, rest));
  if (i === 3 && shift.direction === "signed right") return code.i64(i64.shrS(limb, bits));
  return code.i64(shiftedRight(limbs[i + 1] ?? 0n, limb, bits, rest));
}
