// The transcript that turns proofs into non-interactive ones: everything both sides have said, hashed into challenges.
// A label before each message, no lengths and no padding.
//
// @see Fiat, Shamir, "How to prove yourself"; the Verkle proof format of ethereum/EIPs, EIP-6800

import { utf8 } from "#base/bytes.ts";
import { sha256 } from "../sha256.ts";

const CAPACITY_BYTES_MIN = 1024;

/** Messages since the last challenge. */
export class Transcript {
  readonly #reduce: (digest: Uint8Array) => Uint8Array;
  #bytes = new Uint8Array(CAPACITY_BYTES_MIN);
  #length = 0;

  /**
   * @param protocol the label that it begins with
   * @param reduce a little-endian number of 32 bytes modulo the group's order
   */
  constructor(protocol: string, reduce: (digest: Uint8Array) => Uint8Array) {
    this.#reduce = reduce;
    this.separate(protocol);
  }

  /** Appends a label alone. */
  separate(label: string): void {
    this.#append(utf8(label));
  }

  /** Appends a labelled message: a compressed point, or a scalar as 32 little-endian bytes. */
  append(label: string, message: Uint8Array): void {
    this.separate(label);
    this.#append(message);
  }

  /** A scalar that depends on all that was said, 32 little-endian bytes; it begins what comes next. */
  challenge(label: string): Uint8Array {
    this.separate(label);
    const scalar = this.#reduce(sha256(this.#bytes.subarray(0, this.#length)));
    this.#length = 0;
    this.append(label, scalar);
    return scalar;
  }

  #append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, length));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = length;
  }
}
