// What an engine did, counted: gas by tier, side exits and fallbacks. Generated code counts in the context record; after each run
// the counts move here, to the engine that ran.

import { CONTEXT, EXIT_REASONS, type ExitReason } from "#formats/memory/evm-arena.ts";
import { readCount, writeCount } from "./arena-words.ts";
import type { Arena } from "./range.ts";

/** What the reference machine had to run, and why: the arena was too small for the run, or for its input. */
export type FallbackReason = "exhausted" | "oversized";

/** See the head of the file. */
export class EngineCounters {
  /** Top-level frames run, by whichever machine. */
  runs = 0;
  /** Gas charged by the interpreter. */
  gasInterpreted = 0;
  /** The part of it in code that is never compiled: creation code, and what the compiler refused. */
  gasUncompilable = 0;
  /** Gas charged in compiled code. */
  gasCompiled = 0;
  /** Hand-overs from compiled code to the interpreter. */
  readonly exits: Record<ExitReason, number> = Object.fromEntries(EXIT_REASONS.map((reason) => [reason, 0])) as Record<
    ExitReason,
    number
  >;
  /** Frames that the reference machine ran. */
  readonly fallbacks: Record<FallbackReason, number> = { exhausted: 0, oversized: 0 };

  /** Takes over what the context record counts. @hot bench/evm/machine.bench.ts */
  collect(arena: Arena): void {
    const { base } = arena.range;
    this.gasInterpreted += take(arena, base + CONTEXT.gasInterpreted);
    this.gasUncompilable += take(arena, base + CONTEXT.gasUncompilable);
    const compiled = take(arena, base + CONTEXT.gasCompiled);
    if (compiled === 0) return;
    this.gasCompiled += compiled;
    for (let i = 0; i < EXIT_REASONS.length; i++) {
      this.exits[EXIT_REASONS[i]!] += take(arena, base + CONTEXT.exits + 8 * i);
    }
  }
}

function take(arena: Arena, address: number): number {
  const count = readCount(arena, address);
  if (count !== 0) writeCount(arena, address, 0);
  return count;
}
