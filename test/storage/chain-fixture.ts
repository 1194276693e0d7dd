// A small well-formed chain of signed records for storage tests: blocks of an `open`, some mini-blocks and a `seal`, now and then a
// `durable`. The same options give the same bytes; another `life` gives other content under the same numbers.

import { SeededRandom } from "#base/random.ts";
import {
  type BlockHeader,
  EMPTY_OMMERS_HASH,
  EMPTY_REQUESTS_HASH,
  EMPTY_TRIE_ROOT,
  encodeHeader,
  headerHash,
} from "#chain/header.ts";
import { type Address, blockNumber } from "#chain/primitives.ts";
import type { Receipt } from "#chain/receipt.ts";
import { encodeMiniBlockSections } from "#formats/wire/mini-block.ts";
import { encodeDurable, encodeOpen, encodeSeal, encodeTerm, type OpenPayload } from "#formats/wire/payloads.ts";
import { type ChainIdentity, type ChainRecord, type RecordTypeName, signRecord } from "#formats/wire/record.ts";

/** The header of the fixture's genesis block. */
export const GENESIS_HEADER: BlockHeader = header(0, new Uint8Array(32), 0);

/** The chain that the fixture's records belong to. */
export const IDENTITY: ChainIdentity = { chainId: 31337n, genesisHash: headerHash(GENESIS_HEADER) };

/** Another chain. */
export const OTHER_IDENTITY: ChainIdentity = { chainId: 31338n, genesisHash: new Uint8Array(32).fill(0x99) };

const KEY = new Uint8Array(32).fill(0x45);
const SENDER: Address = new Uint8Array(20).fill(0x5e);
const MINI_BLOCKS_PER_BLOCK = 3;

/** Builds records one after the other. */
export class ChainFixture {
  /** All records so far, by sequence from `firstSequence`. */
  readonly records: ChainRecord[] = [];
  readonly #random: SeededRandom;
  #term: number;
  #sequence: number;
  #number = 0;
  #parentHash: Uint8Array = IDENTITY.genesisHash;
  #sealed: BlockHeader = GENESIS_HEADER;
  #open: OpenPayload | null = null;
  #miniBlockIndex = 0;
  #transactionIndex = 0;
  #gasUsed = 0;
  #transactionTotal = 0;
  readonly #dataSizeMax: number;

  /** @param options.dataSizeMax bound of the random bytes in a transaction */
  constructor(options: { life: number; dataSizeMax?: number }) {
    this.#random = new SeededRandom(1000 + options.life);
    this.#dataSizeMax = options.dataSizeMax ?? 100;
    this.#term = options.life;
    this.#sequence = 0;
  }

  /** Builds `count` more records. @returns these */
  extend(count: number): ChainRecord[] {
    const added: ChainRecord[] = [];
    for (let i = 0; i < count; i++) added.push(this.next());
    return added;
  }

  /** The next record of the pattern. The types by sequence are the same in every life. */
  next(): ChainRecord {
    if (this.#sequence % 11 === 10) {
      return this.#sign("durable", [encodeDurable({ sequence: this.#sequence - 1, version: this.#number })]);
    }
    if (this.#open === null) return this.#nextOpen();
    return this.#miniBlockIndex < MINI_BLOCKS_PER_BLOCK ? this.#nextMiniBlock() : this.#nextSeal(this.#open);
  }

  /** A `term` record that voids everything after the newest one. */
  term(): ChainRecord {
    this.#term++;
    const payload = { lastKeptSequence: this.#sequence - 1, lastKeptVersion: this.#number };
    return this.#sign("term", [encodeTerm(payload)]);
  }

  #nextOpen(): ChainRecord {
    const open: OpenPayload = {
      blockNumber: this.#sealed.number + 1,
      timestamp: 1_800_000_000 + this.#sealed.number,
      baseFee: 1_000_000n,
      gasLimit: 10_000_000_000n,
      randomness: this.#random.bytes(32),
      beneficiary: SENDER,
      parentHash: headerHash(this.#sealed),
      parentBeaconBlockRoot: new Uint8Array(32),
    };
    this.#open = open;
    this.#miniBlockIndex = 0;
    this.#transactionIndex = 0;
    this.#gasUsed = 0;
    return this.#sign("open", [encodeOpen(open)]);
  }

  #nextMiniBlock(): ChainRecord {
    const open = this.#open!;
    const count = this.#random.below(4);
    const transactions = Array.from({ length: count }, (_, i) => {
      const bytes = this.#random.bytes(8 + this.#random.below(this.#dataSizeMax));
      bytes[0] = i % 2 === 0 ? 0x02 : 0xf8;
      return bytes;
    });
    const cumulativeGasBefore = this.#gasUsed;
    const receipts: Receipt[] = transactions.map((_, i) => {
      return {
        type: 2,
        status: 1,
        gasUsed: 21_000,
        cumulativeGasUsed: cumulativeGasBefore + 21_000 * (i + 1),
        logs: [],
      };
    });
    const sections = encodeMiniBlockSections({
      header: {
        blockNumber: open.blockNumber,
        blockTimestamp: open.timestamp,
        index: this.#miniBlockIndex,
        timestampUs: open.timestamp * 1_000_000 + this.#miniBlockIndex,
        gasUsed: 21_000 * count,
        transactionCount: count,
        firstTransactionIndex: this.#transactionIndex,
        firstLogIndex: 0,
        cumulativeGasBefore,
        baseFee: open.baseFee,
      },
      transactions,
      receipts,
      diff: { firstNewIndex: 0, newKeys: [], accounts: [], slots: [], codes: [] },
      senders: transactions.map(() => SENDER),
    });
    this.#miniBlockIndex++;
    this.#transactionIndex += count;
    this.#gasUsed += 21_000 * count;
    const record = this.#sign("mini", sections);
    this.#number++;
    return record;
  }

  #nextSeal(open: OpenPayload): ChainRecord {
    const sealed = header(open.blockNumber, open.parentHash, this.#gasUsed);
    this.#sealed = { ...sealed, mixHash: open.randomness };
    this.#open = null;
    const payload = {
      headerRlp: encodeHeader(this.#sealed),
      headerSignature: new Uint8Array(65).fill(1),
      miniBlockCount: this.#miniBlockIndex,
      miniBlockOffset: this.#number - this.#miniBlockIndex,
      transactionOffset: this.#transactionTotal,
      transactionCount: this.#transactionIndex,
    };
    this.#transactionTotal += this.#transactionIndex;
    return this.#sign("seal", [encodeSeal(payload)]);
  }

  #sign(type: RecordTypeName, sections: readonly Uint8Array[]): ChainRecord {
    const head = {
      type,
      term: this.#term,
      sequence: this.#sequence,
      number: this.#number,
      parentHash: this.#parentHash,
    };
    const record = signRecord(IDENTITY, head, sections, KEY);
    this.#sequence++;
    this.#parentHash = record.hash;
    this.records.push(record);
    return record;
  }
}

/** Records as the log takes them. */
export function asLogRecords(records: readonly ChainRecord[]): { sequence: number; bytes: Uint8Array }[] {
  return records.map((record) => ({ sequence: record.header.sequence, bytes: record.bytes }));
}

function header(number: number, parentHash: Uint8Array, gasUsed: number): BlockHeader {
  return {
    parentHash,
    ommersHash: EMPTY_OMMERS_HASH,
    beneficiary: new Uint8Array(20).fill(0x5e),
    stateRoot: new Uint8Array(32).fill(number & 0xff),
    transactionsRoot: EMPTY_TRIE_ROOT,
    receiptsRoot: EMPTY_TRIE_ROOT,
    logsBloom: new Uint8Array(256),
    difficulty: 0n,
    number: blockNumber(number),
    gasLimit: 10_000_000_000n,
    gasUsed: BigInt(gasUsed),
    timestamp: BigInt(1_800_000_000 + number),
    extraData: new Uint8Array(0),
    mixHash: new Uint8Array(32),
    nonce: new Uint8Array(8),
    baseFeePerGas: 1_000_000n,
    withdrawalsRoot: EMPTY_TRIE_ROOT,
    blobGasUsed: 0n,
    excessBlobGas: 0n,
    parentBeaconBlockRoot: new Uint8Array(32),
    requestsHash: EMPTY_REQUESTS_HASH,
  };
}
