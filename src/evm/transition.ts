// The rules of a transaction around its top-level frame, for all forks, written once over any machine:
//
//   check ─▶ buy gas, raise nonce ─▶ authorizations ─▶ warm ─▶ frame ─▶ refund ─▶ pay ─▶ destroy, sweep
//
// A check that fails comes before the first write, so a rejected transaction leaves no trace.
// @see yellow paper §6; EIP-161, 1559, 2929, 3529, 3607, 3651, 4844, 6780, 7623, 7702

import { bytesEqual } from "#base/bytes.ts";
import { fromHex } from "#base/hex.ts";
import type { ChainSpec } from "#chain/chain-spec.ts";
import { checksumAddress } from "#chain/checksum-address.ts";
import { type Hardfork, isAtLeast } from "#chain/hardforks.ts";
import type { Address, Wei } from "#chain/primitives.ts";
import {
  type Reject,
  reject,
  rejectBlobFeeCapTooLow,
  rejectFeeCapTooLow,
  rejectGasCap,
  rejectInitCodeSize,
  rejectInsufficientFunds,
  rejectNonceTooHigh,
  rejectNonceTooLow,
  rejectSenderNotEoa,
} from "#chain/reject.ts";
import { contractAddress, effectiveGasPrice, type Transaction, type UnsignedTransaction } from "#chain/transaction.ts";
import { checkStateless, floorDataGas, INIT_CODE_SIZE_MAX, intrinsicGas } from "#chain/validity.ts";
import { KECCAK_EMPTY } from "#crypto/keccak256.ts";
import type { AccountState } from "#formats/wire/diff.ts";
import { applyAuthorizations, codeOfAccount, delegateOf, delegationTarget } from "./delegation.ts";
import type { BlockEnvironment, CallMessage, CallOutcome, TransactionResult } from "./engine.ts";
import type { Host } from "./host.ts";
import type { FrameResult, Machine, TransactionContext } from "./machine.ts";

/** Gas of one blob. @see EIP-4844 */
export const GAS_PER_BLOB = 131_072n;

/** The caller of system calls. @see EIP-4788 */
export const SYSTEM_ADDRESS: Address = fromHex("fffffffffffffffffffffffffffffffffffffffe");

const SYSTEM_CALL_GAS = 30_000_000n;
const NOTHING_REFUSED = null;
const EMPTY_ACCOUNT: AccountState = { nonce: 0n, balance: 0n, codeHash: KECCAK_EMPTY };

/** Where a transition happens. */
export type Stage = { readonly machine: Machine; readonly env: BlockEnvironment; readonly host: Host };

/** Applies a transaction; see `Engine.applyTransaction`. */
export async function applyTransaction(
  tx: Transaction,
  sender: Address,
  stage: Stage,
  spec: ChainSpec,
): Promise<TransactionResult> {
  const { env, host } = stage;
  const refused =
    checkStateless(tx, spec, env.fork, { blockGasLimit: env.gasLimit, timestamp: env.timestamp }) ??
    checkAgainstState(tx, sender, env, host);
  if (refused !== null) return { kind: "rejected", reject: refused };
  host.beginTransaction();
  try {
    const payment = { sender, gasPrice: effectiveGasPrice(tx, env.baseFee) };
    const begun = beginExecution(tx, payment, stage, { deadline: null, keepsWrites: true });
    const ran = begun.run();
    // Most runs end at once; waiting for them would cost a turn of the event queue.
    const frame = ran instanceof Promise ? await ran : ran;
    const { gasUsed } = gasOf(tx, frame, begun, env.fork);
    settle(tx, payment, { frame, gasUsed }, stage);
    host.endTransaction();
    const { halt, output, logs } = frame;
    return {
      kind: "applied",
      outcome: {
        status: halt === null ? 1 : 0,
        gasUsed,
        logs,
        output,
        halt,
        contractAddress: tx.to === null ? contractAddress(sender, tx.nonce) : null,
      },
    };
  } catch (error) {
    host.abortTransaction();
    throw error;
  }
}

/** Executes a message and undoes its writes; see `Engine.call`. */
export async function executeCall(message: CallMessage, stage: Stage): Promise<CallOutcome> {
  const { host, machine } = stage;
  const env = message.checks === "call" && message.gasPrice === 0n ? withoutFees(stage.env) : stage.env;
  const tx = asTransaction(message);
  const refused = checkCall(message, tx, env, host);
  if (refused !== null) {
    return {
      reject: refused,
      gasUsed: 0n,
      gasRefunded: 0n,
      output: new Uint8Array(0),
      halt: refused.message,
      logs: [],
    };
  }
  host.beginTransaction();
  try {
    const payment = { sender: message.from, gasPrice: message.gasPrice };
    const use = { deadline: message.deadline ?? null, keepsWrites: false };
    const begun = beginExecution(tx, payment, { machine, env, host }, use);
    const ran = begun.run();
    const frame = ran instanceof Promise ? await ran : ran;
    const { gasUsed, gasRefunded } = gasOf(tx, frame, begun, env.fork);
    const { halt, output } = frame;
    return {
      reject: NOTHING_REFUSED,
      gasUsed,
      gasRefunded,
      output,
      halt,
      // Few callers look at them.
      get logs() {
        return frame.logs;
      },
    };
  } finally {
    host.abortTransaction();
  }
}

/** A call by the protocol; see `Engine.systemCall`. */
export async function executeSystemCall(to: Address, data: Uint8Array, stage: Stage): Promise<CallOutcome> {
  const { machine, env, host } = stage;
  if (codeOfAccount(host, host.account(to)).length === 0) {
    return { reject: null, gasUsed: 0n, gasRefunded: 0n, output: new Uint8Array(0), halt: null, logs: [] };
  }
  host.beginTransaction();
  try {
    const ran = machine.run(
      { caller: SYSTEM_ADDRESS, to, value: 0n, data, gas: SYSTEM_CALL_GAS },
      {
        origin: SYSTEM_ADDRESS,
        gasPrice: 0n,
        blobVersionedHashes: [],
        warmAddresses: [to],
        accessList: [],
        deadline: null,
        keepsWrites: true,
      },
      env,
      host,
    );
    const frame = ran instanceof Promise ? await ran : ran;
    settleAccounts(frame, [], env.fork, host);
    host.endTransaction();
    const { gasUsed, output, halt, logs } = frame;
    return { reject: null, gasUsed, gasRefunded: 0n, output, halt, logs };
  } catch (error) {
    host.abortTransaction();
    throw error;
  }
}

/**
 * The rules that relate a transaction to the state and the block's fees, in geth's order; those of its form are
 * `checkStateless`'s. Admission applies the same ones.
 */
function checkAgainstState(tx: Transaction, sender: Address, env: BlockEnvironment, host: Host): Reject | null {
  const account = host.account(sender) ?? EMPTY_ACCOUNT;
  if (tx.nonce < account.nonce) return rejectNonceTooLow(account.nonce, tx.nonce);
  if (tx.nonce > account.nonce) return rejectNonceTooHigh(account.nonce, tx.nonce);
  const refused = checkSenderCode(sender, account, env.fork, host);
  if (refused !== null) return refused;
  if (tx.maxFeePerGas < env.baseFee) return rejectFeeCapTooLow(sender, tx.maxFeePerGas, env.baseFee);
  if (tx.type === 3 && tx.maxFeePerBlobGas < env.blobBaseFee) {
    return rejectBlobFeeCapTooLow(sender, tx.maxFeePerBlobGas, env.blobBaseFee);
  }
  const cost = tx.gasLimit * tx.maxFeePerGas + tx.value + blobGas(tx) * tx.maxFeePerBlobGas;
  return account.balance < cost ? rejectInsufficientFunds(account.balance, cost) : null;
}

function checkSenderCode(sender: Address, account: AccountState, fork: Hardfork, host: Host): Reject | null {
  if (bytesEqual(account.codeHash, KECCAK_EMPTY)) return null;
  const code = codeOfAccount(host, account);
  if (isAtLeast(fork, "prague") && delegationTarget(code) !== null) return null;
  return rejectSenderNotEoa(sender, code.length);
}

function checkCall(message: CallMessage, tx: UnsignedTransaction, env: BlockEnvironment, host: Host): Reject | null {
  const { from, gas, gasPrice, value } = message;
  const { fork } = env;
  const account = host.account(from) ?? EMPTY_ACCOUNT;
  if (message.checks === "transaction") {
    if (env.transactionGasCap !== null && gas > env.transactionGasCap) return rejectGasCap(env.transactionGasCap, gas);
    const refused = checkSenderCode(from, account, fork, host);
    if (refused !== null) return refused;
  }
  if (gasPrice < env.baseFee) return rejectFeeCapTooLow(from, gasPrice, env.baseFee);
  if (tx.authorizationList.length > 0 && tx.to === null) {
    return reject("EIP-7702 transaction cannot be used to create contract");
  }
  const cost = gas * gasPrice + value;
  if (account.balance < cost) {
    const details = `address ${checksumAddress(from)} have ${account.balance} want ${cost}`;
    return reject("insufficient funds for gas * price + value", details);
  }
  const intrinsic = intrinsicGas(tx, fork);
  if (gas < intrinsic) return reject("intrinsic gas too low", `have ${gas}, want ${intrinsic}`);
  const floor = floorDataGas(tx, fork);
  if (gas < floor) return reject("insufficient gas for floor data gas cost", `have ${gas}, want ${floor}`);
  if (tx.to === null && isAtLeast(fork, "shanghai") && tx.data.length > INIT_CODE_SIZE_MAX) {
    return rejectInitCodeSize(tx.data.length, INIT_CODE_SIZE_MAX);
  }
  return null;
}

/** Who pays how much for the gas. */
type Payment = { readonly sender: Address; readonly gasPrice: Wei };

/** A transaction whose top-level frame is ready to run. */
type Begun = {
  readonly run: () => FrameResult | Promise<FrameResult>;
  readonly intrinsicGas: bigint;
  readonly authorizationRefund: bigint;
};

/** Everything between the checks and the frame; the Host's transaction is open. */
function beginExecution(
  tx: UnsignedTransaction,
  { sender, gasPrice }: Payment,
  { machine, env, host }: Stage,
  use: Pick<TransactionContext, "deadline" | "keepsWrites">,
): Begun {
  buyGas(tx, sender, gasPrice, env, host);
  const { refund, authorities } = applyAuthorizations(tx.authorizationList, env.chainId, host);
  const intrinsic = intrinsicGas(tx, env.fork);
  const frame = { caller: sender, to: tx.to, value: tx.value, data: tx.data, gas: tx.gasLimit - intrinsic };
  const context = {
    origin: sender,
    gasPrice,
    blobVersionedHashes: tx.blobVersionedHashes,
    warmAddresses: initiallyWarm(tx, sender, authorities, env, host),
    accessList: tx.accessList,
    deadline: use.deadline,
    keepsWrites: use.keepsWrites,
  };
  return { run: () => machine.run(frame, context, env, host), intrinsicGas: intrinsic, authorizationRefund: refund };
}

/** What the sender pays for, and what the refunds took off it. */
function gasOf(
  tx: UnsignedTransaction,
  frame: FrameResult,
  begun: Begun,
  fork: Hardfork,
): { readonly gasUsed: bigint; readonly gasRefunded: bigint } {
  const gasSpent = begun.intrinsicGas + frame.gasUsed;
  const refund = begun.authorizationRefund + frame.refund;
  const gasRefunded = minimum(refund, gasSpent / (isAtLeast(fork, "london") ? 5n : 2n));
  return { gasUsed: maximum(gasSpent - gasRefunded, floorDataGas(tx, fork)), gasRefunded };
}

/** Pays for the gas, and removes the accounts that go. */
function settle(
  tx: UnsignedTransaction,
  { sender, gasPrice }: Payment,
  { frame, gasUsed }: { readonly frame: FrameResult; readonly gasUsed: bigint },
  { env, host }: Stage,
): void {
  creditBalance(sender, (tx.gasLimit - gasUsed) * gasPrice, env.fork, host);
  creditBalance(env.beneficiary, gasUsed * (gasPrice - env.baseFee), env.fork, host);
  settleAccounts(frame, [sender, env.beneficiary], env.fork, host);
}

function buyGas(tx: UnsignedTransaction, sender: Address, gasPrice: Wei, env: BlockEnvironment, host: Host): void {
  const account = host.account(sender) ?? EMPTY_ACCOUNT;
  const fee = tx.gasLimit * gasPrice + blobGas(tx) * env.blobBaseFee;
  host.setAccount(sender, {
    nonce: account.nonce + 1n,
    balance: account.balance - fee,
    codeHash: account.codeHash,
  });
}

function initiallyWarm(
  tx: UnsignedTransaction,
  sender: Address,
  authorities: readonly Address[],
  env: BlockEnvironment,
  host: Host,
): Address[] {
  const warm = [sender, ...authorities];
  if (isAtLeast(env.fork, "shanghai")) warm.push(env.beneficiary);
  if (tx.to === null) return warm;
  warm.push(tx.to);
  if (!isAtLeast(env.fork, "prague")) return warm;
  const delegate = delegateOf(host, host.account(tx.to));
  if (delegate !== null) warm.push(delegate);
  return warm;
}

/** Adds to a balance. Before EIP-161 even nothing brings the account into being. */
function creditBalance(address: Address, amount: Wei, fork: Hardfork, host: Host): void {
  const account = host.account(address);
  if (amount === 0n && (account !== null || isAtLeast(fork, "spuriousDragon"))) return;
  const { nonce, balance, codeHash } = account ?? EMPTY_ACCOUNT;
  host.setAccount(address, { nonce, balance: balance + amount, codeHash });
}

/** Removes destroyed accounts, then, from Spurious Dragon on, touched accounts that are empty. @see EIP-161, EIP-6780 */
function settleAccounts(frame: FrameResult, alsoTouched: readonly Address[], fork: Hardfork, host: Host): void {
  for (const address of frame.destroyed) host.deleteAccount(address);
  if (!isAtLeast(fork, "spuriousDragon")) return;
  for (const address of frame.touched) removeIfEmpty(address, host);
  for (const address of alsoTouched) removeIfEmpty(address, host);
}

function removeIfEmpty(address: Address, host: Host): void {
  const account = host.account(address);
  if (account === null || account.nonce !== 0n || account.balance !== 0n) return;
  if (bytesEqual(account.codeHash, KECCAK_EMPTY)) host.deleteAccount(address);
}

function blobGas(tx: UnsignedTransaction): bigint {
  return BigInt(tx.blobVersionedHashes.length) * GAS_PER_BLOB;
}

const environmentsWithoutFees = new WeakMap<BlockEnvironment, BlockEnvironment>();

/** The block as a message without a price sees it: as in geth, BASEFEE and BLOBBASEFEE answer 0. */
function withoutFees(env: BlockEnvironment): BlockEnvironment {
  let free = environmentsWithoutFees.get(env);
  if (free === undefined) {
    free = { ...env, baseFee: 0n, blobBaseFee: 0n };
    environmentsWithoutFees.set(env, free);
  }
  return free;
}

function asTransaction(message: CallMessage): UnsignedTransaction {
  return {
    type: 2,
    chainId: null,
    nonce: 0n,
    gasPrice: message.gasPrice,
    maxFeePerGas: message.gasPrice,
    maxPriorityFeePerGas: message.gasPrice,
    gasLimit: message.gas,
    to: message.to,
    value: message.value,
    data: message.data,
    accessList: message.accessList,
    authorizationList: message.authorizationList,
    maxFeePerBlobGas: 0n,
    blobVersionedHashes: message.blobVersionedHashes,
  };
}

function minimum(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function maximum(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
