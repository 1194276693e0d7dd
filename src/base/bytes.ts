// Small operations over byte arrays that every layer needs: compare, join, and integers in both byte orders.

/** The empty byte string, shared; nobody may resize it as it has no bytes to change. */
export const EMPTY_BYTES: Uint8Array = new Uint8Array(0);

/** Whether both byte strings have the same length and content. */
export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Lexicographic order: negative when `a` comes first, 0 when equal, positive when `b` comes first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Joins byte strings in order into a new one. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const joined = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Whether every byte is zero; true for the empty string. */
export function isZeroBytes(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** The bytes without leading zeroes: the minimal big-endian form of an integer. A view, not a copy. */
export function trimLeadingZeroes(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length && bytes[start] === 0) start++;
  return start === 0 ? bytes : bytes.subarray(start);
}

/** Big-endian bytes as an integer; the empty string is 0. */
export function bigintFromBytes(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = 0; i < bytes.length; i++) value = (value << 8n) | BigInt(bytes[i]!);
  return value;
}

/**
 * An unsigned integer as exactly `size` big-endian bytes.
 * @throws {RangeError} when the value is negative or does not fit
 */
export function bigintToBytes(value: bigint, size: number): Uint8Array {
  if (value < 0n) throw new RangeError(`negative integer: ${value}`);
  const bytes = new Uint8Array(size);
  let rest = value;
  for (let i = size - 1; i >= 0 && rest > 0n; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  if (rest > 0n) throw new RangeError(`${value} does not fit in ${size} bytes`);
  return bytes;
}

/** An unsigned integer as minimal big-endian bytes; 0 is the empty string, as RLP wants it. */
export function bigintToMinimalBytes(value: bigint): Uint8Array {
  if (value < 0n) throw new RangeError(`negative integer: ${value}`);
  if (value === 0n) return EMPTY_BYTES;
  const digits = value.toString(16);
  return bigintToBytes(value, (digits.length + 1) >> 1);
}

/** UTF-8 bytes of a string. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
