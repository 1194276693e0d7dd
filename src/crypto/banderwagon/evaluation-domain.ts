// Polynomials of degree below 256 over the scalars, given by their values at 0, 1, …, 255: the constants of this domain
// in the kernel's memory, and what is done with them. Elements are in Montgomery form, 32 bytes each.
//
//   A(X) = Π (X - i),  A_i = Π_{j≠i} (i - j),  L_i(t) = A(t) / (A_i (t - i))
//
// @see Feist, "PCS multiproofs using random evaluation"

import { bigintToBytes } from "#base/bytes.ts";
import { WORD_SIZE_BYTES } from "#wasm/kernels/banderwagon/conversions.ts";
import { SCALAR_FIELD } from "#wasm/kernels/banderwagon/curve.ts";
import type { Address, KernelWorkspace } from "./kernel-workspace.ts";

/** Number of points of the domain, of values of a polynomial, and of children of a node. */
export const DOMAIN_SIZE = 256;
/** Size of a polynomial, bytes. */
export const POLYNOMIAL_SIZE_BYTES: number = DOMAIN_SIZE * WORD_SIZE_BYTES;

const r = SCALAR_FIELD.modulus;

/** The domain's constants. */
export class EvaluationDomain {
  readonly #kernel: KernelWorkspace;
  /** i. */
  readonly points: Address;
  /** A_i. */
  readonly weights: Address;
  /** 1 / A_i. */
  readonly inverseWeights: Address;
  /** -1, as often as the domain has points. */
  readonly #minusOnes: Address;
  /** 1 / k for k from -255 to 255, and 0 for k = 0. */
  readonly #inverseDifferences: Address;

  constructor(kernel: KernelWorkspace) {
    this.#kernel = kernel;
    const range = (length: number, value: (i: number) => bigint) =>
      loadScalars(kernel, scalarBytes(Array.from({ length }, (_, i) => value(i))));
    this.points = range(DOMAIN_SIZE, BigInt);
    const weights = barycentricWeights();
    this.weights = range(DOMAIN_SIZE, (i) => weights[i]!);
    this.inverseWeights = kernel.take(POLYNOMIAL_SIZE_BYTES);
    kernel.calls.scalarsInverse(this.inverseWeights, this.weights, DOMAIN_SIZE);
    this.#minusOnes = range(DOMAIN_SIZE, () => r - 1n);
    const differenceCount = 2 * DOMAIN_SIZE - 1;
    this.#inverseDifferences = range(differenceCount, (i) => BigInt(i - DOMAIN_SIZE + 1));
    kernel.calls.scalarsInverse(this.#inverseDifferences, this.#inverseDifferences, differenceCount);
  }

  /** 1 / (t - i) for all i; `t` is the address of an element outside the domain. */
  invertDistances(to: Address, t: Address): void {
    const { calls } = this.#kernel;
    this.#spread(to, t);
    calls.scalarsSub(to, to, this.points, DOMAIN_SIZE);
    calls.scalarsInverse(to, to, DOMAIN_SIZE);
  }

  /** L_i(t) for all i, from what `invertDistances` gave for t. */
  lagrange(to: Address, inverseDistances: Address): void {
    const { calls, bytes } = this.#kernel;
    this.#kernel.scope(() => {
      // A(t) is the inverse of the product of all inverses.
      const product = this.#kernel.take(POLYNOMIAL_SIZE_BYTES);
      bytes.copyWithin(product, inverseDistances, inverseDistances + POLYNOMIAL_SIZE_BYTES);
      for (let count = DOMAIN_SIZE / 2; count >= 1; count /= 2) {
        calls.scalarsMul(product, product, product + count * WORD_SIZE_BYTES, count);
      }
      calls.scalarsInverse(product, product, 1);
      calls.scalarsMul(to, inverseDistances, this.inverseWeights, DOMAIN_SIZE);
      calls.scalarsScale(to, to, product, DOMAIN_SIZE);
    });
  }

  /** (f(X) - f(z)) / (X - z). `to` is not `polynomial`. */
  divideByLinear(to: Address, polynomial: Address, z: number): void {
    const { calls } = this.#kernel;
    const ownPlace = to + z * WORD_SIZE_BYTES;
    calls.scalarsAddScaled(to, polynomial, this.#minusOnes, polynomial + z * WORD_SIZE_BYTES, DOMAIN_SIZE);
    const differences = this.#inverseDifferences + (DOMAIN_SIZE - 1 - z) * WORD_SIZE_BYTES;
    calls.scalarsMul(to, to, differences, DOMAIN_SIZE);
    // At z itself: -A_z Σ q_i / A_i, where the term of z is 0 so far.
    this.#kernel.scope(() => {
      const sum = this.#kernel.take(WORD_SIZE_BYTES);
      calls.scalarsInnerProduct(sum, to, this.inverseWeights, DOMAIN_SIZE);
      calls.scalarsMul(sum, sum, this.weights + z * WORD_SIZE_BYTES, 1);
      calls.scalarsMul(ownPlace, sum, this.#minusOnes, 1);
    });
  }

  // One element everywhere: 0 - (-1) t.
  #spread(to: Address, element: Address): void {
    const { calls, bytes } = this.#kernel;
    bytes.fill(0, to, to + POLYNOMIAL_SIZE_BYTES);
    calls.scalarsSub(to, to, this.#minusOnes, DOMAIN_SIZE);
    calls.scalarsScale(to, to, element, DOMAIN_SIZE);
  }
}

/** Integers modulo the group's order as 32 little-endian bytes each. */
export function scalarBytes(values: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(values.length * WORD_SIZE_BYTES);
  values.forEach((value, i) => {
    bytes.set(bigintToBytes(((value % r) + r) % r, WORD_SIZE_BYTES).reverse(), i * WORD_SIZE_BYTES);
  });
  return bytes;
}

/** Puts little-endian numbers of 32 bytes into the kernel's memory as elements. */
export function loadScalars(kernel: KernelWorkspace, bytes: Uint8Array): Address {
  const address = kernel.put(bytes);
  kernel.calls.scalarsRead(address, address, bytes.length / WORD_SIZE_BYTES);
  return address;
}

/** Elements as canonical little-endian bytes. */
export function storeScalars(kernel: KernelWorkspace, elements: Address, count: number): Uint8Array<ArrayBuffer> {
  return kernel.scope(() => {
    const plain = kernel.take(count * WORD_SIZE_BYTES);
    kernel.calls.scalarsWrite(plain, elements, count);
    return kernel.copyOut(plain, count * WORD_SIZE_BYTES);
  });
}

// A_i = i! (255 - i)! (-1)^(255 - i).
function barycentricWeights(): bigint[] {
  const factorials = [1n];
  for (let i = 1; i < DOMAIN_SIZE; i++) factorials.push((factorials[i - 1]! * BigInt(i)) % r);
  return factorials.map((below, i) => {
    const magnitude = (below * factorials[DOMAIN_SIZE - 1 - i]!) % r;
    return (DOMAIN_SIZE - 1 - i) % 2 === 0 ? magnitude : r - magnitude;
  });
}
