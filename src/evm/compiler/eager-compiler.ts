// Compiles every byte code when the thread meets it, before it runs: for tests, and for `--jit force`. With forced exits, compiled
// code hands over to the interpreter at a part of its pieces for no reason, so that every way out is taken somewhere.

import { dropOldest } from "#base/maps.ts";
import type { Hardfork } from "#chain/hardforks.ts";
import { CODE_ENTRY, CODE_FLAG_REFUSED } from "#formats/memory/evm-arena.ts";
import { rulesOf } from "../gas/rules.ts";
import type { CodeListener } from "../runtime/host-bridge.ts";
import type { EvmThread } from "../runtime/thread.ts";
import { type CodeForm, compileCode } from "./compile.ts";
import { compileKey } from "./compile-queue.ts";
import { type PublishedCode, publish } from "./compile-service.ts";

/** Modules kept, by byte code and fork. */
const MODULE_COUNT_MAX = 1024;
/** One piece in this many is left when exits are forced. */
const FORCED_EXIT_INTERVAL = 5;

/** How code is compiled. */
export type EagerOptions = {
  readonly forcesExits: boolean;
  /** The only form to take; what has no such form is interpreted. */
  readonly form?: CodeForm;
};

/** See the head of the file. */
export class EagerCompiler implements CodeListener {
  readonly pollIntervalGas = 0;
  readonly #thread: EvmThread;
  readonly #options: EagerOptions;
  /** null: the compiler refused the code. */
  readonly #modules = new Map<string, PublishedCode | null>();

  constructor(thread: EvmThread, options: EagerOptions) {
    this.#thread = thread;
    this.#options = options;
  }

  /** See {@link CodeListener}. */
  onCodeLoaded(entry: number, code: Uint8Array, codeHash: Uint8Array, fork: Hardfork): void {
    const { arena, codes } = this.#thread;
    const key = compileKey({ fork, codeHash });
    let compiled = this.#modules.get(key);
    if (compiled === undefined) {
      const mapAt = arena.words32[(entry + CODE_ENTRY.map) >>> 2]!;
      compiled = this.#compile(code, arena.bytes.subarray(mapAt, mapAt + code.length), fork, codeHash);
      this.#keep(key, compiled);
    }
    if (compiled === null || !codes.install(entry, compiled)) {
      const flags = (entry + CODE_ENTRY.flags) >>> 2;
      arena.words32[flags] = arena.words32[flags]! | CODE_FLAG_REFUSED;
    }
  }

  /** Nothing is left to be asked for. */
  onHot(): void {}

  /** See {@link CodeListener}. */
  onRunBegun(): void {}

  /** See {@link CodeListener}. */
  onPoll(): void {}

  /** See {@link CodeListener}. */
  onEnter(): boolean {
    return false;
  }

  #compile(code: Uint8Array, map: Uint8Array, fork: Hardfork, codeHash: Uint8Array): PublishedCode | null {
    const seed = codeHash[0]! + 256 * codeHash[1]!;
    const { forcesExits, ...form } = this.#options;
    const forceExit = forcesExits ? (pc: number) => isForced(pc, seed) : null;
    const options = { visitedOnly: false, forceExit, entryPoints: [], ...form };
    const compiled = compileCode(code, map, rulesOf(fork), options);
    return compiled === null ? null : publish(compiled);
  }

  #keep(key: string, compiled: PublishedCode | null): void {
    this.#modules.set(key, compiled);
    dropOldest(this.#modules, MODULE_COUNT_MAX);
  }
}

/** Never at the start: then no compiled code would run at all. */
function isForced(pc: number, seed: number): boolean {
  return pc > 0 && (Math.imul(pc + seed, 0x9e37_79b1) >>> 16) % FORCED_EXIT_INTERVAL === 0;
}
