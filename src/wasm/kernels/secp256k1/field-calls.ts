// Field arithmetic on elements in memory, by calls of functions that each hold one product: for everything that is not
// in the innermost loop. Inlined throughout, the module would have 86 KB instead of 30, and take three times as long to
// emit and compile.

import type { FunctionEmitter, FunctionIndex, Local, ValueType } from "../../function-emitter.ts";
import { multiply, square, squareTimes } from "./field.ts";
import { loadLimbs, pushAddress, storeLimbs } from "./limbs.ts";

/** Defines a function whose emitter is also given a local with the kernel's base. */
export type Define = (
  params: readonly ValueType[],
  results: readonly ValueType[],
  emit: (f: FunctionEmitter, base: Local) => void,
) => FunctionIndex;

/** An element in memory: a local plus a constant offset. */
export type Place = { readonly address: Local; readonly offset: number };

/** The functions, and their calls. */
export class FieldCalls {
  readonly #multiply: FunctionIndex;
  readonly #square: FunctionIndex;
  readonly #squareTimes: FunctionIndex;

  constructor(define: Define) {
    this.#multiply = define(["i32", "i32", "i32"], [], (f) => {
      const [target, a, b] = f.params as [Local, Local, Local];
      storeLimbs(f, target, 0, multiply(f, loadLimbs(f, a, 0, 4), loadLimbs(f, b, 0, 4)));
    });
    this.#square = define(["i32", "i32"], [], (f) => {
      const [target, a] = f.params as [Local, Local];
      storeLimbs(f, target, 0, square(f, loadLimbs(f, a, 0, 4)));
    });
    this.#squareTimes = define(["i32", "i32", "i32"], [], (f) => {
      const [target, a, count] = f.params as [Local, Local, Local];
      const element = loadLimbs(f, a, 0, 4);
      squareTimes(f, element, count);
      storeLimbs(f, target, 0, element);
    });
  }

  /** target = a · b; places may be the same. */
  multiply(f: FunctionEmitter, target: Place, a: Place, b: Place): void {
    for (const { address, offset } of [target, a, b]) pushAddress(f, address, offset);
    f.call(this.#multiply);
  }

  /** target = a². */
  square(f: FunctionEmitter, target: Place, a: Place): void {
    for (const { address, offset } of [target, a]) pushAddress(f, address, offset);
    f.call(this.#square);
  }

  /** target = a squared `count` times, at least once. */
  squareTimes(f: FunctionEmitter, target: Place, a: Place, count: number): void {
    for (const { address, offset } of [target, a]) pushAddress(f, address, offset);
    f.i32Const(count);
    f.call(this.#squareTimes);
  }
}
