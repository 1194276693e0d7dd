// JSON forms of blocks, transactions, receipts and logs, field by field as geth gives them.
// Quantities are minimal hex. A transaction whose EVM block is not sealed yet carries the all-ff block hash.

import { trimLeadingZeroes } from "#base/bytes.ts";
import { type Hex, toBareHex, toHex, toQuantity } from "#base/hex.ts";
import { logsBloom } from "#chain/bloom.ts";
import type { BlockHeader } from "#chain/header.ts";
import type { Log } from "#chain/log.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import type { Receipt } from "#chain/receipt.ts";
import {
  type AccessListEntry,
  type Authorization,
  contractAddress,
  effectiveGasPrice,
  type Transaction,
} from "#chain/transaction.ts";
import type { SealPayload } from "#formats/wire/payloads.ts";

/** A JSON object on its way out. */
export type Json = { [key: string]: unknown };

/** Where a transaction sits; null for one that still waits in the pool. */
export type TransactionPlace = {
  readonly blockHash: Hash32;
  readonly blockNumber: number;
  readonly blockTimestamp: number;
  readonly transactionIndex: number;
  readonly baseFee: bigint;
};

/** A transaction with everything that its JSON forms need. */
export type PlacedTransaction = {
  readonly transaction: Transaction;
  readonly hash: Hash32;
  readonly sender: Address;
  readonly place: TransactionPlace | null;
};

/** The JSON of a transaction: eth_getTransactionByHash, full blocks, mini-blocks. */
export function renderTransaction({ transaction, hash, sender, place }: PlacedTransaction): Json {
  const { type, gasPrice, maxFeePerGas, maxPriorityFeePerGas } = transaction;
  const json: Json = {
    blockHash: place === null ? null : toHex(place.blockHash),
    blockNumber: place === null ? null : toQuantity(place.blockNumber),
    blockTimestamp: place === null ? null : toQuantity(place.blockTimestamp),
    from: toHex(sender),
    gas: toQuantity(transaction.gasLimit),
    gasPrice: toQuantity(
      type < 2 ? gasPrice : place === null ? maxFeePerGas : effectiveGasPrice(transaction, place.baseFee),
    ),
  };
  if (type >= 2) {
    json.maxFeePerGas = toQuantity(maxFeePerGas);
    json.maxPriorityFeePerGas = toQuantity(maxPriorityFeePerGas);
  }
  if (type === 3) json.maxFeePerBlobGas = toQuantity(transaction.maxFeePerBlobGas);
  json.hash = toHex(hash);
  json.input = toHex(transaction.data);
  json.nonce = toQuantity(transaction.nonce);
  json.to = transaction.to === null ? null : toHex(transaction.to);
  json.transactionIndex = place === null ? null : toQuantity(place.transactionIndex);
  json.value = toQuantity(transaction.value);
  json.type = toQuantity(type);
  addTypedFields(json, transaction);
  return json;
}

function addTypedFields(json: Json, transaction: Transaction): void {
  const { type, chainId, yParity } = transaction;
  if (type !== 0) {
    json.accessList = renderAccessList(transaction.accessList);
  }
  if (chainId !== null) json.chainId = toQuantity(chainId);
  if (type === 3) json.blobVersionedHashes = transaction.blobVersionedHashes.map(toHex);
  if (type === 4) json.authorizationList = transaction.authorizationList.map(renderAuthorization);
  const legacyV = chainId === null ? 27n + BigInt(yParity) : chainId * 2n + 35n + BigInt(yParity);
  json.v = toQuantity(type === 0 ? legacyV : yParity);
  json.r = wordQuantity(transaction.r);
  json.s = wordQuantity(transaction.s);
  if (type !== 0) json.yParity = toQuantity(yParity);
}

/** An access list. */
export function renderAccessList(accessList: readonly AccessListEntry[]): Json[] {
  return accessList.map(({ address, storageKeys }) => {
    return { address: toHex(address), storageKeys: storageKeys.map(toHex) };
  });
}

function renderAuthorization(authorization: Authorization): Json {
  return {
    chainId: toQuantity(authorization.chainId),
    address: toHex(authorization.address),
    nonce: toQuantity(authorization.nonce),
    yParity: toQuantity(authorization.yParity),
    r: wordQuantity(authorization.r),
    s: wordQuantity(authorization.s),
  };
}

/** A receipt with what the log does not say of it. */
export type PlacedReceipt = PlacedTransaction & {
  readonly receipt: Receipt;
  readonly place: TransactionPlace;
  /** Index in the EVM block of the receipt's first log. */
  readonly firstLogIndex: number;
};

/** The JSON of a receipt. */
export function renderReceipt(placed: PlacedReceipt): Json {
  const { transaction, hash, sender, place, receipt } = placed;
  return {
    blockHash: toHex(place.blockHash),
    blockNumber: toQuantity(place.blockNumber),
    contractAddress: transaction.to === null ? toHex(contractAddress(sender, transaction.nonce)) : null,
    cumulativeGasUsed: toQuantity(receipt.cumulativeGasUsed),
    effectiveGasPrice: toQuantity(effectiveGasPrice(transaction, place.baseFee)),
    from: toHex(sender),
    gasUsed: toQuantity(receipt.gasUsed),
    logs: receipt.logs.map((log, index) => renderLog(log, { ...place, hash, logIndex: placed.firstLogIndex + index })),
    logsBloom: toHex(logsBloom(receipt.logs)),
    status: toQuantity(receipt.status),
    to: transaction.to === null ? null : toHex(transaction.to),
    transactionHash: toHex(hash),
    transactionIndex: toQuantity(place.transactionIndex),
    type: toQuantity(receipt.type),
  };
}

/** Where a log sits. */
export type LogPlace = Omit<TransactionPlace, "baseFee"> & {
  /** Transaction hash. */
  readonly hash: Hash32;
  /** Index in the EVM block. */
  readonly logIndex: number;
  /** True in a notice that the log was undone. */
  readonly removed?: boolean;
};

/** The JSON of a log. */
export function renderLog(log: Log, place: LogPlace): Json {
  return {
    address: toHex(log.address),
    topics: log.topics.map(toHex),
    data: toHex(log.data),
    blockNumber: toQuantity(place.blockNumber),
    transactionHash: toHex(place.hash),
    transactionIndex: toQuantity(place.transactionIndex),
    blockHash: toHex(place.blockHash),
    blockTimestamp: toQuantity(place.blockTimestamp),
    logIndex: toQuantity(place.logIndex),
    removed: place.removed ?? false,
  };
}

/** The JSON of a header, as newHeads and blocks share it. */
export function renderHeader(header: BlockHeader, hash: Hash32): Json {
  const json: Json = {
    number: toQuantity(header.number),
    hash: toHex(hash),
    parentHash: toHex(header.parentHash),
    nonce: toHex(header.nonce),
    mixHash: toHex(header.mixHash),
    sha3Uncles: toHex(header.ommersHash),
    logsBloom: toHex(header.logsBloom),
    transactionsRoot: toHex(header.transactionsRoot),
    stateRoot: toHex(header.stateRoot),
    receiptsRoot: toHex(header.receiptsRoot),
    miner: toHex(header.beneficiary),
    difficulty: toQuantity(header.difficulty),
    extraData: toHex(header.extraData),
    gasLimit: toQuantity(header.gasLimit),
    gasUsed: toQuantity(header.gasUsed),
    timestamp: toQuantity(header.timestamp),
  };
  if (header.baseFeePerGas !== undefined) json.baseFeePerGas = toQuantity(header.baseFeePerGas);
  if (header.withdrawalsRoot !== undefined) json.withdrawalsRoot = toHex(header.withdrawalsRoot);
  if (header.blobGasUsed !== undefined) json.blobGasUsed = toQuantity(header.blobGasUsed);
  if (header.excessBlobGas !== undefined) json.excessBlobGas = toQuantity(header.excessBlobGas);
  if (header.parentBeaconBlockRoot !== undefined) {
    json.parentBeaconBlockRoot = toHex(header.parentBeaconBlockRoot);
  }
  if (header.requestsHash !== undefined) json.requestsHash = toHex(header.requestsHash);
  return json;
}

/** The mini-block counters and the sequencer's header signature that blocks and newHeads carry. */
export function renderSealFields(seal: SealPayload): Json {
  return {
    txOffset: toQuantity(seal.transactionOffset),
    miniBlockOffset: toQuantity(seal.miniBlockOffset),
    miniBlockCount: toQuantity(seal.miniBlockCount),
    signature: toHex(seal.headerSignature),
  };
}

/** A 32-byte word as a minimal quantity. */
export function wordQuantity(word: Uint8Array): Hex {
  const digits = toBareHex(trimLeadingZeroes(word));
  if (digits === "") return "0x0";
  return `0x${digits.startsWith("0") ? digits.slice(1) : digits}`;
}
