// Warm addresses and slots (EIP-2929) and touched accounts (EIP-161) of one transaction, undone together with the Host's
// writes. It stands in for the journal of @ethereumjs/evm, which makes three collections per frame; here one undo list does.

import type { Account, Address as LibraryAddress } from "@ethereumjs/util";
import { toBareHex } from "#base/hex.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import type { HostState } from "./host-state.ts";

/** The account whose touch outlives a revert: mainnet block 2,675,119 fixed this in the rules. @see EIP-161 */
const RIPEMD_PRECOMPILE = "0000000000000000000000000000000000000003";

const UNDO_ADDRESS = 0;
const UNDO_SLOT = 1;
const UNDO_TOUCH = 2;

type UndoEntry = { readonly kind: 0 | 1 | 2; readonly key: string };

/** The journal of one machine; `reset` before each transaction. */
export class AccessJournal {
  readonly #state: HostState;
  readonly #alwaysWarm: ReadonlySet<string>;
  readonly #warm = new Set<string>();
  readonly #warmSlots = new Set<string>();
  readonly #touched = new Map<string, Address>();
  readonly #undo: UndoEntry[] = [];
  readonly #marks: number[] = [];

  /** @param alwaysWarm bare hex of the addresses that are warm in every transaction: the precompiles */
  constructor(state: HostState, alwaysWarm: ReadonlySet<string>) {
    this.#state = state;
    this.#alwaysWarm = alwaysWarm;
  }

  /** Forgets everything. */
  reset(): void {
    this.#warm.clear();
    this.#warmSlots.clear();
    this.#touched.clear();
    this.#undo.length = 0;
    this.#marks.length = 0;
  }

  /** How many checkpoints are open. */
  get depth(): number {
    return this.#marks.length;
  }

  /** The touched accounts. */
  touched(): Iterable<Address> {
    return this.#touched.values();
  }

  /** Part of the library's interface. */
  putAccount(address: LibraryAddress, account: Account | undefined): Promise<void> {
    this.#touch(address);
    return this.#state.putAccount(address, account);
  }

  /** Part of the library's interface. */
  deleteAccount(address: LibraryAddress): Promise<void> {
    this.#touch(address);
    return this.#state.deleteAccount(address);
  }

  /** Part of the library's interface: opens a level here and in the Host. */
  checkpoint(): Promise<void> {
    this.#marks.push(this.#undo.length);
    return this.#state.checkpoint();
  }

  /** Part of the library's interface. */
  commit(): Promise<void> {
    this.#marks.pop();
    return this.#state.commit();
  }

  /** Part of the library's interface. */
  revert(): Promise<void> {
    const mark = this.#marks.pop() ?? 0;
    while (this.#undo.length > mark) {
      const { kind, key } = this.#undo.pop()!;
      if (kind === UNDO_ADDRESS) this.#warm.delete(key);
      else if (kind === UNDO_SLOT) this.#warmSlots.delete(key);
      else if (key !== RIPEMD_PRECOMPILE) this.#touched.delete(key);
    }
    return this.#state.revert();
  }

  /** Part of the library's interface. */
  isWarmedAddress(address: Address): boolean {
    const key = toBareHex(address);
    return this.#warm.has(key) || this.#alwaysWarm.has(key);
  }

  /** Warms an address until the frame that did it reverts. */
  addWarmedAddress(address: Address): void {
    this.#warmKey(toBareHex(address));
  }

  /** Part of the library's interface, for the delegate of a delegated account. @param text hex, with or without 0x */
  addAlwaysWarmAddress(text: string): void {
    this.#warmKey(text.startsWith("0x") ? text.slice(2) : text);
  }

  /** Part of the library's interface. */
  isWarmedStorage(address: Address, slot: Hash32): boolean {
    return this.#warmSlots.has(toBareHex(address) + toBareHex(slot));
  }

  /** Warms a slot until the frame that did it reverts. */
  addWarmedStorage(address: Address, slot: Hash32): void {
    const key = toBareHex(address) + toBareHex(slot);
    if (this.#warmSlots.has(key)) return;
    this.#warmSlots.add(key);
    this.#undo.push({ kind: UNDO_SLOT, key });
  }

  #warmKey(key: string): void {
    if (this.#warm.has(key)) return;
    this.#warm.add(key);
    this.#undo.push({ kind: UNDO_ADDRESS, key });
  }

  #touch(address: LibraryAddress): void {
    const key = toBareHex(address.bytes);
    if (this.#touched.has(key)) return;
    this.#touched.set(key, address.bytes);
    this.#undo.push({ kind: UNDO_TOUCH, key });
  }
}
