// A slot file: one small value, kept twice. Writes alternate between two 512-byte slots, so a torn write spoils at most the slot
// that it went to and the value before it is still there. The valid slot with the higher generation counts.
//
//   offset  size  field
//        0     8  magic, by the kind of file
//        8     8  generation, from 1
//       16     8  chain id
//       24    32  genesis hash
//       56     4  value length
//       60     4  reserved, zero
//       64   440  the value, zero-padded
//      504     8  checksum of bytes 0..504

import { assert } from "#base/assert.ts";
import { utf8 } from "#base/bytes.ts";
import { checksum64 } from "./checksum.ts";

/** Size of one slot and distance between the two, in bytes: one sector. */
export const SLOT_SIZE_BYTES = 512;
/** Largest value, in bytes. */
export const SLOT_VALUE_SIZE_BYTES_MAX = 440;

/** One slot's content. */
export type Slot = {
  readonly generation: number;
  readonly chainId: bigint;
  readonly genesisHash: Uint8Array;
  readonly value: Uint8Array;
};

/** Encodes a slot. `magic` is 8 characters. */
export function encodeSlot(magic: string, slot: Slot): Uint8Array {
  assert(magic.length === 8 && slot.value.length <= SLOT_VALUE_SIZE_BYTES_MAX, "a slot's magic and value");
  const bytes = new Uint8Array(SLOT_SIZE_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(utf8(magic), 0);
  view.setBigUint64(8, BigInt(slot.generation), true);
  view.setBigUint64(16, slot.chainId, true);
  bytes.set(slot.genesisHash, 24);
  view.setUint32(56, slot.value.length, true);
  bytes.set(slot.value, 64);
  view.setBigUint64(504, checksum64(bytes.subarray(0, 504)), true);
  return bytes;
}

/** Reads a slot, or null when it is torn, damaged, empty or of another kind. */
export function decodeSlot(magic: string, bytes: Uint8Array): Slot | null {
  if (bytes.length !== SLOT_SIZE_BYTES) return null;
  const expected = utf8(magic);
  for (let i = 0; i < expected.length; i++) if (bytes[i] !== expected[i]) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, SLOT_SIZE_BYTES);
  if (view.getBigUint64(504, true) !== checksum64(bytes.subarray(0, 504))) return null;
  const length = view.getUint32(56, true);
  if (length > SLOT_VALUE_SIZE_BYTES_MAX) return null;
  return {
    generation: Number(view.getBigUint64(8, true)),
    chainId: view.getBigUint64(16, true),
    genesisHash: bytes.slice(24, 56),
    value: bytes.slice(64, 64 + length),
  };
}
