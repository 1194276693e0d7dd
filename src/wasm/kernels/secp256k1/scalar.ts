// Arithmetic modulo the group order n while a function is emitted: products, the split of a scalar by the curve's
// endomorphism, and the digits of a scalar.
//
// The endomorphism λ·(x, y) = (β·x, y) writes k as k1 + k2·λ with both halves below 2^128 in size, so that a
// multiplication takes 128 doublings. (a1, b1) and (a2, b2) are short vectors with a + b·λ = 0 modulo n.
// @see Gallant, Lambert, Vanstone, "Faster point multiplication on elliptic curves with efficient endomorphisms" (2001)

import type { FunctionEmitter, Local } from "../../function-emitter.ts";
import { I32, I64 } from "../../opcodes.ts";
import {
  addLimbs,
  assignLimbs,
  constantLimbs,
  type Limbs,
  multiplyLimbs,
  pushIsZero,
  pushLimb,
  subtractLimbs,
  subtractWithBorrow,
  updatePair,
} from "../limbs.ts";

/** The order of the group. @see SEC 2, section 2.4.1 */
export const GROUP_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

const ORDER_LIMBS = constantLimbs(GROUP_ORDER, 4);
/** What 2^256 is modulo n: 129 bits. */
const ORDER_FOLD = constantLimbs(2n ** 256n - GROUP_ORDER, 3);

const A1 = 0x3086d221a7d46bcde86c90e49284eb15n;
const MINUS_B1 = 0xe4437ed6010e88286f547fa90abfe4c3n;
const A2 = A1 + MINUS_B1;
const B2 = A1;
const SPLIT_BITS = 384n;
const SPLIT_1 = (B2 * 2n ** SPLIT_BITS + GROUP_ORDER / 2n) / GROUP_ORDER;
const SPLIT_2 = (MINUS_B1 * 2n ** SPLIT_BITS + GROUP_ORDER / 2n) / GROUP_ORDER;

/** A number of at most 128 bits and its sign: −1 or 0. */
export type SignedHalf = { readonly limbs: readonly Local[]; readonly sign: Local };

/** a · b modulo n, below n. Both may be any 256-bit numbers. */
export function multiplyModuloOrder(f: FunctionEmitter, a: Limbs, b: Limbs): Local[] {
  let limbs: Limbs = multiplyLimbs(f, a, b);
  // 513 bits, then 386, 260, 257, and at last 256.
  for (const count of [7, 5, 5, 4]) {
    limbs = addLimbs(f, multiplyLimbs(f, limbs.slice(4), ORDER_FOLD, count), limbs.slice(0, 4), count);
  }
  const { limbs: less, borrow } = subtractWithBorrow(f, limbs, ORDER_LIMBS);
  f.get(borrow);
  f.op(I64.eqz);
  const result = f.locals("i64", 4);
  f.if(
    () => assignLimbs(f, result, less),
    () => assignLimbs(f, result, limbs),
  );
  return result;
}

/** −a modulo n, for a below n. */
export function negateModuloOrder(f: FunctionEmitter, a: readonly Local[]): Local[] {
  const result = f.locals("i64", 4);
  pushIsZero(f, a);
  f.if(
    () => assignLimbs(f, result, a),
    () => assignLimbs(f, result, subtractLimbs(f, ORDER_LIMBS, a)),
  );
  return result;
}

/** Splits k below n into k1 + k2·λ. */
export function splitScalar(f: FunctionEmitter, k: Limbs): { first: SignedHalf; second: SignedHalf } {
  const c1 = roundedQuotient(f, k, SPLIT_1);
  const c2 = roundedQuotient(f, k, SPLIT_2);
  // The halves are small, so that 192 bits in two's complement hold them.
  const product = (c: Limbs, constant: bigint) => multiplyLimbs(f, c, constantLimbs(constant, 3), 3);
  const first = subtractLimbs(f, subtractLimbs(f, k.slice(0, 3), product(c1, A1)), product(c2, A2));
  const second = subtractLimbs(f, product(c1, MINUS_B1), product(c2, B2));
  return { first: takeSign(f, first), second: takeSign(f, second) };
}

/**
 * Writes the digits of a 128-bit number from an address on, one i16 every 8 bytes, the lowest first: odd, below
 * 2^(width−1) in size, and after each at least width − 1 zeros, which are not written. The number is lost. Positions go
 * up to 128.
 */
export function emitDigits(
  f: FunctionEmitter,
  at: { limbs: readonly [Local, Local]; sign: Local; address: Local; width: Local },
): void {
  const [low, high] = at.limbs;
  const digit = f.local("i64");
  const zeros = f.local("i64");
  f.block((done) => {
    f.loop((again) => {
      pushIsZero(f, [low, high]);
      f.brIf(done);
      f.get(low);
      f.op(I64.eqz);
      f.if(() => {
        assignLimbs(f, [low, high], [high, 0n]);
        advance(f, at.address, 64n);
      });
      f.get(low);
      f.op(I64.ctz);
      f.set(zeros);
      f.get(zeros);
      f.i64Const(0);
      f.op(I64.ne);
      f.if(() => shiftDown(f, low, high, zeros));
      advance(f, at.address, zeros);
      takeDigit(f, { ...at, digit });
      f.br(again);
    });
  });
}

// The lowest `width` bits as a signed digit, which goes out; what is left of the number moves down.
function takeDigit(
  f: FunctionEmitter,
  at: { limbs: readonly [Local, Local]; sign: Local; address: Local; width: Local; digit: Local },
): void {
  const { address, digit, sign, width } = at;
  const [low, high] = at.limbs;
  const unused = f.local("i64");
  f.i64Const(64);
  f.get(width);
  f.op(I64.sub);
  f.set(unused);
  f.get(low);
  f.get(unused);
  f.op(I64.shl);
  f.get(unused);
  f.op(I64.shrS);
  f.set(digit);
  f.get(address);
  f.get(digit);
  f.get(sign);
  f.op(I64.xor);
  f.get(sign);
  f.op(I64.sub);
  f.memory(I64.store16);
  shiftDown(f, low, high, width);
  // A negative digit borrowed one from above.
  updatePair(f, [low, high], I64.add128, () => {
    f.get(digit);
    f.i64Const(63);
    f.op(I64.shrU);
    f.i64Const(0);
  });
  advance(f, address, width);
}

// floor(k · factor / 2^384 + 1/2): 2 limbs.
function roundedQuotient(f: FunctionEmitter, k: Limbs, factor: bigint): Local[] {
  const product = multiplyLimbs(f, k, constantLimbs(factor, 4));
  const half = f.local("i64");
  f.get(product[5]!);
  f.i64Const(63);
  f.op(I64.shrU);
  f.set(half);
  return addLimbs(f, product.slice(6), [half]);
}

function takeSign(f: FunctionEmitter, wide: readonly Local[]): SignedHalf {
  const sign = f.local("i64");
  f.get(wide[2]!);
  f.i64Const(63);
  f.op(I64.shrS);
  f.set(sign);
  const flipped = wide.slice(0, 2).map((limb) => {
    const result = f.local("i64");
    f.get(limb);
    f.get(sign);
    f.op(I64.xor);
    f.set(result);
    return result;
  });
  return { limbs: subtractLimbs(f, flipped, [sign, sign]), sign };
}

// Moves a pair down by 1 to 63 bits.
function shiftDown(f: FunctionEmitter, low: Local, high: Local, bits: Local): void {
  f.get(low);
  f.get(bits);
  f.op(I64.shrU);
  f.get(high);
  f.i64Const(64);
  f.get(bits);
  f.op(I64.sub);
  f.op(I64.shl);
  f.op(I64.or);
  f.set(low);
  f.get(high);
  f.get(bits);
  f.op(I64.shrU);
  f.set(high);
}

// Moves an address by a number of digits.
function advance(f: FunctionEmitter, address: Local, digits: Local | bigint): void {
  f.get(address);
  pushLimb(f, digits);
  f.op(I32.wrapI64);
  f.i32Const(3);
  f.op(I32.shl);
  f.op(I32.add);
  f.set(address);
}
