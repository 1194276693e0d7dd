// The Banderwagon group with integers, as its definition reads: the slow second opinion on the kernel.

import { bigintFromBytes, bigintToBytes, concatBytes } from "#base/bytes.ts";

/** The coordinates' prime. */
export const P = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;
/** The group's order. */
export const ORDER = 0x1cfb69d4ca675f520cce760202687600ff8f87007419047174fd06b52876e7e1n;
const A = P - 5n;
const D = 45022363124591815672509500913686876175488063829319466900776701791074614335719n;

/** A point with a common denominator: x = X/Z, y = Y/Z, T = XY/Z. */
export type Point = { readonly X: bigint; readonly Y: bigint; readonly Z: bigint; readonly T: bigint };

/** The neutral element. */
export const NEUTRAL: Point = { X: 0n, Y: 1n, Z: 1n, T: 0n };

export function mod(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus;
  return rest < 0n ? rest + modulus : rest;
}

export function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = mod(base, modulus);
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

export function invert(value: bigint, modulus: bigint): bigint {
  return power(value, modulus - 2n, modulus);
}

export function isSquare(value: bigint): boolean {
  return power(value, (P - 1n) / 2n, P) === 1n;
}

export function fromAffine(x: bigint, y: bigint): Point {
  return { X: x, Y: y, Z: 1n, T: mod(x * y, P) };
}

/** Complete on the group. */
export function add(p: Point, q: Point): Point {
  const a = mod(p.X * q.X, P);
  const b = mod(p.Y * q.Y, P);
  const c = mod(D * p.T * q.T, P);
  const d = mod(p.Z * q.Z, P);
  const e = mod((p.X + p.Y) * (q.X + q.Y) - a - b, P);
  const [f, g, h] = [mod(d - c, P), mod(d + c, P), mod(b - A * a, P)];
  return { X: mod(e * f, P), Y: mod(g * h, P), T: mod(e * h, P), Z: mod(f * g, P) };
}

export function multiply(p: Point, scalar: bigint): Point {
  let sum = NEUTRAL;
  for (const bit of scalar.toString(2)) {
    sum = add(sum, sum);
    if (bit === "1") sum = add(sum, p);
  }
  return sum;
}

export function affine({ X, Y, Z }: Point): { x: bigint; y: bigint } {
  const inverse = invert(Z, P);
  return { x: mod(X * inverse, P), y: mod(Y * inverse, P) };
}

/** x and y little-endian, the larger of y and -y. */
export function toPlain(point: Point): Uint8Array {
  const { x, y } = affine(point);
  const isPositive = y > P - y;
  return concatBytes(littleEndian(isPositive ? x : mod(-x, P)), littleEndian(isPositive ? y : mod(-y, P)));
}

export function toScalar(point: Point): bigint {
  const { x, y } = affine(point);
  return mod(x * invert(y, P), P) % ORDER;
}

/** A point from its big-endian x, or null: straight from the definition, a root by Tonelli and Shanks. */
export function decompress(bytes: Uint8Array): Point | null {
  const x = bigintFromBytes(bytes);
  if (x >= P) return null;
  const square = mod(x * x, P);
  const root = squareRoot(mod((A * square - 1n) * invert(D * square - 1n, P), P));
  if (root === null || !isSquare(mod(1n - A * square, P))) return null;
  return fromAffine(x, root > P - root ? root : P - root);
}

export function squareRoot(value: bigint): bigint | null {
  if (value === 0n || !isSquare(value)) return null;
  const odd = (P - 1n) >> 32n;
  let [order, generator] = [32, power(5n, odd, P)];
  let [root, rest] = [power(value, (odd + 1n) / 2n, P), power(value, odd, P)];
  while (rest !== 1n) {
    let i = 0;
    for (let t = rest; t !== 1n; t = (t * t) % P) i++;
    const step = power(generator, 1n << BigInt(order - i - 1), P);
    [order, generator] = [i, (step * step) % P];
    [root, rest] = [(root * step) % P, (rest * generator) % P];
  }
  return root;
}

export function littleEndian(value: bigint): Uint8Array {
  return bigintToBytes(value, 32).reverse();
}

export function fromLittleEndian(bytes: Uint8Array): bigint {
  return bigintFromBytes(bytes.slice().reverse());
}
