// The tables of G and 2^128·G while functions are emitted: made once per kernel, affine on the curve itself.

import type { FunctionEmitter, FunctionIndex, Local } from "../../function-emitter.ts";
import { I32 } from "../../opcodes.ts";
import { AFFINE_SIZE_BYTES, BASE_TABLE_COUNT, ELEMENT_SIZE_BYTES, HALF_SCALAR_BITS, OFFSET } from "./layout.ts";
import { constantLimbs, pushAddress, storeLimbs } from "./limbs.ts";
import { emitScale, GENERATOR, loadElement, moveBy, storePoint } from "./point.ts";

/** The functions that the tables are made by. */
export type GeneratorTableFunctions = {
  /** Doubles in place. */
  readonly double: FunctionIndex;
  /** (target, source) inverts modulo p. */
  readonly invertElement: FunctionIndex;
  /** (point, table, count). */
  readonly oddMultiples: FunctionIndex;
};

/** Makes both tables. */
export function emitPrepare(f: FunctionEmitter, base: Local, functions: GeneratorTableFunctions): void {
  const x = constantLimbs(GENERATOR.x, 4);
  const y = constantLimbs(GENERATOR.y, 4);
  const point = f.local("i32");
  pushAddress(f, base, OFFSET.point);
  f.set(point);
  storeLimbs(f, point, 0, x);
  storeLimbs(f, point, ELEMENT_SIZE_BYTES, y);
  emitTable(f, { base, point, table: OFFSET.baseTable }, functions);
  emitShiftedGenerator(f, { base, point, x, y }, functions);
  emitTable(f, { base, point, table: OFFSET.shiftedBaseTable }, functions);
}

// Leaves 2^128·G at the point's address.
function emitShiftedGenerator(
  f: FunctionEmitter,
  at: { base: Local; point: Local; x: readonly bigint[]; y: readonly bigint[] },
  functions: GeneratorTableFunctions,
): void {
  const sum = f.local("i32");
  const left = f.local("i32");
  pushAddress(f, at.base, OFFSET.accumulator);
  f.set(sum);
  storePoint(f, sum, at.x, at.y, constantLimbs(1n, 4));
  f.i32Const(HALF_SCALAR_BITS);
  f.set(left);
  f.loop((again) => {
    f.get(sum);
    f.call(functions.double);
    moveBy(f, left, 1, I32.sub);
    f.get(left);
    f.brIf(again);
  });
  storeLimbs(f, at.point, 0, loadElement(f, sum, 0));
  storeLimbs(f, at.point, ELEMENT_SIZE_BYTES, loadElement(f, sum, ELEMENT_SIZE_BYTES));
  pushAddress(f, sum, 2 * ELEMENT_SIZE_BYTES);
  pushAddress(f, sum, 2 * ELEMENT_SIZE_BYTES);
  f.call(functions.invertElement);
  emitScale(f, at.point, loadElement(f, sum, 2 * ELEMENT_SIZE_BYTES));
}

// Odd multiples with a common z, then all of them by its inverse.
function emitTable(
  f: FunctionEmitter,
  at: { base: Local; point: Local; table: number },
  functions: GeneratorTableFunctions,
): void {
  const { base } = at;
  const cursor = f.local("i32");
  const left = f.local("i32");
  f.get(at.point);
  pushAddress(f, base, at.table);
  f.i32Const(BASE_TABLE_COUNT);
  f.call(functions.oddMultiples);
  pushAddress(f, base, OFFSET.commonZ);
  pushAddress(f, base, OFFSET.commonZ);
  f.call(functions.invertElement);
  const inverse = loadElement(f, base, OFFSET.commonZ);
  pushAddress(f, base, at.table);
  f.set(cursor);
  f.i32Const(BASE_TABLE_COUNT);
  f.set(left);
  f.loop((again) => {
    emitScale(f, cursor, inverse);
    moveBy(f, cursor, AFFINE_SIZE_BYTES, I32.add);
    moveBy(f, left, 1, I32.sub);
    f.get(left);
    f.brIf(again);
  });
}
