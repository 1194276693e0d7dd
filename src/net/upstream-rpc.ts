// What a replica asks of the node that it follows: to take a transaction, and what waits in its pool. A refusal comes back in
// upstream's words, so that a client cannot tell whom it talked to.

import { toHex } from "#base/hex.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import { REJECT_CODES, type Reject, type RejectCode } from "#chain/reject.ts";
import {
  decodeTransaction,
  recoverSender,
  type Transaction,
  TransactionDecodeError,
  transactionHash,
} from "#chain/transaction.ts";
import { type CallOutcome, JsonRpcSocket, type JsonRpcSocketOptions } from "./json-rpc-socket.ts";
import { rawFromJson } from "./transaction-json.ts";

/** What became of a transaction that was handed on. */
export type UpstreamSubmit =
  | { readonly kind: "accepted"; readonly hash: Hash32 }
  | { readonly kind: "rejected"; readonly reject: Reject }
  /** Only when it had to be ready: its nonce is ahead of the account's next one, and it was not handed on. */
  | { readonly kind: "nonceGap"; readonly expectedNonce: bigint }
  | { readonly kind: "notReady"; readonly reason: string }
  /** No answer, or upstream takes nothing now; the transaction may have been taken all the same when the connection broke. */
  | { readonly kind: "unavailable"; readonly reason: string };

/** A transaction in upstream's pool. */
export type UpstreamTransaction = { readonly raw: Uint8Array; readonly sender: Address };

/** Error codes of our own RPC that are not plain refusals. @see EIP-7966 */
const CODE = { server: -32000, limitExceeded: -32005, notReady: 5, nonceGap: 6 } as const;
const LIMIT_PREFIX = "limit exceeded: ";

/** The RPC address beside a feed address: ws://HOST:PORT/feed becomes ws://HOST:PORT/ws. */
export function rpcUrlOf(feedUrl: string): string {
  const url = new URL(feedUrl);
  url.pathname = "/ws";
  url.search = "";
  return url.href;
}

/** The lasting line to upstream's RPC. */
export class UpstreamRpc {
  readonly #socket: JsonRpcSocket;

  constructor(options: JsonRpcSocketOptions) {
    this.#socket = new JsonRpcSocket(options);
  }

  /**
   * Hands a signed transaction on.
   * @param requireReady asks for the sender's next nonce first and hands nothing on that is ahead of it
   */
  async submit(raw: Uint8Array, requireReady: boolean): Promise<UpstreamSubmit> {
    if (requireReady) {
      const gap = await this.#findGap(raw);
      if (gap !== null) return gap;
    }
    return readSubmit(await this.#socket.call("eth_sendRawTransaction", [toHex(raw)]), raw);
  }

  /** The account's next nonce with upstream's pool counted; null when upstream gives none. */
  async pendingNonce(address: Address): Promise<bigint | null> {
    const outcome = await this.#socket.call("eth_getTransactionCount", [toHex(address), "pending"]);
    return outcome.kind === "result" ? readQuantity(outcome.value) : null;
  }

  /** A transaction that waits in upstream's pool; null when none does, or upstream gives no answer. */
  async pendingTransaction(hash: Hash32): Promise<UpstreamTransaction | null> {
    const outcome = await this.#socket.call("eth_getTransactionByHash", [toHex(hash)]);
    if (outcome.kind !== "result" || typeof outcome.value !== "object" || outcome.value === null) return null;
    if ((outcome.value as { blockHash?: unknown }).blockHash !== null) return null;
    const raw = rawFromJson(outcome.value, hash);
    const transaction = raw === null ? null : tryDecode(raw);
    const sender = transaction === null ? null : recoverSender(transaction);
    return raw === null || sender === null ? null : { raw, sender };
  }

  /** Ends the connection. */
  stop(): void {
    this.#socket.stop();
  }

  async #findGap(raw: Uint8Array): Promise<UpstreamSubmit | null> {
    const transaction = tryDecode(raw);
    const sender = transaction === null ? null : recoverSender(transaction);
    if (transaction === null || sender === null) return null; // upstream says what is wrong with it
    const expectedNonce = await this.pendingNonce(sender);
    if (expectedNonce === null) return { kind: "unavailable", reason: "upstream gave no answer" };
    return transaction.nonce > expectedNonce ? { kind: "nonceGap", expectedNonce } : null;
  }
}

function readSubmit(outcome: CallOutcome, raw: Uint8Array): UpstreamSubmit {
  if (outcome.kind === "failed") return { kind: "unavailable", reason: outcome.reason };
  if (outcome.kind === "result") return { kind: "accepted", hash: transactionHash(raw) };
  const { code, message, data } = outcome;
  const expectedNonce = code === CODE.nonceGap ? readQuantity(data) : null;
  if (expectedNonce !== null) return { kind: "nonceGap", expectedNonce };
  if (code === CODE.notReady) return { kind: "notReady", reason: message };
  if (code === CODE.limitExceeded) {
    return {
      kind: "unavailable",
      reason: message.startsWith(LIMIT_PREFIX) ? message.slice(LIMIT_PREFIX.length) : message,
    };
  }
  if (code !== CODE.server) return { kind: "unavailable", reason: message };
  return { kind: "rejected", reject: { code: rejectCodeOf(message), message } };
}

/** The code whose words begin the message; "invalid sender" for words that are not ours. Clients see the message alone. */
function rejectCodeOf(message: string): RejectCode {
  return REJECT_CODES.find((code) => message.startsWith(code)) ?? "invalid sender";
}

function tryDecode(raw: Uint8Array): Transaction | null {
  try {
    return decodeTransaction(raw);
  } catch (error) {
    if (error instanceof TransactionDecodeError) return null;
    throw error;
  }
}

function readQuantity(value: unknown): bigint | null {
  return typeof value === "string" && /^0x[0-9a-fA-F]{1,16}$/.test(value) ? BigInt(value) : null;
}
