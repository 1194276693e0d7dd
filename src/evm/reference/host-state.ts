// The state manager of @ethereumjs/evm over a Host: accounts, slots and code pass straight through, checkpoints become
// the Host's, and the two questions that the library answers from its tries are answered here:
// "has this account storage?" (asked as a storage root, EIP-7610) and "what was this slot at the start?" (EIP-2200).

import type { AccountFields, StateManagerInterface } from "@ethereumjs/common";
import { Account, type Address as LibraryAddress } from "@ethereumjs/util";
import { must } from "#base/assert.ts";
import { bytesEqual } from "#base/bytes.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import { ZERO_HASH } from "#chain/primitives.ts";
import { KECCAK_EMPTY, KECCAK_EMPTY_RLP } from "#crypto/keccak256.ts";
import type { AccountState } from "#formats/wire/diff.ts";
import { codeOfAccount } from "../delegation.ts";
import type { Host } from "../host.ts";

const DONE: Promise<void> = Promise.resolve();

/** The adapter of one machine; `attach` before each transaction, `detach` after it. */
export class HostState implements StateManagerInterface {
  #host: Host | null = null;

  /**
   * What the Host threw during a value transfer: the library takes that for a failed transfer and goes on, so the machine
   * looks here at the end. A Host throws when the version that it reads has gone, or on a bug.
   */
  failure: unknown = null;

  /** Value of a slot when the transaction began; part of the library's interface. */
  readonly originalStorageCache = {
    get: (address: LibraryAddress, slot: Uint8Array): Promise<Uint8Array> =>
      Promise.resolve(this.host.originalSlot(address.bytes, slot)),
    clear: (): void => {},
  };

  /** The Host of the transaction that runs. */
  get host(): Host {
    return must(this.#host, "no host attached to the reference machine");
  }

  /** Directs all reads and writes to a Host. */
  attach(host: Host): void {
    this.#host = host;
    this.failure = null;
  }

  /** Lets go of the Host. */
  detach(): void {
    this.#host = null;
  }

  /** Part of the library's interface. */
  getAccount(address: LibraryAddress): Promise<Account | undefined> {
    const state = this.host.account(address.bytes);
    return Promise.resolve(state === null ? undefined : new HostAccount(this.host, address.bytes, state));
  }

  /** Part of the library's interface; a write that changes nothing is left out. */
  putAccount(address: LibraryAddress, account?: Account): Promise<void> {
    if (account === undefined) return this.deleteAccount(address);
    try {
      this.#writeIfChanged(address.bytes, account);
    } catch (error) {
      this.failure ??= error;
      throw error;
    }
    return DONE;
  }

  /** Part of the library's interface. */
  deleteAccount(address: LibraryAddress): Promise<void> {
    this.host.deleteAccount(address.bytes);
    return DONE;
  }

  /** Part of the library's interface. */
  modifyAccountFields(address: LibraryAddress, fields: AccountFields): Promise<void> {
    const present = this.host.account(address.bytes);
    const nonce = fields.nonce ?? present?.nonce ?? 0n;
    const balance = fields.balance ?? present?.balance ?? 0n;
    const codeHash = fields.codeHash ?? present?.codeHash ?? KECCAK_EMPTY;
    this.host.setAccount(address.bytes, { nonce, balance, codeHash });
    return DONE;
  }

  /** Part of the library's interface. */
  putCode(address: LibraryAddress, code: Uint8Array): Promise<void> {
    return this.modifyAccountFields(address, { codeHash: code.length === 0 ? KECCAK_EMPTY : this.host.putCode(code) });
  }

  /** Part of the library's interface. */
  getCode(address: LibraryAddress): Promise<Uint8Array> {
    return Promise.resolve(codeOfAccount(this.host, this.host.account(address.bytes)));
  }

  /** Part of the library's interface. */
  async getCodeSize(address: LibraryAddress): Promise<number> {
    return (await this.getCode(address)).length;
  }

  /** Part of the library's interface. */
  getStorage(address: LibraryAddress, slot: Uint8Array): Promise<Uint8Array> {
    return Promise.resolve(this.host.slot(address.bytes, slot));
  }

  /** Part of the library's interface. @param value big-endian, at most 32 bytes */
  putStorage(address: LibraryAddress, slot: Uint8Array, value: Uint8Array): Promise<void> {
    this.host.setSlot(address.bytes, slot, padWord(value));
    return DONE;
  }

  /** Part of the library's interface. */
  clearStorage(address: LibraryAddress): Promise<void> {
    if (hasStorage(this.host, address.bytes)) this.host.clearStorage(address.bytes);
    return DONE;
  }

  /** Part of the library's interface. */
  checkpoint(): Promise<void> {
    this.host.checkpoint();
    return DONE;
  }

  /** Part of the library's interface. */
  commit(): Promise<void> {
    this.host.commit();
    return DONE;
  }

  /** Part of the library's interface. */
  revert(): Promise<void> {
    this.host.revert();
    return DONE;
  }

  /** Roots are not this engine's business; the library asks only in code that is never run here. */
  getStateRoot(): Promise<Uint8Array> {
    return Promise.reject(new Error("the reference machine keeps no state root"));
  }

  /** See `getStateRoot`. */
  setStateRoot(): Promise<void> {
    return Promise.reject(new Error("the reference machine keeps no state root"));
  }

  /** See `getStateRoot`. */
  hasStateRoot(): Promise<boolean> {
    return Promise.resolve(false);
  }

  /** Part of the library's interface: there is no cache here. */
  clearCaches(): void {}

  /** Part of the library's interface: a fresh adapter over the same Host. */
  shallowCopy(): StateManagerInterface {
    const copy = new HostState();
    if (this.#host !== null) copy.attach(this.#host);
    return copy;
  }

  #writeIfChanged(address: Address, { nonce, balance, codeHash }: Account): void {
    const present = this.host.account(address);
    const isSame =
      present !== null &&
      present.nonce === nonce &&
      present.balance === balance &&
      bytesEqual(present.codeHash, codeHash);
    if (!isSame) this.host.setAccount(address, { nonce, balance, codeHash });
  }
}

/** EIP-1153 storage for the library, kept by the Host, whose checkpoints already cover it. */
export class HostTransientStorage {
  readonly #state: HostState;

  constructor(state: HostState) {
    this.#state = state;
  }

  /** Part of the library's interface. */
  get(address: LibraryAddress, slot: Uint8Array): Uint8Array {
    return this.#state.host.getTransient(address.bytes, slot);
  }

  /** Part of the library's interface. @param value big-endian, at most 32 bytes */
  put(address: LibraryAddress, slot: Uint8Array, value: Uint8Array): void {
    this.#state.host.setTransient(address.bytes, slot, padWord(value));
  }

  /** The Host's checkpoint, which the journal opens, covers transient storage. */
  checkpoint(): void {}

  /** See `checkpoint`. */
  commit(): void {}

  /** See `checkpoint`. */
  revert(): void {}

  /** The Host clears at the end of the transaction. */
  clear(): void {}

  /** Part of the library's interface, for its debug output alone. */
  toJSON(): Record<string, Record<string, string>> {
    return {};
  }
}

/** An account whose "storage root" is computed only when the library looks, which it does for creations alone. */
class HostAccount extends Account {
  readonly #host: Host;
  readonly #address: Address;

  constructor(host: Host, address: Address, state: AccountState) {
    super(state.nonce, state.balance, null, state.codeHash);
    this.#host = host;
    this.#address = address;
  }

  override get storageRoot(): Uint8Array {
    return hasStorage(this.#host, this.#address) ? ZERO_HASH : KECCAK_EMPTY_RLP;
  }
}

function hasStorage(host: Host, address: Address): boolean {
  for (const _ of host.slotsOf(address)) return true;
  return false;
}

function padWord(value: Uint8Array): Hash32 {
  if (value.length === 32) return value;
  const word = new Uint8Array(32);
  word.set(value, 32 - value.length);
  return word;
}
