// The two prices that a block header carries forward: base fee per gas, and excess blob gas with the blob base fee it implies.

import { must } from "#base/assert.ts";
import { type BlobParameters, blobParametersAt, type ChainSpec } from "./chain-spec.ts";
import { isAtLeast } from "./hardforks.ts";
import type { BlockHeader } from "./header.ts";
import type { Wei } from "./primitives.ts";

/** Gas of one blob: 2^17. @see EIP-4844 */
export const BLOB_GAS_PER_BLOB = 131_072n;

/** Least blob base fee. @see EIP-4844 */
export const BLOB_BASE_FEE_MIN: Wei = 1n;

/** Execution gas that a blob is priced at, at least. @see EIP-7918 */
const BLOB_BASE_COST = 8_192n;

/**
 * The base fee of the block after `parent`, when that block is at London or later.
 * A parent without a base fee makes it the first: the initial one.
 * @see EIP-1559
 */
export function nextBaseFee(spec: ChainSpec, parent: Pick<BlockHeader, "gasLimit" | "gasUsed" | "baseFeePerGas">): Wei {
  const rule = spec.baseFee;
  if (rule.kind === "constant") return rule.value;
  const baseFee = parent.baseFeePerGas;
  if (baseFee === undefined) return rule.initial;
  const target = parent.gasLimit / rule.elasticity;
  if (parent.gasUsed === target || target === 0n) return baseFee;
  if (parent.gasUsed > target) {
    const change = (baseFee * (parent.gasUsed - target)) / target / rule.denominator;
    return baseFee + (change > 0n ? change : 1n);
  }
  const change = (baseFee * (target - parent.gasUsed)) / target / rule.denominator;
  return baseFee > change ? baseFee - change : 0n;
}

/**
 * The excess blob gas of a block at Cancun or later.
 * @param timestamp of that block, in seconds
 * @see EIP-4844, EIP-7691, EIP-7918 (from Osaka)
 */
export function nextExcessBlobGas(
  spec: ChainSpec,
  parent: Pick<BlockHeader, "number" | "blobGasUsed" | "excessBlobGas" | "baseFeePerGas">,
  timestamp: number | bigint,
): bigint {
  const parameters = must(blobParametersAt(spec, timestamp), "excess blob gas before Cancun");
  const excess = parent.excessBlobGas ?? 0n;
  const used = parent.blobGasUsed ?? 0n;
  const target = BigInt(parameters.target) * BLOB_GAS_PER_BLOB;
  if (excess + used < target) return 0n;
  if (isAtLeast(spec.hardforkAt(parent.number + 1, timestamp), "osaka")) {
    const reservePrice = BLOB_BASE_COST * (parent.baseFeePerGas ?? 0n);
    const blobPrice = BLOB_GAS_PER_BLOB * blobBaseFeeOf(parameters, excess);
    if (reservePrice > blobPrice) {
      return excess + (used * BigInt(parameters.max - parameters.target)) / BigInt(parameters.max);
    }
  }
  return excess + used - target;
}

/**
 * The price of a unit of blob gas in a block at Cancun or later.
 * @param timestamp of that block, in seconds
 */
export function blobBaseFee(spec: ChainSpec, excessBlobGas: bigint, timestamp: number | bigint): Wei {
  return blobBaseFeeOf(must(blobParametersAt(spec, timestamp), "blob base fee before Cancun"), excessBlobGas);
}

/** An integer approximation of `factor × e^(numerator / denominator)`. @see EIP-4844, fake_exponential */
export function fakeExponential(factor: bigint, numerator: bigint, denominator: bigint): bigint {
  let sum = 0n;
  let term = factor * denominator;
  for (let i = 1n; term > 0n; i++) {
    sum += term;
    term = (term * numerator) / (denominator * i);
  }
  return sum / denominator;
}

function blobBaseFeeOf(parameters: BlobParameters, excessBlobGas: bigint): Wei {
  return fakeExponential(BLOB_BASE_FEE_MIN, excessBlobGas, parameters.baseFeeUpdateFraction);
}
