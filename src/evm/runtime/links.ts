// The functions that generated code calls: their names and WebAssembly types. The core module of a fork defines and exports all
// of them; the interpreter lives in the same module, and compiled modules import them (2 ns a call).
//
// Conventions. `frame` is the address of the running frame's record, always the first parameter. `gas` goes in and comes back as
// the gas left, or as minus a halt code of `status.ts`. A word is four i64, least significant limb first. Offsets and sizes in EVM
// memory are i64, where a word that does not fit below 2^63 was replaced by 2^63 - 1 (`saturate`): no price of it can be paid.
// Functions that may grow EVM memory update `FRAME.memorySize`; the caller reads it again. None of them moves a memory.

import type { FunctionType } from "#wasm/assembler.ts";
import type { FunctionIndex, ValueType } from "#wasm/function-emitter.ts";

const WORD = ["i64", "i64", "i64", "i64"] as const satisfies readonly ValueType[];
const FRAME = "i32" as const;
const GAS = "i64" as const;

const unary: FunctionType = { params: WORD, results: WORD };
const binary: FunctionType = { params: [...WORD, ...WORD], results: WORD };
const ternary: FunctionType = { params: [...WORD, ...WORD, ...WORD], results: WORD };

/** Arithmetic on words; the first operand is the top of the stack. Pure. */
export const WORD_FUNCTIONS = {
  mul: binary,
  div: binary,
  sdiv: binary,
  mod: binary,
  smod: binary,
  addmod: ternary,
  mulmod: ternary,
  /** Base, exponent. */
  exp: binary,
  /** Byte number, value. */
  signextend: binary,
  /** Index of the byte from the most significant one, value. */
  byte: binary,
  /** Shift, value. */
  shl: binary,
  shr: binary,
  sar: binary,
  clz: unary,
} as const satisfies Record<string, FunctionType>;

/** What a frame does to its memory, to the world and to other frames. */
export const RUNTIME_FUNCTIONS = {
  /** (frame, gas, offset, size) → gas. Makes the range part of memory and charges for it; size 0 does nothing. */
  expand: { params: [FRAME, GAS, "i64", "i64"], results: [GAS] },
  /** (frame, gas, offset, size) → gas, word. Charges for words and memory. */
  keccak: { params: [FRAME, GAS, "i64", "i64"], results: [GAS, ...WORD] },
  /** (frame, offset word) → word of the call data, zeroes behind its end. */
  callDataLoad: { params: [FRAME, ...WORD], results: WORD },
  /** (frame, gas, destination, source offset, size) → gas. Charges words and memory. */
  callDataCopy: { params: [FRAME, GAS, "i64", "i64", "i64"], results: [GAS] },
  codeCopy: { params: [FRAME, GAS, "i64", "i64", "i64"], results: [GAS] },
  /** Halts when the range is not within the return data. */
  returnDataCopy: { params: [FRAME, GAS, "i64", "i64", "i64"], results: [GAS] },
  memoryCopy: { params: [FRAME, GAS, "i64", "i64", "i64"], results: [GAS] },
  /** (frame, gas, address word, destination, source offset, size) → gas. */
  extCodeCopy: { params: [FRAME, GAS, ...WORD, "i64", "i64", "i64"], results: [GAS] },
  /** (frame, gas, address word) → gas, word. Charge what the account costs beyond the row's static price (cold access). */
  balance: { params: [FRAME, GAS, ...WORD], results: [GAS, ...WORD] },
  extCodeSize: { params: [FRAME, GAS, ...WORD], results: [GAS, ...WORD] },
  extCodeHash: { params: [FRAME, GAS, ...WORD], results: [GAS, ...WORD] },
  /** (frame) → word. */
  selfBalance: { params: [FRAME], results: WORD },
  /** (frame, number word) → word. */
  blockHash: { params: [FRAME, ...WORD], results: WORD },
  /** (frame, index word) → word. */
  blobHash: { params: [FRAME, ...WORD], results: WORD },
  /** (frame, gas, key) → gas, value. */
  sload: { params: [FRAME, GAS, ...WORD], results: [GAS, ...WORD] },
  /** (frame, gas, key, value) → gas. Charges everything: the row's static price is 0. Halts in static frames. */
  sstore: { params: [FRAME, GAS, ...WORD, ...WORD], results: [GAS] },
  tload: { params: [FRAME, ...WORD], results: WORD },
  /** (frame, gas, key, value) → gas. Halts in static frames. */
  tstore: { params: [FRAME, GAS, ...WORD, ...WORD], results: [GAS] },
  /** (frame, gas, offset, size, topic count) → gas. Topics are words at `CONTEXT.logTopics`. Halts in static frames. */
  log: { params: [FRAME, GAS, "i64", "i64", "i32"], results: [GAS] },
  /** (frame, gas, beneficiary word) → gas. Halts in static frames. */
  selfDestruct: { params: [FRAME, GAS, ...WORD], results: [GAS] },
  /** (frame, gas, offset, size) → gas. Sets the frame's output to a range of its memory. */
  output: { params: [FRAME, GAS, "i64", "i64"], results: [GAS] },
  /**
   * (frame, opcode) → status. CALL, CALLCODE, DELEGATECALL, STATICCALL: operands are on the stack in memory, and
   * `FRAME.pc` (already behind the opcode), `stackTop` and `gas` are written back before and read again after. The opcode's
   * static price is paid. CONTINUE: done, the result is on the stack. SWITCHED: a child runs; its end pushes the result.
   */
  call: { params: [FRAME, "i32"], results: ["i32"] },
  /** (frame, opcode) → status. CREATE and CREATE2, likewise. */
  create: { params: [FRAME, "i32"], results: ["i32"] },
  /** (frame, gas) → the new floor, or -1 when the run shall end. */
  poll: { params: [FRAME, GAS], results: ["i64"] },
} as const satisfies Record<string, FunctionType>;

/** Names of the functions that compiled modules import. */
export type LinkName = keyof typeof WORD_FUNCTIONS | keyof typeof RUNTIME_FUNCTIONS;

/** Indices of the functions in the module that is being made. */
export type Links = { readonly [Name in LinkName]: FunctionIndex };

/** The type of a linked function. */
export function linkType(name: LinkName): FunctionType {
  return name in WORD_FUNCTIONS
    ? WORD_FUNCTIONS[name as keyof typeof WORD_FUNCTIONS]
    : RUNTIME_FUNCTIONS[name as keyof typeof RUNTIME_FUNCTIONS];
}

/** All names in a fixed order. */
export const LINK_NAMES: readonly LinkName[] = [
  ...(Object.keys(WORD_FUNCTIONS) as LinkName[]),
  ...(Object.keys(RUNTIME_FUNCTIONS) as LinkName[]),
];
