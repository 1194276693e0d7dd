// The symbol by division steps against powers of integers: edges and random numbers, modulo both primes of Banderwagon
// and of other curves. None but 0 is left to the power.

import { afterAll, describe, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { ModuleBuilder } from "#wasm/assembler.ts";
import { BASE_FIELD, SCALAR_FIELD } from "#wasm/kernels/banderwagon/curve.ts";
import { defineIsSquare } from "#wasm/kernels/banderwagon/legendre-symbol.ts";
import { KernelModule } from "#wasm/kernels/kernel-program.ts";
import { limbBytes, type PrimeField } from "#wasm/kernels/prime-field.ts";
import { compileModule, createMemory, instantiate, releaseMemory } from "#wasm/loader.ts";
import { power } from "../../crypto/banderwagon/edwards-curve.ts";

const SEED = Number(process.env.MEGAETH_SEED ?? 20_261_128);
console.log(`seed ${SEED}`);
const random = new SeededRandom(SEED);
const memory = createMemory({ initialPages: 1, maximumPages: 1, shared: false });
afterAll(() => releaseMemory(memory));

const LEFT_OPEN = 7;
const FIELDS: Readonly<Record<string, PrimeField>> = {
  coordinates: BASE_FIELD,
  scalars: SCALAR_FIELD,
  secp256k1: { modulus: 2n ** 256n - 2n ** 32n - 977n, limbCount: 4 },
  "BLS12-381": {
    modulus: 0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaabn,
    limbCount: 6,
  },
};

function open(field: PrimeField): (value: bigint) => number {
  const builder = new ModuleBuilder();
  builder.importMemory({ module: "env", name: "memory" }, { initialPages: 1, maximumPages: 1, shared: false });
  const base = builder.importGlobal({ module: "env", name: "base" }, "i32");
  const byPower = builder.defineFunction({ params: ["i32"], results: ["i32"] }, (f) => f.i32Const(LEFT_OPEN));
  builder.exportFunction("isSquare", defineIsSquare(new KernelModule(builder, base, 64), field, byPower));
  const { isSquare } = instantiate<{ isSquare: (operand: number) => number }>(compileModule(builder.build()), {
    env: { memory, base: new WebAssembly.Global({ value: "i32", mutable: false }, 0) },
  });
  const bytes = new Uint8Array(memory.buffer);
  return (value) => {
    bytes.set(limbBytes(value, field.limbCount), 1024);
    return isSquare(1024);
  };
}

function isSquare(value: bigint, { modulus }: PrimeField): boolean {
  return power(value, (modulus - 1n) / 2n, modulus) === 1n;
}

describe("Legendre symbol", () => {
  for (const [name, field] of Object.entries(FIELDS)) {
    test(name, () => {
      const { modulus, limbCount } = field;
      const symbol = open(field);
      const bits = modulus.toString(2).length;
      const values = Array.from({ length: 32 }, (_, i) => BigInt(i + 1));
      for (const value of values.slice()) values.push(modulus - value);
      for (let bit = 5; bit < bits - 1; bit += 3) values.push(2n ** BigInt(bit), 2n ** BigInt(bit) - 1n);
      for (let i = 0; i < 400; i++) {
        const size = 1 + random.below(8 * limbCount);
        values.push((BigInt(`0x${random.bytes(size).toHex()}`) % (modulus - 1n)) + 1n);
      }
      for (const value of values) expect(symbol(value)).toBe(Number(isSquare(value, field)));
      expect(symbol(0n)).toBe(LEFT_OPEN);
    });
  }
});
