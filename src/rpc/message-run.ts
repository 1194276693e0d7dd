// What running a message without a transaction needs: the block that it sees, the message within the node's bounds, and a
// Host over the state with what the request overrides.

import type { BlockEnvironment, CallMessage } from "#evm/engine.ts";
import { OverlayHost } from "#evm/overlay-host.ts";
import { type AccountOverride, type BlockOverrides, overrideBlock, overrideState } from "./call-overrides.ts";
import type { ReadContext } from "./context.ts";
import { executionAborted, type RpcError } from "./errors.ts";
import { blockHashAt, type StateAt } from "./state-access.ts";
import { type TransactionRequest, toCallMessage } from "./transaction-request.ts";

/** What a request names. */
export type RunOptions = {
  readonly request: TransactionRequest;
  readonly stateOverrides?: readonly AccountOverride[] | undefined;
  readonly blockOverrides?: BlockOverrides | undefined;
  /** Stands in for an absent `gas`; the node's limit for calls unless told. */
  readonly gasLimit?: bigint;
};

/** A message that is ready to run. */
export type MessageRun = {
  readonly env: BlockEnvironment;
  readonly message: CallMessage;
  /** A Host with nothing written yet. */
  openHost(): OverlayHost;
};

/**
 * Prepares a run; its time begins now.
 * @throws {RpcError} -32000 when the request contradicts itself, or is for another chain
 */
export function prepareRun(context: ReadContext, state: StateAt, options: RunOptions): MessageRun {
  const { callGasLimit } = context.options;
  const env = overrideBlock(state.environment(), options.blockOverrides, context.spec);
  const { chainId, baseFee } = env;
  const terms = { chainId, gasLimit: options.gasLimit ?? callGasLimit, baseFee, gasCap: callGasLimit };
  const message = toCallMessage(options.request, terms);
  const source = overrideState(state.source, options.stateOverrides);
  return {
    env,
    message: { ...message, deadline: deadlineOf(context) },
    openHost: () => new OverlayHost(source, (number) => blockHashAt(context, number)),
  };
}

/** What a message that ran too long is answered with; counted. */
export function timedOut(context: ReadContext): RpcError {
  context.meters.limited("time");
  return executionAborted(context.options.callTimeMsMax);
}

function deadlineOf(context: ReadContext): () => boolean {
  const deadlineMs = context.nowMs() + context.options.callTimeMsMax;
  return () => context.nowMs() > deadlineMs;
}
