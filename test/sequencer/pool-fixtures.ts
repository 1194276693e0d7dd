// Transactions for pool tests: cheap to make, distinct by hash, and never executed.

import type { Address, Hash32 } from "#chain/primitives.ts";
import type { Transaction } from "#chain/transaction.ts";
import type { PoolCandidate } from "#sequencer/pool.ts";

/** A test account by number. */
export function testAddress(index: number): Address {
  const address = new Uint8Array(20);
  new DataView(address.buffer).setUint32(16, index + 1);
  return address;
}

/** What a test varies. */
export type CandidateParts = {
  readonly sender: number;
  readonly nonce: number;
  readonly feeCap: number;
  readonly tipCap: number;
  readonly accountNonce: number;
  readonly nowMs?: number;
  readonly sizeBytes?: number;
};

let serial = 0;

/** A pool candidate with a hash of its own. */
export function makeCandidate(parts: CandidateParts): PoolCandidate {
  const hash: Hash32 = new Uint8Array(32);
  new DataView(hash.buffer).setUint32(0, ++serial);
  const word = new Uint8Array(32);
  const transaction: Transaction = {
    type: 2,
    chainId: 1n,
    nonce: BigInt(parts.nonce),
    gasPrice: BigInt(parts.feeCap),
    maxFeePerGas: BigInt(parts.feeCap),
    maxPriorityFeePerGas: BigInt(parts.tipCap),
    gasLimit: 21_000n,
    to: testAddress(999),
    value: 7n,
    data: new Uint8Array(0),
    accessList: [],
    authorizationList: [],
    maxFeePerBlobGas: 0n,
    blobVersionedHashes: [],
    yParity: 0,
    r: word,
    s: word,
  };
  return {
    transaction,
    sender: testAddress(parts.sender),
    raw: new Uint8Array(parts.sizeBytes ?? 100),
    hash,
    nowMs: parts.nowMs ?? 0,
    accountNonce: BigInt(parts.accountNonce),
  };
}
