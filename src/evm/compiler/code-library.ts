// What a thread knows of byte codes beyond one run: whether they were compiled, how often, and the modules, the least recently
// used of which are forgotten when they take too much memory.

import type { Hardfork } from "#chain/hardforks.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { compileKey } from "./compile-queue.ts";
import type { PublishedCode } from "./compile-service.ts";

/** A byte code under the rules of a fork. */
export type CodeRecord = {
  readonly fork: Hardfork;
  readonly codeHash: Hash32;
  /** Compilations asked for, here or by another thread. */
  attemptCount: number;
  /** One of them has not been answered. */
  isPending: boolean;
  /** The compiler does not take it. */
  isRefused: boolean;
  /** What had been seen of it when it was asked for last; see `seenCount`. */
  seenCount: number;
  published: PublishedCode | null;
};

/** Records that are kept even without a module. */
const RECORD_COUNT_MAX = 16_384;

/** Evicted at most times. */
const NOTHING: readonly CodeRecord[] = [];

/** See the head of the file. */
export class CodeLibrary {
  readonly #sizeBytesMax: number;
  /** The least recently used first. */
  readonly #records = new Map<string, CodeRecord>();
  /** For the first 16 bits of a hash whether there ever was a record: most codes are never compiled, and asking has to be cheap. */
  readonly #isKnown = new Uint8Array(1 << 16);
  #sizeBytes = 0;

  /** @param sizeBytesMax of the binary forms of all modules */
  constructor(sizeBytesMax: number) {
    this.#sizeBytesMax = sizeBytesMax;
  }

  /** Bytes of the binary forms of all modules. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Whether there may be a record of a code; false is certain. */
  mayKnow(codeHash: Hash32): boolean {
    return this.#isKnown[(codeHash[0]! << 8) | codeHash[1]!] !== 0;
  }

  /** The record of a code, as used now; made when there is none. */
  use(fork: Hardfork, codeHash: Hash32): CodeRecord {
    const key = compileKey({ fork, codeHash });
    let record = this.#records.get(key);
    if (record === undefined) {
      const flags = { attemptCount: 0, isPending: false, isRefused: false, seenCount: 0 };
      record = { fork, codeHash, ...flags, published: null };
      this.#isKnown[(codeHash[0]! << 8) | codeHash[1]!] = 1;
    } else this.#records.delete(key);
    this.#records.set(key, record);
    return record;
  }

  /** Gives a code its module, in place of one that it has. */
  publish(record: CodeRecord, published: PublishedCode): void {
    this.#sizeBytes += published.sizeBytes - (record.published?.sizeBytes ?? 0);
    record.published = published;
  }

  /** Forgets modules until they are within their bound, and records until they are within theirs. @returns whose module went */
  evict(): readonly CodeRecord[] {
    if (this.#sizeBytes <= this.#sizeBytesMax && this.#records.size <= RECORD_COUNT_MAX) return NOTHING;
    const evicted: CodeRecord[] = [];
    for (const [key, record] of this.#records) {
      const isFull = this.#sizeBytes > this.#sizeBytesMax;
      if (!isFull && this.#records.size <= RECORD_COUNT_MAX) break;
      if (isFull && record.published === null) continue;
      if (record.published !== null) evicted.push(record);
      this.#sizeBytes -= record.published?.sizeBytes ?? 0;
      record.published = null;
      record.attemptCount = 0;
      this.#records.delete(key);
    }
    return evicted;
  }
}
