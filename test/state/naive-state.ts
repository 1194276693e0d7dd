// The state as obviously right code would keep it: maps of maps, copied whole at every checkpoint, transaction and
// version. Random mini-blocks drive an overlay and this model side by side.

import { expect } from "bun:test";
import { toBareHex } from "#base/hex.ts";
import type { SeededRandom } from "#base/random.ts";
import { KECCAK_EMPTY } from "#crypto/keccak256.ts";
import type { AccountState } from "#formats/wire/diff.ts";
import { allocateState, createPlainSegment, type PlanOptions, planStateMemory } from "#state/memory-plan.ts";
import type { Overlay } from "#state/overlay.ts";
import type { StateSource } from "#state/source.ts";
import { type GenesisState, StateTable } from "#state/table.ts";

export type NaiveAccount = { state: AccountState | null; slots: Map<string, string> };

const ZERO_HEX = "00".repeat(32);

export class NaiveState {
  readonly accounts = new Map<string, NaiveAccount>();

  clone(): NaiveState {
    const copy = new NaiveState();
    for (const [key, { state, slots }] of this.accounts) copy.accounts.set(key, { state, slots: new Map(slots) });
    return copy;
  }

  at(address: string): NaiveAccount {
    let account = this.accounts.get(address);
    if (account === undefined) this.accounts.set(address, (account = { state: null, slots: new Map() }));
    return account;
  }

  slot(address: string, slot: string): string {
    return this.accounts.get(address)?.slots.get(slot) ?? ZERO_HEX;
  }

  setSlot(address: string, slot: string, value: string): void {
    if (value === ZERO_HEX) this.at(address).slots.delete(slot);
    else this.at(address).slots.set(slot, value);
  }
}

/** A small set of keys, so that operations meet on them. */
export type Universe = { readonly addresses: readonly Uint8Array[]; readonly slots: readonly Uint8Array[] };

export function makeUniverse(random: SeededRandom, addressCount: number, slotCount: number): Universe {
  return {
    addresses: Array.from({ length: addressCount }, () => random.bytes(20)),
    slots: Array.from({ length: slotCount }, () => random.bytes(32)),
  };
}

export function makeTable(options: PlanOptions = { stateMemoryBytes: 1 << 20 }) {
  const regions = allocateState(planStateMemory(options), createPlainSegment);
  return { regions, table: new StateTable(regions) };
}

export function account(nonce: bigint, balance: bigint, codeHash: Uint8Array = KECCAK_EMPTY): AccountState {
  return { nonce, balance, codeHash };
}

/** Reads everything of the universe from a source and compares it with the model. */
export function expectSameState(source: StateSource, naive: NaiveState, universe: Universe, hint: string): void {
  for (const address of universe.addresses) {
    const key = toBareHex(address);
    const expected = naive.accounts.get(key)?.state ?? null;
    const actual = source.account(address);
    expect(describeAccount(actual), hint).toBe(describeAccount(expected));
    if (actual !== null) {
      const code = source.code(actual.codeHash);
      expect(code, hint).not.toBeNull();
    }
    for (const slot of universe.slots) {
      expect(toBareHex(source.slot(address, slot)), hint).toBe(naive.slot(key, toBareHex(slot)));
    }
    const listed = Array.from(source.slotsOf(address), toBareHex).sort();
    expect(listed, hint).toEqual([...(naive.accounts.get(key)?.slots.keys() ?? [])].sort());
  }
}

export function describeAccount(state: AccountState | null): string {
  return state === null ? "absent" : `${state.nonce} ${state.balance} ${toBareHex(state.codeHash)}`;
}

/** A genesis of some of the universe, and the model of it. */
export function makeGenesis(random: SeededRandom, universe: Universe): { alloc: GenesisState[]; naive: NaiveState } {
  const naive = new NaiveState();
  const alloc: GenesisState[] = [];
  for (const address of universe.addresses.slice(0, universe.addresses.length >> 1)) {
    const storage = universe.slots
      .slice(0, random.below(universe.slots.length))
      .map((slot) => ({ slot, value: randomValue(random, false) }));
    const state = account(BigInt(random.below(5)), BigInt(random.u32()));
    alloc.push({ address, nonce: state.nonce, balance: state.balance, code: new Uint8Array(0), storage });
    naive.at(toBareHex(address)).state = state;
    for (const { slot, value } of storage) naive.setSlot(toBareHex(address), toBareHex(slot), toBareHex(value));
  }
  return { alloc, naive };
}

export function randomValue(random: SeededRandom, mayBeZero = true): Uint8Array {
  const value = new Uint8Array(32);
  if (mayBeZero && random.chance(0.3)) return value;
  // Few values, so that writes often restore what was there.
  if (random.chance(0.5)) value[31] = 1 + random.below(3);
  else value.set(random.bytes(1 + random.below(32)));
  if (value.every((byte) => byte === 0)) value[0] = 1;
  return value;
}

/** Runs a random mini-block on the overlay and on the model, comparing reads on the way. Returns the model after it. */
export function runMiniBlock(
  random: SeededRandom,
  overlay: Overlay,
  naive: NaiveState,
  universe: Universe,
): NaiveState {
  let state = naive.clone();
  const transactionCount = random.below(5);
  for (let i = 0; i < transactionCount; i++) {
    const before = state.clone();
    overlay.beginTransaction();
    const levels: NaiveState[] = [];
    const operationCount = random.below(25);
    for (let k = 0; k < operationCount; k++) state = runOperation({ random, overlay, state, before, levels, universe });
    while (levels.length > 0) {
      levels.pop();
      overlay.commit();
    }
    if (random.chance(0.15)) {
      overlay.abortTransaction();
      state = before;
    } else {
      overlay.endTransaction();
    }
  }
  return state;
}

type Step = {
  random: SeededRandom;
  overlay: Overlay;
  state: NaiveState;
  before: NaiveState;
  levels: NaiveState[];
  universe: Universe;
};

function runOperation({ random, overlay, state, before, levels, universe }: Step): NaiveState {
  const address = random.pick(universe.addresses);
  const slot = random.pick(universe.slots);
  const key = toBareHex(address);
  const slotKey = toBareHex(slot);
  const hint = `seed ${random.seed}`;
  const choice = random.below(20);
  if (choice < 3) {
    const code = random.chance(0.3) ? Uint8Array.of(1, random.below(4)) : new Uint8Array(0);
    const written = account(BigInt(random.below(4)), BigInt(random.below(4)), overlay.putCode(code));
    overlay.setAccount(address, written);
    state.at(key).state = written;
  } else if (choice < 4) {
    overlay.deleteAccount(address);
    if (state.at(key).state !== null) state.accounts.set(key, { state: null, slots: new Map() });
  } else if (choice < 5) {
    overlay.clearStorage(address);
    state.at(key).slots.clear();
  } else if (choice < 10) {
    // Storage belongs to an account.
    if (state.at(key).state === null) return state;
    const value = randomValue(random);
    overlay.setSlot(address, slot, value);
    state.setSlot(key, slotKey, toBareHex(value));
  } else if (choice < 12) {
    overlay.checkpoint();
    levels.push(state.clone());
  } else if (choice < 13 && levels.length > 0) {
    overlay.commit();
    levels.pop();
  } else if (choice < 15 && levels.length > 0) {
    overlay.revert();
    return levels.pop()!;
  } else if (choice < 16) {
    expect(toBareHex(overlay.originalSlot(address, slot)), hint).toBe(before.slot(key, slotKey));
  } else if (choice < 17) {
    expect(describeAccount(overlay.account(address)), hint).toBe(describeAccount(state.at(key).state));
  } else if (choice < 18) {
    const listed = Array.from(overlay.slotsOf(address), toBareHex).sort();
    expect(listed, hint).toEqual([...state.at(key).slots.keys()].sort());
  } else {
    expect(toBareHex(overlay.slot(address, slot)), hint).toBe(state.slot(key, slotKey));
  }
  return state;
}
