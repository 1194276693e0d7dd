// Seeded random values for the tests of this folder, and random transactions of every type.

import { bigintFromBytes } from "#base/bytes.ts";
import { SeededRandom } from "#base/random.ts";
import type { Transaction, TransactionType, UnsignedTransaction } from "#chain/transaction.ts";

/** An integer of random length up to `sizeMax` bytes, so that small and large ones both come often. */
export function randomInteger(random: SeededRandom, sizeMax: number): bigint {
  return bigintFromBytes(random.bytes(random.below(sizeMax + 1)));
}

/** Up to `lengthMax` values. */
export function randomList<T>(random: SeededRandom, lengthMax: number, make: () => T): T[] {
  return Array.from({ length: random.below(lengthMax + 1) }, make);
}

/** The seed of a test: `MEGAETH_TEST_SEED`, else the one given. */
export function testSeed(otherwise: number): number {
  return Number(process.env.MEGAETH_TEST_SEED ?? otherwise);
}

/** Runs `body` and names the seed in whatever it throws. */
export async function withSeed(seed: number, body: (random: SeededRandom) => void | Promise<void>): Promise<void> {
  try {
    await body(new SeededRandom(seed));
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`with MEGAETH_TEST_SEED=${seed}: ${message}`, { cause });
  }
}

/** An unsigned transaction with random fields, valid in form. */
export function randomUnsigned(random: SeededRandom, type: TransactionType): UnsignedTransaction {
  const mayCreate = type < 3;
  const maxFeePerGas = randomInteger(random, 12);
  const gasPrice = maxFeePerGas;
  const tip = type < 2 ? gasPrice : maxFeePerGas === 0n ? 0n : randomInteger(random, 11) % (maxFeePerGas + 1n);
  return {
    type,
    chainId: type === 0 && random.below(3) === 0 ? null : randomInteger(random, 6) + 1n,
    nonce: randomInteger(random, 6),
    gasPrice,
    maxFeePerGas,
    maxPriorityFeePerGas: tip,
    gasLimit: randomInteger(random, 6),
    to: mayCreate && random.below(4) === 0 ? null : random.bytes(20),
    value: randomInteger(random, 12),
    data: random.bytes(random.pick([0, 1, 4, 31, 55, 56, 68, 255, 256, 700])),
    accessList:
      type === 0
        ? []
        : randomList(random, 3, () => ({
            address: random.bytes(20),
            storageKeys: randomList(random, 3, () => random.bytes(32)),
          })),
    authorizationList:
      type !== 4
        ? []
        : [0, ...randomList(random, 2, () => 0)].map(() => ({
            chainId: randomInteger(random, 6),
            address: random.bytes(20),
            nonce: randomInteger(random, 6),
            yParity: random.below(2),
            r: Uint8Array.from(random.bytes(32).fill(1, 0, 1)),
            s: Uint8Array.from(random.bytes(32).fill(1, 0, 1)),
          })),
    maxFeePerBlobGas: type === 3 ? randomInteger(random, 10) : 0n,
    blobVersionedHashes:
      type === 3 ? [0, ...randomList(random, 3, () => 0)].map(() => random.bytes(32).fill(1, 0, 1)) : [],
  };
}

/** All fields of a transaction as text, for comparing two of them. */
export function describeTransaction(transaction: Transaction): string {
  return JSON.stringify(transaction, (_, value) => {
    if (typeof value === "bigint") return value.toString();
    return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
  });
}
