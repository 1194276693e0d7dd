// The chain as readers ask for it: mini-blocks, blocks and transactions by number and hash. Each read worker has one; it follows
// the records as they are published and answers from memory what is recent, from the log and its index files what is older.
//
//   follow(record) ─▶ recent records (bounded bytes), decoded mini-blocks (bounded count), index in memory
//   a question     ─▶ recent? ─▶ index ─▶ log reader ─▶ decode
//
// It never reads a record that it was not told of, and it writes nothing.

import { assert } from "#base/assert.ts";
import { bytesEqual } from "#base/bytes.ts";
import { type BlockHeader, encodeHeader } from "#chain/header.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import type { IndexedBlock } from "#formats/disk/segment-index.ts";
import { decodeMiniBlock, type MiniBlock } from "#formats/wire/mini-block.ts";
import { decodeOpen, decodeSeal, type OpenPayload, type SealPayload } from "#formats/wire/payloads.ts";
import { type ChainIdentity, type ChainRecord, decodeRecord } from "#formats/wire/record.ts";
import { ChainIndex } from "./chain-index.ts";
import type { Disk } from "./disk.ts";
import { decodeSealedHeader, miniBlockFacts, recordFacts } from "./record-facts.ts";
import { SegmentLogReader } from "./segment-log-reader.ts";
import { type StoredBlock, storedBlock, type TransactionLocation } from "./stored-block.ts";

export type { StoredBlock, TransactionLocation } from "./stored-block.ts";

/** The point at which a log begins that does not reach back to genesis: what a bootstrap's checkpoint says. */
export type ChainBase = {
  /** Sequence of the last record before the log; -1 for genesis. */
  readonly sequence: number;
  /** State version at that point. */
  readonly version: number;
  /** The last sealed block. */
  readonly header: BlockHeader;
  readonly miniBlockOffset: number;
  readonly miniBlockCount: number;
  /** The open block, if that point is inside one. */
  readonly open: OpenPayload | null;
};

/** What a store is opened with. */
export type ChainStoreOptions = {
  readonly identity: ChainIdentity;
  readonly genesisHeader: BlockHeader;
  /** Newest record that is finished in the files; -1 for none. */
  readonly lastSequence: number;
  /** Default: genesis. */
  readonly base?: ChainBase | null;
  /** Bound of the recent records kept in memory, bytes. Default 64 MiB. */
  readonly recentSizeBytes?: number;
  /** Bound of the decoded mini-blocks kept in memory. Default 1024. */
  readonly decodedCountMax?: number;
  /** Bound of the records behind them, which they keep in memory, bytes. Default 64 MiB. */
  readonly decodedSizeBytes?: number;
};

/** A decoded mini-block and the size of the record that its byte strings are views of. */
type DecodedMiniBlock = { readonly miniBlock: MiniBlock; readonly sizeBytes: number };

const RECENT_SIZE_BYTES_DEFAULT = 1 << 26;
const DECODED_COUNT_DEFAULT = 1024;
const DECODED_SIZE_BYTES_DEFAULT = 1 << 26;
/** How often a closed segment's index file is looked for: once in so many records. */
const MAINTENANCE_INTERVAL_RECORDS = 1024;
/** Most records between a block's predecessor and its `open` that are looked through. */
const OPEN_SEARCH_RECORDS_MAX = 256;

/** One thread's view of the chain's history. */
export class ChainStore {
  readonly #options: ChainStoreOptions;
  readonly #reader: SegmentLogReader;
  readonly #index: ChainIndex;
  readonly #recent = new Map<number, ChainRecord>();
  /** By number, the one used longest ago first. */
  readonly #decoded = new Map<number, DecodedMiniBlock>();
  readonly #recentSizeBytesMax: number;
  readonly #decodedCountMax: number;
  readonly #decodedSizeBytesMax: number;
  #recentSizeBytes = 0;
  #decodedSizeBytes = 0;
  #lastSequence = -1;
  #headVersion = 0;
  #headBlock: StoredBlock;
  #openBlock: OpenPayload | null = null;

  /**
   * Opens the store over the log in a folder. Reads through the newest segment; closed segments that have no index file are read
   * through as well, so the index files should be written before.
   * @throws {LogDamageError} {WrongChainError} {DiskError}
   */
  static open(disk: Disk, directory: string, options: ChainStoreOptions): ChainStore {
    return new ChainStore(disk, directory, options);
  }

  private constructor(disk: Disk, directory: string, options: ChainStoreOptions) {
    this.#options = options;
    this.#recentSizeBytesMax = options.recentSizeBytes ?? RECENT_SIZE_BYTES_DEFAULT;
    this.#decodedCountMax = options.decodedCountMax ?? DECODED_COUNT_DEFAULT;
    this.#decodedSizeBytesMax = options.decodedSizeBytes ?? DECODED_SIZE_BYTES_DEFAULT;
    this.#reader = new SegmentLogReader(disk, directory, options.identity);
    this.#index = new ChainIndex(disk, directory, options.identity);
    this.#headBlock = this.#genesisBlock();
    this.#load(options.lastSequence);
  }

  /** Number of the last sealed EVM block. */
  get headBlockNumber(): number {
    return this.#headBlock.header.number;
  }

  /** State version after the newest mini-block: also the number of the next one. */
  get headVersion(): number {
    return this.#headVersion;
  }

  /** The EVM block that is being filled, or null between blocks. */
  get openBlock(): OpenPayload | null {
    return this.#openBlock;
  }

  /** Newest record followed; -1 for none. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** Oldest record that can be read: the beginning of the log, or of memory while the log is empty. */
  get firstSequence(): number {
    const [oldestRecent] = this.#recent.keys();
    return this.#reader.firstSequence ?? oldestRecent ?? this.#lastSequence + 1;
  }

  /** Counts for the metrics: recent records, decoded mini-blocks, index files found damaged. */
  get usage(): {
    recentSizeBytes: number;
    decodedCount: number;
    decodedSizeBytes: number;
    damagedIndexCount: number;
  } {
    return {
      recentSizeBytes: this.#recentSizeBytes,
      decodedCount: this.#decoded.size,
      decodedSizeBytes: this.#decodedSizeBytes,
      damagedIndexCount: this.#index.damagedCount,
    };
  }

  /** Takes the next published record; the log holds it already. @throws {FormatError} when its sections are not canonical */
  follow(record: ChainRecord): void {
    const { sequence } = record.header;
    const expected = this.#lastSequence + 1;
    assert(sequence === expected, () => `record ${sequence} followed where ${expected} belongs`);
    this.#indexRecord(record);
    this.#advanceHead(record);
    this.#reader.advance(sequence);
    this.#keepRecent(record);
    if (sequence % MAINTENANCE_INTERVAL_RECORDS === 0) this.adoptIndexFiles();
  }

  /** Forgets every record after `sequence`. Costs as much as opening the store; the log may be cut before or after. */
  rollbackTo(sequence: number): void {
    if (sequence >= this.#lastSequence) return;
    this.#recent.clear();
    this.#decoded.clear();
    this.#recentSizeBytes = 0;
    this.#decodedSizeBytes = 0;
    this.#reader.rollbackTo(sequence);
    this.#index.reset();
    this.#load(sequence);
  }

  /** Takes new index files into use, so that the tables in memory shrink. Called now and then by `follow`. */
  adoptIndexFiles(): void {
    const closed = this.#reader.refresh().slice(0, -1);
    for (const firstSequence of closed) {
      if (firstSequence <= this.#index.coveredSequence) continue;
      if (!this.#index.cover(firstSequence, { mustHave: false })) return;
    }
  }

  /** The record of a sequence, or null when the log does not hold it. @throws {LogDamageError} {DiskError} */
  record(sequence: number): ChainRecord | null {
    if (sequence > this.#lastSequence) return null;
    const recent = this.#recent.get(sequence);
    if (recent !== undefined) return recent;
    const bytes = this.#reader.read(sequence);
    return bytes === null ? null : decodeRecord(bytes, this.#options.identity);
  }

  /**
   * Records from a sequence on, in order: at least one where there is one, and then as many as fit.
   * @param sizeBytesMax bound over the encoded records, bytes
   * @returns empty when `sequence` is above the newest record or below `firstSequence`
   */
  recordsFrom(sequence: number, sizeBytesMax: number): ChainRecord[] {
    const records: ChainRecord[] = [];
    let size = 0;
    for (let next = sequence; next <= this.#lastSequence; next++) {
      const record = this.record(next);
      if (record === null) break;
      size += record.bytes.length;
      if (records.length > 0 && size > sizeBytesMax) break;
      records.push(record);
    }
    return records;
  }

  /** A mini-block, or null when there is none of this number in the log. */
  miniBlock(number: number): MiniBlock | null {
    const known = this.#decoded.get(number);
    if (known !== undefined) {
      this.#decoded.delete(number);
      this.#decoded.set(number, known);
      return known.miniBlock;
    }
    const record = this.miniBlockRecord(number);
    if (record === null) return null;
    const miniBlock = decodeMiniBlock(record);
    this.#keepDecoded(miniBlock, record.bytes.length);
    return miniBlock;
  }

  /** The signed record of a mini-block, or null when there is none of this number in the log. */
  miniBlockRecord(number: number): ChainRecord | null {
    if (number < 0 || number >= this.#headVersion) return null;
    const sequence = this.#index.sequenceOfMiniBlock(number);
    const record = sequence === null ? null : this.record(sequence);
    return record?.header.type === "mini" && record.header.number === number ? record : null;
  }

  /** A sealed block by number, or null. */
  block(number: number): StoredBlock | null {
    const head = this.#headBlock;
    if (number === head.header.number) return head;
    if (number > head.header.number || number < 0) return null;
    if (number === 0) return this.#genesisBlock();
    const indexed = this.#index.block(number);
    if (indexed !== null) return this.#readBlock(indexed);
    const { base } = this.#options;
    return base?.header.number === number ? this.#baseBlock(base) : null;
  }

  /** A sealed block by its 32-byte hash, or null. */
  blockByHash(hash: Hash32): StoredBlock | null {
    if (bytesEqual(hash, this.#headBlock.hash)) return this.#headBlock;
    const number = this.#index.blockByHash(hash)?.number ?? null;
    const { base } = this.#options;
    for (const candidate of [number, 0, base?.header.number ?? null]) {
      const block = candidate === null ? null : this.block(candidate);
      if (block !== null && bytesEqual(block.hash, hash)) return block;
    }
    return null;
  }

  /** Where the transaction with this 32-byte hash is, or null when no mini-block of the log holds it. */
  transaction(hash: Hash32): TransactionLocation | null {
    for (const { miniBlockNumber, index } of this.#index.transactionCandidates(hash)) {
      const miniBlock = this.miniBlock(miniBlockNumber);
      const transaction = miniBlock?.transactions[index];
      if (!miniBlock || transaction === undefined || !bytesEqual(keccak256(transaction), hash)) continue;
      const { blockNumber, firstTransactionIndex } = miniBlock.header;
      return { miniBlockNumber, index, blockNumber, transactionIndex: firstTransactionIndex + index };
    }
    return null;
  }

  /** The mini-blocks of a sealed block or, so far, of the open one. */
  miniBlocksOfBlock(number: number): { first: number; count: number } | null {
    if (number === this.#openBlock?.blockNumber) {
      const { seal } = this.#headBlock;
      const first = seal.miniBlockOffset + seal.miniBlockCount;
      return { first, count: this.#headVersion - first };
    }
    const block = this.block(number);
    return block === null ? null : { first: block.seal.miniBlockOffset, count: block.seal.miniBlockCount };
  }

  /** The state version at the end of a sealed block, or null when the log does not know the block. */
  stateVersionAfterBlock(number: number): number | null {
    const block = this.block(number);
    return block === null ? null : block.seal.miniBlockOffset + block.seal.miniBlockCount;
  }

  /** Releases all files. */
  close(): void {
    this.#reader.close();
    this.#index.reset();
  }

  #load(lastSequence: number): void {
    const base = this.#options.base ?? null;
    this.#headBlock = base === null ? this.#genesisBlock() : this.#baseBlock(base);
    this.#headVersion = base?.version ?? 0;
    this.#openBlock = base?.open ?? null;
    this.#lastSequence = lastSequence;
    this.#reader.advance(lastSequence);
    const segments = this.#reader.refresh().filter((firstSequence) => firstSequence <= lastSequence);
    const newest = segments.at(-1);
    if (newest === undefined) return;
    for (const closed of segments.slice(0, -1)) this.#index.cover(closed, { mustHave: true });
    const sealed = this.#index.newestFiledBlock();
    if (sealed !== null) {
      const block = this.#readBlock(sealed);
      if (block !== null) this.#headBlock = block;
      this.#headVersion = sealed.firstMiniBlock + sealed.miniBlockCount;
      this.#openBlock = null;
    }
    const from = sealed === null ? Math.max(segments[0]!, (base?.sequence ?? -1) + 1) : sealed.sealSequence + 1;
    this.#replay(Math.min(newest, from), newest);
  }

  /** Reads from the last filed seal, so that a block that was opened in a segment before is known. */
  #replay(fromSequence: number, newestSegment: number): void {
    for (const { sequence, bytes } of this.#reader.scan(fromSequence)) {
      const record = decodeRecord(bytes, this.#options.identity);
      if (sequence >= newestSegment) {
        this.#indexRecord(record);
        this.#keepRecent(record);
      }
      this.#advanceHead(record);
    }
  }

  #indexRecord(record: ChainRecord): void {
    const { type, sequence } = record.header;
    if (type !== "mini") {
      this.#index.add(sequence, recordFacts(record));
      return;
    }
    const miniBlock = decodeMiniBlock(record);
    this.#index.add(sequence, miniBlockFacts(miniBlock));
    this.#keepDecoded(miniBlock, record.bytes.length);
  }

  #advanceHead(record: ChainRecord): void {
    const { type, number, sequence } = record.header;
    this.#lastSequence = Math.max(this.#lastSequence, sequence);
    this.#headVersion = type === "mini" ? number + 1 : number;
    if (type === "open") this.#openBlock = decodeOpen(record);
    else if (type === "seal") {
      this.#headBlock = this.#sealedBlock(record, this.#openBlock);
      this.#openBlock = null;
    }
  }

  #keepRecent(record: ChainRecord): void {
    this.#recent.set(record.header.sequence, record);
    this.#recentSizeBytes += record.bytes.length;
    if (this.#recentSizeBytes <= this.#recentSizeBytesMax) return;
    for (const [sequence, old] of this.#recent) {
      if (this.#recentSizeBytes <= this.#recentSizeBytesMax) return;
      this.#recent.delete(sequence);
      this.#recentSizeBytes -= old.bytes.length;
    }
  }

  #keepDecoded(miniBlock: MiniBlock, sizeBytes: number): void {
    this.#forgetDecoded(miniBlock.number);
    this.#decoded.set(miniBlock.number, { miniBlock, sizeBytes });
    this.#decodedSizeBytes += sizeBytes;
    for (const oldest of this.#decoded.keys()) {
      const isTooLarge = this.#decodedSizeBytes > this.#decodedSizeBytesMax;
      if (this.#decoded.size <= this.#decodedCountMax && !isTooLarge) return;
      this.#forgetDecoded(oldest);
    }
  }

  #forgetDecoded(number: number): void {
    this.#decodedSizeBytes -= this.#decoded.get(number)?.sizeBytes ?? 0;
    this.#decoded.delete(number);
  }

  #readBlock(indexed: IndexedBlock): StoredBlock | null {
    const record = this.record(indexed.sealSequence);
    if (record === null || record.header.type !== "seal") return null;
    return this.#sealedBlock(record, this.#readOpen(indexed));
  }

  #readOpen(indexed: IndexedBlock): OpenPayload | null {
    const from = indexed.openSequence ?? this.#sequenceBefore(indexed) + 1;
    const until = Math.min(indexed.sealSequence, from + OPEN_SEARCH_RECORDS_MAX);
    for (let sequence = Math.max(0, from); sequence < until; sequence++) {
      const record = this.record(sequence);
      if (record === null) break;
      if (record.header.type !== "open") continue;
      const open = decodeOpen(record);
      return open.blockNumber === indexed.number ? open : null;
    }
    const base = this.#options.base?.open ?? null;
    return base?.blockNumber === indexed.number ? base : null;
  }

  #sequenceBefore(indexed: IndexedBlock): number {
    if (indexed.number <= 1) return -1;
    const before = this.#index.block(indexed.number - 1);
    return before?.sealSequence ?? this.#options.base?.sequence ?? indexed.sealSequence;
  }

  #sealedBlock(record: ChainRecord, open: OpenPayload | null): StoredBlock {
    const seal = decodeSeal(record);
    const header = decodeSealedHeader(seal.headerRlp);
    const isItsOpen = open?.blockNumber === header.number;
    return this.#storedBlock(header, seal, isItsOpen ? open : null);
  }

  #storedBlock(header: BlockHeader, seal: SealPayload, open: OpenPayload | null): StoredBlock {
    const store = this;
    return storedBlock({ header, hash: keccak256(seal.headerRlp), seal, open }, function* transactions() {
      const { miniBlockOffset, miniBlockCount } = seal;
      for (let i = 0; i < miniBlockCount; i++) yield* store.miniBlock(miniBlockOffset + i)?.transactions ?? [];
    });
  }

  #genesisBlock(): StoredBlock {
    const header = this.#options.genesisHeader;
    return this.#storedBlock(header, unsignedSeal(header, 0, 0), null);
  }

  #baseBlock(base: ChainBase): StoredBlock {
    return this.#storedBlock(base.header, unsignedSeal(base.header, base.miniBlockOffset, base.miniBlockCount), null);
  }
}

/** Stands for the seal record of a block that has none here. */
function unsignedSeal(header: BlockHeader, miniBlockOffset: number, miniBlockCount: number): SealPayload {
  return {
    headerRlp: encodeHeader(header),
    headerSignature: new Uint8Array(65),
    miniBlockOffset,
    miniBlockCount,
    transactionOffset: 0,
    transactionCount: 0,
  };
}
