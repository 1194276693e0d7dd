// Brings a module's optimized code into being before anybody runs it: the module takes that along to every thread. Each function is
// called on a frame without gas: it fails its first charge and returns at once, but the engine of WebAssembly counts the calls
// and compiles it, in the background, as it would a hot one.

import type { Hardfork } from "#chain/hardforks.ts";
import { CODE_ENTRY_SIZE_BYTES, CONTEXT, FRAME, FRAME_SIZE_BYTES } from "#formats/memory/evm-arena.ts";
import { linkCompiled } from "../runtime/code-cache.ts";
import { FUNCTION_TABLE_SIZE_MAX } from "../runtime/core-module.ts";
import type { EvmThread } from "../runtime/thread.ts";
import type { PublishedCode } from "./compile-service.ts";

/** Calls of each function: the last tier is reached after some 3,300. */
const CALL_COUNT = 4_000;
/** Calls between two looks at the clock. */
const ROUND = 250;
/** Longest time that one module is warmed up, milliseconds. */
const WARM_UP_MS_MAX = 100;

/** See the head of the file. */
export class ModuleWarmer {
  readonly #thread: EvmThread;

  /** @param thread on which nothing runs meanwhile */
  constructor(thread: EvmThread) {
    this.#thread = thread;
  }

  /** Calls the functions of a module until they are hot or the time is over. */
  warm({ module, functionCount }: Pick<PublishedCode, "module" | "functionCount">, fork: Hardfork): void {
    const { range } = this.#thread.arena;
    const table = new WebAssembly.Table({
      element: "anyfunc",
      initial: functionCount + 1,
      maximum: FUNCTION_TABLE_SIZE_MAX,
    });
    linkCompiled(module, { range, table, first: 1, core: this.#thread.coreOf(fork) });
    const functions = Array.from({ length: functionCount }, (_, i) => table.get(1 + i) as (frame: number) => number);
    const frame = this.#prepareFrame();
    const endMs = performance.now() + WARM_UP_MS_MAX;
    for (let done = 0; done < CALL_COUNT && performance.now() < endMs; done += ROUND) {
      for (const run of functions) for (let i = 0; i < ROUND; i++) run(frame);
    }
  }

  /** A frame of no code, without gas, with an empty stack and empty memory. */
  #prepareFrame(): number {
    const { bytes, words32, firstFrame: frame } = this.#thread.arena;
    bytes.fill(0, frame, frame + FRAME_SIZE_BYTES);
    const stack = this.#thread.field(CONTEXT.stacks);
    const entry = this.#thread.field(CONTEXT.input);
    bytes.fill(0, entry, entry + CODE_ENTRY_SIZE_BYTES);
    for (const [field, value] of [
      [FRAME.stack, stack],
      [FRAME.stackTop, stack],
      [FRAME.memory, this.#thread.field(CONTEXT.memories)],
      [FRAME.codeEntry, entry],
    ] as const) {
      words32[(frame + field) >>> 2] = value;
    }
    return frame;
  }
}
