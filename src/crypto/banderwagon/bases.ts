// The points that commitments are made with, derived from a seed: nobody knows a relation between them. SALT's and
// Verkle's differ in the seed alone, and in what the last point is.
//
//   for i = 0, 1, 2, …:  x = SHA-256(seed ‖ i as 8 bytes big-endian) mod p;  kept when it is the x of a point
//
// @see https://github.com/megaeth-labs/salt, ipa-multipoint

import { bigintFromBytes, bigintToBytes, utf8 } from "#base/bytes.ts";
import { fromHex } from "#base/hex.ts";
import { PLAIN_SIZE_BYTES, WORD_SIZE_BYTES } from "#wasm/kernels/banderwagon/conversions.ts";
import { BASE_FIELD } from "#wasm/kernels/banderwagon/curve.ts";
import { sha256 } from "../sha256.ts";
import type { KernelWorkspace } from "./kernel-workspace.ts";

/** The seed of MegaETH's state commitments. */
export const SALT_SEED = "MAKE_ETHEREUM_GREAT_AGAIN";
/** The seed of Ethereum's Verkle trees. */
export const VERKLE_SEED = "eth_verkle_oct_2021";
/** Q of Ethereum's Verkle trees, plain: the group's generator. SALT's is the point that its seed gives behind G. */
export const VERKLE_INNER_PRODUCT_BASE: Uint8Array = fromHex(
  "e951ad5d98e7181e99d76452e0e343281295e38d90c602bf824892fd86742c4a9bbe68334898cea19ef7191181f6301e7f02c54eb74cbc1d393f8b4fb4408149",
);

/**
 * Derives points.
 * @returns plain points, 64 bytes each
 */
export function deriveBases(kernel: KernelWorkspace, seed: string, count: number): Uint8Array {
  const points = new Uint8Array(count * PLAIN_SIZE_BYTES);
  const prefix = utf8(seed);
  const input = new Uint8Array(prefix.length + 8);
  input.set(prefix);
  const counter = new DataView(input.buffer, prefix.length);
  kernel.scope(() => {
    const compressed = kernel.take(WORD_SIZE_BYTES);
    const plain = kernel.take(PLAIN_SIZE_BYTES);
    let found = 0;
    for (let i = 0; found < count; i++) {
      counter.setUint32(4, i);
      const x = bigintFromBytes(sha256(input)) % BASE_FIELD.modulus;
      kernel.bytes.set(bigintToBytes(x, WORD_SIZE_BYTES), compressed);
      if (kernel.calls.decompress(plain, compressed, 1) !== 1) continue;
      points.set(kernel.bytes.subarray(plain, plain + PLAIN_SIZE_BYTES), found * PLAIN_SIZE_BYTES);
      found++;
    }
  });
  return points;
}
