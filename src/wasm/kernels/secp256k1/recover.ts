// Recovery of a signer's key: lifting r to the point R, the multipliers u1 = −z/r and u2 = s/r, and u1·G + u2·R by interleaved
// digits. Each part is a function of its own, so that the optimizing tier takes all of them.

import type { FunctionEmitter, FunctionIndex, Local } from "../../function-emitter.ts";
import { CONTROL, I32, I64 } from "../../opcodes.ts";
import { add, multiply, negate, normalize, pushIsZeroElement, square, squareTimes, subtract } from "./field.ts";
import {
  AFFINE_SIZE_BYTES,
  BASE_WINDOW_BITS,
  DIGITS_SIZE_BYTES,
  ELEMENT_SIZE_BYTES,
  HALF_SCALAR_BITS,
  KEY_TABLE_COUNT,
  KEY_WINDOW_BITS,
  OFFSET,
} from "./layout.ts";
import {
  assignLimbs,
  constantLimbs,
  loadBigEndian,
  pushAddress,
  pushIsZero,
  storeBigEndian,
  storeLimbs,
} from "./limbs.ts";
import { loadElement, moveBy } from "./point.ts";
import { multiplyModuloOrder, negateModuloOrder, splitScalar } from "./scalar.ts";

/** A cube root of 1 modulo p: λ·(x, y) = (β·x, y). */
const BETA = 0x7ae96a2b657c07106e64479eac3434e99cf0497512f58995c1396c28719501een;

/** The functions that recovery is put together from. */
export type RecoverParts = {
  /** (address of r, parity) puts R into its place; answers 0 when there is no such point. */
  readonly lift: FunctionIndex;
  /** (address of the hash, address of r‖s) writes the digits. */
  readonly writeDigits: FunctionIndex;
  /** (point, table, count). */
  readonly oddMultiples: FunctionIndex;
  /** () makes the second table of R from the first. */
  readonly turnTable: FunctionIndex;
  /** () adds up by digits into the accumulator. */
  readonly multiply: FunctionIndex;
  /** (address) writes the accumulator's affine form; answers 0 for infinity. */
  readonly writeResult: FunctionIndex;
};

/** Parameters: hash, r‖s, parity, result (addresses but the parity); answers 1, or 0 when no key fits. */
export function emitRecover(f: FunctionEmitter, base: Local, parts: RecoverParts): void {
  const [hash, signature, parity, result] = f.params as [Local, Local, Local, Local];
  f.get(signature);
  f.get(parity);
  f.call(parts.lift);
  f.op(I32.eqz);
  f.if(() => {
    f.i32Const(0);
    f.op(CONTROL.return);
  });
  f.get(hash);
  f.get(signature);
  f.call(parts.writeDigits);
  pushAddress(f, base, OFFSET.point);
  pushAddress(f, base, OFFSET.keyTable);
  f.i32Const(KEY_TABLE_COUNT);
  f.call(parts.oddMultiples);
  f.call(parts.turnTable);
  f.call(parts.multiply);
  f.get(result);
  f.call(parts.writeResult);
}

/** Parameters: address of r, parity. y is r³ + 7 to the power (p + 1)/4, if that is a root at all. */
export function emitLift(f: FunctionEmitter, base: Local): void {
  const [address, parity] = f.params as [Local, Local];
  const x = loadBigEndian(f, address, 0, 4);
  const yy = add(f, multiply(f, square(f, x), x), constantLimbs(7n, 4));
  const y = squareRoot(f, yy);
  pushIsZeroElement(f, subtract(f, square(f, y), yy));
  f.op(I32.eqz);
  f.if(() => {
    f.i32Const(0);
    f.op(CONTROL.return);
  });
  const root = normalize(f, y);
  f.get(root[0]!);
  f.op(I32.wrapI64);
  f.i32Const(1);
  f.op(I32.and);
  f.get(parity);
  f.op(I32.ne);
  f.if(() => assignLimbs(f, root, negate(f, root)));
  storeLimbs(f, base, OFFSET.point, x);
  storeLimbs(f, base, OFFSET.point + ELEMENT_SIZE_BYTES, root);
  f.i32Const(1);
}

// The exponent is 223 ones, a zero, 22 ones, 0000 11 00 in binary: runs of ones are put together from shorter ones.
function squareRoot(f: FunctionEmitter, a: readonly Local[]): Local[] {
  const runs = new Map<number, readonly Local[]>([[1, a]]);
  const join = (left: number, right: number) => {
    const joined = f.locals("i64", 4);
    assignLimbs(f, joined, runs.get(left)!);
    squareTimes(f, joined, right);
    const run = multiply(f, joined, runs.get(right)!);
    runs.set(left + right, run);
    return run;
  };
  for (const [left, right] of [
    [1, 1],
    [2, 1],
    [3, 3],
    [6, 3],
    [9, 2],
    [11, 11],
    [22, 22],
    [44, 44],
    [88, 88],
    [176, 44],
    [220, 3],
  ] as const) {
    join(left, right);
  }
  const root = f.locals("i64", 4);
  assignLimbs(f, root, runs.get(223)!);
  squareTimes(f, root, 23);
  assignLimbs(f, root, multiply(f, root, runs.get(22)!));
  squareTimes(f, root, 6);
  assignLimbs(f, root, multiply(f, root, runs.get(2)!));
  squareTimes(f, root, 2);
  return root;
}

/** What writing the digits needs. */
export type DigitFunctions = {
  /** (low, high, sign, address, width) writes the digits of one half. */
  readonly writeHalf: FunctionIndex;
  /** (target, source) inverts modulo n. */
  readonly invertScalar: FunctionIndex;
};

/** Parameters: address of the hash, address of r‖s. */
export function emitWriteDigits(f: FunctionEmitter, base: Local, functions: DigitFunctions): void {
  const [hash, signature] = f.params as [Local, Local];
  pushAddress(f, base, OFFSET.digits);
  f.i32Const(0);
  f.i32Const(DIGITS_SIZE_BYTES * (HALF_SCALAR_BITS + 1));
  f.memoryFill();
  // The accumulator's room is free until the sum begins.
  storeLimbs(f, base, OFFSET.accumulator, loadBigEndian(f, signature, 0, 4));
  pushAddress(f, base, OFFSET.accumulator);
  pushAddress(f, base, OFFSET.accumulator);
  f.call(functions.invertScalar);
  const inverse = loadElement(f, base, OFFSET.accumulator);
  const u1 = negateModuloOrder(f, multiplyModuloOrder(f, loadBigEndian(f, hash, 0, 4), inverse));
  const u2 = multiplyModuloOrder(f, loadBigEndian(f, signature, 32, 4), inverse);
  const { first, second } = splitScalar(f, u2);
  const write = (slot: number, limbs: readonly Local[], sign: Local | null, width: number) => {
    for (const limb of limbs) f.get(limb);
    if (sign === null) f.i64Const(0);
    else f.get(sign);
    pushAddress(f, base, OFFSET.digits + 2 * slot);
    f.i64Const(width);
    f.call(functions.writeHalf);
  };
  write(0, first.limbs, first.sign, KEY_WINDOW_BITS);
  write(1, second.limbs, second.sign, KEY_WINDOW_BITS);
  write(2, u1.slice(0, 2), null, BASE_WINDOW_BITS);
  write(3, u1.slice(2, 4), null, BASE_WINDOW_BITS);
}

/** Makes the table of λ·R from that of R. */
export function emitTurnTable(f: FunctionEmitter, base: Local): void {
  const beta = constantLimbs(BETA, 4);
  const cursor = f.local("i32");
  const end = f.local("i32");
  pushAddress(f, base, OFFSET.keyTable);
  f.set(cursor);
  pushAddress(f, base, OFFSET.turnedKeyTable);
  f.set(end);
  const distance = OFFSET.turnedKeyTable - OFFSET.keyTable;
  f.loop((again) => {
    storeLimbs(f, cursor, distance, multiply(f, loadElement(f, cursor, 0), beta));
    const y = loadElement(f, cursor, ELEMENT_SIZE_BYTES);
    storeLimbs(f, cursor, distance + ELEMENT_SIZE_BYTES, y);
    moveBy(f, cursor, AFFINE_SIZE_BYTES, I32.add);
    f.get(cursor);
    f.get(end);
    f.op(I32.ltU);
    f.brIf(again);
  });
}

/** What the sum by digits calls. */
export type SumFunctions = {
  /** (point) doubles in place. */
  readonly double: FunctionIndex;
  /** (sum, point, sign) adds a point of the tables of R. */
  readonly addKeyPoint: FunctionIndex;
  /** (sum, point, sign) adds a point of the tables of G. */
  readonly addBasePoint: FunctionIndex;
};

/** The sum by digits, from the highest bit down. */
export function emitMultiply(f: FunctionEmitter, base: Local, functions: SumFunctions): void {
  const sum = f.local("i32");
  const digits = f.local("i32");
  pushAddress(f, base, OFFSET.accumulator);
  f.set(sum);
  storeLimbs(f, sum, 2 * ELEMENT_SIZE_BYTES, constantLimbs(0n, 4));
  pushAddress(f, base, DIGITS_SIZE_BYTES * HALF_SCALAR_BITS);
  f.set(digits);
  f.loop((again) => {
    f.get(sum);
    f.call(functions.double);
    f.get(digits);
    f.memory(I64.load, OFFSET.digits);
    f.op(I64.eqz);
    f.op(I32.eqz);
    f.if(() => {
      emitDigit(f, { base, sum, digits, slot: 0, table: OFFSET.keyTable, add: functions.addKeyPoint });
      emitDigit(f, { base, sum, digits, slot: 1, table: OFFSET.turnedKeyTable, add: functions.addKeyPoint });
      emitDigit(f, { base, sum, digits, slot: 2, table: OFFSET.baseTable, add: functions.addBasePoint });
      emitDigit(f, { base, sum, digits, slot: 3, table: OFFSET.shiftedBaseTable, add: functions.addBasePoint });
    });
    f.get(digits);
    f.get(base);
    f.op(I32.ne);
    f.if(() => {
      moveBy(f, digits, DIGITS_SIZE_BYTES, I32.sub);
      f.br(again);
    });
  });
}

// Adds or subtracts the point that a digit names, if it is not zero.
function emitDigit(
  f: FunctionEmitter,
  at: { base: Local; sum: Local; digits: Local; slot: number; table: number; add: FunctionIndex },
): void {
  const digit = f.local("i32");
  const sign = f.local("i32");
  f.get(at.digits);
  f.memory(I32.load16S, OFFSET.digits + 2 * at.slot);
  f.tee(digit);
  f.if(() => {
    f.get(digit);
    f.i32Const(31);
    f.op(I32.shrS);
    f.set(sign);
    f.get(at.sum);
    // The odd size over 2, rounded down, is the index.
    f.get(digit);
    f.get(sign);
    f.op(I32.xor);
    f.get(sign);
    f.op(I32.sub);
    f.i32Const(1);
    f.op(I32.shrU);
    f.i32Const(AFFINE_SIZE_BYTES);
    f.op(I32.mul);
    pushAddress(f, at.base, at.table);
    f.op(I32.add);
    f.get(sign);
    f.op(I64.extendI32S);
    f.call(at.add);
  });
}

/** Parameter: the address that receives x‖y. The accumulator's z stands for itself times the common one. */
export function emitWriteResult(f: FunctionEmitter, base: Local, invertElement: FunctionIndex): void {
  const result = f.param(0);
  const z = loadElement(f, base, OFFSET.accumulator + 2 * ELEMENT_SIZE_BYTES);
  pushIsZero(f, z);
  f.if(() => {
    f.i32Const(0);
    f.op(CONTROL.return);
  });
  storeLimbs(f, base, OFFSET.commonZ, multiply(f, z, loadElement(f, base, OFFSET.commonZ)));
  pushAddress(f, base, OFFSET.commonZ);
  pushAddress(f, base, OFFSET.commonZ);
  f.call(invertElement);
  const inverse = loadElement(f, base, OFFSET.commonZ);
  const squared = square(f, inverse);
  const x = multiply(f, loadElement(f, base, OFFSET.accumulator), squared);
  const cubed = multiply(f, squared, inverse);
  const y = multiply(f, loadElement(f, base, OFFSET.accumulator + ELEMENT_SIZE_BYTES), cubed);
  storeBigEndian(f, result, 0, normalize(f, x));
  storeBigEndian(f, result, ELEMENT_SIZE_BYTES, normalize(f, y));
  f.i32Const(1);
}
