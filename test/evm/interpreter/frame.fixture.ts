// One frame in a small memory under the interpreter of a fork, for tests and benches of the interpreter alone. Word functions are
// the real ones; the runtime's are stood in for by JavaScript that does the least that a test of the interpreter can see: it grows
// memory, answers fixed words, and records its calls.

import type { Hardfork } from "#chain/hardforks.ts";
import { rulesOf } from "#evm/gas/rules.ts";
import { defineInterpreter } from "#evm/interpreter/interpreter.ts";
import { type LinkName, type Links, linkType, RUNTIME_FUNCTIONS, WORD_FUNCTIONS } from "#evm/runtime/links.ts";
import { CONTINUE, OUT_OF_GAS } from "#evm/runtime/status.ts";
import { defineWordFunction, type WordFunctionName } from "#evm/words/functions.ts";
import { CODE_ENTRY, CODE_MAP_JUMPDEST, CODE_PADDING_BYTES, CONTEXT, FRAME } from "#formats/memory/evm-arena.ts";
import { ModuleBuilder } from "#wasm/assembler.ts";
import type { FunctionIndex } from "#wasm/function-emitter.ts";
import { compileModule, createMemory, instantiate, releaseMemory } from "#wasm/loader.ts";

const PAGES = { initialPages: 16, maximumPages: 16, shared: true } as const;
const BASE = 0x1_0000;
const FRAME_AT = BASE + 0x1000;
const ENTRY_AT = BASE + 0x1800;
const INPUT_AT = BASE + 0x2000;
const CODE_AT = BASE + 0x4000;
const MAP_AT = BASE + 0x14000;
const STACK_AT = BASE + 0x24000;
const MEMORY_AT = BASE + 0x30000;
const MEMORY_SIZE_MAX = 0x10000;
const RUNTIME_NAMES = Object.keys(RUNTIME_FUNCTIONS) as LinkName[];
const LIMB = (1n << 64n) - 1n;

/** What a frame starts with; zero and empty unless told. */
export type FrameStart = {
  readonly code: Uint8Array;
  readonly gas?: bigint;
  /** The deepest word first. */
  readonly stack?: readonly bigint[];
  readonly pc?: number;
  readonly memory?: Uint8Array;
  readonly input?: Uint8Array;
  readonly floor?: bigint;
  readonly gasThreshold?: bigint;
};

/** How it ended. */
export type FrameEnd = {
  readonly status: number;
  readonly gas: bigint;
  readonly pc: number;
  readonly stack: bigint[];
  readonly memory: Uint8Array;
  readonly output: readonly [offset: number, size: number];
  /** Offsets of the code that were marked as entered. */
  readonly visited: number[];
  readonly calls: readonly LinkCall[];
  readonly gasInterpreted: bigint;
  readonly codeGasInterpreted: bigint;
};

/** A call of a link other than `expand`: the operands behind the frame, words as they are passed. */
export type LinkCall = readonly [name: LinkName | "hot", ...operands: (bigint | number)[]];

type Answer = bigint | number | bigint[] | undefined;

/** What a test says about a link: its results. Without it a link of gas answers its gas, and zero for a word. */
export type LinkAnswers = { readonly [Name in LinkName]?: (...operands: (bigint | number)[]) => Answer };

/** See the head of the file. */
export class FrameBench {
  readonly memory: WebAssembly.Memory;
  readonly view: DataView<SharedArrayBuffer>;
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** Size of the interpreter's module. */
  readonly moduleSizeBytes: number;
  answers: LinkAnswers = {};
  /** Asked at marked places; the record is at offset 0. */
  onEnter: (frame: number) => number = () => 0;
  readonly #interpret: (frame: number) => number;
  readonly #calls: LinkCall[] = [];

  constructor(fork: Hardfork = "osaka") {
    this.memory = createMemory(PAGES);
    const buffer = this.memory.buffer as unknown as SharedArrayBuffer;
    this.view = new DataView(buffer);
    this.bytes = new Uint8Array(buffer);
    const module = buildModule(fork);
    this.moduleSizeBytes = module.length;
    const base = new WebAssembly.Global({ value: "i32", mutable: false }, BASE);
    const links = Object.fromEntries(RUNTIME_NAMES.map((name) => [name, (...o: never[]) => this.#answer(name, o)]));
    const hot = (entry: number) => void this.#calls.push(["hot", entry]);
    const enter = (frame: number) => this.onEnter(frame - FRAME_AT);
    const exports = instantiate<{ interpret: (frame: number) => number }>(compileModule(module), {
      env: { memory: this.memory, base },
      link: { ...links, hot, enter },
    });
    this.#interpret = exports.interpret;
  }

  /** Gives the memory back; the bench is not used afterwards. */
  close(): void {
    releaseMemory(this.memory);
  }

  /** Writes a 256-bit word of the context or the frame. */
  setWord(record: "context" | "frame", offset: number, value: bigint): void {
    this.#writeWord((record === "context" ? BASE : FRAME_AT) + offset, value);
  }

  /** Writes an i32 of the context or the frame. */
  setField(record: "context" | "frame", offset: number, value: number): void {
    this.view.setUint32((record === "context" ? BASE : FRAME_AT) + offset, value, true);
  }

  /** Runs a frame until it ends. */
  run(start: FrameStart): FrameEnd {
    this.prepare(start);
    return this.end(this.interpret());
  }

  /** Runs the prepared frame. */
  interpret(): number {
    return this.#interpret(FRAME_AT);
  }

  /** Writes a frame record, and everything that it names. */
  prepare(start: FrameStart): void {
    const { code, stack = [], memory = new Uint8Array(0), input = new Uint8Array(0) } = start;
    this.#calls.length = 0;
    this.bytes.fill(0, CODE_AT, CODE_AT + code.length + CODE_PADDING_BYTES);
    this.bytes.set(code, CODE_AT);
    this.bytes.set(jumpMap(code), MAP_AT);
    this.bytes[MAP_AT + code.length] = 0xf0;
    this.bytes.set(input, INPUT_AT);
    this.bytes.fill(0, MEMORY_AT, MEMORY_AT + MEMORY_SIZE_MAX);
    this.bytes.set(memory, MEMORY_AT);
    stack.forEach((word, index) => {
      this.#writeWord(STACK_AT + 32 * index, word);
    });
    const fields: readonly (readonly [number, number])[] = [
      [FRAME.code, CODE_AT],
      [FRAME.codeSize, code.length],
      [FRAME.codeMap, MAP_AT],
      [FRAME.codeEntry, start.gasThreshold === undefined ? 0 : ENTRY_AT],
      [FRAME.pc, start.pc ?? 0],
      [FRAME.stack, STACK_AT],
      [FRAME.stackTop, STACK_AT + 32 * stack.length],
      [FRAME.memory, MEMORY_AT],
      [FRAME.memorySize, memory.length],
      [FRAME.input, INPUT_AT],
      [FRAME.inputSize, input.length],
      [FRAME.outputSize, 0],
      [FRAME.output, 0],
    ];
    for (const [offset, value] of fields) this.setField("frame", offset, value);
    this.view.setBigInt64(FRAME_AT + FRAME.gas, start.gas ?? 1_000_000n, true);
    this.view.setBigInt64(FRAME_AT + FRAME.floor, start.floor ?? 0n, true);
    this.view.setBigInt64(BASE + CONTEXT.gasInterpreted, 0n, true);
    this.view.setBigInt64(ENTRY_AT + CODE_ENTRY.gasInterpreted, 0n, true);
    this.view.setBigInt64(ENTRY_AT + CODE_ENTRY.gasThreshold, start.gasThreshold ?? 0n, true);
  }

  /** Reads how the frame stands. */
  end(status: number): FrameEnd {
    const field = (offset: number) => this.view.getUint32(FRAME_AT + offset, true);
    const height = (field(FRAME.stackTop) - STACK_AT) / 32;
    const map = this.bytes.subarray(MAP_AT, MAP_AT + field(FRAME.codeSize));
    return {
      status,
      gas: this.view.getBigInt64(FRAME_AT + FRAME.gas, true),
      pc: field(FRAME.pc),
      stack: Array.from({ length: height }, (_, index) => this.readWord(STACK_AT + 32 * index)),
      memory: this.bytes.slice(MEMORY_AT, MEMORY_AT + field(FRAME.memorySize)),
      output: [field(FRAME.output), field(FRAME.outputSize)],
      visited: [...map.keys()].filter((offset) => (map[offset]! & 2) !== 0),
      calls: [...this.#calls],
      gasInterpreted: this.view.getBigInt64(BASE + CONTEXT.gasInterpreted, true),
      codeGasInterpreted: this.view.getBigInt64(ENTRY_AT + CODE_ENTRY.gasInterpreted, true),
    };
  }

  /** Whether the byte behind the code's map is as it was. */
  mapEndIsWhole(): boolean {
    return this.bytes[MAP_AT + this.view.getUint32(FRAME_AT + FRAME.codeSize, true)] === 0xf0;
  }

  /** Reads four limbs. */
  readWord(address: number): bigint {
    return limbsToWord([0, 8, 16, 24].map((offset) => this.view.getBigUint64(address + offset, true)));
  }

  /** Changes the frame's record from inside a link. */
  setGas(gas: bigint): void {
    this.view.setBigInt64(FRAME_AT + FRAME.gas, gas, true);
  }

  /** Pops words of the frame's stack and pushes one, as a link does. */
  replaceTop(count: number, result: bigint): void {
    const top = this.view.getUint32(FRAME_AT + FRAME.stackTop, true) - 32 * count;
    this.#writeWord(top, result);
    this.setField("frame", FRAME.stackTop, top + 32);
  }

  #writeWord(address: number, value: bigint): void {
    wordToLimbs(value).forEach((limb, index) => {
      this.view.setBigUint64(address + 8 * index, limb, true);
    });
  }

  #answer(name: LinkName, operands: (bigint | number)[]): Answer {
    const [, ...rest] = operands;
    if (name !== "expand") this.#calls.push([name, ...rest]);
    const answer = this.answers[name];
    if (answer !== undefined) return answer(...rest);
    if (name === "expand") return this.#expand(rest as bigint[]);
    return defaultAnswer(name, rest);
  }

  #expand([gas, offset, size]: bigint[]): bigint {
    const wordCount = (offset! + size! + 31n) / 32n;
    const before = BigInt(this.view.getUint32(FRAME_AT + FRAME.memorySize, true)) / 32n;
    const cost = (count: bigint) => 3n * count + (count * count) / 512n;
    const left = gas! - (cost(wordCount) - cost(before));
    if (left < 0n || wordCount * 32n > MEMORY_SIZE_MAX) return -BigInt(OUT_OF_GAS);
    this.setField("frame", FRAME.memorySize, Number(wordCount) * 32);
    return left;
  }
}

function buildModule(fork: Hardfork): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory({ module: "env", name: "memory" }, PAGES);
  const base = module.importGlobal({ module: "env", name: "base" }, "i32");
  const links: Partial<Record<LinkName, FunctionIndex>> = {};
  for (const name of RUNTIME_NAMES) links[name] = module.importFunction({ module: "link", name }, linkType(name));
  const hot = module.importFunction({ module: "link", name: "hot" }, { params: ["i32"], results: [] });
  const enter = module.importFunction({ module: "link", name: "enter" }, { params: ["i32"], results: ["i32"] });
  for (const name of Object.keys(WORD_FUNCTIONS) as WordFunctionName[]) links[name] = defineWordFunction(module, name);
  module.exportFunction(
    "interpret",
    defineInterpreter(module, { rules: rulesOf(fork), links: links as Links, base, hot, enter }),
  );
  return module.build();
}

function defaultAnswer(name: LinkName, rest: readonly (bigint | number)[]): Answer {
  const { results } = linkType(name);
  if (results.length === 0) return undefined;
  if (results.length === 1) return results[0] === "i32" ? CONTINUE : BigInt(rest[0]!);
  const words = new Array<bigint>(results.length).fill(0n);
  if (results.length === 5) words[0] = BigInt(rest[0]!);
  return words;
}

/** One map byte per byte of code. */
export function jumpMap(code: Uint8Array): Uint8Array {
  const map = new Uint8Array(code.length);
  for (let pc = 0; pc < code.length; pc++) {
    const byte = code[pc]!;
    if (byte === 0x5b) map[pc] = CODE_MAP_JUMPDEST;
    if (byte >= 0x60 && byte <= 0x7f) pc += byte - 0x5f;
  }
  return map;
}

/** Four limbs, least significant first. */
export function wordToLimbs(word: bigint): bigint[] {
  return [0n, 64n, 128n, 192n].map((shift) => (word >> shift) & LIMB);
}

/** The word of four limbs, signed or not. */
export function limbsToWord(limbs: readonly (bigint | number)[]): bigint {
  return limbs.reduceRight<bigint>((word, limb) => (word << 64n) | (BigInt(limb) & LIMB), 0n);
}
