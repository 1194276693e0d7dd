// A WebAssembly module as bytes, made by our own code at run time: used by the hash kernels and meant for an EVM
// compiler. The same calls always give the same bytes. Memory is only ever imported, so that `loader.ts` is the one
// place that makes one and can hold the process to its limit.
//
//   const module = new ModuleBuilder();
//   const add = module.defineFunction({ params: ["i64", "i64"], results: ["i64"] }, (f) => {
//     f.get(f.param(0)); f.get(f.param(1)); f.op(I64.add);
//   });
//   module.exportFunction("add", add);
//   const bytes = module.build();
//
// @see https://webassembly.github.io/spec/core/binary/modules.html

import { assert } from "#base/assert.ts";
import { ByteWriter } from "./byte-writer.ts";
import {
  FunctionEmitter,
  type FunctionIndex,
  type GlobalIndex,
  type InstructionReplacements,
  type TableIndex,
  type TypeIndex,
  VALUE_TYPE_CODES,
  type ValueType,
} from "./function-emitter.ts";
import { STRUCTURE } from "./opcodes.ts";

/** Parameters and results of a function. */
export type FunctionType = { params: readonly ValueType[]; results: readonly ValueType[] };
/** Where an import comes from. */
export type ImportName = { module: string; name: string };
/**
 * Limits of an imported memory, in pages of 64 KiB; the memory given must have at least the initial and at most the
 * maximum.
 */
export type MemoryLimits = { initialPages: number; maximumPages: number; shared: boolean };

const MAGIC_AND_VERSION = new Uint8Array([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
const FUNCTION_TYPE = 0x60;
const SECTION = { type: 1, import: 2, function: 3, table: 4, global: 6, export: 7, element: 9, code: 10, data: 11 };
const EXTERNAL = { function: 0, table: 1, memory: 2, global: 3 };

/** Collects the parts of one module and writes its binary form. Imports come before the module's own definitions. */
export class ModuleBuilder {
  readonly #types = new Map<string, { index: TypeIndex; type: FunctionType }>();
  readonly #imports: Uint8Array[] = [];
  readonly #functions: { type: TypeIndex; params: readonly ValueType[]; body: Uint8Array | null }[] = [];
  readonly #tables: Uint8Array[] = [];
  readonly #globals: Uint8Array[] = [];
  readonly #exports: Uint8Array[] = [];
  readonly #elements: Uint8Array[] = [];
  readonly #data: Uint8Array[] = [];
  #importedFunctionCount = 0;
  #importedTableCount = 0;
  #importedGlobalCount = 0;
  #hasMemory = false;
  #replacements: InstructionReplacements = new Map();

  /** The index of a function type; equal types share one. For blocks with several results and for indirect calls. */
  type(type: FunctionType): TypeIndex {
    const key = `${type.params.join(",")}>${type.results.join(",")}`;
    const known = this.#types.get(key);
    if (known !== undefined) return known.index;
    const index = this.#types.size as TypeIndex;
    this.#types.set(key, { index, type });
    return index;
  }

  /** Imports the module's memory; at most one, since a second costs 2.5 times as much per access. */
  importMemory(from: ImportName, limits: MemoryLimits): void {
    assert(!this.#hasMemory, "a module has one memory");
    this.#hasMemory = true;
    this.#import(from, EXTERNAL.memory, (out) => {
      out.u8(limits.shared ? 0x03 : 0x01);
      out.u32(limits.initialPages);
      out.u32(limits.maximumPages);
    });
  }

  /** Imports a function. */
  importFunction(from: ImportName, type: FunctionType): FunctionIndex {
    assert(this.#functions.length === 0, "imports come before definitions");
    const typeIndex = this.type(type);
    this.#import(from, EXTERNAL.function, (out) => out.u32(typeIndex));
    return this.#importedFunctionCount++ as FunctionIndex;
  }

  /** Imports a global. */
  importGlobal(from: ImportName, type: ValueType, mutable = false): GlobalIndex {
    assert(this.#globals.length === 0, "imports come before definitions");
    this.#import(from, EXTERNAL.global, (out) => {
      out.u8(VALUE_TYPE_CODES[type]);
      out.u8(mutable ? 1 : 0);
    });
    return this.#importedGlobalCount++ as GlobalIndex;
  }

  /** Imports a table of functions, which several instances may share. */
  importTable(from: ImportName, initialCount: number, maximumCount: number): TableIndex {
    assert(this.#tables.length === 0, "imports come before definitions");
    this.#import(from, EXTERNAL.table, (out) => writeTableType(out, initialCount, maximumCount));
    return this.#importedTableCount++ as TableIndex;
  }

  /** Defines a table of functions of fixed size. */
  defineTable(count: number): TableIndex {
    const out = new ByteWriter(8);
    writeTableType(out, count, count);
    this.#tables.push(out.toBytes());
    return (this.#importedTableCount + this.#tables.length - 1) as TableIndex;
  }

  /** Defines an integer global with its first value. */
  defineGlobal(type: "i32" | "i64", initial: number | bigint, mutable: boolean): GlobalIndex {
    const out = new ByteWriter(16);
    out.u8(VALUE_TYPE_CODES[type]);
    out.u8(mutable ? 1 : 0);
    writeConstant(out, type, initial);
    this.#globals.push(out.toBytes());
    return (this.#importedGlobalCount + this.#globals.length - 1) as GlobalIndex;
  }

  /** Declares a function whose body follows by `defineBody`: for calls before the definition, and recursion. */
  declareFunction(type: FunctionType): FunctionIndex {
    this.#functions.push({ type: this.type(type), params: type.params, body: null });
    return (this.#importedFunctionCount + this.#functions.length - 1) as FunctionIndex;
  }

  /** From now on bodies call these functions in place of instructions that an engine may lack. */
  replaceInstructions(replacements: InstructionReplacements): void {
    this.#replacements = replacements;
  }

  /**
   * Emits the body of a declared function.
   * @throws {AssertionError} when the function has a body, is an import, or grows above the size limit
   */
  defineBody(index: FunctionIndex, emit: (f: FunctionEmitter) => void): void {
    const entry = this.#functions[index - this.#importedFunctionCount];
    assert(entry !== undefined, "no declared function at this index");
    const emitter = new FunctionEmitter(entry.params, this.#replacements);
    emit(emitter);
    this.setBody(index, emitter);
  }

  /**
   * Gives a declared function a body that was emitted by itself, for instance to see its size first.
   * @throws {AssertionError} as `defineBody`
   */
  setBody(index: FunctionIndex, emitter: FunctionEmitter): void {
    const entry = this.#functions[index - this.#importedFunctionCount];
    assert(entry !== undefined && entry.body === null, "no declared function without a body at this index");
    entry.body = emitter.finish();
  }

  /** Declares a function and emits its body. */
  defineFunction(type: FunctionType, emit: (f: FunctionEmitter) => void): FunctionIndex {
    const index = this.declareFunction(type);
    this.defineBody(index, emit);
    return index;
  }

  /** Exports a function under a name. */
  exportFunction(name: string, index: FunctionIndex): void {
    this.#export(name, EXTERNAL.function, index);
  }

  /** Exports a global under a name. */
  exportGlobal(name: string, index: GlobalIndex): void {
    this.#export(name, EXTERNAL.global, index);
  }

  /** Exports a table under a name. */
  exportTable(name: string, index: TableIndex): void {
    this.#export(name, EXTERNAL.table, index);
  }

  /**
   * Puts functions into a table when the module is instantiated, from an offset or from the value of an imported i32 global on.
   */
  addElements(table: TableIndex, from: number | { base: GlobalIndex }, functions: readonly FunctionIndex[]): void {
    const out = new ByteWriter(16 + 3 * functions.length);
    out.u8(0x02);
    out.u32(table);
    if (typeof from === "number") writeConstant(out, "i32", from);
    else this.#writeBase(out, from.base);
    out.u8(0x00);
    out.u32(functions.length);
    for (const index of functions) out.u32(index);
    this.#elements.push(out.toBytes());
  }

  /**
   * Writes bytes into the memory when the module is instantiated, at an address or at the value of an imported i32
   * global.
   */
  addData(at: { address: number } | { base: GlobalIndex }, bytes: Uint8Array): void {
    assert(this.#hasMemory, "data needs a memory");
    const out = new ByteWriter(16 + bytes.length);
    out.u8(0x00);
    if ("base" in at) this.#writeBase(out, at.base);
    else writeConstant(out, "i32", at.address);
    out.sizedBytes(bytes);
    this.#data.push(out.toBytes());
  }

  /**
   * The module's binary form.
   * @throws {AssertionError} when a declared function has no body
   */
  build(): Uint8Array<ArrayBuffer> {
    const out = new ByteWriter(4096);
    out.bytes(MAGIC_AND_VERSION);
    writeSection(out, SECTION.type, [...this.#types.values()].map(encodeFunctionType));
    writeSection(out, SECTION.import, this.#imports);
    writeSection(out, SECTION.function, this.#functions.map(encodeTypeIndex));
    writeSection(out, SECTION.table, this.#tables);
    writeSection(out, SECTION.global, this.#globals);
    writeSection(out, SECTION.export, this.#exports);
    writeSection(out, SECTION.element, this.#elements);
    writeSection(out, SECTION.code, this.#functions.map(encodeBody));
    writeSection(out, SECTION.data, this.#data);
    return out.toBytes();
  }

  #writeBase(out: ByteWriter, base: GlobalIndex): void {
    assert(base < this.#importedGlobalCount, "the base of data or elements is an imported global");
    out.u8(STRUCTURE.globalGet);
    out.u32(base);
    out.u8(STRUCTURE.end);
  }

  #import(from: ImportName, kind: number, describe: (out: ByteWriter) => void): void {
    const out = new ByteWriter(64);
    out.name(from.module);
    out.name(from.name);
    out.u8(kind);
    describe(out);
    this.#imports.push(out.toBytes());
  }

  #export(name: string, kind: number, index: number): void {
    const out = new ByteWriter(32);
    out.name(name);
    out.u8(kind);
    out.u32(index);
    this.#exports.push(out.toBytes());
  }
}

function writeSection(out: ByteWriter, id: number, entries: readonly Uint8Array[]): void {
  if (entries.length === 0) return;
  const content = new ByteWriter(1024);
  content.u32(entries.length);
  for (const entry of entries) content.bytes(entry);
  out.u8(id);
  out.sizedBytes(content.toBytes());
}

function encodeFunctionType({ type }: { type: FunctionType }): Uint8Array {
  const out = new ByteWriter(16);
  out.u8(FUNCTION_TYPE);
  out.u32(type.params.length);
  for (const param of type.params) out.u8(VALUE_TYPE_CODES[param]);
  out.u32(type.results.length);
  for (const result of type.results) out.u8(VALUE_TYPE_CODES[result]);
  return out.toBytes();
}

function encodeTypeIndex(entry: { type: TypeIndex }): Uint8Array {
  const out = new ByteWriter(5);
  out.u32(entry.type);
  return out.toBytes();
}

function encodeBody(entry: { body: Uint8Array | null }): Uint8Array {
  assert(entry.body !== null, "a declared function has no body");
  const out = new ByteWriter(entry.body.length + 5);
  out.sizedBytes(entry.body);
  return out.toBytes();
}

function writeTableType(out: ByteWriter, initialCount: number, maximumCount: number): void {
  out.u8(VALUE_TYPE_CODES.funcref);
  out.u8(0x01);
  out.u32(initialCount);
  out.u32(maximumCount);
}

function writeConstant(out: ByteWriter, type: "i32" | "i64", value: number | bigint): void {
  if (type === "i32") {
    out.u8(STRUCTURE.i32Const);
    out.s32(Number(value));
  } else {
    out.u8(STRUCTURE.i64Const);
    out.s64(value);
  }
  out.u8(STRUCTURE.end);
}
