// A waiting transaction back from its JSON form: upstream shows it field by field, and its own bytes are what a replica needs.
// Whatever the fields say, the result counts only when its hash is the one that was asked for.

import { bigintToBytes, bytesEqual } from "#base/bytes.ts";
import { tryFromHex } from "#base/hex.ts";
import type { Hash32 } from "#chain/primitives.ts";
import {
  type AccessListEntry,
  type Authorization,
  encodeTransaction,
  type Transaction,
  type TransactionType,
  transactionHash,
} from "#chain/transaction.ts";

/**
 * The encoded transaction that a JSON object shows.
 * @returns null when a field is missing or the whole does not hash to `hash`
 */
export function rawFromJson(json: unknown, hash: Hash32): Uint8Array | null {
  const transaction = readTransaction(json);
  if (transaction === null) return null;
  const raw = encodeTransaction(transaction);
  return bytesEqual(transactionHash(raw), hash) ? raw : null;
}

type Fields = Record<string, unknown>;

function readTransaction(json: unknown): Transaction | null {
  if (typeof json !== "object" || json === null) return null;
  try {
    return compose(json as Fields);
  } catch (error) {
    if (error instanceof FieldError) return null;
    throw error;
  }
}

function compose(fields: Fields): Transaction {
  const type = Number(quantity(fields.type ?? "0x0"));
  if (type > 4) throw new FieldError();
  const v = quantity(fields.v ?? fields.yParity);
  const isProtected = type !== 0 || v >= 35n;
  const gasPrice = quantity(fields.gasPrice ?? fields.maxFeePerGas);
  return {
    type: type as TransactionType,
    chainId: !isProtected ? null : type === 0 ? (v - 35n) / 2n : quantity(fields.chainId),
    nonce: quantity(fields.nonce),
    gasPrice: type < 2 ? gasPrice : quantity(fields.maxFeePerGas),
    maxFeePerGas: type < 2 ? gasPrice : quantity(fields.maxFeePerGas),
    maxPriorityFeePerGas: type < 2 ? gasPrice : quantity(fields.maxPriorityFeePerGas),
    gasLimit: quantity(fields.gas),
    to: fields.to === null || fields.to === undefined ? null : bytes(fields.to, 20),
    value: quantity(fields.value),
    data: bytes(fields.input, null),
    accessList: list(fields.accessList).map(readAccess),
    authorizationList: list(fields.authorizationList).map(readAuthorization),
    maxFeePerBlobGas: type === 3 ? quantity(fields.maxFeePerBlobGas) : 0n,
    blobVersionedHashes: list(fields.blobVersionedHashes).map((hash) => bytes(hash, 32)),
    yParity: parity(type === 0 ? (isProtected ? (v - 35n) % 2n : v - 27n) : v),
    r: word(fields.r),
    s: word(fields.s),
  };
}

function readAccess(json: unknown): AccessListEntry {
  const { address, storageKeys } = json as Fields;
  return { address: bytes(address, 20), storageKeys: list(storageKeys).map((key) => bytes(key, 32)) };
}

function readAuthorization(json: unknown): Authorization {
  const { chainId, address, nonce, yParity, r, s } = json as Fields;
  return {
    chainId: quantity(chainId),
    address: bytes(address, 20),
    nonce: quantity(nonce),
    yParity: Number(quantity(yParity)),
    r: word(r),
    s: word(s),
  };
}

/** A field is missing or no value of its kind. */
class FieldError extends Error {}

function quantity(value: unknown): bigint {
  if (typeof value !== "string" || !/^0x[0-9a-fA-F]{1,64}$/.test(value)) throw new FieldError();
  return BigInt(value);
}

function word(value: unknown): Uint8Array {
  return bigintToBytes(quantity(value), 32);
}

function parity(value: bigint): 0 | 1 {
  if (value !== 0n && value !== 1n) throw new FieldError();
  return value === 0n ? 0 : 1;
}

function bytes(value: unknown, size: number | null): Uint8Array {
  const found = typeof value === "string" ? tryFromHex(value) : null;
  if (found === null || (size !== null && found.length !== size)) throw new FieldError();
  return found;
}

function list(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.some((item) => item === null || item === undefined)) throw new FieldError();
  return value;
}
