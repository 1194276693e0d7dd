// Byte writer and reader for every canonical encoding of the project (log, wire, checkpoint).
// Little-endian fixed integers, LEB128 varints up to 2^53 - 1, and minimal big-endian big integers. The reader is strict:
// one value has one encoding, and a claimed length is checked against the bytes that are there before anything is allocated.

import { bigintFromBytes, bigintToMinimalBytes } from "#base/bytes.ts";

/** Bytes that do not follow the declared format; an expected outcome for anything that came from a disk or a peer. */
export class FormatError extends Error {
  override readonly name = "FormatError";
  /** Offset in the buffer at which the reader stood, in bytes. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(`${message} (at byte ${offset})`);
    this.offset = offset;
  }
}

/** Largest encoded size of a varint: 53 bits in groups of 7. */
export const VARINT_SIZE_BYTES_MAX = 8;

/** Appends values to a growing buffer. */
export class ByteWriter {
  #buffer: Uint8Array;
  #view: DataView;
  #length = 0;

  /** @param initialSizeBytes first capacity; doubles when it runs out */
  constructor(initialSizeBytes = 256) {
    this.#buffer = new Uint8Array(initialSizeBytes);
    this.#view = new DataView(this.#buffer.buffer);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** One byte, 0 to 255. */
  u8(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
    return this;
  }

  /** Two bytes, little-endian. */
  u16(value: number): this {
    this.#reserve(2);
    this.#view.setUint16(this.#length, value, true);
    this.#length += 2;
    return this;
  }

  /** Four bytes, little-endian. */
  u32(value: number): this {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
    return this;
  }

  /** Eight bytes, little-endian; a `number` must be a safe non-negative integer. */
  u64(value: number | bigint): this {
    this.#reserve(8);
    if (typeof value === "bigint") {
      this.#view.setBigUint64(this.#length, value, true);
    } else {
      this.#view.setUint32(this.#length, value % 0x100000000, true);
      this.#view.setUint32(this.#length + 4, Math.floor(value / 0x100000000), true);
    }
    this.#length += 8;
    return this;
  }

  /**
   * A non-negative safe integer in 1 to 8 bytes, 7 bits each, low bits first.
   * @throws {RangeError} for anything else
   */
  varint(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a varint: ${value}`);
    this.#reserve(VARINT_SIZE_BYTES_MAX);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length++] = rest;
    return this;
  }

  /** The bytes as they are; the reader must know the size. */
  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** A varint length and then the bytes. */
  sized(bytes: Uint8Array): this {
    return this.varint(bytes.length).raw(bytes);
  }

  /** A non-negative integer as one length byte and minimal big-endian bytes; 0 is the single byte 0. */
  integer(value: bigint): this {
    const bytes = bigintToMinimalBytes(value);
    if (bytes.length > 255) throw new RangeError("integer above 255 bytes");
    return this.u8(bytes.length).raw(bytes);
  }

  /** A copy of what was written, of exactly `length` bytes. */
  toBytes(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  #reserve(sizeBytes: number): void {
    const needed = this.#length + sizeBytes;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
    this.#view = new DataView(grown.buffer);
  }
}

/** Reads values in order; every method throws {@link FormatError} when the bytes end early or are not canonical. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #offset: number;

  /** Reads `bytes` from `offset` to `end` (default: all of it). */
  constructor(bytes: Uint8Array, offset = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#offset = offset;
    this.#end = end;
  }

  /** Position of the next byte. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#end - this.#offset;
  }

  /** One byte. */
  u8(): number {
    return this.#bytes[this.#take(1)]!;
  }

  /** Two bytes, little-endian. */
  u16(): number {
    const at = this.#take(2);
    return this.#bytes[at]! | (this.#bytes[at + 1]! << 8);
  }

  /** Four bytes, little-endian. */
  u32(): number {
    return this.#word(this.#take(4));
  }

  /** Eight bytes, little-endian, up to 2^53 - 1. */
  u64(): number {
    const at = this.#take(8);
    const high = this.#word(at + 4);
    if (high >= 0x200000) throw new FormatError("integer above 2^53 - 1", at);
    return high * 0x100000000 + this.#word(at);
  }

  /** A varint; a non-minimal or too large one is refused. */
  varint(): number {
    const start = this.#offset;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < VARINT_SIZE_BYTES_MAX; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 && i > 0) throw new FormatError("varint is not minimal", start);
        if (value > Number.MAX_SAFE_INTEGER) throw new FormatError("varint above 2^53 - 1", start);
        return value;
      }
      scale *= 0x80;
    }
    throw new FormatError("varint is too long", start);
  }

  /** A varint that counts items of at least `itemSizeBytesMin` bytes each, refused when that many cannot follow. */
  count(itemSizeBytesMin: number): number {
    const start = this.#offset;
    return this.#checkedCount(this.varint(), itemSizeBytesMin, start);
  }

  /** The same as eight bytes, little-endian. */
  count64(itemSizeBytesMin: number): number {
    const start = this.#offset;
    return this.#checkedCount(this.u64(), itemSizeBytesMin, start);
  }

  /** Exactly `sizeBytes` bytes, as a view. */
  raw(sizeBytes: number): Uint8Array {
    const at = this.#take(sizeBytes);
    return this.#bytes.subarray(at, at + sizeBytes);
  }

  /** A length-prefixed byte string of at most `sizeBytesMax` bytes, as a view. */
  sized(sizeBytesMax: number): Uint8Array {
    const start = this.#offset;
    const size = this.varint();
    if (size > sizeBytesMax) throw new FormatError(`length ${size} above the limit of ${sizeBytesMax}`, start);
    return this.raw(size);
  }

  /** A minimal big-endian integer of at most `sizeBytesMax` bytes. */
  integer(sizeBytesMax: number): bigint {
    const start = this.#offset;
    const size = this.u8();
    if (size > sizeBytesMax) throw new FormatError(`integer of ${size} bytes, at most ${sizeBytesMax}`, start);
    const bytes = this.raw(size);
    if (size > 0 && bytes[0] === 0) throw new FormatError("integer with leading zero", start);
    return bigintFromBytes(bytes);
  }

  /** Refuses bytes after the end of the format. */
  expectEnd(): void {
    if (this.remaining !== 0) throw new FormatError(`${this.remaining} bytes after the end`, this.#offset);
  }

  #checkedCount(count: number, itemSizeBytesMin: number, start: number): number {
    if (count * itemSizeBytesMin > this.remaining) throw new FormatError(`count ${count} exceeds the bytes`, start);
    return count;
  }

  #take(sizeBytes: number): number {
    const at = this.#offset;
    if (sizeBytes > this.#end - at) throw new FormatError(`needs ${sizeBytes} bytes, ${this.#end - at} are left`, at);
    this.#offset = at + sizeBytes;
    return at;
  }

  #word(at: number): number {
    const bytes = this.#bytes;
    return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
  }
}
