// Multiplication modulo any number in WebAssembly, for powers: Montgomery's for odd moduli, and the low half of a product
// for powers of two. Numbers are limbs of 64 bits, little-endian, of a length given at run time.
//
// The kernel's range, from `base` (a multiple of 8), is one number of `LIMB_COUNT_MAX` + 1 limbs of scratch.
//
// @see Koç, Acar, Kaliski, "Analyzing and comparing Montgomery multiplication algorithms" (FIOS)

import { ModuleBuilder } from "../assembler.ts";
import type { FunctionEmitter, FunctionIndex, GlobalIndex, Label, Local } from "../function-emitter.ts";
import { I32, I64 } from "../opcodes.ts";
import { emitRepeat, parameterPlaces } from "./kernel-program.ts";
import { addToPair, assignLimbs, pushWide, setPair } from "./limbs.ts";
import { LimbEmitter, type LimbModulus } from "./prime-field.ts";

/** The longest numbers, limbs: 1024 bytes. */
export const LIMB_COUNT_MAX = 128;

/** The longest numbers that have functions of their own, limbs. */
export const SHORT_LIMB_COUNT_MAX = 4;

/** Size of the kernel's own range, bytes. */
export const MODULAR_POWER_RANGE_SIZE_BYTES: number = 8 * (LIMB_COUNT_MAX + 1);

/** What the module exports. Addresses; `sizeBytes` is 8 times the limb count. Destinations may be operands. */
export type ModularPowerKernel = {
  /**
   * a·b/R modulo an odd number, all below it.
   * @param negativeInverse -1 / modulus modulo 2^64
   */
  readonly mulMontgomery: (
    to: number,
    a: number,
    b: number,
    modulus: number,
    sizeBytes: number,
    negativeInverse: bigint,
  ) => void;
  /** Squares `count` times in place. */
  readonly sqrMontgomery: (
    at: number,
    count: number,
    modulus: number,
    sizeBytes: number,
    negativeInverse: bigint,
  ) => void;
  /** The low limbs of a·b. */
  readonly mulLow: (to: number, a: number, b: number, sizeBytes: number) => void;
  /** Squares `count` times in place, low limbs only. */
  readonly sqrLow: (at: number, count: number, sizeBytes: number) => void;
} & {
  /** As `mulMontgomery` and `sqrMontgomery`, for numbers of 1 to 4 limbs. */
  readonly [Name in `mulShort${ShortLength}`]: (
    to: number,
    a: number,
    b: number,
    modulus: number,
    negativeInverse: bigint,
  ) => void;
} & {
  readonly [Name in `sqrShort${ShortLength}`]: (
    at: number,
    count: number,
    modulus: number,
    negativeInverse: bigint,
  ) => void;
};

/** Limbs of a short number. */
export type ShortLength = 1 | 2 | 3 | 4;

/** The module's bytes. Imports `env.memory` and `env.base`. */
export function emitModularPowerModule(shared: boolean): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory({ module: "env", name: "memory" }, { initialPages: 1, maximumPages: 65_536, shared });
  const base = module.importGlobal({ module: "env", name: "base" }, "i32");
  const montgomery = module.defineFunction({ params: ["i32", "i32", "i32", "i32", "i32", "i64"], results: [] }, (f) =>
    emitMontgomery(f, base),
  );
  const low = module.defineFunction({ params: ["i32", "i32", "i32", "i32"], results: [] }, (f) => emitLow(f, base));
  module.exportFunction("mulMontgomery", montgomery);
  module.exportFunction("mulLow", low);
  module.exportFunction("sqrMontgomery", defineRepeated(module, montgomery, ["i32", "i32", "i64"]));
  module.exportFunction("sqrLow", defineRepeated(module, low, ["i32"]));
  for (let limbCount = 1; limbCount <= SHORT_LIMB_COUNT_MAX; limbCount++) {
    module.exportFunction(`mulShort${limbCount}`, defineShortMul(module, limbCount));
    module.exportFunction(`sqrShort${limbCount}`, defineShortSqr(module, limbCount));
  }
  return module.build();
}

function defineShortMul(module: ModuleBuilder, limbCount: number): FunctionIndex {
  return module.defineFunction({ params: ["i32", "i32", "i32", "i32", "i64"], results: [] }, (f) => {
    const [to, a, b, modulus] = parameterPlaces(f, 4);
    const e = new LimbEmitter(f, loadedModulus(f, { limbCount, modulus: modulus.at!, inverse: f.param(4) }));
    e.store(to, e.sumOfProducts([{ a: e.load(a), pushB: (limb) => e.pushLimb(b, limb) }]));
  });
}

function defineShortSqr(module: ModuleBuilder, limbCount: number): FunctionIndex {
  return module.defineFunction({ params: ["i32", "i32", "i32", "i64"], results: [] }, (f) => {
    const [at, count, modulus, inverse] = f.params as [Local, Local, Local, Local];
    const e = new LimbEmitter(f, loadedModulus(f, { limbCount, modulus, inverse }));
    const value = e.load({ at, offset: 0 });
    emitRepeat(f, count, () => {
      assignLimbs(f, value, e.sumOfProducts([{ a: value, pushB: (limb) => f.get(value[limb]!) }]));
    });
    e.store({ at, offset: 0 }, value);
  });
}

function loadedModulus(
  f: FunctionEmitter,
  { limbCount, modulus, inverse }: { limbCount: number; modulus: Local; inverse: Local },
): LimbModulus {
  const limbs = f.locals("i64", limbCount);
  limbs.forEach((limb, i) => {
    f.get(modulus);
    f.memory(I64.load, 8 * i);
    f.set(limb);
  });
  return {
    limbCount,
    spareBits: 0,
    highest: null,
    pushLimb: (at, limb) => at.get(limbs[limb]!),
    pushNegativeInverse: (at) => at.get(inverse),
  };
}

// (at, count, …rest): calls (at, at, at, …rest) that many times.
function defineRepeated(module: ModuleBuilder, target: FunctionIndex, rest: readonly ("i32" | "i64")[]): FunctionIndex {
  return module.defineFunction({ params: ["i32", "i32", ...rest], results: [] }, (f) => {
    const [at, count, ...others] = f.params as [Local, Local, ...Local[]];
    emitRepeat(f, count, () => {
      for (let i = 0; i < 3; i++) f.get(at);
      for (const other of others) f.get(other);
      f.call(target);
    });
  });
}

// Row by row: t = (t + a·b[i] + m·modulus) / 2^64, with m such that the division is exact.
function emitMontgomery(f: FunctionEmitter, base: GlobalIndex): void {
  const [to, a, b, modulus, size, inverse] = f.params as [Local, Local, Local, Local, Local, Local];
  const [t, row, column] = f.locals("i32", 3);
  const [factor, m, low, carryA, carryM, top] = f.locals("i64", 6);
  f.globalGet(base);
  f.set(t);
  f.get(t);
  f.i32Const(0);
  f.get(size);
  f.memoryFill();
  f.loop((nextRow) => {
    loadAt(f, b, row);
    f.set(factor);
    f.i32Const(0);
    f.set(column);
    f.i64Const(0);
    f.set(carryA);
    multiplyAdd(f, { factor, number: a, column, addend: () => loadAt(f, t, column), carry: carryA, low });
    f.get(low);
    f.get(inverse);
    f.op(I64.mul);
    f.set(m);
    f.i64Const(0);
    f.set(carryM);
    multiplyAdd(f, { factor: m, number: modulus, column, addend: () => f.get(low), carry: carryM, low });
    f.block((done) => {
      f.loop((nextColumn) => {
        addConstant(f, column, 8);
        f.get(column);
        f.get(size);
        f.op(I32.geU);
        f.brIf(done);
        multiplyAdd(f, { factor, number: a, column, addend: () => loadAt(f, t, column), carry: carryA, low });
        multiplyAdd(f, { factor: m, number: modulus, column, addend: () => f.get(low), carry: carryM, low });
        storeBefore(f, t, column, low);
        f.br(nextColumn);
      });
    });
    // The two carries and the top word make the last limb and the next top word.
    pushWide(f, carryA);
    addToPair(f, carryM);
    addToPair(f, top);
    setPair(f, low, top);
    storeBefore(f, t, size, low);
    advanceBelow(f, row, size, nextRow);
  });
  emitFinalSubtraction(f, { to, t, modulus, size, column, low, carry: carryA, top });
}

type Subtraction = {
  to: Local;
  t: Local;
  modulus: Local;
  size: Local;
  column: Local;
  low: Local;
  carry: Local;
  top: Local;
};

// to = t - modulus, or t where that is negative.
function emitFinalSubtraction(f: FunctionEmitter, at: Subtraction): void {
  f.i32Const(0);
  f.set(at.column);
  f.i64Const(0);
  f.set(at.carry);
  f.loop((again) => {
    loadAt(f, at.t, at.column);
    f.i64Const(0);
    loadAt(f, at.modulus, at.column);
    f.i64Const(0);
    f.op(I64.sub128);
    f.get(at.carry);
    f.get(at.carry);
    f.op(I64.add128);
    setPair(f, at.low, at.carry);
    storeAt(f, at.to, at.column, at.low);
    advanceBelow(f, at.column, at.size, again);
  });
  f.get(at.carry);
  f.get(at.top);
  f.op(I64.add);
  f.i64Const(0);
  f.op(I64.ltS);
  f.if(() => copyNumber(f, at.to, at.t, at.size));
}

// Row by row into the scratch, columns above the length left out.
function emitLow(f: FunctionEmitter, base: GlobalIndex): void {
  const [to, a, b, size] = f.params as [Local, Local, Local, Local];
  const [t, row, column, target, end] = f.locals("i32", 5);
  const [factor, low, carry] = f.locals("i64", 3);
  f.globalGet(base);
  f.tee(t);
  f.i32Const(0);
  f.get(size);
  f.memoryFill();
  f.get(size);
  f.set(end);
  f.loop((nextRow) => {
    loadAt(f, b, row);
    f.set(factor);
    f.i64Const(0);
    f.set(carry);
    f.i32Const(0);
    f.set(column);
    f.get(t);
    f.get(row);
    f.op(I32.add);
    f.set(target);
    f.loop((nextColumn) => {
      multiplyAdd(f, { factor, number: a, column, addend: () => loadAt(f, target, column), carry, low });
      storeAt(f, target, column, low);
      advanceBelow(f, column, end, nextColumn);
    });
    addConstant(f, row, 8);
    addConstant(f, end, -8);
    f.get(end);
    f.brIf(nextRow);
  });
  copyNumber(f, to, t, size);
}

type ProductStep = {
  factor: Local;
  number: Local;
  column: Local;
  addend: () => void;
  carry: Local;
  low: Local;
};

// (low, carry) = factor · number[column] + addend + carry
function multiplyAdd(f: FunctionEmitter, { factor, number, column, addend, carry, low }: ProductStep): void {
  loadAt(f, number, column);
  f.get(factor);
  f.op(I64.mulWideU);
  addend();
  f.i64Const(0);
  f.op(I64.add128);
  addToPair(f, carry);
  setPair(f, low, carry);
}

function loadAt(f: FunctionEmitter, number: Local, offset: Local): void {
  f.get(number);
  f.get(offset);
  f.op(I32.add);
  f.memory(I64.load);
}

function storeAt(f: FunctionEmitter, number: Local, offset: Local, limb: Local): void {
  f.get(number);
  f.get(offset);
  f.op(I32.add);
  f.get(limb);
  f.memory(I64.store);
}

// One limb below the offset.
function storeBefore(f: FunctionEmitter, number: Local, offset: Local, limb: Local): void {
  f.get(number);
  f.get(offset);
  f.op(I32.add);
  f.i32Const(8);
  f.op(I32.sub);
  f.get(limb);
  f.memory(I64.store);
}

// To the next limb, and again while that is below the end.
function advanceBelow(f: FunctionEmitter, offset: Local, end: Local, again: Label): void {
  addConstant(f, offset, 8);
  f.get(offset);
  f.get(end);
  f.op(I32.ltU);
  f.brIf(again);
}

function copyNumber(f: FunctionEmitter, to: Local, from: Local, size: Local): void {
  f.get(to);
  f.get(from);
  f.get(size);
  f.memoryCopy();
}

function addConstant(f: FunctionEmitter, local: Local, value: number): void {
  f.get(local);
  f.i32Const(value);
  f.op(I32.add);
  f.set(local);
}
