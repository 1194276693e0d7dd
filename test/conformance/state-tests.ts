// Runner of Ethereum's state tests: builds the pre-state, applies one transaction by the engine under test, and compares
// the root of the whole post-state and the hash of the logs. A transaction that must be rejected must leave no trace.

import { bytesEqual } from "#base/bytes.ts";
import { fromHex, toHex } from "#base/hex.ts";
import { type ChainSpec, createChainSpec, ETHEREUM_BASE_FEE, OSAKA_TRANSACTION_GAS_CAP } from "#chain/chain-spec.ts";
import { type Hardfork, isAtLeast } from "#chain/hardforks.ts";
import type { Log } from "#chain/log.ts";
import { encodeRlp } from "#chain/rlp.ts";
import { decodeTransaction, recoverSender, TransactionDecodeError } from "#chain/transaction.ts";
import { KECCAK_EMPTY, keccak256 } from "#crypto/keccak256.ts";
import type { BlockEnvironment, Engine, TransactionResult } from "#evm/engine.ts";
import type { Host } from "#evm/host.ts";
import { VECTOR_FORKS } from "#test/vectors.ts";
import { touchAccount, type World } from "./world.ts";

type HexText = string;

type PostEntry = {
  readonly hash: HexText;
  readonly logs: HexText;
  readonly txbytes: HexText;
  readonly expectException?: string;
  readonly indexes: { readonly data: number; readonly gas: number; readonly value: number };
};

/** An account of a fixture's pre-state. */
export type FixtureAccount = {
  readonly nonce: HexText;
  readonly balance: HexText;
  readonly code: HexText;
  readonly storage: Readonly<Record<HexText, HexText>>;
};

type Fixture = {
  readonly env: Readonly<Record<string, HexText>>;
  readonly pre: Readonly<Record<HexText, FixtureAccount>>;
  readonly transaction: { readonly sender?: HexText };
  readonly post: Readonly<Record<string, readonly PostEntry[]>>;
  readonly config?: {
    readonly chainid?: HexText;
    readonly blobSchedule?: Readonly<Record<string, { target: HexText; max: HexText; baseFeeUpdateFraction: HexText }>>;
  };
};

/** One transaction of one fixture under one fork. */
export type StateCase = {
  readonly name: string;
  readonly fork: Hardfork;
  readonly fixture: Fixture;
  readonly entry: PostEntry;
  /** Fixtures filled by geth add a reward of nothing to the coinbase after the transaction. */
  readonly rewardsNothing: boolean;
};

/** null: passed; otherwise the first difference. */
export type Verdict = string | null;

const BLOB_DEFAULTS = {
  cancun: { target: 3, max: 6, baseFeeUpdateFraction: 3_338_477n },
  prague: { target: 6, max: 9, baseFeeUpdateFraction: 5_007_716n },
};

/** Lists the cases of one file's content. */
export function casesOf(content: string, rewardsNothing: boolean): StateCase[] {
  const fixtures = JSON.parse(content) as Record<string, Fixture>;
  const cases: StateCase[] = [];
  for (const [title, fixture] of Object.entries(fixtures)) {
    for (const [forkName, entries] of Object.entries(fixture.post)) {
      const fork = VECTOR_FORKS[forkName];
      if (fork === undefined) throw new Error(`unknown fork in a fixture: ${forkName}`);
      for (const entry of entries) {
        const { data, gas, value } = entry.indexes;
        const name = `${title} ${forkName} d${data} g${gas} v${value}`;
        cases.push({ name, fork, fixture, entry, rewardsNothing });
      }
    }
  }
  return cases;
}

/** Runs one case on a fresh world. */
export async function runCase(
  stateCase: StateCase,
  engineOf: (spec: ChainSpec) => Promise<Engine>,
  world: World,
): Promise<Verdict> {
  const { fixture, entry, fork } = stateCase;
  const spec = specOf(stateCase);
  const env = environmentOf(stateCase, spec);
  for (const [address, account] of Object.entries(fixture.pre)) seedAccount(world.source, address, account);
  const result = await applyBytes(entry, fixture, await engineOf(spec), env, world);
  if (stateCase.rewardsNothing && !isAtLeast(fork, "spuriousDragon")) touchAccount(world.host, env.beneficiary);
  if (typeof result === "string" && entry.expectException === undefined) return `not decoded: ${result}`;
  const isRejected = typeof result === "string" || result.kind === "rejected";
  if (entry.expectException !== undefined && !isRejected) return `applied, expected ${entry.expectException}`;
  if (entry.expectException === undefined && isRejected) {
    return `rejected: ${typeof result === "string" ? result : result.kind === "rejected" ? result.reject.message : ""}`;
  }
  const logs = typeof result !== "string" && result.kind === "applied" ? result.outcome.logs : [];
  const outcome = typeof result !== "string" && result.kind === "applied" ? result.outcome : null;
  const root = world.root();
  if (!bytesEqual(root, fromHex(entry.hash))) {
    return `root ${toHex(root)}, expected ${entry.hash} (gas used ${outcome?.gasUsed}, halt ${outcome?.halt})`;
  }
  const logsHash = keccak256(encodeRlp(logs.map(logFields)));
  return bytesEqual(logsHash, fromHex(entry.logs)) ? null : `logs hash ${toHex(logsHash)}, expected ${entry.logs}`;
}

async function applyBytes(
  entry: PostEntry,
  fixture: Fixture,
  engine: Engine,
  env: BlockEnvironment,
  world: World,
): Promise<TransactionResult | string> {
  try {
    const tx = decodeTransaction(fromHex(entry.txbytes));
    const sender = recoverSender(tx);
    if (sender === null) return "invalid signature";
    const wanted = fixture.transaction.sender;
    if (wanted !== undefined && entry.expectException === undefined && !bytesEqual(sender, fromHex(wanted))) {
      return `sender ${toHex(sender)}, expected ${wanted}`;
    }
    return await engine.applyTransaction(tx, sender, env, world.host);
  } catch (error) {
    if (error instanceof TransactionDecodeError) return error.message;
    throw error;
  }
}

/** Puts an account of a fixture into a host that is not used yet. */
export function seedAccount(host: Host, address: string, account: FixtureAccount): void {
  const owner = fromHex(address);
  const code = fromHex(account.code);
  const codeHash = code.length === 0 ? KECCAK_EMPTY : host.putCode(code);
  host.setAccount(owner, { nonce: BigInt(account.nonce), balance: BigInt(account.balance), codeHash });
  for (const [slot, value] of Object.entries(account.storage)) host.setSlot(owner, word(slot), word(value));
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
    prevRandao: word(env.currentRandom ?? "0x0"),
    difficulty: isAtLeast(fork, "paris") ? 0n : BigInt(env.currentDifficulty ?? "0x0"),
    blobBaseFee: isCancun ? blobBaseFee(excessBlobGas, blobRules(fixture, fork).baseFeeUpdateFraction) : 0n,
    excessBlobGas,
    fork,
    transactionGasCap: isAtLeast(fork, "osaka") ? spec.transactionGasCap : null,
  };
}

function blobRules(fixture: Fixture, fork: Hardfork): { target: number; max: number; baseFeeUpdateFraction: bigint } {
  const name = Object.keys(VECTOR_FORKS).find((key) => VECTOR_FORKS[key] === fork)!;
  const rules = fixture.config?.blobSchedule?.[name];
  if (rules === undefined) return isAtLeast(fork, "prague") ? BLOB_DEFAULTS.prague : BLOB_DEFAULTS.cancun;
  return {
    target: Number(rules.target),
    max: Number(rules.max),
    baseFeeUpdateFraction: BigInt(rules.baseFeeUpdateFraction),
  };
}

/** Wei per blob gas: fake_exponential of EIP-4844 with the least price of 1 wei. */
export function blobBaseFee(excessBlobGas: bigint, fraction: bigint): bigint {
  let output = 0n;
  let term = fraction;
  for (let i = 1n; term > 0n; i++) {
    output += term;
    term = (term * excessBlobGas) / (fraction * i);
  }
  return output / fraction;
}

function logFields(log: Log): (Uint8Array | readonly Uint8Array[])[] {
  return [log.address, log.topics, log.data];
}

function word(text: string): Uint8Array {
  return fromHex(text.replace(/^0x/, "").padStart(64, "0"));
}
