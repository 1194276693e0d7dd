// Runs the interpreter of a fork until it is optimized, in slices: the first transaction of a process would otherwise run some ten times
// slower than a later one. All threads share the core module, so one of them does this for all.

import { EMPTY_BYTES } from "#base/bytes.ts";
import { fromHex } from "#base/hex.ts";
import type { ChainSpec } from "#chain/chain-spec.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import { type Address, ZERO_HASH } from "#chain/primitives.ts";
import { KECCAK_EMPTY, keccak256 } from "#crypto/keccak256.ts";
import type { StateSource } from "#state/source.ts";
import type { BlockEnvironment, CallMessage } from "./engine.ts";
import { OverlayHost } from "./overlay-host.ts";
import type { ArenaRange } from "./runtime/range.ts";
import type { EvmThread } from "./runtime/thread.ts";
import { createWasmEngine, type WasmEngine } from "./wasm-engine.ts";

/** Calls in all: by then nothing gets faster. */
const CALL_COUNT = 40;
/** Gas of one call: a few milliseconds once the interpreter is warm. */
const CALL_GAS = 1_000_000n;

const CALLER: Address = new Uint8Array(20).fill(0x11);
const CONTRACT: Address = new Uint8Array(20).fill(0x22);

/** Counts up until its gas is gone; in each round arithmetic, memory, a hash, storage, a function with a return label, a call, a log. */
const PROGRAM = fromHex(
  // 00: PUSH0; loop (01): counter + 1
  "5f5b600101" +
    // 05: counter to memory, hash of two words, added to the slot
    "805f5260405f205f540160ff165f55" +
    // 14: counter * counter / counter % 1000 >> 3
    "808002819004" +
    "6103e8900660031c50" +
    // 23: square(counter), back at 2c
    "8061002c90610047565b50" +
    // 2e: call without data, a log of a word
    "5f5f5f5f5f335af15060205fa0" +
    // 3b: to the end when the counter is 0, else round again
    "80156100455761000156" +
    // 45: end; 47: square
    "5b005b80029056",
);
const PROGRAM_HASH = keccak256(PROGRAM);

const WORLD: StateSource = {
  account: (address) => {
    const codeHash = address[0] === CONTRACT[0] ? PROGRAM_HASH : KECCAK_EMPTY;
    return { nonce: 1n, balance: 0n, codeHash };
  },
  slot: () => ZERO_HASH,
  code: () => PROGRAM,
  codeSize: () => PROGRAM.length,
  copyCode: (_codeHash, into, at) => {
    into.set(PROGRAM, at);
    return true;
  },
  slotsOf: () => [],
};

const MESSAGE: CallMessage = {
  from: CALLER,
  to: CONTRACT,
  gas: CALL_GAS,
  gasPrice: 0n,
  value: 0n,
  data: EMPTY_BYTES,
  accessList: [],
  authorizationList: [],
  blobVersionedHashes: [],
  checks: "call",
};

/** See the head of the file. */
export class CoreWarmUp {
  readonly #engine: WasmEngine;
  readonly #env: BlockEnvironment;
  #callCount = 0;

  private constructor(engine: WasmEngine, env: BlockEnvironment) {
    this.#engine = engine;
    this.#env = env;
  }

  /** @param range zeroed, and nobody else's until the warm-up is done */
  static async create(spec: ChainSpec, fork: Hardfork, range: ArenaRange): Promise<CoreWarmUp> {
    const engine = await createWasmEngine(spec, { tier: "interpreter", range });
    return new CoreWarmUp(engine, {
      chainId: spec.chainId,
      number: 1n,
      timestamp: 1n,
      beneficiary: CALLER,
      gasLimit: CALL_GAS,
      baseFee: 0n,
      prevRandao: ZERO_HASH,
      difficulty: 0n,
      blobBaseFee: 1n,
      excessBlobGas: 0n,
      fork,
      transactionGasCap: null,
    });
  }

  /** Where it runs. */
  get thread(): EvmThread {
    return this.#engine.thread;
  }

  /** Whether nothing is left to do. */
  get isDone(): boolean {
    return this.#callCount >= CALL_COUNT;
  }

  /** Runs some milliseconds. */
  async step(): Promise<void> {
    this.#callCount++;
    await this.#engine.call(MESSAGE, this.#env, new OverlayHost(WORLD, () => ZERO_HASH));
  }
}
