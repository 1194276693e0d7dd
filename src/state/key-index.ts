// The hash index from keys to key indices: open addressing with linear probing over 8-byte entries (tag, index + 1) in
// shared memory. Only the execute thread inserts, tag first; nothing is ever deleted, except that a roll-back takes out
// the youngest keys in reverse order of insertion, which linear probing allows without tombstones.
//
// The hash is HalfSipHash-1-3 with a seed drawn at start: slot keys are chosen by anybody, so an unkeyed hash would let
// them build long probe runs.

import { assert } from "#base/assert.ts";
import {
  ACCOUNT_ADDRESS,
  CONTROL_SEED,
  FLAG_ACCOUNT,
  FLAG_SLOT,
  INDEX_KEY,
  INDEX_TAG,
  RECORD_FLAGS,
  SLOT_KEY,
  SLOT_OWNER,
} from "#formats/memory/state-record.ts";
import { orderLoads } from "./load-order.ts";
import type { StateMemory } from "./state-memory.ts";

/** Owner word hashed with an address, which has none; above every key index. */
export const NO_OWNER = 0xffffffff;

const ADDRESS_WORDS = 5;
const SLOT_WORDS = 8;
const FINAL_ROUND_COUNT = 3;

/** HalfSipHash-1-3 over words; keeps its second output as `tag` so that a hash costs no allocation. */
export class KeyHasher {
  readonly #seed0: number;
  readonly #seed1: number;
  /** Second word of the last hash, unsigned. */
  tag = 0;

  constructor(memory: StateMemory) {
    this.#seed0 = memory.control[CONTROL_SEED]! | 0;
    this.#seed1 = memory.control[CONTROL_SEED + 1]! | 0;
  }

  /**
   * Hashes `count` words and the owner; the result is the first word, unsigned, the second goes to `tag`.
   * @hot bench/state/versioned-read.bench.ts
   * @see https://cr.yp.to/siphash/siphash-20120918.pdf
   */
  hash(words: Uint32Array, count: number, owner: number): number {
    let v0 = this.#seed0;
    let v1 = this.#seed1;
    let v2 = 0x6c796765 ^ v0;
    let v3 = 0x74656462 ^ v1;
    const rounds = count + 1 + FINAL_ROUND_COUNT;
    for (let i = 0; i < rounds; i++) {
      const message = i < count ? words[i]! : i === count ? owner : 0;
      if (i === count + 1) v2 ^= 0xff;
      v3 ^= message;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= message;
    }
    this.tag = (v0 ^ v2) >>> 0;
    return (v1 ^ v3) >>> 0;
  }
}

/** Finds keys (any thread), inserts and removes them (the execute thread). */
export class KeyIndex {
  readonly #memory: StateMemory;
  readonly #entries: Uint32Array;
  readonly #mask: number;
  readonly #hasher: KeyHasher;

  constructor(memory: StateMemory) {
    this.#memory = memory;
    this.#entries = memory.keyIndex;
    this.#mask = memory.plan.indexEntryCount - 1;
    this.#hasher = new KeyHasher(memory);
  }

  /**
   * The key index of an address, given as 5 words; -1 when it has none.
   * @hot bench/state/versioned-read.bench.ts
   */
  findAccount(address: Uint32Array): number {
    const home = this.#hasher.hash(address, ADDRESS_WORDS, NO_OWNER);
    const tag = this.#hasher.tag;
    const entries = this.#entries;
    const mask = this.#mask;
    for (let at = home & mask; ; at = (at + 1) & mask) {
      const key = entries[2 * at + INDEX_KEY]!;
      if (key === 0) return -1;
      orderLoads();
      if (entries[2 * at + INDEX_TAG] === tag && this.#isAccount(key - 1, address)) return key - 1;
    }
  }

  /**
   * The key index of a slot, given as its owner's key index and 8 words; -1 when it has none.
   * @hot bench/state/versioned-read.bench.ts
   */
  findSlot(owner: number, slot: Uint32Array): number {
    const home = this.#hasher.hash(slot, SLOT_WORDS, owner);
    const tag = this.#hasher.tag;
    const entries = this.#entries;
    const mask = this.#mask;
    for (let at = home & mask; ; at = (at + 1) & mask) {
      const key = entries[2 * at + INDEX_KEY]!;
      if (key === 0) return -1;
      orderLoads();
      if (entries[2 * at + INDEX_TAG] === tag && this.#isSlot(key - 1, owner, slot)) return key - 1;
    }
  }

  /** Makes a finished account record findable. */
  insertAccount(address: Uint32Array, index: number): void {
    this.#insert(this.#hasher.hash(address, ADDRESS_WORDS, NO_OWNER), index);
  }

  /** Makes a finished slot record findable. */
  insertSlot(owner: number, slot: Uint32Array, index: number): void {
    this.#insert(this.#hasher.hash(slot, SLOT_WORDS, owner), index);
  }

  /** Takes out the youngest account. */
  removeAccount(address: Uint32Array, index: number): void {
    this.#remove(this.#hasher.hash(address, ADDRESS_WORDS, NO_OWNER), index);
  }

  /** Takes out the youngest slot. */
  removeSlot(owner: number, slot: Uint32Array, index: number): void {
    this.#remove(this.#hasher.hash(slot, SLOT_WORDS, owner), index);
  }

  #insert(home: number, index: number): void {
    const entries = this.#entries;
    let at = home & this.#mask;
    while (entries[2 * at + INDEX_KEY] !== 0) at = (at + 1) & this.#mask;
    entries[2 * at + INDEX_TAG] = this.#hasher.tag;
    Atomics.store(entries, 2 * at + INDEX_KEY, index + 1);
  }

  #remove(home: number, index: number): void {
    const entries = this.#entries;
    let at = home & this.#mask;
    while (entries[2 * at + INDEX_KEY] !== index + 1) {
      assert(entries[2 * at + INDEX_KEY] !== 0, () => `key ${index} is not in the index`);
      at = (at + 1) & this.#mask;
    }
    Atomics.store(entries, 2 * at + INDEX_KEY, 0);
  }

  #isAccount(index: number, address: Uint32Array): boolean {
    const words = this.#memory.piece(index);
    const at = this.#memory.recordWord(index);
    if ((words[at + RECORD_FLAGS]! & FLAG_ACCOUNT) === 0) return false;
    for (let i = 0; i < ADDRESS_WORDS; i++) if (words[at + ACCOUNT_ADDRESS + i] !== address[i]) return false;
    return true;
  }

  #isSlot(index: number, owner: number, slot: Uint32Array): boolean {
    const words = this.#memory.piece(index);
    const at = this.#memory.recordWord(index);
    if ((words[at + RECORD_FLAGS]! & FLAG_SLOT) === 0 || words[at + SLOT_OWNER] !== owner) return false;
    for (let i = 0; i < SLOT_WORDS; i++) if (words[at + SLOT_KEY + i] !== slot[i]) return false;
    return true;
  }
}
