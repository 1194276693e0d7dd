// Inversion on limbs in locals: modulo the prime for coordinates, modulo the order for scalars.

import type { FunctionEmitter, Local } from "../../function-emitter.ts";
import { type Limbs, pushLimb } from "../limbs.ts";
import { emitModularInverse, limbsInLocals } from "../modular-inverse.ts";

const LIMB_COUNT = 4;

/** The inverse of a, below an odd prime of 256 bits, modulo that; 0 for 0. */
export function invert(f: FunctionEmitter, a: Limbs, modulus: bigint): Local[] {
  const result = f.locals("i64", LIMB_COUNT);
  emitModularInverse(f, {
    field: { modulus, limbCount: LIMB_COUNT },
    operand: { push: (limb) => pushLimb(f, a[limb]!) },
    result: limbsInLocals(f, result),
    reserve: (limbCount) => limbsInLocals(f, f.locals("i64", limbCount)),
  });
  return result;
}
