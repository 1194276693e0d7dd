// eth_call and eth_estimateGas: a message run by the engine against one version of the state, bounded in gas and time.

import { type Hex, toHex, toQuantity } from "#base/hex.ts";
import type { CallOutcome } from "#evm/engine.ts";
import { estimateGas as searchGas } from "#evm/gas-estimation.ts";
import { HALT_ABORTED, HALT_MEMORY_LIMIT, HALT_REVERTED } from "#evm/halt.ts";
import { type BlockReference, LATEST } from "../block-reference.ts";
import type { AccountOverride, BlockOverrides } from "../call-overrides.ts";
import type { ReadContext } from "../context.ts";
import { executionReverted, serverError } from "../errors.ts";
import { prepareRun, timedOut } from "../message-run.ts";
import { withStateAt } from "../state-access.ts";
import type { TransactionRequest } from "../transaction-request.ts";

/**
 * eth_call: the output of a message.
 * @throws {RpcError} 3 with the revert bytes, -32000 with the halt's words, or geth's when it ran too long
 */
export function call(
  context: ReadContext,
  request: TransactionRequest,
  block: BlockReference = LATEST,
  stateOverrides?: readonly AccountOverride[],
  blockOverrides?: BlockOverrides,
): Promise<Hex> {
  return withStateAt(context, block, async (state) => {
    const { env, message, openHost } = prepareRun(context, state, { request, stateOverrides, blockOverrides });
    const outcome = await context.engine.call(message, env, openHost());
    return toHex(outputOf(outcome, context));
  });
}

/** eth_estimateGas: the least gas limit, within 1.5 %, with which the message succeeds. Throws as {@link call}. */
export function estimateGas(
  context: ReadContext,
  request: TransactionRequest,
  block: BlockReference = LATEST,
  stateOverrides?: readonly AccountOverride[],
  blockOverrides?: BlockOverrides,
): Promise<Hex> {
  return withStateAt(context, block, async (state) => {
    // Gas 0 stands for no limit of the message's own.
    const run = prepareRun(context, state, { request, stateOverrides, blockOverrides, gasLimit: 0n });
    const host = run.openHost();
    const estimate = await searchGas(
      { ...run.message, gasPrice: feeCapOf(request) },
      { engine: context.engine, env: run.env, openHost: () => host, gasCap: context.options.callGasLimit },
    );
    if (estimate.kind === "estimated") return toQuantity(estimate.gas);
    if (estimate.kind === "reverted") throw executionReverted(estimate.output);
    if (estimate.message === HALT_ABORTED) throw timedOut(context);
    if (estimate.message === HALT_MEMORY_LIMIT) context.meters.limited("memory");
    throw serverError(estimate.message);
  });
}

function outputOf(outcome: CallOutcome, context: ReadContext): Uint8Array {
  if (outcome.reject !== null) throw serverError(outcome.reject.message);
  if (outcome.halt === null) return outcome.output;
  if (outcome.halt === HALT_REVERTED) throw executionReverted(outcome.output);
  if (outcome.halt === HALT_ABORTED) throw timedOut(context);
  if (outcome.halt === HALT_MEMORY_LIMIT) context.meters.limited("memory");
  throw serverError(outcome.halt);
}

/** What the sender must be able to pay per gas: an estimate holds for the cap, not for today's price. */
function feeCapOf(request: TransactionRequest): bigint {
  return request.gasPrice ?? request.maxFeePerGas ?? 0n;
}
