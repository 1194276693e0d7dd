// Points from the 32 bytes of a stranger, with all checks: a big-endian x below p, on the curve and in the group. There
// is no bit for the sign of y, since (x, y) and (-x, -y) are one point and the larger of both y is meant.
//
//   y² = n / m  with  n = 1 - a x²  and  m = 1 - d x²;  in the group when n is a square
//
// n and m are never 0: -1 is a square in the field, a and d are none.
//
// @see Masson, Sanso, Zhang, "Bandersnatch"; https://github.com/crate-crypto/rust-verkle, banderwagon

import { Code, i32, type Value } from "../../code.ts";
import type { FunctionIndex, Local } from "../../function-emitter.ts";
import { I64 } from "../../opcodes.ts";
import type { KernelModule, Place } from "../kernel-program.ts";
import { assignLimbs, constantLimbs, loadBigEndian, storeLimbs, subtractWithBorrow } from "../limbs.ts";
import { PLAIN_SIZE_BYTES, plain, pushIsNegative, WORD_SIZE_BYTES } from "./conversions.ts";
import { BASE_FIELD } from "./curve.ts";
import { type Lane, product, type SharedInversion } from "./shared-inversion.ts";

/** What decompression is made of. */
export type DecompressionParts = {
  /** Places of R², 1 and the coefficient d. */
  readonly squareOfR: Place;
  readonly one: Place;
  readonly d: Place;
  /** Destination, operand; returns 0 when there is no root. */
  readonly squareRoot: FunctionIndex;
  /** One operand; returns 1 when it is a square. */
  readonly isSquare: FunctionIndex;
};

/**
 * Defines a function (destination of plain points, source of compressed ones, count) that returns the index of the
 * first that is no point of the group, or the count. What it writes for such a one means nothing.
 */
export function defineDecompress(
  module: KernelModule,
  inversion: SharedInversion,
  parts: DecompressionParts,
): FunctionIndex {
  const [number, root] = module.reserveEach(2, WORD_SIZE_BYTES);
  const firstBad = module.reserve(8);
  const address = (place: Place) => i32.add(i32.global(module.base), place.offset);
  const places: Places = { number, root, address, firstBad: address(firstBad) };
  const loop = inversion.define({
    strides: [PLAIN_SIZE_BYTES, WORD_SIZE_BYTES],
    denominator: (lane) => emitAbscissa(lane, parts, places),
    finish: (lane, inverse) => emitOrdinate(lane, parts, places, inverse),
  });
  return module.builder.defineFunction({ params: ["i32", "i32", "i32"], results: ["i32"] }, (f) => {
    const code = new Code(f);
    const [to, from, count] = [code.param(0, "i32"), code.param(1, "i32"), code.param(2, "i32")];
    code.store32(places.firstBad, 0, i32.add(from, i32.mul(count, WORD_SIZE_BYTES)));
    code.call(loop, to, from, count);
    code.return(i32.shrU(i32.sub(i32.load(places.firstBad), from), Math.log2(WORD_SIZE_BYTES)));
  });
}

type Places = {
  /** Operand and result of the functions that are called. */
  readonly number: Place;
  readonly root: Place;
  readonly address: (place: Place) => Value<"i32">;
  /** Holds the address of the first compressed point that is refused. */
  readonly firstBad: Value<"i32">;
};

function refuse({ code, at }: Lane, { firstBad }: Places): void {
  const known = i32.load(firstBad);
  code.store32(firstBad, 0, i32.select(i32.ltU(at[1]!, known), at[1]!, known));
}

// Reads x, leaves n in the lane's spare place and returns m.
function emitAbscissa(lane: Lane, parts: DecompressionParts, places: Places): Local[] {
  const { f, limbs, at } = lane;
  const x = loadBigEndian(f, at[1]!.local, 0, BASE_FIELD.limbCount);
  storeLimbs(f, at[0]!.local, 0, x);
  f.get(subtractWithBorrow(f, x, constantLimbs(BASE_FIELD.modulus, BASE_FIELD.limbCount)).borrow);
  f.op(I64.eqz);
  f.if(() => refuse(lane, places));
  const montgomery = product(limbs, limbs.load(lane.constant(parts.squareOfR)), x);
  const square = product(limbs, montgomery, montgomery);
  const one = limbs.load(lane.constant(parts.one));
  const double = limbs.add(square, square);
  limbs.store(lane.spare, limbs.add(limbs.add(limbs.add(double, double), square), one));
  return limbs.sub(one, product(limbs, square, limbs.load(lane.constant(parts.d))));
}

function emitOrdinate(lane: Lane, parts: DecompressionParts, places: Places, inverse: readonly Local[]): void {
  const { f, code, limbs, at } = lane;
  const { number, root, address } = places;
  const numerator = limbs.load(lane.spare);
  limbs.store(lane.constant(number), numerator);
  code.if(i32.eqz(code.call32(parts.isSquare, address(number))), () => refuse(lane, places));
  limbs.store(lane.constant(number), product(limbs, numerator, inverse));
  code.if(i32.eqz(code.call32(parts.squareRoot, address(root), address(number))), () => refuse(lane, places));
  const y = plain(limbs, limbs.load(lane.constant(root)));
  pushIsNegative(f, y);
  f.if(() => assignLimbs(f, y, limbs.complement(y)));
  storeLimbs(f, at[0]!.local, WORD_SIZE_BYTES, y);
}
