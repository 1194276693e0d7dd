// A whole node in one thread and without sockets, for RPC tests: real state table, engine, pool, producer, store and
// renderer around a clock that the test moves. Only the threads and the wire between them are missing.

import { toHex } from "#base/hex.ts";
import { DEVELOPMENT_MNEMONIC, deriveDevelopmentAccounts } from "#chain/development-accounts.ts";
import { developmentGenesis, type Genesis, genesisHeader, parseGenesis } from "#chain/genesis.ts";
import { EMPTY_TRIE_ROOT, headerHash } from "#chain/header.ts";
import type { Address, Hash32 } from "#chain/primitives.ts";
import {
  decodeTransaction,
  encodeTransaction,
  recoverSender,
  signTransaction,
  transactionHash,
  type UnsignedTransaction,
} from "#chain/transaction.ts";
import type { Engine } from "#evm/engine.ts";
import { createReferenceEngine } from "#evm/reference/engine.ts";
import { encodeTerm } from "#formats/wire/payloads.ts";
import { type ChainIdentity, type ChainRecord, signRecord } from "#formats/wire/record.ts";
import { detachedMetrics } from "#observability/metrics.ts";
import {
  DEFAULT_RPC_OPTIONS,
  type MainContext,
  type ReadContext,
  type RpcOptions,
  type SubmitResult,
} from "#rpc/context.ts";
import { createRpcMeters } from "#rpc/meters.ts";
import { resolveStateChanges } from "#rpc/state-changes.ts";
import { type Delivery, SubscriptionRenderer } from "#rpc/subscription-renderer.ts";
import { Intake } from "#sequencer/intake.ts";
import { TransactionPool } from "#sequencer/pool.ts";
import { BlockProducer } from "#sequencer/producer.ts";
import { createProducerCounters, DEFAULT_PRODUCER_LIMITS } from "#sequencer/producer-ports.ts";
import { allocateState, createPlainSegment, planStateMemory, type StateRegions } from "#state/memory-plan.ts";
import { StateTable } from "#state/table.ts";
import { StateView } from "#state/view.ts";
import { ChainHead } from "#storage/chain-head.ts";
import { ChainStore } from "#storage/chain-store.ts";
import { SimulatedDisk } from "../simulation/simulated-disk.ts";

/** Accounts with 10,000 ETH whose keys are public. */
export const ACCOUNTS = deriveDevelopmentAccounts(DEVELOPMENT_MNEMONIC, 3);

/** Contracts of the genesis, by what they do. */
export const CONTRACTS = {
  /** Stores the first calldata word in slot 0, logs it under topic 0xaa, returns it. */
  store: testAddress(0xc1),
  /** Reverts with Error("nope"). */
  revert: testAddress(0xc2),
  /** Never ends. */
  loop: testAddress(0xc3),
  /** Returns NUMBER, TIMESTAMP and BASEFEE. */
  block: testAddress(0xc4),
  /** Hits an undefined opcode. */
  invalid: testAddress(0xc5),
} as const;

const REVERT_DATA = `08c379a0${word(0x20)}${word(4)}${Buffer.from("nope").toString("hex").padEnd(64, "0")}`;

const CODES: Readonly<Record<keyof typeof CONTRACTS, string>> = {
  store: "0x600035806000558060005260aa60206000a160206000f3",
  revert: `0x6064600c60003960646000fd${REVERT_DATA}`,
  loop: "0x5b600056",
  block: "0x43600052426020524860405260606000f3",
  invalid: "0xfe",
};

/** What a test varies. */
export type LiveChainOptions = {
  readonly options?: Partial<RpcOptions>;
  /** Before-images that the undo ring holds. */
  readonly undoEntryCount?: number;
};

/** The node. Time stands still until the test moves it. */
export class LiveChain {
  readonly genesis: Genesis;
  readonly engine: Engine;
  readonly store: ChainStore;
  readonly pool: TransactionPool;
  readonly producer: BlockProducer;
  readonly renderer: SubscriptionRenderer;
  readonly read: ReadContext;
  readonly main: MainContext;
  readonly records: ChainRecord[] = [];
  /** What the renderer made, unless a hub takes it. */
  readonly deliveries: Delivery[] = [];
  onDeliveries: ((deliveries: readonly Delivery[]) => void) | null = null;
  nowUs = 1_700_000_000_500_000;
  /** Replaces the way into the pool. */
  submitResult: SubmitResult | null = null;
  /** Called whenever something asks the node to go on; a test may leave the pool waiting. */
  isRunning = true;
  readonly #table: StateTable;
  readonly #intake: Intake;
  readonly #identity: ChainIdentity;

  private constructor(genesis: Genesis, engine: Engine, parts: LiveChainOptions) {
    this.genesis = genesis;
    this.engine = engine;
    const plan = planStateMemory({
      stateMemoryBytes: 8 << 20,
      ...(parts.undoEntryCount === undefined ? {} : { undoEntryCount: parts.undoEntryCount }),
    });
    const regions: StateRegions = allocateState(plan, createPlainSegment);
    this.#table = new StateTable(regions);
    this.#table.loadGenesis(genesis.alloc);
    this.#table.publish(0);
    const header = genesisHeader(genesis, EMPTY_TRIE_ROOT);
    this.#identity = { chainId: genesis.spec.chainId, genesisHash: headerHash(header) };
    const disk = new SimulatedDisk(1);
    disk.makeDirectory("log");
    this.store = ChainStore.open(disk, "log", { identity: this.#identity, genesisHeader: header, lastSequence: -1 });
    this.pool = new TransactionPool();
    this.producer = this.#createProducer(header);
    this.#intake = this.#createIntake();
    this.renderer = new SubscriptionRenderer({
      store: this.store,
      resolveChanges: (miniBlock) => resolveStateChanges(miniBlock, new StateView(regions)),
      deliver: (deliveries) => {
        if (this.onDeliveries === null) this.deliveries.push(...deliveries);
        else this.onDeliveries(deliveries);
      },
    });
    const options = { ...DEFAULT_RPC_OPTIONS, developmentAccounts: ACCOUNTS, ...parts.options };
    this.read = {
      spec: genesis.spec,
      store: this.store,
      openView: () => new StateView(regions),
      engine,
      options,
      meters: createRpcMeters(detachedMetrics()),
      nowMs: () => performance.now(),
      ports: this.#createPorts(),
    };
    this.main = { chainId: genesis.spec.chainId, options, syncProgress: () => null };
  }

  static async create(parts: LiveChainOptions = {}): Promise<LiveChain> {
    const genesis = testGenesis();
    const chain = new LiveChain(genesis, await createReferenceEngine(genesis.spec), parts);
    await chain.run();
    return chain;
  }

  /** Executes what waits in the pool; mini-blocks are published, the EVM block stays open. */
  async run(): Promise<void> {
    for (;;) {
      const { state } = await this.producer.step();
      if (state === "idle") return;
    }
  }

  /** Ends the open EVM block and opens the next one, a second later. */
  async sealBlock(): Promise<void> {
    this.nowUs += 1_000_000;
    await this.run();
  }

  /** Signs with a development account and sends; the mini-block is published when it returns. */
  async send(parts: Partial<UnsignedTransaction>, accountIndex = 0): Promise<Hash32> {
    const raw = this.sign(parts, accountIndex);
    const result = await this.read.ports.submit(raw, { requireReady: false });
    if (result.kind !== "accepted") throw new Error(`not accepted: ${JSON.stringify(result)}`);
    return result.hash;
  }

  /** A signed transaction with sensible values for everything that is not given. */
  sign(parts: Partial<UnsignedTransaction>, accountIndex = 0): Uint8Array {
    const account = ACCOUNTS[accountIndex];
    if (account === undefined) throw new Error("no such account");
    const fee = parts.gasPrice ?? parts.maxFeePerGas ?? 2_000_000n;
    const unsigned: UnsignedTransaction = {
      type: 2,
      chainId: this.genesis.spec.chainId,
      nonce: this.#intake.pendingNonce(account.address),
      gasPrice: fee,
      maxFeePerGas: fee,
      maxPriorityFeePerGas: parts.type === 0 || parts.type === 1 ? fee : 1_000n,
      gasLimit: 100_000n,
      to: testAddress(0xd0),
      value: 0n,
      data: new Uint8Array(0),
      accessList: [],
      authorizationList: [],
      maxFeePerBlobGas: 0n,
      blobVersionedHashes: [],
      ...parts,
    };
    return encodeTransaction(signTransaction(unsigned, account.privateKey));
  }

  /** A signed record that voids every mini-block from `version` on. The renderer sees it; store and state do not. */
  announceRollback(version: number): void {
    const last = this.records.find((record) => record.header.type === "mini" && record.header.number === version - 1);
    const sequence = (last?.header.sequence ?? 0) + 1;
    const header = { type: "term", term: 1, sequence, number: version, parentHash: new Uint8Array(32) } as const;
    const section = encodeTerm({ lastKeptSequence: sequence - 1, lastKeptVersion: version });
    this.renderer.onRecord(signRecord(this.#identity, header, [section], new Uint8Array(32).fill(7)));
  }

  #createProducer(header: ReturnType<typeof genesisHeader>): BlockProducer {
    const { spec } = this.genesis;
    return new BlockProducer(
      {
        spec,
        identity: this.#identity,
        genesisStateRoot: header.stateRoot,
        engine: this.engine,
        table: this.#table,
        pool: this.pool,
        clock: { nowUs: () => this.nowUs },
        privateKey: new Uint8Array(32).fill(7),
        beneficiary: testAddress(0xfe),
        limits: { ...DEFAULT_PRODUCER_LIMITS, reservedKeyCount: 64 },
        counters: createProducerCounters(),
        emit: (record) => this.#onRecord(record),
        stateRoot: (number) => new Uint8Array(32).fill(number & 0xff),
        blockHash: (number) => this.store.block(number)?.hash ?? null,
        reserveNumbers: () => {},
        randomness: () => new Uint8Array(32).fill(0x5a),
      },
      ChainHead.genesis({ identity: this.#identity, spec, genesisHeader: header }),
    );
  }

  #onRecord(record: ChainRecord): boolean {
    this.records.push(record);
    if (record.header.type === "mini") this.#table.publish(record.header.number + 1);
    this.store.follow(record);
    this.renderer.onRecord(record);
    return true;
  }

  #createIntake(): Intake {
    return new Intake({
      pool: this.pool,
      source: this.producer.state,
      rules: () => {
        const open = this.store.openBlock;
        if (open === null) throw new Error("no open block");
        const { spec } = this.genesis;
        return {
          spec,
          fork: spec.hardforkAt(open.blockNumber, open.timestamp),
          blockGasLimit: open.gasLimit,
          baseFee: open.baseFee,
          timestamp: open.timestamp,
          allowUnprotected: false,
          holdings: { expenditure: (a) => this.pool.expenditure(a), costAt: (a, n) => this.pool.costAt(a, n) },
        };
      },
      closedReason: () => null,
      nowMs: () => this.nowUs / 1_000,
    });
  }

  #createPorts(): ReadContext["ports"] {
    return {
      submit: async (raw, { requireReady }): Promise<SubmitResult> => {
        if (this.submitResult !== null) return this.submitResult;
        const sender = recoverSender(decodeTransaction(raw));
        if (sender === null) throw new Error("unsigned");
        const hash = transactionHash(raw);
        const result = this.#intake.submit({ raw, hash, sender, requireReady });
        if (this.isRunning) await this.run();
        return result.kind === "accepted" ? { kind: "accepted", hash } : result;
      },
      awaitReceipt: async (hash, deadlineMs) => {
        while (performance.now() < deadlineMs) {
          if (this.store.transaction(hash) !== null) return true;
          await Bun.sleep(1);
        }
        return false;
      },
      pendingNonce: async (address) => this.#intake.pendingNonce(address),
      pendingTransaction: async (hash) => {
        const entry = this.pool.byHash(hash);
        return entry === null ? null : { raw: entry.raw, sender: entry.lane.address };
      },
      catchUp: async () => {},
    };
  }
}

/** An address for tests by its last byte. */
export function testAddress(last: number): Address {
  const address = new Uint8Array(20);
  address[18] = 0x11;
  address[19] = last;
  return address;
}

function word(value: number): string {
  return value.toString(16).padStart(64, "0");
}

function testGenesis(): Genesis {
  const accounts = ACCOUNTS.map(({ address }) => ({ address, balance: 10_000n * 10n ** 18n }));
  const base = developmentGenesis({ chainId: 31_337n, timestamp: 1_700_000_000n, accounts });
  const document = JSON.parse(new TextDecoder().decode(base.document));
  for (const [name, address] of Object.entries(CONTRACTS)) {
    const code = CODES[name as keyof typeof CONTRACTS];

    document.alloc[toHex(address)] = { balance: "0x0", nonce: "0x1", code };
  }
  return parseGenesis(document);
}
