// What one mini-block may grow by, and the most that a transaction's gas can buy of it. The producer seals early, or runs a
// transaction alone, when the two do not fit together: no transaction is included whose writes have no room.

import { type Hardfork, isAtLeast } from "#chain/hardforks.ts";

/** Amounts that a mini-block adds to the state and to the log. */
export type Footprint = {
  /** Keys that did not have an index. */
  readonly keyCount: number;
  /** Keys whose value changes. */
  readonly changeCount: number;
  readonly codeCount: number;
  readonly codeBytes: number;
  readonly recordBytes: number;
};

/** Before any transaction: the writes of the system calls, and a record's fixed parts. */
export const BASE_FOOTPRINT: Footprint = {
  keyCount: 8,
  changeCount: 16,
  codeCount: 0,
  codeBytes: 0,
  recordBytes: 2048,
};

// Least gas per unit, after the largest refund that any fork grants (half of the gas).
const GAS_PER_NEW_KEY = 10_000; // a slot from zero costs 20,000, an account 25,000
const GAS_PER_CHANGE = 1_000; // a warm SSTORE costs 2,900
const GAS_PER_CODE_BYTE = 100; // the code deposit is 200 a byte
const GAS_PER_LOG_BYTE = 4; // 8 a byte
const GAS_PER_DIFF_BYTE = 10; // a change takes at most 100 bytes
const CODE_PADDING_BYTES = 64;
const FREE_KEY_COUNT = 4; // recipient, beneficiary, created contract: part of the intrinsic gas, or free
const RECEIPT_SIZE_BYTES = 64;

/**
 * The most that a transaction with this much gas can add.
 * @param gas its gas limit before it ran, its gas used after
 * @param rawSizeBytes length of its signed bytes
 */
export function footprintOfGas(gas: number, rawSizeBytes: number, fork: Hardfork): Footprint {
  const codeCount = 1 + Math.ceil(gas / GAS_PER_NEW_KEY);
  // Before EIP-6780 one SELFDESTRUCT clears any number of slots for a flat price.
  const isBounded = isAtLeast(fork, "cancun");
  return {
    keyCount: FREE_KEY_COUNT + Math.ceil(gas / GAS_PER_NEW_KEY),
    changeCount: isBounded ? FREE_KEY_COUNT + Math.ceil(gas / GAS_PER_CHANGE) : Number.POSITIVE_INFINITY,
    codeCount,
    codeBytes: codeCount * CODE_PADDING_BYTES + Math.ceil(gas / GAS_PER_CODE_BYTE),
    recordBytes:
      rawSizeBytes + RECEIPT_SIZE_BYTES + Math.ceil(gas / GAS_PER_LOG_BYTE) + Math.ceil(gas / GAS_PER_DIFF_BYTE),
  };
}

/** Both together. */
export function addFootprints(a: Footprint, b: Footprint): Footprint {
  return {
    keyCount: a.keyCount + b.keyCount,
    changeCount: a.changeCount + b.changeCount,
    codeCount: a.codeCount + b.codeCount,
    codeBytes: a.codeBytes + b.codeBytes,
    recordBytes: a.recordBytes + b.recordBytes,
  };
}

/** Whether `footprint` stays within `room` in every respect. */
export function fitsIn(footprint: Footprint, room: Footprint): boolean {
  return (
    footprint.keyCount <= room.keyCount &&
    footprint.changeCount <= room.changeCount &&
    footprint.codeCount <= room.codeCount &&
    footprint.codeBytes <= room.codeBytes &&
    footprint.recordBytes <= room.recordBytes
  );
}
