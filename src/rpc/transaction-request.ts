// The transaction object of eth_call, eth_estimateGas and eth_sendTransaction: decoding, and the message that runs.

import { bigintToBytes, EMPTY_BYTES } from "#base/bytes.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import { ZERO_ADDRESS } from "#chain/primitives.ts";
import type { AccessListEntry, Authorization } from "#chain/transaction.ts";
import type { CallMessage } from "#evm/engine.ts";
import { serverError } from "./errors.ts";
import {
  addressParser,
  cannotUnmarshal,
  dataParser,
  decodeFields,
  type Fields,
  hash32Parser,
  jsonTypeName,
  objectOf,
  objectSchema,
  type Parser,
  uint64Parser,
  uint256Parser,
} from "./parameters.ts";

/** What a client gives of a transaction; everything may be absent. */
export type TransactionRequest = {
  readonly from?: Address;
  readonly to?: Address;
  readonly gas?: bigint;
  readonly gasPrice?: bigint;
  readonly maxFeePerGas?: bigint;
  readonly maxPriorityFeePerGas?: bigint;
  readonly value?: bigint;
  readonly nonce?: bigint;
  readonly data?: Uint8Array;
  readonly input?: Uint8Array;
  readonly chainId?: bigint;
  readonly accessList?: readonly AccessListEntry[];
  readonly authorizationList?: readonly Authorization[];
  readonly maxFeePerBlobGas?: bigint;
  readonly blobVersionedHashes?: readonly Hash32[];
};

const STRUCT = "TransactionArgs";

const accessListParser = listOf<AccessListEntry>((item, where) => {
  const entry = objectOf(item, "object", where);
  return {
    address: addressParser.parse(entry.address ?? "", "AccessTuple.address"),
    storageKeys: listOf((key) => hash32Parser.parse(key, "AccessTuple.storageKeys")).parse(entry.storageKeys ?? []),
  };
});

const authorizationListParser = listOf<Authorization>((item, where) => {
  const entry = objectOf(item, "object", where);
  const quantity = (name: string): bigint => uint256Parser.parse(entry[name] ?? "0x0", `SetCodeAuthorization.${name}`);
  return {
    chainId: quantity("chainId"),
    address: addressParser.parse(entry.address ?? "", "SetCodeAuthorization.address"),
    nonce: uint64Parser.parse(entry.nonce ?? "0x0", "SetCodeAuthorization.nonce"),
    yParity: Number(uint64Parser.parse(entry.yParity ?? entry.v ?? "0x0", "SetCodeAuthorization.yParity") & 0xffn),
    r: bigintToBytes(quantity("r"), 32),
    s: bigintToBytes(quantity("s"), 32),
  };
});

const FIELDS: Fields<TransactionRequest> = {
  from: addressParser,
  to: addressParser,
  gas: uint64Parser,
  gasPrice: uint256Parser,
  maxFeePerGas: uint256Parser,
  maxPriorityFeePerGas: uint256Parser,
  value: uint256Parser,
  nonce: uint64Parser,
  data: dataParser,
  input: dataParser,
  chainId: uint256Parser,
  accessList: accessListParser,
  authorizationList: authorizationListParser,
  maxFeePerBlobGas: uint256Parser,
  blobVersionedHashes: listOf((item) => hash32Parser.parse(item)),
};

/** The transaction object; unknown members are ignored, as geth does. */
export const transactionRequestParser: Parser<TransactionRequest> = {
  schema: objectSchema("TransactionRequest", FIELDS),
  parse: (value) => decodeFields(objectOf(value, `ethapi.${STRUCT}`), FIELDS, STRUCT),
};

/** The call data: `input`, or its older name `data`. */
export function callData(request: TransactionRequest): Uint8Array {
  return request.input ?? request.data ?? EMPTY_BYTES;
}

/** What running a request needs besides the request. */
export type MessageTerms = {
  readonly chainId: bigint;
  readonly gasLimit: bigint;
  readonly baseFee: bigint;
  readonly gasCap: bigint;
};

/**
 * The message of a call or an estimate.
 * @param terms `gasLimit` stands in for an absent `gas`; nothing runs with more than `gasCap`
 * @throws {RpcError} -32000 when the fee fields contradict each other, or the request is for another chain
 */
export function toCallMessage(request: TransactionRequest, terms: MessageTerms): CallMessage {
  checkFeeFields(request);
  checkChainId(request, terms.chainId);
  const gas = request.gas ?? terms.gasLimit;
  return {
    from: request.from ?? ZERO_ADDRESS,
    to: request.to ?? null,
    gas: capped(gas, terms.gasCap),
    gasPrice: messageGasPrice(request, terms.baseFee),
    value: request.value ?? 0n,
    data: callData(request),
    accessList: request.accessList ?? [],
    authorizationList: request.authorizationList ?? [],
    blobVersionedHashes: request.blobVersionedHashes ?? [],
    checks: "call",
  };
}

/**
 * Refuses fee fields that exclude each other.
 * @throws {RpcError} -32000
 */
export function checkFeeFields(request: TransactionRequest): void {
  const { gasPrice, maxFeePerGas, maxPriorityFeePerGas } = request;
  if (gasPrice !== undefined && (maxFeePerGas !== undefined || maxPriorityFeePerGas !== undefined)) {
    throw serverError("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified");
  }
  if (maxFeePerGas !== undefined && maxPriorityFeePerGas !== undefined && maxFeePerGas < maxPriorityFeePerGas) {
    throw serverError(`maxFeePerGas (${maxFeePerGas}) < maxPriorityFeePerGas (${maxPriorityFeePerGas})`);
  }
}

/**
 * Refuses a request that names another chain.
 * @throws {RpcError} -32000
 */
export function checkChainId({ chainId }: TransactionRequest, own: bigint): void {
  if (chainId === undefined || chainId === own) return;
  throw serverError(`chainId does not match node's (have=${chainId}, want=${own})`);
}

/** The price that GASPRICE shows: 0 without fee fields, else the effective price at this base fee. */
function messageGasPrice(request: TransactionRequest, baseFee: bigint): bigint {
  const { gasPrice, maxFeePerGas, maxPriorityFeePerGas } = request;
  if (gasPrice !== undefined) return gasPrice;
  if (maxFeePerGas === undefined && maxPriorityFeePerGas === undefined) return 0n;
  const cap = maxFeePerGas ?? 0n;
  const tip = maxPriorityFeePerGas ?? 0n;
  if (cap === 0n && tip === 0n) return 0n;
  const price = tip + baseFee;
  return price < cap ? price : cap;
}

function capped(value: bigint, cap: bigint): bigint {
  if (value > cap) return cap;
  return value;
}

function listOf<T>(parseItem: (item: unknown, where: string) => T): Parser<readonly T[]> {
  return {
    schema: { type: "array" },
    parse(value, where = "") {
      if (!Array.isArray(value)) throw cannotUnmarshal(jsonTypeName(value), "list", where === "" ? undefined : where);
      return value.map((item) => parseItem(item, where));
    },
  };
}
