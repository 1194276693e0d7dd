// The curve kernels' fields against integers: the three primes in use, values at the edges, every function in place.
// Points, towers and pairings are checked in test/crypto, where an independent library is the oracle.

import { describe, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { type CurveExports, type CurveShape, emitCurveModule } from "#wasm/kernels/curve.ts";
import { limbBytes, montgomeryOne } from "#wasm/kernels/prime-field.ts";
import { compileModule, createMemory, instantiate, releaseMemory } from "#wasm/loader.ts";

const SEED = Number(process.env.MEGAETH_SEED ?? 20_261_130);
console.log(`seed ${SEED}`);
const random = new SeededRandom(SEED);
const extension = { twist: "divisive", threeTwistB: [1n, 2n] } as const;

const SHAPES: Readonly<Record<string, CurveShape>> = {
  bn254: {
    field: { modulus: 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47n, limbCount: 4 },
    a: 0,
    extension: { ...extension, xi: 9 },
  },
  "BLS12-381": {
    field: {
      modulus: 0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaabn,
      limbCount: 6,
    },
    a: 0,
    extension: { ...extension, xi: 1 },
  },
  "P-256": {
    field: { modulus: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn, limbCount: 4 },
    a: -3,
  },
  "P-256 scalars": {
    field: { modulus: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n, limbCount: 4 },
    a: 0,
  },
};

const BASE = 4096;
const PLACES = 65_536;

function open(shape: CurveShape) {
  const memory = createMemory({ initialPages: 2, maximumPages: 2, shared: false });
  const { bytes, sizeBytes } = emitCurveModule(shape, false);
  const calls = instantiate<CurveExports>(compileModule(bytes), {
    env: { memory, base: new WebAssembly.Global({ value: "i32", mutable: false }, BASE) },
  });
  const view = new Uint8Array(memory.buffer);
  const { limbCount, modulus } = shape.field;
  const size = 8 * limbCount;
  const place = (i: number) => PLACES + i * size;
  const get = (at: number) =>
    BigInt(
      `0x${view
        .slice(at, at + size)
        .reverse()
        .toHex()}`,
    );
  const set = (at: number, value: bigint) => view.set(limbBytes(value, limbCount), at);
  const inverseOfR = power(montgomeryOne(shape.field), modulus - 2n, modulus);
  return { calls, view, place, get, set, size, sizeBytes, inverseOfR, modulus, close: () => releaseMemory(memory) };
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % modulus;
    if (bit === "1") result = (result * base) % modulus;
  }
  return result;
}

function element(modulus: bigint): bigint {
  const edges = [0n, 1n, 2n, modulus - 1n, modulus - 2n, modulus >> 1n, 1n << 64n, (1n << 64n) - 1n, 1n << 192n];
  if (random.chance(0.3)) return random.pick(edges);
  if (random.chance(0.1)) return modulus - BigInt(random.u32()) - 1n;
  return BigInt(`0x${random.bytes(56).toHex()}`) % modulus;
}

for (const [name, shape] of Object.entries(SHAPES)) {
  describe(name, () => {
    test("the same bytes every time", () => {
      for (const shared of [false, true]) {
        const { bytes } = emitCurveModule(shape, shared);
        expect(bytes).toEqual(emitCurveModule(shape, shared).bytes);
        expect(WebAssembly.validate(bytes)).toBe(true);
      }
    });

    test("the prime field", () => {
      const { calls, place, get, set, inverseOfR, modulus: p, close } = open(shape);
      const [a, b, to] = [place(0), place(2), place(4)];
      for (let i = 0; i < 2000; i++) {
        const [x, y] = [element(p), element(p)];
        set(a, x);
        set(b, y);
        const check = (fn: (to: number, a: number, b: number) => void, expected: bigint) => {
          fn(to, a, b);
          expect([x, y, get(to)]).toEqual([x, y, expected]);
        };
        check(calls.fpAdd, (x + y) % p);
        check(calls.fpSub, (x - y + p) % p);
        check(calls.fpMul, (((x * y) % p) * inverseOfR) % p);
        expect(calls.fpIsZero(a)).toBe(x === 0n ? 1 : 0);
        calls.fpSqrTimes(to, a, 3);
        const squared = (value: bigint) => (((value * value) % p) * inverseOfR) % p;
        expect(get(to)).toBe(squared(squared(squared(x))));
        calls.fpMul(a, a, a);
        expect(get(a)).toBe(squared(x));
      }
      close();
    });

    test("inverses", () => {
      const { calls, place, get, set, modulus: p, close } = open(shape);
      const r = montgomeryOne(shape.field);
      for (let i = 0; i < 400; i++) {
        const x = i < 64 ? 1n << (BigInt(4 * i) % 250n) : element(p);
        set(place(0), (x * r) % p);
        calls.fpInverse(place(1), place(0));
        expect([x, get(place(1))]).toEqual([x, (power(x % p, p - 2n, p) * r) % p]);
      }
      close();
    });

    test("reading and writing", () => {
      const { calls, view, place, size, modulus: p, close } = open(shape);
      const top = 1n << BigInt(8 * size);
      for (const value of [0n, 1n, p - 1n, p, p + 1n, top - 1n, ...Array.from({ length: 200 }, () => element(p))]) {
        view.set(Uint8Array.fromHex(value.toString(16).padStart(2 * size, "0")), place(0));
        expect(calls.fpRead(place(1), place(0))).toBe(value < p ? 1 : 0);
        if (value >= p) continue;
        calls.fpWrite(place(2), place(1));
        expect(view.slice(place(2), place(3))).toEqual(view.slice(place(0), place(1)));
      }
      close();
    });

    test("stays inside its range", () => {
      const { calls, view, place, sizeBytes, close } = open(shape);
      view.fill(0xa5, 0, BASE);
      view.fill(0xa5, BASE + sizeBytes);
      view.fill(1, place(0), place(12));
      calls.fpInverse(place(0), place(0));
      calls.g1Add(place(0), place(3), place(6));
      calls.fpWrite(place(1), place(0));
      if (shape.extension !== undefined) calls.fp12Mul(place(0), place(0), place(0));
      expect(view.subarray(0, BASE).every((byte) => byte === 0xa5)).toBe(true);
      expect(view.subarray(BASE + sizeBytes, place(0)).every((byte) => byte === 0xa5)).toBe(true);
      expect(view.subarray(place(12)).every((byte) => byte === 0xa5)).toBe(true);
      close();
    });

    if (shape.extension === undefined) return;

    test("the quadratic field", () => {
      const { calls, place, get, set, size, inverseOfR, modulus: p, close } = open(shape);
      const [a, b, to] = [place(0), place(2), place(4)];
      const xi = BigInt(shape.extension!.xi);
      const half = (value: bigint) => ((value % p) + p) % p;
      for (let i = 0; i < 1000; i++) {
        const [x0, x1, y0, y1] = [element(p), element(p), element(p), element(p)];
        const reset = () => {
          set(a, x0);
          set(a + size, x1);
          set(b, y0);
          set(b + size, y1);
        };
        const check = (at: number, real: bigint, imaginary: bigint) => {
          expect([x0, x1, y0, y1, get(at), get(at + size)]).toEqual([x0, x1, y0, y1, half(real), half(imaginary)]);
        };
        const product = [(x0 * y0 - x1 * y1) * inverseOfR, (x0 * y1 + x1 * y0) * inverseOfR] as const;
        reset();
        calls.fp2Mul(to, a, b);
        check(to, ...product);
        calls.fp2Sqr(to, a);
        check(to, (x0 * x0 - x1 * x1) * inverseOfR, 2n * x0 * x1 * inverseOfR);
        calls.fp2MulXi(to, a);
        check(to, xi * x0 - x1, x0 + xi * x1);
        calls.fp2Sub(to, a, b);
        check(to, x0 - y0, x1 - y1);
        // In place of either operand.
        calls.fp2Mul(a, a, b);
        check(a, ...product);
        reset();
        calls.fp2Mul(b, a, b);
        check(b, ...product);
        calls.fp2MulXi(a, a);
        check(a, xi * x0 - x1, x0 + xi * x1);
      }
      close();
    });
  });
}
