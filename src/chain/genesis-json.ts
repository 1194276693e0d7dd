// Reading a genesis file: JSON values into quantities and bytes, naming the place of whatever is wrong; and the canonical
// text form of JSON (sorted keys, no white space) in which a genesis is stored and compared.

import { trimLeadingZeroes, utf8 } from "#base/bytes.ts";
import { tryFromHex } from "#base/hex.ts";
import { UINT256_MAX } from "./primitives.ts";

/** A JSON object as parsed. */
export type JsonObject = { readonly [key: string]: unknown };

/** A genesis that cannot be used; `path` names the place, as in `config.londonBlock`. */
export class GenesisError extends Error {
  override readonly name = "GenesisError";
  readonly code = "GENESIS_INVALID";
  readonly path: string;

  constructor(path: string, problem: string) {
    super(`genesis: ${path === "" ? "file" : path}: ${problem}`);
    this.path = path;
  }
}

/** An object, not an array and not null. @throws {GenesisError} */
export function readObject(value: unknown, path: string): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new GenesisError(path, `expected an object, got ${describeValue(value)}`);
}

/** true or false. @throws {GenesisError} */
export function readBoolean(value: unknown, path: string): boolean {
  if (typeof value === "boolean") return value;
  throw new GenesisError(path, `expected true or false, got ${describeValue(value)}`);
}

/**
 * A non-negative integer: a JSON number, decimal text or 0x text.
 * A JSON number above 2^53 has lost digits before it can be read, so it is refused.
 * @throws {GenesisError}
 */
export function readQuantity(value: unknown, path: string, max: bigint = UINT256_MAX): bigint {
  const quantity = tryQuantity(value);
  if (quantity === null) {
    throw new GenesisError(
      path,
      `expected a non-negative integer (number, decimal or 0x text), got ${describeValue(value)}`,
    );
  }
  if (quantity > max) throw new GenesisError(path, `${quantity} is above the largest possible value ${max}`);
  return quantity;
}

/** A quantity that is a small number, at most `max`. @throws {GenesisError} */
export function readCount(value: unknown, path: string, max = Number.MAX_SAFE_INTEGER): number {
  return Number(readQuantity(value, path, BigInt(max)));
}

/** Hex text of any even length, with or without 0x. @throws {GenesisError} */
export function readBytes(value: unknown, path: string): Uint8Array {
  const bytes = typeof value === "string" ? tryFromHex(value) : null;
  if (bytes === null) throw new GenesisError(path, `expected hex bytes, got ${describeValue(value)}`);
  return bytes;
}

/** Hex text of exactly `size` bytes. @throws {GenesisError} */
export function readFixedBytes(value: unknown, path: string, size: number): Uint8Array {
  const bytes = readBytes(value, path);
  if (bytes.length !== size) throw new GenesisError(path, `expected ${size} bytes, got ${bytes.length}`);
  return bytes;
}

/** A 32-byte word written with any number of digits: left-padded, as storage in genesis files is. @throws {GenesisError} */
export function readWord(value: unknown, path: string): Uint8Array {
  const digits = typeof value === "string" ? value.replace(/^0x/i, "") : "-";
  const bytes = tryFromHex(digits.length % 2 === 0 ? digits : `0${digits}`);
  const trimmed = bytes === null ? null : trimLeadingZeroes(bytes);
  if (trimmed === null || trimmed.length > 32) {
    throw new GenesisError(path, `expected at most 32 bytes of hex, got ${describeValue(value)}`);
  }
  const word = new Uint8Array(32);
  word.set(trimmed, 32 - trimmed.length);
  return word;
}

/** Refuses keys outside `known`. @throws {GenesisError} naming the first unknown key */
export function refuseUnknownKeys(object: JsonObject, path: string, known: readonly string[]): void {
  for (const key of Object.keys(object)) {
    if (!known.includes(key)) throw new GenesisError(`${path}.${key}`, `unknown option; known are ${known.join(", ")}`);
  }
}

/** An integer as canonical JSON: a number while that is exact, else 0x text. */
export function quantityToJson(quantity: bigint): number | string {
  return quantity <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(quantity) : `0x${quantity.toString(16)}`;
}

/** Canonical bytes of a JSON value: keys sorted at every level, no white space, UTF-8. Absent (undefined) members are left out. */
export function canonicalJson(value: unknown): Uint8Array {
  return utf8(canonicalText(value));
}

/** Whether a member is there: geth writes absent ones as null. */
export function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function tryQuantity(value: unknown): bigint | null {
  if (typeof value === "number") return Number.isSafeInteger(value) && value >= 0 ? BigInt(value) : null;
  if (typeof value !== "string" || value.length > 80) return null;
  return /^(0x[0-9a-f]+|[0-9]+)$/i.test(value) ? BigInt(value.toLowerCase()) : null;
}

function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalText(member)}`).join(",")}}`;
}

function describeValue(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value).slice(0, 80);
}
