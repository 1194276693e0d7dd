// The byte codes that a thread knows, and what was compiled of them: installs modules into the thread's function table, and starts
// the region of codes over, between transactions, when it is nearly full or the rules of another fork come to be used.

import { assert } from "#base/assert.ts";
import type { Hash32 } from "#chain/primitives.ts";
import { CODE_ENTRY, CONTEXT } from "#formats/memory/evm-arena.ts";
import { instantiate } from "#wasm/loader.ts";
import type { CoreExports } from "./core-module.ts";
import { FUNCTION_TABLE_SIZE_MAX } from "./core-module.ts";
import type { Arena, ArenaRange } from "./range.ts";

/** Compiled code as the cache takes it. */
export type CompiledModule = {
  readonly module: WebAssembly.Module;
  /** Functions that the module's element segment puts into the table. */
  readonly functionCount: number;
  /** For each byte of the code its block, when functions are entered by block; see `CODE_ENTRY.blocks`. */
  readonly blocks: Uint16Array | null;
};

/** Slots of the table that one module fills. */
type Functions = { readonly first: number; readonly count: number };

/** Slots added to the table at a time. */
const TABLE_GROWTH = 1024;

/** The region starts over between transactions when this part of it is used. */
const USED_MAX = 0.75;

/** See the head of the file. */
export class CodeCache {
  /** Functions of compiled code; entry 0 is nobody's. */
  readonly table: WebAssembly.Table;
  readonly #arena: Arena;
  /** First slot and count of the functions of each code entry that has some. */
  readonly #installed = new Map<number, Functions>();
  readonly #freeSlots = new Map<number, number[]>();
  /** Functions that frames of the running transaction may still be in. */
  readonly #retired: Functions[] = [];
  #nextSlot = 1;
  #core: CoreExports | null = null;
  #clearCount = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.table = new WebAssembly.Table({
      element: "anyfunc",
      initial: TABLE_GROWTH,
      maximum: FUNCTION_TABLE_SIZE_MAX,
    });
  }

  /** Before a run: makes room, and forgets what belongs to another core module. */
  prepare(core: CoreExports): void {
    if (this.#core !== null && this.#core !== core) this.clear();
    this.#core = core;
    const start = this.#field(CONTEXT.code);
    const used = this.#field(CONTEXT.codeEnd) - start;
    const isFull = used > USED_MAX * (this.#field(CONTEXT.codeCapacityEnd) - start);
    if (isFull || 2.5 * this.#field(CONTEXT.codeCount) > this.#field(CONTEXT.codeIndexMask)) this.clear();
    if (this.#retired.length > 0) this.#freeRetired();
  }

  /** How often all codes were forgotten. */
  get clearCount(): number {
    return this.#clearCount;
  }

  /** Forgets all codes. Never during a run. */
  clear(): void {
    this.#clearCount++;
    for (const entry of [...this.#installed.keys()]) this.uninstall(entry);
    const { bytes } = this.#arena;
    const index = this.#field(CONTEXT.codeIndex);
    bytes.fill(0, index, index + 4 * (this.#field(CONTEXT.codeIndexMask) + 1));
    this.#setField(CONTEXT.codeEnd, this.#field(CONTEXT.code));
    this.#setField(CONTEXT.codeCount, 0);
  }

  /** The entry of a code; 0 when the thread does not know it. */
  entryOf(codeHash: Hash32): number {
    if (this.#core === null) return 0;
    const scratch = this.#arena.range.base + CONTEXT.scratch;
    this.#arena.bytes.set(codeHash, scratch);
    return this.#core.findCode(scratch) >>> 0;
  }

  /**
   * Gives a code its compiled form, in place of one that it has: frames that begin from now on run it.
   * @returns whether there was room
   */
  install(entry: number, compiled: CompiledModule): boolean {
    assert(this.#core !== null && compiled.functionCount > 0, "compiled code has functions, and a core to link to");
    this.uninstall(entry);
    const blocks = compiled.blocks === null ? 0 : this.#placeBlocks(compiled.blocks);
    const first = blocks === null ? null : this.#takeSlots(compiled.functionCount);
    if (blocks === null || first === null) return false;
    linkCompiled(compiled.module, { range: this.#arena.range, table: this.table, first, core: this.#core });
    this.#installed.set(entry, { first, count: compiled.functionCount });
    this.#arena.words32[(entry + CODE_ENTRY.blocks) >>> 2] = blocks;
    this.#arena.words32[(entry + CODE_ENTRY.entry) >>> 2] = first;
    return true;
  }

  /** Takes the compiled form of a code away: frames that begin from now on are interpreted. */
  uninstall(entry: number): void {
    const functions = this.#installed.get(entry);
    if (functions === undefined) return;
    this.#installed.delete(entry);
    this.#arena.words32[(entry + CODE_ENTRY.entry) >>> 2] = 0;
    this.#arena.words32[(entry + CODE_ENTRY.blocks) >>> 2] = 0;
    this.#retired.push(functions);
  }

  #freeRetired(): void {
    for (const { first, count } of this.#retired) {
      for (let i = 0; i < count; i++) this.table.set(first + i, null);
      const free = this.#freeSlots.get(count);
      if (free === undefined) this.#freeSlots.set(count, [first]);
      else free.push(first);
    }
    this.#retired.length = 0;
  }

  /** Puts the table of blocks behind the codes; null when the region is full. */
  #placeBlocks(blocks: Uint16Array): number | null {
    const at = this.#field(CONTEXT.codeEnd);
    const end = at + Math.ceil(blocks.byteLength / 8) * 8;
    if (end > this.#field(CONTEXT.codeCapacityEnd)) return null;
    this.#arena.bytes.set(new Uint8Array(blocks.buffer, blocks.byteOffset, blocks.byteLength), at);
    this.#setField(CONTEXT.codeEnd, end);
    return at;
  }

  #takeSlots(count: number): number | null {
    const free = this.#freeSlots.get(count)?.pop();
    if (free !== undefined) return free;
    const first = this.#nextSlot;
    const missing = first + count - this.table.length;
    if (missing > 0) {
      const growth = Math.ceil(missing / TABLE_GROWTH) * TABLE_GROWTH;
      if (this.table.length + growth > FUNCTION_TABLE_SIZE_MAX) return null;
      this.table.grow(growth);
    }
    this.#nextSlot += count;
    return first;
  }

  #field(offset: number): number {
    return this.#arena.words32[(this.#arena.range.base + offset) >>> 2]!;
  }

  #setField(offset: number, value: number): void {
    this.#arena.words32[(this.#arena.range.base + offset) >>> 2] = value;
  }
}

/** Where a compiled module goes: its functions get places from `first` on in the table. */
export type CompiledPlace = {
  readonly range: ArenaRange;
  readonly table: WebAssembly.Table;
  readonly first: number;
  readonly core: CoreExports;
};

/** Instantiates a compiled module, which puts its functions into the table. */
export function linkCompiled(module: WebAssembly.Module, { range, table, first, core }: CompiledPlace): void {
  const { memory, base } = range;
  instantiate(module, { env: { memory, base: constant(base), table, entryBase: constant(first) }, core });
}

/** An immutable i32 for an import. */
export function constant(value: number): WebAssembly.Global {
  return new WebAssembly.Global({ value: "i32", mutable: false }, value);
}
