// What the transaction-level rules need from an engine: a machine that runs one top-level frame (and all frames beneath
// it) over a Host. `transition.ts` is written once over this interface, so each engine supplies its machine and no rule.

import type { Address, Hash32, Wei } from "#chain/primitives.ts";
import type { Log } from "#chain/receipt.ts";
import type { AccessListEntry } from "#chain/transaction.ts";
import type { BlockEnvironment } from "./engine.ts";
import type { Host } from "./host.ts";

/** The part of a transaction that every frame of it can observe. */
export type TransactionContext = {
  readonly origin: Address;
  /** What GASPRICE answers, in wei. */
  readonly gasPrice: Wei;
  readonly blobVersionedHashes: readonly Hash32[];
  /** Addresses that are warm from the start, besides the precompiles, which each machine knows itself. @see EIP-2929 */
  readonly warmAddresses: readonly Address[];
  readonly accessList: readonly AccessListEntry[];
  /** Asked from time to time while a frame runs; true stops the run with the halt {@link HALT_ABORTED}. */
  readonly deadline: (() => boolean) | null;
  /** false: the caller undoes whatever the frame writes, so a machine may leave its writes out. */
  readonly keepsWrites: boolean;
};

/** A top-level call or creation. The caller's nonce is already raised, and its balance covers `value`. */
export type Frame = {
  readonly caller: Address;
  /** null creates a contract at the address that the caller's nonce before the transaction gives. */
  readonly to: Address | null;
  readonly value: Wei;
  readonly data: Uint8Array;
  readonly gas: bigint;
};

/** What a top-level frame left behind. After a halt the Host is as before the frame. */
export type FrameResult = {
  /** null: success. Otherwise geth's words, see `halt.ts`. */
  readonly halt: string | null;
  /** At most the frame's gas; all of it after any halt other than a revert. */
  readonly gasUsed: bigint;
  /** The refund counter, uncapped; 0 after a halt. */
  readonly refund: bigint;
  /** Return data, revert data, or the deployed code of a creation. */
  readonly output: Uint8Array;
  readonly logs: Log[];
  /** Accounts to remove at the end of the transaction: EIP-6780 is already applied. */
  readonly destroyed: readonly Address[];
  /** Accounts touched in the sense of EIP-161, reverted frames left out; those that are not empty may be missing. */
  readonly touched: Iterable<Address>;
};

/** Runs top-level frames, one at a time, of transactions of one fork and chain. */
export interface Machine {
  /** Runs a frame inside the Host's current transaction; at once, where the machine can. */
  run(frame: Frame, context: TransactionContext, env: BlockEnvironment, host: Host): FrameResult | Promise<FrameResult>;
}
