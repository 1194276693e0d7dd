// Ethereum mainnet's rules by block: the schedule of forks and of blob parameters. The merge is put at its block.
// @see EIP-7607 (Osaka), EIP-7892 (blob parameter forks), the execution-specs' list of forks

import {
  type ChainSpec,
  createChainSpec,
  ETHEREUM_BASE_FEE,
  type ForkActivation,
  OSAKA_TRANSACTION_GAS_CAP,
} from "#chain/chain-spec.ts";

const CANCUN_TIME = 1_710_338_135n;
const PRAGUE_TIME = 1_746_612_311n;
const OSAKA_TIME = 1_764_798_551n;

const byNumber = (fork: ForkActivation["fork"], from: bigint): ForkActivation => ({ fork, by: "number", from });
const byTimestamp = (fork: ForkActivation["fork"], from: bigint): ForkActivation => ({ fork, by: "timestamp", from });

/** Ethereum mainnet up to Osaka and its two blob parameter forks. */
export const MAINNET_SPEC: ChainSpec = createChainSpec({
  kind: "ethereum",
  chainId: 1n,
  schedule: [
    byNumber("frontier", 0n),
    byNumber("homestead", 1_150_000n),
    byNumber("tangerineWhistle", 2_463_000n),
    byNumber("spuriousDragon", 2_675_000n),
    byNumber("byzantium", 4_370_000n),
    byNumber("petersburg", 7_280_000n),
    byNumber("istanbul", 9_069_000n),
    byNumber("muirGlacier", 9_200_000n),
    byNumber("berlin", 12_244_000n),
    byNumber("london", 12_965_000n),
    byNumber("arrowGlacier", 13_773_000n),
    byNumber("grayGlacier", 15_050_000n),
    byNumber("paris", 15_537_394n),
    byTimestamp("shanghai", 1_681_338_455n),
    byTimestamp("cancun", CANCUN_TIME),
    byTimestamp("prague", PRAGUE_TIME),
    byTimestamp("osaka", OSAKA_TIME),
  ],
  stateRootDelay: 0,
  commitment: "mpt",
  baseFee: ETHEREUM_BASE_FEE,
  blockGasLimit: 30_000_000n,
  development: false,
  transactionGasCap: OSAKA_TRANSACTION_GAS_CAP,
  sequencer: null,
  blobSchedule: [
    { from: CANCUN_TIME, target: 3, max: 6, baseFeeUpdateFraction: 3_338_477n },
    { from: PRAGUE_TIME, target: 6, max: 9, baseFeeUpdateFraction: 5_007_716n },
    { from: 1_765_290_071n, target: 10, max: 15, baseFeeUpdateFraction: 8_346_193n },
    { from: 1_767_747_671n, target: 14, max: 21, baseFeeUpdateFraction: 11_684_671n },
  ],
});
