// base ^ exponent mod modulus for numbers that the engine's integers, which end at 2^20 bits, cannot hold: long integers
// as digits that are integers of the engine, least significant first. Products by columns, remainders by long division;
// both are quadratic, as the price of MODEXP is. The engine multiplies long digits faster than quadratically: with digits
// of 2^18 bits a square modulo 120,000 bytes takes 56 ms, with 2^14 bits 196.
//
// @see Knuth, "The Art of Computer Programming", volume 2, section 4.3.1, algorithms M and D

import { assert } from "#base/assert.ts";
import { trimLeadingZeroes } from "#base/bytes.ts";

/** The longest whose products have room. */
const DIGIT_BITS = 2 ** 18;

type Digits = bigint[];

/**
 * Raises a number to a power in a residue ring.
 * @param base big-endian, any length
 * @param exponent big-endian, any length
 * @param modulus big-endian, any length, above 1
 * @param digitBits for tests, a multiple of 8
 * @returns the result, as long as the modulus
 */
export function longModularPower(
  base: Uint8Array,
  exponent: Uint8Array,
  modulus: Uint8Array,
  digitBits: number = DIGIT_BITS,
): Uint8Array {
  const ring = new ResidueRing(modulus, digitBits);
  const residue = ring.reduce(digitsOf(base, digitBits));
  let result: Digits | null = null;
  for (const byte of trimLeadingZeroes(exponent)) {
    for (let bit = 7; bit >= 0; bit--) {
      if (result !== null) result = ring.multiply(result, result);
      if (((byte >> bit) & 1) === 1) result = result === null ? residue : ring.multiply(result, residue);
    }
  }
  return bytesOf(result ?? [1n], digitBits, modulus.length);
}

class ResidueRing {
  /** The modulus, shifted so that its top bit is that of a digit: a quotient's digit is then guessed well. */
  readonly #divisor: Digits;
  readonly #shift: bigint;
  readonly #digitBits: number;
  /** The same as an integer. */
  readonly #width: bigint;

  constructor(modulus: Uint8Array, digitBits: number) {
    const bytes = trimLeadingZeroes(modulus);
    const digits = digitsOf(bytes, digitBits);
    assert(digits.length > 0, "a modulus is not zero");
    this.#digitBits = digitBits;
    this.#width = BigInt(digitBits);
    this.#shift = BigInt(digits.length * digitBits - 8 * bytes.length + Math.clz32(bytes[0]!) - 24);
    this.#divisor = this.#shiftLeft(digits).slice(0, digits.length);
  }

  /** The remainder of a number of any length, with the digits of the modulus. */
  reduce(number: Digits): Digits {
    const count = this.#divisor.length;
    const rest = this.#shiftLeft(number);
    while (rest.length < count) rest.push(0n);
    for (let at = rest.length - 1 - count; at >= 0; at--) this.#subtractMultiple(rest, at);
    return this.#shiftRight(rest.slice(0, count));
  }

  multiply(a: Digits, b: Digits): Digits {
    const product: Digits = new Array<bigint>(a.length + b.length).fill(0n);
    for (let i = 0; i < a.length; i++) {
      let carry = 0n;
      for (let j = 0; j < b.length; j++) {
        const sum = product[i + j]! + a[i]! * b[j]! + carry;
        product[i + j] = BigInt.asUintN(this.#digitBits, sum);
        carry = sum >> this.#width;
      }
      product[i + b.length] = carry;
    }
    return this.reduce(product);
  }

  // One digit of a quotient: from digit `at` on, the number becomes less than the divisor. The guess by the top digits is
  // at most two too large.
  #subtractMultiple(rest: Digits, at: number): void {
    const divisor = this.#divisor;
    const count = divisor.length;
    const guess = ((rest[at + count]! << this.#width) | rest[at + count - 1]!) / divisor[count - 1]!;
    const factor = guess >> this.#width === 0n ? guess : (1n << this.#width) - 1n;
    let carry = 0n;
    for (let i = 0; i < count; i++) {
      const difference = rest[at + i]! - factor * divisor[i]! + carry;
      rest[at + i] = BigInt.asUintN(this.#digitBits, difference);
      carry = difference >> this.#width;
    }
    let top = rest[at + count]! + carry;
    while (top < 0n) {
      carry = 0n;
      for (let i = 0; i < count; i++) {
        const sum = rest[at + i]! + divisor[i]! + carry;
        rest[at + i] = BigInt.asUintN(this.#digitBits, sum);
        carry = sum >> this.#width;
      }
      top += carry;
    }
    rest[at + count] = top;
  }

  // With one digit more.
  #shiftLeft(digits: Digits): Digits {
    let carry = 0n;
    const shifted = digits.map((digit) => {
      const wide = (digit << this.#shift) | carry;
      carry = wide >> this.#width;
      return BigInt.asUintN(this.#digitBits, wide);
    });
    return [...shifted, carry];
  }

  #shiftRight(digits: Digits): Digits {
    return digits.map((digit, i) => {
      return BigInt.asUintN(this.#digitBits, (((digits[i + 1] ?? 0n) << this.#width) | digit) >> this.#shift);
    });
  }
}

function digitsOf(bytes: Uint8Array, digitBits: number): Digits {
  const digits: Digits = [];
  const size = digitBits / 8;
  for (let end = bytes.length; end > 0; end -= size) {
    digits.push(BigInt(`0x${bytes.slice(Math.max(0, end - size), end).toHex()}`));
  }
  return digits;
}

function bytesOf(digits: Digits, digitBits: number, sizeBytes: number): Uint8Array {
  const hex = digits.map((digit) => digit.toString(16).padStart(digitBits / 4, "0")).reverse();
  const bytes = Uint8Array.fromHex(hex.join(""));
  const result = new Uint8Array(sizeBytes);
  const kept = bytes.subarray(Math.max(0, bytes.length - sizeBytes));
  result.set(kept, sizeBytes - kept.length);
  return result;
}
