// Runner of Ethereum's state tests: builds the pre-state, applies one transaction by the engine under test, and compares
// the root of the whole post-state and the hash of the logs. A transaction that must be rejected must leave no trace.

import { bytesEqual } from "#base/bytes.ts";
import { fromHex, toHex } from "#base/hex.ts";
import { fakeExponential } from "#chain/base-fee.ts";
import { type ChainSpec, createChainSpec, ETHEREUM_BASE_FEE, OSAKA_TRANSACTION_GAS_CAP } from "#chain/chain-spec.ts";
import { type Hardfork, isAtLeast } from "#chain/hardforks.ts";
import type { Log } from "#chain/log.ts";
import type { Address } from "#chain/primitives.ts";
import { encodeRlp } from "#chain/rlp.ts";
import { decodeTransaction, recoverSender, type Transaction, TransactionDecodeError } from "#chain/transaction.ts";
import { keccak256 } from "#crypto/keccak256.ts";
import type { BlockEnvironment, Engine, TransactionOutcome } from "#evm/engine.ts";
import { VECTOR_FORKS } from "#test/vectors.ts";
import { type ConformanceCase, type EngineOf, skippedCase, type Verdict } from "./case.ts";
import { type FixtureTransaction, transactionOf, type VectorIndexes } from "./fixture-transaction.ts";
import { worldRoot } from "./trie-root.ts";
import { createWorld, type FixtureAccounts, firstDifference, touchAccount, type World, wordFromText } from "./world.ts";

type PostEntry = {
  readonly hash: string;
  readonly logs: string;
  /** The signed transaction; absent in old fixtures. */
  readonly txbytes?: string;
  readonly expectException?: string;
  readonly indexes: VectorIndexes;
  /** The accounts behind `hash`; absent in old fixtures. */
  readonly state?: FixtureAccounts;
};

/** One state test: a transaction in variants, with what it leaves behind under each fork. */
export type StateFixture = {
  readonly _info?: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string>>;
  readonly pre: FixtureAccounts;
  readonly transaction: FixtureTransaction;
  readonly post: Readonly<Record<string, readonly PostEntry[]>>;
  readonly config?: {
    readonly chainid?: string;
    readonly blobSchedule?: Readonly<Record<string, { target: string; max: string; baseFeeUpdateFraction: string }>>;
  };
};

type StateCase = { readonly fixture: StateFixture; readonly fork: Hardfork; readonly entry: PostEntry };

/** What happened to the transaction: an outcome, or in words why there is none. */
type Applied = { readonly outcome: TransactionOutcome } | { readonly refusal: string };

const BLOB_DEFAULTS = {
  cancun: { target: 3, max: 6, baseFeeUpdateFraction: 3_338_477n },
  prague: { target: 6, max: 9, baseFeeUpdateFraction: 5_007_716n },
};

/** The cases of one fixture: each variant under each fork. */
export function stateCasesOf(title: string, fixture: StateFixture, group: string): ConformanceCase[] {
  return Object.entries(fixture.post).flatMap(([forkName, entries]) => {
    const fork = VECTOR_FORKS[forkName];
    return entries.map((entry): ConformanceCase => {
      const { data, gas, value } = entry.indexes;
      const name = `${title} d${data} g${gas} v${value}`;
      if (fork === undefined) return skippedCase(name, forkName, group, `the node does not know the fork ${forkName}`);
      const run = (engineOf: EngineOf): Promise<Verdict> => runStateCase({ fixture, fork, entry }, engineOf);
      return { name, fork: forkName, group, skipReason: null, run };
    });
  });
}

async function runStateCase(stateCase: StateCase, engineOf: EngineOf): Promise<Verdict> {
  const { fixture, entry, fork } = stateCase;
  const spec = specOf(stateCase);
  const env = environmentOf(stateCase, spec);
  const world = createWorld(fixture.pre);
  const applied = await applyEntry(stateCase, await engineOf(spec), env, world);
  if (rewardsNothing(fixture) && !isAtLeast(fork, "spuriousDragon")) touchAccount(world.host, env.beneficiary);
  const isRefused = "refusal" in applied;
  if (entry.expectException !== undefined && !isRefused) return `applied, expected ${entry.expectException}`;
  if (entry.expectException === undefined && isRefused) return applied.refusal;
  return postDifference(entry, isRefused ? null : applied.outcome, world);
}

function postDifference(entry: PostEntry, outcome: TransactionOutcome | null, world: World): string | null {
  const accounts = [...world.accounts()];
  const root = worldRoot(accounts);
  if (!bytesEqual(root, fromHex(entry.hash))) {
    const where = entry.state === undefined ? null : firstDifference(accounts, entry.state);
    const what = outcome === null ? "rejected" : `gas used ${outcome.gasUsed}, halt ${outcome.halt}`;
    return `${where === null ? "" : `${where}; `}root ${toHex(root)}, expected ${entry.hash} (${what})`;
  }
  const logsHash = hashOfLogs(outcome?.logs ?? []);
  return bytesEqual(logsHash, fromHex(entry.logs)) ? null : `logs hash ${toHex(logsHash)}, expected ${entry.logs}`;
}

async function applyEntry(
  { fixture, entry }: StateCase,
  engine: Engine,
  env: BlockEnvironment,
  world: World,
): Promise<Applied> {
  const signed = signedTransaction(fixture, entry);
  if ("refusal" in signed) return signed;
  const result = await engine.applyTransaction(signed.tx, signed.sender, env, world.host);
  return result.kind === "applied" ? result : { refusal: `rejected: ${result.reject.message}` };
}

function signedTransaction(
  { transaction }: StateFixture,
  entry: PostEntry,
): { readonly tx: Transaction; readonly sender: Address } | { readonly refusal: string } {
  if (entry.txbytes === undefined) return transactionOf(transaction, entry.indexes);
  try {
    const tx = decodeTransaction(fromHex(entry.txbytes));
    const sender = recoverSender(tx);
    if (sender === null) return { refusal: "invalid signature" };
    const wanted = transaction.sender;
    if (wanted !== undefined && entry.expectException === undefined && toHex(sender) !== wanted.toLowerCase()) {
      return { refusal: `sender ${toHex(sender)}, expected ${wanted}` };
    }
    return { tx, sender };
  } catch (error) {
    if (error instanceof TransactionDecodeError) return { refusal: `not decoded: ${error.message}` };
    throw error;
  }
}

/**
 * Whether the tool that filled the fixture closed the block with a reward of nothing to the coinbase, which brings that
 * account into being before EIP-161. retesteth and testeth did; execution-spec-tests, which name their format, do not.
 */
function rewardsNothing({ _info }: StateFixture): boolean {
  const info = _info ?? {};
  if ("fixture-format" in info || "fixture_format" in info) return false;
  return "filling-rpc-server" in info || !("filling-transition-tool" in info);
}

function specOf({ fixture, fork }: StateCase): ChainSpec {
  const blob = blobRules(fixture, fork);
  return createChainSpec({
    kind: "ethereum",
    chainId: BigInt(fixture.config?.chainid ?? "0x1"),
    schedule: [{ fork, by: "number", from: 0n }],
    stateRootDelay: 0,
    commitment: "mpt",
    baseFee: ETHEREUM_BASE_FEE,
    blockGasLimit: BigInt(fixture.env.currentGasLimit!),
    development: false,
    transactionGasCap: OSAKA_TRANSACTION_GAS_CAP,
    sequencer: null,
    blobSchedule: isAtLeast(fork, "cancun") ? [{ from: 0n, ...blob }] : [],
  });
}

function environmentOf({ fixture, fork }: StateCase, spec: ChainSpec): BlockEnvironment {
  const { env } = fixture;
  const excessBlobGas = BigInt(env.currentExcessBlobGas ?? "0x0");
  const isCancun = isAtLeast(fork, "cancun");
  return {
    chainId: spec.chainId,
    number: BigInt(env.currentNumber!),
    timestamp: BigInt(env.currentTimestamp!),
    beneficiary: fromHex(env.currentCoinbase!),
    gasLimit: BigInt(env.currentGasLimit!),
    baseFee: isAtLeast(fork, "london") ? BigInt(env.currentBaseFee ?? "0x0a") : 0n,
    prevRandao: wordFromText(env.currentRandom ?? "0x0"),
    difficulty: isAtLeast(fork, "paris") ? 0n : BigInt(env.currentDifficulty ?? "0x0"),
    blobBaseFee: isCancun ? fakeExponential(1n, excessBlobGas, blobRules(fixture, fork).baseFeeUpdateFraction) : 0n,
    excessBlobGas,
    fork,
    transactionGasCap: isAtLeast(fork, "osaka") ? spec.transactionGasCap : null,
  };
}

function blobRules(
  fixture: StateFixture,
  fork: Hardfork,
): { target: number; max: number; baseFeeUpdateFraction: bigint } {
  const name = Object.keys(VECTOR_FORKS).find((key) => VECTOR_FORKS[key] === fork)!;
  const rules = fixture.config?.blobSchedule?.[name];
  if (rules === undefined) return isAtLeast(fork, "prague") ? BLOB_DEFAULTS.prague : BLOB_DEFAULTS.cancun;
  return {
    target: Number(rules.target),
    max: Number(rules.max),
    baseFeeUpdateFraction: BigInt(rules.baseFeeUpdateFraction),
  };
}

/** What fixtures call the hash of logs: keccak256 of their RLP. */
export function hashOfLogs(logs: readonly Log[]): Uint8Array {
  return keccak256(
    encodeRlp(logs.map((log): (Uint8Array | readonly Uint8Array[])[] => [log.address, log.topics, log.data])),
  );
}
