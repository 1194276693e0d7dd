// Log filters: decoding in geth's words, matching one log, and asking a bloom whether a block is worth opening.

import { bytesEqual } from "#base/bytes.ts";
import { tryFromHex } from "#base/hex.ts";
import { bloomMayContain } from "#chain/bloom.ts";
import type { Log } from "#chain/log.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import { type BlockReference, blockNumberParser } from "./block-reference.ts";
import {
  addressParser,
  cannotUnmarshal,
  hash32Parser,
  isGiven,
  jsonTypeName,
  objectOf,
  ParameterError,
  type Parser,
} from "./parameters.ts";

/** A decoded filter. Empty lists match everything; a null topic position matches everything. */
export type LogFilter = {
  readonly blockHash: Hash32 | null;
  readonly fromBlock: BlockReference | null;
  readonly toBlock: BlockReference | null;
  readonly addresses: readonly Address[];
  readonly topics: readonly (readonly Hash32[] | null)[];
};

/** Most addresses in one filter, and most alternatives in one topic position, as in geth. */
export const FILTER_ALTERNATIVE_COUNT_MAX = 1000;

/** Topic positions that a log can have. */
export const FILTER_TOPIC_COUNT_MAX = 4;

/** The filter object of eth_getLogs and of logs subscriptions. */
export const logFilterParser: Parser<LogFilter> = {
  schema: {
    title: "Filter",
    type: "object",
    properties: { fromBlock: {}, toBlock: {}, blockHash: {}, address: {}, topics: { type: "array", maxItems: 4 } },
  },
  parse(value) {
    const filter = objectOf(value, "filters.input");
    const { blockHash, fromBlock, toBlock } = filter;
    const hasRange = isGiven(fromBlock) || isGiven(toBlock);
    if (isGiven(blockHash) && hasRange) {
      throw new ParameterError("cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other");
    }
    return {
      blockHash: isGiven(blockHash) ? hash32Parser.parse(blockHash, "input.blockHash") : null,
      fromBlock: isGiven(fromBlock) ? blockNumberParser.parse(fromBlock) : null,
      toBlock: isGiven(toBlock) ? blockNumberParser.parse(toBlock) : null,
      addresses: parseAddresses(filter.address),
      topics: parseTopics(filter.topics),
    };
  },
};

/** Whether a log passes address and topics; the range is the caller's. */
export function matchesLog(filter: LogFilter, log: Log): boolean {
  const { addresses, topics } = filter;
  if (addresses.length > 0 && !addresses.some((address) => bytesEqual(address, log.address))) return false;
  if (topics.length > log.topics.length) return false;
  for (let i = 0; i < topics.length; i++) {
    const alternatives = topics[i];
    const topic = log.topics[i];
    if (alternatives == null || topic === undefined) continue;
    if (!alternatives.some((alternative) => bytesEqual(alternative, topic))) return false;
  }
  return true;
}

/** Whether a block or receipt with this bloom may hold a log that passes. */
export function mayMatchBloom(filter: LogFilter, bloom: Uint8Array): boolean {
  const mayHold = (entries: readonly Uint8Array[]): boolean => entries.some((entry) => bloomMayContain(bloom, entry));
  if (filter.addresses.length > 0 && !mayHold(filter.addresses)) return false;
  return filter.topics.every((alternatives) => alternatives === null || mayHold(alternatives));
}

function parseAddresses(value: unknown): readonly Address[] {
  if (!isGiven(value)) return [];
  if (typeof value === "string") return [parseAddress(value, "invalid address")];
  if (!Array.isArray(value)) throw new ParameterError("invalid addresses in query");
  if (value.length > FILTER_ALTERNATIVE_COUNT_MAX) throw new ParameterError("exceed max addresses");
  return value.map((item, index) => {
    if (typeof item !== "string") throw new ParameterError(`non-string address at index ${index}`);
    return parseAddress(item, `invalid address at index ${index}`);
  });
}

function parseAddress(text: string, prefix: string): Address {
  try {
    return addressParser.parse(text);
  } catch {
    throw new ParameterError(`${prefix}: ${hexComplaint(text, 20, "address")}`);
  }
}

function parseTopics(value: unknown): readonly (readonly Hash32[] | null)[] {
  if (!isGiven(value)) return [];
  if (!Array.isArray(value)) throw cannotUnmarshal(jsonTypeName(value), "[]interface {}", "input.topics");
  if (value.length > FILTER_TOPIC_COUNT_MAX) throw new ParameterError("exceed max topics");
  return value.map((position) => {
    if (position === null) return null;
    if (typeof position === "string") return [parseTopic(position)];
    if (!Array.isArray(position)) throw new ParameterError("invalid topic(s)");
    if (position.length > FILTER_ALTERNATIVE_COUNT_MAX) throw new ParameterError("exceed max topics");
    // A null among the alternatives makes the whole position match everything.
    if (position.length === 0 || position.includes(null)) return null;
    return position.map((topic) => {
      if (typeof topic !== "string") throw new ParameterError("invalid topic(s)");
      return parseTopic(topic);
    });
  });
}

function parseTopic(text: string): Hash32 {
  try {
    return hash32Parser.parse(text);
  } catch {
    throw new ParameterError(hexComplaint(text, 32, "topic"));
  }
}

function hexComplaint(text: string, sizeBytes: number, what: string): string {
  if (!text.startsWith("0x")) return "hex string without 0x prefix";
  if (text.length % 2 !== 0) return "hex string of odd length";
  if (tryFromHex(text) === null) return "invalid hex string";
  return `hex has invalid length ${(text.length - 2) / 2} after decoding; expected ${sizeBytes} for ${what}`;
}
