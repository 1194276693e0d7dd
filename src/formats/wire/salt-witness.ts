// SALT witnesses as MegaETH writes them (bincode: fixed little-endian integers, lengths of 8 bytes), and the proof part
// alone. Strict: maps ascend by key, no key twice, nothing behind the end. Only levels come in any order, since some
// producers wrote them so, and keep it.
//
//   witness   slots: count u64, each  key u64 | 0, or 1 and an entry of 94 bytes
//             proof
//   proof     commitments: count u64, each  node id u64 | 32 bytes
//             argument: size u64, bytes
//             levels: count u64, each  bucket u32 | levels of its own tree u8
//
// @see https://github.com/megaeth-labs/documentation, docs/node/witness.md

import { ByteReader, ByteWriter, FormatError } from "../codec.ts";
import { readSaltEntry, SALT_ENTRY_SIZE_BYTES, type SaltEntry, writeSaltEntry } from "./salt-entry.ts";

/** A slot that a witness knows: its SALT key and what it holds, null = empty. */
export type WitnessSlot = { readonly key: bigint; readonly entry: SaltEntry | null };

/** A node that a witness knows: its id and its short form of 32 bytes. */
export type WitnessCommitment = { readonly id: bigint; readonly commitment: Uint8Array };

/** How tall a bucket's own tree is, 1 to 5 levels. */
export type WitnessLevels = { readonly bucket: number; readonly levelCount: number };

/** Everything that ties slots to a state root. */
export type SaltProof = {
  readonly commitments: readonly WitnessCommitment[];
  readonly argument: Uint8Array;
  readonly levels: readonly WitnessLevels[];
};

/** A witness. */
export type SaltWitness = { readonly slots: readonly WitnessSlot[]; readonly proof: SaltProof };

const HASH_SIZE_BYTES = 32;
const COMMITMENT_SIZE_BYTES = 8 + HASH_SIZE_BYTES;
const LEVELS_SIZE_BYTES = 5;
const SLOT_SIZE_BYTES_MIN = 9;

/** Encodes a witness. */
export function encodeSaltWitness(witness: SaltWitness): Uint8Array {
  const out = new ByteWriter(1 << 16);
  writeSaltWitness(out, witness);
  return out.toBytes();
}

/** Reads a witness. @throws {FormatError} when the bytes do not follow the layout */
export function decodeSaltWitness(bytes: Uint8Array): SaltWitness {
  const reader = new ByteReader(bytes);
  const witness = readSaltWitness(reader);
  reader.expectEnd();
  return witness;
}

/** Reads the proof part alone. @throws {FormatError} when the bytes do not follow the layout */
export function decodeSaltProof(bytes: Uint8Array): SaltProof {
  const reader = new ByteReader(bytes);
  const proof = readProof(reader);
  reader.expectEnd();
  return proof;
}

/** Encodes the proof part alone. */
export function encodeSaltProof(proof: SaltProof): Uint8Array {
  const out = new ByteWriter(1 << 16);
  writeProof(out, proof);
  return out.toBytes();
}

/** Appends a witness to something larger. */
export function writeSaltWitness(out: ByteWriter, { slots, proof }: SaltWitness): void {
  const entryBytes = new Uint8Array(SALT_ENTRY_SIZE_BYTES);
  out.u64(slots.length);
  for (const { key, entry } of slots) {
    out.u64(key).u8(entry === null ? 0 : 1);
    if (entry === null) continue;
    writeSaltEntry(entry, entryBytes, 0);
    out.raw(entryBytes);
  }
  writeProof(out, proof);
}

/** Reads a witness within something larger. @throws {FormatError} when the bytes do not follow the layout */
export function readSaltWitness(reader: ByteReader): SaltWitness {
  const slots = readList(reader, SLOT_SIZE_BYTES_MIN, (): WitnessSlot => {
    const key = readId(reader);
    const tag = reader.u8();
    if (tag > 1) throw new FormatError(`tag ${tag} of a slot`, reader.offset - 1);
    return { key, entry: tag === 0 ? null : readSaltEntry(reader.raw(SALT_ENTRY_SIZE_BYTES), 0) };
  });
  expectAscending(
    slots.map(({ key }) => key),
    reader,
  );
  return { slots, proof: readProof(reader) };
}

function writeProof(out: ByteWriter, { commitments, argument, levels }: SaltProof): void {
  out.u64(commitments.length);
  for (const { id, commitment } of commitments) out.u64(id).raw(commitment);
  out.u64(argument.length).raw(argument).u64(levels.length);
  for (const { bucket, levelCount } of levels) out.u32(bucket).u8(levelCount);
}

function readProof(reader: ByteReader): SaltProof {
  const commitments = readList(reader, COMMITMENT_SIZE_BYTES, (): WitnessCommitment => {
    return { id: readId(reader), commitment: reader.raw(HASH_SIZE_BYTES).slice() };
  });
  expectAscending(
    commitments.map(({ id }) => id),
    reader,
  );
  const argument = reader.raw(reader.count64(1)).slice();
  const levels = readList(reader, LEVELS_SIZE_BYTES, (): WitnessLevels => {
    return { bucket: reader.u32(), levelCount: reader.u8() };
  });
  const buckets = new Set(levels.map(({ bucket }) => bucket));
  if (buckets.size < levels.length) throw new FormatError("levels of a bucket twice", reader.offset);
  return { commitments, argument, levels };
}

function readId(reader: ByteReader): bigint {
  const low = reader.u32();
  return (BigInt(reader.u32()) << 32n) | BigInt(low);
}

function readList<T>(reader: ByteReader, itemSizeBytesMin: number, read: () => T): T[] {
  return Array.from({ length: reader.count64(itemSizeBytesMin) }, read);
}

function expectAscending(keys: readonly bigint[], reader: ByteReader): void {
  for (let i = 1; i < keys.length; i++) {
    if (keys[i]! <= keys[i - 1]!) throw new FormatError(`key ${keys[i]} out of order`, reader.offset);
  }
}
