// Many openings of many commitments in one proof of 576 bytes: D, then the inner product argument for E - D. Every
// polynomial is opened at points of the domain, that is, single children of nodes are shown.
//
//   weights r^k;  g = Σ r^k (F_k(X) - y_k) / (X - z_k),  D = commitment of g
//   E = Σ r^k / (t - z_k) C_k,  and E - D opens at t to Σ r^k y_k / (t - z_k)
//
// @see Feist, "PCS multiproofs using random evaluation"; https://github.com/megaeth-labs/salt, ipa-multipoint

import { assert } from "#base/assert.ts";
import { isZeroBytes } from "#base/bytes.ts";
import { makeTuple } from "#base/tuple.ts";
import { AFFINE_SIZE_BYTES } from "#wasm/kernels/banderwagon/affine-sums.ts";
import { PLAIN_SIZE_BYTES, WORD_SIZE_BYTES } from "#wasm/kernels/banderwagon/conversions.ts";
import { SCALAR_FIELD } from "#wasm/kernels/banderwagon/curve.ts";
import { type CommitmentKey, compressPlain, TERM_COUNT_MAX } from "./commitment-key.ts";
import { DOMAIN_SIZE, loadScalars, POLYNOMIAL_SIZE_BYTES, scalarBytes } from "./evaluation-domain.ts";
import { INNER_PRODUCT_PROOF_SIZE_BYTES, proveInnerProduct, ROUND_COUNT, verifyInnerProduct } from "./inner-product.ts";
import type { Address } from "./kernel-workspace.ts";
import { sumMultiples } from "./multi-scalar.ts";
import { setInfinity } from "./point-sums.ts";
import { Transcript } from "./transcript.ts";

/** Size of a proof, bytes. */
export const MULTIPOINT_PROOF_SIZE_BYTES: number = WORD_SIZE_BYTES + INNER_PRODUCT_PROOF_SIZE_BYTES;

/** Openings in the order in which the transcript hears of them. */
export type Openings = {
  /** Plain commitments, 64 bytes each, of the group; each only once makes verification faster. */
  readonly commitments: Uint8Array;
  /** For each opening the index of its commitment. */
  readonly commitmentOf: Uint32Array;
  /** For each opening its point: a child's index below 256. */
  readonly points: Uint8Array;
};

/** Openings with what they open to. */
export type OpenedValues = Openings & {
  /** For each opening its value: canonical, little-endian, 32 bytes. */
  readonly values: Uint8Array;
};

/** Openings with the polynomials behind the commitments. */
export type OpenedPolynomials = Openings & {
  /** The 256 canonical little-endian values of a commitment's polynomial, one behind the other; asked for twice. */
  readonly polynomial: (commitmentIndex: number) => Uint8Array;
};

/** The most commitments of one proof. */
export const OPENED_COMMITMENT_COUNT_MAX: number = 1 << 17;

/**
 * Makes a proof.
 * @param protocol the label that the transcript begins with
 * @returns 576 bytes
 */
export function proveMultipoint(
  key: CommitmentKey,
  protocol: string,
  openings: OpenedPolynomials,
): Uint8Array<ArrayBuffer> {
  const values = openedValues(openings);
  return key.kernel.scope(() => {
    const transcript = new Transcript(protocol, (digest) => key.reduce(digest));
    const r = loadScalars(key.kernel, hearOpenings(transcript, { ...openings, values }));
    return new MultipointProver(key, transcript, openings).prove(r);
  });
}

/**
 * Whether a proof holds for all openings.
 * @param proof anything; only 576 bytes of canonical points and a canonical scalar can hold
 */
export function verifyMultipoint(
  key: CommitmentKey,
  protocol: string,
  openings: OpenedValues,
  proof: Uint8Array,
): boolean {
  checkOpenings(openings);
  if (proof.length !== MULTIPOINT_PROOF_SIZE_BYTES) return false;
  return key.kernel.scope(() => {
    const { kernel } = key;
    const points = readProofPoints(key, proof);
    const lastBytes = proof.subarray(-WORD_SIZE_BYTES);
    if (points === null || !isCanonicalScalar(lastBytes)) return false;
    const transcript = new Transcript(protocol, (digest) => key.reduce(digest));
    const r = loadScalars(kernel, hearOpenings(transcript, openings));
    transcript.append("D", proof.subarray(0, WORD_SIZE_BYTES));
    const challenge = transcript.challenge("t");
    if (isInDomain(challenge)) return false;
    const t = loadScalars(kernel, challenge);
    const distances = kernel.take(POLYNOMIAL_SIZE_BYTES);
    key.domain.invertDistances(distances, t);
    const { commitment, value } = combineOpenings(key, openings, { r, distances });
    transcript.append("E", key.compress(commitment, 1));
    key.list.push(commitment, commitment, points, true);
    key.list.flush();
    const lagrange = kernel.take(POLYNOMIAL_SIZE_BYTES);
    key.domain.lagrange(lagrange, distances);
    return verifyInnerProduct(key, transcript, {
      commitment,
      point: t,
      lagrange,
      value,
      sides: points + AFFINE_SIZE_BYTES,
      compressedSides: proof.subarray(WORD_SIZE_BYTES, -WORD_SIZE_BYTES),
      last: loadScalars(kernel, lastBytes),
    });
  });
}

class MultipointProver {
  readonly #key: CommitmentKey;
  readonly #transcript: Transcript;
  readonly #openings: OpenedPolynomials;
  // Σ r^k F_k over the openings at a point, for each point that is opened; null for the others.
  readonly #sums: (Address | null)[] = new Array<Address | null>(DOMAIN_SIZE).fill(null);

  constructor(key: CommitmentKey, transcript: Transcript, openings: OpenedPolynomials) {
    this.#key = key;
    this.#transcript = transcript;
    this.#openings = openings;
  }

  prove(r: Address): Uint8Array<ArrayBuffer> {
    const { kernel, domain, list } = this.#key;
    const { calls } = kernel;
    const [g, h, distances, lagrange] = makeTuple(4, () => kernel.take(POLYNOMIAL_SIZE_BYTES));
    this.#sumByPoint(r);
    this.#divide(g);
    const [d, e] = [kernel.take(AFFINE_SIZE_BYTES), kernel.take(AFFINE_SIZE_BYTES)];
    this.#key.commit(d, g);
    const compressedD = this.#key.compress(d, 1);
    this.#transcript.append("D", compressedD);
    const challenge = this.#transcript.challenge("t");
    assert(!isInDomain(challenge), "a challenge does not fall into the domain");
    const t = loadScalars(kernel, challenge);
    domain.invertDistances(distances, t);
    domain.lagrange(lagrange, distances);
    kernel.bytes.fill(0, h, h + POLYNOMIAL_SIZE_BYTES);
    this.#sums.forEach((sum, z) => {
      if (sum !== null) calls.scalarsAddScaled(h, h, sum, distances + z * WORD_SIZE_BYTES, DOMAIN_SIZE);
    });
    this.#key.commit(e, h);
    this.#transcript.append("E", this.#key.compress(e, 1));
    calls.scalarsSub(h, h, g, DOMAIN_SIZE);
    list.push(e, e, d, true);
    list.flush();
    const claim = { commitment: e, point: t, lagrange, polynomial: h };
    const proof = new Uint8Array(MULTIPOINT_PROOF_SIZE_BYTES);
    proof.set(compressedD);
    proof.set(proveInnerProduct(this.#key, this.#transcript, claim), WORD_SIZE_BYTES);
    return proof;
  }

  #sumByPoint(r: Address): void {
    const { kernel } = this.#key;
    const { calls, bytes } = kernel;
    const { commitmentOf, points, polynomial } = this.#openings;
    const weight = kernel.take(WORD_SIZE_BYTES);
    const current = kernel.take(POLYNOMIAL_SIZE_BYTES);
    calls.scalarsPowers(weight, r, 1);
    commitmentOf.forEach((commitment, k) => {
      if (k === 0 || commitment !== commitmentOf[k - 1]) {
        bytes.set(polynomial(commitment), current);
        calls.scalarsRead(current, current, DOMAIN_SIZE);
      }
      const z = points[k]!;
      let sum = this.#sums[z]!;
      if (sum === null) {
        sum = kernel.take(POLYNOMIAL_SIZE_BYTES);
        bytes.fill(0, sum, sum + POLYNOMIAL_SIZE_BYTES);
        this.#sums[z] = sum;
      }
      calls.scalarsAddScaled(sum, sum, current, weight, DOMAIN_SIZE);
      calls.scalarsMul(weight, weight, r, 1);
    });
  }

  #divide(g: Address): void {
    const { kernel, domain } = this.#key;
    kernel.bytes.fill(0, g, g + POLYNOMIAL_SIZE_BYTES);
    kernel.scope(() => {
      const quotient = kernel.take(POLYNOMIAL_SIZE_BYTES);
      this.#sums.forEach((sum, z) => {
        if (sum === null) return;
        domain.divideByLinear(quotient, sum, z);
        kernel.calls.scalarsAdd(g, g, quotient, DOMAIN_SIZE);
      });
    });
  }
}

function openedValues({ commitmentOf, points, polynomial }: OpenedPolynomials): Uint8Array<ArrayBuffer> {
  const values = new Uint8Array(commitmentOf.length * WORD_SIZE_BYTES);
  let current = new Uint8Array(0);
  commitmentOf.forEach((commitment, k) => {
    if (k === 0 || commitment !== commitmentOf[k - 1]) current = new Uint8Array(polynomial(commitment));
    const at = points[k]! * WORD_SIZE_BYTES;
    values.set(current.subarray(at, at + WORD_SIZE_BYTES), k * WORD_SIZE_BYTES);
  });
  return values;
}

// Returns the challenge r.
function hearOpenings(transcript: Transcript, openings: OpenedValues): Uint8Array {
  const { commitmentOf, points, values } = openings;
  const compressed = compressPlain(openings.commitments);
  const word = (bytes: Uint8Array, index: number) =>
    bytes.subarray(index * WORD_SIZE_BYTES, (index + 1) * WORD_SIZE_BYTES);
  const point = new Uint8Array(WORD_SIZE_BYTES);
  transcript.separate("multiproof");
  commitmentOf.forEach((commitment, k) => {
    point[0] = points[k]!;
    transcript.append("C", word(compressed, commitment));
    transcript.append("z", point);
    transcript.append("y", word(values, k));
  });
  return transcript.challenge("r");
}

// E, and Σ r^k y_k / (t - z_k).
function combineOpenings(
  key: CommitmentKey,
  openings: OpenedValues,
  { r, distances }: { r: Address; distances: Address },
): { commitment: Address; value: Address } {
  const { kernel } = key;
  const { calls, bytes } = kernel;
  const [commitment, value] = [kernel.take(AFFINE_SIZE_BYTES), kernel.take(WORD_SIZE_BYTES)];
  bytes.fill(0, value, value + WORD_SIZE_BYTES);
  kernel.scope(() => {
    const commitmentCount = openings.commitments.length / PLAIN_SIZE_BYTES;
    const factors = kernel.take(commitmentCount * WORD_SIZE_BYTES);
    bytes.fill(0, factors, factors + commitmentCount * WORD_SIZE_BYTES);
    const first = kernel.take(WORD_SIZE_BYTES);
    calls.scalarsPowers(first, r, 1);
    for (let from = 0; from < openings.commitmentOf.length; from += TERM_COUNT_MAX) {
      weighOpenings(key, openings, { from, first, r, distances, factors, value });
    }
    sumCommitments(key, openings.commitments, factors, commitment);
  });
  return { commitment, value };
}

type Weighing = {
  readonly from: number;
  /** r^from; r to the next beginning afterwards. */
  readonly first: Address;
  readonly r: Address;
  readonly distances: Address;
  /** Of each commitment, added to. */
  readonly factors: Address;
  /** Added to. */
  readonly value: Address;
};

// Some of the openings: r^k / (t - z_k).
function weighOpenings(key: CommitmentKey, openings: OpenedValues, weighing: Weighing): void {
  const { kernel } = key;
  const { calls, words } = kernel;
  const { from, first, value } = weighing;
  const count = Math.min(TERM_COUNT_MAX, openings.commitmentOf.length - from);
  kernel.scope(() => {
    const weights = kernel.take((count + 1) * WORD_SIZE_BYTES);
    const other = kernel.take(count * WORD_SIZE_BYTES);
    const indices = kernel.take(4 * count);
    calls.scalarsPowers(weights, weighing.r, count + 1);
    calls.scalarsScale(weights, weights, first, count + 1);
    calls.scalarsScale(first, weights + count * WORD_SIZE_BYTES, key.domain.points + WORD_SIZE_BYTES, 1);
    words.set(openings.points.subarray(from, from + count), indices >>> 2);
    calls.scalarsGather(other, weighing.distances, indices, count);
    calls.scalarsMul(weights, weights, other, count);
    words.set(openings.commitmentOf.subarray(from, from + count), indices >>> 2);
    calls.scalarsScatterAdd(weighing.factors, weights, indices, count);
    kernel.bytes.set(openings.values.subarray(from * WORD_SIZE_BYTES, (from + count) * WORD_SIZE_BYTES), other);
    calls.scalarsRead(other, other, count);
    calls.scalarsInnerProduct(other, weights, other, count);
    calls.scalarsAdd(value, value, other, 1);
  });
}

function sumCommitments(key: CommitmentKey, commitments: Uint8Array, factors: Address, to: Address): void {
  const { kernel, list } = key;
  const commitmentCount = commitments.length / PLAIN_SIZE_BYTES;
  setInfinity(kernel, to);
  for (let from = 0; from < commitmentCount; from += TERM_COUNT_MAX) {
    const count = Math.min(TERM_COUNT_MAX, commitmentCount - from);
    kernel.scope(() => {
      const points = kernel.take(count * AFFINE_SIZE_BYTES);
      const scalars = kernel.take((count + 1) * WORD_SIZE_BYTES);
      const part = kernel.take(AFFINE_SIZE_BYTES);
      const plain = commitments.subarray(from * PLAIN_SIZE_BYTES, (from + count) * PLAIN_SIZE_BYTES);
      kernel.scope(() => kernel.calls.lift(points, kernel.put(plain), count));
      kernel.calls.scalarsWrite(scalars, factors + from * WORD_SIZE_BYTES, count);
      sumMultiples(kernel, list, { points, scalars, count }, part);
      list.push(to, to, part);
      list.flush();
    });
  }
}

// D, all L, all R as affine points, or null when one is no point of the group.
function readProofPoints({ kernel }: CommitmentKey, proof: Uint8Array): Address | null {
  const count = 2 * ROUND_COUNT + 1;
  const points = kernel.take(count * AFFINE_SIZE_BYTES);
  return kernel.scope(() => {
    const compressed = kernel.put(proof.subarray(0, count * WORD_SIZE_BYTES));
    const plain = kernel.take(count * PLAIN_SIZE_BYTES);
    if (kernel.calls.decompress(plain, compressed, count) !== count) return null;
    kernel.calls.lift(points, plain, count);
    return points;
  });
}

function checkOpenings({ commitments, commitmentOf, points, values }: OpenedValues): void {
  const commitmentCount = commitments.length / PLAIN_SIZE_BYTES;
  assert(commitmentOf.length > 0, "a proof opens something");
  assert(points.length === commitmentOf.length, "a point for each opening");
  assert(values.length === commitmentOf.length * WORD_SIZE_BYTES, "a value of 32 bytes for each opening");
  assert(commitmentCount <= OPENED_COMMITMENT_COUNT_MAX, "too many commitments for one proof");
  assert(
    commitmentOf.every((index) => index < commitmentCount),
    "a commitment for each opening",
  );
}

const LARGEST_SCALAR = scalarBytes([SCALAR_FIELD.modulus - 1n]);

function isCanonicalScalar(bytes: Uint8Array): boolean {
  for (let i = WORD_SIZE_BYTES - 1; i >= 0; i--) {
    if (bytes[i] !== LARGEST_SCALAR[i]) return bytes[i]! < LARGEST_SCALAR[i]!;
  }
  return true;
}

function isInDomain(scalar: Uint8Array): boolean {
  return isZeroBytes(scalar.subarray(1));
}
