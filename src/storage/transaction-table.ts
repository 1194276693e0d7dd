// Where the transactions of the newest segments are, by the first 8 bytes of their hash: an open-addressing table in four 32-bit
// words an entry. A hit is a candidate; who asks compares the whole hash with the transaction itself, so entries of mini-blocks
// that were rolled back may stay until the table is rebuilt.

import type { TransactionCandidate } from "./segment-index.ts";

const WORDS_PER_ENTRY = 4;
const CAPACITY_MIN = 1024;

/** A growing table of transactions. 16 bytes an entry, at most two thirds full. */
export class TransactionTable {
  #words = new Uint32Array(CAPACITY_MIN * WORDS_PER_ENTRY);
  #capacity = CAPACITY_MIN;
  #count = 0;
  readonly #firstMiniBlock: number;

  /** @param firstMiniBlock lowest mini-block number that will be added; the table reaches 2^32 - 2 from there */
  constructor(firstMiniBlock: number) {
    this.#firstMiniBlock = firstMiniBlock;
  }

  /** Entries in the table. */
  get count(): number {
    return this.#count;
  }

  /** Adds a transaction by its 32-byte hash. */
  add(hash: Uint8Array, miniBlockNumber: number, index: number): void {
    if ((this.#count + 1) * 3 > this.#capacity * 2) this.#grow();
    this.#insert(wordAt(hash, 0), wordAt(hash, 4), miniBlockNumber - this.#firstMiniBlock + 1, index);
    this.#count++;
  }

  /** The entries whose hash begins with the same 8 bytes. */
  candidates(hash: Uint8Array): TransactionCandidate[] {
    const words = this.#words;
    const high = wordAt(hash, 0);
    const low = wordAt(hash, 4);
    const found: TransactionCandidate[] = [];
    for (let slot = high & (this.#capacity - 1); ; slot = (slot + 1) & (this.#capacity - 1)) {
      const at = slot * WORDS_PER_ENTRY;
      const place = words[at + 2]!;
      if (place === 0) return found;
      if (words[at] === high && words[at + 1] === low) {
        found.push({ miniBlockNumber: this.#firstMiniBlock + place - 1, index: words[at + 3]! });
      }
    }
  }

  /** A new table with only the entries of mini-blocks from `miniBlockNumber` on. */
  from(miniBlockNumber: number): TransactionTable {
    const kept = new TransactionTable(this.#firstMiniBlock);
    const placeMin = miniBlockNumber - this.#firstMiniBlock + 1;
    for (let at = 0; at < this.#words.length; at += WORDS_PER_ENTRY) {
      const place = this.#words[at + 2]!;
      if (place === 0 || place < placeMin) continue;
      if ((kept.#count + 1) * 3 > kept.#capacity * 2) kept.#grow();
      kept.#insert(this.#words[at]!, this.#words[at + 1]!, place, this.#words[at + 3]!);
      kept.#count++;
    }
    return kept;
  }

  #insert(high: number, low: number, place: number, index: number): void {
    const words = this.#words;
    let slot = high & (this.#capacity - 1);
    while (words[slot * WORDS_PER_ENTRY + 2] !== 0) slot = (slot + 1) & (this.#capacity - 1);
    const at = slot * WORDS_PER_ENTRY;
    words[at] = high;
    words[at + 1] = low;
    words[at + 2] = place;
    words[at + 3] = index;
  }

  #grow(): void {
    const old = this.#words;
    this.#capacity *= 2;
    this.#words = new Uint32Array(this.#capacity * WORDS_PER_ENTRY);
    for (let at = 0; at < old.length; at += WORDS_PER_ENTRY) {
      if (old[at + 2] !== 0) this.#insert(old[at]!, old[at + 1]!, old[at + 2]!, old[at + 3]!);
    }
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
