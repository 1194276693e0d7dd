// The world as one transaction's machine sees it: accounts, slots, code, transient storage and block hashes, with nested
// checkpoints inside a transaction. `state/overlay.ts` is the implementation; engines never learn what lies beneath it.
//
//   beginTransaction ── checkpoint ── … writes … ── commit | revert ── endTransaction | abortTransaction

import type { Address, Hash32 } from "#chain/primitives.ts";
import type { AccountState } from "#formats/wire/diff.ts";

/**
 * State of the chain at one point, plus the writes of the transaction that runs. Every method is synchronous.
 * Byte arrays that come out are shared: nobody writes to them; byte arrays that go in must not change afterwards.
 */
export interface Host {
  /** The account, or null when it does not exist. The object is never changed in place. */
  account(address: Address): AccountState | null;
  /** The slot's value, 32 bytes; zero when absent. */
  slot(address: Address, slot: Hash32): Hash32;
  /** The slot's value when the transaction began, 32 bytes. @see EIP-2200 */
  originalSlot(address: Address, slot: Hash32): Hash32;
  /** The byte code with this hash; null when no such code is known. */
  code(codeHash: Hash32): Uint8Array | null;
  /** The size of the byte code with this hash; -1 when no such code is known. */
  codeSize(codeHash: Hash32): number;
  /** Writes the byte code into `into` from `at`, where there is room for `codeSize` bytes. @returns whether it is known */
  copyCode(codeHash: Hash32, into: Uint8Array, at: number): boolean;
  /** The slots of an account that hold a value other than zero. */
  slotsOf(address: Address): Iterable<Hash32>;

  /** Creates or replaces an account; its storage stays as it is. */
  setAccount(address: Address, account: AccountState): void;
  /** Removes an account together with its storage; no effect when it does not exist. */
  deleteAccount(address: Address): void;
  /** Writes 32 bytes into a slot; zero removes it. */
  setSlot(address: Address, slot: Hash32, value: Hash32): void;
  /** Sets every slot of an account to zero. */
  clearStorage(address: Address): void;
  /** Stores byte code and returns its keccak256 hash; the account is a separate write. */
  putCode(code: Uint8Array): Hash32;

  /** A slot of transient storage, 32 bytes; zero when absent. @see EIP-1153 */
  getTransient(address: Address, slot: Hash32): Hash32;
  /** Writes a slot of transient storage; checkpoints cover it, and the end of the transaction clears it. */
  setTransient(address: Address, slot: Hash32, value: Hash32): void;

  /** Opens a nested level of writes. */
  checkpoint(): void;
  /** Joins the innermost level with the one around it. */
  commit(): void;
  /** Undoes everything since the matching `checkpoint`. */
  revert(): void;

  /** Starts a transaction: `originalSlot` answers from here, transient storage is empty. */
  beginTransaction(): void;
  /** Keeps the transaction's writes. */
  endTransaction(): void;
  /** Undoes everything since `beginTransaction`. */
  abortTransaction(): void;

  /** The hash of a block of this chain; the caller has checked that it is one of the 256 before the current one. */
  blockHash(number: bigint): Hash32;
}
