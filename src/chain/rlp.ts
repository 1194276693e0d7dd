// Recursive Length Prefix: Ethereum's serialisation of byte strings and nested lists.
//
//   00..7f          the byte itself            80+n  string of n ≤ 55 bytes    b7+k  string, k length bytes follow
//                                              c0+n  list, n ≤ 55 payload      f7+k  list,   k length bytes follow
//
// Decoding is strict: one encoding per value, nothing after it. Strings come back as views of the input, not copies.
// RlpReader is the typed way in (transactions, headers); its errors are worded as geth words them.

import { bigintToMinimalBytes, EMPTY_BYTES } from "#base/bytes.ts";

/** A byte string or a list of items. */
export type RlpItem = Uint8Array | readonly RlpItem[];

/** Lists nested deeper than this are refused: a bound on recursion, far above any Ethereum structure. */
export const RLP_DEPTH_MAX = 256;

/** Input that is not the canonical encoding of what the reader asked for. */
export class RlpError extends Error {
  override readonly name: string = "RlpError";
  readonly code: string = "RLP_INVALID";
}

/** The canonical encoding of `item`, in one new array. */
export function encodeRlp(item: RlpItem): Uint8Array {
  const listSizes: number[] = [];
  const out = new Uint8Array(measureItem(item, listSizes));
  const writer: ItemWriter = { out, offset: 0, listSizes, listIndex: 0 };
  writeItem(writer, item);
  return out;
}

/** A non-negative integer as the RLP string of its minimal big-endian bytes (0 is the empty string). */
export function rlpInteger(value: bigint | number): Uint8Array {
  if (typeof value === "bigint") return bigintToMinimalBytes(value);
  if (value === 0) return EMPTY_BYTES;
  if (value > 0 && value < 256) return Uint8Array.of(value);
  return bigintToMinimalBytes(BigInt(value));
}

/**
 * Decodes exactly one item.
 * @returns strings as views of `bytes`
 * @throws {RlpError} when the input is not canonical, ends early, or has bytes after the item
 */
export function decodeRlp(bytes: Uint8Array): RlpItem {
  const { item, end } = decodeRlpPrefix(bytes, 0);
  if (end !== bytes.length) throw new RlpError("rlp: input contains more than one value");
  return item;
}

/**
 * Decodes the item that starts at `offset`; what follows it is left alone. For files of concatenated items.
 * @returns the item and the offset after it
 * @throws {RlpError} when the item is not canonical or ends early
 */
export function decodeRlpPrefix(bytes: Uint8Array, offset: number): { item: RlpItem; end: number } {
  const reader = new RlpReader(bytes, "RLP item", offset);
  const item = readAnyItem(reader);
  return { item, end: reader.offset };
}

/** Size in bytes of the prefix in front of a list, or a string that is not a lone byte below 0x80. */
export function rlpPrefixSize(payloadSize: number): number {
  if (payloadSize <= 55) return 1;
  let size = 2;
  for (let rest = payloadSize; rest > 255; rest = Math.floor(rest / 256)) size++;
  return size;
}

/**
 * Writes the prefix of a list (`base` 0xc0) or string (`base` 0x80) into `out`.
 * @returns the offset after the prefix
 */
export function writeRlpPrefix(out: Uint8Array, offset: number, base: number, payloadSize: number): number {
  if (payloadSize <= 55) {
    out[offset] = base + payloadSize;
    return offset + 1;
  }
  const lengthSize = rlpPrefixSize(payloadSize) - 1;
  out[offset] = base + 55 + lengthSize;
  let rest = payloadSize;
  for (let i = lengthSize; i > 0; i--) {
    out[offset + i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return offset + 1 + lengthSize;
}

/**
 * Walks one encoded value item by item. The caller says what it expects; anything else throws.
 * `typeName` and the field names only appear in error texts, where they follow geth's Go names.
 */
export class RlpReader {
  /** The whole input; byte strings are returned as views of it. */
  readonly bytes: Uint8Array;
  /** Where the next item starts. */
  offset: number;
  /** Whether the item read last is a list. */
  isList = false;
  /** Where the payload of the item read last starts. */
  payloadOffset = 0;
  /** Text put between the type and the field in errors: the path into nested lists. */
  path = "";
  #limit: number;
  #depth = 0;
  #typeName: string;

  constructor(bytes: Uint8Array, typeName: string, offset = 0) {
    this.bytes = bytes;
    this.offset = offset;
    this.#limit = bytes.length;
    this.#typeName = typeName;
  }

  /** Whether the list being read, or the input when none is, has another item. */
  hasNext(): boolean {
    return this.offset < this.#limit;
  }

  /** Moves over the next item's prefix and payload, leaving `isList`, `payloadOffset` and `offset` (its end) behind. */
  next(): void {
    const { bytes } = this;
    const start = this.offset;
    const limit = this.#limit;
    if (start >= limit) {
      throw new RlpError(this.#depth === 0 ? "EOF" : `rlp: too few elements for ${this.#typeName}`);
    }
    const prefix = bytes[start]!;
    this.isList = prefix >= 0xc0;
    if (prefix < 0x80) {
      this.payloadOffset = start;
      this.offset = start + 1;
      return;
    }
    const short = prefix - (this.isList ? 0xc0 : 0x80);
    const payloadSize = short <= 55 ? short : this.#readLength(start + 1, short - 55);
    this.payloadOffset = start + 1 + (short <= 55 ? 0 : short - 55);
    if (payloadSize > limit - this.payloadOffset) this.#failTooLarge();
    this.offset = this.payloadOffset + payloadSize;
    if (prefix === 0x81 && bytes[this.payloadOffset]! < 0x80) this.#failSize();
  }

  /**
   * Enters the next item, which must be a list.
   * @returns a token for {@link leaveList}
   */
  enterList(goType: string, field: string): number {
    this.next();
    if (!this.isList) this.fail("expected input list", goType, field);
    if (++this.#depth > RLP_DEPTH_MAX) throw new RlpError(`rlp: lists nested deeper than ${RLP_DEPTH_MAX}`);
    const outerLimit = this.#limit;
    this.#limit = this.offset;
    this.offset = this.payloadOffset;
    return outerLimit;
  }

  /** Leaves the list whose {@link enterList} gave `outerLimit`; it must have been read to its end. */
  leaveList(outerLimit: number, goType: string, field: string): void {
    if (this.offset !== this.#limit) this.fail("input list has too many elements", goType, field);
    this.#limit = outerLimit;
    this.#depth--;
  }

  /** Asserts that nothing follows the value. */
  finish(): void {
    if (this.offset !== this.bytes.length) throw new RlpError("rlp: input contains more than one value");
  }

  /** The next item as a byte string: a view. */
  readBytes(field: string, goType = "[]uint8"): Uint8Array {
    this.next();
    if (this.isList) this.fail("expected input string or byte", goType, field);
    return this.bytes.subarray(this.payloadOffset, this.offset);
  }

  /** The next item as a byte string of exactly `size` bytes: a view. */
  readFixed(size: number, field: string, goType: string): Uint8Array {
    const bytes = this.readBytes(field, goType);
    if (bytes.length < size) this.fail("input string too short", goType, field);
    if (bytes.length > size) this.fail("input string too long", goType, field);
    return bytes;
  }

  /** The next item as an integer of at most `sizeMax` bytes without leading zeroes. */
  readInteger(sizeMax: number, field: string, goType: string): bigint {
    this.#nextInteger(sizeMax, field, goType);
    return integerAt(this.bytes, this.payloadOffset, this.offset);
  }

  /** The next item as an integer of at most 32 bytes, left-padded to a new array of 32. */
  readWord(field: string, goType: string): Uint8Array {
    this.#nextInteger(32, field, goType);
    const word = new Uint8Array(32);
    word.set(this.bytes.subarray(this.payloadOffset, this.offset), 32 - (this.offset - this.payloadOffset));
    return word;
  }

  /** Throws an {@link RlpError} in geth's words. */
  fail(message: string, goType: string, field: string): never {
    const context = field === "" ? "" : `, decoding into (${this.#typeName})${this.path}.${field}`;
    throw new RlpError(`rlp: ${message} for ${goType}${context}`);
  }

  #nextInteger(sizeMax: number, field: string, goType: string): void {
    this.next();
    if (this.isList) this.fail("expected input string or byte", goType, field);
    const size = this.offset - this.payloadOffset;
    if (size > 0 && this.bytes[this.payloadOffset] === 0) {
      this.fail("non-canonical integer (leading zero bytes)", goType, field);
    }
    if (size > sizeMax) {
      if (sizeMax === 32) throw new RlpError("rlp: value too large for uint256");
      this.fail("input string too long", goType, field);
    }
  }

  #readLength(offset: number, size: number): number {
    const { bytes } = this;
    if (size > this.#limit - offset) {
      if (this.#depth > 0) this.#failTooLarge();
      throw new RlpError("unexpected EOF");
    }
    if (bytes[offset] === 0) this.#failSize();
    if (size > 6) this.#failTooLarge();
    let length = 0;
    for (let i = 0; i < size; i++) length = length * 256 + bytes[offset + i]!;
    if (length <= 55) this.#failSize();
    return length;
  }

  #failSize(): never {
    throw new RlpError("rlp: non-canonical size information");
  }

  #failTooLarge(): never {
    throw new RlpError(
      this.#depth > 0
        ? "rlp: element is larger than containing list"
        : "rlp: value size exceeds available input length",
    );
  }
}

/** Big-endian bytes `start..end` of `bytes` as an integer, in 48-bit steps. */
function integerAt(bytes: Uint8Array, start: number, end: number): bigint {
  const headSize = (end - start) % 6;
  let offset = start + headSize;
  let value = BigInt(smallIntegerAt(bytes, start, offset));
  for (; offset < end; offset += 6) value = (value << 48n) | BigInt(smallIntegerAt(bytes, offset, offset + 6));
  return value;
}

function smallIntegerAt(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let i = start; i < end; i++) value = value * 256 + bytes[i]!;
  return value;
}

function readAnyItem(reader: RlpReader): RlpItem {
  const start = reader.offset;
  reader.next();
  if (!reader.isList) return reader.bytes.subarray(reader.payloadOffset, reader.offset);
  reader.offset = start;
  const token = reader.enterList("list", "");
  const items: RlpItem[] = [];
  while (reader.hasNext()) items.push(readAnyItem(reader));
  reader.leaveList(token, "list", "");
  return items;
}

type ItemWriter = {
  readonly out: Uint8Array;
  offset: number;
  readonly listSizes: readonly number[];
  listIndex: number;
};

/** Encoded size of `item`; payload sizes of its lists are appended to `listSizes` in the order of writing. */
function measureItem(item: RlpItem, listSizes: number[]): number {
  if (item instanceof Uint8Array) {
    if (item.length === 1 && item[0]! < 0x80) return 1;
    return rlpPrefixSize(item.length) + item.length;
  }
  const index = listSizes.push(0) - 1;
  let payloadSize = 0;
  for (const child of item) payloadSize += measureItem(child, listSizes);
  listSizes[index] = payloadSize;
  return rlpPrefixSize(payloadSize) + payloadSize;
}

function writeItem(writer: ItemWriter, item: RlpItem): void {
  const { out } = writer;
  if (!(item instanceof Uint8Array)) {
    writer.offset = writeRlpPrefix(out, writer.offset, 0xc0, writer.listSizes[writer.listIndex++]!);
    for (const child of item) writeItem(writer, child);
    return;
  }
  if (item.length !== 1 || item[0]! >= 0x80) writer.offset = writeRlpPrefix(out, writer.offset, 0x80, item.length);
  copyBytes(out, writer.offset, item);
  writer.offset += item.length;
}

/** Up to this a loop copies faster than the engine's own function does. */
const LOOP_SIZE_BYTES_MAX = 64;

/** Writes `bytes` into `out`, from `offset`. @hot bench/chain/ordered-trie.bench.ts */
export function copyBytes(out: Uint8Array, offset: number, bytes: Uint8Array): void {
  if (bytes.length > LOOP_SIZE_BYTES_MAX) out.set(bytes, offset);
  else for (let i = 0; i < bytes.length; i++) out[offset + i] = bytes[i]!;
}
