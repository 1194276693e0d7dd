// The module of the Banderwagon group: conversions and sums of many points at a time, and vectors of scalars. What
// commitments, proofs and their verification do with them is composed in TypeScript, a call for each step over arrays.
//
// The kernel's range, from `base` (a multiple of 64): constants and tables of the square root, intermediate values and
// the lanes of shared inversions, up to `sizeBytes`. Everything else in the memory is the caller's.

import { ModuleBuilder } from "../../assembler.ts";
import type { FunctionIndex } from "../../function-emitter.ts";
import { replaceWideArithmetic } from "../../narrow-arithmetic.ts";
import { I32 } from "../../opcodes.ts";
import { KernelModule } from "../kernel-program.ts";
import { defineMontgomeryInverse } from "../modular-inverse.ts";
import { definePrimeField, type PrimeField, type PrimeFieldFunctions } from "../prime-field.ts";
import { defineAddPairs } from "./affine-sums.ts";
import { ConstantPool } from "./constant-pool.ts";
import { defineConversions } from "./conversions.ts";
import { BASE_FIELD, EDWARDS, SCALAR_FIELD, WEIERSTRASS } from "./curve.ts";
import { defineDecompress } from "./decompression.ts";
import { defineIsSquare } from "./legendre-symbol.ts";
import { defineVectors } from "./scalar-vectors.ts";
import { SharedInversion } from "./shared-inversion.ts";
import { defineSquareRoot, placeRootTables } from "./square-root.ts";
import { defineBiasScalars, defineListWindow } from "./window-terms.ts";

type Address = number;
type Unary = (to: Address, from: Address, count: number) => void;
type Binary = (to: Address, a: Address, b: Address, count: number) => void;

/** What the module exports: functions over arrays, described where they are defined. */
export type BanderwagonExports = {
  /** A list and its count of pairs; see `affine-sums.ts`. */
  readonly addPairs: (list: Address, count: number) => void;
  readonly lift: Unary;
  readonly drop: (points: Address, scalars: Address, from: Address, count: number) => void;
  readonly mapToScalars: Unary;
  /** Returns the index of the first that is no point of the group, or the count. */
  readonly decompress: (to: Address, from: Address, count: number) => number;
  readonly biasScalars: (scalars: Address, bias: Address, count: number) => void;
  /** By `WINDOW_PARAMETERS`. */
  readonly listWindow: (...parameters: number[]) => bigint;
  readonly scalarsRead: Unary;
  readonly scalarsWrite: Unary;
  readonly scalarsAdd: Binary;
  readonly scalarsSub: Binary;
  readonly scalarsMul: Binary;
  readonly scalarsScale: (to: Address, a: Address, factor: Address, count: number) => void;
  readonly scalarsAddScaled: (to: Address, a: Address, b: Address, factor: Address, count: number) => void;
  readonly scalarsInnerProduct: Binary;
  readonly scalarsPowers: Unary;
  readonly scalarsGather: (to: Address, table: Address, indices: Address, count: number) => void;
  readonly scalarsScatterAdd: (table: Address, from: Address, indices: Address, count: number) => void;
  readonly scalarsInverse: Unary;
};

/**
 * The module's bytes, and how much of the range it uses. Imports `env.memory` and `env.base`.
 * @param options.wideArithmetic whether the engine has its instructions; without them it is some times slower
 */
export function emitBanderwagonModule(options: { shared: boolean; wideArithmetic: boolean }): {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly sizeBytes: number;
} {
  const builder = new ModuleBuilder();
  const memory = { initialPages: 1, maximumPages: 65_536, shared: options.shared };
  builder.importMemory({ module: "env", name: "memory" }, memory);
  const base = builder.importGlobal({ module: "env", name: "base" }, "i32");
  if (!options.wideArithmetic) replaceWideArithmetic(builder);
  const pool = new ConstantPool();
  const constants = placeConstants(pool);
  builder.addData({ base }, pool.content());
  const module = new KernelModule(builder, base, pool.sizeBytes);
  const fp = openField(module, BASE_FIELD, constants.base);
  const fr = openField(module, SCALAR_FIELD, constants.scalar);
  const squareRoot = defineSquareRoot(module, fp.functions, constants.root);
  const isSquare = defineIsSquare(module, BASE_FIELD, defineIsSquareByPower(module, squareRoot));
  const decompression = { ...constants.base, d: constants.d, squareRoot, isSquare };
  exportAll(builder, "", {
    addPairs: defineAddPairs(fp.inversion, constants.curveA),
    decompress: defineDecompress(module, fp.inversion, decompression),
    biasScalars: defineBiasScalars(module),
    listWindow: defineListWindow(module),
    ...defineConversions(module, fp.inversion, {
      ...constants.base,
      scale: constants.scale,
      shift: constants.shift,
      scalarSquareOfR: constants.scalar.squareOfR,
    }),
  });
  exportAll(builder, "scalars", defineVectors(module, fr.inversion, constants.scalar));
  return { bytes: builder.build(), sizeBytes: module.sizeBytes };
}

function placeConstants(pool: ConstantPool) {
  const ofField = (field: PrimeField) => ({
    squareOfR: pool.powerOfR(field, 2n),
    one: pool.element(field, 1n),
    cubeOfR: pool.powerOfR(field, 3n),
  });
  return {
    base: ofField(BASE_FIELD),
    scalar: ofField(SCALAR_FIELD),
    d: pool.element(BASE_FIELD, EDWARDS.d),
    curveA: pool.element(BASE_FIELD, WEIERSTRASS.a),
    scale: pool.element(BASE_FIELD, WEIERSTRASS.scale),
    shift: pool.element(BASE_FIELD, WEIERSTRASS.shift),
    root: placeRootTables(pool),
  };
}

function openField(
  module: KernelModule,
  field: PrimeField,
  constants: ReturnType<typeof placeConstants>["base"],
): { functions: PrimeFieldFunctions; inversion: SharedInversion } {
  const functions = definePrimeField(module, field, constants.squareOfR);
  const inverse = defineMontgomeryInverse(module, field, functions.mul, constants.cubeOfR);
  return { functions, inversion: new SharedInversion(module, field, { one: constants.one, inverse }) };
}

function defineIsSquareByPower(module: KernelModule, squareRoot: FunctionIndex): FunctionIndex {
  const root = module.reserve(32);
  return module.builder.defineFunction({ params: ["i32"], results: ["i32"] }, (f) => {
    f.globalGet(module.base);
    f.i32Const(root.offset);
    f.op(I32.add);
    f.get(f.param(0));
    f.call(squareRoot);
  });
}

function exportAll(builder: ModuleBuilder, prefix: string, functions: Readonly<Record<string, FunctionIndex>>): void {
  for (const [name, index] of Object.entries(functions)) {
    builder.exportFunction(prefix === "" ? name : `${prefix}${name[0]!.toUpperCase()}${name.slice(1)}`, index);
  }
}
