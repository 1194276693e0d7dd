// Lower-case hexadecimal with and without the 0x prefix, for every place where bytes meet text.

/** A `0x`-prefixed, lower-case hexadecimal string. */
export type Hex = `0x${string}`;

/**
 * Bytes as lower-case hex without a prefix; the key form of `Map`s over bytes.
 * The engine's own conversion: 58 ns for 32 bytes, a table of digits in TypeScript 700 ns.
 */
export function toBareHex(bytes: Uint8Array): string {
  return bytes.toHex();
}

/** Bytes as `0x`-prefixed lower-case hex: JSON-RPC "Data". */
export function toHex(bytes: Uint8Array): Hex {
  return `0x${toBareHex(bytes)}`;
}

/** A non-negative integer as minimal `0x` hex: JSON-RPC "Quantity". */
export function toQuantity(value: number | bigint): Hex {
  return `0x${value.toString(16)}`;
}

/**
 * Parses hex text, with or without `0x`, either case.
 * @returns the bytes, or null when the text has an odd length or a character that is not hexadecimal
 */
export function tryFromHex(text: string): Uint8Array | null {
  const start = text.startsWith("0x") || text.startsWith("0X") ? 2 : 0;
  const digitCount = text.length - start;
  if (digitCount % 2 !== 0) return null;
  const bytes = new Uint8Array(digitCount / 2);
  for (let i = 0; i < bytes.length; i++) {
    const high = hexDigit(text.charCodeAt(start + 2 * i));
    const low = hexDigit(text.charCodeAt(start + 2 * i + 1));
    if (high < 0 || low < 0) return null;
    bytes[i] = (high << 4) | low;
  }
  return bytes;
}

/**
 * Parses hex text that the program itself wrote.
 * @throws {SyntaxError} when the text is not hex
 */
export function fromHex(text: string): Uint8Array {
  const bytes = tryFromHex(text);
  if (bytes === null) throw new SyntaxError(`not a hexadecimal string: ${text.slice(0, 80)}`);
  return bytes;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 97 && code <= 102) return code - 87;
  if (code >= 65 && code <= 70) return code - 55;
  return -1;
}
