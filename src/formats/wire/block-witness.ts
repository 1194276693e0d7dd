// A block's witness as it is sent and kept: what is known of the SALT state, and of the storage trie of the contract for
// withdrawals. Hashes carry their size, as MegaETH's encoding of them does.
//
//   sent    "v0:" and, in Base64, zstd of:  SALT witness | trie witness
//   trie    storage root (size u64 = 32, bytes) | nodes: count u64, each  size u64, RLP
//   file    hash of the payload's attributes | hash of the parent block | SALT witness            *.salt
//
// @see https://github.com/megaeth-labs/stateless-validator

import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { ByteReader, ByteWriter, FormatError } from "../codec.ts";
import { readSaltWitness, type SaltWitness, writeSaltWitness } from "./salt-witness.ts";

/** What is known of a storage trie: some of its nodes, in any order. */
export type TrieWitness = { readonly storageRoot: Uint8Array; readonly nodes: readonly Uint8Array[] };

/** A block's whole witness. */
export type BlockWitness = { readonly salt: SaltWitness; readonly withdrawals: TrieWitness };

/** A `.salt` file. */
export type SaltWitnessFile = {
  /** Names a pending payload; nothing can be checked with it. */
  readonly attributesHash: Uint8Array;
  readonly parentHash: Uint8Array;
  readonly witness: SaltWitness;
};

/** Largest witness that is unpacked, bytes. */
export const BLOCK_WITNESS_SIZE_BYTES_MAX: number = 1 << 28;

const PREFIX = "v0:";
const COMPRESSION_LEVEL = 9;
const HASH_SIZE_BYTES = 32;
const TRIE_NODE_SIZE_BYTES_MAX = 1 << 16;

/** The string that `mega_getBlockWitness` answers with. */
export function encodeBlockWitness({ salt, withdrawals }: BlockWitness): string {
  const out = new ByteWriter(1 << 16);
  writeSaltWitness(out, salt);
  writeTrieWitness(out, withdrawals);
  const params = { [constants.ZSTD_c_compressionLevel]: COMPRESSION_LEVEL };
  return PREFIX + zstdCompressSync(out.toBytes(), { params }).toBase64();
}

/** Reads such a string. @throws {FormatError} when it is none */
export function decodeBlockWitness(text: string): BlockWitness {
  if (!text.startsWith(PREFIX)) throw new FormatError("a witness of another version", 0);
  const reader = new ByteReader(unpack(text.slice(PREFIX.length)));
  const witness = { salt: readSaltWitness(reader), withdrawals: readTrieWitness(reader) };
  reader.expectEnd();
  return witness;
}

/** Encodes a `.salt` file. */
export function encodeSaltWitnessFile({ attributesHash, parentHash, witness }: SaltWitnessFile): Uint8Array {
  const out = new ByteWriter(1 << 16);
  writeHash(out, attributesHash);
  writeHash(out, parentHash);
  writeSaltWitness(out, witness);
  return out.toBytes();
}

/** Reads a `.salt` file. @throws {FormatError} when it is none */
export function decodeSaltWitnessFile(bytes: Uint8Array): SaltWitnessFile {
  const reader = new ByteReader(bytes);
  const file = { attributesHash: readHash(reader), parentHash: readHash(reader), witness: readSaltWitness(reader) };
  reader.expectEnd();
  return file;
}

/** Encodes a `.mpt` file. */
export function encodeTrieWitness(witness: TrieWitness): Uint8Array {
  const out = new ByteWriter(1 << 12);
  writeTrieWitness(out, witness);
  return out.toBytes();
}

/** Reads a `.mpt` file. @throws {FormatError} when it is none */
export function decodeTrieWitness(bytes: Uint8Array): TrieWitness {
  const reader = new ByteReader(bytes);
  const witness = readTrieWitness(reader);
  reader.expectEnd();
  return witness;
}

function unpack(base64: string): Uint8Array {
  try {
    const packed = Uint8Array.fromBase64(base64, { lastChunkHandling: "strict" });
    return zstdDecompressSync(packed, { maxOutputLength: BLOCK_WITNESS_SIZE_BYTES_MAX });
  } catch (cause) {
    throw new FormatError(`a witness that cannot be unpacked: ${(cause as Error).message}`, 0);
  }
}

function writeTrieWitness(out: ByteWriter, { storageRoot, nodes }: TrieWitness): void {
  writeHash(out, storageRoot);
  out.u64(nodes.length);
  for (const node of nodes) out.u64(node.length).raw(node);
}

function readTrieWitness(reader: ByteReader): TrieWitness {
  const storageRoot = readHash(reader);
  const nodes = Array.from({ length: reader.count64(8) }, () => {
    const size = reader.u64();
    if (size > TRIE_NODE_SIZE_BYTES_MAX) throw new FormatError(`a trie node of ${size} bytes`, reader.offset - 8);
    return reader.raw(size).slice();
  });
  return { storageRoot, nodes };
}

function writeHash(out: ByteWriter, hash: Uint8Array): void {
  out.u64(HASH_SIZE_BYTES).raw(hash);
}

function readHash(reader: ByteReader): Uint8Array {
  const size = reader.u64();
  if (size !== HASH_SIZE_BYTES) throw new FormatError(`a hash of ${size} bytes`, reader.offset - 8);
  return reader.raw(HASH_SIZE_BYTES).slice();
}
