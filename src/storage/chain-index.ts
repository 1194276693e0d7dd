// By number and hash to sequence, over the whole log: index files for closed segments, tables in memory for what came after.
// It says where to look; the chain store reads the record there and checks that it is the one asked for.

import { assert } from "#base/assert.ts";
import { bytesEqual } from "#base/bytes.ts";
import { toBareHex } from "#base/hex.ts";
import type { IndexedBlock } from "#formats/disk/segment-index.ts";
import type { ChainIdentity } from "#formats/wire/record.ts";
import type { Disk } from "./disk.ts";
import type { RecordFacts } from "./record-facts.ts";
import { openSegment } from "./segment-file.ts";
import {
  IndexDamageError,
  indexFileName,
  indexSegmentSteps,
  openIndexOf,
  runSteps,
  SegmentIndex,
  type TransactionCandidate,
} from "./segment-index.ts";
import { TransactionTable } from "./transaction-table.ts";

const OPEN_INDEX_COUNT_MAX = 256;

/** What is always in memory of one indexed segment. */
type IndexedSegment = {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly firstMiniBlock: number;
  readonly miniBlockCount: number;
  readonly firstBlock: number;
  readonly blockCount: number;
};

/** The index of one log for one thread. */
export class ChainIndex {
  /** Index files found damaged and computed anew in memory, since the start. */
  damagedCount = 0;

  readonly #disk: Disk;
  readonly #directory: string;
  readonly #identity: ChainIdentity;
  /** Ascending and without gaps, from the oldest segment. */
  readonly #segments: IndexedSegment[] = [];
  readonly #open = new Map<number, SegmentIndex>();
  #firstMiniBlock = 0;
  /** Sequence of each mini-block from `#firstMiniBlock` on. */
  #miniBlocks: number[] = [];
  #blocks: IndexedBlock[] = [];
  #blockByHash = new Map<string, IndexedBlock>();
  #transactions = new TransactionTable(0);
  #openBlock: { number: number; sequence: number } | null = null;

  constructor(disk: Disk, directory: string, identity: ChainIdentity) {
    this.#disk = disk;
    this.#directory = directory;
    this.#identity = identity;
  }

  /** Newest sequence that index files cover; one less than the log's first when none do, -1 for a log from genesis. */
  get coveredSequence(): number {
    return this.#segments.at(-1)?.lastSequence ?? -1;
  }

  /** The newest sealed block that index files know. */
  newestFiledBlock(): IndexedBlock | null {
    const segment = this.#segments.findLast((other) => other.blockCount > 0);
    if (segment === undefined) return null;
    return this.#ask(segment, (index) => index.block(segment.firstBlock + segment.blockCount - 1));
  }

  /**
   * Takes a closed segment's index into use, after all older ones.
   * @param mustHave compute it in memory when the file is missing or damaged
   * @returns false when there is no file and `mustHave` is false
   */
  cover(firstSequence: number, options: { mustHave: boolean }): boolean {
    const index = this.#openFile(firstSequence) ?? (options.mustHave ? this.#compute(firstSequence) : null);
    if (index === null) return false;
    const { header } = index;
    const lastSequence = header.firstSequence + header.recordCount - 1;
    this.#keepOpen(firstSequence, index);
    this.#segments.push({ ...header, lastSequence });
    this.#forgetThrough(lastSequence, header.firstMiniBlock + header.miniBlockCount);
    return true;
  }

  /** Adds the facts of the next record behind what index files cover. */
  add(sequence: number, facts: RecordFacts): void {
    if (facts.kind === "open") this.#openBlock = { number: facts.blockNumber, sequence };
    else if (facts.kind === "mini") this.#addMiniBlock(sequence, facts);
    else if (facts.kind === "seal") {
      const open = this.#openBlock;
      const openSequence = open !== null && open.number === facts.blockNumber ? open.sequence : null;
      const { firstMiniBlock, miniBlockCount, hash } = facts;
      this.#openBlock = null;
      const block = {
        number: facts.blockNumber,
        openSequence,
        sealSequence: sequence,
        firstMiniBlock,
        miniBlockCount,
        hash,
      };
      this.#blocks.push(block);
      this.#blockByHash.set(toBareHex(hash), block);
    }
  }

  /** Forgets everything. */
  reset(): void {
    for (const index of this.#open.values()) index.close();
    this.#open.clear();
    this.#segments.length = 0;
    this.#firstMiniBlock = 0;
    this.#miniBlocks = [];
    this.#blocks = [];
    this.#blockByHash = new Map();
    this.#transactions = new TransactionTable(0);
    this.#openBlock = null;
  }

  /** Sequence of a mini-block's record. */
  sequenceOfMiniBlock(number: number): number | null {
    const recent = this.#miniBlocks[number - this.#firstMiniBlock];
    if (recent !== undefined) return recent;
    const segment = lastAtOrBelow(
      this.#segments,
      (other) => other.miniBlockCount > 0 && other.firstMiniBlock <= number,
    );
    return segment === null ? null : this.#ask(segment, (index) => index.sequenceOfMiniBlock(number));
  }

  /** A sealed block. */
  block(number: number): IndexedBlock | null {
    const first = this.#blocks[0];
    if (first !== undefined && number >= first.number) return this.#blocks[number - first.number] ?? null;
    const segment = lastAtOrBelow(this.#segments, (other) => other.blockCount > 0 && other.firstBlock <= number);
    return segment === null ? null : this.#ask(segment, (index) => index.block(number));
  }

  /** A sealed block by its hash. Asks the index files newest first. */
  blockByHash(hash: Uint8Array): IndexedBlock | null {
    const recent = this.#blockByHash.get(toBareHex(hash));
    if (recent !== undefined) return recent;
    for (let i = this.#segments.length - 1; i >= 0; i--) {
      const found = this.#ask(this.#segments[i]!, (index) => index.blockByHash(hash));
      if (found !== null && bytesEqual(found.hash, hash)) return found;
    }
    return null;
  }

  /** Places where a transaction with this hash may be, newest first; one source of candidates at a time. */
  *transactionCandidates(hash: Uint8Array): Generator<TransactionCandidate> {
    yield* this.#transactions.candidates(hash).reverse();
    for (let i = this.#segments.length - 1; i >= 0; i--) {
      yield* this.#ask(this.#segments[i]!, (index) => index.transactionCandidates(hash));
    }
  }

  #addMiniBlock(sequence: number, facts: RecordFacts & { kind: "mini" }): void {
    if (this.#miniBlocks.length === 0) {
      this.#firstMiniBlock = facts.number;
      this.#transactions = new TransactionTable(facts.number);
    }
    const expected = this.#firstMiniBlock + this.#miniBlocks.length;
    assert(facts.number === expected, () => `mini-block ${facts.number} followed where ${expected} belongs`);
    this.#miniBlocks.push(sequence);
    facts.transactionHashes.forEach((hash, index) => {
      this.#transactions.add(hash, facts.number, index);
    });
  }

  #forgetThrough(sequence: number, nextMiniBlock: number): void {
    const dropped = Math.min(this.#miniBlocks.length, Math.max(0, nextMiniBlock - this.#firstMiniBlock));
    if (dropped > 0) {
      this.#miniBlocks = this.#miniBlocks.slice(dropped);
      this.#firstMiniBlock += dropped;
      this.#transactions = this.#transactions.from(nextMiniBlock);
    }
    const isKept = (block: IndexedBlock) => block.sealSequence > sequence;
    for (const block of this.#blocks) if (!isKept(block)) this.#blockByHash.delete(toBareHex(block.hash));
    this.#blocks = this.#blocks.filter(isKept);
  }

  /** Asks an index file; a damaged one is computed anew from its segment and asked again. */
  #ask<T>(segment: IndexedSegment, question: (index: SegmentIndex) => T): T {
    const { firstSequence } = segment;
    const index = this.#open.get(firstSequence) ?? this.#openFile(firstSequence) ?? this.#compute(firstSequence);
    this.#keepOpen(firstSequence, index);
    try {
      return question(index);
    } catch (error) {
      if (!(error instanceof IndexDamageError)) throw error;
      this.#open.delete(firstSequence);
      index.close();
      const computed = this.#compute(firstSequence);
      this.#keepOpen(firstSequence, computed);
      return question(computed);
    }
  }

  #keepOpen(firstSequence: number, index: SegmentIndex): void {
    this.#open.delete(firstSequence);
    this.#open.set(firstSequence, index);
    if (this.#open.size <= OPEN_INDEX_COUNT_MAX) return;
    const [oldest] = this.#open.keys();
    if (oldest === undefined) return;
    this.#open.get(oldest)?.close();
    this.#open.delete(oldest);
  }

  #openFile(firstSequence: number): SegmentIndex | null {
    const segment = openSegment(this.#disk, this.#directory, firstSequence, {
      identity: this.#identity,
      readOnly: true,
    });
    try {
      return openIndexOf(this.#disk, this.#directory, segment);
    } finally {
      segment.file.close();
    }
  }

  #compute(firstSequence: number): SegmentIndex {
    if (this.#disk.exists(`${this.#directory}/${indexFileName(firstSequence)}`)) this.damagedCount++;
    const segment = openSegment(this.#disk, this.#directory, firstSequence, {
      identity: this.#identity,
      readOnly: true,
    });
    try {
      return SegmentIndex.fromBytes(runSteps(indexSegmentSteps(segment, this.#identity)));
    } finally {
      segment.file.close();
    }
  }
}

/** The last item for which `isAtOrBelow` holds, or null. Segments without any mini-block or block are passed over. */
function lastAtOrBelow<T>(items: readonly T[], isAtOrBelow: (item: T) => boolean): T | null {
  for (let i = items.length - 1; i >= 0; i--) if (isAtOrBelow(items[i]!)) return items[i]!;
  return null;
}
