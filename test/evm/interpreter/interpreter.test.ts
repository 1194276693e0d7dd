// The interpreter beside its rows: immediates, jumps and the marks that they leave, memory, links, frames, gas accounts, polling.

import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { fromHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import {
  ABORTED,
  EXHAUSTED,
  INVALID_JUMP,
  INVALID_OPCODE,
  OUT_OF_GAS,
  RETURN_DATA_OUT_OF_BOUNDS,
  RETURNED,
  REVERTED,
  STACK_UNDERFLOW,
  SWITCHED,
  WRITE_PROTECTION,
} from "#evm/runtime/status.ts";
import { CONTEXT } from "#formats/memory/evm-arena.ts";
import { FUNCTION_SIZE_BYTES_MAX } from "#wasm/function-emitter.ts";
import { assemble } from "../fixtures.ts";
import { FrameBench, jumpMap } from "./frame.fixture.ts";

const seed = Number(process.env.MEGAETH_TEST_SEED ?? 20_261_127);
const SATURATED = (1n << 63n) - 1n;
const MAX = (1n << 256n) - 1n;

const bench = new FrameBench("osaka");

afterAll(() => bench.close());
afterEach(() => {
  bench.answers = {};
});

const run = (source: string, start: Partial<Parameters<FrameBench["run"]>[0]> = {}) =>
  bench.run({ code: fromHex(assemble(source)), ...start });

test("the function is small enough to be optimized", () => {
  expect(bench.moduleSizeBytes).toBeLessThan(FUNCTION_SIZE_BYTES_MAX);
});

describe("words on the stack", () => {
  test("PUSH1 to PUSH32 read their bytes, zeroes where the code ends", () => {
    const random = new SeededRandom(seed);
    for (let size = 1; size <= 32; size++) {
      for (let present = 0; present <= size; present++) {
        const bytes = random.bytes(present);
        bytes.forEach((byte, index) => {
          bytes[index] = byte | 0x80;
        });
        const end = bench.run({ code: Uint8Array.from([0x5f + size, ...bytes]) });
        const padded = Buffer.concat([bytes, new Uint8Array(size - present)]).toString("hex");
        expect([size, present, end.stack, end.status]).toEqual([size, present, [BigInt(`0x${padded}`)], RETURNED]);
      }
    }
    expect(run("raw:5f").stack).toEqual([0n]);
  });

  const words = Array.from({ length: 18 }, (_, index) => MAX - BigInt(index));

  test("DUP1 to DUP16", () => {
    for (let depth = 1; depth <= 16; depth++) {
      const end = bench.run({ code: Uint8Array.from([0x7f + depth]), stack: words });
      expect(end.stack).toEqual([...words, words.at(-depth)!]);
    }
  });

  test("SWAP1 to SWAP16", () => {
    for (let depth = 1; depth <= 16; depth++) {
      const expected = [...words];
      expected[17] = words[17 - depth]!;
      expected[17 - depth] = words[17]!;
      const end = bench.run({ code: Uint8Array.from([0x8f + depth]), stack: words });
      expect(end.stack).toEqual(expected);
    }
  });

  test("POP", () => {
    expect(bench.run({ code: Uint8Array.from([0x50]), stack: [1n, 2n] }).stack).toEqual([1n]);
  });
});

describe("jumps", () => {
  const target = Uint8Array.from([0x56, 0x00, 0x60, 0x5b, 0x5b, 0x58]);

  test("go to a JUMPDEST, which costs its own gas", () => {
    const end = bench.run({ code: target, stack: [4n], gas: 11n });
    expect(end).toMatchObject({ status: RETURNED, stack: [5n], gas: 0n, visited: [0, 4] });
  });

  test("stop before a JUMPDEST that cannot be paid", () => {
    const end = bench.run({ code: target, stack: [4n], gas: 8n });
    expect(end).toMatchObject({ status: OUT_OF_GAS, pc: 4, stack: [] });
  });

  test.each([
    ["into an operand", 3n],
    ["onto another opcode", 1n],
    ["behind the code", 6n],
    ["far behind the code", 1n << 31n],
    ["behind 32 bits", (1n << 32n) + 4n],
    ["behind 63 bits", (1n << 63n) + 4n],
    ["behind 64 bits", (1n << 64n) + 4n],
    ["behind 128 bits", (1n << 128n) + 4n],
    ["behind 192 bits", (1n << 192n) + 4n],
  ])("%s are invalid, for JUMP and for JUMPI", (_, destination) => {
    const end = bench.run({ code: target, stack: [9n, destination] });
    expect(end).toMatchObject({ status: INVALID_JUMP, pc: 0, stack: [9n, destination], visited: [0] });
    const code = Uint8Array.from([0x57, ...target.subarray(1)]);
    const taken = bench.run({ code, stack: [1n, destination] });
    expect(taken).toMatchObject({ status: INVALID_JUMP, pc: 0, stack: [1n, destination], visited: [0] });
    const notTaken = bench.run({ code, stack: [0n, destination] });
    expect(notTaken).toMatchObject({ status: RETURNED, stack: [], visited: [0, 1] });
  });

  test("JUMPI looks at all 256 bits of its condition", () => {
    const code = Uint8Array.from([0x57, 0x00, 0x5b, 0x58]);
    for (let bit = 0n; bit < 256n; bit += 15n) {
      expect(bench.run({ code, stack: [1n << bit, 2n] })).toMatchObject({ stack: [3n], visited: [0, 2] });
    }
    expect(bench.run({ code, stack: [0n, 2n] })).toMatchObject({ stack: [], visited: [0, 1] });
  });

  test("a JUMPI at the end of the code marks nothing behind it", () => {
    const end = bench.run({ code: Uint8Array.from([0x57]), stack: [0n, 2n] });
    expect(end).toMatchObject({ status: RETURNED, visited: [0] });
    expect(bench.mapEndIsWhole()).toBe(true);
    expect(bench.run({ code: new Uint8Array(0) })).toMatchObject({ status: RETURNED, pc: 0 });
    expect(bench.mapEndIsWhole()).toBe(true);
  });

  test("a pushed destination: taken, not taken, invalid, short of words, short of gas", () => {
    for (const push of ["raw:6009", "raw:610009"]) {
      const jumpi = (after: string) => fromHex(assemble(`${push} raw:57 ${after}`).padEnd(18, "0").concat("5b58"));
      const at = push.length / 2 - 2;
      const start = { code: jumpi(""), stack: [5n] };
      expect(bench.run({ ...start, gas: 16n })).toMatchObject({
        status: RETURNED,
        stack: [10n],
        gas: 0n,
        visited: [0, 9],
      });
      expect(bench.run({ ...start, gas: 13n })).toMatchObject({ status: OUT_OF_GAS, stack: [], pc: 9 });
      expect(bench.run({ ...start, gas: 12n })).toMatchObject({ status: OUT_OF_GAS, stack: [5n, 9n], pc: at });
      expect(bench.run({ ...start, gas: 2n })).toMatchObject({ status: OUT_OF_GAS, stack: [5n], pc: 0 });
      expect(bench.run({ ...start, stack: [0n], gas: 13n })).toMatchObject({
        status: RETURNED,
        gas: 0n,
        visited: [0, at + 1],
      });
      expect(bench.run({ ...start, stack: [] })).toMatchObject({ status: STACK_UNDERFLOW, stack: [9n], pc: at });
      const full = Array.from({ length: 1024 }, () => 1n);
      expect(bench.run({ ...start, stack: full })).toMatchObject({ pc: 0, stack: full });
      expect(bench.run({ ...start, stack: full.slice(1) }).status).toBe(RETURNED);
      const bad = Uint8Array.from(start.code);
      bad[9] = 0;
      expect(bench.run({ ...start, code: bad })).toMatchObject({ status: INVALID_JUMP, stack: [5n, 9n], pc: at });
      const jump = Uint8Array.from(start.code);
      jump[at] = 0x56;
      expect(bench.run({ ...start, code: jump, gas: 14n })).toMatchObject({
        status: RETURNED,
        stack: [5n, 10n],
        gas: 0n,
      });
      expect(bench.run({ ...start, code: jump, gas: 10n })).toMatchObject({
        status: OUT_OF_GAS,
        stack: [5n, 9n],
        pc: at,
      });
      bad[at] = 0x56;
      expect(bench.run({ ...start, code: bad })).toMatchObject({ status: INVALID_JUMP, stack: [5n, 9n], pc: at });
    }
  });
});

describe("memory", () => {
  test("words are stored and loaded in EVM order at any offset, and memory grows to whole words", () => {
    const random = new SeededRandom(seed);
    for (const offset of [0, 1, 15, 16, 31, 32, 33, 64, 1000]) {
      const word = random.bytes(32);
      const value = BigInt(`0x${Buffer.from(word).toString("hex")}`);
      const end = bench.run({ code: fromHex("52"), stack: [value, BigInt(offset)] });
      const size = Math.ceil((offset + 32) / 32) * 32;
      expect(end.memory.length).toBe(size);
      expect(end.memory.subarray(offset, offset + 32)).toEqual(word);
      const loaded = bench.run({ code: fromHex("51"), stack: [BigInt(offset)], memory: end.memory });
      expect([loaded.stack, loaded.gas]).toEqual([[value], 999_997n]);
    }
  });

  test("MSTORE8 stores the lowest byte", () => {
    const end = bench.run({ code: fromHex("53"), stack: [0x1234n, 33n] });
    expect(end.memory.length).toBe(64);
    expect(end.memory[33]).toBe(0x34);
    expect(bench.run({ code: fromHex("53"), stack: [7n, 31n], memory: new Uint8Array(32), gas: 3n }).status).toBe(
      RETURNED,
    );
  });

  test("growth is charged; what is there costs no more than the opcode", () => {
    for (const [byte, stack] of [
      ["51", [32n]],
      ["52", [0n, 32n]],
      ["53", [0n, 63n]],
    ] as const) {
      const start = { code: fromHex(byte), stack };
      expect(bench.run({ ...start, gas: 9n })).toMatchObject({ status: RETURNED, gas: 0n });
      expect(bench.run({ ...start, gas: 8n })).toMatchObject({ status: OUT_OF_GAS, pc: 0, stack: [...stack] });
      expect(bench.run({ ...start, gas: 3n, memory: new Uint8Array(64) })).toMatchObject({ status: RETURNED, gas: 0n });
      expect(bench.run({ ...start, gas: 5n, memory: new Uint8Array(32) }).status).toBe(OUT_OF_GAS);
    }
  });

  test.each([
    [1n << 32n],
    [(1n << 32n) - 1n],
    [(1n << 63n) - 1n],
    [1n << 63n],
    [(1n << 64n) - 32n],
    [(1n << 64n) - 1n],
    [1n << 64n],
    [1n << 128n],
    [1n << 192n],
    [MAX],
  ])("an offset of %d is out of reach, never wrapped", (offset) => {
    const asked: unknown[] = [];
    bench.answers = {
      expand: (...operands) => {
        asked.push(operands);
        return -BigInt(OUT_OF_GAS);
      },
    };
    for (const [byte, stack, size] of [
      ["51", [offset], 32n],
      ["52", [1n, offset], 32n],
      ["53", [1n, offset], 1n],
    ] as const) {
      const end = bench.run({ code: fromHex(byte), stack, memory: new Uint8Array(64), gas: 100n });
      expect(end).toMatchObject({ status: OUT_OF_GAS, pc: 0, stack: [...stack] });
      expect(asked.splice(0)).toEqual([[97n, offset < SATURATED ? offset : SATURATED, size]]);
    }
  });
});

describe("links", () => {
  const big = (1n << 255n) + 9n;
  const address = (7n << 128n) + (5n << 64n) + 3n;
  const dirty = address + (0xabn << 160n);

  test.each([
    ["20", [32n, 64n], ["keccak", 999_970n, 64n, 32n]],
    ["20", [big, big], ["keccak", 999_970n, SATURATED, SATURATED]],
    ["37", [3n, 2n, 1n], ["callDataCopy", 999_997n, 1n, 2n, 3n]],
    ["39", [3n, big, 1n], ["codeCopy", 999_997n, 1n, SATURATED, 3n]],
    ["3e", [3n, 2n, 1n], ["returnDataCopy", 999_997n, 1n, 2n, 3n]],
    ["5e", [3n, 2n, 1n], ["memoryCopy", 999_997n, 1n, 2n, 3n]],
    ["3c", [3n, 2n, 1n, dirty], ["extCodeCopy", 999_900n, 3n, 5n, 7n, 0n, 1n, 2n, 3n]],
    ["31", [dirty], ["balance", 999_900n, 3n, 5n, 7n, 0n]],
    ["3b", [dirty], ["extCodeSize", 999_900n, 3n, 5n, 7n, 0n]],
    ["3f", [dirty], ["extCodeHash", 999_900n, 3n, 5n, 7n, 0n]],
    ["35", [big], ["callDataLoad", 9n, 0n, 0n, -(1n << 63n)]],
    ["40", [big], ["blockHash", 9n, 0n, 0n, -(1n << 63n)]],
    ["49", [big], ["blobHash", 9n, 0n, 0n, -(1n << 63n)]],
    ["47", [], ["selfBalance"]],
    ["54", [address], ["sload", 999_900n, 3n, 5n, 7n, 0n]],
    ["55", [1n, address], ["sstore", 1_000_000n, 3n, 5n, 7n, 0n, 1n, 0n, 0n, 0n]],
    ["5c", [address], ["tload", 3n, 5n, 7n, 0n]],
    ["5d", [1n, address], ["tstore", 999_900n, 3n, 5n, 7n, 0n, 1n, 0n, 0n, 0n]],
    ["ff", [dirty], ["selfDestruct", 995_000n, 3n, 5n, 7n, 0n]],
    ["f3", [32n, 64n], ["output", 1_000_000n, 64n, 32n]],
    ["fd", [32n, big], ["output", 1_000_000n, SATURATED, 32n]],
  ] as const)("0x%s hands its operands over", (code, stack, call) => {
    const end = bench.run({ code: fromHex(code), stack });
    expect(end.calls).toEqual([[...call]] as never);
    expect(end.status).toBe(code === "fd" ? REVERTED : RETURNED);
  });

  test("LOG0 to LOG4 leave their topics in the context", () => {
    for (let topics = 0; topics <= 4; topics++) {
      const stack = [big, 4n, 3n, 2n].slice(0, topics).toReversed();
      const end = bench.run({ code: Uint8Array.from([0xa0 + topics]), stack: [...stack, 32n, 64n] });
      expect(end.calls).toEqual([["log", 1_000_000n - 375n * BigInt(topics + 1), 64n, 32n, topics]]);
      const found = stack.map((_, index) => bench.readWord(0x1_0000 + CONTEXT.logTopics + 32 * index));
      expect(found).toEqual(stack.toReversed());
    }
  });

  test("answers become the result, gas what is left, memory what it grew to", () => {
    bench.answers = {
      keccak: () => [55n, 1n, 2n, 3n, 4n],
      sload: () => [44n, 4n, 3n, 2n, 1n],
    };
    expect(bench.run({ code: fromHex("20"), stack: [8n, 0n, 0n] })).toMatchObject({
      gas: 55n,
      stack: [8n, 1n + (2n << 64n) + (3n << 128n) + (4n << 192n)],
    });
    expect(bench.run({ code: fromHex("54"), stack: [0n] })).toMatchObject({
      gas: 44n,
      stack: [4n + (3n << 64n) + (2n << 128n) + (1n << 192n)],
    });
  });

  test("a halt of a link leaves the frame at the opcode", () => {
    bench.answers = {
      returnDataCopy: () => -BigInt(RETURN_DATA_OUT_OF_BOUNDS),
      sstore: () => -BigInt(WRITE_PROTECTION),
      selfDestruct: () => -BigInt(WRITE_PROTECTION),
      balance: () => [-BigInt(EXHAUSTED), 0n, 0n, 0n, 0n],
      output: () => -BigInt(OUT_OF_GAS),
    };
    for (const [code, height, status] of [
      ["5b3e", 3, RETURN_DATA_OUT_OF_BOUNDS],
      ["5b55", 2, WRITE_PROTECTION],
      ["5bff", 1, WRITE_PROTECTION],
      ["5b31", 1, EXHAUSTED],
      ["5bf3", 2, OUT_OF_GAS],
      ["5bfd", 2, OUT_OF_GAS],
    ] as const) {
      const stack = Array.from({ length: height }, () => 1n);
      expect(bench.run({ code: fromHex(code), stack })).toMatchObject({ status, pc: 1, stack });
    }
  });
});

describe("frames", () => {
  const opcodes = [
    ["f0", 3, "create", 32_000n],
    ["f1", 7, "call", 100n],
    ["f2", 7, "call", 100n],
    ["f4", 6, "call", 100n],
    ["f5", 4, "create", 32_000n],
    ["fa", 6, "call", 100n],
  ] as const;

  test.each(opcodes)("0x%s sees the frame written back, and goes on with it", (byte, inputs, link, price) => {
    const stack = Array.from({ length: inputs }, (_, index) => BigInt(index));
    const opcode = Number.parseInt(byte, 16);
    const seen: unknown[] = [];
    bench.answers = {
      [link]: (operand: bigint | number) => {
        const { pc, gas, stack: found, gasInterpreted } = bench.end(0);
        seen.push([operand, pc, gas, found, gasInterpreted]);
        bench.setGas(gas - 1000n);
        bench.replaceTop(inputs, 77n);
        return 0;
      },
    };
    const end = bench.run({ code: Uint8Array.from([0x5b, opcode, 0x5b]), stack: [9n, ...stack] });
    const left = 1_000_000n - 1n - price;
    expect(seen).toEqual([[opcode, 2, left, [9n, ...stack], 1n + price]]);
    expect(end).toMatchObject({ status: RETURNED, stack: [9n, 77n], gas: left - 1001n, gasInterpreted: price + 2n });
  });

  test("leaves to a child with the frame as the link left it", () => {
    bench.answers = {
      call: () => {
        bench.setGas(5n);
        return SWITCHED;
      },
    };
    const stack = Array.from({ length: 7 }, () => 0n);
    const end = bench.run({ code: fromHex("5bf15b58"), stack });
    expect(end).toMatchObject({ status: SWITCHED, pc: 2, gas: 5n, stack, gasInterpreted: 101n });
    bench.replaceTop(7, 1n);
    expect(bench.end(bench.interpret())).toMatchObject({ status: RETURNED, gas: 2n, stack: [1n, 3n] });
  });

  test("a halt of the link leaves the frame at the opcode", () => {
    bench.answers = { create: () => WRITE_PROTECTION };
    const end = bench.run({ code: fromHex("5bf0"), stack: [1n, 2n, 3n] });
    expect(end).toMatchObject({ status: WRITE_PROTECTION, pc: 1, stack: [1n, 2n, 3n] });
  });

  test("goes on at any place of the code, and marks it", () => {
    expect(bench.run({ code: fromHex("fe5b58"), pc: 2 })).toMatchObject({
      status: RETURNED,
      stack: [2n],
      visited: [2],
    });
  });
});

describe("gas accounts and polling", () => {
  const countdown = "5 loop: 1 SWAP1 SUB DUP1 @loop JUMPI";
  const total = 3n + 5n * (1n + 3n + 3n + 3n + 3n + 3n + 10n);

  test("the thread and the code are charged, and hot code is told of", () => {
    const calm = run(countdown, { gasThreshold: total + 1n });
    expect(calm).toMatchObject({ gasInterpreted: total, codeGasInterpreted: total, calls: [] });
    const hot = run(countdown, { gasThreshold: total });
    expect(hot).toMatchObject({ gasInterpreted: total, codeGasInterpreted: total });
    expect(hot.calls.map(([name]) => name)).toEqual(["hot"]);
    expect(run(countdown)).toMatchObject({ gasInterpreted: total, codeGasInterpreted: 0n, calls: [] });
  });

  test("below the floor the poll decides, and gas stays exact", () => {
    const answers = [999_950n, 900_000n];
    bench.answers = { poll: () => answers.shift()! };
    const end = run(countdown, { floor: 999_990n });
    expect(end).toMatchObject({ status: RETURNED, gas: 1_000_000n - total });
    expect(end.calls.map(([name]) => name)).toEqual(["poll"]);
    bench.answers = { poll: () => -1n };
    const aborted = run(countdown, { floor: 999_990n });
    expect(aborted).toMatchObject({ status: ABORTED, gas: 999_990n, pc: 6, stack: [1n, 5n] });
  });

  test("too little gas above a floor is out of gas, whatever the poll answers", () => {
    bench.answers = { poll: (gas) => BigInt(gas) };
    expect(run(countdown, { gas: 20n, floor: 10n })).toMatchObject({ status: OUT_OF_GAS });
    expect(run(countdown, { gas: 500_000n, floor: 499_999n })).toMatchObject({
      status: RETURNED,
      gas: 500_000n - total,
    });
  });

  test("an opcode without a price is never stopped by the floor", () => {
    expect(run("raw:fe", { gas: 5n, floor: 100n })).toMatchObject({ status: INVALID_OPCODE });
  });
});

test("the map of the fixture knows operands from opcodes", () => {
  expect([...jumpMap(fromHex("5b605b5b7f5b"))]).toEqual([1, 0, 0, 1, 0, 0]);
});
