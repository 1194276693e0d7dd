// Multi-word integers while a function is emitted: little-endian 64-bit limbs in locals or constants, carries by wide
// arithmetic. A carry through `add128` costs 4 instructions, through a comparison twice that.

import type { FunctionEmitter, Local } from "../function-emitter.ts";
import { I32, I64, type PlainOpcode } from "../opcodes.ts";

/** A limb: a local of type i64, or a constant. */
export type Limb = Local | bigint;
/** An integer of as many limbs as the array has, the least significant first. */
export type Limbs = readonly Limb[];

const LIMB_MASK = (1n << 64n) - 1n;

/** The limbs of a constant; negative values in two's complement. */
export function constantLimbs(value: bigint, count: number): bigint[] {
  return Array.from({ length: count }, (_, i) => (value >> BigInt(64 * i)) & LIMB_MASK);
}

/** Pushes a limb. */
export function pushLimb(f: FunctionEmitter, limb: Limb): void {
  if (typeof limb === "bigint") f.i64Const(limb);
  else f.get(limb);
}

/** Pushes a limb as the low half of a pair whose high half is zero. */
export function pushWide(f: FunctionEmitter, limb: Limb): void {
  pushLimb(f, limb);
  f.i64Const(0);
}

/** Loads `count` limbs from an address plus a constant offset into new locals. */
export function loadLimbs(f: FunctionEmitter, address: Local, offset: number, count: number): Local[] {
  return Array.from({ length: count }, (_, i) => {
    const limb = f.local("i64");
    f.get(address);
    f.memory(I64.load, offset + 8 * i);
    f.set(limb);
    return limb;
  });
}

/** Stores limbs at an address plus a constant offset. */
export function storeLimbs(f: FunctionEmitter, address: Local, offset: number, limbs: Limbs): void {
  limbs.forEach((limb, i) => {
    f.get(address);
    pushLimb(f, limb);
    f.memory(I64.store, offset + 8 * i);
  });
}

/** Copies limbs into locals: for variables of a loop. */
export function assignLimbs(f: FunctionEmitter, target: readonly Local[], source: Limbs): void {
  target.forEach((limb, i) => {
    pushLimb(f, source[i]!);
    f.set(limb);
  });
}

/** Loads a big-endian integer of `count` limbs. */
export function loadBigEndian(f: FunctionEmitter, address: Local, offset: number, count: number): Local[] {
  const limbs = loadLimbs(f, address, offset, count).reverse();
  for (const limb of limbs) reverseBytes(f, limb);
  return limbs;
}

/** Stores an integer big-endian; the limbs are lost. */
export function storeBigEndian(f: FunctionEmitter, address: Local, offset: number, limbs: readonly Local[]): void {
  for (const limb of limbs) reverseBytes(f, limb);
  storeLimbs(f, address, offset, [...limbs].reverse());
}

/** a + b modulo 2^(64·count), where b may be shorter. */
export function addLimbs(f: FunctionEmitter, a: Limbs, b: Limbs, count = a.length): Local[] {
  return chainLimbs(f, { a, b, count, negate: false }).limbs;
}

/** a − b modulo 2^(64·count). */
export function subtractLimbs(f: FunctionEmitter, a: Limbs, b: Limbs, count = a.length): Local[] {
  return chainLimbs(f, { a, b, count, negate: true }).limbs;
}

/** a − b, and a local that is −1 when it borrowed, else 0. */
export function subtractWithBorrow(f: FunctionEmitter, a: Limbs, b: Limbs): { limbs: Local[]; borrow: Local } {
  const { limbs, carry } = chainLimbs(f, { a, b, count: a.length, negate: true });
  return { limbs, borrow: carry };
}

/** a + b, and a local with the carry, 0 or 1. */
export function addWithCarry(f: FunctionEmitter, a: Limbs, b: Limbs): { limbs: Local[]; carry: Local } {
  return chainLimbs(f, { a, b, count: a.length, negate: false });
}

/** Two numbers limb by limb: what `emitChain` does. */
export type LimbChain = {
  readonly result: readonly Local[];
  /** Receives what leaves the highest limb: 0 or 1 of a sum, 0 or −1 of a difference. */
  readonly carry: Local;
  readonly pushA: (limb: number) => void;
  readonly pushB: (limb: number) => void;
  /** Limbs that b has, where they are fewer than the result's. */
  readonly countB?: number;
  readonly negate: boolean;
};

/** result = a ± b. The carry is the high half of a 128-bit sum: when subtracting it is added back as a pair. */
export function emitChain(f: FunctionEmitter, chain: LimbChain): void {
  const { result, carry, pushA, pushB, countB = result.length, negate } = chain;
  result.forEach((limb, i) => {
    pushA(i);
    f.i64Const(0);
    if (i < countB) {
      pushB(i);
      f.i64Const(0);
      f.op(negate ? I64.sub128 : I64.add128);
    }
    if (i > 0) {
      f.get(carry);
      if (negate) f.get(carry);
      else f.i64Const(0);
      f.op(I64.add128);
    }
    setPair(f, limb, carry);
  });
}

/** a · b modulo 2^(64·count), schoolbook. */
export function multiplyLimbs(f: FunctionEmitter, a: Limbs, b: Limbs, count = a.length + b.length): Local[] {
  const product: Local[] = [];
  const carry = f.local("i64");
  a.forEach((left, i) => {
    const width = Math.min(b.length, count - i);
    if (width <= 0) return;
    for (let j = 0; j < width; j++) {
      pushLimb(f, left);
      pushLimb(f, b[j]!);
      f.op(I64.mulWideU);
      if (i > 0) addToPair(f, product[i + j]!);
      if (j > 0) addToPair(f, carry);
      if (i === 0) product.push(f.local("i64"));
      setPair(f, product[i + j]!, carry);
    }
    if (i + width < count) {
      product.push(f.local("i64"));
      f.get(carry);
      f.set(product[i + width]!);
    }
  });
  return product;
}

/** Adds a limb to the pair on the stack. */
export function addToPair(f: FunctionEmitter, limb: Limb): void {
  pushWide(f, limb);
  f.op(I64.add128);
}

/** Pops a pair into its halves. */
export function setPair(f: FunctionEmitter, low: Local, high: Local): void {
  f.set(high);
  f.set(low);
}

/** Replaces a pair of limbs by its sum or difference, by `opcode`, with the pair that `push` leaves. */
export function updatePair(
  f: FunctionEmitter,
  [low, high]: readonly [Local, Local],
  opcode: PlainOpcode,
  push: () => void,
): void {
  f.get(low);
  f.get(high);
  push();
  f.op(opcode);
  setPair(f, low, high);
}

/** Chooses limb by limb: `whenTrue` if the i32 condition that `condition` pushes is not zero. */
export function selectLimbs(f: FunctionEmitter, whenTrue: Limbs, whenFalse: Limbs, condition: () => void): Local[] {
  const isTrue = f.local("i32");
  condition();
  f.set(isTrue);
  const result = f.locals("i64", whenTrue.length);
  f.get(isTrue);
  f.if(
    () => assignLimbs(f, result, whenTrue),
    () => assignLimbs(f, result, whenFalse),
  );
  return result;
}

/** Pushes whether all limbs equal those of a constant. */
export function pushEquals(f: FunctionEmitter, limbs: Limbs, other: Limbs): void {
  limbs.forEach((limb, i) => {
    pushLimb(f, limb);
    pushLimb(f, other[i]!);
    f.op(I64.xor);
    if (i > 0) f.op(I64.or);
  });
  f.op(I64.eqz);
}

/** Pushes whether all limbs are zero. */
export function pushIsZero(f: FunctionEmitter, limbs: Limbs): void {
  limbs.forEach((limb, i) => {
    pushLimb(f, limb);
    if (i > 0) f.op(I64.or);
  });
  f.op(I64.eqz);
}

/** Pushes an i32 address: a local plus a constant. */
export function pushAddress(f: FunctionEmitter, base: Local, offset: number): void {
  f.get(base);
  if (offset === 0) return;
  f.i32Const(offset);
  f.op(I32.add);
}

type Chain = { a: Limbs; b: Limbs; count: number; negate: boolean };

function chainLimbs(f: FunctionEmitter, { a, b, count, negate }: Chain): { limbs: Local[]; carry: Local } {
  const carry = f.local("i64");
  const limbs = f.locals("i64", count);
  emitChain(f, {
    result: limbs,
    carry,
    pushA: (i) => pushLimb(f, a[i] ?? 0n),
    pushB: (i) => pushLimb(f, b[i]!),
    countB: b.length,
    negate,
  });
  return { limbs, carry };
}

/** Reverses the bytes of a limb in place: bytes by pairs, pairs by quarters, halves. */
export function reverseBytes(f: FunctionEmitter, limb: Local): void {
  for (const [shift, mask] of [
    [8, 0x00ff_00ff_00ff_00ffn],
    [16, 0x0000_ffff_0000_ffffn],
  ] as const) {
    f.get(limb);
    f.i64Const(mask);
    f.op(I64.and);
    f.i64Const(shift);
    f.op(I64.shl);
    f.get(limb);
    f.i64Const(shift);
    f.op(I64.shrU);
    f.i64Const(mask);
    f.op(I64.and);
    f.op(I64.or);
    f.set(limb);
  }
  f.get(limb);
  f.i64Const(32);
  f.op(I64.rotl);
  f.set(limb);
}
