// The EVM block header, its RLP and its hash. Optional fields are present from their fork on, each only with all before it.

import { assert } from "#base/assert.ts";
import { fromHex } from "#base/hex.ts";
import { KECCAK_EMPTY_RLP, keccak256 } from "#crypto/keccak256.ts";
import { sha256 } from "#crypto/sha256.ts";
import { BLOOM_SIZE_BYTES } from "./bloom.ts";
import { type Address, type BlockNumber, blockNumber, type Hash32, type Wei } from "./primitives.ts";
import { encodeRlp, type RlpItem, RlpReader, rlpInteger } from "./rlp.ts";

/** The header of an EVM block. */
export type BlockHeader = {
  readonly parentHash: Hash32;
  readonly ommersHash: Hash32;
  readonly beneficiary: Address;
  readonly stateRoot: Hash32;
  readonly transactionsRoot: Hash32;
  readonly receiptsRoot: Hash32;
  /** 256 bytes. */
  readonly logsBloom: Uint8Array;
  readonly difficulty: bigint;
  readonly number: BlockNumber;
  readonly gasLimit: bigint;
  readonly gasUsed: bigint;
  /** Seconds since the Unix epoch. */
  readonly timestamp: bigint;
  readonly extraData: Uint8Array;
  /** From Paris on: the randomness that PREVRANDAO gives (EIP-4399). */
  readonly mixHash: Hash32;
  /** 8 bytes; zero from Paris on. */
  readonly nonce: Uint8Array;
  /** London (EIP-1559). */
  readonly baseFeePerGas?: Wei;
  /** Shanghai (EIP-4895). */
  readonly withdrawalsRoot?: Hash32;
  /** Cancun (EIP-4844). */
  readonly blobGasUsed?: bigint;
  /** Cancun (EIP-4844). */
  readonly excessBlobGas?: bigint;
  /** Cancun (EIP-4788). */
  readonly parentBeaconBlockRoot?: Hash32;
  /** Prague (EIP-7685). */
  readonly requestsHash?: Hash32;
};

/** keccak256 of the empty list: the ommers hash of a block without ommers. */
export const EMPTY_OMMERS_HASH: Hash32 = fromHex("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347");

/** The root of a Merkle Patricia trie without entries. */
export const EMPTY_TRIE_ROOT: Hash32 = KECCAK_EMPTY_RLP;

/** The requests hash of a block without requests: sha256 of nothing. @see EIP-7685 */
export const EMPTY_REQUESTS_HASH: Hash32 = sha256(new Uint8Array(0));

/** The canonical RLP of a header. */
export function encodeHeader(header: BlockHeader): Uint8Array {
  return encodeRlp(headerFields(header));
}

/** The block hash: keccak256 of the encoded header. */
export function headerHash(header: BlockHeader): Hash32 {
  return keccak256(encodeHeader(header));
}

/**
 * Decodes one header.
 * @returns a header whose byte fields are views of `bytes`
 * @throws {RlpError} when the bytes are not exactly one canonical header
 */
export function decodeHeader(bytes: Uint8Array): BlockHeader {
  const reader = new RlpReader(bytes, "types.Header");
  const header = readHeader(reader);
  reader.finish();
  return header;
}

/** The fields in the order of the encoding, for headers inside blocks. */
export function headerFields(header: BlockHeader): RlpItem[] {
  const fields: RlpItem[] = [
    header.parentHash,
    header.ommersHash,
    header.beneficiary,
    header.stateRoot,
    header.transactionsRoot,
    header.receiptsRoot,
    header.logsBloom,
    rlpInteger(header.difficulty),
    rlpInteger(header.number),
    rlpInteger(header.gasLimit),
    rlpInteger(header.gasUsed),
    rlpInteger(header.timestamp),
    header.extraData,
    header.mixHash,
    header.nonce,
  ];
  const optional = [
    header.baseFeePerGas,
    header.withdrawalsRoot,
    header.blobGasUsed,
    header.excessBlobGas,
    header.parentBeaconBlockRoot,
    header.requestsHash,
  ];
  const absentFrom = optional.indexOf(undefined);
  const count = absentFrom < 0 ? optional.length : absentFrom;
  for (let i = 0; i < optional.length; i++) {
    const value = optional[i];
    assert(value === undefined || i < count, "an optional header field needs all optional fields before it");
    if (value !== undefined) fields.push(typeof value === "bigint" ? rlpInteger(value) : value);
  }
  return fields;
}

/** Reads the header that comes next: inside blocks. Throws as {@link decodeHeader}. */
export function readHeader(reader: RlpReader): BlockHeader {
  const token = reader.enterList("types.Header", "");
  const header: BlockHeader = {
    parentHash: readHash(reader, "ParentHash"),
    ommersHash: readHash(reader, "UncleHash"),
    beneficiary: reader.readFixed(20, "Coinbase", "common.Address"),
    stateRoot: readHash(reader, "Root"),
    transactionsRoot: readHash(reader, "TxHash"),
    receiptsRoot: readHash(reader, "ReceiptHash"),
    logsBloom: reader.readFixed(BLOOM_SIZE_BYTES, "Bloom", "types.Bloom"),
    difficulty: reader.readInteger(32, "Difficulty", "*big.Int"),
    number: blockNumber(Number(reader.readInteger(6, "Number", "*big.Int"))),
    gasLimit: reader.readInteger(8, "GasLimit", "uint64"),
    gasUsed: reader.readInteger(8, "GasUsed", "uint64"),
    timestamp: reader.readInteger(8, "Time", "uint64"),
    extraData: reader.readBytes("Extra"),
    mixHash: readHash(reader, "MixDigest"),
    nonce: reader.readFixed(8, "Nonce", "types.BlockNonce"),
    ...readOptionalFields(reader),
  };
  reader.leaveList(token, "types.Header", "");
  return header;
}

type OptionalFields = {
  baseFeePerGas?: Wei;
  withdrawalsRoot?: Hash32;
  blobGasUsed?: bigint;
  excessBlobGas?: bigint;
  parentBeaconBlockRoot?: Hash32;
  requestsHash?: Hash32;
};

function readOptionalFields(reader: RlpReader): OptionalFields {
  const fields: OptionalFields = {};
  if (reader.hasNext()) fields.baseFeePerGas = reader.readInteger(32, "BaseFee", "*big.Int");
  if (reader.hasNext()) fields.withdrawalsRoot = readHash(reader, "WithdrawalsHash");
  if (reader.hasNext()) fields.blobGasUsed = reader.readInteger(8, "BlobGasUsed", "uint64");
  if (reader.hasNext()) fields.excessBlobGas = reader.readInteger(8, "ExcessBlobGas", "uint64");
  if (reader.hasNext()) fields.parentBeaconBlockRoot = readHash(reader, "ParentBeaconRoot");
  if (reader.hasNext()) fields.requestsHash = readHash(reader, "RequestsHash");
  return fields;
}

function readHash(reader: RlpReader, field: string): Hash32 {
  return reader.readFixed(32, field, "common.Hash");
}
