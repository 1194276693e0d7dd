// One curve's WASM kernel, opened in this thread's range of memory: numbers are addresses, made once by `reserve`, and
// results come through places that operations name first. Everything here handles public data in variable time.

import { assert } from "#base/assert.ts";
import { makeTuple, type Tuple } from "#base/tuple.ts";
import { type CurveExports, type CurveShape, emitCurveModule, type FieldCalls } from "#wasm/kernels/curve.ts";
import { type ExponentWindow, exponentWindows } from "#wasm/kernels/exponent-windows.ts";
import { instantiateKernel } from "#wasm/kernels/kernel-placement.ts";
import { montgomeryBytes, type PrimeField } from "#wasm/kernels/prime-field.ts";
import { compileModule } from "#wasm/loader.ts";
import { claimKernelRange, isPrecompileMemoryShared } from "../precompile-memory.ts";

/** Bits of an exponent that one multiplication takes care of. */
const POWER_WINDOW_BITS = 5;
const COPY_BY_WORDS_BYTES_MAX = 192;

/** An address in the kernel's memory. */
export type Address = number;

/** A curve's kernel with its memory, and what is composed of its functions alone. */
export class CurveKernel {
  readonly calls: CurveExports;
  readonly field: PrimeField;
  /** The functions of Fp and of Fp2. */
  readonly fp: FieldCalls;
  readonly fp2: FieldCalls;
  /** Size of an element of Fp, bytes. */
  readonly fieldSizeBytes: number;
  /** The whole memory: addresses are its indices. */
  readonly bytes: Uint8Array;
  readonly #words: Uint32Array;
  /** 1, in Fp and in Fp2. */
  readonly one: Address;
  /** Bytes of input on their way into the field, and of output. */
  readonly exchange: Address;
  readonly #end: Address;
  #next: Address;
  readonly #powers: Address;
  readonly #scratch: Tuple<Address, 2>;
  readonly #zero: Address;

  /** @param workSizeBytes what the users of the kernel reserve for themselves */
  constructor(shape: CurveShape, workSizeBytes: number) {
    this.field = shape.field;
    this.fieldSizeBytes = 8 * shape.field.limbCount;
    const ownSizeBytes = (6 + 2 ** (POWER_WINDOW_BITS - 1)) * this.fieldSizeBytes;
    const { bytes, sizeBytes: kernelSizeBytes } = emitCurveModule(shape, isPrecompileMemoryShared());
    const placement = claimKernelRange(kernelSizeBytes + ownSizeBytes + workSizeBytes);
    const { memory, base, sizeBytes } = placement;
    this.calls = instantiateKernel<CurveExports>(compileModule(bytes), placement, kernelSizeBytes);
    this.bytes = new Uint8Array(memory.buffer);
    this.#words = new Uint32Array(memory.buffer);
    this.one = base + this.fieldSizeBytes;
    this.#next = base + kernelSizeBytes;
    this.#end = base + sizeBytes;
    this.exchange = this.reserve(2 * this.fieldSizeBytes);
    this.#powers = this.reserve(2 ** (POWER_WINDOW_BITS - 1) * this.fieldSizeBytes);
    this.#scratch = this.reserveEach(2, this.fieldSizeBytes);
    this.#zero = this.reserve(2 * this.fieldSizeBytes);
    const c = this.calls;
    this.fp = { add: c.fpAdd, sub: c.fpSub, mul: c.fpMul, sqr: c.fpSqr, isZero: c.fpIsZero };
    this.fp2 = { add: c.fp2Add, sub: c.fp2Sub, mul: c.fp2Mul, sqr: c.fp2Sqr, isZero: c.fp2IsZero };
  }

  /** A place for good, zeroed. */
  reserve(sizeBytes: number): Address {
    const address = this.#next;
    this.#next += sizeBytes;
    assert(this.#next <= this.#end, "the users of a curve kernel reserve more than was claimed");
    return address;
  }

  /** Places for several of a size. */
  reserveEach<const Count extends number>(count: Count, sizeBytes: number): Tuple<Address, Count> {
    return makeTuple(count, () => this.reserve(sizeBytes));
  }

  /** A place that holds these elements of Fp, one after the other. */
  constant(...values: readonly bigint[]): Address {
    const address = this.reserve(values.length * this.fieldSizeBytes);
    values.forEach((value, i) => {
      this.bytes.set(montgomeryBytes(this.field, value), address + i * this.fieldSizeBytes);
    });
    return address;
  }

  /** Copies a value, a multiple of 8 bytes, between places. Short ones by words: the call of a built-in costs more. */
  copy(to: Address, from: Address, sizeBytes: number): void {
    if (sizeBytes > COPY_BY_WORDS_BYTES_MAX) {
      this.bytes.copyWithin(to, from, from + sizeBytes);
      return;
    }
    const words = this.#words;
    for (let i = 0; i < sizeBytes; i += 4) words[(to + i) >>> 2] = words[(from + i) >>> 2]!;
  }

  /** Zeroes a place. */
  clear(at: Address, sizeBytes: number): void {
    this.bytes.fill(0, at, at + sizeBytes);
  }

  /** Whether two places hold the same bytes, a multiple of 8: every value has one form. */
  isEqual(a: Address, b: Address, sizeBytes: number): boolean {
    for (let i = 0; i < sizeBytes; i += 4) {
      if (this.#words[(a + i) >>> 2] !== this.#words[(b + i) >>> 2]) return false;
    }
    return true;
  }

  /**
   * Reads a big-endian element of Fp from bytes.
   * @returns false when it is not below the prime
   */
  read(to: Address, source: Uint8Array, offset: number): boolean {
    const { bytes, exchange, fieldSizeBytes } = this;
    for (let i = 0; i < fieldSizeBytes; i++) bytes[exchange + i] = source[offset + i]!;
    return this.calls.fpRead(to, exchange) === 1;
  }

  /** Writes an element of Fp as big-endian bytes. */
  write(target: Uint8Array, offset: number, from: Address): void {
    this.calls.fpWrite(this.exchange, from);
    target.set(this.bytes.subarray(this.exchange, this.exchange + this.fieldSizeBytes), offset);
  }

  /** -a in Fp or Fp2. `to` may be `a`. */
  negate(field: FieldCalls, to: Address, a: Address): void {
    field.sub(to, this.#zero, a);
  }

  /** a^exponent in Fp by sliding windows. `to` may be `a`. */
  power(to: Address, a: Address, exponent: PowerPlan): void {
    const { fpMul, fpSqr, fpSqrTimes } = this.calls;
    const size = this.fieldSizeBytes;
    const [square, result] = this.#scratch;
    this.copy(this.#powers, a, size);
    fpSqr(square, a);
    for (let i = 1; i < 2 ** (POWER_WINDOW_BITS - 1); i++) {
      fpMul(this.#powers + i * size, this.#powers + (i - 1) * size, square);
    }
    this.copy(result, this.one, size);
    let isOne = true;
    for (const { squarings, odd } of exponent) {
      if (squarings > 0 && !isOne) fpSqrTimes(result, result, squarings);
      if (odd === 0) continue;
      fpMul(result, result, this.#powers + (odd >> 1) * size);
      isOne = false;
    }
    this.copy(to, result, size);
  }
}

/** 1/a in Fp2; 0 for 0. `scratch` has room for an element of Fp2. */
export function inverseFp2(kernel: CurveKernel, to: Address, a: Address, scratch: Address): void {
  const { fpMul, fpSqr, fpAdd } = kernel.calls;
  const size = kernel.fieldSizeBytes;
  fpSqr(scratch, a);
  fpSqr(scratch + size, a + size);
  fpAdd(scratch, scratch, scratch + size);
  kernel.calls.fpInverse(scratch, scratch);
  fpMul(to, a, scratch);
  fpMul(to + size, a + size, scratch);
  kernel.negate(kernel.fp, to + size, to + size);
}

/** An exponent as squarings and multiplications by odd powers. */
export type PowerPlan = readonly ExponentWindow[];

/** Plans a power for {@link CurveKernel.power}. */
export function powerPlan(exponent: bigint): PowerPlan {
  return exponentWindows(exponent, POWER_WINDOW_BITS);
}
