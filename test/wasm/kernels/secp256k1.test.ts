// The recovery kernel against libsecp256k1 and noble: random signatures by the thousand, and every exception that a
// stranger's choice of hash, r and s can lead the additions into. Field arithmetic and inversion are checked alone at
// their edges too.

import { afterAll, describe, expect, test } from "bun:test";
import { secp256k1 as noble } from "@noble/curves/secp256k1.js";
import { must } from "#base/assert.ts";
import { bigintFromBytes, bigintToBytes } from "#base/bytes.ts";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { nativeSecp256k1 } from "#crypto/secp256k1-native.ts";
import { createNobleSecp256k1 } from "#crypto/secp256k1-noble.ts";
import { ModuleBuilder } from "#wasm/assembler.ts";
import type { FunctionEmitter, Local } from "#wasm/function-emitter.ts";
import { type Limbs, loadLimbs, storeLimbs } from "#wasm/kernels/limbs.ts";
import * as field from "#wasm/kernels/secp256k1/field.ts";
import { invert } from "#wasm/kernels/secp256k1/inverse.ts";
import { createSecp256k1Kernel, emitSecp256k1Module } from "#wasm/kernels/secp256k1/kernel.ts";
import { BASE_TABLE_COUNT, OFFSET, SECP256K1_RANGE_SIZE_BYTES } from "#wasm/kernels/secp256k1/layout.ts";
import { GROUP_ORDER, multiplyModuloOrder } from "#wasm/kernels/secp256k1/scalar.ts";
import { compileModule, createMemory, instantiate, releaseMemory } from "#wasm/loader.ts";

const seed = Number(process.env.MEGAETH_TEST_SEED ?? 20_261_128);
const N = GROUP_ORDER;
const P = field.FIELD_PRIME;
const BASE = 8192;

const memory = createMemory({ initialPages: 2, maximumPages: 2, shared: true });
const bytes = new Uint8Array(memory.buffer).fill(0xa5);
const kernel = createSecp256k1Kernel({ memory, base: BASE, sizeBytes: SECP256K1_RANGE_SIZE_BYTES });
const native = must(nativeSecp256k1, "the native add-on");
const portable = createNobleSecp256k1();
afterAll(() => releaseMemory(memory));

const word = (value: bigint) => bigintToBytes(value, 32);
const mod = (value: bigint, modulus: bigint) => ((value % modulus) + modulus) % modulus;

type Case = { readonly hash: Uint8Array; readonly signature: Uint8Array; readonly yParity: 0 | 1 };

function recover({ hash, signature, yParity }: Case): string | null {
  bytes.set(hash, kernel.hashAddress);
  bytes.set(signature, kernel.signatureAddress);
  const found = kernel.recover(kernel.hashAddress, kernel.signatureAddress, yParity, kernel.resultAddress);
  return found === 1 ? toBareHex(bytes.slice(kernel.resultAddress, kernel.resultAddress + 64)) : null;
}

function recoverBy(oracle: typeof native, { hash, signature, yParity }: Case): string | null {
  const publicKey = new Uint8Array(65);
  return oracle.recover(hash, signature, yParity, publicKey) ? toBareHex(publicKey.subarray(1)) : null;
}

function expectSame(item: Case, message: string): void {
  const expected = recoverBy(native, item);
  expect(recover(item), message).toBe(expected);
  expect(recoverBy(portable, item), message).toBe(expected);
}

/** A signature (r, s) of z with R = k·G, by which the recovered key is (s·k − z)/r · G. */
function craft(k: bigint, s: bigint, z: bigint): Case {
  const point = noble.Point.BASE.multiply(k).toAffine();
  const r = mod(point.x, N);
  return {
    hash: word(z),
    signature: new Uint8Array([...word(r), ...word(s)]),
    yParity: (point.y & 1n) === 0n ? 0 : 1,
  };
}

function randomScalar(random: SeededRandom): bigint {
  return 1n + mod(bigintFromBytes(random.bytes(32)), N - 1n);
}

describe("recovery equals libsecp256k1", () => {
  test("on 4000 random r and s, of which about half have no point", () => {
    const random = new SeededRandom(seed);
    let refused = 0;
    for (let round = 0; round < 4000; round++) {
      const signature = new Uint8Array([...word(randomScalar(random)), ...word(randomScalar(random))]);
      const item = { hash: random.bytes(32), signature, yParity: random.below(2) as 0 | 1 };
      const expected = recoverBy(native, item);
      if (expected === null) refused++;
      expect(recover(item), `seed ${seed}, round ${round}`).toBe(expected);
    }
    expect(refused).toBeGreaterThan(1800);
    expect(refused).toBeLessThan(2200);
  });

  test("and noble, on signatures with low and high s and both parities", () => {
    const random = new SeededRandom(seed + 1);
    for (let round = 0; round < 100; round++) {
      const key = word(randomScalar(random));
      const hash = word(bigintFromBytes(random.bytes(32)) % N);
      const signature = new Uint8Array(64);
      const yParity = native.sign(hash, key, signature) as 0 | 1;
      const high = signature.slice();
      high.set(word(N - bigintFromBytes(signature.subarray(32))), 32);
      const publicKey = new Uint8Array(65);
      native.derivePublicKey(key, publicKey);
      const message = `seed ${seed + 1}, round ${round}`;
      expect(recover({ hash, signature, yParity }), message).toBe(toBareHex(publicKey.subarray(1)));
      const other = yParity === 0 ? 1 : 0;
      expect(recover({ hash, signature: high, yParity: other }), message).toBe(toBareHex(publicKey.subarray(1)));
      expectSame({ hash, signature, yParity: other }, message);
    }
  });

  test("on edge values of hash, r and s", () => {
    const scalars = [1n, 2n, 3n, 5n, N / 2n, N / 2n + 1n, N - 2n, N - 1n, 1n << 128n, (1n << 128n) - 1n, 1n << 255n];
    const hashes = [0n, 1n, N - 1n, N, N + 1n, P - 1n, P, 2n ** 256n - 1n];
    // r below p − n would also be the x − n of a point; with a parity of 0 or 1 it is x itself.
    const small = Array.from({ length: 12 }, (_, i) => BigInt(i + 1)).concat(P - N - 1n, P - N, P - N + 1n);
    for (const hash of hashes) {
      for (const r of [...scalars, ...small]) {
        for (const s of scalars.slice(0, 8)) {
          for (const yParity of [0, 1] as const) {
            const item = { hash: word(hash), signature: new Uint8Array([...word(r), ...word(s)]), yParity };
            expect(recover(item), `hash ${hash}, r ${r}, s ${s}`).toBe(recoverBy(native, item));
          }
        }
      }
    }
  });

  test("where R is a small multiple of G, or of 2^128·G: every pair of table points meets its equal and its opposite", () => {
    const random = new SeededRandom(seed + 2);
    const multiples = [1n, 2n, 3n, 4n, 5n, 7n, 15n, 31n, 511n, 512n, 1n << 64n, 1n << 127n, 1n << 128n, 3n << 128n];
    for (const multiple of multiples) {
      for (const k of [multiple, N - multiple]) {
        for (const s of [1n, 2n, 3n, randomScalar(random)]) {
          // z = s·k makes infinity, its neighbours the last addition exceptional; z = 0 has no part of G at all.
          for (const z of [
            0n,
            1n,
            2n,
            s * k,
            s * k + 1n,
            s * k - 1n,
            -s * k,
            2n * s * k,
            bigintFromBytes(random.bytes(32)),
          ]) {
            expectSame(craft(k, s, mod(z, N)), `seed ${seed + 2}, k ${k}, s ${s}, z ${z}`);
          }
        }
      }
    }
  }, 60_000);

  test("where u1 and u2 are chosen: equal and opposite partial sums in the loop", () => {
    // Q = u1·G + u2·R with R = k·G, s = u2·r, z = −u1·r.
    const random = new SeededRandom(seed + 3);
    const choices = [1n, 2n, 3n, 16n, 17n, 31n, 33n, (1n << 127n) - 1n, 1n << 127n, 1n << 128n, N - 1n, N - 3n];
    for (const k of [1n, 2n, 3n, N - 1n, N - 2n, (N + 1n) / 2n, (N - 1n) / 2n, randomScalar(random)]) {
      const r = mod(noble.Point.BASE.multiply(k).toAffine().x, N);
      for (const u1 of [0n, ...choices]) {
        for (const u2 of choices) {
          const item = craft(k, mod(u2 * r, N), mod(-u1 * r, N));
          const expected = mod(u1 + u2 * k, N);
          const point = expected === 0n ? null : noble.Point.BASE.multiply(expected).toBytes(false).subarray(1);
          expect(recover(item), `k ${k}, u1 ${u1}, u2 ${u2}`).toBe(point === null ? null : toBareHex(point));
        }
      }
    }
  }, 60_000);

  test("after the optimizing tier has taken over", () => {
    const random = new SeededRandom(seed + 4);
    const items = Array.from({ length: 50 }, () =>
      craft(randomScalar(random), randomScalar(random), randomScalar(random)),
    );
    const expected = items.map((item) => recoverBy(native, item));
    for (let round = 0; round < 40; round++) expect(items.map(recover), `seed ${seed + 4}`).toEqual(expected);
  });
});

describe("the kernel", () => {
  test("stays inside its range", () => {
    expect(bytes.subarray(0, BASE).every((byte) => byte === 0xa5)).toBe(true);
    expect(bytes.subarray(BASE + SECP256K1_RANGE_SIZE_BYTES).every((byte) => byte === 0xa5)).toBe(true);
  });

  test("its tables hold the odd multiples of G and of 2^128·G", () => {
    for (const [offset, start] of [
      [OFFSET.baseTable, noble.Point.BASE],
      [OFFSET.shiftedBaseTable, noble.Point.BASE.multiply(1n << 128n)],
    ] as const) {
      for (const index of [0, 1, 2, 3, 77, BASE_TABLE_COUNT - 1]) {
        const { x, y } = start.multiply(BigInt(2 * index + 1)).toAffine();
        const at = BASE + offset + 64 * index;
        const stored = [at, at + 32].map((from) => bigintFromBytes(bytes.slice(from, from + 32).reverse()) % P);
        expect(stored, `${index}`).toEqual([x, y]);
      }
    }
  });

  test("takes arguments and gives results anywhere in the memory", () => {
    const item = craft(12345n, 678n, 91011n);
    bytes.set(item.hash, 3);
    bytes.set(item.signature, 101);
    expect(kernel.recover(3, 101, item.yParity, 7001)).toBe(1);
    expect(toBareHex(bytes.slice(7001, 7065))).toBe(must(recoverBy(native, item), "a key"));
    bytes.fill(0xa5, 0, BASE);
  });

  test("the same bytes every time, valid for both kinds of memory", () => {
    for (const shared of [false, true]) {
      const module = emitSecp256k1Module(shared);
      expect(toBareHex(module)).toBe(toBareHex(emitSecp256k1Module(shared)));
      expect(WebAssembly.validate(module)).toBe(true);
      expect(module.length).toBeLessThan(40_000);
    }
  });

  test("a range that does not fit is refused", () => {
    expect(() => createSecp256k1Kernel({ memory, base: 4, sizeBytes: 60_000 })).toThrow("multiple of 8");
    expect(() => createSecp256k1Kernel({ memory, base: 0, sizeBytes: 4096 })).toThrow("too small");
    expect(() => createSecp256k1Kernel({ memory, base: 100_000, sizeBytes: 60_000 })).toThrow("behind the memory");
  });
});

type Operation = (f: FunctionEmitter, a: Limbs, b: Limbs) => Limbs;

const OPERATIONS: Readonly<
  Record<string, { emit: Operation; modulus: bigint; expected: (a: bigint, b: bigint) => bigint }>
> = {
  multiply: { emit: field.multiply, modulus: P, expected: (a, b) => a * b },
  add: { emit: field.add, modulus: P, expected: (a, b) => a + b },
  subtract: { emit: field.subtract, modulus: P, expected: (a, b) => a - b },
  square: { emit: (f, a) => field.square(f, a), modulus: P, expected: (a) => a * a },
  negate: { emit: (f, a) => field.negate(f, a), modulus: P, expected: (a) => -a },
  threeHalves: { emit: (f, a) => field.threeHalves(f, a), modulus: P, expected: (a) => 3n * a * ((P + 1n) / 2n) },
  double: { emit: (f, a) => field.shiftLeft(f, a, 1), modulus: P, expected: (a) => 2n * a },
  eightfold: { emit: (f, a) => field.shiftLeft(f, a, 3), modulus: P, expected: (a) => 8n * a },
  normalize: { emit: (f, a) => field.normalize(f, a), modulus: P, expected: (a) => a },
  multiplyScalars: { emit: multiplyModuloOrder, modulus: N, expected: (a, b) => a * b },
};

describe("arithmetic at the edges", () => {
  const page = createMemory({ initialPages: 1, maximumPages: 1, shared: false });
  afterAll(() => releaseMemory(page));
  const words = new BigUint64Array(page.buffer);
  const put = (at: number, value: bigint) => {
    for (let i = 0; i < 4; i++) words[at + i] = BigInt.asUintN(64, value >> BigInt(64 * i));
  };
  const take = (at: number) => [3, 2, 1, 0].reduce((value, i) => (value << 64n) | words[at + i]!, 0n);
  const exports = compileOperations(page);
  const random = new SeededRandom(seed + 5);
  const C = field.FIELD_FOLD;
  const limbs = [0n, 1n, C, (1n << 64n) - C, (1n << 64n) - 2n, (1n << 64n) - 1n, 1n << 63n];
  const sparse = () => [0, 1, 2, 3].reduce((value) => (value << 64n) | random.pick(limbs), 0n);
  const values = [
    ...[0n, 1n, 2n, C - 1n, C, C + 1n, N - 1n, N, N + 1n, P - 1n, P, P + 1n, 2n ** 256n - 2n, 2n ** 256n - 1n],
    ...Array.from({ length: 100 }, sparse),
    ...Array.from({ length: 20 }, () => bigintFromBytes(random.bytes(32))),
  ];

  for (const [name, { modulus, expected }] of Object.entries(OPERATIONS)) {
    test(`${name} modulo a 256-bit prime`, () => {
      for (const a of values) {
        for (const b of values) {
          put(4, a);
          put(8, b);
          must(exports[name], name)(0, 32, 64);
          const result = take(0);
          const isReduced = name !== "normalize" && name !== "multiplyScalars" ? true : result < modulus;
          if (!isReduced || mod(result, modulus) !== mod(expected(a, b), modulus)) {
            expect.unreachable(`seed ${seed + 5}: ${name} of ${a} and ${b} gives ${result}`);
          }
        }
      }
    });
  }

  test("inversion modulo p and n", () => {
    const chosen = [...values, ...Array.from({ length: 2000 }, () => bigintFromBytes(random.bytes(32)))];
    for (const [name, modulus] of [
      ["invertElement", P],
      ["invertScalar", N],
    ] as const) {
      for (const value of chosen) {
        const a = value % modulus;
        put(4, a);
        must(exports[name], name)(0, 32, 64);
        const inverse = take(0);
        expect(inverse < modulus && mod(inverse * a, modulus) === (a === 0n ? 0n : 1n), `${name} of ${a}`).toBe(true);
      }
    }
  });
});

function compileOperations(page: WebAssembly.Memory): Record<string, (target: number, a: number, b: number) => void> {
  const module = new ModuleBuilder();
  module.importMemory({ module: "env", name: "memory" }, { initialPages: 1, maximumPages: 1, shared: false });
  const define = (name: string, emit: Operation) => {
    const index = module.defineFunction({ params: ["i32", "i32", "i32"], results: [] }, (f) => {
      const [target, a, b] = f.params as [Local, Local, Local];
      storeLimbs(f, target, 0, emit(f, loadLimbs(f, a, 0, 4), loadLimbs(f, b, 0, 4)));
    });
    module.exportFunction(name, index);
  };
  for (const [name, { emit }] of Object.entries(OPERATIONS)) define(name, emit);
  define("invertElement", (f, a) => invert(f, a, P));
  define("invertScalar", (f, a) => invert(f, a, N));
  return instantiate(compileModule(module.build()), { env: { memory: page } });
}
