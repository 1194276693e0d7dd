// What the method handlers work with: narrow ports, so that every thread can be wired and every test can stand in.
//
//   main    MainContext   answers that are O(1) and moves the rest: ReadPort carries a call to a read worker
//   read    ReadContext   chain history, versioned state, the engine, and ports to the pool's and the executor's threads

import type { ChainSpec } from "#chain/chain-spec.ts";
import type { BlockHeader } from "#chain/header.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import type { Reject } from "#chain/reject.ts";
import type { Engine } from "#evm/engine.ts";
import type { AccountState } from "#formats/wire/diff.ts";
import type { MiniBlock } from "#formats/wire/mini-block.ts";
import type { OpenPayload, SealPayload } from "#formats/wire/payloads.ts";
import type { ChainRecord } from "#formats/wire/record.ts";
import type { StateSource } from "#state/source.ts";
import type { RpcErrorObject } from "./errors.ts";
import type { RpcMeters } from "./meters.ts";

/** A sealed EVM block without its body. */
export type StoredBlock = {
  readonly header: BlockHeader;
  readonly hash: Hash32;
  /** null for the genesis, which has no records. */
  readonly seal: SealPayload | null;
  /** Bytes of the block's RLP. */
  readonly size: number;
};

/** Where an included transaction is. */
export type TransactionLocation = {
  readonly miniBlockNumber: number;
  /** Position in the mini-block. */
  readonly index: number;
  readonly blockNumber: number;
};

/** The part of the chain store that the methods read. Absent and no longer kept are both null. */
export interface ChainReader {
  /** Number of the newest sealed EVM block. */
  readonly headBlockNumber: number;
  /** State version, which is also the number of the next mini-block. */
  readonly headVersion: number;
  /** The EVM block that is being filled. */
  readonly openBlock: OpenPayload | null;
  miniBlock(number: number): MiniBlock | null;
  miniBlockRecord(number: number): ChainRecord | null;
  block(number: number): StoredBlock | null;
  blockByHash(hash: Hash32): StoredBlock | null;
  transaction(hash: Hash32): TransactionLocation | null;
  /** The mini-blocks of a sealed block or, so far, of the open one. */
  miniBlocksOfBlock(number: number): { readonly first: number; readonly count: number } | null;
  /** State version after the block's last mini-block. */
  stateVersionAfterBlock(number: number): number | null;
}

/** A state reader that can be held at one version; one call uses one of its own. */
export type PinnableState = StateSource & {
  /** Holds reads at `version`, by default the newest published one. @returns the version held */
  pin(version?: number): number;
};

/** What happened to a transaction handed to admission. */
export type SubmitResult =
  | { readonly kind: "accepted"; readonly hash: Hash32 }
  | { readonly kind: "rejected"; readonly reject: Reject }
  /** Only with `requireReady`: the nonce is ahead of the account's next one, and the transaction was not added. */
  | { readonly kind: "nonceGap"; readonly expectedNonce: bigint }
  /** Only with `requireReady`: it could not run now for another reason, and was not added. */
  | { readonly kind: "notReady"; readonly reason: string }
  /** The node takes no transactions at the moment (queue full, disk full, upstream away); the client may retry. */
  | { readonly kind: "unavailable"; readonly reason: string };

/** A transaction that waits in the pool. */
export type PendingTransaction = { readonly raw: Uint8Array; readonly sender: Address };

/** One account's change in a mini-block, resolved from key indices. */
export type StateChange = {
  readonly address: Address;
  /** State after the mini-block; null when the account no longer exists. */
  readonly account: AccountState | null;
  readonly slots: readonly { readonly slot: Hash32; readonly value: Uint8Array }[];
};

/** What the read side asks of other threads. */
export type ReadPorts = {
  /** Hands a signed transaction to admission. `requireReady` refuses instead of queueing what cannot run yet. */
  submit(raw: Uint8Array, options: { readonly requireReady: boolean }): Promise<SubmitResult>;
  /** Resolves to true once this thread's store knows the transaction, to false when `deadlineMs` (clock time) passes. */
  awaitReceipt(hash: Hash32, deadlineMs: number): Promise<boolean>;
  /** The account's next nonce with everything runnable in the pool counted. */
  pendingNonce(address: Address): Promise<bigint>;
  /** A transaction that still waits in the pool. */
  pendingTransaction(hash: Hash32): Promise<PendingTransaction | null>;
  /** Resolves once this thread's store has followed everything that was published when it was called. */
  catchUp(): Promise<void>;
};

/** An account whose key the node holds: development chains only. */
export type DevelopmentAccount = { readonly address: Address; readonly privateKey: Uint8Array };

/** Limits and identity of the RPC; the values come from the command line. */
export type RpcOptions = {
  readonly clientVersion: string;
  /** Gas of one eth_call or eth_estimateGas. */
  readonly callGasLimit: bigint;
  /** Time of one eth_call, eth_estimateGas, eth_getLogs or eth_feeHistory, milliseconds. */
  readonly callTimeMsMax: number;
  /** Size of one result, bytes of JSON. */
  readonly responseBytesMax: number;
  /** Logs in one answer of eth_getLogs. */
  readonly logCountMax: number;
  /** EVM blocks that one eth_getLogs may span. */
  readonly logBlockCountMax: number;
  /** EVM blocks in one eth_feeHistory. */
  readonly feeHistoryBlockCountMax: number;
  /** Mini-blocks in one mega_getMiniBlocks, and in one step of a replay. */
  readonly miniBlockCountMax: number;
  /** Wait of a synchronous send that names no time, milliseconds. */
  readonly sendWaitMs: number;
  /** Longest wait that a synchronous send may name, milliseconds. */
  readonly sendWaitMsMax: number;
  /** Whether legacy transactions without a chain id are taken. */
  readonly allowUnprotected: boolean;
  /** Sealed EVM blocks back from the newest whose state may be asked for. */
  readonly stateWindowBlocks: number;
  readonly developmentAccounts: readonly DevelopmentAccount[];
};

/** Values for everything that a caller does not care about. */
export const DEFAULT_RPC_OPTIONS: RpcOptions = {
  clientVersion: "megaeth/0.1.0",
  callGasLimit: 1_000_000_000n,
  callTimeMsMax: 5_000,
  responseBytesMax: 50_000_000,
  logCountMax: 20_000,
  logBlockCountMax: 100_000,
  feeHistoryBlockCountMax: 1_024,
  miniBlockCountMax: 256,
  sendWaitMs: 5_000,
  sendWaitMsMax: 60_000,
  allowUnprotected: false,
  stateWindowBlocks: 256,
  developmentAccounts: [],
};

/** Everything a handler on a read worker may use. */
export type ReadContext = {
  readonly spec: ChainSpec;
  readonly store: ChainReader;
  /** A state reader for one call; calls overlap, so each gets its own. */
  readonly openView: () => PinnableState;
  readonly engine: Engine;
  readonly options: RpcOptions;
  readonly ports: ReadPorts;
  readonly meters: RpcMeters;
  /** Unix milliseconds. */
  readonly nowMs: () => number;
};

/** Progress of a node that is behind, as eth_syncing shows it. */
export type SyncProgress = {
  readonly startingBlock: number;
  readonly currentBlock: number;
  readonly highestBlock: number;
};

/** Everything a handler on the main thread may use: O(1), no history, no state. */
export type MainContext = {
  readonly chainId: bigint;
  readonly options: RpcOptions;
  /** null when the node is up to date. */
  syncProgress(): SyncProgress | null;
};

/** A call on its way to a read worker; plain data. */
export type ReadCall = { readonly method: string; readonly params: unknown };

/** The answer of a read worker: serialized JSON, or an error; plain data. */
export type ReadReply =
  | { readonly ok: true; readonly json: string }
  | { readonly ok: false; readonly error: RpcErrorObject };

/** Carries calls from main to the read workers. */
export interface ReadPort {
  /**
   * @param call what to run
   * @param route "any" worker, or "one": always the same worker, for methods that must not run twice at a time or keep an order
   * @returns the reply; a rejected promise counts as an internal error
   */
  call(call: ReadCall, route: "any" | "one"): Promise<ReadReply>;
}
