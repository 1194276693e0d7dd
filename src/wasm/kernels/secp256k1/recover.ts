// Recovery of a signer's key: lifting r to the point R, the multipliers u1 = −z/r and u2 = s/r, and u1·G + u2·R by
// interleaved digits. Each part is a function of its own, so that the optimizing tier takes all of them.

import { must } from "#base/assert.ts";
import type { FunctionEmitter, FunctionIndex, Local } from "../../function-emitter.ts";
import { CONTROL, I32, I64 } from "../../opcodes.ts";
import {
  assignLimbs,
  constantLimbs,
  loadBigEndian,
  pushAddress,
  pushIsZero,
  storeBigEndian,
  storeLimbs,
} from "../limbs.ts";
import { add, negate, normalize, pushIsZeroElement, subtract } from "./field.ts";
import { type FieldCalls, load, type Place, scratchPlace, store } from "./field-calls.ts";
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
import { callKeyAddition, emitScale, loadElement, localAddress, moveBy } from "./point.ts";
import { negateModuloOrder, splitScalar } from "./scalar.ts";

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
export function emitLift(f: FunctionEmitter, base: Local, field: FieldCalls): void {
  const [address, parity] = f.params as [Local, Local];
  const element = (index: number) => scratchPlace(base, index);
  const x = { address: base, offset: OFFSET.point };
  const yy = element(0);
  store(f, x, loadBigEndian(f, address, 0, 4));
  field.square(f, yy, x);
  field.multiply(f, yy, yy, x);
  store(f, yy, add(f, load(f, yy), constantLimbs(7n, 4)));
  const y = emitSquareRoot(f, element, field);
  const root = normalize(f, load(f, y));
  field.square(f, y, y);
  pushIsZeroElement(f, subtract(f, load(f, y), load(f, yy)));
  f.op(I32.eqz);
  f.if(() => {
    f.i32Const(0);
    f.op(CONTROL.return);
  });
  f.get(root[0]!);
  f.op(I32.wrapI64);
  f.i32Const(1);
  f.op(I32.and);
  f.get(parity);
  f.op(I32.ne);
  f.if(() => assignLimbs(f, root, negate(f, root)));
  storeLimbs(f, base, OFFSET.point + ELEMENT_SIZE_BYTES, root);
  f.i32Const(1);
}

// The exponent is 223 ones, a zero, 22 ones, 0000 11 00 in binary: runs of ones are put together from shorter ones.
// Element 0 to that power; the result is in the place of the last run.
function emitSquareRoot(f: FunctionEmitter, element: (index: number) => Place, field: FieldCalls): Place {
  const runs = new Map<number, Place>([[1, element(0)]]);
  const run = (length: number) => must(runs.get(length), `no run of ${length}`);
  for (const [left, right] of RUNS) {
    const joined = element(runs.size);
    field.squareTimes(f, joined, run(left), right);
    field.multiply(f, joined, joined, run(right));
    runs.set(left + right, joined);
  }
  const root = run(223);
  field.squareTimes(f, root, root, 23);
  field.multiply(f, root, root, run(22));
  field.squareTimes(f, root, root, 6);
  field.multiply(f, root, root, run(2));
  field.squareTimes(f, root, root, 2);
  return root;
}

const RUNS: readonly (readonly [left: number, right: number])[] = [
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
];

/** What writing the digits needs. */
export type DigitFunctions = {
  /** (low, high, sign, address, width) writes the digits of one half. */
  readonly writeHalf: FunctionIndex;
  /** (target, source) inverts modulo n. */
  readonly invertScalar: FunctionIndex;
  /** (target, a, b) multiplies modulo n. */
  readonly multiplyScalars: FunctionIndex;
};

/** Parameters: address of the hash, address of r‖s. */
export function emitWriteDigits(f: FunctionEmitter, base: Local, functions: DigitFunctions): void {
  const [hash, signature] = f.params as [Local, Local];
  pushAddress(f, base, OFFSET.digits);
  f.i32Const(0);
  f.i32Const(DIGITS_SIZE_BYTES * (HALF_SCALAR_BITS + 1));
  f.memoryFill();
  const [r, z, s] = [0, 1, 2].map((index) => scratchPlace(base, index)) as [Place, Place, Place];
  store(f, r, loadBigEndian(f, signature, 0, 4));
  store(f, z, loadBigEndian(f, hash, 0, 4));
  store(f, s, loadBigEndian(f, signature, 32, 4));
  const call = (target: FunctionIndex, ...places: Place[]) => {
    for (const { address, offset } of places) pushAddress(f, address, offset);
    f.call(target);
  };
  call(functions.invertScalar, r, r);
  call(functions.multiplyScalars, z, z, r);
  call(functions.multiplyScalars, s, s, r);
  const u1 = negateModuloOrder(f, load(f, z));
  const { first, second } = splitScalar(f, load(f, s));
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
export function emitTurnTable(f: FunctionEmitter, base: Local, field: FieldCalls): void {
  const cursor = localAddress(f, base, OFFSET.keyTable);
  const end = localAddress(f, base, OFFSET.turnedKeyTable);
  const distance = OFFSET.turnedKeyTable - OFFSET.keyTable;
  const beta = scratchPlace(base, 0);
  store(f, beta, constantLimbs(BETA, 4));
  f.loop((again) => {
    field.multiply(f, { address: cursor, offset: distance }, { address: cursor, offset: 0 }, beta);
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
  /** (sum, point, sign, z) adds a point of the tables of R. */
  readonly addition: FunctionIndex;
  /** (sum, point, sign) adds a point of the tables of G. */
  readonly baseAddition: FunctionIndex;
};

/** The sum by digits, from the highest bit down. */
export function emitMultiply(f: FunctionEmitter, base: Local, functions: SumFunctions): void {
  const sum = localAddress(f, base, OFFSET.accumulator);
  const digits = localAddress(f, base, DIGITS_SIZE_BYTES * HALF_SCALAR_BITS);
  const addKeyPoint = (point: Local, sign: Local) => callKeyAddition(f, functions.addition, sum, point, sign);
  const addBasePoint = (point: Local, sign: Local) => {
    for (const argument of [sum, point, sign]) f.get(argument);
    f.call(functions.baseAddition);
  };
  storeLimbs(f, sum, 2 * ELEMENT_SIZE_BYTES, constantLimbs(0n, 4));
  f.loop((again) => {
    f.get(sum);
    f.call(functions.double);
    f.get(digits);
    f.memory(I64.load, OFFSET.digits);
    f.op(I64.eqz);
    f.op(I32.eqz);
    f.if(() => {
      emitDigit(f, { base, digits, slot: 0, table: OFFSET.keyTable, add: addKeyPoint });
      emitDigit(f, { base, digits, slot: 1, table: OFFSET.turnedKeyTable, add: addKeyPoint });
      emitDigit(f, { base, digits, slot: 2, table: OFFSET.baseTable, add: addBasePoint });
      emitDigit(f, { base, digits, slot: 3, table: OFFSET.shiftedBaseTable, add: addBasePoint });
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
  at: { base: Local; digits: Local; slot: number; table: number; add: (point: Local, sign: Local) => void },
): void {
  const digit = f.local("i64");
  const sign = f.local("i64");
  const point = f.local("i32");
  f.get(at.digits);
  f.memory(I64.load16S, OFFSET.digits + 2 * at.slot);
  f.tee(digit);
  f.op(I64.eqz);
  f.op(I32.eqz);
  f.if(() => {
    f.get(digit);
    f.i64Const(63);
    f.op(I64.shrS);
    f.set(sign);
    // The odd size over 2, rounded down, is the index.
    f.get(digit);
    f.get(sign);
    f.op(I64.xor);
    f.get(sign);
    f.op(I64.sub);
    f.op(I32.wrapI64);
    f.i32Const(1);
    f.op(I32.shrU);
    f.i32Const(AFFINE_SIZE_BYTES);
    f.op(I32.mul);
    pushAddress(f, at.base, at.table);
    f.op(I32.add);
    f.set(point);
    at.add(point, sign);
  });
}

/** What writing the result needs. */
export type ResultParts = {
  readonly field: FieldCalls;
  /** (target, source) inverts modulo p. */
  readonly invertElement: FunctionIndex;
};

/** Parameter: the address that receives x‖y. The accumulator's z stands for itself times the common one. */
export function emitWriteResult(f: FunctionEmitter, base: Local, { field, invertElement }: ResultParts): void {
  const result = f.param(0);
  const sum = localAddress(f, base, OFFSET.accumulator);
  const z = { address: sum, offset: 2 * ELEMENT_SIZE_BYTES };
  pushIsZero(f, loadElement(f, sum, z.offset));
  f.if(() => {
    f.i32Const(0);
    f.op(CONTROL.return);
  });
  field.multiply(f, z, z, { address: base, offset: OFFSET.commonZ });
  pushAddress(f, sum, z.offset);
  pushAddress(f, sum, z.offset);
  f.call(invertElement);
  emitScale(f, sum, z, { base, field });
  for (const offset of [0, ELEMENT_SIZE_BYTES]) {
    storeBigEndian(f, result, offset, normalize(f, loadElement(f, sum, offset)));
  }
  f.i32Const(1);
}
