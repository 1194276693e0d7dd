// What one thread has of the engine: its arena, the codes in it, the bridge to the Host, and an instance of each fork's core module
// over them. Machines of all chains and forks on the thread share it; one of them runs at a time.

import { assert } from "#base/assert.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import { CONTEXT } from "#formats/memory/evm-arena.ts";
import { instantiate } from "#wasm/loader.ts";
import type { BlockEnvironment } from "../engine.ts";
import { CodeCache, constant } from "./code-cache.ts";
import { type CoreExports, coreModuleOf } from "./core-module.ts";
import { HostBridge } from "./host-bridge.ts";
import { type Arena, type ArenaRange, createRange, DEFAULT_RANGE_SIZE_BYTES, layOutRange } from "./range.ts";

/** See the head of the file. */
export class EvmThread {
  readonly arena: Arena;
  readonly codes: CodeCache;
  readonly bridge: HostBridge;
  /** The block whose words are in the context. */
  environment: BlockEnvironment | null = null;
  readonly #cores = new Map<Hardfork, CoreExports>();

  /** @param range zeroed memory that nobody else writes to */
  constructor(range: ArenaRange) {
    this.arena = layOutRange(range);
    this.codes = new CodeCache(this.arena);
    this.bridge = new HostBridge(this.arena);
  }

  /** The core of a fork. */
  coreOf(fork: Hardfork): CoreExports {
    let core = this.#cores.get(fork);
    if (core === undefined) this.#cores.set(fork, (core = this.#instantiate(fork)));
    return core;
  }

  /** A 32-bit field of the context. */
  field(offset: number): number {
    return this.arena.words32[(this.arena.range.base + offset) >>> 2]!;
  }

  /** Sets a 32-bit field of the context. */
  setField(offset: number, value: number): void {
    this.arena.words32[(this.arena.range.base + offset) >>> 2] = value;
  }

  /** Starts a transaction: what the tables, the journal and the logs hold is forgotten. */
  beginTransaction(): void {
    const generation = (this.field(CONTEXT.generation) + 1) >>> 0;
    if (generation === 0) this.#clearIndexes();
    this.setField(CONTEXT.generation, generation === 0 ? 1 : generation);
    this.setField(CONTEXT.accountCount, 0);
    this.setField(CONTEXT.slotCount, 0);
    this.setField(CONTEXT.lastSlot, 0);
    this.setField(CONTEXT.journalEnd, this.field(CONTEXT.journal));
    this.setField(CONTEXT.logsEnd, this.field(CONTEXT.logs));
    this.setField(CONTEXT.logCount, 0);
    this.setField(CONTEXT.refund, 0);
    this.setField(CONTEXT.refund + 4, 0);
    this.setField(CONTEXT.depth, 0);
    this.setField(CONTEXT.failure, 0);
    this.setField(CONTEXT.returnDataSize, 0);
    this.setField(CONTEXT.frame, this.arena.firstFrame);
  }

  // Generations are numbered anew: no entry may look like one of theirs.
  #clearIndexes(): void {
    const { bytes } = this.arena;
    const accounts = this.field(CONTEXT.accountIndex);
    bytes.fill(0, accounts, accounts + 8 * (this.field(CONTEXT.accountIndexMask) + 1));
    const slots = this.field(CONTEXT.slotIndex);
    bytes.fill(0, slots, slots + 8 * (this.field(CONTEXT.slotIndexMask) + 1));
  }

  #instantiate(fork: Hardfork): CoreExports {
    const { range, keccakBase } = this.arena;
    const { memory, base } = range;
    return instantiate<CoreExports>(coreModuleOf(fork), {
      env: { memory, base: constant(base), keccak: constant(keccakBase), table: this.codes.table },
      host: this.bridge.imports(),
    });
  }
}

/** Arenas of a thread that was given none: one for each way to run byte code. */
const OWN_ARENA_COUNT_MAX = 4;

const own = new Map<string, EvmThread>();
let ownRange: ArenaRange | null = null;

/**
 * The thread's own, in a memory that it makes on first use: one for all purposes, since a process has few.
 * @param purpose each has its own arena, so that what one compiles is not what another runs
 */
export function ownThread(purpose: string): EvmThread {
  let thread = own.get(purpose);
  if (thread === undefined) {
    assert(own.size < OWN_ARENA_COUNT_MAX, "a thread has few arenas of its own");
    ownRange ??= createRange(OWN_ARENA_COUNT_MAX * DEFAULT_RANGE_SIZE_BYTES);
    const { memory } = ownRange;
    const base = own.size * DEFAULT_RANGE_SIZE_BYTES;
    own.set(purpose, (thread = new EvmThread({ memory, base, sizeBytes: DEFAULT_RANGE_SIZE_BYTES })));
  }
  return thread;
}
