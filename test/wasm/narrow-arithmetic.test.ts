// What stands for wide arithmetic where an engine has none, against integers: every instruction at its edges.

import { describe, expect, test } from "bun:test";
import { SeededRandom } from "#base/random.ts";
import { ModuleBuilder } from "#wasm/assembler.ts";
import type { FunctionEmitter } from "#wasm/function-emitter.ts";
import { compileModule, instantiate } from "#wasm/loader.ts";
import { replaceWideArithmetic } from "#wasm/narrow-arithmetic.ts";
import { I64, type PlainOpcode } from "#wasm/opcodes.ts";

const SEED = Number(process.env.MEGAETH_SEED ?? 20_261_128);
console.log(`seed ${SEED}`);
const random = new SeededRandom(SEED);
const U64 = 1n << 64n;
const EDGES = [0n, 1n, 2n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 63n - 1n, 2n ** 63n, U64 - 2n, U64 - 1n];

type Answer = (...operands: bigint[]) => [bigint, bigint];

function open(opcode: PlainOpcode, operandCount: number): Answer {
  const builder = new ModuleBuilder();
  replaceWideArithmetic(builder);
  const params = new Array<"i64">(operandCount).fill("i64");
  const index = builder.defineFunction({ params, results: ["i64", "i64"] }, (f: FunctionEmitter) => {
    for (const param of f.params) f.get(param);
    f.op(opcode);
  });
  builder.exportFunction("run", index);
  const bytes = builder.build();
  // The instructions themselves are 0xfc and 0x13 to 0x16.
  expect([...bytes].some((byte, i) => byte === 0xfc && bytes[i + 1]! >= 0x13 && bytes[i + 1]! <= 0x16)).toBe(false);
  return instantiate<{ run: Answer }>(compileModule(bytes), {}).run;
}

const word = () => (random.chance(0.4) ? random.pick(EDGES) : (BigInt(random.u32()) << 32n) | BigInt(random.u32()));
const join = (low: bigint, high: bigint) => BigInt.asUintN(64, low) | (BigInt.asUintN(64, high) << 64n);

function check(opcode: PlainOpcode, operandCount: number, expected: (operands: readonly bigint[]) => bigint): void {
  const run = open(opcode, operandCount);
  for (let i = 0; i < 2000; i++) {
    const operands = Array.from({ length: operandCount }, word);
    expect(join(...run(...operands))).toBe(BigInt.asUintN(128, expected(operands)));
  }
}

describe("without wide arithmetic", () => {
  test("products", () => {
    check(I64.mulWideU, 2, ([a, b]) => a! * b!);
    check(I64.mulWideS, 2, ([a, b]) => BigInt.asIntN(64, a!) * BigInt.asIntN(64, b!));
  });

  test("sums and differences of pairs", () => {
    check(I64.add128, 4, ([a, b, c, d]) => join(a!, b!) + join(c!, d!));
    check(I64.sub128, 4, ([a, b, c, d]) => join(a!, b!) - join(c!, d!));
  });
});
