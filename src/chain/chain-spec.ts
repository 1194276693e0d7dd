// What a chain is, apart from its accounts: id, fork schedule, fee rule, limits. Read from a genesis, never from options.
// A spec carries a function, so it does not cross threads: post the genesis document and parse it there.

import { type Hardfork, isAtLeast } from "./hardforks.ts";
import type { Address, Wei } from "./primitives.ts";

/** When a hardfork begins: from this block number, or from this block timestamp in seconds. */
export type ForkActivation = {
  readonly fork: Hardfork;
  readonly by: "number" | "timestamp";
  readonly from: bigint;
};

/** Blob limits and price slope from a timestamp (seconds) on. @see EIP-7840, EIP-7892 */
export type BlobParameters = {
  readonly from: bigint;
  /** Blobs a block is meant to hold. */
  readonly target: number;
  /** Blobs a block may hold. */
  readonly max: number;
  readonly baseFeeUpdateFraction: bigint;
};

/** How the base fee of a block follows from its parent. */
export type BaseFeeRule =
  | { readonly kind: "constant"; readonly value: Wei }
  | { readonly kind: "eip1559"; readonly elasticity: bigint; readonly denominator: bigint; readonly initial: Wei };

/** The rules of one chain. */
export type ChainSpec = {
  /** `ethereum`: exactly Ethereum's rules. `megaeth-ts`: our own mini-block chains. */
  readonly kind: "ethereum" | "megaeth-ts";
  readonly chainId: bigint;
  /** Oldest fork first; forks that never begin are absent. */
  readonly schedule: readonly ForkActivation[];
  /** The rule set of a block, by its number and its timestamp in seconds. */
  readonly hardforkAt: (number: number | bigint, timestamp: number | bigint) => Hardfork;
  /** Header N carries the state root after block N − stateRootDelay. */
  readonly stateRootDelay: number;
  readonly commitment: "mpt";
  readonly baseFee: BaseFeeRule;
  readonly blockGasLimit: bigint;
  readonly development: boolean;
  /** Most gas one transaction may ask for from Osaka on (EIP-7825); null: no cap. */
  readonly transactionGasCap: bigint | null;
  /** Whose signature the log carries; null: not said by the genesis. */
  readonly sequencer: Address | null;
  /** Oldest first; empty when the chain never reaches Cancun. */
  readonly blobSchedule: readonly BlobParameters[];
};

/** EIP-7825: 2^24. */
export const OSAKA_TRANSACTION_GAS_CAP = 16_777_216n;

/** Ethereum's own base fee rule. @see EIP-1559 */
export const ETHEREUM_BASE_FEE: BaseFeeRule = {
  kind: "eip1559",
  elasticity: 2n,
  denominator: 8n,
  initial: 1_000_000_000n,
};

/** A spec from its data: adds the lookup of the hardfork. */
export function createChainSpec(data: Omit<ChainSpec, "hardforkAt">): ChainSpec {
  const { schedule } = data;
  return { ...data, hardforkAt: (number, timestamp) => hardforkInSchedule(schedule, number, timestamp) };
}

/** The blob rules of a block with this timestamp in seconds; null before Cancun. */
export function blobParametersAt(spec: ChainSpec, timestamp: number | bigint): BlobParameters | null {
  let found: BlobParameters | null = null;
  for (const entry of spec.blobSchedule) if (entry.from <= timestamp) found = entry;
  return found;
}

/** The gas cap of one transaction under `fork`; null: none. */
export function transactionGasCapAt(spec: ChainSpec, fork: Hardfork): bigint | null {
  return isAtLeast(fork, "osaka") ? spec.transactionGasCap : null;
}

function hardforkInSchedule(
  schedule: readonly ForkActivation[],
  number: number | bigint,
  timestamp: number | bigint,
): Hardfork {
  let current: Hardfork = "frontier";
  for (const { fork, by, from } of schedule) {
    // As in geth, timestamps count only once London's block number is reached.
    const begun = by === "number" ? from <= number : from <= timestamp && isAtLeast(current, "london");
    if (begun) current = fork;
  }
  return current;
}
