// Every reason for which a transaction is not let in, in geth's words: wallets and libraries classify errors by this text.
// A reject is an expected outcome, returned and never thrown. The JSON-RPC error code is chosen where the answer is made.

import { checksumAddress } from "./checksum-address.ts";
import type { Hardfork } from "./hardforks.ts";
import type { Address, Wei } from "./primitives.ts";

/** All reject codes. Each is the fixed head of its message. */
export const REJECT_CODES = [
  // the transaction on its own
  "transaction type not supported",
  "oversized data",
  "max initcode size exceeded",
  "transaction gas limit too high",
  "exceeds block gas limit",
  "max fee per gas higher than 2^256-1",
  "max priority fee per gas higher than 2^256-1",
  "max priority fee per gas higher than max fee per gas",
  "gas * gasPrice exceeds 256 bits",
  "value exceeds 256 bits",
  "invalid sender",
  "only replay-protected (EIP-155) transactions allowed over RPC",
  "nonce has max value",
  "intrinsic gas too low",
  "insufficient gas for floor data gas cost",
  "blob transaction missing blob hashes",
  "blob transaction of type create",
  "too many blobs in transaction",
  "blob has invalid hash version",
  "EIP-7702 transaction cannot be used to create contract",
  "set code tx must have at least one authorization tuple",
  // against the state and the block
  "nonce too low",
  "nonce too high",
  "insufficient funds for gas * price + value",
  "max fee per gas less than block base fee",
  "max fee per blob gas less than block blob gas fee",
  "sender not an eoa",
  "gas limit reached",
  // against the pool
  "already known",
  "transaction underpriced",
  "transaction gas price below minimum",
  "replacement transaction underpriced",
  "txpool is full",
  "account limit exceeded",
] as const;

/** Why a transaction was refused. */
export type RejectCode = (typeof REJECT_CODES)[number];

/** A refusal: the code for programs, the message for the answer. */
export type Reject = { readonly code: RejectCode; readonly message: string };

/** A reject whose message is its code alone, or the code, a colon and details. */
export function reject(code: RejectCode, details?: string): Reject {
  return { code, message: details === undefined ? code : `${code}: ${details}` };
}

/** A type that the fork does not know yet. */
export function rejectTypeBeforeFork(type: number, fork: Hardfork): Reject {
  const name = fork.charAt(0).toUpperCase() + fork.slice(1);
  return reject("transaction type not supported", `type ${type} rejected, pool not yet in ${name}`);
}

/** A type that this node does not take from clients. */
export function rejectTypeNotSupported(type: number): Reject {
  return reject("transaction type not supported", `tx type ${type} not supported by this pool`);
}

/** An encoded transaction above the size limit, both in bytes. */
export function rejectOversizedData(size: number, limit: number): Reject {
  return reject("oversized data", `transaction size ${size}, limit ${limit}`);
}

/** Init code above the limit, both in bytes. @see EIP-3860 */
export function rejectInitCodeSize(size: number, limit: number): Reject {
  return reject("max initcode size exceeded", `code size ${size}, limit ${limit}`);
}

/** A gas limit above the cap of one transaction. @see EIP-7825 */
export function rejectGasCap(cap: bigint, gasLimit: bigint): Reject {
  const code = "transaction gas limit too high";
  return { code, message: `${code} (cap: ${cap}, tx: ${gasLimit})` };
}

/** A signature that no key made, or whose values are out of range. */
export function rejectInvalidSignature(): Reject {
  return reject("invalid sender", "invalid transaction v, r, s values");
}

/** A transaction signed for another chain. */
export function rejectWrongChainId(have: bigint, want: bigint): Reject {
  return reject("invalid sender", `invalid chain id for signer: have ${have} want ${want}`);
}

/** A gas limit below what the transaction costs before it runs. */
export function rejectIntrinsicGas(gasLimit: bigint, needed: bigint): Reject {
  return reject("intrinsic gas too low", `gas ${gasLimit}, minimum needed ${needed}`);
}

/** A gas limit below the floor of its calldata. @see EIP-7623 */
export function rejectFloorDataGas(gasLimit: bigint, needed: bigint): Reject {
  return reject("insufficient gas for floor data gas cost", `gas ${gasLimit}, minimum needed ${needed}`);
}

/** More blobs than permitted. */
export function rejectTooManyBlobs(have: number, permitted: number): Reject {
  return reject("too many blobs in transaction", `have ${have}, permitted ${permitted}`);
}

/** A blob hash whose first byte is not 1. */
export function rejectBlobHashVersion(index: number): Reject {
  return { code: "blob has invalid hash version", message: `blob ${index} has invalid hash version` };
}

/** A nonce that is used up. */
export function rejectNonceTooLow(nextNonce: bigint, nonce: bigint): Reject {
  return reject("nonce too low", `next nonce ${nextNonce}, tx nonce ${nonce}`);
}

/** A nonce beyond the next usable one, where gaps are not kept. */
export function rejectNonceTooHigh(nextNonce: bigint, nonce: bigint): Reject {
  return reject("nonce too high", `tx nonce ${nonce}, gapped nonce ${nextNonce}`);
}

/** A balance that does not cover gas limit × fee cap + value (+ blob fee). */
export function rejectInsufficientFunds(balance: Wei, cost: Wei): Reject {
  return reject(
    "insufficient funds for gas * price + value",
    `balance ${balance}, tx cost ${cost}, overshot ${cost - balance}`,
  );
}

/** A balance that covers this transaction, but not together with those that wait before it. */
export function rejectInsufficientFundsQueued(balance: Wei, queuedCost: Wei, cost: Wei): Reject {
  return reject(
    "insufficient funds for gas * price + value",
    `balance ${balance}, queued cost ${queuedCost}, tx cost ${cost}, overshot ${queuedCost + cost - balance}`,
  );
}

/** A balance that does not cover what a replacement costs on top of the account's waiting transactions. */
export function rejectInsufficientFundsBumped(balance: Wei, queuedCost: Wei, bump: Wei): Reject {
  return reject(
    "insufficient funds for gas * price + value",
    `balance ${balance}, queued cost ${queuedCost}, tx bumped ${bump}, overshot ${queuedCost + bump - balance}`,
  );
}

/** A fee cap below the base fee of the block. */
export function rejectFeeCapTooLow(sender: Address, maxFeePerGas: Wei, baseFee: Wei): Reject {
  return reject(
    "max fee per gas less than block base fee",
    `address ${checksumAddress(sender)}, maxFeePerGas: ${maxFeePerGas}, baseFee: ${baseFee}`,
  );
}

/** A blob fee cap below the blob base fee of the block. */
export function rejectBlobFeeCapTooLow(sender: Address, maxFeePerBlobGas: Wei, baseFee: Wei): Reject {
  return reject(
    "max fee per blob gas less than block blob gas fee",
    `address ${checksumAddress(sender)} blobGasFeeCap: ${maxFeePerBlobGas}, blobBaseFee: ${baseFee}`,
  );
}

/** A sender with code that is no delegation. @see EIP-3607 */
export function rejectSenderNotEoa(sender: Address, codeSize: number): Reject {
  return reject("sender not an eoa", `address ${checksumAddress(sender)}, len(code): ${codeSize}`);
}

/** A tip below what the pool takes at all. */
export function rejectTipBelowMinimum(tip: Wei, minimum: Wei): Reject {
  return reject("transaction gas price below minimum", `gas tip cap ${tip}, minimum needed ${minimum}`);
}

/** A tip below the cheapest transaction of a full pool. */
export function rejectUnderpriced(tip: Wei, minimum: Wei): Reject {
  return reject("transaction underpriced", `gas tip cap ${tip}, minimum needed ${minimum}`);
}

/** A same-nonce transaction that does not raise both fees enough. */
export function rejectReplacementUnderpriced(): Reject {
  return reject("replacement transaction underpriced");
}

/** More transactions of one sender than the pool keeps. */
export function rejectAccountLimit(pooled: number): Reject {
  return reject("account limit exceeded", `pooled ${pooled} txs`);
}
