// Compiles every byte code when the thread meets it, before it runs: for tests, and for `--jit force`. With forced exits, compiled
// code hands over to the interpreter at a part of its pieces for no reason, so that every way out is taken somewhere. What the
// interpreter runs all the same, because compiled code had guessed wrong, is compiled again before a later run.

import { dropOldest } from "#base/maps.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import { CODE_ENTRY, CODE_FLAG_REFUSED } from "#formats/memory/evm-arena.ts";
import { rulesOf } from "../gas/rules.ts";
import { readCount, writeCount } from "../runtime/arena-words.ts";
import type { CodeListener } from "../runtime/host-bridge.ts";
import type { EvmThread } from "../runtime/thread.ts";
import { type CodeForm, compileCode } from "./compile.ts";
import { compileKey } from "./compile-queue.ts";
import { type PublishedCode, publish } from "./compile-service.ts";
import { wrongGuessCount } from "./seen-places.ts";

/** Modules kept, by byte code and fork. */
const MODULE_COUNT_MAX = 1024;
/** One piece in this many is left when exits are forced. */
const FORCED_EXIT_INTERVAL = 5;
/** Gas that the interpreter burns in a code before it is looked at again, each time so many times as much. */
const REVIEW_GAS = 20_000;
const REVIEW_FACTOR = 4;

/** How code is compiled. */
export type EagerOptions = {
  readonly forcesExits: boolean;
  /** The only form to take; what has no such form is interpreted. */
  readonly form?: CodeForm;
};

/** A byte code's compiled form. */
type Eager = {
  /** null: the compiler refused the code. */
  readonly published: PublishedCode | null;
  readonly wrongGuessCount: number;
};

/** See the head of the file. */
export class EagerCompiler implements CodeListener {
  readonly pollIntervalGas = 0;
  readonly #thread: EvmThread;
  readonly #options: EagerOptions;
  readonly #modules = new Map<string, Eager>();
  /** Entries of codes to look at before the next run. */
  readonly #reviewed = new Set<number>();
  #clearCount = 0;

  constructor(thread: EvmThread, options: EagerOptions) {
    this.#thread = thread;
    this.#options = options;
  }

  /** See {@link CodeListener}. */
  onCodeLoaded(entry: number, code: Uint8Array, codeHash: Uint8Array, fork: Hardfork): void {
    const known = this.#modules.get(compileKey({ fork, codeHash }));
    const { published } = known ?? this.#compile(code, this.#mapOf(entry, code.length), fork, codeHash);
    this.#install(entry, published);
    writeCount(this.#thread.arena, entry + CODE_ENTRY.gasThreshold, REVIEW_GAS);
  }

  /** See {@link CodeListener}. */
  onHot(entry: number): void {
    const { arena } = this.#thread;
    this.#reviewed.add(entry);
    const burnt = readCount(arena, entry + CODE_ENTRY.gasInterpreted);
    writeCount(arena, entry + CODE_ENTRY.gasThreshold, REVIEW_FACTOR * burnt);
  }

  /** See {@link CodeListener}. */
  onRunBegun(fork: Hardfork): void {
    const { clearCount } = this.#thread.codes;
    if (clearCount !== this.#clearCount) this.#reviewed.clear();
    this.#clearCount = clearCount;
    if (this.#reviewed.size === 0) return;
    for (const entry of this.#reviewed) this.#review(entry, fork);
    this.#reviewed.clear();
  }

  /** See {@link CodeListener}. */
  onPoll(): void {}

  /** See {@link CodeListener}. */
  onEnter(): boolean {
    return false;
  }

  #review(entry: number, fork: Hardfork): void {
    const { bytes, words32 } = this.#thread.arena;
    const at = words32[(entry + CODE_ENTRY.code) >>> 2]!;
    const code = bytes.subarray(at, at + words32[(entry + CODE_ENTRY.size) >>> 2]!);
    const codeHash = bytes.slice(entry + CODE_ENTRY.hash, entry + CODE_ENTRY.hash + 32);
    const map = this.#mapOf(entry, code.length);
    const before = this.#modules.get(compileKey({ fork, codeHash }))?.wrongGuessCount ?? 0;
    if (wrongGuessCount(map) > before) this.#install(entry, this.#compile(code, map, fork, codeHash).published);
  }

  #install(entry: number, published: PublishedCode | null): void {
    const { arena, codes } = this.#thread;
    if (published !== null && codes.install(entry, published)) return;
    const flags = (entry + CODE_ENTRY.flags) >>> 2;
    arena.words32[flags] = arena.words32[flags]! | CODE_FLAG_REFUSED;
  }

  #mapOf(entry: number, sizeBytes: number): Uint8Array {
    const { bytes, words32 } = this.#thread.arena;
    const at = words32[(entry + CODE_ENTRY.map) >>> 2]!;
    return bytes.subarray(at, at + sizeBytes);
  }

  #compile(code: Uint8Array, map: Uint8Array, fork: Hardfork, codeHash: Uint8Array): Eager {
    const seed = codeHash[0]! + 256 * codeHash[1]!;
    const { forcesExits, ...form } = this.#options;
    const forceExit = forcesExits ? (pc: number) => isForced(pc, seed) : null;
    const options = { visitedOnly: false, forceExit, entryPoints: [], ...form };
    const compiled = compileCode(code, map, rulesOf(fork), options);
    const eager: Eager = {
      published: compiled === null ? null : publish(compiled),
      wrongGuessCount: wrongGuessCount(map),
    };
    this.#modules.set(compileKey({ fork, codeHash }), eager);
    dropOldest(this.#modules, MODULE_COUNT_MAX);
    return eager;
  }
}

/** Never at the start: then no compiled code would run at all. */
function isForced(pc: number, seed: number): boolean {
  return pc > 0 && (Math.imul(pc + seed, 0x9e37_79b1) >>> 16) % FORCED_EXIT_INTERVAL === 0;
}
