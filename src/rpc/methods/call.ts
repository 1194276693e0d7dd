// eth_call and eth_estimateGas: a message run by the engine against one version of the state, bounded in gas and time.

import { type Hex, toHex, toQuantity } from "#base/hex.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import type { BlockEnvironment, CallMessage, CallOutcome } from "#evm/engine.ts";
import { HALT_ABORTED, HALT_OUT_OF_GAS, HALT_REVERTED } from "#evm/halt.ts";
import type { Host } from "#evm/host.ts";
import { Overlay } from "#state/overlay.ts";
import type { StateSource } from "#state/source.ts";
import { type BlockReference, LATEST } from "../block-reference.ts";
import type { ReadContext } from "../context.ts";
import { executionReverted, invalidParameters, requestTimedOut, serverError } from "../errors.ts";
import { blockHashAt, type StateAt, withStateAt } from "../state-access.ts";
import { type TransactionRequest, toCallMessage } from "../transaction-request.ts";

/** Least gas of any transaction. */
const TRANSFER_GAS = 21_000n;
/** What a call with value hands to the callee at least. */
const CALL_STIPEND = 2_300n;
/** The search ends when the bounds are this close: geth's 1.5 %, as a fraction of thousandths. */
const ESTIMATE_ERROR_PERMILLE = 15n;

/**
 * eth_call: the output of a message.
 * @throws {RpcError} 3 with the revert bytes, -32000 with the halt's words, -32002 when it ran too long
 */
export function call(
  context: ReadContext,
  request: TransactionRequest,
  block: BlockReference = LATEST,
  stateOverrides?: unknown,
  blockOverrides?: unknown,
): Promise<Hex> {
  refuseOverrides(stateOverrides, blockOverrides);
  return withStateAt(context, block, async (state) => {
    const runner = new MessageRunner(context, state);
    const outcome = await runner.run(request, context.options.callGasLimit);
    throwHalt(outcome, context);
    return toHex(outcome.output);
  });
}

/** eth_estimateGas: the least gas limit, within 1.5 %, with which the message succeeds. Throws as {@link call}. */
export function estimateGas(
  context: ReadContext,
  request: TransactionRequest,
  block: BlockReference = LATEST,
  stateOverrides?: unknown,
  blockOverrides?: unknown,
): Promise<Hex> {
  refuseOverrides(stateOverrides, blockOverrides);
  return withStateAt(context, block, async (state) => toQuantity(await searchGas(context, request, state)));
}

function refuseOverrides(stateOverrides: unknown, blockOverrides: unknown): void {
  if (isNonEmpty(stateOverrides)) throw invalidParameters("state overrides are not supported");
  if (isNonEmpty(blockOverrides)) throw invalidParameters("block overrides are not supported");
}

function isNonEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

/** Runs messages of one request against one state; every run sees the same, untouched state. */
class MessageRunner {
  readonly environment: BlockEnvironment;
  readonly #context: ReadContext;
  readonly #host: Host;
  readonly #deadlineMs: number;

  constructor(context: ReadContext, state: StateAt) {
    this.#context = context;
    this.environment = state.environment();
    this.#host = createCallHost(context, state.source);
    this.#deadlineMs = context.nowMs() + context.options.callTimeMsMax;
  }

  async run(request: TransactionRequest, gasCap: bigint, gas?: bigint): Promise<CallOutcome> {
    const terms = { gasLimit: gasCap, baseFee: this.environment.baseFee, gasCap };
    const message: CallMessage = toCallMessage(gas === undefined ? request : { ...request, gas }, terms);
    const deadline = (): boolean => this.#context.nowMs() > this.#deadlineMs;
    return this.#context.engine.call({ ...message, deadline }, this.environment, this.#host);
  }
}

/** An overlay over the pinned state, with the block hashes that code may ask for. */
function createCallHost(context: ReadContext, source: StateSource): Host {
  return new CallHost(source, (number) => blockHashAt(context, number));
}

class CallHost extends Overlay implements Host {
  readonly #blockHash: (number: bigint) => Hash32;

  constructor(source: StateSource, blockHash: (number: bigint) => Hash32) {
    super(source);
    this.#blockHash = blockHash;
  }

  blockHash(number: bigint): Hash32 {
    return this.#blockHash(number);
  }
}

function throwHalt(outcome: CallOutcome, context: ReadContext): void {
  if (outcome.reject !== null) throw serverError(outcome.reject.message);
  if (outcome.halt === null) return;
  if (outcome.halt === HALT_REVERTED) throw executionReverted(outcome.output);
  if (outcome.halt === HALT_ABORTED) {
    context.meters.limited("time");
    throw requestTimedOut();
  }
  throw serverError(outcome.halt);
}

/** geth's search: run with the most that is allowed, then narrow down to the least that succeeds. */
async function searchGas(context: ReadContext, request: TransactionRequest, state: StateAt): Promise<bigint> {
  const runner = new MessageRunner(context, state);
  const { environment } = runner;
  const gasMax = gasAllowance(context, request, state.source, environment);
  if (isPlainTransfer(request, state.source)) {
    const outcome = await runner.run(request, gasMax, TRANSFER_GAS);
    if (outcome.halt === null) return TRANSFER_GAS;
  }
  const first = await runner.run(request, gasMax, gasMax);
  if (first.halt !== null) throwEstimateHalt(first, gasMax, context);
  let low = first.gasUsed - 1n;
  let high = gasMax;
  // The refund and the 1/64 that a caller keeps back must be there while running: most messages succeed with just that.
  const optimistic = ((first.gasUsed + first.gasRefunded + CALL_STIPEND) * 64n) / 63n;
  if (optimistic < high) {
    if ((await runner.run(request, gasMax, optimistic)).halt === null) high = optimistic;
    else low = optimistic;
  }
  while (low + 1n < high) {
    if ((high - low) * 1000n < high * ESTIMATE_ERROR_PERMILLE) break;
    let middle = (low + high) / 2n;
    // Real limits lie near the low end, so a bound far above it is approached by doubling.
    if (middle > low * 2n) middle = low * 2n;
    const outcome = await runner.run(request, gasMax, middle);
    if (outcome.halt === HALT_ABORTED) throwHalt(outcome, context);
    if (outcome.halt === null) high = middle;
    else low = middle;
  }
  return high;
}

/** The most gas that the request, the block, the node and the sender's balance allow. */
function gasAllowance(
  context: ReadContext,
  request: TransactionRequest,
  source: StateSource,
  environment: BlockEnvironment,
): bigint {
  let allowance = environment.gasLimit;
  if (request.gas !== undefined && request.gas >= TRANSFER_GAS) allowance = request.gas;
  if (environment.transactionGasCap !== null) allowance = least(allowance, environment.transactionGasCap);
  const feeCap = request.gasPrice ?? request.maxFeePerGas ?? 0n;
  if (feeCap > 0n) {
    const balance = balanceOf(source, request.from);
    const value = request.value ?? 0n;
    if (value > balance) throw serverError("insufficient funds for transfer");
    allowance = least(allowance, (balance - value) / feeCap);
  }
  return least(allowance, context.options.callGasLimit);
}

function throwEstimateHalt(outcome: CallOutcome, gasMax: bigint, context: ReadContext): never {
  if (outcome.halt === HALT_OUT_OF_GAS || outcome.reject?.code === "intrinsic gas too low") {
    throw serverError(`gas required exceeds allowance (${gasMax})`);
  }
  throwHalt(outcome, context);
  throw serverError("execution failed");
}

function isPlainTransfer(request: TransactionRequest, source: StateSource): boolean {
  const { to } = request;
  if (to === undefined || (request.input ?? request.data ?? []).length > 0) return false;
  if (request.accessList !== undefined || request.authorizationList !== undefined) return false;
  const account = source.account(to);
  return account === null || (source.code(account.codeHash)?.length ?? 0) === 0;
}

function balanceOf(source: StateSource, address: Address | undefined): bigint {
  return address === undefined ? 0n : (source.account(address)?.balance ?? 0n);
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
