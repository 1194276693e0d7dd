// Runner of the classic VM tests: one call with a given gas, compared by gas left, output, logs and the accounts after it;
// a fixture without an expected gas must halt. The rules are mainnet's at the block's number, as in geth's runner.
//
// An engine knows transactions only, so the call is dressed as one: the caller can pay, the gas limit has the intrinsic
// gas on top, and the value is taken from the callee first, since these fixtures leave the transfer out. The caller's code,
// which a sender may not have (EIP-3607), is left out: it never runs, as these fixtures make no calls.

import { bytesEqual } from "#base/bytes.ts";
import { fromHex, toHex } from "#base/hex.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import type { Transaction } from "#chain/transaction.ts";
import { intrinsicGas } from "#chain/validity.ts";
import type { BlockEnvironment, CallMessage, Engine } from "#evm/engine.ts";
import type { ConformanceCase, Verdict } from "./case.ts";
import { MAINNET_SPEC } from "./mainnet-spec.ts";
import { hashOfLogs } from "./state-tests.ts";
import {
  addressFromText,
  createWorld,
  type FixtureAccount,
  type FixtureAccounts,
  firstDifference,
  type World,
  wordFromText,
} from "./world.ts";

/** One classic VM test. */
export type VmFixture = {
  readonly env: Readonly<Record<string, string>>;
  readonly exec: Readonly<Record<string, string>>;
  readonly pre: FixtureAccounts;
  /** These four are absent when the call must halt. */
  readonly gas?: string;
  readonly out?: string;
  readonly logs?: string;
  readonly post?: FixtureAccounts;
};

const CALLER_BALANCE = 1n << 200n;
const EMPTY_ACCOUNT: FixtureAccount = { nonce: "0x0", balance: "0x0", code: "0x", storage: {} };

/** The one case of a fixture. */
export function vmCaseOf(name: string, fixture: VmFixture, group: string): ConformanceCase {
  const number = BigInt(fixture.env.currentNumber!);
  const fork = MAINNET_SPEC.hardforkAt(number, BigInt(fixture.env.currentTimestamp!));
  const run: ConformanceCase["run"] = async (engineOf) => runVmFixture(fixture, fork, await engineOf(MAINNET_SPEC));
  return { name, fork, group, skipReason: null, run };
}

async function runVmFixture(fixture: VmFixture, fork: Hardfork, engine: Engine): Promise<Verdict> {
  const tx = transactionOf(fixture.exec, fork);
  const env = environmentOf(fixture.env, fork, tx.gasLimit);
  const sender = addressFromText(fixture.exec.caller!);
  const world = createWorld(preOf(fixture));
  const result = await engine.applyTransaction(tx, sender, env, world.host);
  if (result.kind === "rejected") return `rejected: ${result.reject.message}`;
  const { halt, gasUsed, output, logs } = result.outcome;
  if (fixture.gas === undefined) {
    if (halt === null) return "no halt, expected one";
    return gasUsed === tx.gasLimit ? null : `${tx.gasLimit - gasUsed} gas left after ${halt}, expected none`;
  }
  if (halt !== null) return `halt: ${halt}, expected success`;
  // Only a call tells the refund apart, which the gas left of a fixture does not contain.
  const call = await engine.call(messageOf(tx, sender), env, createWorld(preOf(fixture)).host);
  if (gasUsed !== call.gasUsed) return `gas used ${gasUsed} as a transaction, ${call.gasUsed} as a call`;
  const gasLeft = tx.gasLimit - gasUsed - call.gasRefunded;
  if (gasLeft !== BigInt(fixture.gas)) return `gas left ${gasLeft}, expected ${BigInt(fixture.gas)}`;
  if (!bytesEqual(output, fromHex(fixture.out!))) return `output ${toHex(output)}, expected ${fixture.out}`;
  const logsHash = toHex(hashOfLogs(logs));
  if (logsHash !== fixture.logs) return `logs hash ${logsHash}, expected ${fixture.logs}`;
  return postDifference(fixture, world, env);
}

/** The caller, who pays, and the coinbase, who earns, are not compared. */
function postDifference({ exec, post }: VmFixture, world: World, env: BlockEnvironment): string | null {
  const caller = addressFromText(exec.caller!);
  const isCompared = (address: Uint8Array): boolean => {
    return !bytesEqual(address, caller) && !bytesEqual(address, env.beneficiary);
  };
  const have = [...world.accounts()].filter(({ address }) => isCompared(address));
  const want = Object.entries(post ?? {}).filter(([address]) => isCompared(addressFromText(address)));
  return firstDifference(have, Object.fromEntries(want));
}

function preOf({ exec, pre }: VmFixture): FixtureAccounts {
  const callee = pre[exec.address!] ?? EMPTY_ACCOUNT;
  const caller = pre[exec.caller!] ?? EMPTY_ACCOUNT;
  const balance = BigInt(callee.balance) - BigInt(exec.value!);
  return {
    ...pre,
    [exec.caller!]: { ...caller, nonce: "0x0", code: "0x", balance: CALLER_BALANCE.toString() },
    [exec.address!]: { ...callee, code: exec.code!, balance: (balance < 0n ? 0n : balance).toString() },
  };
}

function transactionOf(exec: VmFixture["exec"], fork: Hardfork): Transaction {
  const gasPrice = BigInt(exec.gasPrice!);
  const one = wordFromText("1");
  const tx: Transaction = {
    type: 0,
    chainId: null,
    nonce: 0n,
    gasPrice,
    maxFeePerGas: gasPrice,
    maxPriorityFeePerGas: gasPrice,
    gasLimit: 0n,
    to: addressFromText(exec.address!),
    value: BigInt(exec.value!),
    data: fromHex(exec.data!),
    accessList: [],
    authorizationList: [],
    maxFeePerBlobGas: 0n,
    blobVersionedHashes: [],
    yParity: 0,
    r: one,
    s: one,
  };
  return { ...tx, gasLimit: BigInt(exec.gas!) + intrinsicGas(tx, fork) };
}

function messageOf(tx: Transaction, from: Uint8Array): CallMessage {
  const { to, gasLimit: gas, gasPrice, value, data, accessList, authorizationList, blobVersionedHashes } = tx;
  return {
    from,
    to,
    gas,
    gasPrice,
    value,
    data,
    accessList,
    authorizationList,
    blobVersionedHashes,
    checks: "call",
  };
}

function environmentOf(env: VmFixture["env"], fork: Hardfork, gasLimitMin: bigint): BlockEnvironment {
  const gasLimit = BigInt(env.currentGasLimit!);
  return {
    chainId: MAINNET_SPEC.chainId,
    number: BigInt(env.currentNumber!),
    timestamp: BigInt(env.currentTimestamp!),
    beneficiary: addressFromText(env.currentCoinbase!),
    gasLimit: gasLimit < gasLimitMin ? gasLimitMin : gasLimit,
    baseFee: 0n,
    prevRandao: new Uint8Array(32),
    difficulty: BigInt(env.currentDifficulty ?? "0x0"),
    blobBaseFee: 0n,
    excessBlobGas: 0n,
    fork,
    transactionGasCap: null,
  };
}
