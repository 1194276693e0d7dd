// Points of y² = x³ + 7 while a function is emitted: doubling, addition of a table's point, tables of odd multiples.
//
// The points of a table share one z by choice: seen on the isomorphic curve where that z is 1 they are affine, so that
// the accumulator adds them by the short formula. Points of G are affine on the curve itself: for them the
// accumulator's z is taken times the common one.
//
// Additions hold for all points: keys and signatures are a stranger's choice, and with R = k·G every case can be made
// to occur.

import type { FunctionEmitter, FunctionIndex, Local } from "../../function-emitter.ts";
import { CONTROL, I32, I64, type PlainOpcode } from "../../opcodes.ts";
import { constantLimbs, type Limbs, loadLimbs, pushAddress, pushIsZero, storeLimbs } from "../limbs.ts";
import { FIELD_FOLD, FIELD_PRIME, foldOut, pushIsZeroElement, shiftLeft, subtract, threeHalves } from "./field.ts";
import { type FieldCalls, load, type Place, scratchPlace, store } from "./field-calls.ts";
import { AFFINE_SIZE_BYTES, ELEMENT_SIZE_BYTES, OFFSET } from "./layout.ts";

/** The generator's coordinates. @see SEC 2, section 2.4.1 */
export const GENERATOR = {
  x: 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n,
  y: 0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8n,
} as const;

const X = 0;
const Y = ELEMENT_SIZE_BYTES;
const Z = 2 * ELEMENT_SIZE_BYTES;
const ONE = constantLimbs(1n, 4);
const ZERO = constantLimbs(0n, 4);

/** Loads a coordinate. */
export function loadElement(f: FunctionEmitter, address: Local, offset: number): Local[] {
  return loadLimbs(f, address, offset, 4);
}

/** The coordinates of a Jacobian point in memory. */
function coordinates(point: Local): { x: Place; y: Place; z: Place } {
  const place = (offset: number) => ({ address: point, offset });
  return { x: place(X), y: place(Y), z: place(Z) };
}

/**
 * Doubles a Jacobian point in place: 3 products, 4 squares. Infinity stays infinity. Parameter: its address.
 * @see Hankerson, Menezes, Vanstone, "Guide to Elliptic Curve Cryptography" (2004), algorithm 3.21, for a = 0
 */
export function emitDouble(f: FunctionEmitter, base: Local, field: FieldCalls): void {
  const { x, y, z } = coordinates(f.param(0));
  const [slope, yy, s, t] = [1, 2, 3, 4].map((index) => scratchPlace(base, index)) as [Place, Place, Place, Place];
  field.multiply(f, z, y, z);
  field.square(f, slope, x);
  store(f, slope, threeHalves(f, load(f, slope)));
  field.square(f, yy, y);
  field.multiply(f, s, x, yy);
  field.square(f, yy, yy);
  field.square(f, t, slope);
  const middle = load(f, s);
  const newX = subtract(f, load(f, t), shiftLeft(f, middle, 1));
  store(f, x, newX);
  store(f, t, subtract(f, middle, newX));
  field.multiplySubtract(f, y, slope, t, yy);
}

/**
 * Adds an affine point in place: 8 products, 3 squares. Parameters: the sum, the point, −1 to subtract it or 0 (i64),
 * and the place of the sum's z as seen from the point's curve. The new z over the old one goes to its place.
 */
export function emitAddition(f: FunctionEmitter, base: Local, parts: Omit<TableParts, "addition">): void {
  const { field, double } = parts;
  const [sum, point, sign, fullZ] = f.params as [Local, Local, Local, Local];
  const { x, y, z } = coordinates(sum);
  const added = coordinates(point);
  const seenZ = { address: fullZ, offset: 0 };
  const [t, dy, dxx, dxxx, u] = [1, 2, 3, 4, 5].map((index) => scratchPlace(base, index)) as [
    Place,
    Place,
    Place,
    Place,
    Place,
  ];
  const dx = { address: base, offset: OFFSET.ratio };
  const addedY = load(f, added.y);
  negateWhen(f, addedY, sign);
  pushIsZero(f, load(f, z));
  f.if(() => {
    storePoint(f, sum, load(f, added.x), addedY, ONE);
    f.op(CONTROL.return);
  });
  store(f, dy, addedY);
  field.square(f, t, seenZ);
  field.multiply(f, dy, dy, t);
  field.multiplySubtract(f, dy, dy, seenZ, y);
  field.multiplySubtract(f, dx, added.x, t, x);
  emitExceptions(f, { sum, dx, dy, double });
  field.multiply(f, z, z, dx);
  field.square(f, dxx, dx);
  field.multiply(f, dxxx, dxx, dx);
  field.multiply(f, dxx, x, dxx);
  field.multiply(f, u, y, dxxx);
  field.square(f, t, dy);
  const middle = load(f, dxx);
  const newX = subtract(f, subtract(f, load(f, t), load(f, dxxx)), shiftLeft(f, middle, 1));
  store(f, x, newX);
  store(f, t, subtract(f, middle, newX));
  field.multiplySubtract(f, y, dy, t, u);
}

/** Adds a point of G's tables to the accumulator. Parameters: the sum, the point, the sign. */
export function emitBaseAddition(f: FunctionEmitter, base: Local, addition: FunctionIndex, field: FieldCalls): void {
  const [sum, point, sign] = f.params as [Local, Local, Local];
  const { z } = coordinates(sum);
  const commonZ = { address: base, offset: OFFSET.commonZ };
  pushIsZero(f, load(f, z));
  f.if(
    () => {
      callAddition(f, addition, { sum, point, sign, fullZ: z });
      emitScale(f, sum, commonZ, { base, field });
    },
    () => {
      const fullZ = { address: base, offset: OFFSET.fullZ };
      field.multiply(f, fullZ, z, commonZ);
      callAddition(f, addition, { sum, point, sign, fullZ });
    },
  );
}

/** Calls the addition for a point on the sum's own curve. */
export function callKeyAddition(f: FunctionEmitter, addition: FunctionIndex, sum: Local, point: Local, sign: Local) {
  callAddition(f, addition, { sum, point, sign, fullZ: { address: sum, offset: Z } });
}

function callAddition(
  f: FunctionEmitter,
  addition: FunctionIndex,
  at: { sum: Local; point: Local; sign: Local; fullZ: Place },
): void {
  f.get(at.sum);
  f.get(at.point);
  f.get(at.sign);
  pushAddress(f, at.fullZ.address, at.fullZ.offset);
  f.call(addition);
}

// Equal points are doubled, opposite ones vanish. The first limb tells nearly always that neither is the case.
function emitExceptions(f: FunctionEmitter, at: { sum: Local; dx: Place; dy: Place; double: FunctionIndex }): void {
  const [first] = loadLimbs(f, at.dx.address, at.dx.offset, 1) as [Local];
  pushMayBeZero(f, first);
  f.if(() => {
    pushIsZeroElement(f, load(f, at.dx));
    f.if(() => {
      pushIsZeroElement(f, load(f, at.dy));
      f.if(
        () => {
          f.get(at.sum);
          f.call(at.double);
        },
        () => storeLimbs(f, at.sum, Z, ZERO),
      );
      f.op(CONTROL.return);
    });
  });
}

// Limb 0 of both forms of zero, which are 0 and p.
function pushMayBeZero(f: FunctionEmitter, limb: Local): void {
  f.get(limb);
  f.i64Const(FIELD_PRIME & 0xffff_ffff_ffff_ffffn);
  f.op(I64.eq);
  f.get(limb);
  f.op(I64.eqz);
  f.op(I32.or);
}

// −a is the complement of a, less C − 1.
function negateWhen(f: FunctionEmitter, a: readonly Local[], sign: Local): void {
  for (const limb of a) {
    f.get(limb);
    f.get(sign);
    f.op(I64.xor);
    f.set(limb);
  }
  const excess = f.local("i64");
  f.get(sign);
  f.i64Const(FIELD_FOLD - 1n);
  f.op(I64.and);
  f.set(excess);
  foldOut(f, a, excess);
}

/** What a table is made by. */
export type TableParts = {
  readonly field: FieldCalls;
  /** (point) doubles in place. */
  readonly double: FunctionIndex;
  /** (sum, point, sign, z) adds an affine point. */
  readonly addition: FunctionIndex;
};

/**
 * Makes the table of the odd multiples 1, 3, 5 … of an affine point, all with one common z, which goes to its place.
 * Parameters: address of the point, address of the table, count.
 */
export function emitOddMultiples(f: FunctionEmitter, base: Local, parts: TableParts): void {
  const [source, table, count] = f.params as [Local, Local, Local];
  const { field } = parts;
  const last = f.local("i32");
  const cursor = f.local("i32");
  const ratios = f.local("i32");
  const noSign = f.local("i64");
  const sum = localAddress(f, base, OFFSET.accumulator);
  const double = localAddress(f, base, OFFSET.double);
  pushAddress(f, base, OFFSET.ratios);
  f.set(ratios);
  // On the curve where the double is affine, the first multiple is (x·z², y·z³).
  const x = loadElement(f, source, X);
  const y = loadElement(f, source, Y);
  storePoint(f, double, x, y, ONE);
  storePoint(f, sum, x, y, ONE);
  f.get(double);
  f.call(parts.double);
  emitScale(f, sum, { address: double, offset: Z }, { base, field });
  pushLastAddress(f, table, count);
  f.set(last);
  f.get(table);
  f.set(cursor);
  f.loop((again) => {
    copyPoint(f, sum, cursor);
    f.get(cursor);
    f.get(last);
    f.op(I32.ltU);
    f.if(() => {
      callKeyAddition(f, parts.addition, sum, double, noSign);
      storeLimbs(f, ratios, 0, loadElement(f, base, OFFSET.ratio));
      moveBy(f, ratios, ELEMENT_SIZE_BYTES, I32.add);
      moveBy(f, cursor, AFFINE_SIZE_BYTES, I32.add);
      f.br(again);
    });
  });
  const commonZ = { address: base, offset: OFFSET.commonZ };
  field.multiply(f, commonZ, { address: double, offset: Z }, { address: sum, offset: Z });
  emitLevelling(f, { base, table, cursor, ratios }, field);
}

// Backwards through the table: each point by the product of the ratios that follow it.
function emitLevelling(
  f: FunctionEmitter,
  at: { base: Local; table: Local; cursor: Local; ratios: Local },
  field: FieldCalls,
): void {
  const { base, table, cursor, ratios } = at;
  const product = { address: base, offset: OFFSET.ratio };
  storeLimbs(f, base, OFFSET.ratio, ONE);
  f.loop((again) => {
    f.get(cursor);
    f.get(table);
    f.op(I32.gtU);
    f.if(() => {
      moveBy(f, ratios, ELEMENT_SIZE_BYTES, I32.sub);
      moveBy(f, cursor, AFFINE_SIZE_BYTES, I32.sub);
      field.multiply(f, product, product, { address: ratios, offset: 0 });
      emitScale(f, cursor, product, { base, field });
      f.br(again);
    });
  });
}

/** Takes the affine point at an address to the curve that is away by z: (x·z², y·z³). */
export function emitScale(f: FunctionEmitter, point: Local, z: Place, at: { base: Local; field: FieldCalls }): void {
  const power = scratchPlace(at.base, 0);
  const x = { address: point, offset: X };
  const y = { address: point, offset: Y };
  at.field.square(f, power, z);
  at.field.multiply(f, x, x, power);
  at.field.multiply(f, power, power, z);
  at.field.multiply(f, y, y, power);
}

/** Stores a Jacobian point. */
export function storePoint(f: FunctionEmitter, address: Local, x: Limbs, y: Limbs, z: Limbs): void {
  storeLimbs(f, address, X, x);
  storeLimbs(f, address, Y, y);
  storeLimbs(f, address, Z, z);
}

/** Copies x and y. */
export function copyPoint(f: FunctionEmitter, source: Local, target: Local): void {
  storeLimbs(f, target, X, loadElement(f, source, X));
  storeLimbs(f, target, Y, loadElement(f, source, Y));
}

/** Moves an address. */
export function moveBy(f: FunctionEmitter, address: Local, bytes: number, opcode: PlainOpcode): void {
  f.get(address);
  f.i32Const(bytes);
  f.op(opcode);
  f.set(address);
}

/** A new local with an address. */
export function localAddress(f: FunctionEmitter, base: Local, offset: number): Local {
  const address = f.local("i32");
  pushAddress(f, base, offset);
  f.set(address);
  return address;
}

function pushLastAddress(f: FunctionEmitter, table: Local, count: Local): void {
  f.get(count);
  f.i32Const(1);
  f.op(I32.sub);
  f.i32Const(AFFINE_SIZE_BYTES);
  f.op(I32.mul);
  f.get(table);
  f.op(I32.add);
}
