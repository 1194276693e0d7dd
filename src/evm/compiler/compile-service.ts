// From jobs to modules: what the compile thread runs, without the thread. A job carries the byte code and what the interpreter has
// seen of it; a result carries a module that every thread may instantiate, or says that the code stays interpreted.

import type { Hardfork } from "#chain/hardforks.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { compileModule } from "#wasm/loader.ts";
import { rulesOf } from "../gas/rules.ts";
import { type CompiledCode, compileCode } from "./compile.ts";
import type { Point } from "./nodes.ts";

/** A byte code to compile. Plain data: it is posted to the compile thread. */
export type CompileJob = {
  readonly fork: Hardfork;
  readonly codeHash: Hash32;
  readonly code: Uint8Array;
  /** One byte per byte of code, with the blocks that were entered; see `CODE_MAP_VISITED`. */
  readonly map: Uint8Array;
  /** How often this code was compiled before: each time more of it has been seen. */
  readonly attempt: number;
  /** Where running frames wait to be handed over. */
  readonly entryPoints: readonly Point[];
};

/** A compiled byte code that threads can instantiate. */
export type PublishedCode = Omit<CompiledCode, "bytes"> & {
  readonly module: WebAssembly.Module;
  /** Size of the module's binary form. */
  readonly sizeBytes: number;
};

/** What became of a job. */
export type CompileResult = {
  readonly fork: Hardfork;
  readonly codeHash: Hash32;
  readonly attempt: number;
  /** null: the code stays interpreted. */
  readonly compiled: PublishedCode | null;
  readonly compileMs: number;
};

/** Longest byte code that is compiled; longer ones stay interpreted. MegaETH allows 512 KiB. */
export const COMPILED_CODE_SIZE_BYTES_MAX = 512 * 1024;

/** Compiles a job: translates, and lets the engine of WebAssembly check the module. */
export function runCompileJob(job: CompileJob): CompileResult & { readonly bytes: Uint8Array<ArrayBuffer> | null } {
  const startMs = performance.now();
  const { fork, codeHash, attempt } = job;
  const compiled = job.code.length > COMPILED_CODE_SIZE_BYTES_MAX ? null : translate(job);
  const published = compiled === null ? null : publish(compiled);
  const compileMs = performance.now() - startMs;
  return { fork, codeHash, attempt, compiled: published, compileMs, bytes: compiled?.bytes ?? null };
}

function translate({ fork, code, map, entryPoints }: CompileJob): CompiledCode | null {
  return compileCode(code, map, rulesOf(fork), { visitedOnly: true, forceExit: null, entryPoints });
}

/** Makes the module of compiled code. */
export function publish({ bytes, ...rest }: CompiledCode): PublishedCode {
  return { ...rest, module: compileModule(bytes), sizeBytes: bytes.length };
}
