// Admission: whether a transaction whose sender is known may enter the pool, judged by its form, the newest state and what
// the pool already holds for the sender. Refusals are in geth's words and in geth's order.
//
//   raw ─▶ decode ─▶ sender ─▶ admit ─▶ pool.add

import { must } from "#base/assert.ts";
import { bytesEqual } from "#base/bytes.ts";
import type { ChainSpec } from "#chain/chain-spec.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import type { Address, Hash32, Wei } from "#chain/primitives.ts";
import {
  type Reject,
  rejectFeeCapTooLow,
  rejectInsufficientFunds,
  rejectInsufficientFundsBumped,
  rejectInsufficientFundsQueued,
  rejectNonceTooLow,
  rejectSenderNotEoa,
} from "#chain/reject.ts";
import type { Transaction } from "#chain/transaction.ts";
import { checkStateless } from "#chain/validity.ts";
import { KECCAK_EMPTY } from "#crypto/keccak256.ts";
import { delegationTarget } from "#evm/delegation.ts";
import type { AccountState } from "#formats/wire/diff.ts";
import type { StateSource } from "#state/source.ts";

/** What the pool holds for a sender, in wei. */
export type PoolHoldings = {
  readonly expenditure: (sender: Address) => Wei;
  readonly costAt: (sender: Address, nonce: bigint) => Wei | null;
};

/** The block a transaction would go into, and the node's policy. */
export type AdmissionRules = {
  readonly spec: ChainSpec;
  readonly fork: Hardfork;
  readonly blockGasLimit: bigint;
  /** Base fee of the open block, wei. */
  readonly baseFee: Wei;
  /** Timestamp of the open block, seconds. */
  readonly timestamp: number;
  /** Whether legacy transactions that name no chain are taken. */
  readonly allowUnprotected: boolean;
  /** The pool, or null where there is none to ask. */
  readonly holdings: PoolHoldings | null;
};

const ABSENT: AccountState = { nonce: 0n, balance: 0n, codeHash: KECCAK_EMPTY };

/**
 * Judges a decoded transaction.
 * @param sender the recovered signer
 * @param source the newest state
 * @param encodedSizeBytes length of the signed bytes, when a size limit applies
 * @returns the first broken rule, or null when the pool may take it
 */
export function admit(
  transaction: Transaction,
  sender: Address,
  source: Pick<StateSource, "account" | "code">,
  rules: AdmissionRules,
  encodedSizeBytes?: number,
): Reject | null {
  const malformed = checkStateless(transaction, rules.spec, rules.fork, {
    blockGasLimit: rules.blockGasLimit,
    timestamp: rules.timestamp,
    replayProtectedOnly: !rules.allowUnprotected,
    blobsRefused: true,
    ...(encodedSizeBytes === undefined ? {} : { encodedSizeBytes }),
  });
  if (malformed !== null) return malformed;
  if (rules.spec.baseFee.kind === "constant" && transaction.maxFeePerGas < rules.baseFee) {
    return rejectFeeCapTooLow(sender, transaction.maxFeePerGas, rules.baseFee); // no later block would be cheaper
  }
  const account = source.account(sender) ?? ABSENT;
  if (transaction.nonce < account.nonce) return rejectNonceTooLow(account.nonce, transaction.nonce);
  const codeSize = sizeOfForeignCode(account.codeHash, source);
  if (codeSize > 0) return rejectSenderNotEoa(sender, codeSize);
  return checkFunds(transaction, sender, account.balance, rules.holdings);
}

/** Size of the sender's code when it forbids sending: any code but a delegation. @see EIP-3607, EIP-7702 */
function sizeOfForeignCode(codeHash: Hash32, source: Pick<StateSource, "code">): number {
  if (bytesEqual(codeHash, KECCAK_EMPTY)) return 0;
  const code = must(source.code(codeHash), "an account's code is missing from the state");
  return delegationTarget(code) === null ? code.length : 0;
}

/** The balance must cover this transaction together with all pending ones of the sender. */
function checkFunds(
  transaction: Transaction,
  sender: Address,
  balance: Wei,
  holdings: PoolHoldings | null,
): Reject | null {
  const cost = transaction.gasLimit * transaction.maxFeePerGas + transaction.value;
  if (balance < cost) return rejectInsufficientFunds(balance, cost);
  if (holdings === null) return null;
  const spent = holdings.expenditure(sender);
  const replacedCost = holdings.costAt(sender, transaction.nonce);
  if (replacedCost === null) return balance < spent + cost ? rejectInsufficientFundsQueued(balance, spent, cost) : null;
  const bump = cost - replacedCost;
  return balance < spent + bump ? rejectInsufficientFundsBumped(balance, spent, bump) : null;
}
