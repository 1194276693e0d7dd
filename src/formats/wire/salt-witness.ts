// SALT witnesses as MegaETH sends them: bincode with fixed integers, little-endian, every count and length a u64. What can be told to
// be wrong without looking at the state is refused here, so that one witness has one encoding.
//
//   witness     slots | proof                     slots          u64 count, each: key u64 | 0, or 1 and 94 bytes       ascending keys
//   proof       commitments | argument | levels   commitments    u64 count, each: node u64 | 32 bytes                 ascending nodes
//                                                 argument       u64 576 | 576 bytes
//                                                 levels         u64 count, each: bucket u32 | u8                     any order, kept
//   withdrawals storage root | nodes              storage root   u64 32 | 32 bytes; nodes: u64 count, each: u64 length | bytes
//
//   file .salt  u64 32 | attributes hash | u64 32 | parent hash | witness             file .mpt   withdrawals
//   RPC         "v0:" base64 zstd (witness | withdrawals)
// @see https://github.com/megaeth-labs/stateless-validator

import { ByteReader, ByteWriter, FormatError } from "../codec.ts";
import { readSaltEntry, SALT_ENTRY_SIZE_BYTES, type SaltEntry, writeSaltEntry } from "./salt-entry.ts";

/** A slot of a bucket, by its key; null: nothing is in it. */
export type WitnessSlot = { readonly key: bigint; readonly entry: SaltEntry | null };

/** How many levels of its own tree a bucket uses: 1 to 5. */
export type BucketLevels = { readonly bucket: number; readonly levels: number };

/** What shows that slots belong to a state root. */
export type SaltProof = {
  /** Nodes of the trie, ascending. */
  readonly nodeIds: readonly bigint[];
  /** Their compressed commitments, 32 bytes each. */
  readonly commitments: Uint8Array;
  /** The multipoint argument, 576 bytes. */
  readonly argument: Uint8Array;
  readonly levels: readonly BucketLevels[];
};

/** Slots and their proof. */
export type SaltWitness = { readonly slots: readonly WitnessSlot[]; readonly proof: SaltProof };

/** The witness of the withdrawal contract's storage trie. */
export type WithdrawalWitness = { readonly storageRoot: Uint8Array; readonly nodes: readonly Uint8Array[] };

/** A witness of a block with what belongs to it, as the RPC carries it. */
export type BlockWitness = { readonly salt: SaltWitness; readonly withdrawals: WithdrawalWitness };

/** A witness file. */
export type WitnessFile = {
  readonly attributesHash: Uint8Array;
  readonly parentHash: Uint8Array;
  readonly witness: SaltWitness;
};

/** Size of the argument, bytes. */
export const SALT_ARGUMENT_SIZE_BYTES = 576;
/** Most bytes of a witness of the RPC, unpacked. */
export const BLOCK_WITNESS_SIZE_BYTES_MAX: number = 256 << 20;

const HASH_SIZE_BYTES = 32;
const NODE_SIZE_BYTES = 8 + HASH_SIZE_BYTES;
const TRIE_NODE_SIZE_BYTES_MAX = 1 << 16;
const RPC_PREFIX = "v0:";
const ZSTD_LEVEL = 9;

/** Reads a witness file. @throws {FormatError} when the bytes are none */
export function decodeWitnessFile(bytes: Uint8Array): WitnessFile {
  const reader = new ByteReader(bytes);
  const attributesHash = readHash(reader);
  const parentHash = readHash(reader);
  const witness = readSaltWitness(reader);
  reader.expectEnd();
  return { attributesHash, parentHash, witness };
}

/** Writes a witness file. */
export function encodeWitnessFile({ attributesHash, parentHash, witness }: WitnessFile): Uint8Array {
  const writer = new ByteWriter(4_096);
  writer.u64(HASH_SIZE_BYTES).raw(attributesHash).u64(HASH_SIZE_BYTES).raw(parentHash);
  writeSaltWitness(writer, witness);
  return writer.toBytes();
}

/** Reads a proof that stands alone. @throws {FormatError} when the bytes are none */
export function decodeSaltProof(bytes: Uint8Array): SaltProof {
  const reader = new ByteReader(bytes);
  const proof = readSaltProof(reader);
  reader.expectEnd();
  return proof;
}

/** Writes a proof that stands alone. */
export function encodeSaltProof(proof: SaltProof): Uint8Array {
  const writer = new ByteWriter(4_096);
  writeSaltProof(writer, proof);
  return writer.toBytes();
}

/** Reads the withdrawal contract's witness. @throws {FormatError} when the bytes are none */
export function decodeWithdrawalWitness(bytes: Uint8Array): WithdrawalWitness {
  const reader = new ByteReader(bytes);
  const witness = readWithdrawals(reader);
  reader.expectEnd();
  return witness;
}

/** Writes the withdrawal contract's witness. */
export function encodeWithdrawalWitness(witness: WithdrawalWitness): Uint8Array {
  const writer = new ByteWriter();
  writeWithdrawals(writer, witness);
  return writer.toBytes();
}

/** The RPC's string. */
export function encodeBlockWitness({ salt, withdrawals }: BlockWitness): string {
  const writer = new ByteWriter(4_096);
  writeSaltWitness(writer, salt);
  writeWithdrawals(writer, withdrawals);
  return RPC_PREFIX + Buffer.from(Bun.zstdCompressSync(writer.toBytes(), { level: ZSTD_LEVEL })).toString("base64");
}

/** Reads the RPC's string. @throws {FormatError} when it is none */
export function decodeBlockWitness(text: string): BlockWitness {
  if (!text.startsWith(RPC_PREFIX)) throw new FormatError("a witness of an unknown version", 0);
  const reader = new ByteReader(unpack(Buffer.from(text.slice(RPC_PREFIX.length), "base64")));
  const salt = readSaltWitness(reader);
  const withdrawals = readWithdrawals(reader);
  reader.expectEnd();
  return { salt, withdrawals };
}

function unpack(packed: Uint8Array<ArrayBuffer>): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = Bun.zstdDecompressSync(packed);
  } catch {
    throw new FormatError("a witness that does not unpack", 0);
  }
  if (bytes.length > BLOCK_WITNESS_SIZE_BYTES_MAX) throw new FormatError("a witness that is too large", 0);
  return bytes;
}

function readSaltWitness(reader: ByteReader): SaltWitness {
  const slots: WitnessSlot[] = [];
  for (let left = readCount(reader, 9); left > 0; left--) {
    const key = ascending(reader, readId(reader), slots.at(-1)?.key, "slots");
    const tag = reader.u8();
    if (tag > 1) throw new FormatError(`a slot's tag ${tag}`, reader.offset);
    slots.push({ key, entry: tag === 0 ? null : readSaltEntry(reader.raw(SALT_ENTRY_SIZE_BYTES), 0) });
  }
  return { slots, proof: readSaltProof(reader) };
}

function writeSaltWitness(writer: ByteWriter, { slots, proof }: SaltWitness): void {
  writer.u64(slots.length);
  const bytes = new Uint8Array(SALT_ENTRY_SIZE_BYTES);
  for (const { key, entry } of slots) {
    writer.u64(key).u8(entry === null ? 0 : 1);
    if (entry === null) continue;
    writeSaltEntry(entry, bytes, 0);
    writer.raw(bytes);
  }
  writeSaltProof(writer, proof);
}

function readSaltProof(reader: ByteReader): SaltProof {
  const count = readCount(reader, NODE_SIZE_BYTES);
  const commitments = new Uint8Array(count * HASH_SIZE_BYTES);
  const nodeIds: bigint[] = [];
  for (let i = 0; i < count; i++) {
    nodeIds.push(ascending(reader, readId(reader), nodeIds.at(-1), "nodes"));
    commitments.set(reader.raw(HASH_SIZE_BYTES), i * HASH_SIZE_BYTES);
  }
  if (reader.u64() !== SALT_ARGUMENT_SIZE_BYTES) throw new FormatError("size of a SALT proof", reader.offset);
  const argument = reader.raw(SALT_ARGUMENT_SIZE_BYTES).slice();
  return { nodeIds, commitments, argument, levels: readLevels(reader) };
}

function readLevels(reader: ByteReader): BucketLevels[] {
  const seen = new Set<number>();
  return Array.from({ length: readCount(reader, 5) }, () => {
    const [bucket, levels] = [reader.u32(), reader.u8()];
    if (seen.has(bucket)) throw new FormatError(`bucket ${bucket} twice`, reader.offset);
    seen.add(bucket);
    return { bucket, levels };
  });
}

function writeSaltProof(writer: ByteWriter, { nodeIds, commitments, argument, levels }: SaltProof): void {
  writer.u64(nodeIds.length);
  for (const [i, id] of nodeIds.entries()) {
    writer.u64(id).raw(commitments.subarray(i * HASH_SIZE_BYTES, (i + 1) * HASH_SIZE_BYTES));
  }
  writer.u64(argument.length).raw(argument).u64(levels.length);
  for (const { bucket, levels: count } of levels) writer.u32(bucket).u8(count);
}

function readWithdrawals(reader: ByteReader): WithdrawalWitness {
  const storageRoot = readHash(reader);
  const nodes = Array.from({ length: readCount(reader, 8) }, () => {
    const size = reader.u64();
    if (size > TRIE_NODE_SIZE_BYTES_MAX) throw new FormatError("size of a trie node", reader.offset);
    return reader.raw(size).slice();
  });
  return { storageRoot, nodes };
}

function writeWithdrawals(writer: ByteWriter, { storageRoot, nodes }: WithdrawalWitness): void {
  writer.u64(HASH_SIZE_BYTES).raw(storageRoot).u64(nodes.length);
  for (const node of nodes) writer.u64(node.length).raw(node);
}

function readHash(reader: ByteReader): Uint8Array {
  if (reader.u64() !== HASH_SIZE_BYTES) throw new FormatError("size of a hash", reader.offset);
  return reader.raw(HASH_SIZE_BYTES).slice();
}

/** A count of items that take `sizeBytesMin` each at least: never more than what is there. */
function readCount(reader: ByteReader, sizeBytesMin: number): number {
  const count = reader.u64();
  if (count * sizeBytesMin > reader.remaining) throw new FormatError("more items than bytes", reader.offset);
  return count;
}

/** 64 bits, of which all may be in use. */
function readId(reader: ByteReader): bigint {
  const low = BigInt(reader.u32());
  return (BigInt(reader.u32()) << 32n) | low;
}

function ascending(reader: ByteReader, value: bigint, before: bigint | undefined, what: string): bigint {
  if (before !== undefined && value <= before) throw new FormatError(`${what} that do not ascend`, reader.offset);
  return value;
}
