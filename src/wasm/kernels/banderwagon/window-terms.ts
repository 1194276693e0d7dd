// Scalars as signed digits of windows, and the lists of pairs that add the digits' multiples to points. A bias added to
// the scalar makes each window's digit, less half of its range, a signed one, without a carry from window to window:
//
//   s = Σ d_k 2^(w k),  d_k = ((s + bias) >> w k) mod 2^w - 2^(w-1),  and the highest window as it is
//
// The table of a window holds for each base its multiples from 1 to 2^(w-1).

import { Code, i32, i64, type Var } from "../../code.ts";
import type { FunctionIndex } from "../../function-emitter.ts";
import type { KernelModule } from "../kernel-program.ts";
import { addLimbs, loadLimbs, storeLimbs } from "../limbs.ts";
import { AFFINE_SIZE_BYTES, PAIR_SIZE_BYTES } from "./affine-sums.ts";
import { WORD_SIZE_BYTES } from "./conversions.ts";

/** What the function of a window's list takes, in this order. */
export const WINDOW_PARAMETERS = [
  "list",
  "count",
  "scalars",
  "indices",
  "points",
  "table",
  "tableStride",
  "lowestBit",
  "mask",
  "bias",
  "infinity",
] as const;

/** Defines a function (scalars in place, bias, count) of plain numbers; sums stay below 2^256. */
export function defineBiasScalars(module: KernelModule): FunctionIndex {
  return module.builder.defineFunction({ params: ["i32", "i32", "i32"], results: [] }, (f) => {
    const code = new Code(f);
    const [scalars, bias, count] = [code.param(0, "i32"), code.param(1, "i32"), code.param(2, "i32")];
    const addend = loadLimbs(f, bias.local, 0, 4);
    code.while(i32.ne(count, 0), () => {
      storeLimbs(f, scalars.local, 0, addLimbs(f, loadLimbs(f, scalars.local, 0, 4), addend));
      code.set(scalars, i32.add(scalars, WORD_SIZE_BYTES));
      code.set(count, i32.sub(count, 1));
    });
  });
}

/**
 * Defines the function that lists one window's pairs, point += digit · base, by `WINDOW_PARAMETERS`: `indices` tell the
 * bases, 4 bytes each, whose multiples begin every `tableStride` bytes from `table`; `lowestBit` is the window's place,
 * `mask` the range of its digits and `bias` what they are too large by; `infinity` is a point to add for the digit 0.
 * At least 8 bytes follow the last scalar. It reads every entry, so that all are on their way from memory at the same
 * time, and returns nothing of meaning.
 */
export function defineListWindow(module: KernelModule): FunctionIndex {
  const params = new Array<"i32">(WINDOW_PARAMETERS.length).fill("i32");
  return module.builder.defineFunction({ params, results: ["i64"] }, (f) => {
    const code = new Code(f);
    const parameter = (name: (typeof WINDOW_PARAMETERS)[number]): Var<"i32"> =>
      code.param(WINDOW_PARAMETERS.indexOf(name), "i32");
    const [list, count, scalars] = [parameter("list"), parameter("count"), parameter("scalars")];
    const [indices, points, lowestBit] = [parameter("indices"), parameter("points"), parameter("lowestBit")];
    const [digit, isNegative, entry] = [code.i32(), code.i32(), code.i32()];
    const touched = code.i64(0n);
    const shift = code.i64(i64.extend(i32.and(lowestBit, 7)));
    code.set(scalars, i32.add(scalars, i32.shrU(lowestBit, 3)));
    code.while(i32.ne(count, 0), () => {
      const biased = i32.and(i32.wrap(i64.shrU(i64.load(scalars), shift)), parameter("mask"));
      code.set(digit, i32.sub(biased, parameter("bias")));
      code.set(isNegative, i32.ltS(digit, 0));
      code.set(digit, i32.select(isNegative, i32.sub(0, digit), digit));
      code.set(entry, i32.add(parameter("table"), i32.mul(i32.load(indices), parameter("tableStride"))));
      code.set(entry, i32.add(entry, i32.mul(i32.sub(digit, 1), AFFINE_SIZE_BYTES)));
      code.set(entry, i32.select(digit, entry, parameter("infinity")));
      code.set(touched, i64.xor(touched, i64.load(entry)));
      code.store32(list, 0, points);
      code.store32(list, 4, points);
      code.store32(list, 8, i32.or(entry, isNegative));
      code.set(list, i32.add(list, PAIR_SIZE_BYTES));
      code.set(scalars, i32.add(scalars, WORD_SIZE_BYTES));
      code.set(indices, i32.add(indices, 4));
      code.set(points, i32.add(points, AFFINE_SIZE_BYTES));
      code.set(count, i32.sub(count, 1));
    });
    code.return(touched);
  });
}
