// The inner product argument: that a commitment C = Σ a_i G_i is to values whose product with known values b is y, in
// eight rounds that halve the vectors. The bases are never folded: what a round multiplies them by is written as factors
// of the original bases, which have tables.
//
//   round:  L = Σ a_R G_L + <a_R, b_L> w Q,  R = Σ a_L G_R + <a_L, b_R> w Q,  challenge x
//           a = a_L + x a_R,  b = b_L + b_R / x,  G = G_L + G_R / x
//
// @see Bünz et al., "Bulletproofs"; Feist, "Inner product arguments"

import { isZeroBytes } from "#base/bytes.ts";
import { AFFINE_SIZE_BYTES } from "#wasm/kernels/banderwagon/affine-sums.ts";
import { PLAIN_SIZE_BYTES, WORD_SIZE_BYTES } from "#wasm/kernels/banderwagon/conversions.ts";
import { type CommitmentKey, INNER_PRODUCT_BASE } from "./commitment-key.ts";
import { DOMAIN_SIZE, loadScalars, POLYNOMIAL_SIZE_BYTES, storeScalars } from "./evaluation-domain.ts";
import type { Address } from "./kernel-workspace.ts";
import { sumMultiples } from "./multi-scalar.ts";
import type { Transcript } from "./transcript.ts";

/** Rounds, and points L and R of a proof. */
export const ROUND_COUNT: number = Math.log2(DOMAIN_SIZE);
/** Size of a proof, bytes: all L, all R, the last a (little-endian). */
export const INNER_PRODUCT_PROOF_SIZE_BYTES: number = (2 * ROUND_COUNT + 1) * WORD_SIZE_BYTES;

/** What is claimed: elements and an affine point in the kernel's memory. */
export type InnerProductClaim = {
  /** C. */
  readonly commitment: Address;
  /** The point t at which the polynomial is opened. */
  readonly point: Address;
  /** L_i(t): what the values are multiplied by. */
  readonly lagrange: Address;
};

/** Makes a proof for the values at `polynomial`. */
export function proveInnerProduct(
  key: CommitmentKey,
  transcript: Transcript,
  claim: InnerProductClaim & { polynomial: Address },
): Uint8Array<ArrayBuffer> {
  return key.kernel.scope(() => new InnerProductProver(key, transcript, claim).prove());
}

class InnerProductProver {
  readonly #key: CommitmentKey;
  readonly #transcript: Transcript;
  readonly #claim: InnerProductClaim;
  readonly #a: Address;
  readonly #b: Address;
  readonly #w: Address;
  // What each base of a round is made of: the factor of every original base, by the bits of the rounds so far.
  readonly #path: Address;
  readonly #factors: Address;
  readonly #indices: Address;

  constructor(key: CommitmentKey, transcript: Transcript, claim: InnerProductClaim & { polynomial: Address }) {
    this.#key = key;
    this.#transcript = transcript;
    this.#claim = claim;
    const { kernel } = key;
    const copy = (from: Address) => {
      const to = kernel.take(POLYNOMIAL_SIZE_BYTES);
      kernel.bytes.copyWithin(to, from, from + POLYNOMIAL_SIZE_BYTES);
      return to;
    };
    this.#a = copy(claim.polynomial);
    this.#b = copy(claim.lagrange);
    this.#w = kernel.take(WORD_SIZE_BYTES);
    this.#path = kernel.take(POLYNOMIAL_SIZE_BYTES);
    this.#factors = kernel.take((DOMAIN_SIZE + 2) * WORD_SIZE_BYTES);
    this.#indices = kernel.take((DOMAIN_SIZE + 2) * 4);
  }

  prove(): Uint8Array<ArrayBuffer> {
    const { kernel } = this.#key;
    const proof = new Uint8Array(INNER_PRODUCT_PROOF_SIZE_BYTES);
    const value = kernel.take(WORD_SIZE_BYTES);
    kernel.calls.scalarsInnerProduct(value, this.#a, this.#b, DOMAIN_SIZE);
    kernel.bytes.set(beginInnerProduct(this.#key, this.#transcript, this.#claim, value), this.#w);
    kernel.calls.scalarsRead(this.#w, this.#w, 1);
    kernel.calls.scalarsPowers(this.#path, this.#w, 1);
    for (let round = 0; round < ROUND_COUNT; round++) {
      const [left, right] = this.#sides(round);
      this.#transcript.append("L", left);
      this.#transcript.append("R", right);
      proof.set(left, round * WORD_SIZE_BYTES);
      proof.set(right, (ROUND_COUNT + round) * WORD_SIZE_BYTES);
      this.#fold(round, this.#transcript.challenge("x"));
    }
    proof.set(storeScalars(kernel, this.#a, 1), 2 * ROUND_COUNT * WORD_SIZE_BYTES);
    return proof;
  }

  // L and R, compressed. L has the bases of left halves with the values of right halves, R the other way round.
  #sides(round: number): [Uint8Array, Uint8Array] {
    const { kernel } = this.#key;
    const { calls } = kernel;
    const halfCount = DOMAIN_SIZE >>> (round + 1);
    const halfSizeBytes = halfCount * WORD_SIZE_BYTES;
    const termCount = DOMAIN_SIZE / 2 + 1;
    for (let side = 0; side < 2; side++) {
      const first = side * termCount;
      const values = this.#a + (1 - side) * halfSizeBytes;
      for (let m = 0; m < 2 ** round; m++) {
        const to = this.#factors + (first + m * halfCount) * WORD_SIZE_BYTES;
        calls.scalarsScale(to, values, this.#path + m * WORD_SIZE_BYTES, halfCount);
        const index = (this.#indices >>> 2) + first + m * halfCount;
        for (let i = 0; i < halfCount; i++) kernel.words[index + i] = (2 * m + side) * halfCount + i;
      }
      const last = first + termCount - 1;
      const product = this.#factors + last * WORD_SIZE_BYTES;
      calls.scalarsInnerProduct(product, values, this.#b + side * halfSizeBytes, halfCount);
      calls.scalarsMul(product, product, this.#w, 1);
      kernel.words[(this.#indices >>> 2) + last] = INNER_PRODUCT_BASE;
    }
    return kernel.scope(() => {
      const points = kernel.take(2 * AFFINE_SIZE_BYTES);
      const starts = new Uint32Array([0, termCount, 2 * termCount]);
      this.#key.sumFixed(points, { indices: this.#indices, factors: this.#factors, starts });
      const compressed = this.#key.compress(points, 2);
      return [compressed.subarray(0, WORD_SIZE_BYTES), compressed.subarray(WORD_SIZE_BYTES)];
    });
  }

  #fold(round: number, challenge: Uint8Array): void {
    const { kernel } = this.#key;
    const { calls, bytes } = kernel;
    const halfCount = DOMAIN_SIZE >>> (round + 1);
    const halfSizeBytes = halfCount * WORD_SIZE_BYTES;
    kernel.scope(() => {
      const x = loadScalars(kernel, challenge);
      const inverse = kernel.take(WORD_SIZE_BYTES);
      calls.scalarsInverse(inverse, x, 1);
      calls.scalarsAddScaled(this.#a, this.#a, this.#a + halfSizeBytes, x, halfCount);
      calls.scalarsAddScaled(this.#b, this.#b, this.#b + halfSizeBytes, inverse, halfCount);
      // Each factor makes two: of the left half as it is, of the right half times 1/x. From the last on, in place.
      for (let m = 2 ** round - 1; m >= 0; m--) {
        const from = this.#path + m * WORD_SIZE_BYTES;
        const to = this.#path + 2 * m * WORD_SIZE_BYTES;
        calls.scalarsMul(to + WORD_SIZE_BYTES, from, inverse, 1);
        bytes.copyWithin(to, from, from + WORD_SIZE_BYTES);
      }
    });
  }
}

/**
 * Whether a proof holds for the value at `value`.
 * @param claim.sides affine points, all L, then all R
 * @param claim.compressedSides the same, compressed
 * @param claim.last the last a
 */
export function verifyInnerProduct(
  key: CommitmentKey,
  transcript: Transcript,
  claim: InnerProductClaim & { value: Address; sides: Address; compressedSides: Uint8Array; last: Address },
): boolean {
  const { kernel } = key;
  const { calls } = kernel;
  return kernel.scope(() => {
    const w = loadScalars(kernel, beginInnerProduct(key, transcript, claim, claim.value));
    const challenges = kernel.take(2 * ROUND_COUNT * WORD_SIZE_BYTES);
    const inverses = challenges + ROUND_COUNT * WORD_SIZE_BYTES;
    for (let round = 0; round < ROUND_COUNT; round++) {
      const side = (index: number) =>
        claim.compressedSides.subarray(index * WORD_SIZE_BYTES, (index + 1) * WORD_SIZE_BYTES);
      transcript.append("L", side(round));
      transcript.append("R", side(ROUND_COUNT + round));
      kernel.bytes.set(transcript.challenge("x"), challenges + round * WORD_SIZE_BYTES);
    }
    calls.scalarsRead(challenges, challenges, ROUND_COUNT);
    calls.scalarsInverse(inverses, challenges, ROUND_COUNT);
    const factors = verificationFactors(key, { ...claim, w, inverses });
    const sums = kernel.take(2 * AFFINE_SIZE_BYTES);
    key.sumFixed(sums, { indices: key.indices, factors, starts: new Uint32Array([0, DOMAIN_SIZE + 1]) });
    const scalars = kernel.take((2 * ROUND_COUNT + 1) * WORD_SIZE_BYTES);
    calls.scalarsWrite(scalars, challenges, 2 * ROUND_COUNT);
    const terms = { points: claim.sides, scalars, count: 2 * ROUND_COUNT };
    sumMultiples(kernel, key.list, terms, sums + AFFINE_SIZE_BYTES);
    for (const addend of [sums + AFFINE_SIZE_BYTES, claim.commitment]) {
      key.list.push(sums, sums, addend);
      key.list.flush();
    }
    return isNeutral(key, sums);
  });
}

// -a s_i for each G_i, and w (y - a Σ b_i s_i) for Q. s_i is the product of 1/x of the rounds whose bit of i is set, the
// first round's bit being the highest.
function verificationFactors(
  { kernel }: CommitmentKey,
  claim: { lagrange: Address; value: Address; last: Address; w: Address; inverses: Address },
): Address {
  const { calls, bytes } = kernel;
  const factors = kernel.take((DOMAIN_SIZE + 1) * WORD_SIZE_BYTES);
  calls.scalarsPowers(factors, claim.w, 1);
  for (let round = ROUND_COUNT - 1, count = 1; round >= 0; round--, count *= 2) {
    const to = factors + count * WORD_SIZE_BYTES;
    calls.scalarsScale(to, factors, claim.inverses + round * WORD_SIZE_BYTES, count);
  }
  const negative = kernel.take(WORD_SIZE_BYTES);
  bytes.fill(0, negative, negative + WORD_SIZE_BYTES);
  calls.scalarsSub(negative, negative, claim.last, 1);
  calls.scalarsScale(factors, factors, negative, DOMAIN_SIZE);
  const ofQ = factors + POLYNOMIAL_SIZE_BYTES;
  calls.scalarsInnerProduct(ofQ, factors, claim.lagrange, DOMAIN_SIZE);
  calls.scalarsAdd(ofQ, ofQ, claim.value, 1);
  calls.scalarsMul(ofQ, ofQ, claim.w, 1);
  return factors;
}

function isNeutral({ kernel }: CommitmentKey, point: Address): boolean {
  const plain = kernel.take(PLAIN_SIZE_BYTES);
  kernel.calls.drop(plain, kernel.take(WORD_SIZE_BYTES), point, 1);
  return isZeroBytes(kernel.bytes.subarray(plain, plain + WORD_SIZE_BYTES));
}

// What both sides say first; returns the challenge w.
function beginInnerProduct(
  key: CommitmentKey,
  transcript: Transcript,
  { commitment, point }: InnerProductClaim,
  value: Address,
): Uint8Array {
  transcript.separate("ipa");
  transcript.append("C", key.compress(commitment, 1));
  transcript.append("input point", storeScalars(key.kernel, point, 1));
  transcript.append("output point", storeScalars(key.kernel, value, 1));
  return transcript.challenge("w");
}
