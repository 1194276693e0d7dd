// What a block's header and body must satisfy before anything in it runs: the parts of Ethereum's block validity that
// blockchain tests break on purpose. @see yellow paper §4.3.4; EIP-1559, 4399, 4844, 4895, 7685, 7934

import { bytesEqual, isZeroBytes } from "#base/bytes.ts";
import { nextBaseFee, nextExcessBlobGas } from "#chain/base-fee.ts";
import type { Block } from "#chain/block.ts";
import type { ChainSpec } from "#chain/chain-spec.ts";
import { type Hardfork, isAtLeast } from "#chain/hardforks.ts";
import { type BlockHeader, EMPTY_OMMERS_HASH, headerFields, headerHash } from "#chain/header.ts";
import { orderedTrieRoot } from "#chain/ordered-trie.ts";
import { encodeRlp } from "#chain/rlp.ts";
import { encodeTransaction } from "#chain/transaction.ts";
import { encodeWithdrawal } from "#chain/withdrawal.ts";
import { keccak256 } from "#crypto/keccak256.ts";

const EXTRA_DATA_SIZE_MAX = 32;
const GAS_LIMIT_MIN = 5_000n;
const GAS_LIMIT_BOUND = 1_024n;

/** EIP-7934: 10 MiB less a margin of 2 MiB. */
const BLOCK_SIZE_MAX = 8 * 1024 * 1024;

/** Header fields that exist from a fork on, and only then. */
const FIELDS_SINCE: readonly (readonly [field: keyof BlockHeader, since: Hardfork])[] = [
  ["baseFeePerGas", "london"],
  ["withdrawalsRoot", "shanghai"],
  ["blobGasUsed", "cancun"],
  ["excessBlobGas", "cancun"],
  ["parentBeaconBlockRoot", "cancun"],
  ["requestsHash", "prague"],
];

/**
 * Why a block cannot follow its parent, whatever its transactions do; null when nothing speaks against it.
 * @param sizeBytes length of the block's RLP
 */
export function blockRefusal(block: Block, parent: BlockHeader, spec: ChainSpec, sizeBytes: number): string | null {
  const { header } = block;
  const fork = spec.hardforkAt(header.number, header.timestamp);
  if (isAtLeast(fork, "osaka") && sizeBytes > BLOCK_SIZE_MAX) return `block of ${sizeBytes} bytes`;
  return placeRefusal(header, parent) ?? headerRefusal(header, parent, spec, fork) ?? bodyRefusal(block, fork);
}

function placeRefusal(header: BlockHeader, parent: BlockHeader): string | null {
  if (!bytesEqual(header.parentHash, headerHash(parent))) return "another parent";
  if (header.number !== parent.number + 1) return `number ${header.number} after ${parent.number}`;
  if (header.timestamp <= parent.timestamp) return `timestamp ${header.timestamp} after ${parent.timestamp}`;
  return null;
}

function headerRefusal(header: BlockHeader, parent: BlockHeader, spec: ChainSpec, fork: Hardfork): string | null {
  for (const [field, since] of FIELDS_SINCE) {
    if ((header[field] !== undefined) !== isAtLeast(fork, since)) return `${field} present or absent against ${fork}`;
  }
  if (header.extraData.length > EXTRA_DATA_SIZE_MAX) return "extra data too long";
  if (header.gasUsed > header.gasLimit) return "gas used above the gas limit";
  if (!isGasLimitNear(header, parent)) return `gas limit ${header.gasLimit} after ${parent.gasLimit}`;
  if (header.baseFeePerGas !== undefined && header.baseFeePerGas !== nextBaseFee(spec, parent)) {
    return `base fee ${header.baseFeePerGas}, expected ${nextBaseFee(spec, parent)}`;
  }
  if (header.excessBlobGas !== undefined) {
    const excess = nextExcessBlobGas(spec, parent, header.timestamp);
    if (header.excessBlobGas !== excess) return `excess blob gas ${header.excessBlobGas}, expected ${excess}`;
  }
  if (isAtLeast(fork, "paris") && (header.difficulty !== 0n || !isZeroBytes(header.nonce))) {
    return "proof of work after the merge";
  }
  return null;
}

function isGasLimitNear(header: BlockHeader, parent: BlockHeader): boolean {
  const isFirstOfLondon = header.baseFeePerGas !== undefined && parent.baseFeePerGas === undefined;
  const before = isFirstOfLondon ? parent.gasLimit * 2n : parent.gasLimit;
  const change = header.gasLimit > before ? header.gasLimit - before : before - header.gasLimit;
  return header.gasLimit >= GAS_LIMIT_MIN && change < before / GAS_LIMIT_BOUND;
}

function bodyRefusal({ header, transactions, ommers, withdrawals }: Block, fork: Hardfork): string | null {
  if (!bytesEqual(orderedTrieRoot(transactions.map(encodeTransaction)), header.transactionsRoot)) {
    return "another transactions root";
  }
  if (!bytesEqual(keccak256(encodeRlp(ommers.map(headerFields))), header.ommersHash)) return "another ommers hash";
  if (isAtLeast(fork, "paris") && !bytesEqual(header.ommersHash, EMPTY_OMMERS_HASH)) return "ommers after the merge";
  if ((withdrawals !== undefined) !== (header.withdrawalsRoot !== undefined)) return "withdrawals without their root";
  if (withdrawals === undefined) return null;
  const root = orderedTrieRoot(withdrawals.map(encodeWithdrawal));
  return bytesEqual(root, header.withdrawalsRoot!) ? null : "another withdrawals root";
}
