// Between the words of shared records and the bytes and integers at the edge. A scratch object per reader or writer, so
// that a conversion allocates nothing but its result. Word order is the machine's: every supported machine is little-endian.

import { assert } from "#base/assert.ts";
import { ADDRESS_SIZE_BYTES, HASH_SIZE_BYTES } from "#chain/primitives.ts";

const WORD_COUNT = 8;
const WORD_BITS = 64n;

/** Eight words that can be seen as 32 bytes and as big-endian integers. */
export class WordScratch {
  readonly words = new Uint32Array(WORD_COUNT);
  readonly #bytes = new Uint8Array(this.words.buffer);
  readonly #view = new DataView(this.words.buffer);

  /** Puts 20 bytes into the first 5 words. */
  setAddress(address: Uint8Array): Uint32Array {
    assert(address.length === ADDRESS_SIZE_BYTES, "an address has 20 bytes");
    const bytes = this.#bytes;
    for (let i = 0; i < ADDRESS_SIZE_BYTES; i++) bytes[i] = address[i]!;
    return this.words;
  }

  /** Puts 32 bytes into the 8 words. */
  setHash(hash: Uint8Array): Uint32Array {
    assert(hash.length === HASH_SIZE_BYTES, "a word has 32 bytes");
    const bytes = this.#bytes;
    for (let i = 0; i < HASH_SIZE_BYTES; i++) bytes[i] = hash[i]!;
    return this.words;
  }

  /**
   * Puts an integer below 2^256 into the 8 words, big-endian.
   * @throws {AssertionError} when it is negative or wider
   */
  setInteger(value: bigint): Uint32Array {
    assert(value >= 0n && value >> (4n * WORD_BITS) === 0n, "an amount has at most 256 bits");
    const view = this.#view;
    let rest = value;
    for (let at = 24; at >= 0; at -= 8) {
      view.setBigUint64(at, BigInt.asUintN(64, rest), false);
      rest >>= WORD_BITS;
    }
    return this.words;
  }

  /** `sizeBytes` bytes of shared words from `at`, as a fresh array. */
  bytesAt(words: Uint32Array, at: number, sizeBytes: number): Uint8Array {
    const copied = new Uint8Array(sizeBytes);
    for (let i = 0; i < sizeBytes; i += 4) {
      const word = words[at + (i >> 2)]!;
      copied[i] = word;
      copied[i + 1] = word >>> 8;
      copied[i + 2] = word >>> 16;
      copied[i + 3] = word >>> 24;
    }
    return copied;
  }

  /** The 8 words from `at` as a big-endian integer. */
  integerAt(words: Uint32Array, at: number): bigint {
    for (let i = 0; i < WORD_COUNT; i++) this.words[i] = words[at + i]!;
    const view = this.#view;
    let value = 0n;
    for (let offset = 0; offset < HASH_SIZE_BYTES; offset += 8) {
      const limb = view.getBigUint64(offset, false);
      value = value === 0n ? limb : (value << WORD_BITS) | limb;
    }
    return value;
  }
}

/** An unsigned 64-bit integer in two words, low first. */
export function integerOfPair(words: Uint32Array, at: number): bigint {
  const high = words[at + 1]!;
  const low = words[at]!;
  return high < 0x200000 ? BigInt(high * 0x1_0000_0000 + low) : (BigInt(high) << 32n) | BigInt(low);
}

/**
 * Writes an unsigned 64-bit integer as two words, low first.
 * @throws {AssertionError} when it is negative or wider
 */
export function setIntegerPair(words: Uint32Array, at: number, value: bigint): void {
  assert(value >= 0n && value >> 64n === 0n, "a nonce has at most 64 bits");
  words[at] = Number(value & 0xffffffffn);
  words[at + 1] = Number(value >> 32n);
}
