// Runner of Ethereum's blockchain tests from Berlin on: system calls, transactions, withdrawals and requests of every
// block, compared with its header; a block that must be refused leaves the chain where it was.

import { bigintFromBytes, bytesEqual, concatBytes, isZeroBytes } from "#base/bytes.ts";
import { fromHex, toBareHex, toHex } from "#base/hex.ts";
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
import { recoverSender, TransactionDecodeError } from "#chain/transaction.ts";
import { KECCAK_EMPTY } from "#crypto/keccak256.ts";
import { sha256 } from "#crypto/sha256.ts";
import type { BlockEnvironment, Engine } from "#evm/engine.ts";
import type { Host } from "#evm/host.ts";
import { OverlayHost } from "#evm/overlay-host.ts";
import { GAS_PER_BLOB } from "#evm/transition.ts";
import { MemoryHost } from "#test/evm/memory-host.ts";
import { blobBaseFee, type FixtureAccount, seedAccount } from "./state-tests.ts";
import { worldRoot } from "./trie-root.ts";
import { accountsOf } from "./world.ts";

type BlobRules = { readonly target: string; readonly max: string; readonly baseFeeUpdateFraction: string };

type BlockFixture = {
  readonly network: string;
  readonly config: { readonly chainid: string; readonly blobSchedule?: Readonly<Record<string, BlobRules>> };
  readonly genesisRLP: string;
  readonly pre: Readonly<Record<string, FixtureAccount>>;
  readonly blocks: readonly { readonly rlp: string; readonly expectException?: string }[];
  readonly lastblockhash: string;
};

/** One chain of blocks. */
export type BlockCase = { readonly name: string; readonly fixture: BlockFixture };

const FORKS: Readonly<Record<string, Hardfork>> = {
  Berlin: "berlin",
  London: "london",
  Paris: "paris",
  Shanghai: "shanghai",
  Cancun: "cancun",
  Prague: "prague",
  Osaka: "osaka",
  BPO1: "osaka",
  BPO2: "osaka",
  BPO3: "osaka",
  BPO4: "osaka",
};

const TRANSITION_TIME = 15_000n;
const MINING_REWARD = 2n * 10n ** 18n;
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

/** Lists the cases of one file's content. */
export function blockCasesOf(content: string): BlockCase[] {
  const fixtures = JSON.parse(content) as Record<string, BlockFixture>;
  return Object.entries(fixtures).map(([name, fixture]) => ({ name, fixture }));
}

/** Runs one chain. Returns null when it passes, otherwise the first difference. */
export async function runBlockCase(
  { fixture }: BlockCase,
  engineOf: (spec: ChainSpec) => Promise<Engine>,
): Promise<string | null> {
  const spec = specOf(fixture);
  const engine = await engineOf(spec);
  const genesis = decodeBlock(fromHex(fixture.genesisRLP)).header;
  const chain = new TestChain(spec, engine, genesis, fixture.pre);
  for (const [i, { rlp, expectException }] of fixture.blocks.entries()) {
    const refusal = await chain.tryImport(fromHex(rlp));
    if (refusal !== null && expectException === undefined) return `block ${i} refused: ${refusal}`;
    if (refusal === null && expectException !== undefined) return `block ${i} accepted, expected ${expectException}`;
  }
  const head = toHex(headerHash(chain.head));
  return head === fixture.lastblockhash ? null : `head ${head}, expected ${fixture.lastblockhash}`;
}

class TestChain {
  head: BlockHeader;
  readonly #spec: ChainSpec;
  readonly #engine: Engine;
  readonly #hashes = new Map<bigint, Hash32>();
  readonly #addresses = new Set<string>();
  #state: Host;

  constructor(spec: ChainSpec, engine: Engine, genesis: BlockHeader, pre: BlockFixture["pre"]) {
    this.#spec = spec;
    this.#engine = engine;
    const source = new MemoryHost();
    for (const [address, account] of Object.entries(pre)) seedAccount(source, address, account);
    for (const key of source.accounts.keys()) this.#addresses.add(key);
    this.#state = source;
    this.head = genesis;
    this.#hashes.set(BigInt(genesis.number), headerHash(genesis));
  }

  /** Adds a block, or answers why it is refused. */
  async tryImport(rlp: Uint8Array): Promise<string | null> {
    const host = new OverlayHost(this.#state, (number) => this.#hashes.get(number) ?? new Uint8Array(32));
    try {
      const block = decodeBlock(rlp);
      await this.#process(block, host);
      this.#state = host;
      this.head = block.header;
      this.#hashes.set(BigInt(block.header.number), headerHash(block.header));
      return null;
    } catch (error) {
      if (error instanceof BlockRefused || error instanceof TransactionDecodeError) return error.message;
      throw error;
    }
  }

  async #process(block: Block, host: OverlayHost): Promise<void> {
    const { header } = block;
    const env = environmentOf(header, this.#spec);
    await this.#beginBlock(header, env, host);
    const receipts = await this.#applyTransactions(block, env, host);
    for (const { address, amountGwei } of block.withdrawals ?? []) credit(host, address, amountGwei * GWEI);
    if (!isAtLeast(env.fork, "paris")) credit(host, header.beneficiary, MINING_REWARD);
    const logs = receipts.flatMap((receipt) => receipt.logs);
    if (isAtLeast(env.fork, "prague")) await this.#checkRequests(header, logs, env, host);
    expectSame("receipts root", orderedTrieRoot(receipts.map(encodeReceipt)), header.receiptsRoot);
    expectSame("logs bloom", logsBloom(logs), header.logsBloom);
    for (const { address } of host.touchedAccounts()) this.#addresses.add(toBareHex(address));
    expectSame("state root", worldRoot(accountsOf(host, [...this.#addresses])), header.stateRoot);
  }

  async #beginBlock(header: BlockHeader, env: BlockEnvironment, host: Host): Promise<void> {
    if (isAtLeast(env.fork, "cancun")) {
      await this.#engine.systemCall(BEACON_ROOTS_ADDRESS, header.parentBeaconBlockRoot!, env, host);
    }
    if (isAtLeast(env.fork, "prague")) {
      await this.#engine.systemCall(HISTORY_STORAGE_ADDRESS, header.parentHash, env, host);
    }
  }

  async #applyTransactions(block: Block, env: BlockEnvironment, host: Host): Promise<Receipt[]> {
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
      receipts.push({ type: tx.type, status, cumulativeGasUsed: Number(gasUsed), gasUsed: Number(own), logs });
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
    blobBaseFee: blob === null ? 0n : blobBaseFee(excessBlobGas, blob.baseFeeUpdateFraction),
    excessBlobGas,
    fork,
    transactionGasCap: isAtLeast(fork, "osaka") ? spec.transactionGasCap : null,
  };
}

/** The names are "Prague" or "PragueToOsakaAtTime15k". */
function specOf({ network, config }: BlockFixture): ChainSpec {
  const names = network.replace("AtTime15k", "").split("To");
  const steps = names.map((name, i) => ({ name, fork: FORKS[name]!, from: i === 0 ? 0n : TRANSITION_TIME }));
  if (steps.some(({ fork }) => fork === undefined)) throw new Error(`unknown network in a fixture: ${network}`);
  return createChainSpec({
    kind: "ethereum",
    chainId: BigInt(config.chainid),
    schedule: steps.map(({ fork, from }, i) => ({ fork, by: i === 0 ? "number" : "timestamp", from })),
    stateRootDelay: 0,
    commitment: "mpt",
    baseFee: ETHEREUM_BASE_FEE,
    blockGasLimit: 0n,
    development: false,
    transactionGasCap: OSAKA_TRANSACTION_GAS_CAP,
    sequencer: null,
    blobSchedule: steps.flatMap(({ name, from }) => {
      const rules = config.blobSchedule?.[name];
      if (rules === undefined) return [];
      const baseFeeUpdateFraction = BigInt(rules.baseFeeUpdateFraction);
      return [{ from, target: Number(rules.target), max: Number(rules.max), baseFeeUpdateFraction }];
    }),
  });
}
