// The assembler: small modules are emitted, compiled and run; integer arithmetic is checked against BigInt.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { toBareHex } from "#base/hex.ts";
import { SeededRandom } from "#base/random.ts";
import { type FunctionType, ModuleBuilder } from "#wasm/assembler.ts";
import { ByteWriter } from "#wasm/byte-writer.ts";
import { FUNCTION_SIZE_BYTES_MAX, type FunctionEmitter, type Label } from "#wasm/function-emitter.ts";
import { compileModule, createMemory, instantiate, releaseMemory } from "#wasm/loader.ts";
import { CONTROL, I32, I64, type PlainOpcode, V128 } from "#wasm/opcodes.ts";

const seed = Number(process.env.MEGAETH_TEST_SEED ?? 20_260_705);
const U64 = 1n << 64n;
const U128 = 1n << 128n;

type AnyFunction = (...args: (number | bigint)[]) => unknown;

let memory: WebAssembly.Memory;
beforeAll(() => {
  memory = createMemory({ initialPages: 1, maximumPages: 1, shared: false });
});
afterAll(() => releaseMemory(memory));

// A module with one exported function over the shared test memory.
function run(type: FunctionType, emit: (f: FunctionEmitter) => void): AnyFunction {
  const module = new ModuleBuilder();
  module.importMemory({ module: "env", name: "memory" }, { initialPages: 1, maximumPages: 1, shared: false });
  module.exportFunction("run", module.defineFunction(type, emit));
  return instantiate<{ run: AnyFunction }>(compileModule(module.build()), { env: { memory } }).run;
}

function binary(type: "i32" | "i64", opcode: PlainOpcode, results: FunctionType["results"] = [type]): AnyFunction {
  return run({ params: [type, type], results }, (f) => {
    for (const param of f.params) f.get(param);
    f.op(opcode);
  });
}

// Random words with many zero, all-one and carry-making values.
function word64(random: SeededRandom): bigint {
  const kind = random.below(5);
  if (kind === 0) return random.pick([0n, 1n, U64 - 1n, U64 >> 1n, (U64 >> 1n) - 1n]);
  const value = (BigInt(random.u32()) << 32n) | BigInt(random.u32());
  return kind === 1 ? value >> BigInt(random.below(64)) : value;
}

const unsigned = (value: unknown) => BigInt.asUintN(64, value as bigint);
const signed = (value: bigint) => BigInt.asIntN(64, value);

describe("module", () => {
  test("known bytes of a small module", () => {
    const module = new ModuleBuilder();
    const add = module.defineFunction({ params: ["i32", "i32"], results: ["i32"] }, (f) => {
      f.get(f.param(0));
      f.get(f.param(1));
      f.op(I32.add);
    });
    module.exportFunction("add", add);
    expect(toBareHex(module.build())).toBe(
      "0061736d01000000010701" +
        "60027f7f017f" +
        "03020100" +
        "070701" +
        "036164640000" +
        "0a090107" +
        "00200020016a0b",
    );
  });

  test("the same calls give the same bytes", () => {
    const emit = () => {
      const module = new ModuleBuilder();
      module.importMemory({ module: "env", name: "memory" }, { initialPages: 1, maximumPages: 2, shared: true });
      const print = module.importFunction({ module: "env", name: "print" }, { params: ["i64"], results: [] });
      const index = module.defineFunction({ params: [], results: [] }, (f) => {
        f.i64Const(U64 - 1n);
        f.call(print);
      });
      module.exportFunction("run", index);
      module.addData({ address: 16 }, new Uint8Array(9));
      return toBareHex(module.build());
    };
    expect(emit()).toBe(emit());
  });

  test("imports, globals, tables, data and recursion work together", () => {
    const module = new ModuleBuilder();
    module.importMemory({ module: "env", name: "memory" }, { initialPages: 1, maximumPages: 1, shared: false });
    const seen: number[] = [];
    const note = module.importFunction({ module: "env", name: "note" }, { params: ["i32"], results: [] });
    const base = module.importGlobal({ module: "env", name: "base" }, "i32");
    const counter = module.defineGlobal("i32", 40, true);
    const table = module.defineTable(2);
    const unary = { params: ["i32"], results: ["i32"] } as const;
    const factorial = module.declareFunction(unary);
    module.defineBody(factorial, (f) => {
      f.get(f.param(0));
      f.call(note);
      f.get(f.param(0));
      f.i32Const(1);
      f.op(I32.leU);
      f.if(
        () => f.i32Const(1),
        () => {
          f.get(f.param(0));
          f.get(f.param(0));
          f.i32Const(1);
          f.op(I32.sub);
          f.call(factorial);
          f.op(I32.mul);
        },
        "i32",
      );
    });
    const firstByte = module.defineFunction(unary, (f) => {
      f.globalGet(base);
      f.get(f.param(0));
      f.op(I32.add);
      f.memory(I32.load8U);
      f.globalGet(counter);
      f.i32Const(1);
      f.op(I32.add);
      f.globalSet(counter);
    });
    const pick = module.defineFunction({ params: ["i32", "i32"], results: ["i32"] }, (f) => {
      f.get(f.param(0));
      f.get(f.param(1));
      f.callIndirect(module.type(unary), table);
    });
    module.addElements(table, 0, [factorial, firstByte]);
    module.addData({ base }, Uint8Array.of(7, 8, 9));
    module.addData({ address: 512 }, Uint8Array.of(1));
    module.exportFunction("pick", pick);
    module.exportGlobal("counter", counter);
    module.exportTable("table", table);
    const exports = instantiate<{ pick: AnyFunction; counter: WebAssembly.Global; table: WebAssembly.Table }>(
      compileModule(module.build()),
      {
        env: {
          memory,
          note: (value: number) => seen.push(value),
          base: new WebAssembly.Global({ value: "i32", mutable: false }, 256),
        },
      },
    );
    expect(exports.pick(6, 0)).toBe(720);
    expect(seen).toEqual([6, 5, 4, 3, 2, 1]);
    expect(exports.pick(2, 1)).toBe(9);
    expect(exports.counter.value).toBe(41);
    expect(exports.table.length).toBe(2);
    expect(new Uint8Array(memory.buffer)[512]).toBe(1);
    expect(() => exports.pick(0, 2)).toThrow(WebAssembly.RuntimeError);
  });

  test("misuse is refused when it is emitted", () => {
    const type = { params: [], results: [] } as const;
    const module = new ModuleBuilder();
    const declared = module.declareFunction(type);
    expect(() => module.build()).toThrow("no body");
    expect(() => module.importFunction({ module: "env", name: "late" }, type)).toThrow("imports come before");
    module.defineBody(declared, () => {});
    expect(() => module.defineBody(declared, () => {})).toThrow("without a body");
    expect(() => module.defineFunction(type, (f) => f.openBlock())).toThrow("left open");
    expect(() => module.defineFunction(type, (f) => f.end())).toThrow("without an open block");
    expect(() => module.defineFunction(type, (f) => f.br(3 as Label))).toThrow("not open here");
    expect(() => module.defineFunction(type, (f) => f.i32Const(2 ** 32))).toThrow("32-bit");
    expect(() => module.defineFunction(type, (f) => f.i64Const(U64))).toThrow("64-bit");
    expect(() => module.addData({ address: 0 }, Uint8Array.of(1))).toThrow("memory");
  });

  test("a function above the size limit is refused, one below is not", () => {
    const fill = (count: number) => (f: FunctionEmitter) => {
      for (let i = 0; i < count; i++) f.op(CONTROL.nop);
    };
    const type = { params: [], results: [] } as const;
    const overhead = 2; // no locals, end
    new ModuleBuilder().defineFunction(type, fill(FUNCTION_SIZE_BYTES_MAX - overhead));
    expect(() => new ModuleBuilder().defineFunction(type, fill(FUNCTION_SIZE_BYTES_MAX - overhead + 1))).toThrow(
      "never be optimized",
    );
  });
});

describe("constants", () => {
  test("every width of LEB128 round-trips through the engine", () => {
    const random = new SeededRandom(seed);
    const values = Array.from({ length: 64 }, (_, i) => [1n << BigInt(i), (1n << BigInt(i)) - 1n]).flat();
    for (let i = 0; i < 60; i++) values.push(word64(random));
    const module = new ModuleBuilder();
    for (const [i, value] of values.entries()) {
      for (const [name, constant] of [
        ["plus", value],
        ["minus", -signed(value)],
      ] as const) {
        const clipped = constant >= -(U64 >> 1n) ? constant : 0n;
        const index = module.defineFunction({ params: [], results: ["i64"] }, (f) => f.i64Const(clipped));
        module.exportFunction(`${name}${i}`, index);
      }
      const low = Number(value & 0xffff_ffffn);
      module.exportFunction(
        `low${i}`,
        module.defineFunction({ params: [], results: ["i32"] }, (f) => f.i32Const(low)),
      );
    }
    const exports = instantiate<Record<string, AnyFunction>>(compileModule(module.build()), {});
    for (const [i, value] of values.entries()) {
      expect(unsigned(exports[`plus${i}`]!()), `seed ${seed}, ${value}`).toBe(value);
      expect(exports[`minus${i}`]!(), `seed ${seed}, -${value}`).toBe(signed(-signed(value)));
      expect((exports[`low${i}`]!() as number) >>> 0, `seed ${seed}, ${value}`).toBe(Number(value & 0xffff_ffffn));
    }
  });

  test("minimal encodings", () => {
    const encode = (write: (out: ByteWriter) => void) => {
      const out = new ByteWriter(1);
      write(out);
      return toBareHex(out.toBytes());
    };
    expect(encode((out) => out.u32(0))).toBe("00");
    expect(encode((out) => out.u32(127))).toBe("7f");
    expect(encode((out) => out.u32(128))).toBe("8001");
    expect(encode((out) => out.u32(0xffff_ffff))).toBe("ffffffff0f");
    expect(encode((out) => out.s32(63))).toBe("3f");
    expect(encode((out) => out.s32(64))).toBe("c000");
    expect(encode((out) => out.s32(-64))).toBe("40");
    expect(encode((out) => out.s32(-65))).toBe("bf7f");
    expect(encode((out) => out.s32(0xffff_ffff))).toBe("7f");
    expect(encode((out) => out.s64(2 ** 40))).toBe("808080808020");
    expect(encode((out) => out.s64(U64 - 1n))).toBe("7f");
  });
});

describe("integers", () => {
  const random = new SeededRandom(seed + 1);
  const mask = U64 - 1n;
  const operations: [keyof typeof I64 & keyof typeof I32, (a: bigint, b: bigint) => bigint][] = [
    ["add", (a, b) => (a + b) & mask],
    ["sub", (a, b) => (a - b) & mask],
    ["mul", (a, b) => (a * b) & mask],
    ["and", (a, b) => a & b],
    ["or", (a, b) => a | b],
    ["xor", (a, b) => a ^ b],
    ["shl", (a, b) => (a << (b & 63n)) & mask],
    ["shrU", (a, b) => a >> (b & 63n)],
    ["shrS", (a, b) => BigInt.asUintN(64, signed(a) >> (b & 63n))],
    ["rotl", (a, b) => ((a << (b & 63n)) | (a >> ((64n - (b & 63n)) & 63n))) & mask],
    ["rotr", (a, b) => ((a >> (b & 63n)) | (a << ((64n - (b & 63n)) & 63n))) & mask],
    ["divU", (a, b) => (b === 0n ? 0n : a / b)],
    ["remU", (a, b) => (b === 0n ? 0n : a % b)],
  ];
  for (const [name, reference] of operations) {
    test(`i64.${name} equals BigInt`, () => {
      const compiled = binary("i64", I64[name] as PlainOpcode);
      for (let i = 0; i < 200; i++) {
        const a = word64(random);
        let b = word64(random);
        if (b === 0n && (name === "divU" || name === "remU")) b = 1n;
        // A rotation by zero in the reference would or the value with itself: the same value.
        expect(unsigned(compiled(signed(a), signed(b))), `seed ${seed + 1}: ${name}(${a}, ${b})`).toBe(reference(a, b));
      }
    });
  }

  test("comparisons and counts", () => {
    const comparisons: [PlainOpcode, (a: bigint, b: bigint) => boolean][] = [
      [I64.eq, (a, b) => a === b],
      [I64.ne, (a, b) => a !== b],
      [I64.ltU, (a, b) => a < b],
      [I64.gtU, (a, b) => a > b],
      [I64.leU, (a, b) => a <= b],
      [I64.geU, (a, b) => a >= b],
      [I64.ltS, (a, b) => signed(a) < signed(b)],
      [I64.gtS, (a, b) => signed(a) > signed(b)],
      [I64.leS, (a, b) => signed(a) <= signed(b)],
      [I64.geS, (a, b) => signed(a) >= signed(b)],
    ];
    for (const [opcode, reference] of comparisons) {
      const compiled = binary("i64", opcode, ["i32"]);
      for (let i = 0; i < 100; i++) {
        const [a, b] = [word64(random), word64(random)];
        expect(compiled(signed(a), signed(b)), `seed ${seed + 1}: ${opcode} ${a} ${b}`).toBe(Number(reference(a, b)));
      }
    }
    const bits = (value: bigint) => value.toString(2).padStart(64, "0");
    const counts: [PlainOpcode, (a: bigint) => number][] = [
      [I64.clz, (a) => (a === 0n ? 64 : bits(a).indexOf("1"))],
      [I64.ctz, (a) => (a === 0n ? 64 : 63 - bits(a).lastIndexOf("1"))],
      [I64.popcnt, (a) => bits(a).replaceAll("0", "").length],
    ];
    for (const [opcode, reference] of counts) {
      const compiled = run({ params: ["i64"], results: ["i64"] }, (f) => {
        f.get(f.param(0));
        f.op(opcode);
      });
      for (let i = 0; i < 100; i++) {
        const a = word64(random);
        expect(compiled(signed(a)), `seed ${seed + 1}: ${opcode} ${a}`).toBe(BigInt(reference(a)));
      }
    }
  });

  test("wide arithmetic equals BigInt", () => {
    const four = ["i64", "i64", "i64", "i64"] as const;
    const wide = (params: FunctionType["params"], opcode: PlainOpcode) =>
      run({ params, results: ["i64", "i64"] }, (f) => {
        for (const param of f.params) f.get(param);
        f.op(opcode);
      });
    const join = (pair: unknown) => {
      const [low, high] = [...(pair as Iterable<bigint>)];
      return (unsigned(high) << 64n) | unsigned(low);
    };
    const add = wide(four, I64.add128);
    const sub = wide(four, I64.sub128);
    const mulU = wide(["i64", "i64"], I64.mulWideU);
    const mulS = wide(["i64", "i64"], I64.mulWideS);
    for (let i = 0; i < 500; i++) {
      const [a, b, c, d] = [word64(random), word64(random), word64(random), word64(random)] as const;
      const limbs = [a, b, c, d].map(signed);
      const left = (b << 64n) | a;
      const right = (d << 64n) | c;
      const name = `seed ${seed + 1}: ${left} ${right}`;
      expect(join(add(...limbs)), name).toBe((left + right) % U128);
      expect(join(sub(...limbs)), name).toBe(BigInt.asUintN(128, left - right));
      expect(join(mulU(signed(a), signed(b))), name).toBe(a * b);
      expect(join(mulS(signed(a), signed(b))), name).toBe(BigInt.asUintN(128, signed(a) * signed(b)));
    }
  });
});

describe("control", () => {
  test("loops, early exits and several results", () => {
    // Sum and count of 1..n, stopping at 1000.
    const sum = run({ params: ["i32"], results: ["i32", "i32"] }, (f) => {
      const total = f.local("i32");
      const count = f.local("i32");
      f.block((done) => {
        f.loop((again) => {
          f.get(count);
          f.get(f.param(0));
          f.op(I32.geU);
          f.brIf(done);
          f.get(count);
          f.i32Const(1);
          f.op(I32.add);
          f.tee(count);
          f.get(total);
          f.op(I32.add);
          f.set(total);
          f.get(total);
          f.i32Const(1000);
          f.op(I32.gtU);
          f.if(() => f.br(done));
          f.br(again);
        });
      });
      f.get(total);
      f.get(count);
    });
    expect(sum(4)).toEqual([10, 4]);
    expect(sum(0)).toEqual([0, 0]);
    expect(sum(1_000_000)).toEqual([1035, 45]);
  });

  test("br_table picks the block, and the default for any other index", () => {
    const choose = run({ params: ["i32"], results: ["i32"] }, (f) => {
      const labels = [f.openBlock(), f.openBlock(), f.openBlock(), f.openBlock()];
      const [otherwise, two, one, zero] = labels as [Label, Label, Label, Label];
      f.get(f.param(0));
      f.brTable([zero, one, two], otherwise);
      for (const result of [100, 101, 102]) {
        f.end();
        f.i32Const(result);
        f.op(CONTROL.return);
      }
      f.end();
      f.i32Const(999);
    });
    expect([0, 1, 2, 3, -1].map((i) => choose(i))).toEqual([100, 101, 102, 999, 999]);
  });

  test("blocks with a function type take and leave several values", () => {
    const module = new ModuleBuilder();
    const pair = module.type({ params: ["i64", "i64"], results: ["i64", "i64"] });
    const index = module.defineFunction({ params: ["i64", "i64", "i32"], results: ["i64", "i64"] }, (f) => {
      f.get(f.param(0));
      f.get(f.param(1));
      f.get(f.param(2));
      f.if(
        () => {
          f.set(f.param(0));
          f.set(f.param(1));
          f.get(f.param(0));
          f.get(f.param(1));
        },
        () => {},
        pair,
      );
    });
    module.exportFunction("swapIf", index);
    const { swapIf } = instantiate<{ swapIf: AnyFunction }>(compileModule(module.build()), {});
    expect(swapIf(1n, 2n, 1)).toEqual([2n, 1n]);
    expect(swapIf(1n, 2n, 0)).toEqual([1n, 2n]);
  });
});

describe("memory", () => {
  test("loads and stores of every width, with offsets", () => {
    const bytes = new Uint8Array(memory.buffer);
    const view = new DataView(memory.buffer);
    const narrow = run({ params: ["i32", "i64"], results: ["i64"] }, (f) => {
      f.get(f.param(0));
      f.get(f.param(1));
      f.memory(I64.store, 8);
      f.get(f.param(0));
      f.get(f.param(1));
      f.memory(I64.store16, 1000);
      f.get(f.param(0));
      f.memory(I64.load32S, 12);
      f.get(f.param(0));
      f.memory(I64.load8U, 1001);
      f.op(I64.add);
    });
    bytes.fill(0);
    expect(narrow(3, -2n)).toBe(-1n + 255n);
    expect(view.getBigInt64(11, true)).toBe(-2n);
    expect(view.getUint16(1003, true)).toBe(0xfffe);
    expect(bytes[1005]).toBe(0);
    expect(() => narrow(65_536, 0n)).toThrow(WebAssembly.RuntimeError);
  });

  test("copy, fill and size", () => {
    const bytes = new Uint8Array(memory.buffer);
    const shift = run({ params: [], results: ["i32"] }, (f) => {
      for (const value of [2000, 7, 10]) f.i32Const(value);
      f.memoryFill();
      for (const value of [2005, 2000, 10]) f.i32Const(value);
      f.memoryCopy();
      f.memorySize();
    });
    bytes.fill(1, 1990, 2030);
    expect(shift()).toBe(1);
    expect([...bytes.subarray(1998, 2018)]).toEqual([1, 1, ...new Array(15).fill(7), 1, 1, 1]);
  });

  test("shared memory with atomics", () => {
    const shared = createMemory({ initialPages: 1, maximumPages: 1, shared: true });
    const module = new ModuleBuilder();
    module.importMemory({ module: "env", name: "memory" }, { initialPages: 1, maximumPages: 1, shared: true });
    const index = module.defineFunction({ params: ["i32"], results: ["i32"] }, (f) => {
      f.i32Const(64);
      f.get(f.param(0));
      f.memory(I32.atomicAdd);
      f.i32Const(64);
      f.i32Const(15);
      f.i32Const(99);
      f.memory(I32.atomicCompareExchange);
      f.op(I32.add);
    });
    module.exportFunction("run", index);
    const exports = instantiate<{ run: AnyFunction }>(compileModule(module.build()), { env: { memory: shared } });
    const words = new Int32Array(shared.buffer);
    Atomics.store(words, 16, 10);
    expect(exports.run(5)).toBe(25);
    expect(Atomics.load(words, 16)).toBe(99);
    releaseMemory(shared);
  });

  test("vectors: constants, shuffles, lanes", () => {
    const bytes = new Uint8Array(memory.buffer);
    const reverse = run({ params: [], results: ["i32"] }, (f) => {
      const value = f.local("v128");
      f.i32Const(3000);
      f.i32Const(3000);
      f.memory(V128.load);
      f.i32Const(3000);
      f.memory(V128.load);
      f.shuffle([15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
      f.tee(value);
      f.memory(V128.store, 16);
      f.get(value);
      f.v128Const(new Uint8Array(16).fill(1));
      f.op(V128.i32x4Add);
      f.lane(V128.i32x4ExtractLane, 3);
    });
    for (let i = 0; i < 16; i++) bytes[3000 + i] = i + 1;
    expect(reverse()).toBe(0x02_03_04_05);
    expect([...bytes.subarray(3016, 3032)]).toEqual([16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
  });
});

describe("opcodes", () => {
  test("every instruction validates where the stack fits it", () => {
    // Candidate stacks: an instruction must accept at least one of them.
    const stacks = [
      ["i32"],
      ["i64"],
      ["i32", "i32"],
      ["i64", "i64"],
      ["i32", "i64"],
      ["i64", "i64", "i64", "i64"],
      ["v128"],
      ["v128", "v128"],
      ["v128", "i32"],
      ["v128", "i64"],
      ["i32", "v128"],
      ["v128", "v128", "v128"],
      ["i32", "i32", "i32"],
      ["i32", "i64", "i64"],
      ["i32", "i32", "i64"],
    ] as const;
    const results = [[], ["i32"], ["i64"], ["v128"], ["i64", "i64"]] as const;
    const accepts = (emit: (f: FunctionEmitter) => void) =>
      stacks.some((params) =>
        results.some((result) => {
          const module = new ModuleBuilder();
          module.importMemory({ module: "env", name: "memory" }, { initialPages: 1, maximumPages: 1, shared: true });
          module.defineFunction({ params, results: result }, (f) => {
            for (const param of f.params) f.get(param);
            emit(f);
          });
          return WebAssembly.validate(module.build());
        }),
      );
    const lanes = (name: string) => /Lane/.test(name);
    const touchesMemory = (name: string) => /^(load|store|atomic)/.test(name);
    for (const [group, rows] of Object.entries({ I32, I64, V128 })) {
      for (const [name, opcode] of Object.entries(rows)) {
        const accepted = accepts((f) => {
          if (touchesMemory(name)) f.memory(opcode as typeof I32.load);
          else if (lanes(name)) f.lane(opcode as typeof V128.i32x4ExtractLane, 0);
          else f.op(opcode as PlainOpcode);
        });
        expect(accepted, `${group}.${name}`).toBe(true);
      }
    }
  });
});
