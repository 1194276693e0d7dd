// From an open EVM block to what its transactions see of it. Used where they execute and wherever a call is answered as if
// it stood in that block.

import { blobBaseFee, nextExcessBlobGas } from "#chain/base-fee.ts";
import { type ChainSpec, transactionGasCapAt } from "#chain/chain-spec.ts";
import { isAtLeast } from "#chain/hardforks.ts";
import type { BlockHeader } from "#chain/header.ts";
import type { BlockEnvironment } from "#evm/engine.ts";
import type { OpenPayload } from "#formats/wire/payloads.ts";

/**
 * The environment of an open block.
 * @param parent header of the sealed block before it
 */
export function blockEnvironment(spec: ChainSpec, payload: OpenPayload, parent: BlockHeader): BlockEnvironment {
  const { timestamp } = payload;
  const fork = spec.hardforkAt(payload.blockNumber, timestamp);
  const hasBlobs = isAtLeast(fork, "cancun");
  const excessBlobGas = hasBlobs ? nextExcessBlobGas(spec, parent, timestamp) : 0n;
  return {
    chainId: spec.chainId,
    number: BigInt(payload.blockNumber),
    timestamp: BigInt(timestamp),
    beneficiary: payload.beneficiary,
    gasLimit: payload.gasLimit,
    baseFee: payload.baseFee,
    prevRandao: payload.randomness,
    difficulty: 0n,
    blobBaseFee: hasBlobs ? blobBaseFee(spec, excessBlobGas, timestamp) : 0n,
    excessBlobGas,
    fork,
    transactionGasCap: transactionGasCapAt(spec, fork),
  };
}
