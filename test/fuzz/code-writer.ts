// Writes one program and knows at every place how many operands lie on the stack, so that most of what the generator makes
// runs to its end instead of underflowing at once.

import type { SeededRandom } from "#base/random.ts";
import { type Hardfork, isAtLeast } from "#chain/hardforks.ts";
import { type Operand, operandOf } from "./operands.ts";
import type { Item, Program } from "./program.ts";

/** Bytes of the opcodes that the generator names. */
export const OP = {
  ADD: 0x01,
  SUB: 0x03,
  EXP: 0x0a,
  SIGNEXTEND: 0x0b,
  EQ: 0x14,
  ISZERO: 0x15,
  AND: 0x16,
  XOR: 0x18,
  BYTE: 0x1a,
  SHL: 0x1b,
  SAR: 0x1d,
  KECCAK256: 0x20,
  CALLDATALOAD: 0x35,
  CALLDATASIZE: 0x36,
  CALLDATACOPY: 0x37,
  CODESIZE: 0x38,
  CODECOPY: 0x39,
  EXTCODECOPY: 0x3c,
  RETURNDATASIZE: 0x3d,
  RETURNDATACOPY: 0x3e,
  BLOCKHASH: 0x40,
  NUMBER: 0x43,
  BLOBHASH: 0x49,
  POP: 0x50,
  MLOAD: 0x51,
  MSTORE: 0x52,
  MSTORE8: 0x53,
  SLOAD: 0x54,
  SSTORE: 0x55,
  JUMP: 0x56,
  JUMPI: 0x57,
  MSIZE: 0x59,
  GAS: 0x5a,
  JUMPDEST: 0x5b,
  TLOAD: 0x5c,
  TSTORE: 0x5d,
  MCOPY: 0x5e,
  PUSH0: 0x5f,
  DUP1: 0x80,
  SWAP1: 0x90,
  LOG0: 0xa0,
  CREATE: 0xf0,
  CALL: 0xf1,
  CALLCODE: 0xf2,
  RETURN: 0xf3,
  DELEGATECALL: 0xf4,
  CREATE2: 0xf5,
  STATICCALL: 0xfa,
  REVERT: 0xfd,
  SELFDESTRUCT: 0xff,
} as const;

/** The opcodes of a fork, by what they do with the stack. */
export type ForkOpcodes = {
  readonly fork: Hardfork;
  /** Two operands in, one out, no other effect. */
  readonly binary: readonly number[];
  /** One in, one out: pure, or a look at an account. */
  readonly unary: readonly number[];
  readonly ofAddress: readonly number[];
  /** Three in, one out. */
  readonly ternary: readonly number[];
  /** None in, one out. */
  readonly environment: readonly number[];
  readonly calls: readonly number[];
  readonly creations: readonly number[];
  readonly has: (opcode: number) => boolean;
};

/** First fork of each opcode that Frontier lacks. */
const SINCE: ReadonlyMap<number, Hardfork> = new Map<number, Hardfork>([
  [0xf4, "homestead"],
  [0x3d, "byzantium"],
  [0x3e, "byzantium"],
  [0xfa, "byzantium"],
  [0xfd, "byzantium"],
  [0x1b, "constantinople"],
  [0x1c, "constantinople"],
  [0x1d, "constantinople"],
  [0x3f, "constantinople"],
  [0xf5, "constantinople"],
  [0x46, "istanbul"],
  [0x47, "istanbul"],
  [0x48, "london"],
  [0x5f, "shanghai"],
  [0x49, "cancun"],
  [0x4a, "cancun"],
  [0x5c, "cancun"],
  [0x5d, "cancun"],
  [0x5e, "cancun"],
  [0x1e, "osaka"],
]);

const known = new Map<Hardfork, ForkOpcodes>();

/** The opcodes of a fork. */
export function opcodesOf(fork: Hardfork): ForkOpcodes {
  let opcodes = known.get(fork);
  if (opcodes === undefined) known.set(fork, (opcodes = listOpcodes(fork)));
  return opcodes;
}

function listOpcodes(fork: Hardfork): ForkOpcodes {
  const has = (opcode: number) => {
    const since = SINCE.get(opcode);
    return since === undefined || isAtLeast(fork, since);
  };
  return {
    fork,
    has,
    binary: [
      ...[1, 2, 3, 4, 5, 6, 7, 0x0a, 0x0b, 1, 3, 2],
      ...[0x10, 0x11, 0x12, 0x13, 0x14, 0x16, 0x17, 0x18, 0x1a, 0x1b, 0x1c, 0x1d],
    ].filter(has),
    unary: [0x15, 0x19, 0x15, 0x19, 0x35, 0x1e, 0x1e].filter(has),
    ofAddress: [0x31, 0x3b, 0x3f].filter(has),
    ternary: [0x08, 0x09],
    environment: [
      ...[0x30, 0x32, 0x33, 0x34, 0x36, 0x38, 0x3a, 0x3d, 0x3d],
      ...[0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x4a, 0x58, 0x59, 0x5a, 0x5a],
    ].filter(has),
    calls: [0xf1, 0xf1, 0xf1, 0xf2, 0xf4, 0xf4, 0xfa, 0xfa].filter(has),
    creations: [0xf0, 0xf5].filter(has),
  };
}

/** A program in the making. */
export class CodeWriter {
  readonly random: SeededRandom;
  readonly opcodes: ForkOpcodes;
  /** Whether other contracts call this one: it then gives away less gas, or two such call each other until all is gone. */
  readonly isCallee: boolean;
  /** Operands that the next instructions may take away. */
  height = 0;
  readonly #items: Item[] = [];
  #nextId = 1;

  constructor(random: SeededRandom, opcodes: ForkOpcodes, role: "called by transactions" | "callee") {
    this.random = random;
    this.opcodes = opcodes;
    this.isCallee = role === "callee";
  }

  /** What was written. */
  get program(): Program {
    return this.#items;
  }

  /** A name for a position. */
  newId(): number {
    return this.#nextId++;
  }

  /** An instruction that takes `taken` operands and leaves `left`. */
  op(opcode: number, taken: number, left: number): void {
    this.#items.push(opcode);
    this.height += left - taken;
  }

  /** Any item, with no say about the stack. */
  raw(item: Item): void {
    this.#items.push(item);
  }

  /** A PUSH. */
  push(operand: Operand): void {
    const isZero = operand.length === 1 && operand[0] === 0;
    this.#items.push(isZero && this.opcodes.has(OP.PUSH0) ? OP.PUSH0 : operand);
    this.height++;
  }

  /** A PUSH of a small number. */
  pushNumber(value: number): void {
    this.push(operandOf(value));
  }

  /** A PUSH of a position, or of one a little after it. */
  pushPosition(id: number, plus = 0): void {
    this.#items.push({ kind: "reference", id, plus });
    this.height++;
  }

  /** A PUSH of the length of a nested program. */
  pushLength(id: number): void {
    this.#items.push({ kind: "length", id });
    this.height++;
  }

  /** A JUMPDEST; `height` operands are there however one came to it. */
  label(id: number, height = this.height): void {
    this.#items.push({ kind: "label", id });
    this.height = height;
  }

  /** DUPn, n from 1. */
  dup(n: number): void {
    this.op(OP.DUP1 + n - 1, 0, 1);
  }

  /** SWAPn, n from 1. */
  swap(n: number): void {
    this.op(OP.SWAP1 + n - 1, 0, 0);
  }

  /** Takes or adds operands until there are `height`. */
  settle(height: number): void {
    while (this.height > height) {
      // Joining two operands loses less of what they say than dropping one.
      if (this.height > 1 && this.random.chance(0.7)) this.op(this.random.chance(0.5) ? OP.XOR : OP.ADD, 2, 1);
      else this.op(OP.POP, 1, 0);
    }
    while (this.height < height) this.pushNumber(this.height);
  }
}
