// The memory of a secp256k1 kernel, from its base on. A field element takes 32 bytes, an affine point 64 (x, y), a
// Jacobian one 96 (x, y, z), where z = 0 is the point at infinity.
//
//   arguments     hash 32, r‖s 64, result x‖y 64
//   scratch       accumulator 96, common z 32, its product with the accumulator's 32, ratio of two z 32, point 64,
//                 its double 96, intermediate elements 13 × 32
//   digits        129 × 4 × i16: at each bit those of the two halves of u2, then of the two halves of u1
//   key tables    8 odd multiples of R, then of λ·R
//   ratios        of the z of neighbours while a table is made
//   base tables   256 odd multiples of G, then of 2^128·G

/** Bits of a digit of the multiplier of R: 8 odd multiples, made for every signature. */
export const KEY_WINDOW_BITS = 5;
/**
 * Bits of a digit of the multiplier of G. Measured for a recovery: 35.1 µs with 8, 33.9 with 10, 33.5 with 12, whose
 * tables take 128 KB and four times as long to make.
 */
export const BASE_WINDOW_BITS = 10;
/** Bits that one of the four interleaved multipliers has. */
export const HALF_SCALAR_BITS = 128;

/** Size of a field element, bytes. */
export const ELEMENT_SIZE_BYTES = 32;
/** Size of an affine point, bytes. */
export const AFFINE_SIZE_BYTES = 2 * ELEMENT_SIZE_BYTES;
/** Size of a Jacobian point, bytes. */
export const JACOBIAN_SIZE_BYTES = 3 * ELEMENT_SIZE_BYTES;
/** Size of the digits at one bit, bytes. */
export const DIGITS_SIZE_BYTES = 8;
/** Points in a table of R. */
export const KEY_TABLE_COUNT = 2 ** (KEY_WINDOW_BITS - 2);
/** Points in a table of G. */
export const BASE_TABLE_COUNT = 2 ** (BASE_WINDOW_BITS - 2);

const SIZES = {
  hash: 32,
  signature: 64,
  result: 64,
  accumulator: JACOBIAN_SIZE_BYTES,
  commonZ: ELEMENT_SIZE_BYTES,
  fullZ: ELEMENT_SIZE_BYTES,
  ratio: ELEMENT_SIZE_BYTES,
  point: AFFINE_SIZE_BYTES,
  double: JACOBIAN_SIZE_BYTES,
  elements: 13 * ELEMENT_SIZE_BYTES,
  digits: DIGITS_SIZE_BYTES * (HALF_SCALAR_BITS + 1),
  keyTable: KEY_TABLE_COUNT * AFFINE_SIZE_BYTES,
  turnedKeyTable: KEY_TABLE_COUNT * AFFINE_SIZE_BYTES,
  ratios: BASE_TABLE_COUNT * ELEMENT_SIZE_BYTES,
  baseTable: BASE_TABLE_COUNT * AFFINE_SIZE_BYTES,
  shiftedBaseTable: BASE_TABLE_COUNT * AFFINE_SIZE_BYTES,
} as const;

/** Offsets of all parts from the kernel's base, bytes. */
export const OFFSET: Readonly<Record<keyof typeof SIZES, number>> = (() => {
  let end = 0;
  const place = (size: number) => {
    end += size;
    return end - size;
  };
  return Object.fromEntries(Object.entries(SIZES).map(([name, size]) => [name, place(size)])) as Record<
    keyof typeof SIZES,
    number
  >;
})();

/** The memory that a kernel needs, bytes. */
export const SECP256K1_RANGE_SIZE_BYTES: number = Object.values(SIZES).reduce((sum, size) => sum + size, 0);
