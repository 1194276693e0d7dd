// Transactions in: raw, raw with waiting for the receipt (EIP-7966 and MegaETH's realtime form), and from the node's own
// development accounts. Everything is decoded once here for its hash and its obvious faults; admission decides the rest.

import { bytesEqual } from "#base/bytes.ts";
import { type Hex, toBareHex, toHex } from "#base/hex.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import {
  decodeTransaction,
  encodeTransaction,
  signTransaction,
  type Transaction,
  TransactionDecodeError,
  type TransactionType,
  transactionHash,
  type UnsignedTransaction,
} from "#chain/transaction.ts";
import { LATEST } from "../block-reference.ts";
import type { DevelopmentAccount, ReadContext } from "../context.ts";
import {
  internalError,
  invalidParameters,
  overloaded,
  type RpcError,
  realtimeExpired,
  sendNonceGap,
  sendNotReady,
  sendTimedOut,
  serverError,
} from "../errors.ts";
import type { Json } from "../render.ts";
import { callData, checkChainId, checkFeeFields, type TransactionRequest } from "../transaction-request.ts";
import { estimateGas } from "./call.ts";
import { newestBaseFee, suggestTip } from "./fees.ts";
import { getTransactionReceipt } from "./transaction.ts";

/** eth_sendRawTransaction: the transaction's hash once it is in the pool. */
export async function sendRawTransaction(context: ReadContext, raw: Uint8Array): Promise<Hex> {
  return toHex(await submit(context, raw, { requireReady: false }));
}

/**
 * eth_sendRawTransactionSync: the receipt, as soon as the transaction's mini-block is published.
 * @param timeout milliseconds as number or quantity; anything else means the default
 * @throws {RpcError} 4 when it takes too long, 5 when it is not ready, 6 when its nonce is ahead
 * @see EIP-7966
 */
export async function sendRawTransactionSync(context: ReadContext, raw: Uint8Array, timeout?: unknown): Promise<Json> {
  const waitMs = parseWaitMs(timeout, context) ?? context.options.sendWaitMs;
  return sendAndWait(context, raw, {
    waitMs,
    requireReady: true,
    expired: (hash) => sendTimedOut(toHex(hash), waitMs),
  });
}

/**
 * realtime_sendRawTransaction: as {@link sendRawTransactionSync}, in MegaETH's words; a nonce gap waits like the rest.
 * @throws {RpcError} -32000 "realtime transaction expired"; -32602 for a timeout that is no number
 */
export async function sendRealtimeTransaction(context: ReadContext, raw: Uint8Array, timeout?: unknown): Promise<Json> {
  const given = timeout === undefined ? context.options.sendWaitMs : parseWaitMs(timeout, context);
  if (given === null) throw invalidParameters("invalid argument 1: invalid timeout");
  return sendAndWait(context, raw, { waitMs: given, requireReady: false, expired: realtimeExpired });
}

/** eth_sendTransaction: fills in what is missing, signs with the node's key, sends. Development chains only. */
export async function sendTransaction(context: ReadContext, request: TransactionRequest): Promise<Hex> {
  const account = findDevelopmentAccount(context, request.from);
  const lane = toBareHex(account.address);
  // One after another per account: the next nonce counts the transaction before.
  const turn = (sendLanes.get(lane) ?? Promise.resolve()).then(() => fillAndSend(context, request, account));
  const settled = turn.then(
    () => undefined,
    () => undefined,
  );
  sendLanes.set(lane, settled);
  try {
    return await turn;
  } finally {
    if (sendLanes.get(lane) === settled) sendLanes.delete(lane);
  }
}

/** The last unfinished send of each development account; at most one entry an account. */
const sendLanes = new Map<string, Promise<void>>();

type WaitTerms = {
  readonly waitMs: number;
  readonly requireReady: boolean;
  readonly expired: (hash: Hash32) => RpcError;
};

async function sendAndWait(context: ReadContext, raw: Uint8Array, terms: WaitTerms): Promise<Json> {
  const deadlineMs = context.nowMs() + terms.waitMs;
  const hash = await submit(context, raw, { requireReady: terms.requireReady });
  const isIncluded = await context.ports.awaitReceipt(hash, deadlineMs);
  if (!isIncluded) throw terms.expired(hash);
  const receipt = getTransactionReceipt(context, hash);
  if (receipt === null) throw internalError();
  return receipt;
}

async function submit(
  context: ReadContext,
  raw: Uint8Array,
  options: { readonly requireReady: boolean },
): Promise<Hash32> {
  checkDecodable(raw);
  const result = await context.ports.submit(raw, options);
  switch (result.kind) {
    case "accepted":
      return result.hash;
    case "rejected":
      throw serverError(result.reject.message);
    case "nonceGap":
      throw sendNonceGap(result.expectedNonce);
    case "notReady":
      throw sendNotReady(toHex(transactionHash(raw)), result.reason);
    case "unavailable":
      context.meters.limited("queue");
      throw overloaded(result.reason);
  }
}

/** Refuses bytes that are no transaction before they cross a thread. */
function checkDecodable(raw: Uint8Array): Transaction {
  try {
    return decodeTransaction(raw);
  } catch (error) {
    if (error instanceof TransactionDecodeError) throw serverError(error.message);
    throw error;
  }
}

/** Milliseconds within the limit; null when the value is no positive number. */
function parseWaitMs(timeout: unknown, context: ReadContext): number | null {
  const text = typeof timeout === "string" && /^(0x[0-9a-fA-F]{1,12}|[0-9]{1,12})$/.test(timeout);
  const waitMs = text ? Number(timeout) : timeout;
  if (typeof waitMs !== "number" || !Number.isFinite(waitMs) || waitMs <= 0) return null;
  return Math.min(Math.ceil(waitMs), context.options.sendWaitMsMax);
}

function findDevelopmentAccount(context: ReadContext, from: Address | undefined): DevelopmentAccount {
  const account = context.options.developmentAccounts.find(({ address }) => {
    return from !== undefined && bytesEqual(address, from);
  });
  if (account === undefined) throw serverError("unknown account");
  return account;
}

async function fillAndSend(
  context: ReadContext,
  request: TransactionRequest,
  account: DevelopmentAccount,
): Promise<Hex> {
  const unsigned = await fillTransaction(context, request, account.address);
  return sendRawTransaction(context, encodeTransaction(signTransaction(unsigned, account.privateKey)));
}

async function fillTransaction(
  context: ReadContext,
  request: TransactionRequest,
  from: Address,
): Promise<UnsignedTransaction> {
  checkSendable(context, request);
  const type = transactionType(request);
  const fees = type < 2 ? legacyFees(context, request) : dynamicFees(context, request);
  const nonce = request.nonce ?? (await context.ports.pendingNonce(from));
  const gasLimit = request.gas ?? BigInt(await estimateGas(context, { ...request, from }, LATEST));
  return {
    type,
    chainId: context.spec.chainId,
    nonce,
    ...fees,
    gasLimit,
    to: request.to ?? null,
    value: request.value ?? 0n,
    data: callData(request),
    accessList: request.accessList ?? [],
    authorizationList: request.authorizationList ?? [],
    maxFeePerBlobGas: 0n,
    blobVersionedHashes: [],
  };
}

function checkSendable(context: ReadContext, request: TransactionRequest): void {
  const { data, input } = request;
  if (data !== undefined && input !== undefined && !bytesEqual(data, input)) {
    const hint = 'Please use "input" to pass transaction call data';
    throw serverError(`both "data" and "input" are set and not equal. ${hint}`);
  }
  if (request.to === undefined && callData(request).length === 0) {
    throw serverError("contract creation without any data provided");
  }
  checkChainId(request, context.spec.chainId);
  if (request.blobVersionedHashes !== undefined) throw serverError("transaction type not supported");
  checkFeeFields(request);
}

function transactionType(request: TransactionRequest): TransactionType {
  if (request.authorizationList !== undefined) return 4;
  if (request.gasPrice === undefined) return 2;
  return request.accessList === undefined ? 0 : 1;
}

type Fees = Pick<UnsignedTransaction, "gasPrice" | "maxFeePerGas" | "maxPriorityFeePerGas">;

function legacyFees(context: ReadContext, request: TransactionRequest): Fees {
  const gasPrice = request.gasPrice ?? newestBaseFee(context) + suggestTip(context);
  return { gasPrice, maxFeePerGas: gasPrice, maxPriorityFeePerGas: gasPrice };
}

/** geth's filling: the suggested tip, and room for the base fee to double. */
function dynamicFees(context: ReadContext, request: TransactionRequest): Fees {
  const tip = request.maxPriorityFeePerGas ?? suggestTip(context);
  const cap = request.maxFeePerGas ?? request.gasPrice ?? tip + 2n * newestBaseFee(context);
  const maxPriorityFeePerGas = tip > cap ? cap : tip;
  return { gasPrice: cap, maxFeePerGas: cap, maxPriorityFeePerGas };
}
