// The least gas limit with which a message succeeds: a bisection like geth's eth_estimateGas, over calls of an engine.
// Knows nothing of threads or tables: every attempt runs on a Host from the caller's factory.

import { isAtLeast } from "#chain/hardforks.ts";
import type { Reject } from "#chain/reject.ts";
import { codeOfAccount } from "./delegation.ts";
import type { BlockEnvironment, CallMessage, CallOutcome, Engine } from "./engine.ts";
import { HALT_ABORTED, HALT_OUT_OF_GAS, HALT_REVERTED } from "./halt.ts";
import type { Host } from "./host.ts";

/** The answer of an estimation. */
export type GasEstimate =
  | { readonly kind: "estimated"; readonly gas: bigint }
  /** The code reverts whatever the gas; `output` is the revert data. */
  | { readonly kind: "reverted"; readonly output: Uint8Array }
  /** Any other failure; the message is in geth's words. */
  | { readonly kind: "failed"; readonly message: string; readonly reject: Reject | null };

/** What an estimation needs besides the message. */
export type GasEstimationContext = {
  readonly engine: Engine;
  readonly env: BlockEnvironment;
  /** Answers a Host at the state in question; attempts leave it unchanged, so the same one may be answered again. */
  readonly openHost: () => Host;
  /** The node's own cap on gas per call, 0 for none. */
  readonly gasCap: bigint;
};

/** A message to estimate; `gas` 0 stands for "no limit of its own". */
export type GasEstimationMessage = Omit<CallMessage, "checks">;

const TRANSFER_GAS = 21_000n;
const CALL_STIPEND = 2_300n;

/** The bisection may stop this close above the true value, as a fraction of it: 15 per mille, geth's choice. */
const ERROR_PER_MILLE = 15n;

/**
 * Estimates the gas limit for a message.
 * @see go-ethereum eth/gasestimator
 */
export async function estimateGas(message: GasEstimationMessage, context: GasEstimationContext): Promise<GasEstimate> {
  const allowance = gasAllowance(message, context);
  if (typeof allowance !== "bigint") return allowance;
  let high = allowance;
  if (isPlainTransfer(message, context.openHost())) {
    const transfer = await attempt(message, TRANSFER_GAS, context);
    if (transfer.halt === null) return { kind: "estimated", gas: TRANSFER_GAS };
  }
  const widest = await attempt(message, high, context);
  if (widest.halt !== null) return failure(widest, high);
  // Nothing succeeds with less than was really used, refund included or not.
  let low = widest.gasUsed - 1n;
  const optimistic = ((widest.gasUsed + widest.gasRefunded + CALL_STIPEND) * 64n) / 63n;
  if (optimistic < high) {
    const outcome = await attempt(message, optimistic, context);
    if (isFatal(outcome)) return failure(outcome, optimistic);
    if (outcome.halt === null) high = optimistic;
    else low = optimistic;
  }
  return bisect(message, low, high, context);
}

async function bisect(
  message: GasEstimationMessage,
  from: bigint,
  to: bigint,
  context: GasEstimationContext,
): Promise<GasEstimate> {
  let low = from;
  let high = to;
  while (low + 1n < high && (high - low) * 1000n >= high * ERROR_PER_MILLE) {
    let middle = (low + high) / 2n;
    // Most need little more than the low end.
    if (middle > low * 2n) middle = low * 2n;
    const outcome = await attempt(message, middle, context);
    if (isFatal(outcome)) return failure(outcome, middle);
    if (outcome.halt === null) high = middle;
    else low = middle;
  }
  return { kind: "estimated", gas: high };
}

function attempt(message: GasEstimationMessage, gas: bigint, context: GasEstimationContext): Promise<CallOutcome> {
  return context.engine.call({ ...message, gas, checks: "call" }, context.env, context.openHost());
}

/** The highest gas worth trying: the message's own, else the block's, less what balance and caps allow. */
function gasAllowance(message: GasEstimationMessage, context: GasEstimationContext): bigint | GasEstimate {
  const { env, gasCap } = context;
  let high = message.gas >= TRANSFER_GAS ? message.gas : env.gasLimit;
  if (isAtLeast(env.fork, "osaka") && env.transactionGasCap !== null && high > env.transactionGasCap) {
    high = env.transactionGasCap;
  }
  if (message.gasPrice > 0n) {
    const balance = context.openHost().account(message.from)?.balance ?? 0n;
    if (balance < message.value) return { kind: "failed", message: "insufficient funds for transfer", reject: null };
    const affordable = (balance - message.value) / message.gasPrice;
    if (affordable < high) high = affordable;
  }
  return gasCap > 0n && high > gasCap ? gasCap : high;
}

function isPlainTransfer(message: GasEstimationMessage, host: Host): boolean {
  if (message.to === null || message.data.length > 0 || message.authorizationList.length > 0) return false;
  return codeOfAccount(host, host.account(message.to)).length === 0;
}

/** Refusals that more gas cannot cure, and a deadline that has passed. */
function isFatal(outcome: CallOutcome): boolean {
  if (outcome.halt === HALT_ABORTED) return true;
  return outcome.reject !== null && !isLackOfGas(outcome.reject);
}

function isLackOfGas({ code }: Reject): boolean {
  return code === "intrinsic gas too low" || code === "insufficient gas for floor data gas cost";
}

function failure(outcome: CallOutcome, gas: bigint): GasEstimate {
  const { halt, reject, output } = outcome;
  if (halt === HALT_REVERTED) return { kind: "reverted", output };
  const lacksGas = halt === HALT_OUT_OF_GAS || (reject !== null && isLackOfGas(reject));
  if (lacksGas) return { kind: "failed", message: `gas required exceeds allowance (${gas})`, reject: null };
  return { kind: "failed", message: halt ?? "execution failed", reject };
}
