// MODEXP at sizes that no vector has: beyond the engine's integers, where only gas bounds it, and the bound since Osaka.

import { expect, test } from "bun:test";
import { bigintToBytes, concatBytes } from "#base/bytes.ts";
import { HARDFORKS, isAtLeast } from "#chain/hardforks.ts";
import { MODEXP } from "#evm/precompiles/modexp.ts";

function input(base: Uint8Array, exponent: Uint8Array, modulus: Uint8Array): Uint8Array {
  const lengths = [base, exponent, modulus].map(({ length }) => bigintToBytes(BigInt(length), 32));
  return concatBytes(...lengths, base, exponent, modulus);
}

// A power of two plus one: 2^(8·size) is -1.
test("a modulus of 140,000 bytes, until Osaka", () => {
  const size = 140_000;
  const modulus = new Uint8Array(size + 1);
  modulus[0] = 1;
  modulus[size] = 1;
  const base = new Uint8Array(size / 2 + 1);
  base[0] = 3;
  const data = input(base, new Uint8Array([6]), modulus);
  // 3^6 · 2^(8·3·size) is -729: the modulus less 729, which is 0xff … 0xfd 0x28.
  const expected = new Uint8Array(size + 1).fill(0xff, 1);
  expected.set([0xfd, 0x28], size - 1);
  for (const fork of HARDFORKS) {
    if (!isAtLeast(fork, MODEXP.since)) continue;
    const output = MODEXP.run(data, fork);
    if (isAtLeast(fork, "osaka")) expect(output).toBeNull();
    else expect(output).toEqual(expected);
  }
});
