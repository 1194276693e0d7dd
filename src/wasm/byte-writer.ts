// A growing byte buffer with LEB128 integers: what every WebAssembly section is written into.

import { assert } from "#base/assert.ts";
import { utf8 } from "#base/bytes.ts";

/** An append-only byte buffer that doubles when full. */
export class ByteWriter {
  #bytes: Uint8Array;
  #size = 0;

  constructor(capacityBytes = 256) {
    this.#bytes = new Uint8Array(capacityBytes);
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#size;
  }

  /** Appends one byte. */
  u8(byte: number): void {
    if (this.#size === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#size++] = byte;
  }

  /** Appends an unsigned 32-bit integer as LEB128. */
  u32(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff, () => `not an unsigned 32-bit: ${value}`);
    let rest = value;
    while (rest > 0x7f) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.u8(rest);
  }

  /** Appends a signed 32-bit integer as LEB128; unsigned values up to 2^32-1 are taken as their two's complement. */
  s32(value: number): void {
    assert(
      Number.isInteger(value) && value >= -0x8000_0000 && value <= 0xffff_ffff,
      () => `not a 32-bit integer: ${value}`,
    );
    let rest = value | 0;
    // The last byte's bit 6 is the sign of all bits above it.
    while (rest < -0x40 || rest > 0x3f) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.u8(rest & 0x7f);
  }

  /** Appends a signed 64-bit integer as LEB128; unsigned values up to 2^64-1 are taken as their two's complement. */
  s64(value: bigint | number): void {
    if (typeof value === "number" && value >= -0x8000_0000 && value <= 0x7fff_ffff) {
      this.s32(value);
      return;
    }
    const wide = BigInt(value);
    assert(wide >= -(1n << 63n) && wide < 1n << 64n, () => `not a 64-bit integer: ${value}`);
    let rest = BigInt.asIntN(64, wide);
    while (rest < -0x40n || rest > 0x3fn) {
      this.u8(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.u8(Number(rest & 0x7fn));
  }

  /** Appends bytes as they are. */
  bytes(bytes: Uint8Array): void {
    if (this.#size + bytes.length > this.#bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#size);
    this.#size += bytes.length;
  }

  /** Appends bytes behind their length. */
  sizedBytes(bytes: Uint8Array): void {
    this.u32(bytes.length);
    this.bytes(bytes);
  }

  /** Appends UTF-8 text behind its length in bytes. */
  name(text: string): void {
    this.sizedBytes(utf8(text));
  }

  /** A copy of what was written. */
  toBytes(): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(this.#size);
    copy.set(this.#bytes.subarray(0, this.#size));
    return copy;
  }

  #grow(needed: number): void {
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#size + needed));
    larger.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = larger;
  }
}
