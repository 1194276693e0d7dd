// Numbers that a kernel's range begins with: each is placed once, before code is emitted.

import type { Place } from "../kernel-program.ts";
import { limbBytes, montgomeryBytes, montgomeryOne, type PrimeField } from "../prime-field.ts";

/** Constants of a kernel, one behind the other from the base of its range. */
export class ConstantPool {
  readonly #parts: Uint8Array[] = [];
  #sizeBytes = 0;

  /** Bytes so far. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Places bytes; the next place is again a multiple of 8. */
  bytes(part: Uint8Array): Place {
    const padded = new Uint8Array(Math.ceil(part.length / 8) * 8);
    padded.set(part);
    const place = { at: null, offset: this.#sizeBytes };
    this.#parts.push(padded);
    this.#sizeBytes += padded.length;
    return place;
  }

  /** Places an element of a field, in Montgomery form. */
  element(field: PrimeField, value: bigint): Place {
    return this.bytes(montgomeryBytes(field, value));
  }

  /** Places R^exponent modulo a field's prime, with R = 2^(64 limbs). */
  powerOfR(field: PrimeField, exponent: bigint): Place {
    return this.bytes(limbBytes(montgomeryOne(field) ** exponent % field.modulus, field.limbCount));
  }

  /** All constants, to be written at the base. */
  content(): Uint8Array {
    const content = new Uint8Array(this.#sizeBytes);
    let offset = 0;
    for (const part of this.#parts) {
      content.set(part, offset);
      offset += part.length;
    }
    return content;
  }
}
