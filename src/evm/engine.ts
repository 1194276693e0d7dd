// The interface of an execution engine: transactions in, outcomes out, all state through a Host.
// Implementations: `wasm-engine.ts` and `reference/engine.ts`; each is a machine under the shared rules of `transition.ts`.

import type { Hardfork } from "#chain/hardforks.ts";
import type { Address, Hash32, Wei } from "#chain/primitives.ts";
import type { Log } from "#chain/receipt.ts";
import type { Reject } from "#chain/reject.ts";
import type { AccessListEntry, Authorization, Transaction } from "#chain/transaction.ts";
import type { Host } from "./host.ts";

/** The block around a transaction. */
export type BlockEnvironment = {
  readonly chainId: bigint;
  readonly number: bigint;
  /** Seconds since the Unix epoch. */
  readonly timestamp: bigint;
  readonly beneficiary: Address;
  readonly gasLimit: bigint;
  /** Wei per gas; 0 before London. */
  readonly baseFee: Wei;
  readonly prevRandao: Hash32;
  /** Answers DIFFICULTY before the merge. */
  readonly difficulty: bigint;
  /** Wei per blob gas. */
  readonly blobBaseFee: Wei;
  readonly excessBlobGas: bigint;
  readonly fork: Hardfork;
  /** Largest gas limit of a transaction, null for no such rule. @see EIP-7825 */
  readonly transactionGasCap: bigint | null;
};

/** What an included transaction did; the receipt's content. */
export type TransactionOutcome = {
  readonly status: 0 | 1;
  /** After refunds; includes intrinsic gas. */
  readonly gasUsed: bigint;
  readonly logs: Log[];
  /** Return data or revert data; empty for a creation that succeeded. */
  readonly output: Uint8Array;
  /** null on success, else geth's words: "execution reverted", "out of gas", … */
  readonly halt: string | null;
  /** The address a creation aimed at, also when it failed; null for a call. */
  readonly contractAddress: Address | null;
};

/** A rejected transaction left no trace in the Host. */
export type TransactionResult =
  | { readonly kind: "applied"; readonly outcome: TransactionOutcome }
  | { readonly kind: "rejected"; readonly reject: Reject };

/** A message to execute without a signed transaction: eth_call, gas estimation. */
export type CallMessage = {
  readonly from: Address;
  /** null runs `data` as creation code. */
  readonly to: Address | null;
  readonly gas: bigint;
  /** The effective price in wei per gas; under "call" checks 0 also hides the base fee, as geth does. */
  readonly gasPrice: Wei;
  readonly value: Wei;
  readonly data: Uint8Array;
  readonly accessList: readonly AccessListEntry[];
  readonly authorizationList: readonly Authorization[];
  readonly blobVersionedHashes: readonly Hash32[];
  /** "call" leaves out the checks of sender code and gas cap; neither form has a nonce to check. */
  readonly checks: "call" | "transaction";
  /** Asked every few thousand steps; true ends the run with {@link HALT_ABORTED}. A run with a deadline also has a bound on its memory. */
  readonly deadline?: (() => boolean) | undefined;
};

/** What a message did. The Host is unchanged. */
export type CallOutcome = {
  /** Set when the message was refused before it ran; `halt` then repeats the words. */
  readonly reject: Reject | null;
  /** After refunds; 0 when refused. */
  readonly gasUsed: bigint;
  /** The refund that `gasUsed` already contains. */
  readonly gasRefunded: bigint;
  /** Return data, revert data, or the code that a creation deployed. */
  readonly output: Uint8Array;
  /** null on success, else geth's words. */
  readonly halt: string | null;
  readonly logs: Log[];
};

/**
 * Executes transactions and messages. Calls may overlap when their Hosts differ; on one Host the caller waits for each.
 */
export interface Engine {
  readonly kind: "reference" | "wasm";
  /**
   * Applies a transaction to the Host, inside a transaction of its own.
   * @param sender the recovered signer; never recovered again here
   */
  applyTransaction(tx: Transaction, sender: Address, env: BlockEnvironment, host: Host): Promise<TransactionResult>;
  /** Executes a message and undoes all it wrote. */
  call(message: CallMessage, env: BlockEnvironment, host: Host): Promise<CallOutcome>;
  /**
   * A call by the protocol itself, from 0xff…fe with 30,000,000 gas and no fee; no effect when `to` has no code.
   * The writes stay unless it halts. @see EIP-4788, EIP-2935
   */
  systemCall(to: Address, data: Uint8Array, env: BlockEnvironment, host: Host): Promise<CallOutcome>;
}
