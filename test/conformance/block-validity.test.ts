// Every rule of block validity by a block that breaks it alone.

import { expect, test } from "bun:test";
import type { Block } from "#chain/block.ts";
import { createChainSpec, ETHEREUM_BASE_FEE } from "#chain/chain-spec.ts";
import {
  type BlockHeader,
  EMPTY_OMMERS_HASH,
  EMPTY_REQUESTS_HASH,
  EMPTY_TRIE_ROOT,
  headerHash,
} from "#chain/header.ts";
import { blockNumber } from "#chain/primitives.ts";
import { signed } from "#test/evm/fixtures.ts";
import { blockRefusal } from "./block-validity.ts";

const SPEC = createChainSpec({
  kind: "ethereum",
  chainId: 1n,
  schedule: [
    { fork: "berlin", by: "number", from: 0n },
    { fork: "london", by: "number", from: 1n },
    { fork: "osaka", by: "timestamp", from: 10n },
  ],
  stateRootDelay: 0,
  commitment: "mpt",
  baseFee: ETHEREUM_BASE_FEE,
  blockGasLimit: 0n,
  development: false,
  transactionGasCap: null,
  sequencer: null,
  blobSchedule: [{ from: 10n, target: 6, max: 9, baseFeeUpdateFraction: 5_007_716n }],
});
const ZERO = new Uint8Array(32);
const GAS_LIMIT = 30_000_000n;

const BERLIN: BlockHeader = {
  parentHash: ZERO,
  ommersHash: EMPTY_OMMERS_HASH,
  beneficiary: new Uint8Array(20),
  stateRoot: ZERO,
  transactionsRoot: EMPTY_TRIE_ROOT,
  receiptsRoot: EMPTY_TRIE_ROOT,
  logsBloom: new Uint8Array(256),
  difficulty: 0n,
  number: blockNumber(0),
  gasLimit: GAS_LIMIT,
  gasUsed: 0n,
  timestamp: 1n,
  extraData: new Uint8Array(32),
  mixHash: ZERO,
  nonce: new Uint8Array(8),
};
const LONDON: BlockHeader = {
  ...BERLIN,
  parentHash: headerHash(BERLIN),
  number: blockNumber(1),
  timestamp: 2n,
  gasLimit: 2n * GAS_LIMIT,
  gasUsed: GAS_LIMIT,
  baseFeePerGas: 1_000_000_000n,
};
const OSAKA: BlockHeader = {
  ...LONDON,
  parentHash: headerHash(LONDON),
  number: blockNumber(2),
  timestamp: 10n,
  withdrawalsRoot: EMPTY_TRIE_ROOT,
  blobGasUsed: 0n,
  excessBlobGas: 0n,
  parentBeaconBlockRoot: ZERO,
  requestsHash: EMPTY_REQUESTS_HASH,
};
const BLOCK: Block = { header: OSAKA, transactions: [], ommers: [], withdrawals: [] };

const withdrawal = { index: 0n, validatorIndex: 0n, address: new Uint8Array(20), amountGwei: 1n };
const { requestsHash: _without, ...withoutRequests } = OSAKA;

/** What is wrong, header fields or body parts that differ, and the beginning of the answer. */
const BROKEN: readonly (readonly [what: string, changes: Partial<BlockHeader> | Partial<Block>, answer: string])[] = [
  ["parent", { parentHash: ZERO }, "another parent"],
  ["number", { number: blockNumber(3) }, "number 3 after 1"],
  ["time", { timestamp: 2n }, "timestamp 2 after 2"],
  ["extra data", { extraData: new Uint8Array(33) }, "extra data too long"],
  ["gas used", { gasUsed: 2n * GAS_LIMIT + 1n }, "gas used above"],
  ["gas limit up", { gasLimit: 2n * GAS_LIMIT + 58_593n }, "gas limit 60058593"],
  ["gas limit down", { gasLimit: 2n * GAS_LIMIT - 58_593n }, "gas limit 59941407"],
  ["base fee", { baseFeePerGas: 1_000_000_001n }, "base fee 1000000001, expected 1000000000"],
  ["excess blob gas", { excessBlobGas: 131_072n }, "excess blob gas 131072, expected 0"],
  ["difficulty", { difficulty: 1n }, "proof of work"],
  ["nonce", { nonce: new Uint8Array(8).fill(1) }, "proof of work"],
  ["field of an older fork", { header: withoutRequests }, "requestsHash present or absent"],
  ["transactions root", { transactions: [signed({})] }, "another transactions root"],
  ["ommers hash", { ommers: [BERLIN] }, "another ommers hash"],
  ["withdrawals root", { withdrawals: [withdrawal] }, "another withdrawals root"],
];

test("a valid block has nothing against it, nor has the first block of London, whose limit doubles", () => {
  expect(blockRefusal(BLOCK, LONDON, SPEC, 8 * 1024 * 1024)).toBeNull();
  expect(blockRefusal({ header: LONDON, transactions: [], ommers: [] }, BERLIN, SPEC, 1)).toBeNull();
  const steps = [-58_592n, 58_592n].map((change) => ({ ...OSAKA, gasLimit: OSAKA.gasLimit + change }));
  for (const header of steps) expect(blockRefusal({ ...BLOCK, header }, LONDON, SPEC, 1)).toBeNull();
});

test("a block that is too large from Osaka on", () => {
  expect(blockRefusal(BLOCK, LONDON, SPEC, 8 * 1024 * 1024 + 1)).toBe("block of 8388609 bytes");
});

for (const [what, changes, answer] of BROKEN) {
  test(`a wrong ${what}`, () => {
    const isBody = "header" in changes || "transactions" in changes || "ommers" in changes || "withdrawals" in changes;
    const block: Block = isBody ? { ...BLOCK, ...changes } : { ...BLOCK, header: { ...OSAKA, ...changes } };
    expect(blockRefusal(block, LONDON, SPEC, 1)).toStartWith(answer);
  });
}
