// The state diff section of a mini-block: which keys are new, and the absolute new value of every changed key.
// Known keys are named by their key index (insertion order, ARCHITECTURE.md rule 5), 1 to 2 bytes each after delta coding
// instead of 20 or 52. Columns, so that equal kinds of bytes lie together for the compressor:
//
//   first new index, new keys:  kind column | account addresses | slot owners (index) | slot keys
//   accounts:  count | index deltas | flag bytes (1 exists, 2 has code) | nonces | balances | code hashes of those with code
//   slots:     count | index deltas | value sizes | values without leading zeroes (size 0 = deleted)
//   codes:     count | byte strings, in order of first appearance

import { assert } from "#base/assert.ts";
import { bytesEqual, trimLeadingZeroes } from "#base/bytes.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import { KECCAK_EMPTY } from "#crypto/keccak256.ts";
import { ByteReader, ByteWriter, FormatError } from "../codec.ts";

/** What the state holds for one account; its storage is held under its slots. */
export type AccountState = { readonly nonce: bigint; readonly balance: bigint; readonly codeHash: Hash32 };

/** A key that gets its index with this diff: index = firstNewIndex + position in the list. */
export type NewKey =
  | { readonly kind: "account"; readonly address: Address }
  | { readonly kind: "slot"; readonly ownerIndex: number; readonly slot: Hash32 };

/** An account's new state; null = it no longer exists (key and index stay). */
export type AccountUpdate = { readonly index: number; readonly account: AccountState | null };

/** A storage slot's new value, 32 bytes; all zero = deleted (key and index stay). */
export type SlotUpdate = { readonly index: number; readonly value: Uint8Array };

/** The net change of one mini-block. Both update lists ascend by index, without repeats. */
export type StateDiff = {
  /** Count of keys before this diff; replicas assert it. */
  readonly firstNewIndex: number;
  readonly newKeys: readonly NewKey[];
  readonly accounts: readonly AccountUpdate[];
  readonly slots: readonly SlotUpdate[];
  /** Code that this mini-block made known, by first appearance. */
  readonly codes: readonly Uint8Array[];
};

/** Largest contract code accepted in a diff, in bytes; far above every fork's limit. */
export const CODE_SIZE_BYTES_MAX = 1 << 20;

const KIND_ACCOUNT = 0;
const KIND_SLOT = 1;
const FLAG_EXISTS = 1;
const FLAG_HAS_CODE = 2;

/** A diff that changes nothing, for a state of `keyCount` keys. */
export function emptyDiff(keyCount: number): StateDiff {
  return { firstNewIndex: keyCount, newKeys: [], accounts: [], slots: [], codes: [] };
}

/** Encodes the diff section. */
export function encodeDiff(diff: StateDiff): Uint8Array {
  const writer = new ByteWriter(64 + diff.accounts.length * 24 + diff.slots.length * 36);
  encodeNewKeys(writer, diff);
  encodeAccounts(writer, diff.accounts);
  encodeSlots(writer, diff.slots);
  writer.varint(diff.codes.length);
  for (const code of diff.codes) writer.sized(code);
  return writer.toBytes();
}

/**
 * Decodes the diff section; byte strings are views of `bytes`.
 * @throws {FormatError} when the bytes are not one canonical diff
 */
export function decodeDiff(bytes: Uint8Array): StateDiff {
  const reader = new ByteReader(bytes);
  const firstNewIndex = reader.varint();
  const newKeys = decodeNewKeys(reader, firstNewIndex);
  const keyCount = firstNewIndex + newKeys.length;
  const accounts = decodeAccounts(reader, keyCount);
  const slots = decodeSlots(reader, keyCount);
  const codeCount = reader.count(1);
  const codes: Uint8Array[] = [];
  for (let i = 0; i < codeCount; i++) codes.push(reader.sized(CODE_SIZE_BYTES_MAX));
  reader.expectEnd();
  return { firstNewIndex, newKeys, accounts, slots, codes };
}

function encodeNewKeys(writer: ByteWriter, diff: StateDiff): void {
  writer.varint(diff.firstNewIndex).varint(diff.newKeys.length);
  for (const key of diff.newKeys) writer.u8(key.kind === "account" ? KIND_ACCOUNT : KIND_SLOT);
  for (const key of diff.newKeys) if (key.kind === "account") writer.raw(key.address);
  for (const key of diff.newKeys) if (key.kind === "slot") writer.varint(key.ownerIndex);
  for (const key of diff.newKeys) if (key.kind === "slot") writer.raw(key.slot);
}

function decodeNewKeys(reader: ByteReader, firstNewIndex: number): NewKey[] {
  const count = reader.count(1);
  const kinds = reader.raw(count);
  const slotCount = kinds.reduce((sum, kind) => sum + kind, 0);
  for (const kind of kinds) if (kind > KIND_SLOT) throw new FormatError(`unknown key kind ${kind}`, reader.offset);
  const addresses = reader.raw((count - slotCount) * 20);
  const owners: number[] = [];
  for (let i = 0; i < slotCount; i++) owners.push(reader.varint());
  const slotKeys = reader.raw(slotCount * 32);
  const newKeys: NewKey[] = [];
  let accountAt = 0;
  let slotAt = 0;
  for (let i = 0; i < count; i++) {
    if (kinds[i] === KIND_ACCOUNT) {
      newKeys.push({ kind: "account", address: addresses.subarray(accountAt * 20, ++accountAt * 20) });
    } else {
      const ownerIndex = owners[slotAt]!;
      if (ownerIndex >= firstNewIndex + i) throw new FormatError("slot before its account", reader.offset);
      newKeys.push({ kind: "slot", ownerIndex, slot: slotKeys.subarray(slotAt * 32, ++slotAt * 32) });
    }
  }
  return newKeys;
}

function encodeIndices(writer: ByteWriter, updates: readonly { readonly index: number }[]): void {
  writer.varint(updates.length);
  let previous = -1;
  for (const { index } of updates) {
    assert(index > previous, "diff updates must ascend by key index");
    writer.varint(index - previous - 1);
    previous = index;
  }
}

function decodeIndices(reader: ByteReader, keyCount: number): number[] {
  const count = reader.count(1);
  const indices: number[] = [];
  let previous = -1;
  for (let i = 0; i < count; i++) {
    previous += reader.varint() + 1;
    if (previous >= keyCount) throw new FormatError(`key index ${previous} of ${keyCount}`, reader.offset);
    indices.push(previous);
  }
  return indices;
}

function encodeAccounts(writer: ByteWriter, updates: readonly AccountUpdate[]): void {
  encodeIndices(writer, updates);
  for (const { account } of updates) writer.u8(accountFlags(account));
  for (const { account } of updates) if (account !== null) writer.integer(account.nonce);
  for (const { account } of updates) if (account !== null) writer.integer(account.balance);
  for (const { account } of updates) {
    if (account !== null && accountFlags(account) & FLAG_HAS_CODE) writer.raw(account.codeHash);
  }
}

function accountFlags(account: AccountState | null): number {
  if (account === null) return 0;
  return bytesEqual(account.codeHash, KECCAK_EMPTY) ? FLAG_EXISTS : FLAG_EXISTS | FLAG_HAS_CODE;
}

function decodeAccounts(reader: ByteReader, keyCount: number): AccountUpdate[] {
  const indices = decodeIndices(reader, keyCount);
  const flags = reader.raw(indices.length);
  for (const flag of flags) {
    if (flag !== 0 && flag !== FLAG_EXISTS && flag !== (FLAG_EXISTS | FLAG_HAS_CODE)) {
      throw new FormatError(`unknown account flags ${flag}`, reader.offset);
    }
  }
  const nonces = Array.from(flags, (flag) => (flag === 0 ? 0n : reader.integer(8)));
  const balances = Array.from(flags, (flag) => (flag === 0 ? 0n : reader.integer(32)));
  return indices.map((index, i) => {
    if (flags[i] === 0) return { index, account: null };
    const codeHash = flags[i]! & FLAG_HAS_CODE ? reader.raw(32) : KECCAK_EMPTY;
    if (flags[i]! & FLAG_HAS_CODE && bytesEqual(codeHash, KECCAK_EMPTY)) {
      throw new FormatError("hash of no code is not written", reader.offset);
    }
    return { index, account: { nonce: nonces[i]!, balance: balances[i]!, codeHash } };
  });
}

function encodeSlots(writer: ByteWriter, updates: readonly SlotUpdate[]): void {
  encodeIndices(writer, updates);
  const values = updates.map(({ value }) => trimLeadingZeroes(value));
  for (const value of values) writer.u8(value.length);
  for (const value of values) writer.raw(value);
}

function decodeSlots(reader: ByteReader, keyCount: number): SlotUpdate[] {
  const indices = decodeIndices(reader, keyCount);
  const sizes = reader.raw(indices.length);
  return indices.map((index, i) => {
    const size = sizes[i]!;
    if (size > 32) throw new FormatError(`slot value of ${size} bytes`, reader.offset);
    const trimmed = reader.raw(size);
    if (size > 0 && trimmed[0] === 0) throw new FormatError("slot value with leading zero", reader.offset);
    const value = new Uint8Array(32);
    value.set(trimmed, 32 - size);
    return { index, value };
  });
}
