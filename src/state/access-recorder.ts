// Notes what each transaction read and wrote, absences included: one recorder for parallel validation, witnesses and access
// lists (ARCHITECTURE.md rule 8). Reverted writes are listed too: a scheduler must not overlook them.

import { toBareHex } from "#base/hex.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";

/** A storage slot by name. */
export type SlotName = { readonly address: Address; readonly slot: Hash32 };

/** What one transaction touched, in order of first touch. */
export type TransactionAccesses = {
  /** Accounts read, with whether they existed at the first read. */
  readonly accountsRead: readonly { readonly address: Address; readonly exists: boolean }[];
  /** Slots read; an absent slot reads as zero and is listed like any other. */
  readonly slotsRead: readonly SlotName[];
  /** Hashes of code read. */
  readonly codesRead: readonly Hash32[];
  /** Accounts written, deleted or cleared, also where the write was reverted. */
  readonly accountsWritten: readonly Address[];
  /** Slots written, also where the write was reverted. */
  readonly slotsWritten: readonly SlotName[];
};

/** Collects accesses between `begin` and `take`; bounded by the gas of one transaction. */
export class AccessRecorder {
  readonly #accountsRead = new Map<string, { address: Address; exists: boolean }>();
  readonly #slotsRead = new Map<string, SlotName>();
  readonly #codesRead = new Map<string, Hash32>();
  readonly #accountsWritten = new Map<string, Address>();
  readonly #slotsWritten = new Map<string, SlotName>();

  /** Forgets what was noted so far: a transaction begins. */
  begin(): void {
    this.#accountsRead.clear();
    this.#slotsRead.clear();
    this.#codesRead.clear();
    this.#accountsWritten.clear();
    this.#slotsWritten.clear();
  }

  /** An account was read; `exists` says what the reader saw. */
  readAccount(address: Address, exists: boolean): void {
    const key = toBareHex(address);
    if (!this.#accountsRead.has(key)) this.#accountsRead.set(key, { address: address.slice(), exists });
  }

  /** A slot was read. */
  readSlot(address: Address, slot: Hash32): void {
    noteSlot(this.#slotsRead, address, slot);
  }

  /** Code was read by its hash. */
  readCode(codeHash: Hash32): void {
    const key = toBareHex(codeHash);
    if (!this.#codesRead.has(key)) this.#codesRead.set(key, codeHash.slice());
  }

  /** An account was written, deleted, or its storage cleared. */
  writeAccount(address: Address): void {
    const key = toBareHex(address);
    if (!this.#accountsWritten.has(key)) this.#accountsWritten.set(key, address.slice());
  }

  /** A slot was written. */
  writeSlot(address: Address, slot: Hash32): void {
    noteSlot(this.#slotsWritten, address, slot);
  }

  /** What was noted since `begin`, as plain data. */
  take(): TransactionAccesses {
    return {
      accountsRead: [...this.#accountsRead.values()],
      slotsRead: [...this.#slotsRead.values()],
      codesRead: [...this.#codesRead.values()],
      accountsWritten: [...this.#accountsWritten.values()],
      slotsWritten: [...this.#slotsWritten.values()],
    };
  }
}

function noteSlot(into: Map<string, SlotName>, address: Address, slot: Hash32): void {
  const key = toBareHex(address) + toBareHex(slot);
  if (!into.has(key)) into.set(key, { address: address.slice(), slot: slot.slice() });
}
