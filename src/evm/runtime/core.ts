// What the emitters of the runtime share: the module that is being made, the rules of its fork, the functions by name. All
// functions are declared before the first body is emitted, so that each may call every other.

import { CONTEXT } from "#formats/memory/evm-arena.ts";
import type { FunctionType, ModuleBuilder } from "#wasm/assembler.ts";
import { Code, i32, i64, type Operand32, type Operand64, type Value, type Var } from "#wasm/code.ts";
import type { FunctionIndex, GlobalIndex, TableIndex } from "#wasm/function-emitter.ts";
import type { Rules } from "../gas/rules.ts";
import { type LinkName, type Links, linkType, RUNTIME_FUNCTIONS } from "./links.ts";

const ADDRESS = "i32" as const;

/** What the JavaScript side does for a core module; each is an import under "host". Records are addresses. */
export const HOST_FUNCTIONS = {
  /** (account) Fills the record from the Host. */
  loadAccount: { params: [ADDRESS], results: [] },
  /** (slot) Fills value and original value. */
  loadSlot: { params: [ADDRESS], results: [] },
  /** (account) Asks for the size of the account's code, which is not empty. */
  loadCodeSize: { params: [ADDRESS], results: [] },
  /** (account) Asks for the account's code, and makes a code entry for its hash when there is none and room is left. */
  loadCode: { params: [ADDRESS], results: [] },
  /** (account, address) Writes the bytes of a code that has no entry. */
  placeCode: { params: [ADDRESS, ADDRESS], results: [] },
  /** (account, code, size) New code was deployed for which there is no entry. */
  keepCode: { params: [ADDRESS, ADDRESS, "i32"], results: [] },
  /** (account) → whether the Host has slots of it. */
  hasStorage: { params: [ADDRESS], results: ["i32"] },
  /** (code entry) New code was deployed. */
  codeDeployed: { params: [ADDRESS], results: [] },
  /** (number, output) Writes the hash of the block whose number is the i64 at the first address. */
  hostBlockHash: { params: [ADDRESS, ADDRESS], results: [] },
  /** (precompile, input, size) → status. Gas through `CONTEXT.precompileGas`, output into the return data. */
  precompile: { params: ["i32", ADDRESS, "i32"], results: ["i32"] },
  /** () → whether the run shall end. */
  hostPoll: { params: [], results: ["i32"] },
  /** (code entry) The interpreter has burnt the entry's threshold of gas in it. */
  hot: { params: [ADDRESS], results: [] },
  /** (frame) → whether the frame, which has jumped to a marked place, now names compiled code. */
  enter: { params: [ADDRESS], results: ["i32"] },
} as const satisfies Record<string, FunctionType>;

/** Functions of the core module that only the runtime calls. */
export const INTERNAL_FUNCTIONS = {
  /** (limbs of an address, the highest is masked) → account record, made when absent. */
  accountOf: { params: ["i64", "i64", "i64"], results: [ADDRESS] },
  /** (account) Asks the Host once. */
  ensureLoaded: { params: [ADDRESS], results: [] },
  /** (account) Makes code entry, code size and delegation of a loaded account known. */
  ensureCode: { params: [ADDRESS], results: [] },
  /** (account) → whether it is empty in the sense of EIP-161. */
  isEmpty: { params: [ADDRESS], results: ["i32"] },
  /** (account, slot flags, key, create) → slot record; 0 when absent and not to be created. */
  slotOf: { params: [ADDRESS, "i32", "i64", "i64", "i64", "i64", "i32"], results: [ADDRESS] },
  /** (account) → what access costs beyond a warm one; warms it. */
  coldAccountGas: { params: [ADDRESS], results: ["i64"] },
  /** (limbs of an address) → the precompile's number, 0 for none. */
  precompileAt: { params: ["i64", "i64", "i64"], results: ["i32"] },
  /** (address of flags, bits) Raises bits and remembers which were new. */
  raise: { params: [ADDRESS, "i32"], results: [] },
  /** (address) Remembers the word or the i64 there. */
  keepWord: { params: [ADDRESS], results: [] },
  keepSmall: { params: [ADDRESS], results: [] },
  /** (journal mark) Undoes everything behind it. */
  undo: { params: ["i32"], results: [] },
  /** (account) Marks it as touched. @see EIP-161 */
  touch: { params: [ADDRESS], results: [] },
  /** (from, to, address of the amount) Moves an amount that the balance covers, and touches the receiver. */
  transfer: { params: [ADDRESS, ADDRESS, ADDRESS], results: [] },
  /** (a, b) → whether the word at a is below the word at b. */
  isBelow: { params: [ADDRESS, ADDRESS], results: ["i32"] },
  /** (destination, source, source size, source offset, size) Copies what the source has, zeroes behind it. */
  copyPadded: { params: [ADDRESS, ADDRESS, "i32", "i64", "i32"], results: [] },
  /** (address, size, output) Keccak-256 in natural byte order. */
  hash: { params: [ADDRESS, "i32", ADDRESS], results: [] },
  /** (code, size, map) Marks the valid jump destinations. */
  analyze: { params: [ADDRESS, "i32", ADDRESS], results: [] },
  /** (hash) → code entry, 0 when unknown. */
  findCode: { params: [ADDRESS], results: [ADDRESS] },
  /** (hash, size) → new code entry; its bytes are the caller's to write, at once; 0 when the region is full. */
  addCode: { params: [ADDRESS, "i32"], results: [ADDRESS] },
  /** (account, code, size) Gives a new contract its code. */
  deployCode: { params: [ADDRESS, ADDRESS, "i32"], results: [] },
  /** (precompile, input, size, gas) → gas left, or minus a status. Output goes to the return data. */
  runPrecompile: { params: ["i32", ADDRESS, "i32", "i64"], results: ["i64"] },
  /** (frame) Notes in its record where journal, logs and refund stand. */
  mark: { params: [ADDRESS], results: [] },
  /** (frame) Undoes what it did. */
  rollBack: { params: [ADDRESS], results: [] },
  /** (frame, account, memory) Enters a frame that runs an account's code. */
  enterCode: { params: [ADDRESS, ADDRESS, ADDRESS], results: [] },
  /** (frame, creator, memory, code, size) Makes the account of a frame and enters it with creation code, copied to memory. */
  enterCreation: { params: [ADDRESS, ADDRESS, ADDRESS, ADDRESS, "i32"], results: [] },
  /** (frame) → whether the account at `FRAME.address` is taken; sets `FRAME.account`. */
  claimAddress: { params: [ADDRESS], results: ["i32"] },
  /** (frame, nonce) Sets `FRAME.address` by the caller's address and nonce. */
  createAddress: { params: [ADDRESS, "i64"], results: [] },
  /** (frame, salt, code, size) Sets `FRAME.address` by the caller's address, salt and code. */
  create2Address: { params: [ADDRESS, ADDRESS, ADDRESS, "i32"], results: [] },
  /** (frame) → status: pays for and stores the code that creation code returned. */
  deposit: { params: [ADDRESS], results: ["i32"] },
  /** (frame, status) → status: ends a frame and hands its result to the one below. */
  finish: { params: [ADDRESS, "i32"], results: ["i32"] },
  /** (address, size) → whether it fitted. Copies bytes to the return data. */
  setReturnData: { params: [ADDRESS, "i32"], results: ["i32"] },
  /** (frame) Copies the return data to where the frame below wants it. */
  deliverReturnData: { params: [ADDRESS], results: [] },
  /** (frame, value) Pushes a small word. */
  pushSmall: { params: [ADDRESS, "i32"], results: [] },
  /** (whether it creates) → status: enters the first frame, whose record says what is wanted. */
  start: { params: ["i32"], results: ["i32"] },
  /** () → status: runs frames until the first one ends. */
  run: { params: [], results: ["i32"] },
  /** (whether it creates) → status of the whole. */
  execute: { params: ["i32"], results: ["i32"] },
  /** (word) Warms an address; (word, word) warms a slot. */
  warmAddress: { params: [ADDRESS], results: [] },
  warmSlot: { params: [ADDRESS, ADDRESS], results: [] },
} as const satisfies Record<string, FunctionType>;

/** Any function that the emitters of the runtime may call. */
export type CoreFunction = keyof typeof INTERNAL_FUNCTIONS | keyof typeof HOST_FUNCTIONS | LinkName;

/** Everything that the runtime's emitters need; see the head of the file. */
export class Core {
  readonly module: ModuleBuilder;
  readonly rules: Rules;
  /** Address of the context record. */
  readonly base: GlobalIndex;
  /** Functions of compiled code. */
  readonly table: TableIndex;
  readonly functions: Readonly<Record<CoreFunction, FunctionIndex>>;

  /** @param words indices of the word functions, which are defined already */
  constructor(parts: {
    module: ModuleBuilder;
    rules: Rules;
    base: GlobalIndex;
    table: TableIndex;
    host: Readonly<Record<keyof typeof HOST_FUNCTIONS, FunctionIndex>>;
    words: Readonly<Record<string, FunctionIndex>>;
  }) {
    const { module, rules, base, table, host, words } = parts;
    this.module = module;
    this.rules = rules;
    this.base = base;
    this.table = table;
    const functions: Record<string, FunctionIndex> = { ...host, ...words };
    for (const name of Object.keys(RUNTIME_FUNCTIONS)) {
      functions[name] = module.declareFunction(linkType(name as LinkName));
    }
    for (const [name, type] of Object.entries(INTERNAL_FUNCTIONS)) functions[name] = module.declareFunction(type);
    this.functions = functions as Record<CoreFunction, FunctionIndex>;
  }

  /** The functions that generated code may call. */
  get links(): Links {
    return this.functions;
  }

  /** Emits the body of a declared function. */
  define(name: CoreFunction, emit: (code: Code) => void): void {
    this.module.defineBody(this.functions[name], (f) => emit(new Code(f)));
  }

  /** Address of the context record. */
  context(): Value<"i32"> {
    return i32.global(this.base);
  }

  /** A 32-bit field of the context. */
  field(offset: number): Value<"i32"> {
    return i32.load(this.context(), offset);
  }

  /** A 64-bit field of the context. */
  field64(offset: number): Value<"i64"> {
    return i64.load(this.context(), offset);
  }

  /** Sets a 32-bit field of the context. */
  setField(code: Code, offset: number, value: Operand32): void {
    code.store32(this.context(), offset, value);
  }

  /** Sets a 64-bit field of the context. */
  setField64(code: Code, offset: number, value: Operand64): void {
    code.store64(this.context(), offset, value);
  }

  /** Notes that the run cannot go on; the first reason stays. */
  fail(code: Code, status: number): void {
    code.if(i32.eqz(this.field(CONTEXT.failure)), () => this.setField(code, CONTEXT.failure, status));
  }

  /** Calls a function without results. */
  call(code: Code, name: CoreFunction, ...operands: readonly (Var | Value | number | bigint)[]): void {
    code.call(this.functions[name], ...operands);
  }

  /** A call with a 32-bit result. */
  call32(code: Code, name: CoreFunction, ...operands: readonly (Var | Value | number | bigint)[]): Value<"i32"> {
    return code.call32(this.functions[name], ...operands);
  }

  /** A call with a 64-bit result. */
  call64(code: Code, name: CoreFunction, ...operands: readonly (Var | Value | number | bigint)[]): Value<"i64"> {
    return code.call64(this.functions[name], ...operands);
  }
}
