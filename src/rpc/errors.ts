// JSON-RPC errors: the only place of codes and of the words that clients match on.
// Wording follows geth, because client libraries classify failures by message text; codes outside JSON-RPC 2.0
// follow EIP-1474, EIP-7966 (4, 5, 6) and the MegaETH interface (4444, "realtime transaction expired").
// A handler throws an RpcError; the dispatcher and the read service turn it into the error member of the reply.

import { type Hex, toHex, toQuantity } from "#base/hex.ts";

/** Every code this node answers with. */
export const RpcCode = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParameters: -32602,
  internal: -32603,
  server: -32000,
  timeout: -32002,
  responseTooLarge: -32003,
  limitExceeded: -32005,
  executionReverted: 3,
  sendTimeout: 4,
  notReady: 5,
  nonceGap: 6,
  prunedHistory: 4444,
} as const;

/** The error member of a reply, as it goes onto the wire and across threads. */
export type RpcErrorObject = { readonly code: number; readonly message: string; readonly data?: unknown };

/** An expected refusal with its code, its words and optional data; never a bug. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }

  /** The wire form; `data` is left out when there is none. */
  toObject(): RpcErrorObject {
    return this.data === undefined
      ? { code: this.code, message: this.message }
      : { code: this.code, message: this.message, data: this.data };
  }
}

/** The body is not JSON. */
export function parseError(): RpcError {
  return new RpcError(RpcCode.parse, "parse error");
}

/** The envelope is JSON but no request: not an object, no method, a bad id or version. */
export function invalidRequest(): RpcError {
  return new RpcError(RpcCode.invalidRequest, "invalid request");
}

/** A batch without elements. */
export function emptyBatch(): RpcError {
  return new RpcError(RpcCode.invalidRequest, "empty batch");
}

/** A batch with more elements than the limit. */
export function batchTooLarge(): RpcError {
  return new RpcError(RpcCode.invalidRequest, "batch too large");
}

/** A method name that is longer than any name can be. */
export function methodNameTooLong(length: number, lengthMax: number): RpcError {
  return new RpcError(RpcCode.invalidRequest, `method name too long: ${length} > ${lengthMax}`);
}

/** No such method here. */
export function methodNotFound(method: string): RpcError {
  return new RpcError(RpcCode.methodNotFound, `the method ${method} does not exist/is not available`);
}

/** eth_subscribe over a transport that cannot carry notifications. */
export function notificationsUnsupported(): RpcError {
  return new RpcError(RpcCode.methodNotFound, "notifications not supported");
}

/** eth_subscribe with a kind that this node does not have. */
export function noSuchSubscriptionKind(kind: string): RpcError {
  return new RpcError(RpcCode.methodNotFound, `no "${kind}" subscription in eth namespace`);
}

/** eth_unsubscribe with an id that this socket does not hold. */
export function subscriptionNotFound(): RpcError {
  return new RpcError(RpcCode.server, "subscription not found");
}

/** Parameters are wrong in a way that has its own words. */
export function invalidParameters(message: string): RpcError {
  return new RpcError(RpcCode.invalidParameters, message);
}

/** One positional parameter cannot be decoded; `reason` is what its parser found. */
export function invalidArgument(index: number, reason: string): RpcError {
  return new RpcError(RpcCode.invalidParameters, `invalid argument ${index}: ${reason}`);
}

/** A required positional parameter is absent or null. */
export function missingArgument(index: number): RpcError {
  return new RpcError(RpcCode.invalidParameters, `missing value for required argument ${index}`);
}

/** More positional parameters than the method takes. */
export function tooManyArguments(countMax: number): RpcError {
  return new RpcError(RpcCode.invalidParameters, `too many arguments, want at most ${countMax}`);
}

/** Parameters that are no array. */
export function nonArrayArguments(): RpcError {
  return new RpcError(RpcCode.invalidParameters, "non-array args");
}

/** A handler failed in a way that it should not; the cause goes to the log, not to the client. */
export function internalError(): RpcError {
  return new RpcError(RpcCode.internal, "internal error");
}

/** The reply would be larger than the limit. */
export function responseTooLarge(): RpcError {
  return new RpcError(RpcCode.responseTooLarge, "response too large");
}

/** The request ran longer than its time limit. */
export function requestTimedOut(): RpcError {
  return new RpcError(RpcCode.timeout, "request timed out");
}

/** The node has too much to do at this moment; clients retry on this code. */
export function overloaded(what: string): RpcError {
  return new RpcError(RpcCode.limitExceeded, `limit exceeded: ${what}`);
}

/** A refusal without a code of its own: transaction rejects, unknown blocks and the like. */
export function serverError(message: string, data?: unknown): RpcError {
  return new RpcError(RpcCode.server, message, data);
}

/** A block that this chain does not have (yet). */
export function headerNotFound(): RpcError {
  return new RpcError(RpcCode.server, "header not found");
}

/** State or history older than what this node keeps. */
export function prunedHistory(): RpcError {
  return new RpcError(RpcCode.prunedHistory, "pruned history unavailable");
}

/** The state moved on while the call was running, more often than it may be restarted. */
export function stateMovedOn(): RpcError {
  return new RpcError(RpcCode.server, "state version gone: the call outlived the undo window, try again");
}

/** A call or estimate that ran longer than allowed, in geth's words. */
export function executionAborted(timeoutMs: number): RpcError {
  return serverError(
    `execution aborted (timeout = ${timeoutMs % 1000 === 0 ? `${timeoutMs / 1000}s` : `${timeoutMs}ms`})`,
  );
}

/**
 * A call that reverted.
 * @param output the revert bytes, returned as `data`
 */
export function executionReverted(output: Uint8Array): RpcError {
  const reason = revertReason(output);
  const message = reason === null ? "execution reverted" : `execution reverted: ${reason}`;
  return new RpcError(RpcCode.executionReverted, message, toHex(output));
}

/** EIP-7966: added to the pool, no receipt within the time. @param hash transaction hash, returned as `data` */
export function sendTimedOut(hash: Hex, timeoutMs: number): RpcError {
  const message = `The transaction was added to the mempool but wasn't processed in ${timeoutMs / 1000}s`;
  return new RpcError(RpcCode.sendTimeout, message, hash);
}

/** EIP-7966: not ready for a reason other than its nonce, and not added. @param hash transaction hash, as `data` */
export function sendNotReady(hash: Hex, reason: string): RpcError {
  return new RpcError(RpcCode.notReady, `transaction not ready: ${reason}`, hash);
}

/** EIP-7966: nonce ahead of the account's next one, and not added. @param expectedNonce returned as `data` */
export function sendNonceGap(expectedNonce: bigint): RpcError {
  return new RpcError(RpcCode.nonceGap, "nonce too high: gapped nonce", toQuantity(expectedNonce));
}

/** MegaETH's words for a realtime send without a receipt in time; the transaction may still land. */
export function realtimeExpired(): RpcError {
  return new RpcError(RpcCode.server, "realtime transaction expired");
}

const PANIC_REASONS: ReadonlyMap<number, string> = new Map([
  [0x00, "generic panic"],
  [0x01, "assert(false)"],
  [0x11, "arithmetic underflow or overflow"],
  [0x12, "division or modulo by zero"],
  [0x21, "enum overflow"],
  [0x22, "invalid encoded storage byte array accessed"],
  [0x31, "out-of-bounds array access; popping on an empty array"],
  [0x32, "out-of-bounds access of an array or bytesN"],
  [0x41, "out of memory"],
  [0x51, "uninitialized function"],
]);

/**
 * The words inside revert bytes: Solidity's `Error(string)` or `Panic(uint256)`.
 * @returns null when the bytes are neither
 */
export function revertReason(output: Uint8Array): string | null {
  const selector = toHex(output.subarray(0, 4));
  if (selector === "0x08c379a0") return decodeErrorString(output.subarray(4));
  if (selector === "0x4e487b71" && output.length === 36) {
    const code = readSmallWord(output, 4);
    if (code === null) return `unknown panic code: ${toHex(output.subarray(4))}`;
    return PANIC_REASONS.get(code) ?? `unknown panic code: ${toQuantity(code)}`;
  }
  return null;
}

function decodeErrorString(data: Uint8Array): string | null {
  const offset = readSmallWord(data, 0);
  if (offset === null) return null;
  const size = readSmallWord(data, offset);
  if (size === null || offset + 32 + size > data.length) return null;
  return new TextDecoder().decode(data.subarray(offset + 32, offset + 32 + size));
}

/** A 32-byte word that fits in 32 bits; null when it does not or when the data ends before it. */
function readSmallWord(data: Uint8Array, offset: number): number | null {
  if (offset + 32 > data.length) return null;
  for (let i = 0; i < 28; i++) if (data[offset + i] !== 0) return null;
  let value = 0;
  for (let i = 28; i < 32; i++) value = value * 256 + (data[offset + i] ?? 0);
  return value;
}
