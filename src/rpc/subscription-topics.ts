// What can be subscribed to, as plain data that crosses threads. Subscribers with equal topics share one rendering.

import { toHex } from "#base/hex.ts";
import type { Address } from "#chain/primitives.ts";
import {
  invalidArgument,
  invalidParameters,
  missingArgument,
  noSuchSubscriptionKind,
  tooManyArguments,
} from "./errors.ts";
import { type LogFilter, logFilterParser } from "./log-filter.ts";
import {
  addressParser,
  isJsonObject,
  ParameterError,
  type Parser,
  parseArguments,
  required,
  stringParser,
  uint64Parser,
} from "./parameters.ts";

/** What the renderer makes notifications of. `key` is equal exactly when the topics are. */
export type SubscriptionTopic =
  | { readonly key: string; readonly kind: "newHeads" }
  | { readonly key: string; readonly kind: "miniBlocks" }
  /** `stream`: per mini-block with the all-ff block hash; `sealed`: when the EVM block is sealed. */
  | { readonly key: string; readonly kind: "logs"; readonly filter: LogFilter; readonly timing: "stream" | "sealed" }
  /** No addresses: every account. */
  | { readonly key: string; readonly kind: "stateChanges"; readonly addresses: readonly Address[] };

/** A decoded eth_subscribe. */
export type SubscriptionRequest = {
  readonly topic: SubscriptionTopic;
  /** miniBlocks only: the first mini-block to send; null starts with the next one. */
  readonly fromMiniBlock: number | null;
};

/** Most addresses in one stateChanges subscription. */
export const STATE_CHANGE_ADDRESS_COUNT_MAX = 256;

/**
 * Decodes the parameters of eth_subscribe.
 * @throws {RpcError} -32601 for a kind that does not exist, -32602 for bad options
 */
export function parseSubscription(params: unknown): SubscriptionRequest {
  if (!Array.isArray(params)) throw missingArgument(0);
  const [kind] = parseArguments([required("kind", stringParser)] as const, params.slice(0, 1));
  if (params.length > 2) throw tooManyArguments(2);
  const options: unknown = params[1];
  switch (kind) {
    case "newHeads":
      return { topic: { key: kind, kind }, fromMiniBlock: null };
    case "logs":
      return { topic: logsTopic(options), fromMiniBlock: null };
    case "miniBlocks":
      return { topic: { key: kind, kind }, fromMiniBlock: parseFromMiniBlock(options) };
    case "stateChanges":
      return { topic: stateChangesTopic(options), fromMiniBlock: null };
    default:
      throw noSuchSubscriptionKind(kind);
  }
}

/** Decodes the parameters of eth_unsubscribe: the id. @throws {RpcError} -32602 */
export function parseUnsubscription(params: unknown): string {
  const [id] = parseArguments([required("subscription", stringParser)] as const, params);
  return id;
}

function logsTopic(options: unknown): SubscriptionTopic {
  const filter = parseOption(logFilterParser, options ?? {});
  if (filter.blockHash !== null)
    throw invalidParameters("invalid argument 1: blockHash is not supported in a subscription");
  const isMoving = [filter.fromBlock, filter.toBlock].some((end) => {
    return end?.kind === "tag" && (end.tag === "pending" || end.tag === "latest");
  });
  const timing = isMoving ? "stream" : "sealed";
  const addresses = filter.addresses.map(toHex).sort();
  const topics = filter.topics.map((alternatives) => alternatives?.map(toHex).sort() ?? null);
  return { key: `logs ${timing} ${JSON.stringify([addresses, topics])}`, kind: "logs", filter, timing };
}

function parseFromMiniBlock(options: unknown): number | null {
  if (options === undefined || options === null) return null;
  if (!isJsonObject(options)) throw invalidArgument(1, "want an object with fromMiniBlock");
  for (const name of Object.keys(options)) {
    if (name !== "fromMiniBlock") throw invalidArgument(1, `unknown option ${JSON.stringify(name)}`);
  }
  const from = options.fromMiniBlock;
  if (from === undefined || from === null) return null;
  const number = typeof from === "number" ? from : Number(parseOption(uint64Parser, from));
  if (!Number.isSafeInteger(number) || number < 0) throw invalidArgument(1, "fromMiniBlock is no mini-block number");
  return number;
}

function stateChangesTopic(options: unknown): SubscriptionTopic {
  const list = options ?? [];
  if (!Array.isArray(list)) throw invalidArgument(1, "want an array of addresses");
  if (list.length > STATE_CHANGE_ADDRESS_COUNT_MAX) {
    throw invalidParameters(`too many addresses: ${list.length}, want at most ${STATE_CHANGE_ADDRESS_COUNT_MAX}`);
  }
  const addresses = list.map((item) => parseOption(addressParser, item));
  const names = [...new Set(addresses.map(toHex))].sort();
  return { key: `stateChanges ${names.join(",")}`, kind: "stateChanges", addresses };
}

function parseOption<T>(parser: Parser<T>, value: unknown): T {
  try {
    return parser.parse(value);
  } catch (error) {
    if (error instanceof ParameterError) throw invalidArgument(1, error.message);
    throw error;
  }
}
