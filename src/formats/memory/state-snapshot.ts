// The canonical dump of one state version: the same bytes on every node that holds it, whatever way it came there.
// A stream of chunks, each of one kind; the digest covers the header and the items, not how they are cut into chunks.
//
//   header chunk:  kind 0 | "MEGASTAT" | format u16 | version | key count | code count          (counts are varints)
//   codes chunk:   kind 1 | count | byte strings, by code id from 1
//   keys chunk:    kind 2 | count | items, by key index from 0:
//                    account: tag 0 (gone) | address     tag 1 | address | nonce | balance | code id
//                    slot:    tag 2 | owner's index | key | value without leading zeroes (size 0 = gone)
//   end chunk:     kind 3 | BLAKE3 digest

import { isZeroBytes, trimLeadingZeroes, utf8 } from "#base/bytes.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import { type ByteReader, type ByteWriter, FormatError } from "../codec.ts";
import { CODE_SIZE_BYTES_MAX } from "../wire/diff.ts";

/** Kinds of chunk, the first byte of each. */
export const SNAPSHOT_CHUNK = { header: 0, codes: 1, keys: 2, end: 3 } as const;
/** A chunk ends with the item that reaches this size. */
export const SNAPSHOT_CHUNK_SIZE_BYTES = 1 << 20;
/** No honest chunk is larger: a full one less a byte, and then the largest item. */
export const SNAPSHOT_CHUNK_SIZE_BYTES_MAX: number = SNAPSHOT_CHUNK_SIZE_BYTES + CODE_SIZE_BYTES_MAX + 64;
/** Version of this format. */
export const SNAPSHOT_FORMAT = 1;

const MAGIC = utf8("MEGASTAT");
const TAG_GONE = 0;
const TAG_ACCOUNT = 1;
const TAG_SLOT = 2;

/** Smallest item: an account that is gone. */
export const SNAPSHOT_KEY_SIZE_BYTES_MIN = 21;

/** What the header says. */
export type SnapshotHeader = {
  /** The state version. */
  readonly version: number;
  /** Keys with an index at that version, tombstones included. */
  readonly keyCount: number;
  /** Codes stored at that version. */
  readonly codeCount: number;
};

/** One key with its value at the version. */
export type SnapshotKey =
  | {
      readonly kind: "account";
      readonly address: Address;
      /** null = tombstone. */
      readonly account: { readonly nonce: bigint; readonly balance: bigint; readonly codeId: number } | null;
    }
  | { readonly kind: "slot"; readonly ownerIndex: number; readonly slot: Hash32; readonly value: Uint8Array };

/** Appends the header without the chunk kind. */
export function writeSnapshotHeader(writer: ByteWriter, header: SnapshotHeader): void {
  writer.raw(MAGIC).u16(SNAPSHOT_FORMAT);
  writer.varint(header.version).varint(header.keyCount).varint(header.codeCount);
}

/** Reads the header without the chunk kind. @throws {FormatError} */
export function readSnapshotHeader(reader: ByteReader): SnapshotHeader {
  const magic = reader.raw(MAGIC.length);
  if (magic.some((byte, i) => byte !== MAGIC[i])) throw new FormatError("not a state snapshot", reader.offset);
  const format = reader.u16();
  if (format !== SNAPSHOT_FORMAT) throw new FormatError(`snapshot format ${format}`, reader.offset);
  return { version: reader.varint(), keyCount: reader.varint(), codeCount: reader.varint() };
}

/** Appends one key item. */
export function writeSnapshotKey(writer: ByteWriter, key: SnapshotKey): void {
  if (key.kind === "slot") {
    const value = trimLeadingZeroes(key.value);
    writer.u8(TAG_SLOT).varint(key.ownerIndex).raw(key.slot).u8(value.length).raw(value);
    return;
  }
  if (key.account === null) {
    writer.u8(TAG_GONE).raw(key.address);
    return;
  }
  const { nonce, balance, codeId } = key.account;
  writer.u8(TAG_ACCOUNT).raw(key.address).integer(nonce).integer(balance).varint(codeId);
}

/** Reads one key item; byte strings are views. @throws {FormatError} */
export function readSnapshotKey(reader: ByteReader): SnapshotKey {
  const tag = reader.u8();
  if (tag === TAG_GONE) return { kind: "account", address: reader.raw(20), account: null };
  if (tag === TAG_ACCOUNT) {
    const address = reader.raw(20);
    return {
      kind: "account",
      address,
      account: { nonce: reader.integer(8), balance: reader.integer(32), codeId: reader.varint() },
    };
  }
  if (tag !== TAG_SLOT) throw new FormatError(`unknown key tag ${tag}`, reader.offset);
  const ownerIndex = reader.varint();
  const slot = reader.raw(32);
  const size = reader.u8();
  if (size > 32) throw new FormatError(`slot value of ${size} bytes`, reader.offset);
  const trimmed = reader.raw(size);
  if (size > 0 && isZeroBytes(trimmed.subarray(0, 1)))
    throw new FormatError("slot value is not minimal", reader.offset);
  const value = new Uint8Array(32);
  value.set(trimmed, 32 - size);
  return { kind: "slot", ownerIndex, slot, value };
}
