// From the node's options to those of the RPC.

import type { ChainSpec } from "#chain/chain-spec.ts";
import { deriveDevelopmentAccounts } from "#chain/development-accounts.ts";
import { DEFAULT_RPC_OPTIONS, type RpcOptions } from "#rpc/context.ts";
import type { NodeOptions } from "./node-options.ts";

/** Longest wait that a client may ask of a synchronous send, milliseconds. */
export const SEND_WAIT_MS_MAX = 60_000;

/** The RPC options of a node on a chain; only development chains have accounts. */
export function rpcOptionsOf(options: NodeOptions, spec: ChainSpec, clientVersion: string): RpcOptions {
  return {
    ...DEFAULT_RPC_OPTIONS,
    clientVersion,
    callGasLimit: options.callGasLimit,
    callTimeMsMax: options.callTimeoutMs,
    responseBytesMax: options.responseBytesMax,
    logCountMax: options.logsLimit,
    sendWaitMs: options.syncSendTimeoutMs,
    sendWaitMsMax: SEND_WAIT_MS_MAX,
    allowUnprotected: options.allowUnprotected,
    stateWindowBlocks: options.stateWindowBlocks,
    developmentAccounts: spec.development ? deriveDevelopmentAccounts(options.mnemonic, options.accountCount) : [],
  };
}
