// Contract code in shared memory: bytes appended to one region, a table from code id to (hash, offset, size), and a hash index
// from code hash to id. Id 0 is "no code". Codes are never removed, except the youngest by a roll-back; they are addressed
// by content, so they need no versions.

import { assert } from "#base/assert.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { KECCAK_EMPTY } from "#crypto/keccak256.ts";
import {
  CODE_HASH,
  CODE_OFFSET,
  CODE_SIZE,
  CODE_WORDS,
  CONTROL_CODE_COUNT,
  CONTROL_CODE_WORDS,
  INDEX_KEY,
  INDEX_TAG,
} from "#formats/memory/state-record.ts";
import { KeyHasher, NO_OWNER } from "./key-index.ts";
import { orderLoads } from "./load-order.ts";
import type { StateMemory } from "./state-memory.ts";
import { WordScratch } from "./word-bytes.ts";

/** The id of "no code". */
export const NO_CODE_ID = 0;

const HASH_WORDS = 8;

/** Reads codes (any thread); appends and takes back the youngest (the execute thread). */
export class CodeStore {
  readonly #memory: StateMemory;
  readonly #hasher: KeyHasher;
  readonly #scratch = new WordScratch();
  readonly #mask: number;

  constructor(memory: StateMemory) {
    this.#memory = memory;
    this.#hasher = new KeyHasher(memory);
    this.#mask = memory.plan.codeIndexEntryCount - 1;
  }

  /** Codes that still fit in the table. */
  get freeCount(): number {
    return this.#memory.plan.codeCapacity - this.#memory.codeCount;
  }

  /** Bytes of code that still fit. */
  get freeBytes(): number {
    return this.#memory.plan.codeSizeBytes - 4 * this.usedWords;
  }

  /** Words of the region of code bytes in use. */
  get usedWords(): number {
    return Atomics.load(this.#memory.control, CONTROL_CODE_WORDS);
  }

  /** Bytes that a code of this size takes: whole words. */
  static storedSizeBytes(sizeBytes: number): number {
    return 4 * Math.ceil(sizeBytes / 4);
  }

  /** The id of a code hash: 0 for the empty code, -1 when it is not known. */
  find(codeHash: Hash32): number {
    const words = this.#scratch.setHash(codeHash);
    const home = this.#hasher.hash(words, HASH_WORDS, NO_OWNER);
    const tag = this.#hasher.tag;
    const entries = this.#memory.codeIndex;
    for (let at = home & this.#mask; ; at = (at + 1) & this.#mask) {
      const key = entries[2 * at + INDEX_KEY]!;
      if (key === 0) break;
      orderLoads();
      if (entries[2 * at + INDEX_TAG] === tag && this.#hashEquals(key, words)) return key;
    }
    for (let i = 0; i < codeHash.length; i++) if (codeHash[i] !== KECCAK_EMPTY[i]) return -1;
    return NO_CODE_ID;
  }

  /** keccak256 of the code with this id. */
  hashOf(id: number): Hash32 {
    if (id === NO_CODE_ID) return KECCAK_EMPTY;
    return this.#scratch.bytesAt(this.#memory.codeTable, id * CODE_WORDS + CODE_HASH, 4 * HASH_WORDS);
  }

  /** A copy of the code with this id. */
  bytesOf(id: number): Uint8Array {
    const copied = new Uint8Array(this.sizeOf(id));
    this.copyTo(id, copied, 0);
    return copied;
  }

  /** Size of the code with this id. */
  sizeOf(id: number): number {
    return id === NO_CODE_ID ? 0 : this.#memory.codeTable[id * CODE_WORDS + CODE_SIZE]!;
  }

  /** Writes the code with this id into `into`, from `at`. */
  copyTo(id: number, into: Uint8Array, at: number): void {
    if (id === NO_CODE_ID) return;
    const offset = 4 * this.#memory.codeTable[id * CODE_WORDS + CODE_OFFSET]!;
    into.set(this.#memory.codeBytes.subarray(offset, offset + this.sizeOf(id)), at);
  }

  /** Appends a code that is not known yet; the caller has checked that it fits. Returns its id. */
  append(codeHash: Hash32, code: Uint8Array): number {
    assert(code.length > 0 && this.find(codeHash) < 0, "a code is stored once, and the empty one never");
    assert(this.freeCount > 0, "the code table is full");
    assert(CodeStore.storedSizeBytes(code.length) <= this.freeBytes, "the code region is full");
    const memory = this.#memory;
    const id = memory.codeCount + 1;
    const offset = this.usedWords;
    const entry = id * CODE_WORDS;
    memory.codeBytes.set(code, 4 * offset);
    const words = this.#scratch.setHash(codeHash);
    memory.codeTable.set(words, entry + CODE_HASH);
    memory.codeTable[entry + CODE_OFFSET] = offset;
    memory.codeTable[entry + CODE_SIZE] = code.length;
    Atomics.store(memory.control, CONTROL_CODE_WORDS, offset + CodeStore.storedSizeBytes(code.length) / 4);
    Atomics.store(memory.control, CONTROL_CODE_COUNT, id);
    this.#insert(this.#hasher.hash(words, HASH_WORDS, NO_OWNER), id);
    return id;
  }

  /** Takes back the youngest codes until `codeCount` are left. */
  truncate(codeCount: number, codeWords: number): void {
    const memory = this.#memory;
    for (let id = memory.codeCount; id > codeCount; id--) {
      const words = this.#scratch.setHash(this.hashOf(id));
      this.#remove(this.#hasher.hash(words, HASH_WORDS, NO_OWNER), id);
    }
    Atomics.store(memory.control, CONTROL_CODE_COUNT, codeCount);
    Atomics.store(memory.control, CONTROL_CODE_WORDS, codeWords);
  }

  #insert(home: number, id: number): void {
    const entries = this.#memory.codeIndex;
    let at = home & this.#mask;
    while (entries[2 * at + INDEX_KEY] !== 0) at = (at + 1) & this.#mask;
    entries[2 * at + INDEX_TAG] = this.#hasher.tag;
    Atomics.store(entries, 2 * at + INDEX_KEY, id);
  }

  #remove(home: number, id: number): void {
    const entries = this.#memory.codeIndex;
    let at = home & this.#mask;
    while (entries[2 * at + INDEX_KEY] !== id) {
      assert(entries[2 * at + INDEX_KEY] !== 0, () => `code ${id} is not in the index`);
      at = (at + 1) & this.#mask;
    }
    Atomics.store(entries, 2 * at + INDEX_KEY, 0);
  }

  #hashEquals(id: number, words: Uint32Array): boolean {
    const table = this.#memory.codeTable;
    const at = id * CODE_WORDS + CODE_HASH;
    for (let i = 0; i < HASH_WORDS; i++) if (table[at + i] !== words[i]) return false;
    return true;
  }
}
