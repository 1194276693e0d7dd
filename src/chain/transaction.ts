// Transactions of all five types: the object form, the signed envelope, hashes, signing and sender recovery.
//
//   legacy  rlp([nonce, gasPrice, gasLimit, to, value, data, v, r, s])
//   1       01 ‖ rlp([chainId, nonce, gasPrice, gasLimit, to, value, data, accessList, yParity, r, s])
//   2       02 ‖ rlp([chainId, nonce, tip, feeCap, gasLimit, to, value, data, accessList, yParity, r, s])
//   3       03 ‖ rlp([…as 2 up to accessList…, maxFeePerBlobGas, blobVersionedHashes, yParity, r, s])
//   4       04 ‖ rlp([…as 2 up to accessList…, authorizationList, yParity, r, s])
//
// Decoding makes no copy of data, addresses, storage keys or hashes: they are views of the input, which must not change after.

import { concatBytes, EMPTY_BYTES, trimLeadingZeroes } from "#base/bytes.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { recoverAddress, sign } from "#crypto/secp256k1.ts";
import type { Address, Hash32, Wei } from "./primitives.ts";
import { encodeRlp, RlpError, type RlpItem, RlpReader, rlpInteger } from "./rlp.ts";
import { isLowS } from "./signature-values.ts";

/** The EIP-2718 type byte; 0 is the legacy form without a byte. */
export type TransactionType = 0 | 1 | 2 | 3 | 4;

/** One account, and storage keys of it, that a transaction declares ahead. @see EIP-2930 */
export type AccessListEntry = { readonly address: Address; readonly storageKeys: readonly Hash32[] };

/** One signed permission to delegate an account's code. `r`, `s` are padded to 32 bytes. @see EIP-7702 */
export type Authorization = {
  readonly chainId: bigint;
  readonly address: Address;
  readonly nonce: bigint;
  /** 0 or 1 in a valid one; any byte decodes, as an invalid authorization is skipped, not refused. */
  readonly yParity: number;
  readonly r: Hash32;
  readonly s: Hash32;
};

/** A transaction without its signature. */
export type UnsignedTransaction = {
  readonly type: TransactionType;
  /** null: a legacy transaction without replay protection (EIP-155). */
  readonly chainId: bigint | null;
  readonly nonce: bigint;
  /** Types 0 and 1: the price. Others: equal to `maxFeePerGas`. */
  readonly gasPrice: Wei;
  /** Fee cap per gas; types 0 and 1: equal to `gasPrice`. */
  readonly maxFeePerGas: Wei;
  /** Tip cap per gas; types 0 and 1: equal to `gasPrice`. */
  readonly maxPriorityFeePerGas: Wei;
  readonly gasLimit: bigint;
  /** null creates a contract. */
  readonly to: Address | null;
  readonly value: Wei;
  readonly data: Uint8Array;
  readonly accessList: readonly AccessListEntry[];
  readonly authorizationList: readonly Authorization[];
  /** Type 3 only, else 0. */
  readonly maxFeePerBlobGas: Wei;
  /** Type 3 only, else empty. */
  readonly blobVersionedHashes: readonly Hash32[];
};

/** A signed transaction. `r` and `s` are padded to 32 bytes. */
export type Transaction = UnsignedTransaction & { readonly yParity: 0 | 1; readonly r: Hash32; readonly s: Hash32 };

/** Bytes that are no signed transaction; the message is in geth's words. */
export class TransactionDecodeError extends Error {
  override readonly name = "TransactionDecodeError";
  readonly code = "TRANSACTION_INVALID";
}

const GO_TYPE_NAMES = ["types.LegacyTx", "types.AccessListTx", "types.DynamicFeeTx", "types.BlobTx", "types.SetCodeTx"];
const BIG_INT = "*big.Int";
const UINT_256 = "uint256.Int";
const NO_ACCESS_LIST: readonly AccessListEntry[] = [];
const NO_AUTHORIZATIONS: readonly Authorization[] = [];
const NO_HASHES: readonly Hash32[] = [];
const INVALID_SIGNATURE = "invalid transaction v, r, s values";

/**
 * Decodes a signed transaction: a typed envelope, or a legacy list. The form that carries blobs is refused.
 * @returns a transaction whose byte fields, apart from `r` and `s`, are views of `bytes`
 * @throws {TransactionDecodeError} when the bytes are not exactly one canonical transaction
 */
export function decodeTransaction(bytes: Uint8Array): Transaction {
  try {
    const first = bytes[0];
    if (first !== undefined && first > 0x7f) return decodeLegacy(bytes);
    if (first === undefined || bytes.length === 1) throw new RlpError("typed transaction too short");
    if (first < 1 || first > 4) throw new RlpError("transaction type not supported");
    return decodeTyped(bytes, first as 1 | 2 | 3 | 4);
  } catch (error) {
    if (error instanceof RlpError) throw new TransactionDecodeError(error.message);
    throw error;
  }
}

/** The canonical signed bytes: what is hashed, sent and stored. */
export function encodeTransaction(transaction: Transaction): Uint8Array {
  const { type, chainId, yParity } = transaction;
  const fields = unsignedFields(transaction);
  if (type === 0) fields.push(rlpInteger(chainId === null ? 27 + yParity : chainId * 2n + BigInt(35 + yParity)));
  else fields.push(rlpInteger(yParity));
  fields.push(trimLeadingZeroes(transaction.r), trimLeadingZeroes(transaction.s));
  return envelope(type, fields);
}

/** The transaction hash: keccak256 of the canonical signed bytes. */
export function transactionHash(bytes: Uint8Array): Hash32 {
  return keccak256(bytes);
}

/**
 * The hash that the sender signs.
 * @see EIP-155 for legacy transactions, EIP-2718 for the others; `signing-payload.ts` for the form without objects
 */
export function signingHash(transaction: UnsignedTransaction): Hash32 {
  const fields = unsignedFields(transaction);
  if (transaction.type === 0 && transaction.chainId !== null) {
    fields.push(rlpInteger(transaction.chainId), EMPTY_BYTES, EMPTY_BYTES);
  }
  return keccak256(envelope(transaction.type, fields));
}

/**
 * The address whose key signed the transaction; null when the signature fits no key.
 * A high `s` is accepted: refusing it from Homestead on is `checkStateless`'s part (EIP-2).
 */
export function recoverSender(transaction: Transaction): Address | null {
  return recoverAddress(signingHash(transaction), transaction.r, transaction.s, transaction.yParity);
}

/** The hash that the authority of an EIP-7702 authorization signs. */
export function authorizationHash(authorization: Pick<Authorization, "chainId" | "address" | "nonce">): Hash32 {
  const { chainId, address, nonce } = authorization;
  return keccak256(concatBytes(Uint8Array.of(5), encodeRlp([rlpInteger(chainId), address, rlpInteger(nonce)])));
}

/**
 * The account that an authorization speaks for; null when its signature is not valid (parity, range, low `s`).
 * Chain id and nonce are for the caller to check. @see EIP-7702
 */
export function recoverAuthority(authorization: Authorization): Address | null {
  const { yParity, r, s } = authorization;
  if ((yParity !== 0 && yParity !== 1) || !isLowS(s)) return null;
  return recoverAddress(authorizationHash(authorization), r, s, yParity);
}

/** Signs with a 32-byte private key (RFC 6979, low `s`). */
export function signTransaction(unsigned: UnsignedTransaction, privateKey: Uint8Array): Transaction {
  const { yParity, r, s } = sign(signingHash(unsigned), privateKey);
  return { ...unsigned, yParity, r, s };
}

/** The address of a contract made by a creation transaction or CREATE at this nonce. */
export function contractAddress(sender: Address, nonce: bigint): Address {
  return keccak256(encodeRlp([sender, rlpInteger(nonce)])).slice(12);
}

/**
 * The address of a contract made by CREATE2.
 * @param salt 32 bytes
 * @param initCodeHash keccak256 of the init code
 * @see EIP-1014
 */
export function create2Address(deployer: Address, salt: Uint8Array, initCodeHash: Hash32): Address {
  return keccak256(concatBytes(Uint8Array.of(0xff), deployer, salt, initCodeHash)).slice(12);
}

/** What the sender pays per gas at this base fee. The fee cap must cover the base fee. @see EIP-1559 */
export function effectiveGasPrice(transaction: UnsignedTransaction, baseFee: Wei): Wei {
  return baseFee + effectiveTip(transaction, baseFee);
}

/** What the beneficiary gets per gas at this base fee; negative when the fee cap does not cover the base fee. */
export function effectiveTip(transaction: UnsignedTransaction, baseFee: Wei): Wei {
  const room = transaction.maxFeePerGas - baseFee;
  if (room < transaction.maxPriorityFeePerGas) return room;
  return transaction.maxPriorityFeePerGas;
}

function decodeLegacy(bytes: Uint8Array): Transaction {
  const reader = new RlpReader(bytes, GO_TYPE_NAMES[0]!);
  const token = reader.enterList(GO_TYPE_NAMES[0]!, "");
  const nonce = readUint64(reader, "Nonce");
  const gasPrice = reader.readInteger(32, "GasPrice", BIG_INT);
  const gasLimit = readUint64(reader, "Gas");
  const to = readRecipient(reader, true);
  const value = reader.readInteger(32, "Value", BIG_INT);
  const data = reader.readBytes("Data");
  const v = reader.readInteger(32, "V", BIG_INT);
  const r = reader.readWord("R", BIG_INT);
  const s = reader.readWord("S", BIG_INT);
  reader.leaveList(token, GO_TYPE_NAMES[0]!, "");
  reader.finish();
  const unprotected = v === 27n || v === 28n;
  if (!unprotected && v < 35n) throw new RlpError(INVALID_SIGNATURE);
  return {
    type: 0,
    chainId: unprotected ? null : (v - 35n) >> 1n,
    nonce,
    gasPrice,
    maxFeePerGas: gasPrice,
    maxPriorityFeePerGas: gasPrice,
    gasLimit,
    to,
    value,
    data,
    accessList: NO_ACCESS_LIST,
    authorizationList: NO_AUTHORIZATIONS,
    maxFeePerBlobGas: 0n,
    blobVersionedHashes: NO_HASHES,
    yParity: (v & 1n) === 1n ? 0 : 1, // 27 and 35 + 2·chainId are odd
    r,
    s,
  };
}

function decodeTyped(bytes: Uint8Array, type: 1 | 2 | 3 | 4): Transaction {
  const goType = GO_TYPE_NAMES[type]!;
  const integerType = type < 3 ? BIG_INT : UINT_256;
  const reader = new RlpReader(bytes, goType, 1);
  const token = reader.enterList(goType, "");
  if (type === 3) refuseBlobWrapper(reader);
  const chainId = reader.readInteger(32, "ChainID", integerType);
  const nonce = readUint64(reader, "Nonce");
  const firstFee = reader.readInteger(32, type === 1 ? "GasPrice" : "GasTipCap", integerType);
  const maxFeePerGas = type === 1 ? firstFee : reader.readInteger(32, "GasFeeCap", integerType);
  const gasLimit = readUint64(reader, "Gas");
  const to = readRecipient(reader, type < 3);
  const value = reader.readInteger(32, "Value", integerType);
  const data = reader.readBytes("Data");
  const accessList = readAccessList(reader);
  const maxFeePerBlobGas = type === 3 ? reader.readInteger(32, "BlobFeeCap", UINT_256) : 0n;
  const blobVersionedHashes = type === 3 ? readBlobHashes(reader) : NO_HASHES;
  const authorizationList = type === 4 ? readAuthorizations(reader) : NO_AUTHORIZATIONS;
  const yParity = reader.readInteger(32, "V", integerType);
  const r = reader.readWord("R", integerType);
  const s = reader.readWord("S", integerType);
  reader.leaveList(token, goType, "");
  reader.finish();
  if (yParity > 1n) throw new RlpError(INVALID_SIGNATURE);
  return {
    type,
    chainId,
    nonce,
    gasPrice: maxFeePerGas,
    maxFeePerGas,
    maxPriorityFeePerGas: firstFee,
    gasLimit,
    to,
    value,
    data,
    accessList,
    authorizationList,
    maxFeePerBlobGas,
    blobVersionedHashes,
    yParity: yParity === 1n ? 1 : 0,
    r,
    s,
  };
}

function readUint64(reader: RlpReader, field: string): bigint {
  return reader.readInteger(8, field, "uint64");
}

function readRecipient(reader: RlpReader, mayCreate: boolean): Address | null {
  reader.next();
  const size = reader.offset - reader.payloadOffset;
  if (reader.isList) reader.fail("expected input string or byte", "common.Address", "To");
  if (size === 0 && mayCreate) return null;
  if (size < 20) reader.fail("input string too short", "common.Address", "To");
  if (size > 20) reader.fail("input string too long", "common.Address", "To");
  return reader.bytes.subarray(reader.payloadOffset, reader.offset);
}

function readAccessList(reader: RlpReader): readonly AccessListEntry[] {
  const token = reader.enterList("types.AccessList", "AccessList");
  if (!reader.hasNext()) {
    reader.leaveList(token, "types.AccessList", "AccessList");
    return NO_ACCESS_LIST;
  }
  const entries: AccessListEntry[] = [];
  while (reader.hasNext()) {
    reader.path = `.AccessList[${entries.length}]`;
    const entryToken = reader.enterList("types.AccessTuple", "");
    const address = reader.readFixed(20, "Address", "common.Address");
    const keysToken = reader.enterList("[]common.Hash", "StorageKeys");
    const storageKeys: Hash32[] = [];
    while (reader.hasNext()) storageKeys.push(reader.readFixed(32, "StorageKeys", "common.Hash"));
    reader.leaveList(keysToken, "[]common.Hash", "StorageKeys");
    reader.leaveList(entryToken, "types.AccessTuple", "");
    entries.push({ address, storageKeys });
  }
  reader.path = "";
  reader.leaveList(token, "types.AccessList", "AccessList");
  return entries;
}

function readBlobHashes(reader: RlpReader): readonly Hash32[] {
  const token = reader.enterList("[]common.Hash", "BlobHashes");
  const hashes: Hash32[] = [];
  while (reader.hasNext()) hashes.push(reader.readFixed(32, "BlobHashes", "common.Hash"));
  reader.leaveList(token, "[]common.Hash", "BlobHashes");
  return hashes;
}

function readAuthorizations(reader: RlpReader): readonly Authorization[] {
  const token = reader.enterList("[]types.SetCodeAuthorization", "AuthList");
  const list: Authorization[] = [];
  while (reader.hasNext()) {
    reader.path = `.AuthList[${list.length}]`;
    const entryToken = reader.enterList("types.SetCodeAuthorization", "");
    const chainId = reader.readInteger(32, "ChainID", UINT_256);
    const address = reader.readFixed(20, "Address", "common.Address");
    const nonce = readUint64(reader, "Nonce");
    const yParity = Number(reader.readInteger(1, "V", "uint8"));
    const r = reader.readWord("R", UINT_256);
    const s = reader.readWord("S", UINT_256);
    reader.leaveList(entryToken, "types.SetCodeAuthorization", "");
    list.push({ chainId, address, nonce, yParity, r, s });
  }
  reader.path = "";
  reader.leaveList(token, "[]types.SetCodeAuthorization", "AuthList");
  return list;
}

/** The network form of a blob transaction is a list whose first element is the transaction's own list. */
function refuseBlobWrapper(reader: RlpReader): void {
  const start = reader.offset;
  reader.next();
  if (reader.isList) throw new RlpError("unexpected blob sidecar in transaction");
  reader.offset = start;
}

function unsignedFields(transaction: UnsignedTransaction): RlpItem[] {
  const { type, to } = transaction;
  const fields: RlpItem[] = [];
  if (type !== 0) fields.push(rlpInteger(transaction.chainId ?? 0n));
  fields.push(rlpInteger(transaction.nonce));
  if (type < 2) fields.push(rlpInteger(transaction.gasPrice));
  else fields.push(rlpInteger(transaction.maxPriorityFeePerGas), rlpInteger(transaction.maxFeePerGas));
  fields.push(rlpInteger(transaction.gasLimit), to ?? EMPTY_BYTES, rlpInteger(transaction.value), transaction.data);
  if (type !== 0) fields.push(transaction.accessList.map((entry) => [entry.address, entry.storageKeys]));
  if (type === 3) fields.push(rlpInteger(transaction.maxFeePerBlobGas), transaction.blobVersionedHashes);
  if (type === 4) fields.push(transaction.authorizationList.map(authorizationFields));
  return fields;
}

function authorizationFields(authorization: Authorization): RlpItem {
  const { chainId, address, nonce, yParity, r, s } = authorization;
  return [
    rlpInteger(chainId),
    address,
    rlpInteger(nonce),
    rlpInteger(yParity),
    trimLeadingZeroes(r),
    trimLeadingZeroes(s),
  ];
}

function envelope(type: TransactionType, fields: readonly RlpItem[]): Uint8Array {
  const list = encodeRlp(fields);
  if (type === 0) return list;
  const bytes = new Uint8Array(list.length + 1);
  bytes[0] = type;
  bytes.set(list, 1);
  return bytes;
}
