// The head of the log: the protocol's state machine over records. The sequencer takes every new record's header from it,
// recovery walks the log with it, and a follower asks it whether a record may come next.
//
//   ┌────── open ──────▶ block open ── mini (≥ 1) ──▶ block open ── seal ──▶ between blocks ──┐
//   └──────────────────────────────────────────────────────────────────────────────────────────┘
//   term, durable and checkpoint records may stand anywhere; signatures of records are checked by the caller.

import { assert } from "#base/assert.ts";
import { bytesEqual, EMPTY_BYTES } from "#base/bytes.ts";
import { nextBaseFee, nextExcessBlobGas } from "#chain/base-fee.ts";
import type { ChainSpec } from "#chain/chain-spec.ts";
import { isAtLeast } from "#chain/hardforks.ts";
import {
  type BlockHeader,
  decodeHeader,
  EMPTY_OMMERS_HASH,
  EMPTY_REQUESTS_HASH,
  EMPTY_TRIE_ROOT,
  encodeHeader,
  headerHash,
} from "#chain/header.ts";
import { blockNumber, type Hash32 } from "#chain/primitives.ts";
import { RlpError } from "#chain/rlp.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import { decodeSignature, recoverAddress } from "#crypto/secp256k1.ts";
import { ByteReader, ByteWriter, FormatError } from "#formats/codec.ts";
import {
  decodeMiniBlock,
  decodeMiniBlockHeader,
  type MiniBlock,
  type MiniBlockHeader,
} from "#formats/wire/mini-block.ts";
import {
  type CheckpointPayload,
  type DurablePayload,
  decodeCheckpoint,
  decodeDurable,
  decodeOpen,
  decodeSeal,
  decodeTerm,
  encodeOpen,
  type OpenPayload,
  type SealPayload,
  type TermPayload,
} from "#formats/wire/payloads.ts";
import type { ChainIdentity, ChainRecord, RecordHeader, RecordTypeName } from "#formats/wire/record.ts";

/** The last sealed EVM block; the genesis before the first seal. */
export type SealedBlock = {
  readonly header: BlockHeader;
  readonly hash: Hash32;
  readonly number: number;
  /** Number of its first mini-block. */
  readonly miniBlockOffset: number;
  readonly miniBlockCount: number;
};

/** The EVM block that is being filled. */
export type OpenBlock = {
  readonly payload: OpenPayload;
  /** Sequence of its `open` record. */
  readonly openSequence: number;
  /** Number of its first mini-block. */
  readonly firstMiniBlock: number;
  readonly miniBlockCount: number;
  readonly transactionCount: number;
  readonly logCount: number;
  readonly gasUsed: number;
};

/** What a chain head is about; equal for all nodes of one chain. */
export type ChainHeadContext = { readonly identity: ChainIdentity; readonly spec: ChainSpec };

/** The mutable part, apart from the sealed and the open block. */
type Position = {
  term: number;
  nextSequence: number;
  parentHash: Hash32;
  nextMiniBlockNumber: number;
  transactionTotal: number;
  timestampUs: number;
  durable: DurablePayload;
  checkpointVersion: number;
};

const SERIAL_VERSION = 1;
const HEADER_SIZE_BYTES_MAX = 4096;
const OPEN_SIZE_BYTES_MAX = 256;
const ZERO_NONCE = new Uint8Array(8);

/** Where the log stands, and what may come next. */
export class ChainHead {
  readonly #context: ChainHeadContext;
  readonly #position: Position;
  #sealed: SealedBlock;
  #open: OpenBlock | null;

  private constructor(context: ChainHeadContext, position: Position, sealed: SealedBlock, open: OpenBlock | null) {
    this.#context = context;
    this.#position = position;
    this.#sealed = sealed;
    this.#open = open;
  }

  /** The head of an empty log: the first record's parent is the identity's genesis hash. */
  static genesis(parts: ChainHeadContext & { readonly genesisHeader: BlockHeader }): ChainHead {
    const { identity, spec, genesisHeader: header } = parts;
    const hash = headerHash(header);
    const position: Position = {
      term: 0,
      nextSequence: 0,
      parentHash: identity.genesisHash,
      nextMiniBlockNumber: 0,
      transactionTotal: 0,
      timestampUs: 0,
      durable: { sequence: 0, version: 0 },
      checkpointVersion: 0,
    };
    const sealed: SealedBlock = { header, hash, number: 0, miniBlockOffset: 0, miniBlockCount: 0 };
    return new ChainHead({ identity, spec }, position, sealed, null);
  }

  /**
   * The head right after a `seal` record, for a node that has nothing before it. What only the records before it say (time of
   * the last mini-block, durable mark, checkpoint) is unknown and taken as none.
   * @param record checked by the caller: signature and everything that {@link check} would compare with earlier records
   * @throws {FormatError} when it is no canonical `seal`
   */
  static fromSeal(record: ChainRecord, context: ChainHeadContext): ChainHead {
    const seal = decodeSeal(record);
    const headerRlp = seal.headerRlp.slice();
    const header = decodeHeader(headerRlp);
    const position: Position = {
      term: record.header.term,
      nextSequence: record.header.sequence + 1,
      parentHash: record.hash.slice(),
      nextMiniBlockNumber: record.header.number,
      transactionTotal: seal.transactionOffset + seal.transactionCount,
      timestampUs: 0,
      durable: { sequence: 0, version: 0 },
      checkpointVersion: 0,
    };
    const { miniBlockOffset, miniBlockCount } = seal;
    const sealed = { header, hash: keccak256(headerRlp), number: header.number, miniBlockOffset, miniBlockCount };
    return new ChainHead(context, position, sealed, null);
  }

  /**
   * Reads what {@link toBytes} wrote.
   * @throws {FormatError} when the bytes are not a serialized head
   */
  static restore(bytes: Uint8Array, context: ChainHeadContext): ChainHead {
    const reader = new ByteReader(bytes);
    const version = reader.u8();
    if (version !== SERIAL_VERSION) throw new FormatError(`chain head version ${version}`, 0);
    const position: Position = {
      term: reader.varint(),
      nextSequence: reader.varint(),
      parentHash: reader.raw(32).slice(),
      nextMiniBlockNumber: reader.varint(),
      transactionTotal: reader.varint(),
      timestampUs: reader.varint(),
      durable: { sequence: reader.varint(), version: reader.varint() },
      checkpointVersion: reader.varint(),
    };
    const sealed = readSealed(reader);
    const open = readOpen(reader);
    reader.expectEnd();
    return new ChainHead(context, position, sealed, open);
  }

  /** The whole head as bytes, for checkpoints and for starting a copy. */
  toBytes(): Uint8Array {
    const { term, nextSequence, parentHash, nextMiniBlockNumber } = this.#position;
    const { transactionTotal, timestampUs, durable, checkpointVersion } = this.#position;
    const writer = new ByteWriter(1024)
      .u8(SERIAL_VERSION)
      .varint(term)
      .varint(nextSequence)
      .raw(parentHash)
      .varint(nextMiniBlockNumber)
      .varint(transactionTotal)
      .varint(timestampUs)
      .varint(durable.sequence)
      .varint(durable.version)
      .varint(checkpointVersion);
    const { header, miniBlockOffset, miniBlockCount } = this.#sealed;
    writer.sized(encodeHeader(header)).varint(miniBlockOffset).varint(miniBlockCount);
    writeOpen(writer, this.#open);
    return writer.toBytes();
  }

  /** An independent head at the same place. */
  copy(): ChainHead {
    return new ChainHead(this.#context, { ...this.#position }, this.#sealed, this.#open);
  }

  /** What chain this is. */
  get identity(): ChainIdentity {
    return this.#context.identity;
  }

  /** The chain's rules. */
  get spec(): ChainSpec {
    return this.#context.spec;
  }

  /** Term of the records that come next. */
  get term(): number {
    return this.#position.term;
  }

  /** Sequence of the next record. */
  get nextSequence(): number {
    return this.#position.nextSequence;
  }

  /** Hash of the last record; the genesis hash before the first. */
  get parentHash(): Hash32 {
    return this.#position.parentHash;
  }

  /** Number of the next mini-block: the state version that all records so far lead to. */
  get nextMiniBlockNumber(): number {
    return this.#position.nextMiniBlockNumber;
  }

  /** Transactions on the chain so far, those of the open block included. */
  get transactionTotal(): number {
    return this.#position.transactionTotal;
  }

  /** Timestamp of the last mini-block, Unix microseconds; 0 before the first. */
  get timestampUs(): number {
    return this.#position.timestampUs;
  }

  /** The last durable mark that the log announced. */
  get durable(): DurablePayload {
    return this.#position.durable;
  }

  /** State version of the last checkpoint that the log announced; 0 before the first. */
  get checkpointVersion(): number {
    return this.#position.checkpointVersion;
  }

  /** The last sealed EVM block. */
  get sealed(): SealedBlock {
    return this.#sealed;
  }

  /** The open EVM block, or null between blocks. */
  get open(): OpenBlock | null {
    return this.#open;
  }

  /** The header that the next record of this type carries. */
  nextHeader(type: RecordTypeName): RecordHeader {
    const { term, nextSequence: sequence, nextMiniBlockNumber: number, parentHash } = this.#position;
    return { type, term: type === "term" ? term + 1 : term, sequence, number, parentHash };
  }

  /** The base fee that the next `open` record must carry, wei. */
  nextBaseFee(timestamp: number): bigint {
    const { spec } = this.#context;
    const fork = spec.hardforkAt(this.#sealed.number + 1, timestamp);
    return isAtLeast(fork, "london") ? nextBaseFee(spec, this.#sealed.header) : 0n;
  }

  /**
   * Whether a decoded record may come next.
   * @param mini what the caller has decoded of a `mini` record; the whole mini-block lets its receipts be checked too
   * @returns null, or why it may not
   */
  check(record: ChainRecord, mini?: MiniBlockHeader | MiniBlock): string | null {
    try {
      return this.#checkLink(record.header) ?? this.#checkContent(record, mini);
    } catch (error) {
      if (error instanceof FormatError || error instanceof RlpError) return error.message;
      throw error;
    }
  }

  /** Moves on over a record that {@link check} has accepted. `mini` saves decoding a `mini` record again. */
  advance(record: ChainRecord, mini?: MiniBlock): void {
    assert(record.header.sequence === this.#position.nextSequence, "advancing over a record that is not the next");
    switch (record.header.type) {
      case "open":
        this.#advanceOpen(record);
        break;
      case "mini":
        this.#advanceMini(mini ?? decodeMiniBlock(record));
        break;
      case "seal":
        this.#advanceSeal(decodeSeal(record));
        break;
      case "term":
        this.#position.term = record.header.term;
        break;
      case "durable":
        this.#position.durable = decodeDurable(record);
        break;
      case "checkpoint":
        this.#position.checkpointVersion = decodeCheckpoint(record).version;
        break;
    }
    this.#position.nextSequence++;
    this.#position.parentHash = record.hash.slice();
  }

  #checkLink(header: RecordHeader): string | null {
    const expected = this.nextHeader(header.type);
    if (header.sequence !== expected.sequence) return `sequence ${header.sequence}, expected ${expected.sequence}`;
    // A sequencer may have to skip terms: one in which it reserved numbers and left no record.
    const fits = header.type === "term" ? header.term >= expected.term : header.term === expected.term;
    if (!fits) return `term ${header.term}, expected ${expected.term}`;
    if (header.number !== expected.number) return `mini-block number ${header.number}, expected ${expected.number}`;
    return bytesEqual(header.parentHash, expected.parentHash) ? null : "parent hash is not that of the record before";
  }

  #checkContent(record: ChainRecord, mini: MiniBlockHeader | MiniBlock | undefined): string | null {
    switch (record.header.type) {
      case "open":
        return this.#checkOpen(decodeOpen(record));
      case "mini":
        return this.#checkMini(mini ?? decodeMiniBlockHeader(record));
      case "seal":
        return this.#checkSeal(decodeSeal(record));
      case "term":
        return this.#checkTerm(decodeTerm(record));
      case "durable":
        return this.#checkDurable(decodeDurable(record));
      case "checkpoint":
        return this.#checkCheckpoint(decodeCheckpoint(record));
    }
  }

  #checkOpen(payload: OpenPayload): string | null {
    if (this.#open !== null) return `block ${this.#open.payload.blockNumber} is still open`;
    const { number, header, hash } = this.#sealed;
    if (payload.blockNumber !== number + 1) return `opens block ${payload.blockNumber} after ${number}`;
    if (BigInt(payload.timestamp) <= header.timestamp)
      return `timestamp ${payload.timestamp} is not above the parent's`;
    if (!bytesEqual(payload.parentHash, hash)) return "parent block hash is not that of the sealed block";
    const { blockGasLimit } = this.#context.spec;
    if (payload.gasLimit !== blockGasLimit) return `gas limit ${payload.gasLimit}, expected ${blockGasLimit}`;
    const baseFee = this.nextBaseFee(payload.timestamp);
    return payload.baseFee === baseFee ? null : `base fee ${payload.baseFee}, expected ${baseFee}`;
  }

  #checkMini(mini: MiniBlockHeader | MiniBlock): string | null {
    const open = this.#open;
    if (open === null) return "mini-block outside a block";
    const header = "header" in mini ? mini.header : mini;
    const { payload } = open;
    const mismatch =
      differs("block number", header.blockNumber, payload.blockNumber) ??
      differs("block timestamp", header.blockTimestamp, payload.timestamp) ??
      differs("base fee", header.baseFee, payload.baseFee) ??
      differs("index", header.index, open.miniBlockCount) ??
      differs("first transaction index", header.firstTransactionIndex, open.transactionCount) ??
      differs("first log index", header.firstLogIndex, open.logCount) ??
      differs("cumulative gas before", header.cumulativeGasBefore, open.gasUsed);
    if (mismatch !== null) return mismatch;
    if (header.timestampUs < this.#position.timestampUs) return "mini-block timestamp runs backwards";
    if (header.transactionCount === 0 && header.gasUsed !== 0) return "gas used without a transaction";
    if (BigInt(open.gasUsed + header.gasUsed) > payload.gasLimit) return "block gas limit exceeded";
    return "header" in mini ? checkReceipts(mini) : null;
  }

  #checkSeal(payload: SealPayload): string | null {
    const open = this.#open;
    if (open === null) return "seal outside a block";
    if (open.miniBlockCount === 0) return "seal of a block without a mini-block";
    return (
      differs("mini-block count", payload.miniBlockCount, open.miniBlockCount) ??
      differs("mini-block offset", payload.miniBlockOffset, open.firstMiniBlock) ??
      differs("transaction count", payload.transactionCount, open.transactionCount) ??
      differs(
        "transaction offset",
        payload.transactionOffset,
        this.#position.transactionTotal - open.transactionCount,
      ) ??
      this.#checkSealedHeader(payload, open)
    );
  }

  /** Everything in the header but its roots and bloom follows from the records before it. */
  #checkSealedHeader(payload: SealPayload, open: OpenBlock): string | null {
    const { spec } = this.#context;
    const header = decodeHeader(payload.headerRlp);
    const expected = composeHeader({ spec, open, parent: this.#sealed.header, results: header });
    if (!bytesEqual(encodeHeader(expected), payload.headerRlp)) {
      return `header field ${differingField(header, expected)} does not follow from the block's records`;
    }
    if (spec.sequencer === null) return null;
    const signature = decodeSignature(payload.headerSignature);
    if (signature === null) return "malformed header signature";
    const signer = recoverAddress(keccak256(payload.headerRlp), signature.r, signature.s, signature.yParity);
    const isSequencer = signer !== null && bytesEqual(signer, spec.sequencer);
    return isSequencer ? null : "the header is not signed by the sequencer";
  }

  #checkTerm(payload: TermPayload): string | null {
    const { nextSequence, nextMiniBlockNumber } = this.#position;
    // An empty log has no last record: its term record says 0, and its own sequence tells the two cases apart.
    return (
      differs("last kept sequence", payload.lastKeptSequence, Math.max(0, nextSequence - 1)) ??
      differs("last kept version", payload.lastKeptVersion, nextMiniBlockNumber)
    );
  }

  #checkDurable(payload: DurablePayload): string | null {
    const { durable, nextSequence, nextMiniBlockNumber } = this.#position;
    if (payload.sequence >= nextSequence) return `durable mark ${payload.sequence} beyond the log`;
    if (payload.version > nextMiniBlockNumber) return `durable version ${payload.version} beyond the state`;
    const runsBack = payload.sequence < durable.sequence || payload.version < durable.version;
    return runsBack ? "durable mark runs backwards" : null;
  }

  #checkCheckpoint(payload: CheckpointPayload): string | null {
    const { checkpointVersion, nextMiniBlockNumber } = this.#position;
    if (payload.version > nextMiniBlockNumber) return `checkpoint version ${payload.version} beyond the state`;
    if (payload.version < checkpointVersion) return "checkpoint version runs backwards";
    const { number } = this.#sealed;
    return payload.blockNumber > number ? `checkpoint of block ${payload.blockNumber} beyond the chain` : null;
  }

  #advanceOpen(record: ChainRecord): void {
    this.#open = {
      payload: copyOpen(decodeOpen(record)),
      openSequence: record.header.sequence,
      firstMiniBlock: this.#position.nextMiniBlockNumber,
      miniBlockCount: 0,
      transactionCount: 0,
      logCount: 0,
      gasUsed: 0,
    };
  }

  #advanceMini(mini: MiniBlock): void {
    const open = this.#open;
    assert(open !== null, "mini-block outside a block");
    let logCount = open.logCount;
    for (const receipt of mini.receipts) logCount += receipt.logs.length;
    this.#open = {
      ...open,
      miniBlockCount: open.miniBlockCount + 1,
      transactionCount: open.transactionCount + mini.header.transactionCount,
      logCount,
      gasUsed: open.gasUsed + mini.header.gasUsed,
    };
    this.#position.nextMiniBlockNumber++;
    this.#position.transactionTotal += mini.header.transactionCount;
    this.#position.timestampUs = mini.header.timestampUs;
  }

  #advanceSeal(payload: SealPayload): void {
    const headerRlp = payload.headerRlp.slice();
    const header = decodeHeader(headerRlp);
    const { miniBlockOffset, miniBlockCount } = payload;
    this.#sealed = { header, hash: keccak256(headerRlp), number: header.number, miniBlockOffset, miniBlockCount };
    this.#open = null;
  }
}

/** What a block's execution adds to its header. */
export type BlockResults = Pick<BlockHeader, "stateRoot" | "transactionsRoot" | "receiptsRoot" | "logsBloom">;

/** The header of the open block, with all fields that its fork asks for; blobs, withdrawals and requests are empty. */
export function composeHeader(parts: {
  readonly spec: ChainSpec;
  readonly open: Pick<OpenBlock, "payload" | "gasUsed">;
  readonly parent: BlockHeader;
  readonly results: BlockResults;
}): BlockHeader {
  const { spec, parent } = parts;
  const { payload, gasUsed } = parts.open;
  const { stateRoot, transactionsRoot, receiptsRoot, logsBloom } = parts.results;
  const fork = spec.hardforkAt(payload.blockNumber, payload.timestamp);
  return {
    parentHash: payload.parentHash,
    ommersHash: EMPTY_OMMERS_HASH,
    beneficiary: payload.beneficiary,
    stateRoot,
    transactionsRoot,
    receiptsRoot,
    logsBloom,
    difficulty: 0n,
    number: blockNumber(payload.blockNumber),
    gasLimit: payload.gasLimit,
    gasUsed: BigInt(gasUsed),
    timestamp: BigInt(payload.timestamp),
    extraData: EMPTY_BYTES,
    mixHash: payload.randomness,
    nonce: ZERO_NONCE,
    ...(isAtLeast(fork, "london") ? { baseFeePerGas: payload.baseFee } : {}),
    ...(isAtLeast(fork, "shanghai") ? { withdrawalsRoot: EMPTY_TRIE_ROOT } : {}),
    ...(isAtLeast(fork, "cancun") ? blobFields(spec, parent, payload) : {}),
    ...(isAtLeast(fork, "prague") ? { requestsHash: EMPTY_REQUESTS_HASH } : {}),
  };
}

function blobFields(spec: ChainSpec, parent: BlockHeader, payload: OpenPayload) {
  return {
    blobGasUsed: 0n,
    excessBlobGas: nextExcessBlobGas(spec, parent, payload.timestamp),
    parentBeaconBlockRoot: payload.parentBeaconBlockRoot,
  };
}

function differingField(actual: BlockHeader, expected: BlockHeader): string {
  for (const name of Object.keys({ ...actual, ...expected }) as (keyof BlockHeader)[]) {
    const a = actual[name];
    const b = expected[name];
    const isEqual = a instanceof Uint8Array && b instanceof Uint8Array ? bytesEqual(a, b) : a === b;
    if (!isEqual) return name;
  }
  return "encoding";
}

function differs(what: string, actual: number | bigint, expected: number | bigint): string | null {
  return actual === expected ? null : `${what} ${actual}, expected ${expected}`;
}

function checkReceipts(mini: MiniBlock): string | null {
  const { header, receipts, transactions } = mini;
  if (receipts.length !== header.transactionCount) return `${receipts.length} receipts`;
  if (transactions.length !== header.transactionCount) return `${transactions.length} transactions`;
  let cumulativeGasUsed = header.cumulativeGasBefore;
  for (const receipt of receipts) {
    cumulativeGasUsed += receipt.gasUsed;
    if (receipt.cumulativeGasUsed !== cumulativeGasUsed) return "cumulative gas of a receipt does not add up";
  }
  return differs("gas used", header.gasUsed, cumulativeGasUsed - header.cumulativeGasBefore);
}

function copyOpen(payload: OpenPayload): OpenPayload {
  return {
    ...payload,
    randomness: payload.randomness.slice(),
    beneficiary: payload.beneficiary.slice(),
    parentHash: payload.parentHash.slice(),
    parentBeaconBlockRoot: payload.parentBeaconBlockRoot.slice(),
  };
}

function readSealed(reader: ByteReader): SealedBlock {
  const headerRlp = reader.sized(HEADER_SIZE_BYTES_MAX).slice();
  const header = decodeHeader(headerRlp);
  return {
    header,
    hash: keccak256(headerRlp),
    number: header.number,
    miniBlockOffset: reader.varint(),
    miniBlockCount: reader.varint(),
  };
}

function writeOpen(writer: ByteWriter, open: OpenBlock | null): void {
  writer.u8(open === null ? 0 : 1);
  if (open === null) return;
  writer
    .sized(encodeOpen(open.payload))
    .varint(open.openSequence)
    .varint(open.firstMiniBlock)
    .varint(open.miniBlockCount)
    .varint(open.transactionCount)
    .varint(open.logCount)
    .varint(open.gasUsed);
}

function readOpen(reader: ByteReader): OpenBlock | null {
  const isOpen = reader.u8();
  if (isOpen > 1) throw new FormatError(`open block flag ${isOpen}`, reader.offset);
  if (isOpen === 0) return null;
  return {
    payload: copyOpen(decodeOpen(asOpenRecord(reader.sized(OPEN_SIZE_BYTES_MAX)))),
    openSequence: reader.varint(),
    firstMiniBlock: reader.varint(),
    miniBlockCount: reader.varint(),
    transactionCount: reader.varint(),
    logCount: reader.varint(),
    gasUsed: reader.varint(),
  };
}

/** The payload codec reads records; only type and section matter to it. */
function asOpenRecord(section: Uint8Array): ChainRecord {
  const header: RecordHeader = { type: "open", term: 0, sequence: 0, number: 0, parentHash: EMPTY_BYTES };
  return { header, sections: [section], hash: EMPTY_BYTES, signature: EMPTY_BYTES, bytes: EMPTY_BYTES };
}
