// The machine of the reference engine: one instance of @ethereumjs/evm under our journal, over the Host of the moment.
// It runs one frame at a time; the engine keeps a few machines per fork for calls that overlap.

import type { EVMResult, ExecResult } from "@ethereumjs/evm";
import { Address as LibraryAddress } from "@ethereumjs/util";
import { EMPTY_BYTES } from "#base/bytes.ts";
import { fromHex, toHex } from "#base/hex.ts";
import { type Hardfork, isAtLeast } from "#chain/hardforks.ts";
import type { Address } from "#chain/primitives.ts";
import type { BlockEnvironment } from "../engine.ts";
import { HALT_ABORTED } from "../halt.ts";
import type { Host } from "../host.ts";
import type { Frame, FrameResult, Machine, TransactionContext } from "../machine.ts";
import { haltWords } from "./halt-words.ts";
import { HostState } from "./host-state.ts";
import { AccessJournal } from "./journal.ts";
import { createLibrary, DeadlinePassed, installJournal, isEvmError, type Library } from "./library.ts";

/** Longest stretch of a call between two looks at the thread's events, milliseconds. */
const PAUSE_INTERVAL_MS = 3;

type LibraryBlock = NonNullable<Parameters<Library["evm"]["runCall"]>[0]["block"]>;

/** See the head of the file. Made by `create`. */
export class ReferenceMachine implements Machine {
  readonly #state: HostState;
  readonly #journal: AccessJournal;
  readonly #library: Library;
  readonly #fork: Hardfork;
  readonly #deadline: Deadline;
  #env: BlockEnvironment | null = null;
  #block: LibraryBlock | null = null;

  private constructor(parts: { state: HostState; library: Library; fork: Hardfork; deadline: Deadline }) {
    this.#state = parts.state;
    this.#library = parts.library;
    this.#fork = parts.fork;
    this.#deadline = parts.deadline;
    const berlin = isAtLeast(parts.fork, "berlin");
    this.#journal = new AccessJournal(parts.state, berlin ? parts.library.precompiles : new Set());
    installJournal(parts.library.evm, this.#journal);
  }

  /** A machine for the rules of one fork on one chain. */
  static async create(fork: Hardfork, chainId: bigint): Promise<ReferenceMachine> {
    const state = new HostState();
    const deadline = new Deadline();
    const library = await createLibrary({
      fork,
      chainId,
      state,
      blockHash: (number) => state.host.blockHash(number),
      deadlinePassed: () => deadline.hasPassed(),
      pauseIfDue: () => deadline.pauseIfDue(),
    });
    return new ReferenceMachine({ state, library, fork, deadline });
  }

  /** See {@link Machine}. */
  async run(frame: Frame, context: TransactionContext, env: BlockEnvironment, host: Host): Promise<FrameResult> {
    this.#state.attach(host);
    this.#journal.reset();
    this.#deadline.set(context.deadline);
    if (isAtLeast(this.#fork, "berlin")) this.#warm(context);
    try {
      const result = await this.#library.evm.runCall({
        block: this.#blockOf(env),
        gasPrice: context.gasPrice,
        origin: new LibraryAddress(context.origin),
        caller: new LibraryAddress(frame.caller),
        ...(frame.to === null ? {} : { to: new LibraryAddress(frame.to) }),
        value: frame.value,
        data: frame.data,
        gasLimit: frame.gas,
        skipNonceIncrement: true,
        createdAddresses: new Set(),
        blobVersionedHashes: context.blobVersionedHashes.map(toHex),
      });
      if (this.#state.failure !== null) throw this.#state.failure;
      return this.#resultOf(frame, result);
    } catch (error) {
      await this.#unwind();
      if (error instanceof DeadlinePassed) return this.#failure(frame, HALT_ABORTED);
      if (isEvmError(error)) return this.#failure(frame, haltWords(error.error, null, frame.to === null));
      throw error;
    } finally {
      this.#state.detach();
      this.#deadline.set(null);
    }
  }

  #warm(context: TransactionContext): void {
    for (const address of context.warmAddresses) this.#journal.addWarmedAddress(address);
    for (const { address, storageKeys } of context.accessList) {
      this.#journal.addWarmedAddress(address);
      for (const slot of storageKeys) this.#journal.addWarmedStorage(address, slot);
    }
  }

  #blockOf(env: BlockEnvironment): LibraryBlock {
    if (this.#env === env && this.#block !== null) return this.#block;
    this.#env = env;
    this.#block = {
      header: {
        number: env.number,
        coinbase: new LibraryAddress(env.beneficiary),
        timestamp: env.timestamp,
        difficulty: env.difficulty,
        prevRandao: env.prevRandao,
        gasLimit: env.gasLimit,
        baseFeePerGas: env.baseFee,
        getBlobGasPrice: () => env.blobBaseFee,
      },
    };
    return this.#block;
  }

  #resultOf(frame: Frame, result: EVMResult): FrameResult {
    const { execResult } = result;
    const error = execResult.exceptionError?.error;
    // Frontier keeps a contract whose code it could not store, and calls it a success.
    const isFailure = error !== undefined && !(this.#fork === "frontier" && error === "code store out of gas");
    return {
      halt: isFailure ? haltWords(error, execResult, frame.to === null) : null,
      gasUsed: execResult.executionGasUsed,
      refund: isFailure ? 0n : (execResult.gasRefund ?? 0n),
      output: execResult.returnValue,
      logs: (execResult.logs ?? []).map(([address, topics, data]) => ({ address, topics, data })),
      destroyed: isFailure ? [] : this.#destroyed(execResult),
      touched: this.#journal.touched(),
    };
  }

  #destroyed(execResult: ExecResult): Address[] {
    const destroyed: Address[] = [];
    const onlyCreated = isAtLeast(this.#fork, "cancun");
    for (const address of execResult.selfdestruct?.keys() ?? []) {
      if (!onlyCreated || execResult.createdAddresses?.has(address) === true) destroyed.push(fromHex(address));
    }
    return destroyed;
  }

  #failure(frame: Frame, halt: string): FrameResult {
    const touched = this.#journal.touched();
    return { halt, gasUsed: frame.gas, refund: 0n, output: EMPTY_BYTES, logs: [], destroyed: [], touched };
  }

  async #unwind(): Promise<void> {
    while (this.#journal.depth > 0) await this.#journal.revert();
  }
}

/** Shared with the opcode hooks of the library. */
/** The caller's deadline, and the pauses of a run that has one: a call that others on its thread must not wait for. */
class Deadline {
  #passed: (() => boolean) | null = null;
  #pausedAtMs = 0;
  #isPauseDue = false;

  /** A run begins or ends. */
  set(passed: (() => boolean) | null): void {
    this.#passed = passed;
    this.#isPauseDue = false;
    this.#pausedAtMs = performance.now();
  }

  /** Whether the run shall end; asked every few thousand steps. */
  hasPassed(): boolean {
    if (this.#passed === null) return false;
    this.#isPauseDue = performance.now() - this.#pausedAtMs >= PAUSE_INTERVAL_MS;
    return this.#passed();
  }

  /** Lets the thread's events in when the run has had its slice. */
  pauseIfDue(): Promise<void> | null {
    if (!this.#isPauseDue) return null;
    this.#isPauseDue = false;
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#pausedAtMs = performance.now();
        resolve();
      });
    });
  }
}
