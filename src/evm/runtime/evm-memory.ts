// A frame's memory: growth and its price, copies from call data, code and return data, and the frame's output.

import { CONTEXT, FRAME, WORD_SIZE_BYTES } from "#formats/memory/evm-arena.ts";
import { type Code, i32, i64, type Operand32, type Operand64, type Var } from "#wasm/code.ts";
import { loadBytes } from "../words/memory.ts";
import type { Core, CoreFunction } from "./core.ts";
import { EXHAUSTED, OUT_OF_GAS, RETURN_DATA_OUT_OF_BOUNDS } from "./status.ts";
import { returnHalt, wordParam, wordsOf } from "./word-memory.ts";

/** Memory of this size costs more than 2^53 gas. */
const UNPAYABLE_SIZE_BYTES = 1n << 36n;
const LARGE_GAS = 1n << 53n;
/** Up to here words are cleared by stores. */
const STORED_SIZE_BYTES_MAX = 128;

/** Defines the links of this subject. */
export function defineEvmMemory(core: Core): void {
  core.define("expand", (code) => emitExpand(core, code));
  core.define("copyPadded", (code) => emitCopyPadded(code));
  core.define("callDataLoad", (code) => emitCallDataLoad(core, code));
  defineCopy(core, "callDataCopy", (frame) => [i32.load(frame, FRAME.input), i32.load(frame, FRAME.inputSize)]);
  defineCopy(core, "codeCopy", (frame) => [i32.load(frame, FRAME.code), i32.load(frame, FRAME.codeSize)]);
  core.define("returnDataCopy", (code) => emitReturnDataCopy(core, code));
  core.define("memoryCopy", (code) => emitMemoryCopy(core, code));
  core.define("output", (code) => emitOutput(core, code));
}

/** Subtracts a price; leaves the function when the gas does not suffice. @param zeroCount results behind the gas */
export function charge(code: Code, gas: Var<"i64">, cost: Operand64, zeroCount = 0): void {
  code.set(gas, i64.sub(gas, cost));
  code.if(i64.ltS(gas, 0), () => returnHalt(code, OUT_OF_GAS, zeroCount));
}

/** Makes a range part of memory and pays for it; leaves the function when that fails. */
export function expandOrReturn(
  core: Core,
  code: Code,
  at: { frame: Var<"i32">; gas: Var<"i64">; offset: Var<"i64">; size: Var<"i64"> },
  zeroCount = 0,
): void {
  code.set(at.gas, core.call64(code, "expand", at.frame, at.gas, at.offset, at.size));
  code.if(i64.ltS(at.gas, 0), () => code.return(at.gas, ...new Array<bigint>(zeroCount).fill(0n)));
}

function emitExpand(core: Core, code: Code): void {
  const frame = code.param(0, "i32");
  const gas = code.param(1, "i64");
  const offset = code.param(2, "i64");
  const size = code.param(3, "i64");
  const oldSize = code.i64(i64.extend(i32.load(frame, FRAME.memorySize)));
  const end = code.i64(i64.add(offset, size));
  code.if(i32.or(i64.eqz(size), i64.leU(end, oldSize)), () => code.return(gas));
  code.if(i64.gtU(end, UNPAYABLE_SIZE_BYTES), () => {
    // With more gas than any chain has, the reference engine decides.
    code.if(i64.geS(gas, LARGE_GAS), () => returnHalt(code, EXHAUSTED));
    returnHalt(code, OUT_OF_GAS);
  });
  const words = code.i64(wordsOf(end));
  const oldWords = code.i64(i64.shrU(oldSize, 5));
  charge(code, gas, i64.sub(memoryPrice(core, words), memoryPrice(core, oldWords)));
  const newEnd = code.i64(i64.add(i64.extend(i32.load(frame, FRAME.memory)), i64.shl(words, 5)));
  code.if(i64.gtU(newEnd, i64.extend(core.field(CONTEXT.memoriesEnd))), () => {
    core.fail(code, EXHAUSTED);
    returnHalt(code, EXHAUSTED);
  });
  const start = code.i32(i32.add(i32.load(frame, FRAME.memory), i32.wrap(oldSize)));
  clear(code, start, code.i32(i32.wrap(newEnd)));
  code.store32(frame, FRAME.memorySize, i32.wrap(i64.shl(words, 5)));
  code.return(gas);
}

function memoryPrice(core: Core, wordCount: Var<"i64">): Operand64 {
  const { memoryWord, memoryQuadDivisor } = core.rules.gas;
  const square = i64.mul(wordCount, wordCount);
  const shift = Math.log2(memoryQuadDivisor);
  // Divisions by constants are not made into shifts.
  const quotient = Number.isInteger(shift) ? i64.shrU(square, shift) : i64.divU(square, memoryQuadDivisor);
  return i64.add(i64.mul(wordCount, memoryWord), quotient);
}

/** Zeroes whole words. Filling costs as much as storing a few words. */
function clear(code: Code, start: Var<"i32">, end: Var<"i32">): void {
  const size = code.i32(i32.sub(end, start));
  code.if(i32.gtU(size, STORED_SIZE_BYTES_MAX), () => {
    code.fill(start, 0, size);
    code.set(start, end);
  });
  code.while(i32.ltU(start, end), () => {
    for (let offset = 0; offset < WORD_SIZE_BYTES; offset += 8) code.store64(start, offset, 0);
    code.set(start, i32.add(start, WORD_SIZE_BYTES));
  });
}

function emitCopyPadded(code: Code): void {
  const destination = code.param(0, "i32");
  const source = code.param(1, "i32");
  const sourceSize = code.param(2, "i32");
  const sourceOffset = code.param(3, "i64");
  const size = code.param(4, "i32");
  const available = code.i32(0);
  code.if(i64.ltU(sourceOffset, i64.extend(sourceSize)), () => {
    code.set(available, i32.sub(sourceSize, i32.wrap(sourceOffset)));
    code.if(i32.gtU(available, size), () => code.set(available, size));
    code.copy(destination, i32.add(source, i32.wrap(sourceOffset)), available);
  });
  code.if(i32.ltU(available, size), () => {
    code.fill(i32.add(destination, available), 0, i32.sub(size, available));
  });
}

function emitCallDataLoad(core: Core, code: Code): void {
  const frame = code.param(0, "i32");
  const [low, ...high] = wordParam(code, 1);
  const input = code.i32(i32.load(frame, FRAME.input));
  const inputSize = code.i32(i32.load(frame, FRAME.inputSize));
  const isBeyond = i64.ne(i64.or(i64.or(high[0]!, high[1]!), high[2]!), 0);
  code.if(i32.or(isBeyond, i64.geU(low, i64.extend(inputSize))), () => code.return(0n, 0n, 0n, 0n));
  const offset = code.i32(i32.wrap(low));
  const at = code.i32(i32.add(input, offset));
  code.if(i32.gtU(32, i32.sub(inputSize, offset)), () => {
    const scratch = i32.add(core.context(), CONTEXT.scratch);
    core.call(code, "copyPadded", scratch, input, inputSize, low, 32);
    code.set(at, scratch);
  });
  const word = loadBytes(code, at, 0);
  code.return(...word);
}

/** Price of a copy: its words and the memory it goes to. Then `destination` is an address. */
function defineCopy(
  core: Core,
  name: CoreFunction,
  sourceOf: (frame: Var<"i32">) => [source: Operand32, size: Operand32],
): void {
  core.define(name, (code) => {
    const { frame, gas, destination, source: offset, size } = paidCopy(core, code);
    expandOrReturn(core, code, { frame, gas, offset: destination, size });
    code.if(i64.ne(size, 0), () => {
      const [source, sourceSize] = sourceOf(frame);
      const target = i32.add(i32.load(frame, FRAME.memory), i32.wrap(destination));
      core.call(code, "copyPadded", target, code.i32(source), code.i32(sourceSize), offset, i32.wrap(size));
    });
    code.return(gas);
  });
}

// The operands of a copy, which has paid for its words.
function paidCopy(core: Core, code: Code) {
  const operands = {
    frame: code.param(0, "i32"),
    gas: code.param(1, "i64"),
    destination: code.param(2, "i64"),
    source: code.param(3, "i64"),
    size: code.param(4, "i64"),
  } as const;
  charge(code, operands.gas, i64.mul(wordsOf(operands.size), core.rules.gas.copyWord));
  return operands;
}

function emitReturnDataCopy(core: Core, code: Code): void {
  const { frame, gas, destination, source: offset, size } = paidCopy(core, code);
  expandOrReturn(core, code, { frame, gas, offset: destination, size });
  // Both are below 2^63, so the sum fits.
  const end = i64.add(offset, size);
  code.if(i64.gtU(end, i64.extend(core.field(CONTEXT.returnDataSize))), () => {
    returnHalt(code, RETURN_DATA_OUT_OF_BOUNDS);
  });
  code.if(i64.ne(size, 0), () => {
    const target = i32.add(i32.load(frame, FRAME.memory), i32.wrap(destination));
    code.copy(target, i32.add(core.field(CONTEXT.returnData), i32.wrap(offset)), i32.wrap(size));
  });
  code.return(gas);
}

function emitMemoryCopy(core: Core, code: Code): void {
  const { frame, gas, destination, source, size } = paidCopy(core, code);
  const farther = code.i64(i64.select(i64.gtU(destination, source), destination, source));
  expandOrReturn(core, code, { frame, gas, offset: farther, size });
  code.if(i64.ne(size, 0), () => {
    const memory = code.i32(i32.load(frame, FRAME.memory));
    code.copy(i32.add(memory, i32.wrap(destination)), i32.add(memory, i32.wrap(source)), i32.wrap(size));
  });
  code.return(gas);
}

function emitOutput(core: Core, code: Code): void {
  const frame = code.param(0, "i32");
  const gas = code.param(1, "i64");
  const offset = code.param(2, "i64");
  const size = code.param(3, "i64");
  expandOrReturn(core, code, { frame, gas, offset, size });
  const memory = code.i32(i32.load(frame, FRAME.memory));
  // Where nothing is given, the offset may be anything.
  const start = i32.select(i64.eqz(size), 0, i32.wrap(offset));
  code.store32(frame, FRAME.output, i32.add(memory, start));
  code.store32(frame, FRAME.outputSize, i32.wrap(size));
  code.return(gas);
}
