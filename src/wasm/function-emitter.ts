// The body of one WebAssembly function: locals, structured control and instructions, written straight to bytes in the
// order of the calls. Stack style as in the text format: operands first, then the instruction. Types of operands are
// not tracked here; the engine validates the whole module when it is compiled.

import { assert, must } from "#base/assert.ts";
import type { Brand } from "#base/brand.ts";
import { makeTuple, type Tuple } from "#base/tuple.ts";
import { ByteWriter } from "./byte-writer.ts";
import { type LaneOpcode, type MemoryOpcode, type PlainOpcode, STRUCTURE } from "./opcodes.ts";

/** Value types, with their binary codes. */
export const VALUE_TYPE_CODES = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b, funcref: 0x70 } as const;

/** A WebAssembly value type. */
export type ValueType = keyof typeof VALUE_TYPE_CODES;
/** A parameter or local variable of the function being emitted. */
export type Local = Brand<number, "Local">;
/** A global variable of the module. */
export type GlobalIndex = Brand<number, "GlobalIndex">;
/** A function of the module, imported or its own. */
export type FunctionIndex = Brand<number, "FunctionIndex">;
/** A function type of the module. */
export type TypeIndex = Brand<number, "TypeIndex">;
/** A table of the module. */
export type TableIndex = Brand<number, "TableIndex">;
/** A branch target: the nesting depth of the block, loop or if that it names. */
export type Label = Brand<number, "Label">;

/** What a block leaves on the stack: nothing, one value, or a function type (parameters and several results). */
export type BlockType = null | ValueType | TypeIndex;

/**
 * The largest function body, bytes. The optimizing tier gave up between 100 and 114 KB of module in one function (a
 * step of 2x in run time), so generated functions stay well below.
 */
export const FUNCTION_SIZE_BYTES_MAX = 64 * 1024;

const EMPTY_BLOCK_TYPE = 0x40;
const LOCAL_COUNT_MAX = 50_000;

/** Functions of the same operands and results as the instructions that they stand for. */
export type InstructionReplacements = ReadonlyMap<PlainOpcode, FunctionIndex>;

const NO_REPLACEMENTS: InstructionReplacements = new Map();

/** Emits one function body. Made by `ModuleBuilder.defineFunction`. */
export class FunctionEmitter {
  /** The parameters, in order. */
  readonly params: readonly Local[];
  readonly #code = new ByteWriter(1024);
  readonly #localTypes: ValueType[] = [];
  readonly #paramCount: number;
  readonly #replacements: InstructionReplacements;
  #depth = 0;

  /** @param replacements functions to call in place of instructions */
  constructor(params: readonly ValueType[], replacements: InstructionReplacements = NO_REPLACEMENTS) {
    this.#paramCount = params.length;
    this.#replacements = replacements;
    this.params = params.map((_, index) => index as Local);
  }

  /** The parameter at `index`. */
  param(index: number): Local {
    return must(this.params[index], `no parameter ${index}`);
  }

  /** Declares a local variable; it starts as zero. */
  local(type: ValueType): Local {
    assert(this.#localTypes.length + this.#paramCount < LOCAL_COUNT_MAX, "too many locals in one function");
    this.#localTypes.push(type);
    return (this.#paramCount + this.#localTypes.length - 1) as Local;
  }

  /** Declares `count` local variables of one type. */
  locals<const Count extends number>(type: ValueType, count: Count): Tuple<Local, Count> {
    return makeTuple(count, () => this.local(type));
  }

  /** Pushes the value of a local. */
  get(local: Local): void {
    this.#indexed(STRUCTURE.localGet, local);
  }

  /** Pops into a local. */
  set(local: Local): void {
    this.#indexed(STRUCTURE.localSet, local);
  }

  /** Copies the top of the stack into a local and leaves it there. */
  tee(local: Local): void {
    this.#indexed(STRUCTURE.localTee, local);
  }

  /** Pushes the value of a global. */
  globalGet(global: GlobalIndex): void {
    this.#indexed(STRUCTURE.globalGet, global);
  }

  /** Pops into a mutable global. */
  globalSet(global: GlobalIndex): void {
    this.#indexed(STRUCTURE.globalSet, global);
  }

  /** Pushes a 32-bit constant, signed or unsigned. */
  i32Const(value: number): void {
    this.#code.u8(STRUCTURE.i32Const);
    this.#code.s32(value);
  }

  /** Pushes a 64-bit constant, signed or unsigned. */
  i64Const(value: bigint | number): void {
    this.#code.u8(STRUCTURE.i64Const);
    this.#code.s64(value);
  }

  /** Pushes a 128-bit constant. */
  v128Const(bytes: Uint8Array): void {
    assert(bytes.length === 16, "a v128 constant has 16 bytes");
    this.#code.u8(STRUCTURE.prefixSimd);
    this.#code.u32(STRUCTURE.v128Const);
    this.#code.bytes(bytes);
  }

  /** Emits an instruction without immediates. */
  op(opcode: PlainOpcode): void {
    const replacement = this.#replacements.get(opcode);
    if (replacement === undefined) this.#opcode(opcode);
    else this.call(replacement);
  }

  /**
   * Emits a load, store or atomic access at (popped address + `offset`) with its natural alignment as the hint;
   * unaligned addresses are allowed except for atomics.
   */
  memory(opcode: MemoryOpcode, offset = 0): void {
    this.#opcode(opcode);
    this.#code.u32(opcode >>> 24);
    this.#code.u32(offset);
  }

  /** Emits a SIMD lane access. */
  lane(opcode: LaneOpcode, lane: number): void {
    this.#opcode(opcode);
    this.#code.u8(lane);
  }

  /** Emits `i8x16.shuffle`: result byte i is byte `lanes[i]` of the 32 bytes of both operands. */
  shuffle(lanes: readonly number[]): void {
    assert(lanes.length === 16 && lanes.every((lane) => lane >= 0 && lane < 32), "shuffle takes 16 lanes below 32");
    this.#code.u8(STRUCTURE.prefixSimd);
    this.#code.u32(STRUCTURE.i8x16Shuffle);
    for (const lane of lanes) this.#code.u8(lane);
  }

  /** Pops size, source and destination and copies; ranges may overlap. */
  memoryCopy(): void {
    this.#code.u8(STRUCTURE.prefixMisc);
    this.#code.u32(STRUCTURE.memoryCopy);
    this.#code.u8(0);
    this.#code.u8(0);
  }

  /** Pops size, byte value and destination and fills. */
  memoryFill(): void {
    this.#code.u8(STRUCTURE.prefixMisc);
    this.#code.u32(STRUCTURE.memoryFill);
    this.#code.u8(0);
  }

  /** Pushes the memory's size in pages. */
  memorySize(): void {
    this.#indexed(STRUCTURE.memorySize, 0);
  }

  /** Opens a block: a branch to its label leaves it. Close with `end`. */
  openBlock(type: BlockType = null): Label {
    return this.#open(STRUCTURE.block, type);
  }

  /** Opens a loop: a branch to its label repeats it. Close with `end`. */
  openLoop(type: BlockType = null): Label {
    return this.#open(STRUCTURE.loop, type);
  }

  /** Pops a condition and opens the branch taken when it is not zero. Close with `end`, or `else` and `end`. */
  openIf(type: BlockType = null): Label {
    return this.#open(STRUCTURE.if, type);
  }

  /** Starts the other branch of the innermost open if. */
  else(): void {
    this.#code.u8(STRUCTURE.else);
  }

  /** Closes the innermost open block, loop or if. */
  end(): void {
    assert(this.#depth > 0, "end without an open block");
    this.#depth--;
    this.#code.u8(STRUCTURE.end);
  }

  /** Emits a block around what `body` emits. */
  block(body: (label: Label) => void, type: BlockType = null): void {
    body(this.openBlock(type));
    this.end();
  }

  /** Emits a loop around what `body` emits; it repeats only where `body` branches to the label. */
  loop(body: (label: Label) => void, type: BlockType = null): void {
    body(this.openLoop(type));
    this.end();
  }

  /** Pops a condition and emits both branches. */
  if(whenTrue: (label: Label) => void, whenFalse?: () => void, type: BlockType = null): void {
    whenTrue(this.openIf(type));
    if (whenFalse !== undefined) {
      this.else();
      whenFalse();
    }
    this.end();
  }

  /** Branches to a label that is open here. */
  br(label: Label): void {
    this.#indexed(STRUCTURE.br, this.#relative(label));
  }

  /** Pops a condition and branches when it is not zero. */
  brIf(label: Label): void {
    this.#indexed(STRUCTURE.brIf, this.#relative(label));
  }

  /** Pops an index and branches to that label, or to `otherwise` when the index is too large. */
  brTable(labels: readonly Label[], otherwise: Label): void {
    this.#indexed(STRUCTURE.brTable, labels.length);
    for (const label of labels) this.#code.u32(this.#relative(label));
    this.#code.u32(this.#relative(otherwise));
  }

  /** Calls a function of this module. */
  call(target: FunctionIndex): void {
    this.#indexed(STRUCTURE.call, target);
  }

  /** Calls a function in place of this frame. */
  returnCall(target: FunctionIndex): void {
    this.#indexed(STRUCTURE.returnCall, target);
  }

  /** Pops a table index and calls that entry; traps when its type differs. */
  callIndirect(type: TypeIndex, table: TableIndex): void {
    this.#indexed(STRUCTURE.callIndirect, type);
    this.#code.u32(table);
  }

  /** Pops a table index and calls that entry in place of this frame; traps when its type differs. */
  returnCallIndirect(type: TypeIndex, table: TableIndex): void {
    this.#indexed(STRUCTURE.returnCallIndirect, type);
    this.#code.u32(table);
  }

  /** Bytes of code so far: lets a compiler cut a function before it grows too large. */
  get sizeBytes(): number {
    return this.#code.size;
  }

  /**
   * Closes the body and returns its binary form: local declarations, code, end.
   * @throws {AssertionError} when a block is open or the body is larger than `FUNCTION_SIZE_BYTES_MAX`
   */
  finish(): Uint8Array {
    assert(this.#depth === 0, () => `${this.#depth} blocks left open at the end of a function`);
    const body = new ByteWriter(this.#code.size + 64);
    const runs = runLengths(this.#localTypes);
    body.u32(runs.length);
    for (const run of runs) {
      body.u32(run.count);
      body.u8(VALUE_TYPE_CODES[run.type]);
    }
    body.bytes(this.#code.toBytes());
    body.u8(STRUCTURE.end);
    assert(body.size <= FUNCTION_SIZE_BYTES_MAX, () => `function of ${body.size} bytes would never be optimized`);
    return body.toBytes();
  }

  #indexed(opcode: number, index: number): void {
    this.#code.u8(opcode);
    this.#code.u32(index);
  }

  #opcode(opcode: number): void {
    const prefix = (opcode >>> 16) & 0xff;
    if (prefix === 0) {
      this.#code.u8(opcode & 0xff);
    } else {
      this.#code.u8(prefix);
      this.#code.u32(opcode & 0xffff);
    }
  }

  #open(opcode: number, type: BlockType): Label {
    this.#code.u8(opcode);
    if (type === null) this.#code.u8(EMPTY_BLOCK_TYPE);
    else if (typeof type === "string") this.#code.u8(VALUE_TYPE_CODES[type]);
    else this.#code.s64(type);
    return ++this.#depth as Label;
  }

  #relative(label: Label): number {
    assert(label >= 0 && label <= this.#depth, "branch to a label that is not open here");
    return this.#depth - label;
  }
}

function runLengths(types: readonly ValueType[]): { type: ValueType; count: number }[] {
  const runs: { type: ValueType; count: number }[] = [];
  for (const type of types) {
    const last = runs.at(-1);
    if (last !== undefined && last.type === type) last.count++;
    else runs.push({ type, count: 1 });
  }
  return runs;
}
