// What the instructions mean, in BigInt: the oracle of the word tests.

import { MODULUS } from "./word-cases.ts";

const unsigned = (value: bigint) => BigInt.asUintN(256, value);
const signed = (value: bigint) => BigInt.asIntN(256, value);
const bit = (value: boolean) => (value ? 1n : 0n);

/** Expected results by link name or lower-case opcode name. */
export const EXPECTED = {
  add: (a, b) => unsigned(a + b),
  sub: (a, b) => unsigned(a - b),
  mul: (a, b) => unsigned(a * b),
  div: (a, b) => (b === 0n ? 0n : a / b),
  mod: (a, b) => (b === 0n ? 0n : a % b),
  sdiv: (a, b) => (b === 0n ? 0n : unsigned(signed(a) / signed(b))),
  smod: (a, b) => (b === 0n ? 0n : unsigned(signed(a) % signed(b))),
  addmod: (a, b, m) => (m === 0n ? 0n : (a + b) % m),
  mulmod: (a, b, m) => (m === 0n ? 0n : (a * b) % m),
  exp: (base, exponent) => power(base, exponent),
  lt: (a, b) => bit(a < b),
  gt: (a, b) => bit(a > b),
  slt: (a, b) => bit(signed(a) < signed(b)),
  sgt: (a, b) => bit(signed(a) > signed(b)),
  eq: (a, b) => bit(a === b),
  iszero: (a) => bit(a === 0n),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  not: (a) => MODULUS - 1n - a,
  byte: (index, value) => (index >= 32n ? 0n : (value >> (248n - 8n * index)) & 0xffn),
  shl: (shift, value) => (shift >= 256n ? 0n : unsigned(value << shift)),
  shr: (shift, value) => (shift >= 256n ? 0n : value >> shift),
  sar: (shift, value) => unsigned(signed(value) >> (shift >= 256n ? 256n : shift)),
  signextend: (byteNumber, value) =>
    byteNumber >= 31n ? value : unsigned(BigInt.asIntN(8 * (Number(byteNumber) + 1), value)),
  clz: (a) => (a === 0n ? 256n : BigInt(256 - a.toString(2).length)),
} as const satisfies Record<string, (...operands: bigint[]) => bigint>;

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = base;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = unsigned(result * square);
    square = unsigned(square * square);
  }
  return result;
}
