// Runs the interpreter of a fork, and then every function around it, until they are optimized, in slices: the first transaction of a
// process would otherwise run some ten times slower than a later one. All threads share the core module, so one of them does this for all.

import { EMPTY_BYTES } from "#base/bytes.ts";
import { fromHex, toBareHex } from "#base/hex.ts";
import type { ChainSpec } from "#chain/chain-spec.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import { type Address, ZERO_HASH } from "#chain/primitives.ts";
import { KECCAK_EMPTY, keccak256 } from "#crypto/keccak256.ts";
import type { StateSource } from "#state/source.ts";
import type { BlockEnvironment, CallMessage, CallOutcome } from "./engine.ts";
import { type Rules, rulesOf } from "./gas/rules.ts";
import { OverlayHost } from "./overlay-host.ts";
import type { ArenaRange } from "./runtime/range.ts";
import type { EvmThread } from "./runtime/thread.ts";
import { REVERTING_PROGRAM, warmUpProgram } from "./warm-up-program.ts";
import { createWasmEngine, type WasmEngine } from "./wasm-engine.ts";

/** Steps of each of the two parts: by then nothing gets faster. */
const STEP_COUNT = 40;
/** Gas of a call of the loop, and of a step of the other program: a few milliseconds once the interpreter is warm. */
const CALL_GAS = 1_000_000n;
const CALLS_IN_STEP = 50;

const CALLER: Address = new Uint8Array(20).fill(0x11);
const CONTRACT: Address = new Uint8Array(20).fill(0x22);
const OPCODES_CONTRACT: Address = new Uint8Array(20).fill(0x33);
const REVERTING_CONTRACT: Address = new Uint8Array(20).fill(0x44);

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

/** The three contracts, and everyone rich. */
function worldOf(rules: Rules): StateSource {
  const programs = [
    [CONTRACT, PROGRAM],
    [OPCODES_CONTRACT, warmUpProgram(rules, REVERTING_CONTRACT)],
    [REVERTING_CONTRACT, REVERTING_PROGRAM],
  ] as const;
  const hashes = new Map(programs.map(([address, code]) => [address[0]!, keccak256(code)]));
  const codes = new Map(programs.map(([address, code]) => [toBareHex(hashes.get(address[0]!)!), code]));
  const codeOf = (codeHash: Uint8Array) => codes.get(toBareHex(codeHash)) ?? EMPTY_BYTES;
  return {
    account: (address) => ({ nonce: 0n, balance: 1n << 100n, codeHash: hashes.get(address[0]!) ?? KECCAK_EMPTY }),
    slot: () => ZERO_HASH,
    code: codeOf,
    codeSize: (codeHash) => codeOf(codeHash).length,
    copyCode: (codeHash, into, at) => {
      into.set(codeOf(codeHash), at);
      return true;
    },
    slotsOf: () => [],
  };
}

const DATA: Uint8Array = new Uint8Array(68).fill(0xa5);

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
  readonly #world: StateSource;
  #stepCount = 0;

  private constructor(engine: WasmEngine, env: BlockEnvironment) {
    this.#engine = engine;
    this.#env = env;
    this.#world = worldOf(rulesOf(env.fork));
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
    return this.#stepCount >= 2 * STEP_COUNT;
  }

  /** Runs some milliseconds. */
  async step(): Promise<void> {
    if (++this.#stepCount <= STEP_COUNT) {
      await this.#call(MESSAGE);
      return;
    }
    for (let i = 0; i < CALLS_IN_STEP; i++) await this.callOpcodes();
  }

  /** Calls the program with all opcodes once. */
  callOpcodes(): Promise<CallOutcome> {
    return this.#call({ ...MESSAGE, to: OPCODES_CONTRACT, value: 1n, data: DATA });
  }

  #call(message: CallMessage): Promise<CallOutcome> {
    return this.#engine.call(message, this.#env, new OverlayHost(this.#world, () => ZERO_HASH));
  }
}
