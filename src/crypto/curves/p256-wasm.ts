// ECDSA over secp256r1 on our WASM kernel: y² = x³ - 3x + b over Fp, and a second field modulo the group's order.
//
// @see SEC 2, section 2.4.2; FIPS 186-5, section 6.4.2

import { bigintFromBytes, bigintToBytes } from "#base/bytes.ts";
import { type Address, CurveKernel } from "./curve-kernel.ts";
import { PointGroup, pointCalls } from "./multiples.ts";
import type { P256Backend } from "./p256-backend.ts";

const P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
const GENERATOR: readonly bigint[] = [
  0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
  0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
];
const SIZE_BYTES = 32;
const GROUP_SHAPE = { sizeBytes: SIZE_BYTES, termCountMax: 2 };

/** Opens the kernels in this thread's range. */
export function createWasmP256(): P256Backend {
  const curve = new P256();
  return { name: "wasm", verify: (input) => curve.verify(input) };
}

class P256 {
  readonly #kernel: CurveKernel;
  readonly #scalars: CurveKernel;
  readonly #group: PointGroup;
  readonly #b: Address;
  readonly #generator: Address;
  readonly #point: Address;
  readonly #sum: Address;
  readonly #scratch: Address;
  readonly #s: Address;
  readonly #factor: Address;
  readonly #bytes = new Uint8Array(SIZE_BYTES);

  constructor() {
    const ownSizeBytes = (1 + 3 * 4) * SIZE_BYTES;
    this.#kernel = new CurveKernel(
      { field: { modulus: P, limbCount: 4 }, a: -3 },
      PointGroup.workSizeBytes(GROUP_SHAPE) + ownSizeBytes,
    );
    this.#scalars = new CurveKernel({ field: { modulus: ORDER, limbCount: 4 }, a: 0 }, 2 * SIZE_BYTES);
    const { fp, calls } = this.#kernel;
    this.#group = new PointGroup(this.#kernel, {
      field: fp,
      points: pointCalls(calls, "g1"),
      ...GROUP_SHAPE,
    });
    this.#b = this.#kernel.constant(B);
    this.#generator = this.#kernel.constant(...GENERATOR, 1n);
    this.#point = this.#kernel.reserve(3 * SIZE_BYTES);
    this.#sum = this.#kernel.reserve(3 * SIZE_BYTES);
    this.#scratch = this.#kernel.reserve(3 * SIZE_BYTES);
    this.#s = this.#scalars.reserve(SIZE_BYTES);
    this.#factor = this.#scalars.reserve(SIZE_BYTES);
  }

  // R = (z/s) G + (r/s) Q, and the signature holds when R's abscissa is r modulo the order.
  verify(input: Uint8Array): boolean {
    const r = bigintFromBytes(input.subarray(32, 64));
    if (r === 0n || r >= ORDER) return false;
    if (!this.#scalars.read(this.#s, input, 64) || this.#scalars.fp.isZero(this.#s) === 1) return false;
    if (!this.#readPublicKey(input)) return false;
    this.#scalars.calls.fpInverse(this.#s, this.#s);
    const z = bigintFromBytes(input.subarray(0, 32)) % ORDER;
    this.#group.clearTerms();
    this.#group.addTerm(this.#generator, this.#timesInverse(bigintToBytes(z, 32)));
    this.#group.addTerm(this.#point, this.#timesInverse(input.subarray(32, 64)));
    this.#group.sumTerms(this.#sum);
    if (this.#group.isInfinity(this.#sum)) return false;
    this.#group.toAffine(this.#scratch, this.#sum);
    this.#kernel.write(this.#bytes, 0, this.#scratch);
    return bigintFromBytes(this.#bytes) % ORDER === r;
  }

  #timesInverse(number: Uint8Array): Uint8Array {
    this.#scalars.read(this.#factor, number, 0);
    this.#scalars.calls.fpMul(this.#factor, this.#factor, this.#s);
    this.#scalars.write(this.#bytes, 0, this.#factor);
    return this.#bytes;
  }

  // Infinity has no encoding: x = y = 0 is not on the curve.
  #readPublicKey(input: Uint8Array): boolean {
    const { fp } = this.#kernel;
    const y = this.#point + SIZE_BYTES;
    if (!this.#kernel.read(this.#point, input, 96) || !this.#kernel.read(y, input, 128)) return false;
    this.#group.lift(this.#point, this.#point);
    const [left, right] = [this.#scratch, this.#scratch + SIZE_BYTES];
    fp.sqr(right, this.#point);
    for (let i = 0; i < 3; i++) fp.sub(right, right, this.#kernel.one);
    fp.mul(right, right, this.#point);
    fp.add(right, right, this.#b);
    fp.sqr(left, y);
    return this.#kernel.isEqual(left, right, SIZE_BYTES);
  }
}
