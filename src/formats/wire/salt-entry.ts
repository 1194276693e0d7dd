// The byte forms of what SALT stores: plain keys and values of accounts and storage, the entry of a slot, and the
// metadata of a bucket. Plain values are big-endian as in the EVM, metadata is little-endian.
//
//   account   key address 20                   value nonce u64 | balance u256 [| code hash 32]    40 or 72 bytes
//   storage   key address 20 | slot key 32     value u256                                         32 bytes
//   metadata  key nonce u32 | capacity u64     value empty
//
//   entry     key size u8 | value size u8 | key | value | zeroes to 94 bytes
// @see https://github.com/megaeth-labs/salt

import { bigintFromBytes, bigintToBytes, concatBytes, EMPTY_BYTES, isZeroBytes } from "#base/bytes.ts";
import { FormatError } from "../codec.ts";

/** Size of an account's plain key. */
export const ACCOUNT_KEY_SIZE_BYTES = 20;
/** Size of a storage slot's plain key. */
export const STORAGE_KEY_SIZE_BYTES = 52;
/** Size of an entry with its sizes and padding. */
export const SALT_ENTRY_SIZE_BYTES = 94;
/** Size of a bucket's metadata. */
export const BUCKET_META_SIZE_BYTES = 12;

const ACCOUNT_VALUE_SIZE_BYTES = 40;
const CONTRACT_VALUE_SIZE_BYTES = 72;
const STORAGE_VALUE_SIZE_BYTES = 32;

/** What an occupied slot holds. Both byte strings are never changed after the entry is made. */
export type SaltEntry = { readonly key: Uint8Array; readonly value: Uint8Array };

/** An account as SALT knows it; there is no storage root. */
export type PlainAccount = {
  readonly nonce: bigint;
  readonly balance: bigint;
  /** null for an account without code. */
  readonly codeHash: Uint8Array | null;
};

/** Metadata of a data bucket. How many slots are in use is never written. */
export type BucketMeta = {
  /** Goes into the hash of every key of the bucket; u32. */
  readonly nonce: number;
  /** Slots; a power of two from 256 on. */
  readonly capacity: number;
};

/** Metadata of a bucket that none was written for. */
export const DEFAULT_BUCKET_META: BucketMeta = { nonce: 0, capacity: 256 };

/** The plain key of a storage slot, 52 bytes. @param address 20 bytes @param slot 32 bytes */
export function storagePlainKey(address: Uint8Array, slot: Uint8Array): Uint8Array {
  return concatBytes(address, slot);
}

/** The plain value of an account: 40 bytes, 72 with code. @throws {RangeError} when a number does not fit */
export function encodePlainAccount(account: PlainAccount): Uint8Array {
  return concatBytes(
    bigintToBytes(account.nonce, 8),
    bigintToBytes(account.balance, 32),
    account.codeHash ?? EMPTY_BYTES,
  );
}

/** An account from its plain value, or null when the bytes have another size. */
export function decodePlainAccount(value: Uint8Array): PlainAccount | null {
  if (value.length !== ACCOUNT_VALUE_SIZE_BYTES && value.length !== CONTRACT_VALUE_SIZE_BYTES) return null;
  return {
    nonce: bigintFromBytes(value.subarray(0, 8)),
    balance: bigintFromBytes(value.subarray(8, 40)),
    codeHash: value.length === CONTRACT_VALUE_SIZE_BYTES ? value.slice(40) : null,
  };
}

/** Whether key and value have the sizes of an account or of a storage slot. */
export function isDataEntry(entry: SaltEntry): boolean {
  const size = entry.value.length;
  if (entry.key.length === STORAGE_KEY_SIZE_BYTES) return size === STORAGE_VALUE_SIZE_BYTES;
  if (entry.key.length !== ACCOUNT_KEY_SIZE_BYTES) return false;
  return size === ACCOUNT_VALUE_SIZE_BYTES || size === CONTRACT_VALUE_SIZE_BYTES;
}

/**
 * Writes an entry as 94 bytes.
 * @throws {FormatError} when key and value do not fit
 */
export function writeSaltEntry(entry: SaltEntry, target: Uint8Array, offset: number): void {
  const { key, value } = entry;
  const used = 2 + key.length + value.length;
  if (used > SALT_ENTRY_SIZE_BYTES) throw new FormatError(`a SALT entry of ${used} bytes`, offset);
  target[offset] = key.length;
  target[offset + 1] = value.length;
  target.set(key, offset + 2);
  target.set(value, offset + 2 + key.length);
  target.fill(0, offset + used, offset + SALT_ENTRY_SIZE_BYTES);
}

/** An entry as 94 fresh bytes. @throws {FormatError} when key and value do not fit */
export function encodeSaltEntry(entry: SaltEntry): Uint8Array {
  const bytes = new Uint8Array(SALT_ENTRY_SIZE_BYTES);
  writeSaltEntry(entry, bytes, 0);
  return bytes;
}

/**
 * Reads an entry from 94 bytes; key and value are copies.
 * @throws {FormatError} when the sizes do not fit or the padding is not zero
 */
export function readSaltEntry(source: Uint8Array, offset: number): SaltEntry {
  if (offset + SALT_ENTRY_SIZE_BYTES > source.length) throw new FormatError("a SALT entry is cut off", offset);
  const valueAt = offset + 2 + source[offset]!;
  const end = valueAt + source[offset + 1]!;
  if (end > offset + SALT_ENTRY_SIZE_BYTES) throw new FormatError("sizes of a SALT entry", offset);
  if (!isZeroBytes(source.subarray(end, offset + SALT_ENTRY_SIZE_BYTES)))
    throw new FormatError("padding of a SALT entry", end);
  return { key: source.slice(offset + 2, valueAt), value: source.slice(valueAt, end) };
}

/** The entry that holds a bucket's metadata: the bytes are the key, the value is empty. */
export function bucketMetaEntry(meta: BucketMeta): SaltEntry {
  const key = new Uint8Array(BUCKET_META_SIZE_BYTES);
  const view = new DataView(key.buffer);
  view.setUint32(0, meta.nonce, true);
  view.setBigUint64(4, BigInt(meta.capacity), true);
  return { key, value: EMPTY_BYTES };
}

/** What a metadata slot holds that nothing was written to. */
export const DEFAULT_BUCKET_META_ENTRY: SaltEntry = bucketMetaEntry(DEFAULT_BUCKET_META);

/**
 * Metadata from its entry.
 * @throws {FormatError} when the entry has other sizes, or a capacity that no bucket can have
 */
export function bucketMetaFromEntry(entry: SaltEntry): BucketMeta {
  const { key, value } = entry;
  if (key.length !== BUCKET_META_SIZE_BYTES || value.length !== 0) throw new FormatError("sizes of bucket metadata", 0);
  const view = new DataView(key.buffer, key.byteOffset, key.length);
  const capacity = view.getBigUint64(4, true);
  const isPossible = capacity >= 256n && capacity <= 1n << 39n && (capacity & (capacity - 1n)) === 0n;
  if (!isPossible) throw new FormatError(`a bucket of ${capacity} slots`, 4);
  return { nonce: view.getUint32(0, true), capacity: Number(capacity) };
}
