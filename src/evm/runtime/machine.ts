// The machine of our own engine: lays a frame before a core module, lets it run, and takes the result back to the Host. The Host is
// read while the frame runs and written when it has succeeded, so a halt leaves it as it was.
//
//   environment, warm sets, first frame ─▶ execute ─▶ status ─▶ halt in words | accounts and slots to the Host, logs
//                                                     └▶ EXHAUSTED ─▶ the reference machine, from the start; for a call, an error

import { assert } from "#base/assert.ts";
import { EMPTY_BYTES } from "#base/bytes.ts";
import { type Hardfork, isAtLeast } from "#chain/hardforks.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { CONTEXT, FRAME, FRAME_SIZE_BYTES } from "#formats/memory/evm-arena.ts";
import type { BlockEnvironment } from "../engine.ts";
import { HALT_MEMORY_LIMIT } from "../halt.ts";
import type { Host } from "../host.ts";
import type { Frame, FrameResult, Machine, TransactionContext } from "../machine.ts";
import { writeAddress, writeCount, writeHash, writeInteger } from "./arena-words.ts";
import type { CoreExports } from "./core-module.ts";
import type { EngineCounters, FallbackReason } from "./counters.ts";
import { readOutcome } from "./outcome.ts";
import { EXHAUSTED, FAILED } from "./status.ts";
import type { EvmThread } from "./thread.ts";

/** Gas between two looks at the deadline: some tenths of a millisecond. */
const POLL_INTERVAL_GAS = 100_000;

/** Gas is signed in the machine. */
const GAS_MAX = (1n << 63n) - 1n;

/** See the head of the file. */
export class WasmMachine implements Machine {
  readonly #thread: EvmThread;
  readonly #fork: Hardfork;
  readonly #chainId: bigint;
  readonly #core: CoreExports;
  readonly #counters: EngineCounters;
  readonly #hasTouched: boolean;
  readonly #hasAccessLists: boolean;
  #reference: Promise<Machine> | null = null;

  /** @param counters of the engine that the machine belongs to */
  constructor(parts: { thread: EvmThread; fork: Hardfork; chainId: bigint; counters: EngineCounters }) {
    this.#thread = parts.thread;
    this.#fork = parts.fork;
    this.#chainId = parts.chainId;
    this.#core = parts.thread.coreOf(parts.fork);
    this.#counters = parts.counters;
    this.#hasTouched = isAtLeast(parts.fork, "spuriousDragon");
    this.#hasAccessLists = isAtLeast(parts.fork, "berlin");
  }

  /** See {@link Machine}: at once, but for what the reference machine must run. */
  run(
    frame: Frame,
    context: TransactionContext,
    env: BlockEnvironment,
    host: Host,
  ): FrameResult | Promise<FrameResult> {
    this.#counters.runs++;
    const result = this.runNow(frame, context, env, host);
    if (typeof result !== "string") return result;
    // Another machine might find the memory; but it is only a question, and may be asked over and over.
    if (result === "exhausted" && context.deadline !== null) return haltOf(frame, HALT_MEMORY_LIMIT);
    this.#counters.fallbacks[result]++;
    this.#reference ??= createReferenceMachine(this.#fork, this.#chainId);
    return this.#reference.then((machine) => machine.run(frame, context, env, host));
  }

  /** Runs a frame, or says why the reference machine must; then the Host is as before. @hot bench/evm/machine.bench.ts */
  runNow(frame: Frame, context: TransactionContext, env: BlockEnvironment, host: Host): FrameResult | FallbackReason {
    const { arena, bridge, codes } = this.#thread;
    if (!this.#fits(frame, context)) return "oversized";
    codes.prepare(this.#core);
    this.#thread.beginTransaction();
    bridge.begin({ host, fork: this.#fork, core: this.#core, deadline: context.deadline });
    bridge.listener?.onRunBegun(this.#fork);
    try {
      this.#writeEnvironment(env);
      this.#writeContext(context);
      this.#writeFrame(frame);
      const status = this.#core.execute(frame.to === null ? 1 : 0);
      if (status === FAILED) throw bridge.failure;
      if (status === EXHAUSTED) return "exhausted";
      const { keepsWrites } = context;
      return readOutcome({ arena, bridge, host, status, gas: frame.gas, keepsWrites, hasTouched: this.#hasTouched });
    } finally {
      bridge.end();
      this.#counters.collect(arena);
    }
  }

  #fits(frame: Frame, context: TransactionContext): boolean {
    const { arena } = this.#thread;
    return (
      frame.data.length <= arena.inputCapacityBytes &&
      context.blobVersionedHashes.length <= arena.blobHashCapacity &&
      frame.gas <= GAS_MAX
    );
  }

  #writeEnvironment(env: BlockEnvironment): void {
    const { arena } = this.#thread;
    if (this.#thread.environment === env) return;
    this.#thread.environment = env;
    const { base } = arena.range;
    writeInteger(arena, base + CONTEXT.chainId, env.chainId);
    writeAddress(arena, base + CONTEXT.coinbase, env.beneficiary);
    writeInteger(arena, base + CONTEXT.timestamp, env.timestamp);
    writeInteger(arena, base + CONTEXT.number, env.number);
    if (isAtLeast(env.fork, "paris")) writeHash(arena, base + CONTEXT.difficulty, env.prevRandao);
    else writeInteger(arena, base + CONTEXT.difficulty, env.difficulty);
    writeInteger(arena, base + CONTEXT.gasLimit, env.gasLimit);
    writeInteger(arena, base + CONTEXT.baseFee, env.baseFee);
    writeInteger(arena, base + CONTEXT.blobBaseFee, env.blobBaseFee);
  }

  #writeContext(context: TransactionContext): void {
    const { arena } = this.#thread;
    const { base } = arena.range;
    writeAddress(arena, base + CONTEXT.origin, context.origin);
    writeInteger(arena, base + CONTEXT.gasPrice, context.gasPrice);
    if (context.blobVersionedHashes.length > 0) this.#writeBlobHashes(context.blobVersionedHashes);
    this.#thread.setField(CONTEXT.blobHashCount, context.blobVersionedHashes.length);
    const interval = context.deadline === null ? this.#thread.bridge.listener?.pollIntervalGas : POLL_INTERVAL_GAS;
    writeCount(arena, base + CONTEXT.pollInterval, interval ?? 0);
    if (this.#hasAccessLists) this.#warm(context);
  }

  #writeBlobHashes(hashes: readonly Hash32[]): void {
    const blobHashes = this.#thread.field(CONTEXT.blobHashes);
    hashes.forEach((hash, i) => {
      writeHash(this.#thread.arena, blobHashes + 32 * i, hash);
    });
  }

  #warm({ warmAddresses, accessList }: TransactionContext): void {
    const { arena } = this.#thread;
    const address = arena.range.base + CONTEXT.scratch;
    const key = address + 32;
    for (let i = 0; i < warmAddresses.length; i++) {
      writeAddress(arena, address, warmAddresses[i]!);
      this.#core.warmAddress(address);
    }
    for (const { address: warmed, storageKeys } of accessList) {
      writeAddress(arena, address, warmed);
      this.#core.warmAddress(address);
      for (const storageKey of storageKeys) {
        writeHash(arena, key, storageKey);
        this.#core.warmSlot(address, key);
      }
    }
  }

  #writeFrame(frame: Frame): void {
    const { arena } = this.#thread;
    const { firstFrame, bytes, words32, words64 } = arena;
    for (let at = firstFrame >>> 2; at < (firstFrame + FRAME_SIZE_BYTES) >>> 2; at++) words32[at] = 0;
    writeAddress(arena, firstFrame + FRAME.caller, frame.caller);
    if (frame.to !== null) writeAddress(arena, firstFrame + FRAME.address, frame.to);
    writeInteger(arena, firstFrame + FRAME.value, frame.value);
    assert(frame.gas >= 0n, "a frame has gas");
    words64[(firstFrame + FRAME.gas) >>> 3] = frame.gas;
    const input = this.#thread.field(CONTEXT.input);
    if (frame.data.length > 0) bytes.set(frame.data, input);
    words32[(firstFrame + FRAME.input) >>> 2] = input;
    words32[(firstFrame + FRAME.inputSize) >>> 2] = frame.data.length;
    words32[(firstFrame + FRAME.stack) >>> 2] = this.#thread.field(CONTEXT.stacks);
    words32[(firstFrame + FRAME.memory) >>> 2] = this.#thread.field(CONTEXT.memories);
  }
}

function haltOf({ gas }: Frame, halt: string): FrameResult {
  return { halt, gasUsed: gas, refund: 0n, output: EMPTY_BYTES, logs: [], destroyed: [], touched: [] };
}

async function createReferenceMachine(fork: Hardfork, chainId: bigint): Promise<Machine> {
  const { ReferenceMachine } = await import("../reference/machine.ts");
  return ReferenceMachine.create(fork, chainId);
}
