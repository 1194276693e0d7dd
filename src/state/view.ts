// A reader of the live state, on any thread, that sees exactly one state version: the one it pinned. It follows the undo
// ring while records are newer, takes no lock that a writer waits for, and says so when the ring has passed its version.

import { assert, must } from "#base/assert.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import { CONTROL_EPOCH, CONTROL_ROLLBACKS, ROLLBACK_RING_COUNT } from "#formats/memory/state-record.ts";
import type { AccountState } from "#formats/wire/diff.ts";
import type { StateRegions } from "./memory-plan.ts";
import type { KeyName, KeyNames, StateSource } from "./source.ts";
import { StateMemory, type VersionMark } from "./state-memory.ts";
import { GONE, StateReader, ZERO_VALUE } from "./state-reader.ts";
import { NO_VERSION } from "./version-cell.ts";

const EMPTY_CODE = new Uint8Array(0);
const WORD = 0x1_0000_0000;
/** A roll-back takes milliseconds. */
const EPOCH_SPIN_COUNT_MAX = 1_000_000_000;

/** The pinned version can no longer be read: the undo ring has passed it, or a roll-back took it away. Pin again. */
export class StateVersionGoneError extends Error {
  override readonly name = "StateVersionGoneError";
  readonly code = "STATE_VERSION_GONE";
  /** The version that was asked for. */
  readonly version: number;

  constructor(version: number) {
    super(`state version ${version} is gone`);
    this.version = version;
  }
}

/** State as of one pinned version. */
export class StateView implements StateSource, KeyNames {
  readonly #memory: StateMemory;
  readonly #reader: StateReader;
  #pin = NO_VERSION;
  #epoch = 0;

  /** Attaches and pins the published version, if there is one. */
  constructor(regions: StateRegions) {
    this.#memory = new StateMemory(regions);
    this.#reader = new StateReader(this.#memory);
    if (this.#memory.published !== NO_VERSION) this.pin();
  }

  /** Newest version that may be pinned; -1 before the first. */
  get published(): number {
    return this.#memory.published;
  }

  /** The version this view shows; -1 before the first pin. */
  get pinned(): number {
    return this.#pin;
  }

  /** Oldest version that can be pinned now. */
  oldestVersion(): number {
    return this.#memory.oldest;
  }

  /**
   * Shows another version from now on.
   * @param version default: the published one
   * @returns the version
   * @throws {StateVersionGoneError} when it is too old, or not published (any more)
   */
  pin(version?: number): number {
    for (;;) {
      const epoch = this.#waitForEpoch();
      const wanted = version ?? this.#memory.published;
      const isReadable = wanted >= 0 && wanted <= this.#memory.published && wanted >= this.#memory.oldest;
      if (this.#memory.epoch !== epoch) continue;
      if (!isReadable) throw new StateVersionGoneError(wanted);
      if (epoch !== this.#epoch) this.#reader.forgetIndices();
      this.#epoch = epoch;
      this.#pin = wanted;
      return wanted;
    }
  }

  /**
   * The account at the pin.
   * @throws {StateVersionGoneError}
   * @hot bench/state/versioned-read.bench.ts
   */
  account(address: Address): AccountState | null {
    for (;;) {
      this.#beginRead();
      const index = this.#reader.accountIndex(address);
      const account = index < 0 ? null : this.#reader.accountAt(index, this.#pin);
      if (this.#memory.control[CONTROL_EPOCH] !== this.#epoch) continue;
      if (account === GONE) throw new StateVersionGoneError(this.#pin);
      return account;
    }
  }

  /**
   * The slot's value at the pin, zero when absent.
   * @throws {StateVersionGoneError}
   * @hot bench/state/versioned-read.bench.ts
   */
  slot(address: Address, slot: Hash32): Uint8Array {
    for (;;) {
      this.#beginRead();
      const index = this.#reader.slotIndex(address, slot);
      const value = index < 0 ? ZERO_VALUE : this.#reader.slotAt(index, this.#pin);
      if (this.#memory.control[CONTROL_EPOCH] !== this.#epoch) continue;
      if (value === GONE) throw new StateVersionGoneError(this.#pin);
      return value;
    }
  }

  /** Codes are addressed by content: one that was stored after the pin is answered too. */
  code(codeHash: Hash32): Uint8Array | null {
    return this.#read(() => this.#reader.code(codeHash));
  }

  codeSize(codeHash: Hash32): number {
    return this.#read(() => this.#reader.codeSize(codeHash));
  }

  copyCode(codeHash: Hash32, into: Uint8Array, at: number): boolean {
    return this.#read(() => this.#reader.copyCode(codeHash, into, at));
  }

  /**
   * The account's slots that are not zero at the pin.
   * @throws {StateVersionGoneError}
   */
  *slotsOf(address: Address): Generator<Hash32> {
    let at = this.#read(() => {
      const account = this.#reader.accountIndex(address);
      return account < 0 ? -1 : this.#reader.firstSlot(account);
    });
    while (at >= 0) {
      const index = at;
      const step = this.#read(() => {
        const value = this.#reader.slotAt(index, this.#pin);
        if (value === GONE) return GONE;
        const key = value === ZERO_VALUE ? null : this.#reader.slotKey(index);
        return { key, next: this.#reader.nextSlot(index) };
      });
      if (step.key !== null) yield step.key;
      at = step.next;
    }
  }

  /** The account with this key index. @throws {StateVersionGoneError} */
  accountAt(index: number): AccountState | null {
    return this.#read(() => this.#reader.accountAt(index, this.#pin));
  }

  /** The value of the slot with this key index. @throws {StateVersionGoneError} */
  slotAt(index: number): Uint8Array {
    return this.#read(() => this.#reader.slotAt(index, this.#pin));
  }

  /** The name of a key; names are the same in every version that has them. */
  keyName(index: number): KeyName {
    const name = this.#read(() => this.#reader.keyName(index));
    return must(name, `key index ${index} is not assigned`);
  }

  /** The code id of a code hash: 0 for no code, -1 when it is not known. */
  codeId(codeHash: Hash32): number {
    return this.#read(() => this.#reader.codes.find(codeHash));
  }

  /** Sizes at the pinned version. @throws {StateVersionGoneError} when its mark has been overwritten */
  mark(): VersionMark {
    return this.#read(() => this.#memory.readMark(this.#pin) ?? GONE);
  }

  /** Code number `id` of the code store, 1 to the mark's `codeCount`, in order of first appearance. */
  codeAt(id: number): Uint8Array {
    return this.#read(() => (id === 0 ? EMPTY_CODE : this.#reader.codes.bytesOf(id)));
  }

  // Runs a read again when a roll-back ran meanwhile, and throws when the pin is gone.
  #read<T>(attempt: () => T): Exclude<T, typeof GONE> {
    for (;;) {
      this.#beginRead();
      const result = attempt();
      if (this.#memory.control[CONTROL_EPOCH] !== this.#epoch) continue;
      if (result === GONE) throw new StateVersionGoneError(this.#pin);
      return result as Exclude<T, typeof GONE>;
    }
  }

  #beginRead(): void {
    if (this.#memory.control[CONTROL_EPOCH] !== this.#epoch) this.#followRollbacks();
    assert(this.#pin !== NO_VERSION, "a view is pinned before it is read");
  }

  #followRollbacks(): void {
    const epoch = this.#waitForEpoch();
    const control = this.#memory.control;
    const passed = (epoch - this.#epoch) / 2;
    let isGone = passed > ROLLBACK_RING_COUNT;
    for (let i = 0; i < Math.min(passed, ROLLBACK_RING_COUNT); i++) {
      const at = CONTROL_ROLLBACKS + 2 * ((epoch / 2 - 1 - i) % ROLLBACK_RING_COUNT);
      const target = Atomics.load(control, at + 1) * WORD + Atomics.load(control, at);
      if (target === 0 || this.#pin > target - 1) isGone = true;
    }
    if (isGone) throw new StateVersionGoneError(this.#pin);
    this.#reader.forgetIndices();
    this.#epoch = epoch;
  }

  #waitForEpoch(): number {
    for (let spin = 0; ; spin++) {
      const epoch = this.#memory.epoch;
      if ((epoch & 1) === 0) return epoch;
      assert(spin < EPOCH_SPIN_COUNT_MAX, "a roll-back never ended: its thread is gone");
    }
  }
}
