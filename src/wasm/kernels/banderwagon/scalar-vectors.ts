// Vectors over the scalars' field: what polynomials in evaluation form are made of. Elements are 32 bytes in Montgomery
// form; arrays come as addresses, the count of elements last. Destinations may be an operand.

import { makeTuple } from "#base/tuple.ts";
import { Code, i32 } from "../../code.ts";
import type { FunctionIndex, Local } from "../../function-emitter.ts";
import type { KernelModule, Place } from "../kernel-program.ts";
import { assignLimbs } from "../limbs.ts";
import { constantModulus, LimbEmitter } from "../prime-field.ts";
import { plain, WORD_SIZE_BYTES } from "./conversions.ts";
import { SCALAR_FIELD } from "./curve.ts";
import { product, type SharedInversion } from "./shared-inversion.ts";

const INDEX_SIZE_BYTES = 4;

/** Indices of the functions. */
export type VectorFunctions = {
  /** Destination, source: any numbers of 256 bits, little-endian, to Montgomery form. */
  readonly read: FunctionIndex;
  /** Destination, source: to canonical numbers, little-endian. */
  readonly write: FunctionIndex;
  /** Destination, a, b: element by element. */
  readonly add: FunctionIndex;
  readonly sub: FunctionIndex;
  readonly mul: FunctionIndex;
  /** Destination, a, address of k: k a. */
  readonly scale: FunctionIndex;
  /** Destination, a, b, address of k: a + k b. */
  readonly addScaled: FunctionIndex;
  /** Destination of one element, a, b: Σ a b. */
  readonly innerProduct: FunctionIndex;
  /** Destination, address of x: 1, x, x², … */
  readonly powers: FunctionIndex;
  /** Destination, table, indices of 4 bytes: the elements at the indices. */
  readonly gather: FunctionIndex;
  /** Table, source, indices of 4 bytes: adds each element to the one at its index. */
  readonly scatterAdd: FunctionIndex;
  /** Destination, source: 1/a, or 0 for 0. */
  readonly inverse: FunctionIndex;
};

/** Places of R² and 1. */
export type VectorConstants = { readonly squareOfR: Place; readonly one: Place };

/** Defines the vectors' functions. */
export function defineVectors(
  module: KernelModule,
  inversion: SharedInversion,
  { squareOfR, one }: VectorConstants,
): VectorFunctions {
  const each = (strides: readonly number[], emit: (loop: Elements) => void) => defineLoop(module, strides, emit);
  const size = WORD_SIZE_BYTES;
  const binary = (combine: (limbs: LimbEmitter, a: Local[], b: Local[]) => Local[]) =>
    each([size, size, size], ({ limbs, load, store }) => store(combine(limbs, load(1), load(2))));
  return {
    read: each([size, size], ({ limbs, load, store, constant }) => {
      store(product(limbs, constant(squareOfR), load(1)));
    }),
    write: each([size, size], ({ limbs, load, store }) => store(plain(limbs, load(1)))),
    add: binary((limbs, a, b) => limbs.add(a, b)),
    sub: binary((limbs, a, b) => limbs.sub(a, b)),
    mul: binary(product),
    scale: each([size, size, 0], ({ limbs, load, store }) => store(product(limbs, load(1), load(2)))),
    addScaled: each([size, size, size, 0], ({ limbs, load, store }) => {
      store(limbs.add(load(1), product(limbs, load(2), load(3))));
    }),
    innerProduct: defineInnerProduct(module),
    powers: definePowers(module, one),
    gather: each([size, 0, INDEX_SIZE_BYTES], ({ limbs, indexed, store }) => store(limbs.load(indexed(1, 2)))),
    scatterAdd: each([0, size, INDEX_SIZE_BYTES], ({ limbs, indexed, load }) => {
      const place = indexed(0, 2);
      limbs.store(place, limbs.add(limbs.load(place), load(1)));
    }),
    inverse: inversion.define({
      strides: [size, size],
      denominator: ({ limbs, at }) => limbs.load({ at: at[1]!.local, offset: 0 }),
      finish: ({ limbs, at }, inverse) => limbs.store({ at: at[0]!.local, offset: 0 }, inverse),
      skip: ({ code, at }) => {
        for (let offset = 0; offset < size; offset += 8) code.store64(at[0]!, offset, 0n);
      },
    }),
  };
}

// How code for one element finds its operands, by the position of their array.
type Elements = {
  readonly limbs: LimbEmitter;
  readonly load: (array: number) => Local[];
  readonly store: (element: readonly Local[]) => void;
  readonly constant: (place: Place) => Local[];
  /** The element of an array at the index that another array holds. */
  readonly indexed: (array: number, indices: number) => Place;
};

// A function of arrays and a count; strides are the bytes from one element to the next.
function defineLoop(module: KernelModule, strides: readonly number[], emit: (loop: Elements) => void): FunctionIndex {
  const params = new Array<"i32">(strides.length + 1).fill("i32");
  return module.builder.defineFunction({ params, results: [] }, (f) => {
    const code = new Code(f);
    const limbs = new LimbEmitter(f, constantModulus(SCALAR_FIELD));
    const arrays = strides.map((_, i) => code.param(i, "i32"));
    const count = code.param(strides.length, "i32");
    const base = code.i32(i32.global(module.base));
    const element = code.i32();
    code.while(i32.ne(count, 0), () => {
      emit({
        limbs,
        load: (array) => limbs.load({ at: arrays[array]!.local, offset: 0 }),
        store: (value) => limbs.store({ at: arrays[0]!.local, offset: 0 }, value),
        constant: ({ offset }) => limbs.load({ at: base.local, offset }),
        indexed: (array, indices) => {
          code.set(element, i32.add(arrays[array]!, i32.shl(i32.load(arrays[indices]!), Math.log2(WORD_SIZE_BYTES))));
          return { at: element.local, offset: 0 };
        },
      });
      arrays.forEach((array, i) => {
        if (strides[i] !== 0) code.set(array, i32.add(array, strides[i]!));
      });
      code.set(count, i32.sub(count, 1));
    });
  });
}

function defineInnerProduct(module: KernelModule): FunctionIndex {
  return module.builder.defineFunction({ params: ["i32", "i32", "i32", "i32"], results: [] }, (f) => {
    const code = new Code(f);
    const limbs = new LimbEmitter(f, constantModulus(SCALAR_FIELD));
    const [to, a, b, count] = makeTuple(4, (i) => code.param(i, "i32"));
    const sum = limbs.number();
    code.while(i32.ne(count, 0), () => {
      const left = limbs.load({ at: a.local, offset: 0 });
      const right = limbs.load({ at: b.local, offset: 0 });
      assignLimbs(f, sum, limbs.add(sum, product(limbs, left, right)));
      code.set(a, i32.add(a, WORD_SIZE_BYTES));
      code.set(b, i32.add(b, WORD_SIZE_BYTES));
      code.set(count, i32.sub(count, 1));
    });
    limbs.store({ at: to.local, offset: 0 }, sum);
  });
}

function definePowers(module: KernelModule, one: Place): FunctionIndex {
  return module.builder.defineFunction({ params: ["i32", "i32", "i32"], results: [] }, (f) => {
    const code = new Code(f);
    const limbs = new LimbEmitter(f, constantModulus(SCALAR_FIELD));
    const [to, x, count] = [code.param(0, "i32"), code.param(1, "i32"), code.param(2, "i32")];
    const base = code.i32(i32.global(module.base));
    const power = limbs.load({ at: base.local, offset: one.offset });
    const factor = limbs.load({ at: x.local, offset: 0 });
    code.while(i32.ne(count, 0), () => {
      limbs.store({ at: to.local, offset: 0 }, power);
      assignLimbs(f, power, product(limbs, power, factor));
      code.set(to, i32.add(to, WORD_SIZE_BYTES));
      code.set(count, i32.sub(count, 1));
    });
  });
}
