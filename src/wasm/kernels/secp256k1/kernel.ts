// secp256k1 public key recovery in WebAssembly over a range of a memory: 32 µs where libsecp256k1's add-on takes 48.
// Variable time throughout: it must never see a private key. It needs wide arithmetic (`wasmFeatures`).
//
//   hash, r‖s ─▶ lift r to R ─▶ digits of u1, u2 ─▶ table of R ─▶ sum by digits ─▶ affine x‖y

import { ModuleBuilder } from "../../assembler.ts";
import type { FunctionIndex, Local } from "../../function-emitter.ts";
import { compileModule } from "../../loader.ts";
import { instantiateKernel, type KernelPlacement } from "../kernel-placement.ts";
import { loadLimbs, storeLimbs } from "../limbs.ts";
import { FIELD_PRIME, normalize } from "./field.ts";
import { type Define, FieldCalls } from "./field-calls.ts";
import { emitPrepare } from "./generator-table.ts";
import { invert } from "./inverse.ts";
import { OFFSET, SECP256K1_RANGE_SIZE_BYTES } from "./layout.ts";
import { emitAddition, emitBaseAddition, emitDouble, emitOddMultiples } from "./point.ts";
import { emitLift, emitMultiply, emitRecover, emitTurnTable, emitWriteDigits, emitWriteResult } from "./recover.ts";
import { emitDigits, GROUP_ORDER, multiplyModuloOrder } from "./scalar.ts";

/** Functions over addresses of the kernel's memory; arguments may lie anywhere in it. */
export type Secp256k1Kernel = {
  /** The memory that addresses refer to. */
  readonly memory: WebAssembly.Memory;
  /** Address of 32 bytes for a hash. */
  readonly hashAddress: number;
  /** Address of 64 bytes for r‖s. */
  readonly signatureAddress: number;
  /** Address of 64 bytes for a result. */
  readonly resultAddress: number;
  /**
   * Recovers a public key: 32 bytes of hash, any value; r‖s, big-endian, both in [1, n); parity 0 or 1; receives x‖y.
   * @returns 1, or 0 when there is no such key
   */
  readonly recover: (hash: number, signature: number, parity: number, result: number) => number;
};

/**
 * Makes a kernel and its tables, one or two milliseconds. One thread uses it at a time: it keeps intermediate values in
 * its range.
 * @param placement a range of at least `SECP256K1_RANGE_SIZE_BYTES`
 * @param compiled what `emitSecp256k1Module` gave for the kind of memory, compiled; emitted and compiled here without
 *   it
 */
export function createSecp256k1Kernel(placement: KernelPlacement, compiled?: WebAssembly.Module): Secp256k1Kernel {
  const { memory, base } = placement;
  const module = compiled ?? compileModule(emitSecp256k1Module(memory.buffer instanceof SharedArrayBuffer));
  const { prepare, recover } = instantiateKernel<Pick<Secp256k1Kernel, "recover"> & { prepare: () => void }>(
    module,
    placement,
    SECP256K1_RANGE_SIZE_BYTES,
  );
  prepare();
  return {
    memory,
    hashAddress: base + OFFSET.hash,
    signatureAddress: base + OFFSET.signature,
    resultAddress: base + OFFSET.result,
    recover,
  };
}

/** The module's bytes: they depend on nothing but whether the memory is shared. Imports `env.memory` and `env.base`. */
export function emitSecp256k1Module(shared: boolean): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory({ module: "env", name: "memory" }, { initialPages: 1, maximumPages: 65_536, shared });
  const baseGlobal = module.importGlobal({ module: "env", name: "base" }, "i32");
  const define: Define = (params, results, emit) =>
    module.defineFunction({ params, results }, (f) => {
      const base = f.local("i32");
      f.globalGet(baseGlobal);
      f.set(base);
      emit(f, base);
    });
  const points = definePoints(define);
  const prepare = define([], [], (f, base) => emitPrepare(f, base, points));
  module.exportFunction("prepare", prepare);
  module.exportFunction("recover", defineRecover(define, points));
  return module.build();
}

function definePoints(define: Define) {
  const field = new FieldCalls(define);
  const invertElement = defineInversion(define, FIELD_PRIME);
  const double = define(["i32"], [], (f, base) => emitDouble(f, base, field));
  const addition = define(["i32", "i32", "i64", "i32"], [], (f, base) => emitAddition(f, base, { field, double }));
  const oddMultiples = define(["i32", "i32", "i32"], [], (f, base) =>
    emitOddMultiples(f, base, { field, double, addition }),
  );
  return { field, invertElement, double, addition, oddMultiples };
}

function defineRecover(define: Define, points: ReturnType<typeof definePoints>): FunctionIndex {
  const { field, invertElement, double, addition, oddMultiples } = points;
  const invertScalar = defineInversion(define, GROUP_ORDER);
  const multiplyScalars = define(["i32", "i32", "i32"], [], (f) => {
    const [target, a, b] = f.params as [Local, Local, Local];
    storeLimbs(f, target, 0, multiplyModuloOrder(f, loadLimbs(f, a, 0, 4), loadLimbs(f, b, 0, 4)));
  });
  const writeHalf = define(["i64", "i64", "i64", "i32", "i64"], [], (f) => {
    const [low, high, sign, address, width] = f.params as [Local, Local, Local, Local, Local];
    emitDigits(f, { limbs: [low, high], sign, address, width });
  });
  const baseAddition = define(["i32", "i32", "i64"], [], (f, base) => emitBaseAddition(f, base, addition, field));
  const digitFunctions = { writeHalf, invertScalar, multiplyScalars };
  const parts = {
    lift: define(["i32", "i32"], ["i32"], (f, base) => emitLift(f, base, field)),
    writeDigits: define(["i32", "i32"], [], (f, base) => emitWriteDigits(f, base, digitFunctions)),
    oddMultiples,
    turnTable: define([], [], (f, base) => emitTurnTable(f, base, field)),
    multiply: define([], [], (f, base) => emitMultiply(f, base, { double, addition, baseAddition })),
    writeResult: define(["i32"], ["i32"], (f, base) => emitWriteResult(f, base, { field, invertElement })),
  };
  return define(["i32", "i32", "i32", "i32"], ["i32"], (f, base) => emitRecover(f, base, parts));
}

// Parameters: target, source.
function defineInversion(define: Define, modulus: bigint): FunctionIndex {
  return define(["i32", "i32"], [], (f) => {
    const [target, source] = f.params as [Local, Local];
    const a = loadLimbs(f, source, 0, 4);
    storeLimbs(f, target, 0, invert(f, modulus === FIELD_PRIME ? normalize(f, a) : a, modulus));
  });
}
