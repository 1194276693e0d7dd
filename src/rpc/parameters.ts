// Positional parameters: one small parser per JSON-RPC type, in geth's words for everything that is wrong.
// A method row lists its parameters; `parseArguments` turns the JSON array into typed values before the handler runs.
// Each parameter also carries its JSON schema, so that descriptions of the interface come from the same place.

import { bigintFromBytes } from "#base/bytes.ts";
import { tryFromHex } from "#base/hex.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import {
  invalidArgument,
  invalidParameters,
  missingArgument,
  nonArrayArguments,
  RpcError,
  tooManyArguments,
} from "./errors.ts";

/** A fragment of JSON schema. */
export type JsonSchema = { readonly [key: string]: unknown };

/**
 * A parser of one JSON value.
 * @typeParam T what the handler gets
 */
export type Parser<T> = {
  readonly schema: JsonSchema;
  /**
   * @param value parsed JSON, never undefined or null
   * @param where Go's name of the place, for messages such as `Go struct field TransactionArgs.from of type`
   * @throws {ParameterError} with geth's words, without the `invalid argument` prefix
   */
  parse(value: unknown, where?: string): T;
};

/** One positional parameter of a method. */
export type Parameter<T> = { readonly name: string; readonly required: boolean; readonly parser: Parser<T> };

/** The handler's argument types for a list of parameters. */
export type Arguments<P extends readonly Parameter<unknown>[]> = {
  -readonly [K in keyof P]: P[K] extends Parameter<infer T> ? T : never;
};

/** A value that cannot be decoded; `parseArguments` adds the position. */
export class ParameterError extends Error {
  override readonly name = "ParameterError";
}

/** A parameter that must be there. */
export function required<T>(name: string, parser: Parser<T>): Parameter<T> {
  return { name, required: true, parser };
}

/** A parameter that may be left out or null; the handler then gets undefined. */
export function optional<T>(name: string, parser: Parser<T>): Parameter<T | undefined> {
  return { name, required: false, parser };
}

/**
 * Decodes positional parameters.
 * @param parameters the method's parameters in order
 * @param raw the envelope's `params` member; undefined and null count as an empty list
 * @throws {RpcError} -32602 in geth's words
 */
export function parseArguments<P extends readonly Parameter<unknown>[]>(parameters: P, raw: unknown): Arguments<P> {
  if (raw !== undefined && raw !== null && !Array.isArray(raw)) throw nonArrayArguments();
  const values: readonly unknown[] = raw ?? [];
  if (values.length > parameters.length) throw tooManyArguments(parameters.length);
  const parsed: unknown[] = [];
  for (let i = 0; i < parameters.length; i++) {
    parsed.push(parseArgument(parameters[i] as Parameter<unknown>, values[i], i));
  }
  return parsed as Arguments<P>;
}

function parseArgument(parameter: Parameter<unknown>, value: unknown, index: number): unknown {
  if (value === undefined || value === null) {
    if (parameter.required) throw missingArgument(index);
    return undefined;
  }
  try {
    return parameter.parser.parse(value);
  } catch (error) {
    if (error instanceof ParameterError) throw invalidArgument(index, error.message);
    if (error instanceof RpcError) throw error;
    throw error;
  }
}

/** What Go's decoder says when a JSON value does not fit its type. */
export function cannotUnmarshal(what: string, goType: string, where?: string): ParameterError {
  const place = where === undefined ? "Go value" : `Go struct field ${where}`;
  return new ParameterError(`json: cannot unmarshal ${what} into ${place} of type ${goType}`);
}

/** The JSON type of a value in Go's words. */
export function jsonTypeName(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  return typeof value === "object" ? "object" : typeof value;
}

/** Whether the value is a JSON object. */
export function isJsonObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a member is there: null counts as left out, as in Go's decoder. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** The value as a JSON object. @throws {ParameterError} when it is none; see {@link cannotUnmarshal} */
export function objectOf(value: unknown, goType: string, where?: string): { readonly [key: string]: unknown } {
  if (!isJsonObject(value)) throw cannotUnmarshal(jsonTypeName(value), goType, where);
  return value;
}

/** The parsers of an object's members. */
export type Fields<T> = { readonly [K in keyof T]-?: Parser<NonNullable<T[K]>> };

/** The schema of an object with these members, all of which may be left out. */
export function objectSchema(title: string, fields: { readonly [name: string]: Parser<unknown> }): JsonSchema {
  const properties = Object.fromEntries(Object.entries(fields).map(([name, parser]) => [name, parser.schema]));
  return { title, type: "object", properties };
}

/**
 * Decodes the members that are given; unknown ones are ignored, as geth does.
 * @param struct Go's name of the object, for messages
 */
export function decodeFields<T extends object>(
  value: { readonly [key: string]: unknown },
  fields: Fields<T>,
  struct: string,
): Partial<T> {
  const decoded: Record<string, unknown> = {};
  for (const [name, parser] of Object.entries<Parser<unknown>>(fields)) {
    const member = value[name];
    if (isGiven(member)) decoded[name] = parser.parse(member, `${struct}.${name}`);
  }
  return decoded as Partial<T>;
}

/** Byte string of any length: JSON-RPC "Data". */
export const dataParser: Parser<Uint8Array> = {
  schema: { type: "string", pattern: "^0x([0-9a-fA-F]{2})*$", title: "Data" },
  parse(value, where) {
    if (typeof value !== "string") throw cannotUnmarshal("non-string", "hexutil.Bytes", where);
    const problem = hexProblem(value);
    if (problem !== null) throw cannotUnmarshal(problem, "hexutil.Bytes", where);
    return tryFromHex(value) ?? unexpectedHex(value);
  },
};

/** 20 bytes. */
export const addressParser: Parser<Address> = fixedBytes(20, "common.Address", "Address");

/** 32 bytes. */
export const hash32Parser: Parser<Hash32> = fixedBytes(32, "common.Hash", "Hash32");

/** Unsigned integer below 2^64: nonce, gas, counts. */
export const uint64Parser: Parser<bigint> = quantity(64, "hexutil.Uint64", "hex number > 64 bits");

/** Position in a list, below 2^64. */
export const indexParser: Parser<bigint> = quantity(64, "hexutil.Uint", "hex number > 64 bits");

/** Unsigned integer below 2^256: wei. */
export const uint256Parser: Parser<bigint> = quantity(256, "*hexutil.Big", "hex number > 256 bits");

/** A JSON boolean. */
export const booleanParser: Parser<boolean> = {
  schema: { type: "boolean" },
  parse(value, where) {
    if (typeof value !== "boolean") throw cannotUnmarshal(jsonTypeName(value), "bool", where);
    return value;
  },
};

/** A JSON string. */
export const stringParser: Parser<string> = {
  schema: { type: "string" },
  parse(value, where) {
    if (typeof value !== "string") throw cannotUnmarshal(jsonTypeName(value), "string", where);
    return value;
  },
};

/** Any JSON value, handed on as it is to a handler that decodes it itself. */
export const jsonParser: Parser<unknown> = { schema: {}, parse: (value) => value };

/** A count as hex quantity, decimal string or JSON number, as geth's fee history takes it. */
export const countParser: Parser<number> = {
  schema: { oneOf: [{ type: "string" }, { type: "integer" }], title: "Count" },
  parse(value) {
    const count = typeof value === "string" && /^(0x[0-9a-fA-F]+|[0-9]+)$/.test(value) ? Number(value) : value;
    if (typeof count !== "number" || !Number.isSafeInteger(count) || count < 0) {
      throw new ParameterError(`invalid hex or decimal integer ${JSON.stringify(value)}`);
    }
    return count;
  },
};

/** A list of numbers. */
export const numberListParser: Parser<readonly number[]> = {
  schema: { type: "array", items: { type: "number" } },
  parse(value) {
    if (!Array.isArray(value)) throw cannotUnmarshal(jsonTypeName(value), "[]float64");
    for (const item of value) if (typeof item !== "number") throw cannotUnmarshal(jsonTypeName(item), "float64");
    return value;
  },
};

/** A storage key: up to 32 bytes of hex, with or without prefix, left-padded. */
export const storageKeyParser: Parser<Hash32> = {
  schema: { type: "string", pattern: "^(0x)?[0-9a-fA-F]{0,64}$", title: "StorageKey" },
  parse(value) {
    if (typeof value !== "string") throw cannotUnmarshal(jsonTypeName(value), "string");
    const digits = value.startsWith("0x") || value.startsWith("0X") ? value.slice(2) : value;
    const quoted = JSON.stringify(value);
    if (digits.length > 64) {
      throw invalidParameters(`storage key too long (want at most 32 bytes): ${quoted}`);
    }
    const bytes = tryFromHex(digits.length % 2 === 0 ? digits : `0${digits}`);
    if (bytes === null) throw invalidParameters(`invalid hex in storage key: ${quoted}`);
    const key = new Uint8Array(32);
    key.set(bytes, 32 - bytes.length);
    return key;
  },
};

/** What is wrong with a hex byte string, in geth's words; null when nothing is. */
function hexProblem(text: string): string | null {
  if (text.length === 0) return null;
  if (!text.startsWith("0x") && !text.startsWith("0X")) return "hex string without 0x prefix";
  if (text.length % 2 !== 0) return "hex string of odd length";
  return /^0[xX][0-9a-fA-F]*$/.test(text) ? null : "invalid hex string";
}

function fixedBytes(sizeBytes: number, goType: string, title: string): Parser<Uint8Array> {
  return {
    schema: { type: "string", pattern: `^0x[0-9a-fA-F]{${sizeBytes * 2}}$`, title },
    parse(value, where) {
      if (typeof value !== "string") throw cannotUnmarshal("non-string", goType, where);
      const problem = hexProblem(value);
      if (problem !== null && problem !== "invalid hex string") throw cannotUnmarshal(problem, goType, where);
      const digitCount = Math.max(0, value.length - 2);
      if (digitCount !== sizeBytes * 2) {
        throw new ParameterError(`hex string has length ${digitCount}, want ${sizeBytes * 2} for ${goType}`);
      }
      if (problem !== null) throw cannotUnmarshal(problem, goType, where);
      return tryFromHex(value) ?? unexpectedHex(value);
    },
  };
}

/** What is wrong with a hex number, in geth's words; null when nothing is. */
export function quantityProblem(text: string): string | null {
  if (text.length === 0) return "empty hex string";
  if (!text.startsWith("0x") && !text.startsWith("0X")) return "hex string without 0x prefix";
  if (text.length === 2) return 'hex string "0x"';
  if (text.length > 3 && text.charAt(2) === "0") return "hex number with leading zero digits";
  return /^0[xX][0-9a-fA-F]+$/.test(text) ? null : "invalid hex string";
}

function quantity(bitCount: number, goType: string, tooLarge: string): Parser<bigint> {
  return {
    schema: { type: "string", pattern: "^0x(0|[1-9a-fA-F][0-9a-fA-F]*)$", title: "Quantity" },
    parse(value, where) {
      if (typeof value !== "string") throw cannotUnmarshal("non-string", goType, where);
      const problem = quantityProblem(value);
      if (problem !== null) throw cannotUnmarshal(problem, goType, where);
      if (value.length - 2 > bitCount / 4) throw cannotUnmarshal(tooLarge, goType, where);
      const digits = value.slice(2);
      return bigintFromBytes(tryFromHex(digits.length % 2 === 0 ? digits : `0${digits}`) ?? unexpectedHex(value));
    },
  };
}

function unexpectedHex(text: string): never {
  throw new ParameterError(`invalid hex string ${JSON.stringify(text.slice(0, 80))}`);
}
