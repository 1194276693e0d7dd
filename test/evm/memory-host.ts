// A Host in plain maps with an undo list of closures: small enough to be right by reading, so that an engine's tests
// depend on nothing but the engine. Also the StateSource-like base for genesis-style fixtures.

import { must } from "#base/assert.ts";
import { toBareHex } from "#base/hex.ts";
import { type Address, type Hash32, ZERO_HASH } from "#chain/primitives.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import type { Host } from "#evm/host.ts";
import type { AccountState } from "#formats/wire/diff.ts";

/** A world of accounts for tests. */
export class MemoryHost implements Host {
  readonly accounts = new Map<string, AccountState>();
  readonly storage = new Map<string, Map<string, Hash32>>();
  readonly codes = new Map<string, Uint8Array>();
  #undo: (() => void)[] = [];
  #marks: number[] = [];
  #original = new Map<string, Hash32>();
  #transient = new Map<string, Hash32>();
  #isOpen = false;

  account(address: Address): AccountState | null {
    return this.accounts.get(toBareHex(address)) ?? null;
  }

  slot(address: Address, slot: Hash32): Hash32 {
    return this.storage.get(toBareHex(address))?.get(toBareHex(slot)) ?? ZERO_HASH;
  }

  originalSlot(address: Address, slot: Hash32): Hash32 {
    return this.#original.get(toBareHex(address) + toBareHex(slot)) ?? this.slot(address, slot);
  }

  code(codeHash: Hash32): Uint8Array | null {
    return this.codes.get(toBareHex(codeHash)) ?? null;
  }

  codeSize(codeHash: Hash32): number {
    return this.code(codeHash)?.length ?? -1;
  }

  copyCode(codeHash: Hash32, into: Uint8Array, at: number): boolean {
    const code = this.code(codeHash);
    if (code !== null) into.set(code, at);
    return code !== null;
  }

  *slotsOf(address: Address): Iterable<Hash32> {
    for (const key of this.storage.get(toBareHex(address))?.keys() ?? []) yield Buffer.from(key, "hex");
  }

  setAccount(address: Address, account: AccountState): void {
    const key = toBareHex(address);
    this.#write(this.accounts, key, account);
  }

  deleteAccount(address: Address): void {
    this.clearStorage(address);
    this.#write(this.accounts, toBareHex(address), undefined);
  }

  setSlot(address: Address, slot: Hash32, value: Hash32): void {
    const owner = toBareHex(address);
    const key = toBareHex(slot);
    let slots = this.storage.get(owner);
    if (slots === undefined) this.storage.set(owner, (slots = new Map()));
    if (!this.#original.has(owner + key)) this.#original.set(owner + key, this.slot(address, slot));
    this.#write(slots, key, value.every((byte) => byte === 0) ? undefined : value);
  }

  clearStorage(address: Address): void {
    for (const slot of [...this.slotsOf(address)]) this.setSlot(address, slot, ZERO_HASH);
  }

  putCode(code: Uint8Array): Hash32 {
    const hash = keccak256(code);
    this.codes.set(toBareHex(hash), code);
    return hash;
  }

  getTransient(address: Address, slot: Hash32): Hash32 {
    return this.#transient.get(toBareHex(address) + toBareHex(slot)) ?? ZERO_HASH;
  }

  setTransient(address: Address, slot: Hash32, value: Hash32): void {
    this.#write(this.#transient, toBareHex(address) + toBareHex(slot), value);
  }

  checkpoint(): void {
    this.#marks.push(this.#undo.length);
  }

  commit(): void {
    must(this.#marks.pop(), "commit without checkpoint");
  }

  revert(): void {
    const mark = must(this.#marks.pop(), "revert without checkpoint");
    while (this.#undo.length > mark) this.#undo.pop()!();
  }

  beginTransaction(): void {
    if (this.#isOpen) throw new Error("a transaction is open");
    this.#isOpen = true;
    this.#original.clear();
    this.#transient.clear();
    this.#undo = [];
    this.#marks = [];
  }

  endTransaction(): void {
    if (!this.#isOpen || this.#marks.length > 0) throw new Error("no transaction, or an open checkpoint");
    this.#isOpen = false;
    this.#original.clear();
    this.#transient.clear();
  }

  abortTransaction(): void {
    if (!this.#isOpen) throw new Error("no transaction to abort");
    this.#isOpen = false;
    while (this.#undo.length > 0) this.#undo.pop()!();
    this.#original.clear();
    this.#transient.clear();
  }

  blockHash(number: bigint): Hash32 {
    return keccak256(new TextEncoder().encode(number.toString()));
  }

  #write<V>(map: Map<string, V>, key: string, value: V | undefined): void {
    const before = map.get(key);
    this.#undo.push(() => (before === undefined ? map.delete(key) : map.set(key, before)));
    if (value === undefined) map.delete(key);
    else map.set(key, value);
  }
}
