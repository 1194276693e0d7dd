// How a request names a block: a tag, a number, a hash, or the object form of EIP-1898.

import type { Hash32 } from "#chain/primitives.ts";
import {
  booleanParser,
  cannotUnmarshal,
  hash32Parser,
  isGiven,
  isJsonObject,
  jsonTypeName,
  ParameterError,
  type Parser,
  quantityProblem,
} from "./parameters.ts";

/** The names that stand for a moving block. */
export type BlockTag = "latest" | "pending" | "earliest" | "safe" | "finalized";

/** A decoded block reference. Numbers beyond 2^53 - 1 arrive as 2^53 - 1: no chain here is that long. */
export type BlockReference =
  | { readonly kind: "tag"; readonly tag: BlockTag }
  | { readonly kind: "number"; readonly number: number }
  | { readonly kind: "hash"; readonly hash: Hash32 };

const TAGS: readonly string[] = ["latest", "pending", "earliest", "safe", "finalized"] satisfies BlockTag[];
const INT64_MAX = 0x7fff_ffff_ffff_ffffn;

/** The newest state; what an absent reference means. */
export const LATEST: BlockReference = { kind: "tag", tag: "latest" };

/** A tag or a number: what eth_getBlockByNumber takes. */
export const blockNumberParser: Parser<BlockReference> = {
  schema: { title: "BlockNumberOrTag", oneOf: [{ enum: TAGS }, { type: "string", pattern: "^0x" }] },
  parse: (value) => {
    if (typeof value !== "string") throw new ParameterError("hex string without 0x prefix");
    return parseTagOrNumber(value, "block number larger than int64");
  },
};

/** A tag, a number, a hash, or `{blockNumber}` / `{blockHash, requireCanonical}`. */
export const blockReferenceParser: Parser<BlockReference> = {
  schema: {
    title: "BlockNumberOrTagOrHash",
    oneOf: [
      { enum: TAGS },
      { type: "string", pattern: "^0x" },
      { type: "object", properties: { blockNumber: {}, blockHash: {}, requireCanonical: { type: "boolean" } } },
    ],
  },
  parse: (value) => {
    if (isJsonObject(value)) return parseReferenceObject(value);
    if (typeof value !== "string") throw cannotUnmarshal(jsonTypeName(value), "string");
    if (value.length === 66) return { kind: "hash", hash: hash32Parser.parse(value) };
    return parseTagOrNumber(value, "blocknumber too high");
  },
};

function parseReferenceObject(value: { readonly [key: string]: unknown }): BlockReference {
  const { blockNumber, blockHash, requireCanonical } = value;
  const hasNumber = isGiven(blockNumber);
  const hasHash = isGiven(blockHash);
  if (hasNumber && hasHash) {
    throw new ParameterError("cannot specify both BlockHash and BlockNumber, choose one or the other");
  }
  if (isGiven(requireCanonical)) booleanParser.parse(requireCanonical);
  if (hasHash) return { kind: "hash", hash: hash32Parser.parse(blockHash) };
  if (hasNumber) return blockNumberParser.parse(blockNumber);
  throw new ParameterError("either a block number or a block hash must be given");
}

function parseTagOrNumber(text: string, tooHigh: string): BlockReference {
  if (TAGS.includes(text)) return { kind: "tag", tag: text as BlockTag };
  const problem = quantityProblem(text);
  if (problem !== null) throw new ParameterError(problem);
  if (text.length > 18) throw new ParameterError("hex number > 64 bits");
  const number = BigInt(text);
  if (number > INT64_MAX) throw new ParameterError(tooHigh);
  return {
    kind: "number",
    number: Number(number > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : number),
  };
}
