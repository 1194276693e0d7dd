// Modular powers against plain integers: lengths around the kernel's steps, odd, even and degenerate moduli.

import { expect, test } from "bun:test";
import { bigintFromBytes, bigintToBytes } from "#base/bytes.ts";
import { SeededRandom } from "#base/random.ts";
import { longModularPower } from "#crypto/long-modular-power.ts";
import { bigintPower, modularPower } from "#crypto/modular-power.ts";

const SEED = Number(process.env.MEGAETH_SEED ?? 20_261_131);
console.log(`seed ${SEED}`);

function expected(base: Uint8Array, exponent: Uint8Array, modulus: Uint8Array): Uint8Array {
  const m = bigintFromBytes(modulus);
  if (m <= 1n) return new Uint8Array(modulus.length);
  let result = 1n;
  const b = bigintFromBytes(base) % m;
  for (const bit of bigintFromBytes(exponent).toString(2)) {
    result = (result * result) % m;
    if (bit === "1") result = (result * b) % m;
  }
  return bigintToBytes(result, modulus.length);
}

test("numbers of every shape", () => {
  const random = new SeededRandom(SEED);
  for (let i = 0; i < 3000; i++) {
    const modulus = random.bytes(random.below(random.pick([4, 12, 34, 40, 70, 200])));
    const end = modulus.length;
    if (end > 0) {
      const shape = random.below(6);
      if (shape === 0) modulus[end - 1]! |= 1;
      if (shape === 1) modulus.fill(0, random.below(end));
      if (shape === 2) modulus.fill(0, 0, random.below(end + 1));
      if (shape === 3) modulus.fill(0).set([1 << random.below(8)], random.below(end));
      if (shape === 4 && random.chance(0.3)) modulus.fill(0xff);
    }
    const base = random.chance(0.1) ? new Uint8Array(random.below(80)).fill(0xff) : random.bytes(random.below(80));
    const exponent = random.bytes(random.below(random.pick([1, 2, 5, 40])));
    if (random.chance(0.1)) exponent.fill(0);
    if (random.chance(0.1)) exponent.fill(0xff);
    const shown = `${base.toHex()} ${exponent.toHex()} ${modulus.toHex()}`;
    const answer = modularPower(base, exponent, modulus).toHex();
    expect(`${shown} ${answer}`).toBe(`${shown} ${expected(base, exponent, modulus).toHex()}`);
  }
});

test("the longest numbers of the kernel, and longer ones", () => {
  const random = new SeededRandom(SEED);
  for (const size of [1016, 1023, 1024, 1025, 2000]) {
    for (const lowByte of [0, 1, 0x80]) {
      const modulus = random.bytes(size);
      modulus[size - 1] = lowByte;
      const [base, exponent] = [random.bytes(size + 10), random.bytes(3)];
      expect(modularPower(base, exponent, modulus)).toEqual(expected(base, exponent, modulus));
    }
  }
});

test("numbers whose product is longer than the engine's integers", () => {
  const modulus = new Uint8Array(100_000).fill(0xff);
  const base = new Uint8Array(120_000);
  base[0] = 7;
  // 2^(8·119999) · 7 modulo 2^800000 - 1 is 7 · 2^(159992), and its square 49 · 2^319984.
  const square = modularPower(base, new Uint8Array([2]), modulus);
  expect(square).toEqual(bigintToBytes(49n << 319_984n, 100_000));
});

test("numbers longer than the engine's integers", () => {
  // 2^(8·199999) modulo 2^(8·150000) is zero, 2^(8·100000) is not; modulo 2^(8·150000) - 1 the exponents wrap around.
  const size = 150_000;
  const powerOfTwo = new Uint8Array(size + 1);
  powerOfTwo[0] = 1;
  const base = new Uint8Array(100_001);
  base[0] = 3;
  const once = new Uint8Array(size + 1);
  once.set(base, once.length - base.length);
  expect(modularPower(base, new Uint8Array([1]), powerOfTwo)).toEqual(once);
  expect(modularPower(base, new Uint8Array([2]), powerOfTwo)).toEqual(new Uint8Array(size + 1));
  expect(modularPower(base, new Uint8Array([0, 0]), powerOfTwo).at(-1)).toBe(1);
  const repunit = new Uint8Array(size + 5).fill(0xff, 5);
  const cube = new Uint8Array(size + 5);
  // 27 · 2^(8·300000) is 27 · 2^0.
  cube[cube.length - 1] = 27;
  expect(modularPower(base, new Uint8Array([3]), repunit)).toEqual(cube);
});

test("digits of long numbers against plain integers", () => {
  const random = new SeededRandom(SEED);
  for (let i = 0; i < 120; i++) {
    const modulus = random.bytes(1 + random.below(random.pick([20, 2048, 2049, 4097, 7000])));
    modulus[0]! |= random.pick([1, 0x80, 0xff]);
    modulus[modulus.length - 1]! |= 2;
    const base = random.bytes(random.below(random.pick([10, 2048, 9000])));
    // Digits of ones and zeros make guesses of a quotient too large.
    if (random.chance(0.3)) modulus.fill(random.pick([0, 0xff]), 1, 1 + random.below(modulus.length - 1));
    if (random.chance(0.3)) base.fill(0xff, 0, random.below(base.length + 1));
    const exponent = random.bytes(random.below(3));
    const answer = longModularPower(base, exponent, modulus, 2 ** 14).toHex();
    const shown = `${base.toHex()} ${exponent.toHex()} ${modulus.toHex()}`;
    expect(`${shown} ${answer}`).toBe(`${shown} ${expected(base, exponent, modulus).toHex()}`);
  }
});

test("both ways agree on in-range bases", () => {
  const random = new SeededRandom(SEED);
  for (let i = 0; i < 50; i++) {
    const modulus = random.bytes(33);
    const base = random.bytes(20);
    const exponent = random.bytes(9);
    const other = bigintPower(bigintFromBytes(base), exponent, bigintFromBytes(modulus));
    expect(bigintFromBytes(modularPower(base, exponent, modulus))).toBe(other);
  }
});
