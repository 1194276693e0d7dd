// What everything above the state reads from: the table (newest), a view (one pinned version) and an overlay (a source with
// writes on top) all answer the same questions.

import type { Address, Hash32 } from "#chain/primitives.ts";
import type { AccountState } from "#formats/wire/diff.ts";

/** Accounts, slots and code at one point of the chain. Byte arrays that come out are shared: nobody writes to them. */
export interface StateSource {
  /** The account, or null when it does not exist. */
  account(address: Address): AccountState | null;
  /** The slot's value, 32 bytes; zero when absent. */
  slot(address: Address, slot: Hash32): Uint8Array;
  /** The code with this keccak256 hash, or null when it is not known; the empty code is always known. */
  code(codeHash: Hash32): Uint8Array | null;
  /** The code's size in bytes without its bytes; -1 when it is not known. */
  codeSize(codeHash: Hash32): number;
  /** Writes the code into `into` from `at`, where there is room for `codeSize` bytes. @returns whether it is known */
  copyCode(codeHash: Hash32, into: Uint8Array, at: number): boolean;
  /** The account's slots that hold a value other than zero, in no particular order. */
  slotsOf(address: Address): Iterable<Hash32>;
}

/** From keys to key indices, as the writer of a diff needs it. @see ARCHITECTURE.md rule 5 */
export interface KeyIndexView {
  /** Keys that have an index; the next new key gets this one. */
  readonly keyCount: number;
  /** The account's key index, also when it was deleted; -1 when it never had one. */
  accountIndex(address: Address): number;
  /** The slot's key index, also when it is zero; -1 when it never had one. */
  slotIndex(address: Address, slot: Hash32): number;
  /** Whether the code is in the code store. */
  hasCode(codeHash: Hash32): boolean;
}

/** A key by name: what an index stands for. */
export type KeyName =
  | { readonly kind: "account"; readonly address: Address }
  | { readonly kind: "slot"; readonly address: Address; readonly ownerIndex: number; readonly slot: Hash32 };

/** From key indices to keys; names never change. */
export interface KeyNames {
  /** The key's name; asserts that the index is assigned. */
  keyName(index: number): KeyName;
}
