// What this engine's WebAssembly can do, found by validating tiny modules: kernels pick their instructions by it.

import { ModuleBuilder } from "./assembler.ts";
import type { FunctionEmitter } from "./function-emitter.ts";
import { CONTROL, I32, I64, V128 } from "./opcodes.ts";

/** Optional parts of WebAssembly, true where the engine accepts them. */
export type WasmFeatures = {
  /** WebAssembly itself. */
  readonly core: boolean;
  /** i64.mul_wide_u, add128 and their kin. */
  readonly wideArithmetic: boolean;
  /** 128-bit vectors. */
  readonly simd: boolean;
  /** The relaxed byte swizzle, one machine instruction. */
  readonly relaxedSimd: boolean;
  /** Shared memory and atomics. */
  readonly threads: boolean;
  /** Calls that replace their frame. */
  readonly tailCalls: boolean;
};

let detected: WasmFeatures | null = null;

/** Detects once per thread; about a tenth of a millisecond. */
export function wasmFeatures(): WasmFeatures {
  detected ??= detect();
  return detected;
}

function detect(): WasmFeatures {
  const core = typeof WebAssembly !== "undefined" && validates(() => {});
  return {
    core,
    wideArithmetic: core && validates(wideArithmetic),
    simd: core && validates((f) => vectorOp(f, V128.i32x4Add)),
    relaxedSimd: core && validates((f) => vectorOp(f, V128.i8x16RelaxedSwizzle)),
    threads: core && validates(atomicAdd, true),
    tailCalls: core && validatesTailCall(),
  };
}

function validates(emit: (f: FunctionEmitter) => void, sharedMemory = false): boolean {
  const module = new ModuleBuilder();
  if (sharedMemory) {
    module.importMemory({ module: "env", name: "memory" }, { initialPages: 1, maximumPages: 1, shared: true });
  }
  module.defineFunction({ params: [], results: [] }, emit);
  return WebAssembly.validate(module.build());
}

function validatesTailCall(): boolean {
  const module = new ModuleBuilder();
  const target = module.defineFunction({ params: [], results: [] }, () => {});
  module.defineFunction({ params: [], results: [] }, (f) => f.returnCall(target));
  return WebAssembly.validate(module.build());
}

function wideArithmetic(f: FunctionEmitter): void {
  f.i64Const(1);
  f.i64Const(2);
  f.op(I64.mulWideU);
  f.i64Const(3);
  f.i64Const(4);
  f.op(I64.add128);
  f.op(CONTROL.drop);
  f.op(CONTROL.drop);
}

function vectorOp(f: FunctionEmitter, opcode: typeof V128.i32x4Add): void {
  f.v128Const(new Uint8Array(16));
  f.v128Const(new Uint8Array(16));
  f.op(opcode);
  f.op(CONTROL.drop);
}

function atomicAdd(f: FunctionEmitter): void {
  f.i32Const(0);
  f.i32Const(1);
  f.memory(I32.atomicAdd);
  f.op(CONTROL.drop);
}
