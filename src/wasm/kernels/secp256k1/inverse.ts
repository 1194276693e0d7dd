// Inversion modulo an odd prime by division steps of Bernstein and Yang: 62 steps at a time on the lowest words give a
// 2×2 matrix, which is then applied to the whole numbers. Numbers are five limbs of 62 bits; all but the highest of a
// changing number are in [0, 2^62), the highest carries the sign. About 1.2 µs; a power by Fermat takes 3.5. Variable
// time.
//
// Kept through the rounds, m the modulus and a the input: f = d·a, g = e·a modulo m, from f = m, d = 0, g = a, e = 1
// until g = 0; then f is 1 or −1.
//
// @see https://gcd.cr.yp.to/safegcd-20190413.pdf

import type { FunctionEmitter, Local } from "../../function-emitter.ts";
import { CONTROL, I64 } from "../../opcodes.ts";
import { addLimbs, assignLimbs, constantLimbs, type Limb, type Limbs, pushLimb, subtractLimbs } from "./limbs.ts";

const LIMB_BITS = 62;
const LIMB_COUNT = 5;
const LIMB_MASK = (1n << 62n) - 1n;

type Matrix = { readonly u: Local; readonly v: Local; readonly q: Local; readonly r: Local };

/** The inverse of a modulo an odd prime, below it; 4 limbs. For a = 0 the result is 0. */
export function invert(f: FunctionEmitter, a: Limbs, modulus: bigint): Local[] {
  const m = centeredLimbs(modulus);
  const left = f.locals("i64", LIMB_COUNT);
  const right = f.locals("i64", LIMB_COUNT);
  const d = f.locals("i64", LIMB_COUNT);
  const e = f.locals("i64", LIMB_COUNT);
  const balance = f.local("i64");
  const matrix = { u: f.local("i64"), v: f.local("i64"), q: f.local("i64"), r: f.local("i64") };
  assignLimbs(f, left, m);
  splitLimbs(f, right, a);
  assignLimbs(f, d, [0n, 0n, 0n, 0n, 0n]);
  assignLimbs(f, e, [1n, 0n, 0n, 0n, 0n]);
  f.i64Const(-1);
  f.set(balance);
  f.loop((again) => {
    takeSteps(f, { left: left[0]!, right: right[0]!, balance, matrix });
    applyModular(f, { d, e, matrix, m, modulus });
    apply(f, left, right, matrix);
    right.forEach((limb, i) => {
      f.get(limb);
      if (i > 0) f.op(I64.or);
    });
    f.i64Const(0);
    f.op(I64.ne);
    f.brIf(again);
  });
  return finish(f, d, left[4]!, modulus);
}

// Digits of the modulus in [−2^61, 2^61): for p all but two are zero, and cost nothing.
function centeredLimbs(modulus: bigint): bigint[] {
  const limbs: bigint[] = [];
  let rest = modulus;
  for (let i = 0; i < LIMB_COUNT; i++) {
    const limb = i < LIMB_COUNT - 1 ? BigInt.asIntN(LIMB_BITS, rest) : rest;
    limbs.push(limb);
    rest = (rest - limb) >> BigInt(LIMB_BITS);
  }
  return limbs;
}

// 4 limbs of 64 bits to 5 of 62.
function splitLimbs(f: FunctionEmitter, target: readonly Local[], a: Limbs): void {
  for (let i = 0; i < LIMB_COUNT; i++) {
    if (i < 4) {
      pushLimb(f, a[i]!);
      f.i64Const(2 * i);
      f.op(I64.shl);
    }
    if (i > 0) {
      pushLimb(f, a[i - 1]!);
      f.i64Const(64 - 2 * i);
      f.op(I64.shrU);
      if (i < 4) f.op(I64.or);
    }
    f.i64Const(LIMB_MASK);
    f.op(I64.and);
    f.set(target[i]!);
  }
}

// 62 division steps on the lowest words. `balance` is the paper's −δ: below zero the two change places.
function takeSteps(f: FunctionEmitter, at: { left: Local; right: Local; balance: Local; matrix: Matrix }): void {
  const { balance, matrix } = at;
  const { u, v, q, r } = matrix;
  const [low, high, stepsLeft, zeros, factor] = f.locals("i64", 5) as [Local, Local, Local, Local, Local];
  const steps = { low, high, stepsLeft, zeros, factor };
  assignLimbs(f, [u, v, q, r, low, high, stepsLeft], [1n, 0n, 0n, 1n, at.left, at.right, BigInt(LIMB_BITS)]);
  f.block((done) => {
    f.loop((again) => {
      // All even steps at once; the bit at `stepsLeft` stops the count.
      f.get(high);
      f.i64Const(-1);
      f.get(stepsLeft);
      f.op(I64.shl);
      f.op(I64.or);
      f.op(I64.ctz);
      f.set(zeros);
      shiftBy(f, high, zeros, I64.shrU);
      shiftBy(f, u, zeros, I64.shl);
      shiftBy(f, v, zeros, I64.shl);
      shiftBy(f, balance, zeros, I64.sub);
      shiftBy(f, stepsLeft, zeros, I64.sub);
      f.get(stepsLeft);
      f.op(I64.eqz);
      f.brIf(done);
      f.get(balance);
      f.i64Const(0);
      f.op(I64.ltS);
      f.if(() => {
        negateInPlace(f, balance);
        for (const [first, second] of [
          [low, high],
          [u, q],
          [v, r],
        ] as const) {
          f.get(first);
          f.get(second);
          f.set(first);
          f.set(second);
          negateInPlace(f, second);
        }
      });
      cancelLowBits(f, steps, balance, matrix);
      f.br(again);
    });
  });
}

// Adds the multiple of the odd one that clears the next bits of the other: up to 6, as many as neither the steps left
// nor the next exchange limit. low·(low² − 2) is −1/low modulo 2^6.
function cancelLowBits(
  f: FunctionEmitter,
  steps: { low: Local; high: Local; stepsLeft: Local; factor: Local },
  balance: Local,
  matrix: Matrix,
): void {
  const { low, high, stepsLeft, factor } = steps;
  f.get(low);
  f.get(low);
  f.op(I64.mul);
  f.i64Const(2);
  f.op(I64.sub);
  f.get(low);
  f.op(I64.mul);
  f.get(high);
  f.op(I64.mul);
  // The mask of min(balance + 1, stepsLeft) bits, of 6 at most.
  f.i64Const(-1);
  f.i64Const(64);
  f.get(balance);
  f.i64Const(1);
  f.op(I64.add);
  f.tee(factor);
  f.get(stepsLeft);
  f.get(factor);
  f.get(stepsLeft);
  f.op(I64.ltS);
  f.op(CONTROL.select);
  f.op(I64.sub);
  f.op(I64.shrU);
  f.op(I64.and);
  f.i64Const(63);
  f.op(I64.and);
  f.set(factor);
  for (const [target, source] of [
    [high, low],
    [matrix.q, matrix.u],
    [matrix.r, matrix.v],
  ] as const) {
    f.get(target);
    f.get(source);
    f.get(factor);
    f.op(I64.mul);
    f.op(I64.add);
    f.set(target);
  }
}

// (left, right) = matrix · (left, right) / 2^62, exact.
function apply(f: FunctionEmitter, left: readonly Local[], right: readonly Local[], matrix: Matrix): void {
  const rows = [
    { sum: f.locals("i64", 2), target: left, a: matrix.u, b: matrix.v },
    { sum: f.locals("i64", 2), target: right, a: matrix.q, b: matrix.r },
  ];
  for (let i = 0; i < LIMB_COUNT; i++) {
    for (const { sum, a, b } of rows) {
      pushProduct(f, a, left[i]!);
      addProduct(f, b, right[i]!);
      if (i > 0) addPair(f, sum);
      setPair(f, sum);
    }
    for (const { sum, target } of rows) shiftOut(f, sum, i > 0 ? target[i - 1]! : null);
  }
  for (const { sum, target } of rows) {
    f.get(sum[0]!);
    f.set(target[4]!);
  }
}

// The same for d and e modulo m: a multiple of m is added that makes the sums divisible by 2^62, and keeps both between
// −2m and m.
function applyModular(
  f: FunctionEmitter,
  at: { d: readonly Local[]; e: readonly Local[]; matrix: Matrix; m: readonly bigint[]; modulus: bigint },
): void {
  const { d, e, matrix, m } = at;
  const rows = [
    { sum: f.locals("i64", 2), multiple: f.local("i64"), target: d, a: matrix.u, b: matrix.v },
    { sum: f.locals("i64", 2), multiple: f.local("i64"), target: e, a: matrix.q, b: matrix.r },
  ];
  const inverse = inverseOfPowerOfTwo(at.modulus);
  for (const { multiple, a, b } of rows) {
    pushIfNegative(f, a, d[4]!);
    pushIfNegative(f, b, e[4]!);
    f.op(I64.add);
    f.set(multiple);
  }
  for (let i = 0; i < LIMB_COUNT; i++) {
    for (const { sum, multiple, a, b } of rows) {
      pushProduct(f, a, d[i]!);
      addProduct(f, b, e[i]!);
      if (i > 0) addPair(f, sum);
      setPair(f, sum);
      if (i === 0) chooseMultiple(f, sum[0]!, multiple, inverse);
      if (m[i] === 0n) continue;
      pushProduct(f, multiple, m[i]!);
      addPair(f, sum);
      setPair(f, sum);
    }
    for (const { sum, target } of rows) shiftOut(f, sum, i > 0 ? target[i - 1]! : null);
  }
  for (const { sum, target } of rows) {
    f.get(sum[0]!);
    f.set(target[4]!);
  }
}

// multiple −= (sum / m + multiple) modulo 2^62.
function chooseMultiple(f: FunctionEmitter, sum: Local, multiple: Local, inverse: bigint): void {
  f.get(multiple);
  f.get(sum);
  f.i64Const(inverse);
  f.op(I64.mul);
  f.get(multiple);
  f.op(I64.add);
  f.i64Const(LIMB_MASK);
  f.op(I64.and);
  f.op(I64.sub);
  f.set(multiple);
}

// d, between −2m and m, times the sign of f, brought into [0, m).
function finish(f: FunctionEmitter, d: readonly Local[], sign: Local, modulus: bigint): Local[] {
  const wide = joinLimbs(f, d);
  const m = constantLimbs(modulus, 5);
  addWhenNegative(f, wide, m, wide[4]!);
  f.get(sign);
  f.i64Const(0);
  f.op(I64.ltS);
  f.if(() => assignLimbs(f, wide, subtractLimbs(f, [0n, 0n, 0n, 0n, 0n], wide)));
  addWhenNegative(f, wide, m, wide[4]!);
  return wide.slice(0, 4);
}

function addWhenNegative(f: FunctionEmitter, wide: readonly Local[], m: Limbs, sign: Local): void {
  f.get(sign);
  f.i64Const(0);
  f.op(I64.ltS);
  f.if(() => assignLimbs(f, wide, addLimbs(f, wide, m)));
}

// 5 limbs of 62 bits to 5 of 64, in two's complement.
function joinLimbs(f: FunctionEmitter, limbs: readonly Local[]): Local[] {
  return limbs.map((limb, i) => {
    const joined = f.local("i64");
    f.get(limb);
    f.i64Const(2 * i);
    f.op(i < 4 ? I64.shrU : I64.shrS);
    if (i < 4) {
      f.get(limbs[i + 1]!);
      f.i64Const(62 - 2 * i);
      f.op(I64.shl);
      f.op(I64.or);
    }
    f.set(joined);
    return joined;
  });
}

function inverseOfPowerOfTwo(modulus: bigint): bigint {
  let inverse = 1n;
  for (let i = 0; i < 6; i++) inverse = BigInt.asUintN(LIMB_BITS, inverse * (2n - modulus * inverse));
  return inverse;
}

// Takes the lowest 62 bits of a pair out; they go to `target`, or are known to be zero.
function shiftOut(f: FunctionEmitter, sum: readonly Local[], target: Local | null): void {
  const [low, high] = sum as [Local, Local];
  if (target !== null) {
    f.get(low);
    f.i64Const(LIMB_MASK);
    f.op(I64.and);
    f.set(target);
  }
  f.get(low);
  f.i64Const(LIMB_BITS);
  f.op(I64.shrU);
  f.get(high);
  f.i64Const(64 - LIMB_BITS);
  f.op(I64.shl);
  f.op(I64.or);
  f.set(low);
  f.get(high);
  f.i64Const(LIMB_BITS);
  f.op(I64.shrS);
  f.set(high);
}

function pushProduct(f: FunctionEmitter, a: Local, b: Limb): void {
  f.get(a);
  pushLimb(f, b);
  f.op(I64.mulWideS);
}

function addProduct(f: FunctionEmitter, a: Local, b: Limb): void {
  pushProduct(f, a, b);
  f.op(I64.add128);
}

function addPair(f: FunctionEmitter, pair: readonly Local[]): void {
  f.get(pair[0]!);
  f.get(pair[1]!);
  f.op(I64.add128);
}

function setPair(f: FunctionEmitter, pair: readonly Local[]): void {
  f.set(pair[1]!);
  f.set(pair[0]!);
}

function pushIfNegative(f: FunctionEmitter, value: Local, sign: Local): void {
  f.get(value);
  f.get(sign);
  f.i64Const(63);
  f.op(I64.shrS);
  f.op(I64.and);
}

function negateInPlace(f: FunctionEmitter, value: Local): void {
  f.i64Const(0);
  f.get(value);
  f.op(I64.sub);
  f.set(value);
}

function shiftBy(f: FunctionEmitter, value: Local, amount: Local, opcode: (typeof I64)["shl"]): void {
  f.get(value);
  f.get(amount);
  f.op(opcode);
  f.set(value);
}
