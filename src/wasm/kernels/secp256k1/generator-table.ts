// The tables of G and 2^128·G while functions are emitted: made once per kernel, affine on the curve itself.

import type { FunctionEmitter, FunctionIndex, Local } from "../../function-emitter.ts";
import { I32 } from "../../opcodes.ts";
import { constantLimbs, pushAddress } from "../limbs.ts";
import type { FieldCalls } from "./field-calls.ts";
import { AFFINE_SIZE_BYTES, BASE_TABLE_COUNT, ELEMENT_SIZE_BYTES, HALF_SCALAR_BITS, OFFSET } from "./layout.ts";
import { copyPoint, emitScale, GENERATOR, localAddress, moveBy, storePoint } from "./point.ts";

/** What the tables are made by. */
export type GeneratorTableParts = {
  readonly field: FieldCalls;
  /** Doubles in place. */
  readonly double: FunctionIndex;
  /** (target, source) inverts modulo p. */
  readonly invertElement: FunctionIndex;
  /** (point, table, count). */
  readonly oddMultiples: FunctionIndex;
};

/** Makes both tables. */
export function emitPrepare(f: FunctionEmitter, base: Local, parts: GeneratorTableParts): void {
  const point = localAddress(f, base, OFFSET.point);
  const sum = localAddress(f, base, OFFSET.accumulator);
  const start = () => {
    storePoint(f, sum, constantLimbs(GENERATOR.x, 4), constantLimbs(GENERATOR.y, 4), constantLimbs(1n, 4));
  };
  start();
  copyPoint(f, sum, point);
  emitTable(f, { base, point, table: OFFSET.baseTable }, parts);
  start();
  repeat(f, HALF_SCALAR_BITS, () => {
    f.get(sum);
    f.call(parts.double);
  });
  const z = { address: sum, offset: 2 * ELEMENT_SIZE_BYTES };
  callInvert(f, z, parts);
  emitScale(f, sum, z, { base, field: parts.field });
  copyPoint(f, sum, point);
  emitTable(f, { base, point, table: OFFSET.shiftedBaseTable }, parts);
}

// Odd multiples with a common z, then all of them by its inverse.
function emitTable(
  f: FunctionEmitter,
  at: { base: Local; point: Local; table: number },
  parts: GeneratorTableParts,
): void {
  const { base } = at;
  const commonZ = { address: base, offset: OFFSET.commonZ };
  const cursor = localAddress(f, base, at.table);
  f.get(at.point);
  f.get(cursor);
  f.i32Const(BASE_TABLE_COUNT);
  f.call(parts.oddMultiples);
  callInvert(f, commonZ, parts);
  repeat(f, BASE_TABLE_COUNT, () => {
    emitScale(f, cursor, commonZ, { base, field: parts.field });
    moveBy(f, cursor, AFFINE_SIZE_BYTES, I32.add);
  });
}

function callInvert(f: FunctionEmitter, at: { address: Local; offset: number }, parts: GeneratorTableParts): void {
  pushAddress(f, at.address, at.offset);
  pushAddress(f, at.address, at.offset);
  f.call(parts.invertElement);
}

function repeat(f: FunctionEmitter, count: number, emit: () => void): void {
  const left = f.local("i32");
  f.i32Const(count);
  f.set(left);
  f.loop((again) => {
    emit();
    moveBy(f, left, 1, I32.sub);
    f.get(left);
    f.brIf(again);
  });
}
