// Runner of Ethereum's blockchain tests: system calls, transactions, rewards, withdrawals and requests of every block,
// compared with its header; a block that must be refused leaves the chain where it was.

import { bigintFromBytes, bytesEqual, concatBytes, isZeroBytes } from "#base/bytes.ts";
import { fromHex, toBareHex, toHex } from "#base/hex.ts";
import { fakeExponential } from "#chain/base-fee.ts";
import { type Block, decodeBlock } from "#chain/block.ts";
import { logsBloom } from "#chain/bloom.ts";
import {
  blobParametersAt,
  type ChainSpec,
  createChainSpec,
  ETHEREUM_BASE_FEE,
  OSAKA_TRANSACTION_GAS_CAP,
} from "#chain/chain-spec.ts";
import { type Hardfork, isAtLeast } from "#chain/hardforks.ts";
import { type BlockHeader, headerHash } from "#chain/header.ts";
import type { Log } from "#chain/log.ts";
import { orderedTrieRoot } from "#chain/ordered-trie.ts";
import { BEACON_ROOTS_ADDRESS, HISTORY_STORAGE_ADDRESS } from "#chain/predeploys.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import { encodeReceipt, type Receipt } from "#chain/receipt.ts";
import { RlpError } from "#chain/rlp.ts";
import { recoverSender, TransactionDecodeError } from "#chain/transaction.ts";
import { KECCAK_EMPTY } from "#crypto/keccak256.ts";
import { sha256 } from "#crypto/sha256.ts";
import type { BlockEnvironment, Engine } from "#evm/engine.ts";
import type { Host } from "#evm/host.ts";
import { OverlayHost } from "#evm/overlay-host.ts";
import { GAS_PER_BLOB } from "#evm/transition.ts";
import { VECTOR_FORKS } from "#test/vectors.ts";
import { blockRefusal } from "./block-validity.ts";
import { type ConformanceCase, type EngineOf, skippedCase, type Verdict } from "./case.ts";
import { type WorldAccount, worldRoot } from "./trie-root.ts";
import { accountsOf, type FixtureAccounts, firstDifference, seededHost } from "./world.ts";

type BlobRules = { readonly target: string; readonly max: string; readonly baseFeeUpdateFraction: string };

/** One chain of blocks. */
export type BlockFixture = {
  readonly network: string;
  readonly config?: { readonly chainid?: string; readonly blobSchedule?: Readonly<Record<string, BlobRules>> };
  readonly genesisRLP: string;
  readonly pre: FixtureAccounts;
  readonly blocks: readonly { readonly rlp: string; readonly expectException?: string }[];
  readonly lastblockhash: string;
  readonly postState?: FixtureAccounts;
};

type Step = {
  readonly name: string;
  readonly fork: Hardfork;
  readonly by: "number" | "timestamp";
  readonly from: bigint;
};

/** Forks that change blob parameters alone. @see EIP-7892 */
const BLOB_FORK = /^BPO[1-5]$/;

/** Wei for a block, newest rule first. @see EIP-649, EIP-1234, EIP-3675 */
const REWARDS: readonly (readonly [since: Hardfork, reward: bigint])[] = [
  ["paris", 0n],
  ["constantinople", 2n * 10n ** 18n],
  ["byzantium", 3n * 10n ** 18n],
  ["frontier", 5n * 10n ** 18n],
];
const GWEI = 10n ** 9n;
const DEPOSIT_CONTRACT = fromHex("00000000219ab540356cbb839cbe05303d7705fa");
const DEPOSIT_TOPIC = fromHex("649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5");
const WITHDRAWAL_REQUESTS = fromHex("00000961ef480eb55e80d19ad83579a64c007002");
const CONSOLIDATION_REQUESTS = fromHex("0000bbddc7ce488642fb579f8b00f3a590007251");

/** The fields of a deposit log: offset of each length word, and the length it must have. @see EIP-6110 */
const DEPOSIT_FIELDS = [
  [160, 48],
  [256, 32],
  [320, 8],
  [384, 96],
  [512, 8],
] as const;

/** A block that the rules refuse. */
class BlockRefused extends Error {
  override readonly name = "BlockRefused";
}

/** The one case of a fixture. */
export function blockCaseOf(name: string, fixture: BlockFixture, group: string): ConformanceCase {
  const { network } = fixture;
  const steps = stepsOf(network);
  if (steps === null) return skippedCase(name, network, group, `the node does not know the network ${network}`);
  const run: ConformanceCase["run"] = (engineOf) => runChain(fixture, specOf(fixture, steps), engineOf);
  return { name, fork: network, group, skipReason: null, run };
}

async function runChain(fixture: BlockFixture, spec: ChainSpec, engineOf: EngineOf): Promise<Verdict> {
  const genesis = decodeBlock(fromHex(fixture.genesisRLP)).header;
  const chain = new TestChain(spec, await engineOf(spec), genesis, fixture.pre);
  for (const [i, { rlp, expectException }] of fixture.blocks.entries()) {
    const refusal = await chain.tryImport(fromHex(rlp));
    if (refusal !== null && expectException === undefined) {
      return `block ${i} refused: ${refusal}${i === fixture.blocks.length - 1 ? whereItDiffers(chain, fixture) : ""}`;
    }
    if (refusal === null && expectException !== undefined) return `block ${i} accepted, expected ${expectException}`;
  }
  const head = toHex(headerHash(chain.head));
  return head === fixture.lastblockhash ? null : `head ${head}, expected ${fixture.lastblockhash}`;
}

function whereItDiffers(chain: TestChain, { postState }: BlockFixture): string {
  const where = postState === undefined ? null : firstDifference(chain.attemptedAccounts(), postState);
  return where === null ? "" : `; ${where}`;
}

class TestChain {
  head: BlockHeader;
  readonly #spec: ChainSpec;
  readonly #engine: Engine;
  readonly #hashes = new Map<bigint, Hash32>();
  readonly #addresses = new Set<string>();
  #state: Host;
  #attempted: Host;

  constructor(spec: ChainSpec, engine: Engine, genesis: BlockHeader, pre: FixtureAccounts) {
    this.#spec = spec;
    this.#engine = engine;
    const source = seededHost(pre);
    for (const key of source.accounts.keys()) this.#addresses.add(key);
    this.#state = source;
    this.#attempted = source;
    this.head = genesis;
    this.#hashes.set(BigInt(genesis.number), headerHash(genesis));
  }

  /** Adds a block, or answers why it is refused. */
  async tryImport(rlp: Uint8Array): Promise<string | null> {
    const host = new OverlayHost(this.#state, (number) => this.#hashes.get(number) ?? new Uint8Array(32));
    this.#attempted = host;
    try {
      const block = decodeBlock(rlp);
      const refusal = blockRefusal(block, this.head, this.#spec, rlp.length);
      if (refusal !== null) return refusal;
      await this.#process(block, host);
      this.#state = host;
      this.head = block.header;
      this.#hashes.set(BigInt(block.header.number), headerHash(block.header));
      return null;
    } catch (error) {
      if (error instanceof BlockRefused || error instanceof RlpError || error instanceof TransactionDecodeError) {
        return error.message;
      }
      throw error;
    }
  }

  /** The accounts as the last block left them, refused or not. */
  attemptedAccounts(): Generator<WorldAccount> {
    return accountsOf(this.#attempted, [...this.#addresses]);
  }

  async #process(block: Block, host: OverlayHost): Promise<void> {
    const { header } = block;
    const env = environmentOf(header, this.#spec);
    await this.#beginBlock(header, env, host);
    const receipts = await this.#applyTransactions(block, env, host);
    for (const { address, amountGwei } of block.withdrawals ?? []) credit(host, address, amountGwei * GWEI);
    payRewards(block, env.fork, host);
    const logs = receipts.flatMap((receipt) => receipt.logs);
    if (isAtLeast(env.fork, "prague")) await this.#checkRequests(header, logs, env, host);
    expectSame("receipts root", orderedTrieRoot(receipts.map(encodeReceipt)), header.receiptsRoot);
    expectSame("logs bloom", logsBloom(logs), header.logsBloom);
    expectSame("state root", this.#rootOf(host), header.stateRoot);
  }

  #rootOf(host: OverlayHost): Uint8Array {
    for (const { address } of host.touchedAccounts()) this.#addresses.add(toBareHex(address));
    return worldRoot(accountsOf(host, [...this.#addresses]));
  }

  async #beginBlock(header: BlockHeader, env: BlockEnvironment, host: Host): Promise<void> {
    if (isAtLeast(env.fork, "cancun")) {
      await this.#engine.systemCall(BEACON_ROOTS_ADDRESS, header.parentBeaconBlockRoot!, env, host);
    }
    if (isAtLeast(env.fork, "prague")) {
      await this.#engine.systemCall(HISTORY_STORAGE_ADDRESS, header.parentHash, env, host);
    }
  }

  async #applyTransactions(block: Block, env: BlockEnvironment, host: OverlayHost): Promise<Receipt[]> {
    const { header, transactions } = block;
    const receipts: Receipt[] = [];
    let gasUsed = 0n;
    let blobCount = 0;
    for (const tx of transactions) {
      if (tx.gasLimit > header.gasLimit - gasUsed) throw new BlockRefused("gas limit reached");
      const sender = recoverSender(tx);
      if (sender === null) throw new BlockRefused("invalid signature");
      const result = await this.#engine.applyTransaction(tx, sender, env, host);
      if (result.kind === "rejected") throw new BlockRefused(result.reject.message);
      const { status, logs, gasUsed: own } = result.outcome;
      gasUsed += own;
      blobCount += tx.blobVersionedHashes.length;
      const receipt: Receipt = {
        type: tx.type,
        status,
        cumulativeGasUsed: Number(gasUsed),
        gasUsed: Number(own),
        logs,
      };
      receipts.push(isAtLeast(env.fork, "byzantium") ? receipt : { ...receipt, stateRoot: this.#rootOf(host) });
    }
    if (gasUsed !== header.gasUsed) throw new BlockRefused(`gas used ${gasUsed}, header says ${header.gasUsed}`);
    const blobMax = blobParametersAt(this.#spec, header.timestamp)?.max ?? 0;
    if (blobCount > blobMax) throw new BlockRefused(`${blobCount} blobs, permitted ${blobMax}`);
    if (BigInt(blobCount) * GAS_PER_BLOB !== (header.blobGasUsed ?? 0n)) throw new BlockRefused("other blob gas");
    return receipts;
  }

  async #checkRequests(header: BlockHeader, logs: readonly Log[], env: BlockEnvironment, host: Host): Promise<void> {
    const deposits = concatBytes(...logs.filter(isDeposit).map(depositOf));
    const requests = [deposits];
    for (const contract of [WITHDRAWAL_REQUESTS, CONSOLIDATION_REQUESTS]) {
      const account = host.account(contract);
      if (account === null || bytesEqual(account.codeHash, KECCAK_EMPTY)) throw new BlockRefused("no system contract");
      const outcome = await this.#engine.systemCall(contract, new Uint8Array(0), env, host);
      if (outcome.halt !== null) throw new BlockRefused(`system call: ${outcome.halt}`);
      requests.push(outcome.output);
    }
    const hashes = requests.flatMap((data, type) => {
      return data.length === 0 ? [] : [sha256(concatBytes(Uint8Array.of(type), data))];
    });
    expectSame("requests hash", sha256(concatBytes(...hashes)), header.requestsHash!);
  }
}

function expectSame(what: string, have: Uint8Array, want: Uint8Array): void {
  if (!bytesEqual(have, want)) throw new BlockRefused(`${what} ${toHex(have)}, header says ${toHex(want)}`);
}

function credit(host: Host, address: Address, amount: bigint): void {
  const { nonce, balance, codeHash } = host.account(address) ?? { nonce: 0n, balance: 0n, codeHash: KECCAK_EMPTY };
  if (amount > 0n) host.setAccount(address, { nonce, balance: balance + amount, codeHash });
}

/** The miner's reward and that of ommers. @see yellow paper §11.3 */
function payRewards({ header, ommers }: Block, fork: Hardfork, host: Host): void {
  const [, reward] = REWARDS.find(([since]) => isAtLeast(fork, since))!;
  if (reward === 0n) return;
  for (const ommer of ommers) {
    credit(host, ommer.beneficiary, (reward * BigInt(8 + ommer.number - header.number)) / 8n);
  }
  credit(host, header.beneficiary, reward + (reward * BigInt(ommers.length)) / 32n);
}

function isDeposit({ address, topics }: Log): boolean {
  return bytesEqual(address, DEPOSIT_CONTRACT) && topics[0] !== undefined && bytesEqual(topics[0], DEPOSIT_TOPIC);
}

function depositOf({ data }: Log): Uint8Array {
  if (data.length !== 576) throw new BlockRefused("deposit log of another size");
  const parts = DEPOSIT_FIELDS.map(([offset, length], i) => {
    const pointer = data.subarray(32 * i, 32 * i + 32);
    const size = data.subarray(offset, offset + 32);
    if (bigintFromBytes(pointer) !== BigInt(offset)) throw new BlockRefused("deposit log with another layout");
    if (!isZeroBytes(size.subarray(0, 31)) || size[31] !== length)
      throw new BlockRefused("deposit field of another size");
    return data.subarray(offset + 32, offset + 32 + length);
  });
  return concatBytes(...parts);
}

function environmentOf(header: BlockHeader, spec: ChainSpec): BlockEnvironment {
  const fork = spec.hardforkAt(header.number, header.timestamp);
  const excessBlobGas = header.excessBlobGas ?? 0n;
  const blob = blobParametersAt(spec, header.timestamp);
  return {
    chainId: spec.chainId,
    number: BigInt(header.number),
    timestamp: header.timestamp,
    beneficiary: header.beneficiary,
    gasLimit: header.gasLimit,
    baseFee: header.baseFeePerGas ?? 0n,
    prevRandao: header.mixHash,
    difficulty: header.difficulty,
    blobBaseFee: blob === null ? 0n : fakeExponential(1n, excessBlobGas, blob.baseFeeUpdateFraction),
    excessBlobGas,
    fork,
    transactionGasCap: isAtLeast(fork, "osaka") ? spec.transactionGasCap : null,
  };
}

/** From names such as "Prague", "PragueToOsakaAtTime15k" and "BerlinToLondonAt5"; null when a fork is not known. */
function stepsOf(network: string): Step[] | null {
  const [, before, after, unit, number, kilo] = /^(\w+?)To(\w+?)At(Time)?(\d+)(k?)$/.exec(network) ?? [];
  const names = before === undefined ? [network] : [before, after!];
  const activation = number === undefined ? 0n : BigInt(number) * (kilo === "k" ? 1000n : 1n);
  const steps: Step[] = [];
  for (const [i, name] of names.entries()) {
    const fork = VECTOR_FORKS[name] ?? (BLOB_FORK.test(name) ? "osaka" : undefined);
    if (fork === undefined) return null;
    const isByTime = i > 0 && unit !== undefined;
    steps.push({ name, fork, by: isByTime ? "timestamp" : "number", from: i === 0 ? 0n : activation });
  }
  return steps;
}

function specOf({ config }: BlockFixture, steps: readonly Step[]): ChainSpec {
  return createChainSpec({
    kind: "ethereum",
    chainId: BigInt(config?.chainid ?? "0x1"),
    schedule: steps.map(({ fork, by, from }) => ({ fork, by, from })),
    stateRootDelay: 0,
    commitment: "mpt",
    baseFee: ETHEREUM_BASE_FEE,
    blockGasLimit: 0n,
    development: false,
    transactionGasCap: OSAKA_TRANSACTION_GAS_CAP,
    sequencer: null,
    blobSchedule: steps.flatMap(({ name, from }) => {
      const rules = config?.blobSchedule?.[name];
      if (rules === undefined) return [];
      const baseFeeUpdateFraction = BigInt(rules.baseFeeUpdateFraction);
      return [{ from, target: Number(rules.target), max: Number(rules.max), baseFeeUpdateFraction }];
    }),
  });
}
