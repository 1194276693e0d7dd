// What can be said about a transaction without any state: the gas it costs before it runs, and the rules of its form.
// First step of admission, and the same rules hold for every transaction in a block.

import { blobParametersAt, type ChainSpec, transactionGasCapAt } from "./chain-spec.ts";
import { type Hardfork, isAtLeast } from "./hardforks.ts";
import { UINT64_MAX, UINT256_MAX } from "./primitives.ts";
import {
  type Reject,
  reject,
  rejectBlobHashVersion,
  rejectFloorDataGas,
  rejectGasCap,
  rejectInitCodeSize,
  rejectIntrinsicGas,
  rejectInvalidSignature,
  rejectOversizedData,
  rejectTooManyBlobs,
  rejectTypeBeforeFork,
  rejectTypeNotSupported,
  rejectWrongChainId,
} from "./reject.ts";
import { areSignatureValuesValid } from "./signature-values.ts";
import type { Transaction, TransactionType, UnsignedTransaction } from "./transaction.ts";

/** Largest init code from Shanghai on, in bytes. @see EIP-3860 */
export const INIT_CODE_SIZE_MAX = 49_152;

/** Largest encoded transaction that is taken from clients, in bytes: geth's limit. */
export const TRANSACTION_SIZE_MAX = 131_072;

/** Blobs that one transaction may carry from Osaka on. @see EIP-7594 */
export const BLOBS_PER_TRANSACTION_MAX = 6;

const BASE_GAS = 21_000;
const CREATE_GAS = 32_000;
const ZERO_BYTE_GAS = 4;
const INIT_CODE_WORD_GAS = 2;
const ACCESS_LIST_ADDRESS_GAS = 2_400;
const ACCESS_LIST_KEY_GAS = 1_900;
const AUTHORIZATION_GAS = 25_000;
const FLOOR_TOKEN_GAS = 10;
const NON_ZERO_BYTE_TOKENS = 4;

const TYPE_SINCE: Readonly<Record<TransactionType, Hardfork>> = {
  0: "frontier",
  1: "berlin",
  2: "london",
  3: "cancun",
  4: "prague",
};

/** What the caller knows besides the transaction; every part left out is not checked. */
export type StatelessContext = {
  /** The gas limit of the block the transaction would go into. */
  readonly blockGasLimit?: bigint;
  /** Length of the signed bytes, checked against {@link TRANSACTION_SIZE_MAX}. */
  readonly encodedSizeBytes?: number;
  /** Timestamp in seconds of that block: picks the number of blobs a block may hold. */
  readonly timestamp?: number | bigint;
  /** Refuses legacy transactions that are valid on every chain (EIP-155). */
  readonly replayProtectedOnly?: boolean;
  /** Refuses blob transactions, as a node without blob transport must. */
  readonly blobsRefused?: boolean;
};

/**
 * Gas that a transaction costs before its first instruction.
 * @see yellow paper g_0; EIP-2, EIP-2028, EIP-2930, EIP-3860, EIP-7702
 */
export function intrinsicGas(transaction: UnsignedTransaction, fork: Hardfork): bigint {
  const { data } = transaction;
  const nonZeroCount = countNonZero(data);
  const nonZeroByteGas = isAtLeast(fork, "istanbul") ? 16 : 68;
  let gas = BASE_GAS + nonZeroCount * nonZeroByteGas + (data.length - nonZeroCount) * ZERO_BYTE_GAS;
  if (transaction.to === null) {
    if (isAtLeast(fork, "homestead")) gas += CREATE_GAS;
    if (isAtLeast(fork, "shanghai")) gas += Math.ceil(data.length / 32) * INIT_CODE_WORD_GAS;
  }
  for (const entry of transaction.accessList) {
    gas += ACCESS_LIST_ADDRESS_GAS + entry.storageKeys.length * ACCESS_LIST_KEY_GAS;
  }
  gas += transaction.authorizationList.length * AUTHORIZATION_GAS;
  return BigInt(gas);
}

/** Least gas that a transaction pays for its calldata, however little it runs; 0 before Prague. @see EIP-7623 */
export function floorDataGas(transaction: UnsignedTransaction, fork: Hardfork): bigint {
  if (!isAtLeast(fork, "prague")) return 0n;
  const { data } = transaction;
  const tokenCount = data.length + countNonZero(data) * (NON_ZERO_BYTE_TOKENS - 1);
  return BigInt(BASE_GAS + tokenCount * FLOOR_TOKEN_GAS);
}

/**
 * Checks all rules that need no state, in geth's order. That some key made the signature is for the caller to find out
 * when it recovers the sender; here only the values' ranges are checked.
 * @param fork the rule set of the block the transaction would go into
 * @returns the first broken rule, or null
 */
export function checkStateless(
  transaction: Transaction,
  spec: ChainSpec,
  fork: Hardfork,
  context: StatelessContext = {},
): Reject | null {
  return (
    checkForm(transaction, fork, context) ??
    checkGasLimits(transaction, spec, fork, context) ??
    checkFees(transaction) ??
    checkSignature(transaction, spec, fork) ??
    checkCosts(transaction, fork) ??
    checkBlobs(transaction, spec, fork, context) ??
    checkAuthorizations(transaction)
  );
}

function checkForm(transaction: Transaction, fork: Hardfork, context: StatelessContext): Reject | null {
  const { type, data, to } = transaction;
  if (transaction.chainId === null && context.replayProtectedOnly === true) {
    return reject("only replay-protected (EIP-155) transactions allowed over RPC");
  }
  if (type === 3 && context.blobsRefused === true) return rejectTypeNotSupported(type);
  const { encodedSizeBytes } = context;
  if (encodedSizeBytes !== undefined && encodedSizeBytes > TRANSACTION_SIZE_MAX) {
    return rejectOversizedData(encodedSizeBytes, TRANSACTION_SIZE_MAX);
  }
  if (!isAtLeast(fork, TYPE_SINCE[type])) {
    return rejectTypeBeforeFork(type, isAtLeast(fork, "berlin") ? TYPE_SINCE[type] : "berlin");
  }
  if (to === null && isAtLeast(fork, "shanghai") && data.length > INIT_CODE_SIZE_MAX) {
    return rejectInitCodeSize(data.length, INIT_CODE_SIZE_MAX);
  }
  return null;
}

function checkGasLimits(
  transaction: Transaction,
  spec: ChainSpec,
  fork: Hardfork,
  context: StatelessContext,
): Reject | null {
  const { gasLimit } = transaction;
  const cap = transactionGasCapAt(spec, fork);
  if (cap !== null && gasLimit > cap) return rejectGasCap(cap, gasLimit);
  const { blockGasLimit } = context;
  if (blockGasLimit !== undefined && gasLimit > blockGasLimit) return reject("exceeds block gas limit");
  return null;
}

function checkFees(transaction: Transaction): Reject | null {
  const { maxFeePerGas, maxPriorityFeePerGas, gasLimit, value } = transaction;
  if (value > UINT256_MAX) return reject("value exceeds 256 bits");
  if (maxFeePerGas > UINT256_MAX) return reject("max fee per gas higher than 2^256-1");
  if (maxPriorityFeePerGas > UINT256_MAX) return reject("max priority fee per gas higher than 2^256-1");
  if (maxPriorityFeePerGas > maxFeePerGas) return reject("max priority fee per gas higher than max fee per gas");
  if (gasLimit * maxFeePerGas > UINT256_MAX) return reject("gas * gasPrice exceeds 256 bits");
  return null;
}

function checkSignature(transaction: Transaction, spec: ChainSpec, fork: Hardfork): Reject | null {
  const { chainId, r, s, nonce } = transaction;
  if (chainId !== null) {
    // Before EIP-155 a `v` that carries a chain id is no valid `v` at all.
    if (transaction.type === 0 && !isAtLeast(fork, "spuriousDragon")) return rejectInvalidSignature();
    if (chainId !== spec.chainId) return rejectWrongChainId(chainId, spec.chainId);
  }
  if (!areSignatureValuesValid(r, s, { lowS: isAtLeast(fork, "homestead") })) return rejectInvalidSignature();
  if (nonce >= UINT64_MAX) return reject("nonce has max value");
  return null;
}

function checkCosts(transaction: Transaction, fork: Hardfork): Reject | null {
  const { gasLimit } = transaction;
  const needed = intrinsicGas(transaction, fork);
  if (gasLimit < needed) return rejectIntrinsicGas(gasLimit, needed);
  const floor = floorDataGas(transaction, fork);
  if (gasLimit < floor) return rejectFloorDataGas(gasLimit, floor);
  return null;
}

function checkBlobs(
  transaction: Transaction,
  spec: ChainSpec,
  fork: Hardfork,
  context: StatelessContext,
): Reject | null {
  if (transaction.type !== 3) return null;
  const hashes = transaction.blobVersionedHashes;
  if (transaction.to === null) return reject("blob transaction of type create");
  if (hashes.length === 0) return reject("blob transaction missing blob hashes");
  let permitted = isAtLeast(fork, "osaka") ? BLOBS_PER_TRANSACTION_MAX : Number.POSITIVE_INFINITY;
  const parameters = context.timestamp === undefined ? null : blobParametersAt(spec, context.timestamp);
  if (parameters !== null) permitted = Math.min(permitted, parameters.max);
  if (hashes.length > permitted) return rejectTooManyBlobs(hashes.length, permitted);
  const badIndex = hashes.findIndex((hash) => hash[0] !== 1);
  return badIndex < 0 ? null : rejectBlobHashVersion(badIndex);
}

function checkAuthorizations(transaction: Transaction): Reject | null {
  if (transaction.type !== 4) return null;
  if (transaction.to === null) return reject("EIP-7702 transaction cannot be used to create contract");
  if (transaction.authorizationList.length === 0)
    return reject("set code tx must have at least one authorization tuple");
  return null;
}

function countNonZero(data: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < data.length; i++) if (data[i] !== 0) count++;
  return count;
}
