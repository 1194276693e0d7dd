// LZ4 raw blocks (no frame, no size prefix): the default compression of peer frames and log sections. The raw size
// travels outside the block, in the caller's header, and is checked before a byte is allocated.

type NativeLz4 = {
  /** A block behind its raw size as 4 little-endian bytes. */
  compressSync(data: Uint8Array): Uint8Array;
  /** Reads the form that `compressSync` writes. */
  uncompressSync(data: Uint8Array): Uint8Array;
};

const native =
  require("../../node_modules/@antoniomuso/lz4-napi-linux-x64-gnu/lz4-napi.linux-x64-gnu.node") as NativeLz4;

const SIZE_PREFIX_BYTES = 4;

// A byte of a block stands for at most 255 bytes of output (an extension byte of a match length).
const EXPANSION_MAX = 255;

/** The largest raw size that a block may have, bytes: the format's own limit (LZ4_MAX_INPUT_SIZE). */
export const LZ4_RAW_SIZE_MAX = 0x7e00_0000;

/**
 * Compresses into a raw LZ4 block.
 * @param raw at most `LZ4_RAW_SIZE_MAX` bytes
 * @returns the block; the empty input gives a block of one byte
 * @throws {RangeError} when the input is too large
 * @see https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
 */
export function lz4Compress(raw: Uint8Array): Uint8Array {
  if (raw.length > LZ4_RAW_SIZE_MAX) throw new RangeError(`lz4: ${raw.length} bytes do not fit one block`);
  return new Uint8Array(native.compressSync(raw).subarray(SIZE_PREFIX_BYTES));
}

/**
 * Decompresses a raw LZ4 block from an untrusted source.
 * @param rawSize the size that the block must expand to, bytes; at most this much is allocated
 * @throws {RangeError} when the block is malformed or expands to another size
 */
export function lz4Decompress(block: Uint8Array, rawSize: number): Uint8Array {
  if (!Number.isInteger(rawSize) || rawSize < 0 || rawSize > LZ4_RAW_SIZE_MAX) {
    throw new RangeError(`lz4: impossible raw size ${rawSize}`);
  }
  if (rawSize > block.length * EXPANSION_MAX) {
    throw new RangeError(`lz4: ${block.length} bytes cannot expand to ${rawSize}`);
  }
  const raw = decompressPrefixed(block, rawSize);
  if (raw.length !== rawSize) throw new RangeError(`lz4: block holds ${raw.length} bytes, not ${rawSize}`);
  return new Uint8Array(raw.buffer, raw.byteOffset, raw.length);
}

function decompressPrefixed(block: Uint8Array, rawSize: number): Uint8Array {
  const prefixed = new Uint8Array(SIZE_PREFIX_BYTES + block.length);
  prefixed[0] = rawSize;
  prefixed[1] = rawSize >>> 8;
  prefixed[2] = rawSize >>> 16;
  prefixed[3] = rawSize >>> 24;
  prefixed.set(block, SIZE_PREFIX_BYTES);
  try {
    return native.uncompressSync(prefixed);
  } catch (cause) {
    throw new RangeError(`lz4: malformed block (${cause instanceof Error ? cause.message : String(cause)})`);
  }
}
