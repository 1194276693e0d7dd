// Points of y² = x³ + 7 while a function is emitted: doubling, addition of a table's point, tables of odd multiples.
//
// The points of a table share one z by choice: seen on the isomorphic curve where that z is 1 they are affine, so that the
// accumulator adds them by the short formula; it meets points of G, which are affine on the curve itself, with its z taken times
// the common one.
//
// Additions hold for all points: keys and signatures are of a stranger's choice, and with R = k·G every case can be made to occur.

import type { FunctionEmitter, FunctionIndex, Local } from "../../function-emitter.ts";
import { CONTROL, I32, I64, type PlainOpcode } from "../../opcodes.ts";
import {
  add,
  type Element,
  FIELD_FOLD,
  FIELD_PRIME,
  foldOut,
  halve,
  multiply,
  pushIsZeroElement,
  shiftLeft,
  square,
  subtract,
} from "./field.ts";
import { AFFINE_SIZE_BYTES, ELEMENT_SIZE_BYTES, OFFSET } from "./layout.ts";
import { constantLimbs, type Limbs, loadLimbs, pushAddress, pushIsZero, pushLimb, storeLimbs } from "./limbs.ts";

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

/** Doubles the Jacobian point at an address in place: 3 products, 4 squares. Infinity stays infinity. */
export function emitDouble(f: FunctionEmitter, point: Local): void {
  const x = loadElement(f, point, X);
  const y = loadElement(f, point, Y);
  const z = loadElement(f, point, Z);
  storeLimbs(f, point, Z, multiply(f, y, z));
  const xx = square(f, x);
  const yy = square(f, y);
  const slope = halve(f, add(f, shiftLeft(f, xx, 1), xx));
  const s = multiply(f, x, yy);
  const newX = subtract(f, square(f, slope), shiftLeft(f, s, 1));
  storeLimbs(f, point, X, newX);
  storeLimbs(f, point, Y, subtract(f, multiply(f, slope, subtract(f, s, newX)), square(f, yy)));
}

/** How a point is added. */
export type AdditionOptions = {
  /** Address of the Jacobian point that is added to. */
  readonly sum: Local;
  /** Address of the affine point to add. */
  readonly point: Local;
  /** −1 to subtract it, else 0; null when it is never subtracted. */
  readonly sign: Local | null;
  /** Address of the z by which the point is away from the sum's curve; null for 1. */
  readonly commonZ: Local | null;
  /** Address that receives the new z over the old one; null when nobody asks. */
  readonly ratio: Local | null;
  /** Doubles in place. */
  readonly double: FunctionIndex;
};

/** Adds an affine point in place: 8 products, 3 squares, and another product where there is a common z. */
export function emitAddition(f: FunctionEmitter, options: AdditionOptions): void {
  const { sum, point, commonZ } = options;
  const px = loadElement(f, point, X);
  const py = loadElement(f, point, Y);
  if (options.sign !== null) negateWhen(f, py, options.sign);
  const z = loadElement(f, sum, Z);
  pushIsZero(f, z);
  f.if(() => {
    storeLifted(f, options, px, py);
    f.op(CONTROL.return);
  });
  const fullZ = commonZ === null ? z : multiply(f, z, loadElement(f, commonZ, 0));
  const zz = square(f, fullZ);
  const x = loadElement(f, sum, X);
  const y = loadElement(f, sum, Y);
  const dx = subtract(f, multiply(f, px, zz), x);
  const dy = subtract(f, multiply(f, multiply(f, py, zz), fullZ), y);
  emitExceptions(f, options, dx, dy);
  storeLimbs(f, sum, Z, multiply(f, z, dx));
  if (options.ratio !== null) storeLimbs(f, options.ratio, 0, dx);
  const dxx = square(f, dx);
  const dxxx = multiply(f, dxx, dx);
  const v = multiply(f, x, dxx);
  const newX = subtract(f, subtract(f, square(f, dy), dxxx), shiftLeft(f, v, 1));
  storeLimbs(f, sum, X, newX);
  storeLimbs(f, sum, Y, subtract(f, multiply(f, dy, subtract(f, v, newX)), multiply(f, y, dxxx)));
}

// Infinity plus the point is the point.
function storeLifted(f: FunctionEmitter, options: AdditionOptions, px: Element, py: Element): void {
  const { sum, commonZ } = options;
  let [x, y]: [Limbs, Limbs] = [px, py];
  if (commonZ !== null) {
    const z = loadElement(f, commonZ, 0);
    const zz = square(f, z);
    x = multiply(f, px, zz);
    y = multiply(f, py, multiply(f, zz, z));
  }
  storeLimbs(f, sum, X, x);
  storeLimbs(f, sum, Y, y);
  storeLimbs(f, sum, Z, ONE);
}

// Equal points are doubled, opposite ones vanish. The first limb tells nearly always that neither is the case.
function emitExceptions(f: FunctionEmitter, options: AdditionOptions, dx: Element, dy: Element): void {
  pushMayBeZero(f, dx[0]!);
  f.if(() => {
    pushIsZeroElement(f, dx);
    f.if(() => {
      pushIsZeroElement(f, dy);
      f.if(
        () => {
          f.get(options.sum);
          f.call(options.double);
        },
        () => storeLimbs(f, options.sum, Z, ZERO),
      );
      f.op(CONTROL.return);
    });
  });
}

// Limb 0 of both forms of zero, 0 and p, is 0 or −C.
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
export type TableFunctions = {
  /** Doubles in place. */
  readonly double: FunctionIndex;
  /** (sum, point, ratio) adds an affine point. */
  readonly addStep: FunctionIndex;
};

/**
 * Makes the table of the odd multiples 1, 3, 5 … of an affine point, all with one common z, which goes to its place.
 * Parameters: address of the point, address of the table, count.
 */
export function emitOddMultiples(f: FunctionEmitter, base: Local, functions: TableFunctions): void {
  const [source, table, count] = f.params as [Local, Local, Local];
  const last = f.local("i32");
  const cursor = f.local("i32");
  const ratio = f.local("i32");
  const sum = f.local("i32");
  const double = f.local("i32");
  for (const [local, offset] of [
    [sum, OFFSET.accumulator],
    [double, OFFSET.double],
    [ratio, OFFSET.ratios],
  ] as const) {
    pushAddress(f, base, offset);
    f.set(local);
  }
  // On the curve where the double is affine, the first multiple is (x·z², y·z³).
  const x = loadElement(f, source, X);
  const y = loadElement(f, source, Y);
  storePoint(f, double, x, y, ONE);
  f.get(double);
  f.call(functions.double);
  const z = loadElement(f, double, Z);
  const zz = square(f, z);
  storePoint(f, sum, multiply(f, x, zz), multiply(f, y, multiply(f, zz, z)), ONE);
  f.get(table);
  f.get(count);
  f.i32Const(AFFINE_SIZE_BYTES);
  f.op(I32.mul);
  f.op(I32.add);
  f.i32Const(AFFINE_SIZE_BYTES);
  f.op(I32.sub);
  f.set(last);
  f.get(table);
  f.set(cursor);
  f.loop((again) => {
    copyPoint(f, sum, cursor);
    f.get(cursor);
    f.get(last);
    f.op(I32.ltU);
    f.if(() => {
      f.get(sum);
      f.get(double);
      f.get(ratio);
      f.call(functions.addStep);
      moveBy(f, ratio, ELEMENT_SIZE_BYTES, I32.add);
      moveBy(f, cursor, AFFINE_SIZE_BYTES, I32.add);
      f.br(again);
    });
  });
  storeLimbs(f, base, OFFSET.commonZ, multiply(f, z, loadElement(f, sum, Z)));
  emitLevelling(f, { table, cursor, ratio });
}

// Backwards through the table: each point by the product of the ratios that follow it.
function emitLevelling(f: FunctionEmitter, at: { table: Local; cursor: Local; ratio: Local }): void {
  const { table, cursor, ratio } = at;
  const product = f.locals("i64", 4);
  const assign = (source: Limbs) =>
    product.forEach((limb, i) => {
      pushLimb(f, source[i]!);
      f.set(limb);
    });
  assign(ONE);
  f.loop((again) => {
    f.get(cursor);
    f.get(table);
    f.op(I32.gtU);
    f.if(() => {
      moveBy(f, ratio, ELEMENT_SIZE_BYTES, I32.sub);
      moveBy(f, cursor, AFFINE_SIZE_BYTES, I32.sub);
      assign(multiply(f, product, loadElement(f, ratio, 0)));
      emitScale(f, cursor, product);
      f.br(again);
    });
  });
}

/** Takes the affine point at an address to the curve that is away by z: (x·z², y·z³). */
export function emitScale(f: FunctionEmitter, point: Local, z: Limbs): void {
  const zz = square(f, z);
  const x = multiply(f, loadElement(f, point, X), zz);
  const y = multiply(f, loadElement(f, point, Y), multiply(f, zz, z));
  storeLimbs(f, point, X, x);
  storeLimbs(f, point, Y, y);
}

/** Stores a Jacobian point. */
export function storePoint(f: FunctionEmitter, address: Local, x: Limbs, y: Limbs, z: Limbs): void {
  storeLimbs(f, address, X, x);
  storeLimbs(f, address, Y, y);
  storeLimbs(f, address, Z, z);
}

/** Moves an address. */
export function moveBy(f: FunctionEmitter, address: Local, bytes: number, opcode: PlainOpcode): void {
  f.get(address);
  f.i32Const(bytes);
  f.op(opcode);
  f.set(address);
}

// x and y only.
function copyPoint(f: FunctionEmitter, source: Local, target: Local): void {
  storeLimbs(f, target, X, loadElement(f, source, X));
  storeLimbs(f, target, Y, loadElement(f, source, Y));
}
